"""``make demo``: import a file into the running stack, and show what every part of it has to say."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from pymongo import AsyncMongoClient
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from deploy.local import kafka, kafka_access, mongo, postgres, settings, tokens
from deploy.local.instance import Instance, StackError
from deploy.local.ports import Ports
from libs.common.kafka.clients import kafka_consumer

COMPANY = ACCOUNT = 1
"""Of demo_seed.sql: whose leads the demo imports."""

FINISHED_TOPIC = "lead.import-finished.v1"
EVENT_SECONDS = 30
"""How long the finished event may take to arrive once the import has ended."""

ROWS_PER_REASON = 2

Json = dict[str, Any]

console = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Stored:
    """What the databases hold of one import."""

    leads: int
    chat_tags: int
    chats: int
    reasons: dict[tuple[str, str], int]
    """Rows that did not become leads, by (outcome, reason)."""
    account_leads: int
    """Leads of the import's account, whichever import or person made them."""
    account_chats: int


async def run(instance: Instance, ports: Ports, file: Path) -> int:
    """Import ``file`` as user 1 of company 1. Returns the exit code: 1 when anything does not add up.

    Raises ``StackError`` when the file or the API is not there, or the API refuses the file.
    """
    try:
        content = await asyncio.to_thread(file.read_bytes)
    except OSError as error:
        raise StackError(f"Cannot read {file}: {error.strerror}.") from error
    api = settings.addresses(instance, ports)["LEADFLOW_API_URL"]
    headers = {"Authorization": f"Bearer {tokens.issue(instance)}"}
    async with (
        httpx.AsyncClient(base_url=api, headers=headers, timeout=60) as client,
        _finished_events(instance, ports) as events,
    ):
        started = time.monotonic()
        accepted = await _upload(client, file.name, content)
        import_id = int(accepted["id"])
        console.print(
            f"Import [bold]{import_id}[/] accepted in {time.monotonic() - started:.2f} s: "
            f"{accepted['total_rows']:,} rows of {file.name}."
        )
        ended = await _watch(client, accepted)
        seconds = time.monotonic() - started
        event = await _event_of(events, import_id)
        stored = await _stored(instance, ports, import_id)
        _print_totals(ended, stored)
        await _print_rows(client, import_id, stored)
    _print_event(event)
    agrees = _print_stored(ended, stored, event)
    rate = ended["total_rows"] / seconds if seconds else 0
    console.print(
        f"\n[bold]{ended['total_rows']:,} rows in {seconds:.1f} s[/] from the upload to the end: {rate:,.0f} rows/s."
    )
    console.print("Ids of the demo's companies, accounts, sources and tags: docs/guide/demo-data.md")
    console.print(f"API docs: {api}/docs")
    console.print(
        f"The console, signed in (once, within a minute; `make link` prints another):\n{tokens.link(instance, api)}"
    )
    return 0 if agrees and ended["status"] == "FINISHED" else 1


async def _upload(client: httpx.AsyncClient, file_name: str, content: bytes) -> Json:
    name = f"Demo {datetime.now().astimezone():%Y-%m-%d %H:%M:%S}"
    data = {"name": name, "account_id": ACCOUNT, "source_id": 1, "tag_ids": [1, 2]}
    try:
        response = await client.post("/import", files={"file": (file_name, content)}, data={"data": json.dumps(data)})
    except httpx.TransportError as error:
        raise StackError(f"The API does not answer at {client.base_url}: run `make up` first. ({error!r})") from error
    if response.status_code == httpx.codes.ACCEPTED:
        accepted: Json = response.json()
        return accepted
    problem = _problem(response)
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
        minutes = int(response.headers.get("Retry-After", "3600")) / 60
        raise StackError(
            f"{problem}\nThe quota of the hour is used up; it has room again in {minutes:.0f} minutes.\n"
            "Raise it (LEADFLOW_QUOTA_ROWS=1000000 LEADFLOW_QUOTA_IMPORTS=1000 make demo), or `make reset` first."
        )
    raise StackError(f"The API refused {file_name}: {problem}")


def _problem(response: httpx.Response) -> str:
    """Return what an error answer says: its title, code and detail, and the first errors of rows."""
    try:
        problem = response.json()
    except ValueError:
        return f"{response.status_code} {response.text[:300]}"
    said = " · ".join(str(problem[key]) for key in ("code", "title", "detail") if problem.get(key))
    errors = "".join(f"\n  {json.dumps(error, ensure_ascii=False)}" for error in problem.get("errors", [])[:5])
    return f"{response.status_code} {said}{errors}"


