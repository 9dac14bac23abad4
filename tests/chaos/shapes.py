"""What the imports of a crash scenario hold: each shape meets other branches of the handlers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from bson import ObjectId
from sqlalchemy import text

from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.imports.chats import chats_of
from tests.chaos.accepting import Row
from tests.chaos.checker import ExpectedImport, ExpectedRow
from tests.chaos.world import NOW, STAGES, World
from tests.support.platform import Tenant

Prepare = Callable[[Postgres, Mongo, Tenant], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Shape:
    """Imports of one tenant, and what the platform knows before."""

    name: str
    imports: list[list[Row]]
    chunk_rows: int = 2
    request_tags: int = 1
    prepare: Prepare | None = None
    repeats: int = 1
    """How often Kafka delivers each of the first messages."""
    bad_stage: str | None = None
    """Where every message is bad and dead-lettered, until somebody mends it and replays, twice."""
    asks_provider: bool = False
    amid: Prepare | None = None
    """What the platform learns between dedup and creator."""
    overtaken: bool = False
    together: bool = False
    falls_silent: bool = False
    """The first messages are held up: the watchdog sends them again, and the first ones come after the end."""
    cancel_before: str | None = None
    """The stage before whose first message somebody cancels the first import."""
    canceled_at_once: bool = False
    """A finalizer looks for canceled imports before the messages that are on their way arrive."""
    undone: bool = False
    """The first import is taken back when all have ended, while a customer has used one of its chats."""
    undo_wishes: int = 2
    """How often somebody asks for that before it begins."""
    import_again: bool = False
    """Then the same file is imported once more."""
    comes_late: bool = True
    """Else those that are held up are lost."""

    @property
    def stages(self) -> list[str]:
        """The stages that have something to do."""
        rare = {
            # What is in an import is the same to these.
            "accept": self is SHAPES[0],
            "relay": self is SHAPES[0] or len(self.imports) > 1 or self.bad_stage is not None or self.falls_silent,
            "operator": self.bad_stage is not None,
            "watchdog": self.falls_silent,
            "ending": self.cancel_before is not None or self.undone,
            "canceler": self.cancel_before is not None,
            "undoer": self.undone,
        }
        if self.undone:
            # What comes before is what other shapes are for.
            return ["ending", "undoer", *(["creator"] if self.import_again else [])]
        return [stage for stage in STAGES if rare.get(stage, True)]

    @property
    def revision(self) -> int:
        """How often each import ends."""
        return 2 if self.bad_stage else 1


async def known_contacts(postgres: Postgres, mongo: Mongo, tenant: Tenant) -> None:
    """Make a patient and a customer's chat, in the old form of eight digits and in the new one."""
    async with postgres.transaction() as connection:
        await connection.execute(
            text(
                "INSERT INTO amigocare.patients (company_id, contact_cellphone, contact_cellphone_dial_code,"
                " contact_cellphone_country_code) VALUES (:company, '1191000001', '55', 'BR')"
            ),
            {"company": tenant.company_id},
        )
    await chats_of(mongo).insert_one(customers_chat(tenant, "11991000002"))


def customers_chat(tenant: Tenant, phone: str) -> dict[str, Any]:
    """Return a chat as the platform opens one when a customer writes."""
    return {
        "_id": ObjectId(),
        "company_id": tenant.company_id,
        "account_id": tenant.account_id,
        "lead_id": None,
        "name": "Customer",
        "contact_cellphone": phone,
        "contact_cellphone_dial_code": "55",
        "contact_cellphone_country_code": "BR",
        "created_at": NOW,
        "updated_at": NOW,
    }


async def customer_writes(postgres: Postgres, mongo: Mongo, tenant: Tenant) -> None:
    """Open a chat."""
    await chats_of(mongo).insert_one(customers_chat(tenant, "11991000009"))


