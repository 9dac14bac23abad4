"""Revisions that break the release before are refused, with what to do instead; those that expand are not."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.revisions.recorded import Revision, Statement, recorded_revisions
from tests.support.revisions.rules import refusals

SHOP = (
    """
    CREATE TABLE shop.orders (
        id int PRIMARY KEY, buyer varchar(40) NOT NULL, total int DEFAULT 0, note text,
        CONSTRAINT orders_total CHECK (total >= 0)
    )
    """,
    "CREATE TABLE shop.buyers (id int PRIMARY KEY, name text)",
    "CREATE UNIQUE INDEX orders_buyer ON shop.orders (buyer)",
    "CREATE FUNCTION shop.sum_of(buyer text) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE VIEW shop.open_orders AS SELECT id FROM shop.orders",
    "CREATE POLICY of_the_shop ON shop.orders USING (true)",
    "CREATE TRIGGER counted AFTER INSERT ON shop.orders FOR EACH ROW EXECUTE FUNCTION shop.count()",
)
"""What the release before has."""

EXPANDED = (
    "ALTER TABLE shop.orders ADD COLUMN buyer_id int",
    "ALTER TABLE shop.orders ADD CONSTRAINT orders_has_buyer CHECK (buyer_id IS NOT NULL) NOT VALID",
)
PROVEN = ("ALTER TABLE shop.orders VALIDATE CONSTRAINT orders_has_buyer",)

RELEASED = frozenset({"shop_0001", "shop_0002", "shop_0003"})


def revision(
    name: str,
    *statements: str,
    alone: bool = False,
    after: str | None = None,
    lives_with: Mapping[str, str] | None = None,
) -> Revision:
    return Revision(name, [Statement(each, alone) for each in statements], after, lives_with or {})


def judged(*later: Revision) -> list[str]:
    """Return why the last of the revisions is refused, of a shop that has been released."""
    some = [
        revision("shop_0001", *SHOP),
        revision("shop_0002", EXPANDED[0], EXPANDED[1], lives_with={}),
        revision("shop_0003", *PROVEN),
        *later,
    ]
    return refusals(some, released=RELEASED).get(later[-1].id, [])


BAD = {
    "drop a column": ("ALTER TABLE shop.orders DROP COLUMN note", "contracts_after"),
    "drop a column, if it is there": ("ALTER TABLE shop.orders DROP COLUMN IF EXISTS note CASCADE", "contracts_after"),
    "drop a table": ("DROP TABLE shop.buyers", "contracts_after"),
    "drop a table of the platform": ("DROP TABLE IF EXISTS amigocare.companies", "contracts_after"),
    "drop a function": ("DROP FUNCTION shop.sum_of(text)", "contracts_after"),
    "drop a view": ("DROP VIEW shop.open_orders", "contracts_after"),
    "drop a policy": ("DROP POLICY of_the_shop ON shop.orders", "contracts_after"),
    "drop a unique index": ("DROP INDEX shop.orders_buyer", "DROP INDEX CONCURRENTLY"),
    "drop a constraint": ("ALTER TABLE shop.orders DROP CONSTRAINT orders_total", "older_code_lives_with"),
    "rename a column": ("ALTER TABLE shop.orders RENAME COLUMN note TO remark", "add the new one, write both"),
    "rename a table": ("ALTER TABLE shop.orders RENAME TO purchases", "add the new one, write both"),
    "rename a function": ("ALTER FUNCTION shop.sum_of(text) RENAME TO total_of", "add the new one, write both"),
    "move a table": ("ALTER TABLE shop.orders SET SCHEMA archive", "make a new one, write both"),
    "another type": ("ALTER TABLE shop.orders ALTER COLUMN total TYPE bigint", "add a column of the new type"),
    "a narrower type": ("ALTER TABLE shop.orders ALTER buyer TYPE varchar(20)", "add a column of the new type"),
    "a column that must be filled": ("ALTER TABLE shop.orders ADD COLUMN kind text NOT NULL", "a constant default"),
    "a computed default": ("ALTER TABLE shop.orders ADD COLUMN key uuid DEFAULT uuidv7()", "in a statement of its own"),
    "a column that numbers itself": ("ALTER TABLE shop.orders ADD COLUMN number serial", "add a plain column"),
    "a column with a key": ("ALTER TABLE shop.orders ADD COLUMN b int REFERENCES shop.buyers", "NOT VALID"),
    "a column with a check": ("ALTER TABLE shop.orders ADD COLUMN b int CHECK (b > 0)", "NOT VALID"),
    "a column that is unique": ("ALTER TABLE shop.orders ADD COLUMN b int UNIQUE", "create_index_concurrently"),
    "no more nulls": ("ALTER TABLE shop.orders ALTER COLUMN note SET NOT NULL", "contracts_after"),
    "nulls from now on": ("ALTER TABLE shop.orders ALTER COLUMN buyer DROP NOT NULL", "release code that reads nulls"),
    "no default any more": ("ALTER TABLE shop.orders ALTER COLUMN total DROP DEFAULT", "always writes it"),
    "another default": ("ALTER TABLE shop.orders ALTER COLUMN total SET DEFAULT 1", "write the value in the code"),
    "a check that reads all": ("ALTER TABLE shop.orders ADD CONSTRAINT c CHECK (total < 9)", "with NOT VALID"),
    "a check of what is written": (
        "ALTER TABLE shop.orders ADD CONSTRAINT c CHECK (total < 9) NOT VALID",
        "older code may write total otherwise",
    ),
    "a foreign key that reads all": (
        "ALTER TABLE shop.orders ADD CONSTRAINT f FOREIGN KEY (buyer_id) REFERENCES shop.buyers",
        "VALIDATE CONSTRAINT in the next",
    ),
    "unique at once": ("ALTER TABLE shop.orders ADD CONSTRAINT u UNIQUE (note)", "create_index_concurrently"),
    "an index that holds writers": ("CREATE INDEX orders_note ON shop.orders (note)", "create_index_concurrently"),
    "a unique index that holds writers": ("CREATE UNIQUE INDEX o ON shop.orders (note)", "create_index_concurrently"),
    "an index in a transaction": ("CREATE INDEX CONCURRENTLY o ON shop.orders (note)", "which PostgreSQL refuses"),
    "many rows": ("UPDATE shop.orders SET buyer_id = 1", "in portions that each commit"),
    "away with rows": ("DELETE FROM shop.orders WHERE note IS NULL", "in portions that each commit"),
    "away with all rows": ("TRUNCATE shop.orders", "in portions that each commit"),
    "copied rows": ("INSERT INTO shop.buyers SELECT id, buyer FROM shop.orders", "in portions that each commit"),
    "another function of the name": (
        "CREATE OR REPLACE FUNCTION shop.sum_of(buyer text) RETURNS int LANGUAGE sql AS 'SELECT 2'",
        "a name of its own",
    ),
    "a trigger": (
        "CREATE TRIGGER t BEFORE INSERT ON shop.orders FOR EACH ROW EXECUTE FUNCTION shop.refuse()",
        "older_code_lives_with",
    ),
    "rows that are hidden": ("ALTER TABLE shop.buyers ENABLE ROW LEVEL SECURITY", "policies of the same revision"),
    "rows that are hidden by a policy": (
        "CREATE POLICY p ON shop.orders AS RESTRICTIVE USING (total > 0)",
        "add a policy beside it",
    ),
    "a right that is taken": ("REVOKE SELECT ON shop.orders FROM clerk", "after a release that does without"),
    "a role that is taken": ("REVOKE clerk FROM shop_owner", "after a release that does without"),
    "no lock limit": ("SET lock_timeout = 0", "leave the limit"),
    "a lock": ("LOCK TABLE shop.orders", "give it a rule"),
    "in a block": ("DO $$ BEGIN ALTER TABLE shop.orders DROP COLUMN note; END $$", "contracts_after"),
    "put together in a block": ("DO $$ BEGIN EXECUTE 'DROP TABLE shop.orders'; END $$", "write it out"),
    "no SQL": ("ALTER TABEL shop.orders DROP COLUMN note", "what PostgreSQL does not read"),
}  # fmt: skip


@pytest.mark.parametrize(("sql", "instead"), BAD.values(), ids=BAD.keys())
def test_what_breaks_the_release_before_is_refused(sql: str, instead: str) -> None:
    why = " ".join(judged(revision("shop_0004", sql)))
    assert instead in why, why or "it is not refused"


def test_what_is_added_and_validated_in_one_transaction_is_refused() -> None:
    added = "ALTER TABLE shop.orders ADD CONSTRAINT f FOREIGN KEY (buyer_id) REFERENCES shop.buyers NOT VALID"
    told = {"f": "only new code writes it"}
    (why,) = judged(revision("shop_0004", added, "ALTER TABLE shop.orders VALIDATE CONSTRAINT f", lives_with=told))
    assert "VALIDATE CONSTRAINT in a revision of its own" in why


def test_a_unique_index_on_what_older_code_writes_twice_is_refused() -> None:
    (why,) = judged(
        revision("shop_0004", "CREATE UNIQUE INDEX CONCURRENTLY o ON shop.orders (lower(note))", alone=True)
    )
    assert "older code may write the same note twice" in why


NEW = "CREATE TABLE shop.notes (id int PRIMARY KEY, order_id int NOT NULL REFERENCES shop.orders, text text)"
GOOD = {
    "a table": revision("shop_0004", NEW, "CREATE INDEX notes_order ON shop.notes (order_id)"),
    "what is not released may change": revision(
        "shop_0004",
        NEW,
        "ALTER TABLE shop.notes ADD COLUMN kind text NOT NULL",
        "ALTER TABLE shop.notes DROP COLUMN text",
        "ALTER TABLE shop.notes ENABLE ROW LEVEL SECURITY",
        "INSERT INTO shop.notes SELECT id, id, note FROM shop.orders",
    ),
    "a column that may be null": revision("shop_0004", "ALTER TABLE shop.orders ADD COLUMN kind text"),
    "a column with a constant": revision("shop_0004", "ALTER TABLE shop.orders ADD COLUMN n int NOT NULL DEFAULT 1"),
    "a column with the time": revision("shop_0004", "ALTER TABLE shop.orders ADD COLUMN at timestamptz DEFAULT now()"),
    "a computed default afterwards": revision(
        "shop_0004",
        "ALTER TABLE shop.orders ADD COLUMN key uuid",
        "ALTER TABLE shop.orders ALTER COLUMN key SET DEFAULT uuidv7()",
    ),
    "a wider varchar": revision("shop_0004", "ALTER TABLE shop.orders ALTER COLUMN buyer TYPE varchar(80)"),
    "a check of a new column": revision(
        "shop_0004",
        "ALTER TABLE shop.orders ADD COLUMN n int, ADD CONSTRAINT n_right CHECK (n > 0) NOT VALID",
    ),
    "a check that what older code writes holds": revision(
        "shop_0004",
        "ALTER TABLE shop.orders ADD CONSTRAINT c CHECK (total < 9) NOT VALID",
        lives_with={"c": "no form takes more than eight"},
    ),
    "an index concurrently": revision(
        "shop_0004", "SET lock_timeout = 0", "CREATE INDEX CONCURRENTLY o ON shop.orders (note)", alone=True
    ),
    "rights and policies": revision(
        "shop_0004",
        "GRANT SELECT ON shop.orders TO clerk",
        "CREATE POLICY of_clerks ON shop.orders TO clerk USING (true)",
        "DO $$ BEGIN CREATE ROLE clerk NOLOGIN; GRANT clerk TO CURRENT_USER; END $$",
    ),
    "a function that nobody may call": revision(
        "shop_0004",
        "CREATE FUNCTION shop.new_one() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "REVOKE EXECUTE ON FUNCTION shop.new_one() FROM PUBLIC",
    ),
    "a few rows": revision("shop_0004", "INSERT INTO shop.buyers VALUES (1, 'Nobody'), (2, 'Somebody')"),
    "dropped after a release that does without": revision(
        "shop_0004", "ALTER TABLE shop.orders DROP COLUMN buyer", after="shop_0002"
    ),
    "never null after a release that fills it": revision(
        "shop_0004", "ALTER TABLE shop.orders ALTER COLUMN buyer_id SET NOT NULL", after="shop_0002"
    ),
}


@pytest.mark.parametrize("good", GOOD.values(), ids=GOOD.keys())
def test_what_expands_or_contracts_in_time_is_not_refused(good: Revision) -> None:
    assert judged(good) == []


def test_a_constraint_is_validated_in_the_next_revision() -> None:
    added = "ALTER TABLE shop.orders ADD CONSTRAINT f FOREIGN KEY (kind) REFERENCES shop.kinds NOT VALID"
    column = revision("shop_0004", "ALTER TABLE shop.orders ADD COLUMN kind int", added)
    assert judged(column) == []
    assert judged(column, revision("shop_0005", "ALTER TABLE shop.orders VALIDATE CONSTRAINT f")) == []


def test_a_contraction_waits_for_the_release_of_its_expansion() -> None:
    expands = revision("shop_0004", "ALTER TABLE shop.orders ADD COLUMN remark text")
    (why,) = judged(expands, revision("shop_0005", "ALTER TABLE shop.orders DROP COLUMN note", after="shop_0004"))
    assert "wait until it is released" in why
    (why,) = judged(expands, revision("shop_0005", "ALTER TABLE shop.orders DROP COLUMN note", after="shop_0009"))
    assert "is no revision before it" in why


def test_a_contraction_holds_locks_as_short_as_any() -> None:
    why = " ".join(judged(revision("shop_0004", "DROP INDEX shop.orders_buyer", after="shop_0002")))
    assert "DROP INDEX CONCURRENTLY" in why
    why = " ".join(judged(revision("shop_0004", "ALTER TABLE shop.orders ALTER note SET NOT NULL", after="shop_0002")))
    assert "validate it in the next revision" in why


def test_a_reason_without_its_cause_is_refused() -> None:
    (why,) = judged(revision("shop_0004", "SELECT 1", lives_with={"orders_total": "it is no more"}))
    assert "take it out" in why


REVISION = """
from alembic import op
import sqlalchemy as sa

