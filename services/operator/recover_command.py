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


def recover(
    numbers: Annotated[int, typer.Option(min=0, help="How many ids each sequence leaves out.")] = 100_000,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do it. Without it, only say what is there.")] = False,
) -> None:
    """After a restore: name the imports that are lost, and make PostgreSQL, MongoDB and ids agree again.

    Run it before the services are started, once PostgreSQL and MongoDB are restored and Kafka has its topics. A second
    run finds nothing more to do; it only leaves out ids once more.
    """
    try:
        told = asyncio.run(_recover(numbers, yes=yes))
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
    if yes:
        typer.echo(f"{len(told.sequences)} sequences left out {numbers} numbers.")
        typer.echo(f"{told.ending_anew} imports in progress will end with another revision.")
    else:
        typer.echo("Nothing was changed: --yes deletes those chats, makes those that lack, and leaves out ids.")


async def _recover(numbers: int, *, yes: bool) -> Recovered:
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
        async with asking(postgres.place):
            lost = await store.unknown(accepted)
            sequences = await store.jump(numbers) if yes else []
            anew = await store.end_anew() if yes else 0
        async with asking(mongo.place):
            chats = await store.agree_on_chats(yes=yes)
    return Recovered(lost, chats, sequences, anew)
