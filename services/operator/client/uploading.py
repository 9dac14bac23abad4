"""``leadflow import``: a file, to the end of its import."""

import hashlib
import io
import json
import time
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import aiohttp
import typer

from services.operator.client.api_client import Answered, Api, NoConnection, error_lines, opened, run
from services.operator.client.credentials import credentials, save
from services.operator.client.domain import (
    Exit,
    WrongUse,
    chosen_id,
    exit_of_import,
    exit_of_preview,
    idempotency_key,
    is_older,
    mapping_of,
)
from services.operator.client.spoken import catalogue, number, say
from services.operator.client.standard_input import piped
from services.operator.client.watching import Shown, line, watched

REPORTS = {".csv", ".xlsx"}
Url = Annotated[
    str | None, typer.Option("--url", help="Where the API is; else LEADFLOW_API_URL, else of `auth login`.")
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on stdout, a line an event.")]


def import_file(
    file: Annotated[str, typer.Argument(help="The spreadsheet; - reads standard input.", metavar="FILE|-")],
    *,
    account: Annotated[str, typer.Option(help="Messaging account: id or name (`auth status` lists them).")],
    source: Annotated[str | None, typer.Option(help="Where the leads came from: id or name.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the import; else the file's.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag for every lead: id or name; repeat for more.")] = None,
    map_: Annotated[list[str] | None, typer.Option("--map", help='"Celular=phone"; "Obs=" leaves it out.')] = None,
    list_: Annotated[
        str | None, typer.Option("--list", help="Id of a list of leads that its leads are put into.")
    ] = None,
    keep_columns: Annotated[
        bool, typer.Option("--keep-columns", help="Columns that are no known field become fields of your own.")
    ] = False,
    silent: Annotated[bool, typer.Option("--silent", help="Tell other systems nothing of the new leads.")] = False,
    skip_invalid: Annotated[
        bool, typer.Option("--skip-invalid", help="Import valid rows though others are not.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would come of it; store nothing.")] = False,
    no_watch: Annotated[bool, typer.Option("--no-watch", help="End once it was accepted.")] = False,
    report: Annotated[Path | None, typer.Option(help="Save rows that became no leads here: .xlsx or .csv.")] = None,
    idempotency: Annotated[str | None, typer.Option("--idempotency-key", help="Else made of file and options.")] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Import a spreadsheet. A second run of the same within 24 hours imports nothing twice.

    Exit codes: 0 all rows created or existing, 1 failed, 2 usage, 3 finished with row errors, 4 sign in, 5 refused and
    nothing stored, 6 quota or busy, 7 canceled, 130 Ctrl-C (the import goes on).
    """
    asked = ImportFlags(
        file=file,
        account=account,
        source=source,
        name=name,
        tags=tag or [],
        maps=map_ or [],
        list_id=list_,
        keep_columns=keep_columns,
        silent=silent,
        skip_invalid=skip_invalid,
        report=report,
        as_json=as_json,
    )
    begun: list[str] = []
    unsure: list[str] = []

    async def work() -> Exit:
        mapping = _checked(asked, watches=not (no_watch or dry_run), dry_run=dry_run)
        content, file_name = _read(file)
        async with opened(credentials(url)) as api:
            sha256 = hashlib.file_digest(content, "sha256").hexdigest()
            content.seek(0)
            data = await _data(api, asked, mapping, sha256)
            form = _form(content, file_name, data)
            if dry_run:
                told = await api.send("POST", "/import/preview", data=form)
                _show_preview(told, as_json=as_json, skip_invalid=skip_invalid)
                return exit_of_preview(told, skip_invalid=skip_invalid)
            unsure.append(say("interrupted"))
            import_id = await _accepted(api, asked, form, idempotency or idempotency_key(sha256, data))
            begun.append(say("goes_on", id=import_id))
            if not no_watch:
                return await follow(api, import_id, as_json=as_json, report=report)
            if not as_json:
                typer.echo(import_id)
            return Exit.DONE

    raise typer.Exit(run(work(), as_json=as_json, begun=begun, unsure=unsure, untouched="nothing_stored"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportFlags:
    """What the flags say of an import."""

    file: str
    account: str
    source: str | None
    name: str | None
    tags: list[str]
    maps: list[str]
    list_id: str | None
    keep_columns: bool
    silent: bool
    skip_invalid: bool
    report: Path | None
    as_json: bool


def _checked(asked: ImportFlags, *, watches: bool, dry_run: bool) -> dict[str, str | None]:
    """Return the mapping. Raises WrongUse before anything is sent."""
    report = asked.report
    if report and not (watches and report.suffix.lower() in REPORTS and report.absolute().parent.is_dir()):
        raise WrongUse(say("report_wrong"))
    if asked.source is None and not dry_run:
        raise WrongUse(say("source_missing"))
    try:
        return mapping_of(asked.maps)
    except WrongUse as wrong:
        raise WrongUse(say("map_wrong", given=wrong)) from None


async def _data(api: Api, asked: ImportFlags, mapping: dict[str, str | None], sha256: str) -> dict[str, Any]:
    """Return the part ``data``."""
    ids = await _ids(api, asked.account, asked.source, asked.tags)
    # Whoever is at a shell has a sheet of their own: what its columns hold is found by their usual names.
    data: dict[str, Any] = {"name": asked.name or _name_of(asked.file, sha256), **ids, "columns": "mapped"}
    if asked.skip_invalid:
        data["on_invalid_row"] = "skip"
    if asked.list_id:
        data["list_id"] = asked.list_id
    if asked.keep_columns:
        data["extra_columns"] = "keep"
    if asked.silent:
        data["silent"] = True
    return data | {"mapping": mapping} if mapping else data


async def _accepted(api: Api, asked: ImportFlags, form: aiohttp.FormData, key: str) -> int:
    """Upload it; return the import's id once the API has accepted it, now or when the same was sent before."""
    began = time.monotonic()
    try:
        made = await api.send("POST", "/import", data=form, headers={"Idempotency-Key": key})
    except NoConnection:
        typer.echo(say("perhaps_stored"), err=True)
        raise
    if asked.as_json:
        line("accepted", made)
    said = "accepted_before" if await _is_repeat(api, made["id"], began) else "accepted"
    typer.echo(say(said, id=made["id"], rows=number(made["total_rows"])), err=True)
    _show_left_out(made["left_out"])
    _show_fields("new_fields", made["new_fields"])
    import_id: int = made["id"]
    return import_id


async def _is_repeat(api: Api, import_id: int, began: float) -> bool:
    """Tell whether the import is older than this command's upload, which began then (``time.monotonic``)."""
    try:
        found = await api.get(f"/imports/{import_id}")
    except Answered:  # deleted meanwhile: whoever watches it is told
        return False
    return is_older(found["created_at"], now=found["server_time"], seconds=time.monotonic() - began)


def watch(import_id: int, *, as_json: bool, url: str | None, report: Path | None = None) -> Exit:
    """Watch an import that was accepted, to its end. Ctrl-C leaves it running."""

    async def work() -> Exit:
        async with opened(credentials(url)) as api:
            # First what it is: an id that is none ends here, with nothing to go on.
            await api.get(f"/imports/{import_id}")
            begun.append(say("goes_on", id=import_id))
            return await follow(api, import_id, as_json=as_json, report=report)

    begun: list[str] = []
    return run(work(), as_json=as_json, begun=begun)


async def follow(api: Api, import_id: int, *, as_json: bool, report: Path | None) -> Exit:
    """Watch an import, say how it ended, save its report."""
    found = await watched(api, import_id, Shown(as_json=as_json))
    if as_json:
        line("ended", found)
    else:
        show_totals(found)
    if report and found["total_rows"] > found["total_created"]:
        kind = report.suffix.lower().removeprefix(".")
        save(report, await api.file(f"/imports/{import_id}/rows", format=kind))
        typer.echo(say("report_saved", path=report), err=True)
    elif report:
        typer.echo(say("report_empty"), err=True)
    return exit_of_import(found)


def show_totals(found: dict[str, Any]) -> None:
    """Print how an import ended; numbers on stdout."""
    errors = found["total_errors"] - found["canceled"]
    totals = [("created", found["total_created"]), ("existing", found["total_existing"]), ("errors", errors)]
    totals += [("canceled", found["canceled"])] if found["canceled"] else []
    _print_totals([*totals, ("rows", found["total_rows"])], found.get("reasons", {}))


def _show_preview(told: dict[str, Any], *, as_json: bool, skip_invalid: bool) -> None:
    if as_json:
        line("preview", told)
        return
    if told["forecast"]:
        forecast = told["forecast"]
        totals = [(each, forecast[each]) for each in ("created", "existing", "errors")]
        _print_totals([*totals, ("rows", told["total_rows"])], told["reasons"])
    _show_left_out([each["header"] for each in told["columns"] if each["field"] is None])
    new = [{"label": each["header"], "type": each["type"]} for each in told["columns"] if each["is_new"]]
    _show_fields("would_make_fields", new)
    lines = [say("missing", fields=", ".join(told["missing"]))] if told["missing"] else []
    lines += error_lines(told["errors"])
    if told["total_errors"] and not skip_invalid:
        lines.append(say("remedy_invalid_rows"))
    lines += [warning["message"] for warning in told["warnings"]]
    typer.echo("\n".join([*lines, say("dry_run")]), err=True)


def _show_left_out(headers: list[str]) -> None:
    if headers:
        typer.echo(say("left_out", columns=", ".join(headers)), err=True)


def _show_fields(sentence: str, fields: list[dict[str, Any]]) -> None:
    if fields:
        said = ", ".join(f"{each['label']} ({each['type']})" for each in fields)
        typer.echo(say(sentence, fields=said), err=True)


def _print_totals(totals: list[tuple[str, int]], reasons: dict[str, int]) -> None:
    said = catalogue()
    for label, count in totals:
        typer.echo(f"{said.command_line[label]:<20}{number(count):>10}")
    for code, count in sorted(reasons.items(), key=lambda each: (-each[1], each[0])):
        typer.echo(f"  {number(count)}: {said.messages.get(code, code)}", err=True)


def _read(file: str) -> tuple[BufferedReader | io.BytesIO, str]:
    """Return what to send and its name. Raises WrongUse when there is nothing to read."""
    if file != "-":
        try:
            return Path(file).open("rb"), Path(file).name
        except FileNotFoundError:
            raise WrongUse(say("no_file", file=file)) from None
        except OSError as error:
            raise WrongUse(say("unreadable", file=file, why=error.strerror)) from None
    return piped(), "stdin"


def _name_of(file: str, sha256: str) -> str:
    # From the content: a second run of the same pipe has the same name, and so the same key.
    return f"stdin {sha256[:8]}" if file == "-" else Path(file).stem


def _form(content: BinaryIO, file_name: str, data: dict[str, Any]) -> aiohttp.FormData:
    form = aiohttp.FormData()
    form.add_field("data", json.dumps(data), content_type="application/json")
    form.add_field("file", content, filename=file_name, content_type="application/octet-stream")
    return form


async def _ids(api: Api, account: str, source: str | None, tags: list[str]) -> dict[str, Any]:
    """Return the ids of what was named. Raises WrongUse with the names that there are."""
    given = [account, *tags] + ([source] if source is not None else [])
    me = {} if all(each.isdecimal() for each in given) else await api.get("/me")

    def one(wanted: str, kind: str) -> int:
        if wanted.isdecimal():
            return int(wanted)
        found = chosen_id(wanted, me[kind])
        if found is None:
            names = ", ".join(f"{each['id']} {each['name']}" for each in me[kind][:20])
            raise WrongUse(say("unknown_name", wanted=wanted, names=names))
        return found

    ids: dict[str, Any] = {"account_id": one(account, "accounts"), "tag_ids": [one(each, "tags") for each in tags]}
    return ids if source is None else ids | {"source_id": one(source, "sources")}