SHAPES: tuple[Shape, ...] = (
    Shape("two chunks with tags", [[Row("11991000001", ["a"]), Row("11991000002", ["a", "b"]), Row("1130000003")]]),
    Shape(
        "a patient and a chat are known",
        [[Row("11991000001", ["x"]), Row("11991000002", ["y"]), Row("11991000003", ["z"])]],
        prepare=known_contacts,
    ),
    Shape(
        "two imports share phones and tags",
        [
            [Row("11991000001", ["a"]), Row("11991000002", ["b"])],
            [Row("11991000002", ["b"]), Row("11991000003", ["a"])],
        ],
    ),
    Shape(
        "every message comes twice",
        [[Row("11991000001", ["a"]), Row("11991000002")]],
        chunk_rows=1,
        repeats=2,
        overtaken=True,
    ),
    Shape(
        "all is known, tags stay unused",
        [[Row("11991000001", ["u"]), Row("11991000002", ["v"])]],
        request_tags=0,
        prepare=known_contacts,
    ),
    Shape(
        "absent on WhatsApp, a customer who writes meanwhile, a chunk that the api had settled whole",
        [
            [
                Row("11991000001", ["a"]),
                Row("11991230000", ["w"]),
                Row("11991000009", ["c"]),
                Row("11991000001", settled=True),
                Row("11991000001", settled=True),
            ]
        ],
        chunk_rows=3,
        asks_provider=True,
        amid=customer_writes,
    ),
    Shape(
        "dead-lettered after its leads were made, and replayed twice",
        [[Row("11991000001", ["a"]), Row("11991000002", ["b"]), Row("11991000003", ["a"])]],
        bad_stage="finalizer",
    ),
    Shape(
        "three chunks of a row each, with two tags of the request",
        [[Row("11991000001", ["a"]), Row("11991000002", ["b"]), Row("11991000003", ["a"])]],
        chunk_rows=1,
        request_tags=2,
    ),
    Shape(
        "sent again, and late repeats after the end",
        [[Row("11991000001", ["a"]), Row("11991000003", ["b"]), Row("11991230000", ["w"])]],
        asks_provider=True,
        falls_silent=True,
        prepare=known_contacts,
    ),
)

CANCELED = tuple(
    Shape(
        f"canceled before {stage}{', at once' if at_once else ''}",
        [
            [
                Row("11991000001", ["a"]),
                Row("11991000002", ["b"]),
                Row("11991000003", ["a"]),
                Row("11991000004", ["c"]),
            ],
            [Row("11991000002", ["b"]), Row("11991000005", ["a"])],
        ],
        chunk_rows=1,
        cancel_before=stage,
        canceled_at_once=at_once,
    )
    for stage, at_once in (
        ("dedup", False),
        ("tagger", True),
        ("creator", False),
        ("creator", True),
        ("finalizer", True),
    )
)
UNDONE = (
    Shape(
        "taken back twice, after a customer wrote, and imported again",
        [
            [
                Row("11991000001", ["a"]),
                Row("11991000002", ["b"]),
                Row("11991000003", ["a"]),
                Row("11991000004", ["c"]),
            ],
            [Row("11991000005", ["b"])],
        ],
        undone=True,
        import_again=True,
    ),
    Shape(
        "canceled and then taken back",
        [[Row(f"1199100000{number}", ["a", f"t{number}"]) for number in range(1, 6)]],
        chunk_rows=1,
        cancel_before="finalizer",
        undone=True,
        undo_wishes=1,
    ),
)
SHAPES = (*SHAPES, *CANCELED, *UNDONE)

RACE = Shape(
    "all chunks of two imports at the same time",
    [[Row(f"1199100000{number}", ["a", "b"]) for number in range(1, 7)]] * 2,
    chunk_rows=1,
    together=True,
)
"""Too many ways to count its crash points; the relay's windows let a few chunks of each import go together."""
LOST = Shape(
    "the first messages are lost",
    [[Row("11991000001", ["a"])]],
    falls_silent=True,
    comes_late=False,
)


