"""``leadflow erase``: what the house knows of one person. Nothing that it prints says who that is."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Annotated

import typer

from libs.common.clock import utc_now
from libs.common.kafka.asking import KafkaServer
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.contracts.registry import registries
from libs.fields.invalid_value import InvalidValue
from services.operator.erasing.domain import Person
from services.operator.erasing.places import BEFORE_LEADS, LEADS, OF_LEADS, Place
from services.operator.erasing.store import ErasureStore, ErasureWish, InChats, InTable
from services.operator.erasing.topic_letters import TopicLetters, letters_naming, personal_topics
from services.operator.no_answer import NoAnswer, asking, closing
from services.operator.settings import Settings

SEARCH_SECONDS = 600.0
"""A search reads tables from end to end."""
LEFT = 2
"""The exit code when something is left that only another run, later, can erase."""


@dataclass(slots=True)
class Told:
    """What was found, place by place."""

    tables: list[tuple[Place, InTable]]
    chats: InChats
    letters: list[TopicLetters]

    @property
    def has_open(self) -> bool:
        """Whether something is on its way, which another run must look for."""
        return any(found.imports_open or (place.kind == "open" and found.rows) for place, found in self.tables)

    @property
    def count(self) -> int:
        """Places in the databases where the person stands, and can be erased now."""
        tables = sum(len(found.rows) for place, found in self.tables if place.kind == "emptied")
        return tables + len(self.chats.unused) + len(self.chats.used)


def erase(
    company_id: Annotated[int, typer.Option("--company", help="The company whose data it is.")],
    phone: Annotated[str | None, typer.Option(help="In any spelling.")] = None,
    email: Annotated[str | None, typer.Option(help="The address.")] = None,
    cpf: Annotated[str | None, typer.Option(help="With or without its punctuation.")] = None,
    reference: Annotated[str, typer.Option(help="The request's number, for the audit. Nothing personal.")] = "",
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Erase. Without it, only say what is there.")] = False,
) -> None:
    """Erase one person: what names any of phone, e-mail and CPF. Says what it found and did, place by place.

    A second run finds what the first one left; when it says that nothing is left, nothing is. Exit code 2: an import is
    in progress, or an event waits; run it again later.
    """
    try:
        person = Person.of(phone=phone, email=email, cpf=cpf)
    except InvalidValue as wrong:
        typer.echo(f"That can't be read: {wrong.code}.", err=True)
        raise typer.Exit(1) from None
    if person.is_nobody:
        typer.echo("Say who: --phone, --email or --cpf.", err=True)
        raise typer.Exit(1)
    try:
        told = asyncio.run(_erase(ErasureWish(company_id, person, reference[:64]), yes=yes))
    except NoAnswer as silence:
        typer.echo(f"{silence}. What was erased stays so; run it again.", err=True)
        raise typer.Exit(1) from None
    for line in _lines(told, yes=yes):
        typer.echo(line)
    if told.has_open:
        raise typer.Exit(LEFT)


async def _erase(asked: ErasureWish, *, yes: bool) -> Told:
    given = Settings()
    settings = given.model_copy(
        update={"postgres_timeout_seconds": SEARCH_SECONDS, "mongo_timeout_seconds": SEARCH_SECONDS}
    )
    async with AsyncExitStack() as stack:
        postgres = await stack.enter_async_context(closing(Postgres(settings, application_name="operator")))
        mongo = await stack.enter_async_context(closing(Mongo(settings, application_name="operator")))
        store = ErasureStore(postgres, mongo, clock=utc_now)
        async with asking(postgres.place):
            await postgres.ask()
        async with asking(mongo.place):
            await mongo.ask()
        now = utc_now()
        topics = personal_topics(registries())
        async with asking(KafkaServer(settings).place):
            letters = [each async for each in letters_naming(settings, topics, asked.person.may_be_named_in, now=now)]
        run = store.erase if yes else store.find
        async with asking(postgres.place):
            found = await run(asked, BEFORE_LEADS)
            (leads,) = await store.find(asked, [LEADS])
        async with asking(mongo.place):
            chats = await (store.erase_chats if yes else store.find_chats)(asked, leads)
        async with asking(postgres.place):
            # Last: by its lead the rest is found again, should this end before.
            found += await run(asked, OF_LEADS)
        tables = list(zip((*BEFORE_LEADS, *OF_LEADS), found, strict=True))
        return Told(tables, chats, letters)


def _lines(told: Told, *, yes: bool) -> Iterator[str]:
    """Yield what was found, and what was done or would be."""
    for place, found in told.tables:
        if found.rows:
            yield f"{place.table}: {len(found.rows)} — {place.done}"
        if found.imports_open:
            imports = ", ".join(map(str, sorted(found.imports_open)))
            yield f"{place.table}: in imports in progress ({imports}) — run this again when they have ended"
    if told.chats.unused:
        yield f"chats: {len(told.chats.unused)} that nobody has used — deleted"
    if told.chats.used:
        yield f"chats: {len(told.chats.used)} — name and phone emptied; messages are the platform's to erase"
    for letters in told.letters:
        count = "may hold letters (no right to read it)" if letters.count is None else f"{letters.count} letters"
        yield f"{letters.topic}: {count} — gone by themselves by {letters.gone_by:%Y-%m-%d %H:%M} UTC"
    if not told.count and not told.has_open:
        yield "Nothing is left in PostgreSQL and MongoDB."
    elif not yes:
        yield "Nothing was changed: --yes does it."
    yield "Not ours, and not looked at: patients, messages and backups. How: docs/guide/personal-data.md."
