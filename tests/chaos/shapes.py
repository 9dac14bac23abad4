"""What the imports of a crash scenario hold: each shape meets other branches of the handlers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bson import ObjectId
from sqlalchemy import text

from libs.common.mongo import Mongo
from libs.common.postgres import Postgres
from tests.chaos.checker import ExpectedImport, ExpectedRow
from tests.chaos.world import NOW, Row, World
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
)


async def run_shape(world: World, shape: Shape, postgres: Postgres, mongo: Mongo) -> None:
    """Accept the shape's imports and let the pipeline run until it is quiet."""
    tenant = world.tenant
    if shape.prepare:
        await shape.prepare(postgres, mongo, tenant)
    request_tags = tenant.tag_ids[: shape.request_tags]
    names = ["Cliente", "Parceiro", "VIP"][: shape.request_tags]
    for rows in shape.imports:
        import_id = await world.accept(rows, chunk_rows=shape.chunk_rows, tag_ids=request_tags)
        world.expected.append(
            ExpectedImport(
                import_id,
                {
                    number: ExpectedRow("BR", row.phone, frozenset([*row.tags, *names]))
                    for number, row in enumerate(rows, start=2)
                },
            )
        )
    await world.relay()
    for queue in world.topics.values():
        queue.extend(list(queue) * (shape.repeats - 1))
    await world.until_quiet()