revision = "{id}"
down_revision = {down}
branch_labels = None
depends_on = None
{says}

def upgrade() -> None:
    {does}
"""


def files(folder: Path, does: str, says: str = "") -> Path:
    """Write an owner's folder of two revisions, of which the second does this."""
    owner = folder / "migrations" / "shop"
    owner.mkdir(parents=True)
    first = "op.create_table('orders', sa.Column('id', sa.Integer, primary_key=True), sa.Column('note', sa.Text))"
    (owner / "v0001_first.py").write_text(REVISION.format(id="shop_0001", down=None, does=first, says=""))
    (owner / "v0002_second.py").write_text(REVISION.format(id="shop_0002", down='"shop_0001"', does=does, says=says))
    (folder / "migrations" / "env.py").touch()
    return folder / "migrations"


@pytest.mark.parametrize(
    ("does", "says", "instead"),
    [
        ("op.drop_column('orders', 'note')", "", "drops column orders.note"),
        ("op.alter_column('orders', 'note', new_column_name='remark')", "", "renames column orders.note"),
        ("op.add_column('orders', sa.Column('kind', sa.Text, nullable=False))", "", "give it a constant default"),
        ("op.get_bind().execute(sa.text('SELECT 1')).scalar()", "", "write the SQL out"),
        ("op.drop_column('orders', 'note')", "contracts_after = 'shop_0001'", None),
        ("op.add_column('orders', sa.Column('kind', sa.Text))", "", None),
    ],
)
def test_what_alembic_would_send_is_read(tmp_path: Path, does: str, says: str, instead: str | None) -> None:
    revisions = recorded_revisions(files(tmp_path, does, says))
    why = refusals(revisions, released=frozenset({"shop_0001"})).get("shop_0002", [])
    assert (instead is None and not why) or (instead is not None and instead in " ".join(why)), why
