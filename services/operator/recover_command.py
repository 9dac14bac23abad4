"""``leadflow recover``: after a server was restored from a backup. Nothing that it prints is personal."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Annotated

import typer

from libs.common.kafka.asking import KafkaServer
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.events import ImportAccepted
from services.operator.no_answer import NoAnswer, asking, closing
from services.operator.recovering.in_flight import messages_under_way, skip_messages, stages_at_work
from services.operator.recovering.store import Chats, RecoveryStore, accepted_imports
from services.operator.settings import Settings

LOOK_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was found and done."""

    lost: list[ImportAccepted]
    chats: Chats
    sequences: list[str]
    ending_anew: int
    messages: int
    """Of chunks, that waited in Kafka for a stage."""
    chunks: int
    """That were sent and have not ended."""
    undos: list[int]
    """The imports that are being taken back."""
    told_again: int


class StillRunning(Exception):
    """Stages still run. The text names them."""


def recover(
    numbers: Annotated[int, typer.Option(min=0, help="How many ids each sequence leaves out.")] = 100_000,
    tell_ends: Annotated[
        float, typer.Option(min=0, help="Tell again how imports ended within so many hours: Kafka was lost.")
    ] = 0,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do it. Without it, only say what is there.")] = False,
) -> None:
    """After a restore: name the imports that are lost, and make PostgreSQL, MongoDB and ids agree again.

    Run it before the services are started, once PostgreSQL and MongoDB are restored and Kafka has its topics. What was
    under way in Kafka is skipped, because it speaks of what may be gone, and its chunks are sent anew. A second run
    finds nothing more to do; it only leaves out ids once more.
    """
    try:
        told = asyncio.run(_recover(numbers, tell_ends, yes=yes))
    except StillRunning as running:
        typer.echo(
            f"{running} still runs: stop the services first. Of one that was killed Kafka knows a minute later."
            " Nothing was changed.",
            err=True,
        )
        raise typer.Exit(1) from None
    except NoAnswer as silence:
        typer.echo(f"{silence}. What was done stays so; run it again.", err=True)
        raise typer.Exit(1) from None
    for each in told.lost:
        typer.echo(
            f"lost: import {each.import_id} of company {each.company_id}, account {each.account_id}, accepted"
            f" {each.accepted_at:%Y-%m-%d %H:%M:%S} UTC, {each.total_rows} rows: to be uploaded again"
        )
    typer.echo(f"{len(told.lost)} imports that Kafka tells of are not in PostgreSQL.")
    typer.echo(f"{told.chats.without_lead} chats of imports have no lead; {told.chats.used} of them are used and stay.")
    typer.echo(f"{told.chats.missing} leads have no chat.")
    typer.echo(f"{told.messages} messages wait in Kafka; {told.chunks} chunks were sent and have not ended.")
    for import_id in told.undos:
        typer.echo(f"being taken back: import {import_id}: to be asked for again, if it does not go on by itself")
    if yes:
        typer.echo("All of those messages were skipped, and those chunks will be sent again.")
        typer.echo(f"{len(told.sequences)} sequences left out {numbers} numbers.")
        if tell_ends:
            typer.echo(f"{told.told_again} imports tell again how they ended, with another revision.")
        typer.echo(f"{told.ending_anew} imports in progress will end with another revision.")
    else:
        typer.echo("Nothing was changed: --yes deletes those chats, makes those that lack, leaves out ids,")
        typer.echo("and sends what is under way anew.")


async def _recover(numbers: int, tell_ends: float, *, yes: bool) -> Recovered:
    given = Settings()
    owner = given.postgres_owner_url or given.postgres_url
    settings = given.model_copy(
        update={
            "postgres_url": owner,
            "postgres_timeout_seconds": LOOK_SECONDS,
            "mongo_timeout_seconds": LOOK_SECONDS,
        }
    )
    async with AsyncExitStack() as stack:
        postgres = await stack.enter_async_context(closing(Postgres(settings, application_name="operator")))
        mongo = await stack.enter_async_context(closing(Mongo(settings, application_name="operator")))
        store = RecoveryStore(postgres, mongo)
        async with asking(KafkaServer(settings).place):
            accepted = await accepted_imports(settings)
            under_way = await messages_under_way(settings)
            if yes and (running := await stages_at_work(settings, under_way)):
                raise StillRunning(", ".join(running))
        async with asking(postgres.place):
            told_again, undos = 0, await store.undos()
            lost, chunks = await store.unknown(accepted), await store.chunks_on_their_way()
            sequences = await store.jump(numbers) if yes else []
            anew = await store.end_anew() if yes else 0
        async with asking(mongo.place):
            chats = await store.agree_on_chats(yes=yes)
        if yes:
            # Skipped first: a chunk that is sent anew must not be skipped with what was there.
            async with asking(KafkaServer(settings).place):
                await skip_messages(settings, under_way)
            async with asking(postgres.place):
                await store.send_anew()
                told_again = await store.tell_ends_again(tell_ends * 3_600) if tell_ends else 0
    messages = sum(sum(partitions.values()) for partitions in under_way.values())
    return Recovered(lost, chats, sequences, anew, messages, chunks, undos, told_again)