async def _watch(client: httpx.AsyncClient, accepted: Json) -> Json:
    """Draw the progress until the import has ended, and return it. Falls back to asking when the stream breaks."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    path = f"/imports/{accepted['id']}"
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("Importing", total=accepted["total_rows"])
        try:
            async for name, event in _stream(client, f"{path}/events"):
                _advance(progress, task, event)
                if name == "lead:import-finished":
                    break
        except (httpx.HTTPError, ValueError):
            console.print("The stream of events broke off; asking instead.")
        while True:
            response = await client.get(path)
            if response.is_success:
                state: Json = response.json()
                _advance(progress, task, state)
                if state["status"] != "PROCESSING":
                    return state
            await asyncio.sleep(0.2)


def _advance(progress: Progress, task: TaskID, state: Json) -> None:
    if "progress" in state:  # the last event of a stream has totals only
        progress.update(task, completed=state["progress"]["processed_rows"])
    if state["status"] != "PROCESSING":
        progress.update(task, completed=state["total_rows"])


async def _stream(client: httpx.AsyncClient, path: str) -> AsyncIterator[tuple[str, Json]]:
    """Yield (event name, data) of a stream of server-sent events until the server ends it."""
    async with client.stream("GET", path, headers={"Accept": "text/event-stream"}) as response:
        response.raise_for_status()
        name, data = "message", ""
        async for line in response.aiter_lines():
            if line.startswith("event:"):
                name = line.removeprefix("event:").strip()
            elif line.startswith("data:"):
                data += line.removeprefix("data:").strip()
            elif not line and data:
                yield name, json.loads(data)
                name, data = "message", ""


@asynccontextmanager
async def _finished_events(instance: Instance, ports: Ports) -> AsyncIterator[AIOKafkaConsumer]:
    """Subscribe as any other service would, but from now on and without a group: nothing is kept."""
    brokers = kafka.bootstrap(ports, kafka.broker_count(instance))
    shared = kafka.client_settings(instance, brokers, user=kafka_access.SUBSCRIBER)
    last = settings.Given.last(instance)
    topic = (last.topic_prefix if last else "") + FINISHED_TOPIC
    consumer = kafka_consumer(shared, topic, client_id="leadflow-demo", auto_offset_reset="latest")
    await consumer.start()
    try:
        # "From now on" must be decided before the upload: positions are otherwise looked up at the first read.
        for partition in consumer.assignment():
            await consumer.position(partition)
        yield consumer
    finally:
        await consumer.stop()


async def _event_of(events: AIOKafkaConsumer, import_id: int) -> "ConsumerRecord[bytes, bytes] | None":
    try:
        async with asyncio.timeout(EVENT_SECONDS):
            async for record in events:
                if record.key == str(import_id).encode():
                    return record
    except TimeoutError:
        pass
    return None


async def _stored(instance: Instance, ports: Ports, import_id: int) -> Stored:
    connection = await asyncpg.connect(postgres.url(instance, ports))
    try:
        leads = await connection.fetchval(
            "SELECT count(*) FROM amigocare.amigocare_leads WHERE import_id = $1", import_id
        )
        chat_tags = await connection.fetchval(
            "SELECT count(*) FROM amigocare.chat_tags AS t JOIN amigocare.amigocare_leads AS l ON l.id = t.lead_id"
            " WHERE l.import_id = $1",
            import_id,
        )
        reasons = await connection.fetch(
            "SELECT outcome, reason, count(*) FROM amigocare.lead_import_rows WHERE import_id = $1"
            " GROUP BY outcome, reason ORDER BY outcome, count(*) DESC",
            import_id,
        )
        account_leads = await connection.fetchval(
            "SELECT count(*) FROM amigocare.amigocare_leads"
            " WHERE company_id = $1 AND amigocare_messaging_account_id = $2 AND NOT is_deleted",
            COMPANY,
            ACCOUNT,
        )
    finally:
        await connection.close()
    async with AsyncMongoClient[Json](mongo.url(ports)) as client:
        collection = client.get_default_database()["chats"]
        chats = await collection.count_documents({"import_id": import_id})
        account_chats = await collection.count_documents({"company_id": COMPANY, "account_id": ACCOUNT})
    by_reason = {(outcome, reason): count for outcome, reason, count in reasons}
    return Stored(leads, chat_tags, chats, by_reason, account_leads, account_chats)


def _print_totals(ended: Json, stored: Stored) -> None:
    table = _table(f"Import {ended['id']} “{ended['name']}”: {ended['status']}", "Total", "Rows")
    table.columns[1].justify = "right"
    for key, outcome in (("created", None), ("existing", "existing"), ("errors", "error")):
        table.add_row(key, f"{ended[f'total_{key}']:,}")
        for (found, reason), count in stored.reasons.items():
            if found == outcome:
                table.add_row(f"  {reason}", f"{count:,}", style="dim")
    table.add_row("rows", f"{ended['total_rows']:,}", style="bold")
    console.print(table)
    if ended.get("failure_reason"):
        console.print(f"Reason: {ended['failure_reason']}", style="red")


async def _print_rows(client: httpx.AsyncClient, import_id: int, stored: Stored) -> None:
    """Print the first rows of each reason, from the API's pages."""
    if not stored.reasons:
        console.print("Every row became a lead.")
        return
    console.print("Some rows that did not become leads:")
    shown: dict[str, int] = {}
    query: dict[str, Any] = {}
    while any(shown.get(reason, 0) < min(ROWS_PER_REASON, count) for (_, reason), count in stored.reasons.items()):
        response = await client.get(f"/imports/{import_id}/rows", params=query)
        response.raise_for_status()
        page = response.json()
        for row in page["items"]:
            shown[row["reason"]] = shown.get(row["reason"], 0) + 1
            if shown[row["reason"]] <= ROWS_PER_REASON:
                cells = row["cells"].values() if isinstance(row["cells"], dict) else row["cells"]
                text = ", ".join(str(cell) for cell in cells if cell)
                line = f"  {row['row']:>6}  {row['outcome']:<9} {row['reason']:<16} {text}"
                console.print(line, markup=False, no_wrap=True, overflow="ellipsis", soft_wrap=False)
        if page["next"] is None:
            break
        query = {"cursor": page["next"]}


