"""The commands. None of them prints a personal datum; a server that is away is said in one line."""

import asyncio
import sys
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from alembic.util import CommandError
from rich.console import Console
from rich.table import Column, Table

from libs.common.kafka.admin import ensure_topics
from libs.common.kafka.asking import KafkaServer
from libs.common.kafka.lag import group_lags
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.common.topics import DeadLetters, Piece
from libs.contracts.lead_import.registry import REGISTRY
from libs.contracts.registry import registries
from libs.imports.chats import ensure_chat_indexes
from libs.imports.chunk_path import PIPELINE
from libs.imports.chunk_states import NamedChunk, Place, named_chunk
from services.operator.domain import (
    ChunkPlace,
    ImportLine,
    Letter,
    chunks_and_others,
    duration,
    newest,
    place_now,
    places,
)
from services.operator.letters import Letters, republish
from services.operator.migrate import MigrationRefused, upgrade_postgres
from services.operator.no_answer import NoAnswer, asking, closing
from services.operator.reindexing import reindex_leads
from services.operator.settings import Settings
from services.operator.store import Store

MOST_CHUNKS_SHOWN = 50
LAG_SECONDS = 4.0
"""`imports inspect` answers within five seconds what it can, without Kafka."""
IMPORT = REGISTRY.owner

# Cut to the width of a terminal where there is one; a pipe gets every word.
out = Console(width=None if sys.stdout.isatty() else 250)
# For tables of numbers: a narrow terminal shall wrap a line rather than cut a number.
wide = Console(width=250)
T = TypeVar("T")
Position = Annotated[str, typer.Argument(help="partition:offset, as `list` shows it.")]
Owner = Annotated[str, typer.Option(help="Whose: a folder of libs/contracts, such as `lead_import`.")]
Limit = Annotated[int, typer.Option(min=1, help="Show at most so many.")]
IsOpen = Annotated[bool, typer.Option("--open", help="Of the import: only those whose chunk is not repaired.")]
SaveTo = Annotated[Path | None, typer.Option("--save", help="Write the raw message, personal data and all, to a file.")]


def _run(work: Coroutine[Any, Any, T], *, after: str = "Nothing was changed; try again.") -> T:
    try:
        return asyncio.run(work)
    except NoAnswer as silence:
        raise _fail(f"{silence}. {after}") from None


def _fail(message: str) -> typer.Exit:
    typer.echo(message, err=True)
    return typer.Exit(1)


def _dead_letters(owner: str) -> DeadLetters:
    found = {each.owner: each.dead_letters for each in registries() if each.dead_letters is not None}
    if owner not in found:
        raise _fail(f"{owner} has no dead letters; those who have: {', '.join(found)}.")
    return found[owner]


@asynccontextmanager
async def _open_store() -> AsyncIterator[Store]:
    postgres = Postgres(Settings(), application_name="operator")
    async with closing(postgres), asking(postgres.place):
        yield Store(postgres)


@asynccontextmanager
async def _letters(dead_letters: DeadLetters) -> AsyncIterator[Letters]:
    settings = Settings()
    async with asking(KafkaServer(settings).place), Letters.opened(settings, dead_letters) as letters:
        yield letters


def migrate() -> None:
    """Bring PostgreSQL, MongoDB's indexes and Kafka's topics up to date; a second run changes nothing."""

    async def servers() -> None:
        settings = Settings()
        async with closing(Postgres(settings, application_name="migrate")) as postgres, asking(postgres.place):
            await upgrade_postgres(settings, say=lambda line: typer.echo(line, err=True))
        async with closing(Mongo(settings, application_name="migrate")) as mongo, asking(mongo.place):
            await mongo.ask()
            await ensure_chat_indexes(mongo)
        async with asking(KafkaServer(settings).place):
            await ensure_topics(settings, registries())

    try:
        _run(servers(), after="What was done stays, whole; run it again.")
    except MigrationRefused as refused:
        raise _fail(str(refused)) from None
    except CommandError as error:
        # Most likely an older version than the one that migrated this database last.
        raise _fail(f"The revisions of this version do not fit the database: {error}. Nothing was changed.") from None
    typer.echo("PostgreSQL, MongoDB and Kafka are up to date.")


def reindex() -> None:
    """Give every lead its public id, first entry of history and place in the search anew: after a partial restore."""

    async def leads() -> int:
        settings = Settings()
        if settings.postgres_owner_url is not None:
            settings = settings.model_copy(update={"postgres_url": settings.postgres_owner_url})
        async with closing(Postgres(settings, application_name="reindex")) as postgres, asking(postgres.place):
            return await reindex_leads(postgres, say=lambda line: typer.echo(line, err=True))

    done = _run(leads(), after="What was done stays; run it again.")
    typer.echo(f"{done:,} leads are found.")