async def run_shape(world: World, shape: Shape, postgres: Postgres, mongo: Mongo) -> None:
    """Accept the shape's imports and let the pipeline run until it is quiet."""
    tenant = world.tenant
    world.asks_provider, world.bad_stage = shape.asks_provider, shape.bad_stage
    world.overtaken, world.together = shape.overtaken, shape.together
    world.before_creator = partial(shape.amid, postgres, mongo, tenant) if shape.amid else None
    if shape.prepare:
        await shape.prepare(postgres, mongo, tenant)
    for rows in shape.imports:
        await accept_and_expect(world, shape, rows)
    if shape.cancel_before:
        world.before[shape.cancel_before] = partial(cancel_first, world, shape)
    if shape.falls_silent:
        await fall_silent(world, comes_late=shape.comes_late)
    elif shape.repeats > 1:
        await world.relay()
        for queue in world.topics.values():
            queue.extend(list(queue) * (shape.repeats - 1))
    await world.until_quiet()
    if shape.bad_stage:
        await replay_twice(world)
    if shape.undone:
        await undo_first(world, shape, mongo)


async def accept_and_expect(world: World, shape: Shape, rows: list[Row]) -> None:
    """Have a file accepted, and note what must become of it."""
    tenant = world.tenant
    import_id = await world.accept(rows, chunk_rows=shape.chunk_rows, tag_ids=tenant.tag_ids[: shape.request_tags])
    world.expected.append(
        ExpectedImport(
            import_id,
            tenant.company_id,
            tenant.account_id,
            tenant.source_id,
            expected_rows(rows, shape),
            revision=shape.revision,
        )
    )


async def cancel_first(world: World, shape: Shape) -> None:
    """Cancel the first import, twice."""
    first = world.expected[0]
    assert await world.cancel(first.import_id)
    assert await world.cancel(first.import_id)
    world.expected[0] = replace(first, canceled=True)
    if shape.canceled_at_once:
        await world.look_for_canceled()


async def undo_first(world: World, shape: Shape, mongo: Mongo) -> None:
    """Take the first import back, while one of its chats has been used."""
    first = world.expected[0]
    used = await chats_of(mongo).find_one({"import_id": first.import_id}, sort=[("_id", 1)])
    touched = frozenset[str]()
    if used is not None:
        await chats_of(mongo).update_one({"_id": used["_id"]}, {"$set": {"last_message": "Oi"}})
        touched = frozenset({str(used["_id"])})
    for _ in range(shape.undo_wishes):
        assert await world.undo(first.import_id)
    world.expected[0] = replace(first, undone=True, touched=touched)
    await world.until_quiet()
    if shape.import_again:
        await accept_and_expect(world, shape, shape.imports[0])
        await world.until_quiet()


def expected_rows(rows: list[Row], shape: Shape) -> dict[int, ExpectedRow]:
    """Return what must become of a file's rows."""
    names = ["Cliente", "Parceiro", "VIP"][: shape.request_tags]
    return {
        number: ExpectedRow(
            row.name,
            "BR",
            row.phone,
            row.cpf,
            row.email,
            frozenset([*row.tags, *names]),
            error="not_on_whatsapp" if shape.asks_provider and row.phone.endswith("0000") else None,
        )
        for number, row in enumerate(rows, start=2)
    }


async def fall_silent(world: World, *, comes_late: bool) -> None:
    """Hold the first messages up; deliver what the watchdog sends in their place, then they may come after all."""
    await world.relay()
    late = {topic: list(queue) for topic, queue in world.topics.items()}
    for queue in world.topics.values():
        queue.clear()
    await world.resend_silent_chunks()
    await world.until_quiet()
    for topic, messages in late.items() if comes_late else ():
        world.topics[topic].extend(messages)


async def replay_twice(world: World) -> None:
    """Mend the bad stage and replay every chunk, once more after it has gone through."""
    world.bad_stage = None
    chunks = [(each.import_id, index) for each in world.expected for index in range(len(each.rows))]
    for _ in range(2):
        await world.replay(chunks)
        await world.until_quiet()
