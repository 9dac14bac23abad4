"""What of the demo's data people need by number: companies, users, accounts, sources and tags, as the seed has them."""

import re
from pathlib import Path

SEED = Path(__file__).resolve().parents[1] / "deploy" / "local" / "demo_seed.sql"

_INSERT = re.compile(
    r"INSERT INTO amigocare\.(?P<table>\w+) \((?P<columns>[^)]*)\) VALUES\n(?P<rows>.*?)\nON", re.DOTALL
)
_ROW = re.compile(r"\(([^)]*)\)")


def seeded(table: str) -> list[dict[str, str]]:
    """Return the rows of a table of the seed, by column, as they are written there without quotation marks."""
    (found,) = (each for each in _INSERT.finditer(SEED.read_text(encoding="utf-8")) if each["table"] == table)
    columns = found["columns"].split(", ")
    return [
        dict(zip(columns, (cell.strip("'") for cell in row.split(", ")), strict=True))
        for row in _ROW.findall(found["rows"])
    ]


def demo_ids() -> str:
    """Return a table: for each company its users, accounts and tags, each with its id."""
    lines = ["| company | users | messaging accounts | tags |", "| --- | --- | --- | --- |"]
    for company in seeded("companies"):
        own = (_of(company["id"], table) for table in ("users", "messaging_accounts", "tags"))
        lines.append(f"| {company['id']} {company['name']} | {' | '.join(own)} |")
    return "\n".join(lines)


def demo_sources() -> str:
    """Return the lead sources that all companies share, and those that are deleted."""
    sources = seeded("lead_sources")
    alive = [f"{each['id']} {each['name']}" for each in sources if each["is_deleted"] == "false"]
    deleted = [f"{each['id']} {each['name']}" for each in sources if each["is_deleted"] == "true"]
    return f"Lead sources, of all companies: {', '.join(alive)}. Deleted, so refused: {', '.join(deleted)}."


def _of(company_id: str, table: str) -> str:
    return ", ".join(f"{each['id']} {each['name']}" for each in seeded(table) if each["company_id"] == company_id)
