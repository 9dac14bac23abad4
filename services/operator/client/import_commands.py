"""The commands on imports, the quota, the template and signing in."""

import asyncio
import json
import sys
from getpass import getpass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from services.operator.client.api_client import failed, opened, run
from services.operator.client.credentials import Credentials, credentials, forget, keep, save
from services.operator.client.domain import Exit, WrongUse
from services.operator.client.spoken import number, say
from services.operator.client.standard_input import ask
from services.operator.client.uploading import AsJson, Url, show_totals
from services.operator.client.uploading import watch as watch_to_end

ImportId = Annotated[int, typer.Argument(min=1, help="As `imports list` shows it.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
PAGE = 100
POLL_SECONDS = 0.5
KEPT_SHOWN = 20
"""Leads that an undo could not take back, with why, of each time."""


def list_imports(
    *, limit: Annotated[int, typer.Option(min=1, max=PAGE)] = 20, as_json: AsJson = False, url: Url = None
) -> None:
    """Your company's imports, newest first."""

    async def work() -> list[dict[str, Any]]:
        async with opened(credentials(url)) as api:
            found: list[dict[str, Any]] = (await api.get("/imports", limit=limit))["items"]
            return found

    found = run(work(), as_json=as_json)
    if as_json:
        _json_lines(found)
        return
    counts = ("total_rows", "total_created", "total_existing", "total_errors")
    table = Table("id", "name", "status", *("rows", "created", "existing", "errors"), box=None, pad_edge=False)
    for each in found:
        table.add_row(str(each["id"]), each["name"], each["status"], *(number(each[count]) for count in counts))
    # A pipe gets every word.
    Console(width=None if sys.stdout.isatty() else 250, markup=False).print(table)


def show(import_id: ImportId, *, as_json: AsJson = False, url: Url = None) -> None:
    """One import: its totals, and why rows became no leads."""

    async def work() -> dict[str, Any]:
        async with opened(credentials(url)) as api:
            found: dict[str, Any] = await api.get(f"/imports/{import_id}")
            return found

    found = run(work(), as_json=as_json)
    if as_json:
        _json_lines([found])
        return
    typer.echo(f"{found['id']} {found['name']} {found['status']}")
    show_totals(found)


def watch(import_id: ImportId, *, as_json: AsJson = False, url: Url = None) -> None:
    """Watch an import to its end; its exit code is that of `leadflow import`. Ctrl-C leaves it running."""
    raise typer.Exit(watch_to_end(import_id, as_json=as_json, url=url))


def rows(
    import_id: ImportId,
    *,
    outcome: Annotated[str | None, typer.Option(help="existing, error or created; else all but created.")] = None,
    reason: Annotated[str | None, typer.Option(help="Rows of this reason's code alone.")] = None,
    output: Annotated[Path | None, typer.Option("-o", help="Save as .xlsx or .csv, to correct and import.")] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """What became of rows: as CSV on stdout, as JSON lines, or in a file."""
    query = {name: value for name, value in (("outcome", outcome), ("reason", reason)) if value}

    async def work() -> None:
        suffix = output.suffix.lower().removeprefix(".") if output else "csv"
        if suffix not in {"csv", "xlsx"}:
            raise WrongUse(say("report_wrong"))
        async with opened(credentials(url)) as api:
            if not as_json:
                content = await api.file(f"/imports/{import_id}/rows", format=suffix, **query)
                _put(content, output)
                return
            cursor: str | None = ""
            while cursor is not None:
                at = {"cursor": cursor} if cursor else {}
                page = await api.get(f"/imports/{import_id}/rows", limit=PAGE, **query, **at)
                _json_lines(page["items"])
                cursor = page["next"]

    run(work(), as_json=as_json)


def cancel(import_id: ImportId, *, yes: Yes = False, as_json: AsJson = False, url: Url = None) -> None:
    """End an import in progress: rows that are no leads yet are canceled. Leads that were made stay."""
    begun: list[str] = []

    async def work() -> dict[str, Any]:
        async with opened(credentials(url)) as api:
            found = await api.get(f"/imports/{import_id}")
            left = found["total_rows"] - found["progress"]["processed_rows"]
            ask("cancel_question", yes=yes, id=import_id, name=found["name"], count=number(left))
            found = await api.send("POST", f"/imports/{import_id}/cancel")
            typer.echo(say("canceling"), err=True)
            begun.append(say("canceling_goes_on", id=import_id))
            # Said only once the ledger says it.
            while found["status"] == "PROCESSING":
                await asyncio.sleep(POLL_SECONDS)
                found = await api.get(f"/imports/{import_id}")
            ended: dict[str, Any] = found
            return ended

    found = run(work(), as_json=as_json, begun=begun, untouched="left_alone")
    if as_json:
        _json_lines([found])
    else:
        show_totals(found)


def undo(import_id: ImportId, *, yes: Yes = False, as_json: AsJson = False, url: Url = None) -> None:
    """Take an ended import back: its leads that nobody has touched since. Exit code 3: some could not be."""
    begun: list[str] = []

    async def work() -> dict[str, Any]:
        async with opened(credentials(url)) as api:
            found = await api.get(f"/imports/{import_id}")
            ask("undo_question", yes=yes, id=import_id, name=found["name"], count=number(found["total_created"]))
            undone: dict[str, Any] = await api.send("POST", f"/imports/{import_id}/undo")
            begun.append(say("undoing_goes_on", id=import_id))
            while undone["state"] == "RUNNING":
                await asyncio.sleep(POLL_SECONDS)
                undone = await api.get(f"/imports/{import_id}/undo")
            kept = await api.get(f"/imports/{import_id}/undo/kept", limit=KEPT_SHOWN) if undone["kept"] else {}
            return undone | {"kept_leads": kept.get("items", [])}

    undone = run(work(), as_json=as_json, begun=begun, untouched="left_alone")
    if as_json:
        _json_lines([undone])
    else:
        for each in ("reversed", "kept", "failed"):
            typer.echo(f"{say(each):<20}{number(undone[each]):>10}")
        for lead in undone["kept_leads"]:
            typer.echo(f"  {say('kept_row', **lead | {'row': lead['row'] or '?'})}", err=True)
        if undone["kept"] > KEPT_SHOWN:
            typer.echo(say("more_errors", count=number(undone["kept"] - KEPT_SHOWN)), err=True)
    raise typer.Exit(Exit.ROW_ERRORS if undone["failed"] else Exit.DONE)


def delete(import_id: ImportId, *, yes: Yes = False, url: Url = None) -> None:
    """Take an ended import out of the history; its leads stay."""

    async def work() -> None:
        async with opened(credentials(url)) as api:
            found = await api.get(f"/imports/{import_id}")
            ask("delete_question", yes=yes, id=import_id, name=found["name"], count=number(found["total_created"]))
            await api.send("DELETE", f"/imports/{import_id}")

    run(work(), untouched="left_alone")
    typer.echo(say("deleted", id=import_id), err=True)


def template(
    *, output: Annotated[Path, typer.Option("-o", help="leads.xlsx or leads.csv")] = Path("leads.xlsx"), url: Url = None
) -> None:
    """Save a spreadsheet with the right columns and two examples, to write over."""

    async def work() -> bytes:
        suffix = output.suffix.lower()
        if suffix not in {".csv", ".xlsx"}:
            raise WrongUse(say("report_wrong"))
        async with opened(credentials(url)) as api:
            return await api.file(f"/import/template{suffix}")

    _put(run(work()), output)


def quota(
    *,
    account: Annotated[int | None, typer.Option(min=1, help="Of this account's id alone.")] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """What each account may still import this hour."""

    async def work() -> list[dict[str, Any]]:
        async with opened(credentials(url)) as api:
            names = {each["id"]: each["name"] for each in (await api.get("/me"))["accounts"]}
            ids = [account] if account else sorted(names)
            quotas = [await api.get("/imports/quota", account_id=each) for each in ids]
            return [{**each, "name": names.get(each["account_id"], "")} for each in quotas]

    found = run(work(), as_json=as_json)
    if as_json:
        _json_lines(found)
        return
    for each in found:
        left = {kind: number(each[kind]["left"]) for kind in ("rows", "imports")}
        typer.echo(say("quota", account=each["account_id"], name=each["name"], **left))


def login(*, url: Url = None) -> None:
    """Keep a token for the next commands. It is asked for, or read from a pipe; never a flag."""
    try:
        asked = sys.stdin.isatty()
        # Not typer's prompt: it says its word first, and until it has then hidden what is typed, a paste is shown.
        token = getpass(f"{say('token')}: ") if asked else sys.stdin.readline()
    except KeyboardInterrupt:
        raise typer.Exit(Exit.INTERRUPTED) from None
    except EOFError:
        raise failed(say("no_token"), Exit.SIGN_IN) from None
    if not token.strip():
        raise failed(say("no_token"), Exit.SIGN_IN)
    chosen = Credentials(credentials(url).url, token.strip())
    me = run(_me(chosen))
    path = keep(chosen)
    typer.echo(say("signed_in", user=me["user_id"], company=me["company_id"], url=chosen.url, path=path), err=True)


def status(*, as_json: AsJson = False, url: Url = None) -> None:
    """Who you are, where, and until when; the accounts, sources and tags that you may name."""
    chosen = credentials(url)
    me = run(_me(chosen), as_json=as_json)
    if as_json:
        _json_lines([me])
        return
    facts = {"user": me["user_id"], "company": me["company_id"], "url": chosen.url, "until": me["expires_at"]}
    typer.echo(say("status", **facts))
    for kind in ("accounts", "sources", "tags"):
        choices = sorted((each["id"], each["name"]) for each in me[kind])
        typer.echo(f"{say(kind)}: {', '.join(f'{choice} {name}' for choice, name in choices)}")


def logout() -> None:
    """Forget the token."""
    typer.echo(say("signed_off" if forget() else "was_signed_off"), err=True)


async def _me(login: Credentials) -> dict[str, Any]:
    async with opened(login) as api:
        found: dict[str, Any] = await api.get("/me")
        return found


def _put(content: bytes, output: Path | None) -> None:
    if output is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    try:
        save(output.absolute(), content)
    except OSError as error:
        raise failed(say("unwritable", file=output, why=error.strerror), Exit.USAGE) from None
    typer.echo(say("saved", path=output), err=True)


def _json_lines(found: list[dict[str, Any]]) -> None:
    for each in found:
        typer.echo(json.dumps(each, ensure_ascii=False))