def list_letters(*, owner: Owner = IMPORT, limit: Limit = 1_000, is_open: IsOpen = False) -> None:
    """Show the dead letters that Kafka still holds, oldest first. Only what their headers say is kept in memory.

    Of the import's letters it says where their chunks are now: a letter stays when its chunk was repaired.
    """
    dead_letters = _dead_letters(owner)
    if is_open and owner != IMPORT:
        raise _fail(f"Whether letters of {owner} were repaired nobody keeps a record of: leave out --open.")

    async def look() -> tuple[list[Letter], int]:
        async with _letters(dead_letters) as letters:
            return await newest(letters.all(), limit)

    found, count = _run(look())
    if not found:
        typer.echo("No dead letters.")
        return
    chunks = {letter.position: named_chunk(letter.piece) if owner == IMPORT else None for letter in found}
    now, silence = asyncio.run(_places_or_silence([chunk for chunk in chunks.values() if chunk is not None]))
    if is_open and not silence:
        open_ones = [each for each in found if (at := chunks[each.position]) and now.get(at) == ChunkPlace.DEAD]
        if not open_ones:
            typer.echo(f"None of the {len(found)} newest is open.")
            return
        found, count = open_ones, count - len(found) + len(open_ones)
    about = ("chunk", "now") if owner == IMPORT else ("about",)
    table = Table("position", "time (UTC)", *about, "from topic", "service", "tries", "why")
    for letter in found:
        chunk = chunks[letter.position]
        table.add_row(
            letter.position,
            f"{letter.time:%Y-%m-%d %H:%M:%S}",
            _about(letter.piece, owner),
            *([now.get(chunk, "unknown") if chunk else "—"] if owner == IMPORT else []),
            letter.original_topic,
            letter.service,
            str(letter.attempts),
            letter.why,
        )
    out.print(table)
    if count > len(found):
        typer.echo(f"Only the newest {len(found)} of {count} are shown: --limit shows more.")
    if silence:
        typer.echo(silence)


async def _places_or_silence(chunks: Sequence[NamedChunk]) -> tuple[Mapping[NamedChunk, str], str]:
    """Return where chunks are, or why PostgreSQL does not say: what Kafka said is of use without it."""
    if not chunks:
        return {}, ""
    try:
        return await _places_now(chunks), ""
    except NoAnswer as silence:
        return {}, f"now unknown: {silence}"


def _about(piece: Piece | None, owner: str) -> str:
    # A chunk's third number, when its import was accepted, is for programs: people name it by its import and index.
    shown = piece[:2] if piece and owner == IMPORT else piece
    return ":".join(map(str, shown)) if shown else "—"


def show_letter(position: Position, save: SaveTo = None, *, owner: Owner = IMPORT) -> None:
    """Show the headers of one dead letter and where its chunk is now. The message itself is not printed."""
    dead_letters = _dead_letters(owner)

    async def look() -> tuple[Letter, Any] | None:
        async with _letters(dead_letters) as letters:
            return await letters.at(position)

    found = _run(look())
    if found is None:
        raise _fail(f"{owner} has no dead letter at {position}; see `leadflow dead-letters list --owner {owner}`.")
    letter, record = found
    for name, value in record.headers:
        typer.echo(f"{name}: {(value or b'').decode('utf-8', 'backslashreplace')}")
    typer.echo(f"size: {letter.size} bytes")
    chunk = named_chunk(letter.piece) if owner == IMPORT else None
    if chunk is not None:
        typer.echo(f"chunk now: {_run(_places_now([chunk]))[chunk]}")
    if save:
        save.touch(mode=0o600)
        save.write_bytes(record.value or b"")
        typer.echo(f"Written to {save}.")


async def _places_now(chunks: Sequence[NamedChunk]) -> Mapping[NamedChunk, str]:
    async with _open_store() as store:
        stored = await store.named(chunks)
    return {chunk: place_now(chunk, stored) for chunk in chunks}


