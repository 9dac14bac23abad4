"""What the imports of a crash scenario hold: each shape meets other branches of the handlers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bson import ObjectId
from sqlalchemy import text

from libs.common.mongo import Mongo
from libs.common.postgres import Postgres
from tests.chaos.checker import ExpectedImport, ExpectedRow
from tests.chaos.world import NOW, STAGES, Row, World
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
    falls_silent: bool = False
    """The first messages are held up: the watchdog sends them again, and the first ones come after the end."""

    @property
    def stages(self) -> list[str]:
        """The stages that have something to do."""
        rare = {"operator": self.bad_stage is not None, "watchdog": self.falls_silent}
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
    await mongo.chats.insert_one(
        {
            "_id": ObjectId(),
            "company_id": tenant.company_id,
            "account_id": tenant.account_id,
            "lead_id": None,
            "name": "Customer",
            "contact_cellphone": "11991000002",
            "contact_cellphone_dial_code": "55",
            "contact_cellphone_country_code": "BR",
            "created_at": NOW,
            "updated_at": NOW,
        }
    )


SHAPES = (
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
    Shape("every message comes twice", [[Row("11991000001", ["a"]), Row("11991000002")]], chunk_rows=1, repeats=2),
    Shape(
        "all is known, tags stay unused",
        [[Row("11991000001", ["u"]), Row("11991000002", ["v"])]],
        request_tags=0,
        prepare=known_contacts,
    ),
    Shape(
        "absent on WhatsApp, and a chunk that the api had settled whole",
        [
            [
                Row("11991000001", ["a"]),
                Row("11991230000", ["w"]),
                Row("11991000001", settled=True),
                Row("11991000001", settled=True),
            ]
        ],
        asks_provider=True,
    ),
    Shape(
        "dead-lettered after its leads were made, and replayed twice",
        [[Row("11991000001", ["a"]), Row("11991000002", ["b"]), Row("11991000003", ["a"])]],
        bad_stage="finalizer",
    ),
    Shape(
        "sent again, and late repeats after the end",
        [[Row("11991000001", ["a"]), Row("11991000003", ["b"])]],
        chunk_rows=1,
        falls_silent=True,
        prepare=known_contacts,
    ),
)


async def run_shape(world: World, shape: Shape, postgres: Postgres, mongo: Mongo) -> None:
    """Accept the shape's imports and let the pipeline run until it is quiet."""
    tenant = world.tenant
    world.asks_provider, world.bad_stage = shape.asks_provider, shape.bad_stage
    if shape.prepare:
        await shape.prepare(postgres, mongo, tenant)
    for rows in shape.imports:
        import_id = await world.accept(rows, chunk_rows=shape.chunk_rows, tag_ids=tenant.tag_ids[: shape.request_tags])
        world.expected.append(ExpectedImport(import_id, expected_rows(rows, shape), revision=shape.revision))
    if shape.falls_silent:
        await fall_silent(world)
    elif shape.repeats > 1:
        await world.relay()
        for queue in world.topics.values():
            queue.extend(list(queue) * (shape.repeats - 1))
    await world.until_quiet()
    if shape.bad_stage:
        await replay_twice(world)


def expected_rows(rows: list[Row], shape: Shape) -> dict[int, ExpectedRow]:
    """Return what must become of a file's rows."""
    names = ["Cliente", "Parceiro", "VIP"][: shape.request_tags]
    return {
        number: ExpectedRow(
            "BR",
            row.phone,
            frozenset([*row.tags, *names]),
            error="not_on_whatsapp" if shape.asks_provider and row.phone.endswith("0000") else None,
        )
        for number, row in enumerate(rows, start=2)
    }


async def fall_silent(world: World) -> None:
    """Hold the first messages up; deliver what the watchdog sends in their place, then they come after all."""
    await world.relay()
    late = {topic: list(queue) for topic, queue in world.topics.items()}
    for queue in world.topics.values():
        queue.clear()
    await world.resend_silent_chunks()
    await world.until_quiet()
    for topic, messages in late.items():
        world.topics[topic].extend(messages)


async def replay_twice(world: World) -> None:
    """Mend the bad stage and replay every chunk, once more after it has gone through."""
    world.bad_stage = None
    chunks = [(each.import_id, index) for each in world.expected for index in range(len(each.rows))]
    for _ in range(2):
        await world.replay(chunks)
        await world.until_quiet()