def _print_event(record: "ConsumerRecord[bytes, bytes] | None") -> None:
    if record is None:
        console.print(f"No event arrived on {FINISHED_TOPIC} within {EVENT_SECONDS} s.", style="red")
        return
    console.print(f"\nAs a subscriber of [bold]{FINISHED_TOPIC}[/] read it:")
    console.print(f"  key {(record.key or b'').decode()}")
    for name, value in record.headers:
        if name.startswith("ce_"):
            console.print(f"  {name} {value.decode()}", markup=False)
    console.print(json.dumps(json.loads(record.value or b"{}"), indent=2, ensure_ascii=False), markup=False)


def _print_stored(ended: Json, stored: Stored, record: "ConsumerRecord[bytes, bytes] | None") -> bool:
    """Print what was read back against what it should be, and tell whether all of it agrees."""
    event = json.loads(record.value or b"{}") if record else {}
    totals = ("total_rows", "total_created", "total_existing", "total_errors")
    created = ended["total_created"]
    checks: list[tuple[str, object, object]] = [
        ("new leads in PostgreSQL", stored.leads, created),
        ("new chats in MongoDB", stored.chats, created),
        ("rows kept with a reason", sum(stored.reasons.values()), ended["total_rows"] - created),
        ("created + existing + errors", sum(ended[key] for key in totals[1:]), ended["total_rows"]),
        ("totals of the event", tuple(event.get(key) for key in totals), tuple(ended[key] for key in totals)),
    ]
    table = _table("Do the databases agree? (new: made by this import)", "Read back", "Found", "Expected", "")
    for name, found, expected in checks:
        mark = "[green]yes[/]" if found == expected else "[red]NO[/]"
        table.add_row(name, _shown(found), _shown(expected), mark)
    table.add_row("tags of the new chats", _shown(stored.chat_tags), "", "")
    table.add_row("the account's leads, in all", _shown(stored.account_leads), "", "")
    table.add_row("the account's chats, in all", _shown(stored.account_chats), "", "")
    console.print(table)
    if not created:
        console.print("No row of this import was new: the reasons are above.")
    return all(found == expected for _, found, expected in checks)


def _table(title: str, *columns: str) -> Table:
    table = Table(*columns, title=f"\n{title}", title_justify="left", box=box.SIMPLE)
    for column in table.columns:
        column.no_wrap = True
    return table


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(map(_shown, value))
    return f"{value:,}" if isinstance(value, int) else str(value)