def replay(
    positions: Annotated[list[str] | None, typer.Argument(help="partition:offset, as `list` shows it.")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Every dead letter.")] = False,
    import_id: Annotated[
        int | None,
        typer.Option("--import", help="Every dead-lettered chunk of one import, whatever Kafka still holds."),
    ] = None,
    owner: Owner = IMPORT,
) -> None:
    """Try again: a chunk goes through all stages anew, any other message to the topic it came from.

    A chunk that was replayed before, or settled well since, is left alone, so a second replay does no harm. The
    import ends again, with its totals counted anew and the finished event's next revision.
    """
    if not (positions or everything or import_id):
        raise _fail("Say which: positions, --import ID, or --all.")
    dead_letters = _dead_letters(owner)
    if import_id and owner != IMPORT:
        raise _fail("--import is for the import's own dead letters.")
    if import_id:
        reopened = _run(_reopen_import(import_id))
        if not reopened:
            left_alone = "replayed before, settled well, taken back, or expired"
            typer.echo(f"No chunk of import {import_id} can be replayed: {left_alone}.")
        else:
            typer.echo(f"{len(reopened)} chunks go through all stages again.")
    if not (positions or everything):
        return
    chosen = _run(_choose(dead_letters, None if everything else positions or []))
    if isinstance(chosen, str):
        raise _fail(f"{owner} has no dead letter at {chosen}; nothing of these was replayed.")
    if owner != IMPORT:
        sent = _run(_republish(dead_letters, [position for position, _ in chosen]))
        typer.echo(f"{sent} message{'s' * (sent != 1)} went to the topics that they came from.")
        return
    chunks, others = chunks_and_others(chosen)
    reopened = _run(_reopen(chunks))
    sent = _run(_republish(dead_letters, others))
    typer.echo(f"{len(reopened)} chunks go through all stages again; {sent} other messages went to their topics.")
    if len(reopened) < len(chunks):
        left = len(chunks) - len(reopened)
        typer.echo(
            f"{left} chunks were left alone: replayed before, settled well since, or of an import gone or taken back."
        )


async def _choose(dead_letters: DeadLetters, positions: list[str] | None) -> list[tuple[str, Piece | None]] | str:
    """Return (position, piece) of these letters, None: of all; or the positions at which there is none."""
    async with _letters(dead_letters) as letters:
        if positions is None:
            return [(letter.position, letter.piece) async for letter in letters.all()]
        found = {position: await letters.at(position) for position in positions}
    missing = sorted(position for position, pair in found.items() if pair is None)
    return ", ".join(missing) or [(position, pair[0].piece) for position, pair in found.items() if pair]


async def _republish(dead_letters: DeadLetters, positions: Sequence[str]) -> int:
    if not positions:
        return 0
    async with asking(KafkaServer(Settings()).place):
        return await republish(Settings(), dead_letters, positions)


async def _reopen(chunks: Sequence[NamedChunk]) -> list[Place]:
    async with _open_store() as store:
        return await store.reopen(chunks)


async def _reopen_import(import_id: int) -> list[Place]:
    async with _open_store() as store:
        return await store.reopen_import(import_id)


def list_imports(
    *,
    stuck: Annotated[bool, typer.Option("--stuck", help="Only those in progress whose chunks do not move.")] = False,
    seconds: Annotated[float, typer.Option("--for", min=0, help="With --stuck: for at least so many seconds.")] = 60,
    limit: Limit = 20,
) -> None:
    """Show imports, newest first, with their chunks by place. Nothing of their content is printed."""

    async def look() -> list[ImportLine]:
        async with _open_store() as store:
            return await store.imports(most=limit, stuck_seconds=seconds if stuck else None)

    found = _run(look())
    if not found:
        typer.echo(f"No import in progress has stood still for {seconds:.0f} s." if stuck else "No imports.")
        return
    numbers = ("rows", "chunks\nwaiting", "in\nflight", "settled", "dead\nletters", "age", "since\nprogress")
    ids_and_status = [Column(name) for name in ("import", "company", "account", "status")]
    columns = ids_and_status + [Column(name, justify="right") for name in numbers]
    table = Table(*columns, box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for each in found:
        ids = (each.import_id, each.company_id, each.account_id, each.status)
        counts = (each.row_count, each.waiting, each.in_flight, each.settled, each.dead_lettered)
        times = (duration(each.age_seconds), duration(each.still_seconds))
        table.add_row(*map(str, (*ids, *counts, *times)))
    wide.print(table)
    if len(found) == limit:
        typer.echo(f"Only the newest {limit} are shown: --limit shows more.")


def inspect(import_id: int) -> None:
    """Show where each chunk of an import is, what is missing, and how far the consumers are behind."""

    async def look() -> Any:
        async with _open_store() as store:
            return await store.lead_import(import_id)

    found = _run(look())
    if found is None:
        raise _fail(f"There is no import {import_id}.")
    lead_import, chunks = found
    for name, value in lead_import.items():
        typer.echo(f"{name}: {value}")
    summary = Table("chunks", "where", "rows")
    for place, (count, rows) in places(chunks).items():
        summary.add_row(str(count), place, str(rows))
    out.print(summary)
    missing = [chunk for chunk in chunks if chunk.place is not ChunkPlace.SETTLED]
    if missing:
        table = Table("chunk", "rows", "where", "sent at (UTC)", "times sent")
        for chunk in missing[:MOST_CHUNKS_SHOWN]:
            sent = f"{chunk.sent_at:%Y-%m-%d %H:%M:%S}" if chunk.sent_at else "—"
            table.add_row(str(chunk.chunk_index), str(chunk.row_count), chunk.place, sent, str(chunk.sent_count))
        out.print(table)
    for line in _run(_lags()):
        typer.echo(line)


async def _lags() -> list[str]:
    """Say how far consumers are behind, or that Kafka does not say: what PostgreSQL said is of use without it."""
    try:
        async with asking(KafkaServer(Settings()).place, at_most=LAG_SECONDS):
            lags = await group_lags(Settings(), [REGISTRY], PIPELINE)
    except NoAnswer as silence:
        return [f"lag unknown: {silence}"]
    return [f"lag of {group}: {lag} messages" for group, lag in lags.items()]
