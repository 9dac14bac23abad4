"""What one imported row weighs, asked of the real servers: bytes in each table, collection and topic, WAL, CPU."""

import time
from collections.abc import Mapping
from pathlib import Path

from pymongo import MongoClient

from bench.stack import INSTANCE, ROOT, Stack, cpu_seconds

_TABLES = """
SELECT string_agg(n.nspname || '.' || c.relname || '=' || pg_total_relation_size(c.oid), ';')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname IN ('amigocare', 'crm')
"""
_WAL = "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint"
_CONNECTIONS = """
SELECT string_agg(name || '=' || held, ';') FROM (
    SELECT application_name AS name, count(*) AS held FROM pg_stat_activity
    WHERE application_name LIKE 'leadflow-%' GROUP BY 1) AS counted
"""
_RECORDS = ".log"

Weights = Mapping[str, float]
"""By ``kind thing``: bytes of a table, a collection or a topic, of WAL; seconds of a process' CPU."""


def weigh(stack: Stack) -> dict[str, float]:
    """Return what there is now. The difference of two is what came between."""
    found = {f"table {name}": size for name, size in _pairs(stack, _TABLES).items()}
    found["WAL"] = float(stack.value(_WAL))
    with MongoClient[dict[str, object]](stack.mongo_url) as client:
        # Written out, or the files are not there yet.
        client.admin.command("fsync")
        database = client.get_default_database()
        for name in database.list_collection_names():
            stats = database.command("collStats", name)
            found[f"collection {name}"] = float(stats["storageSize"] + stats["totalIndexSize"])
    found |= {f"topic {name}": size for name, size in _topics().items()}
    return found | _cpu(stack)


def idle(stack: Stack, seconds: float) -> dict[str, float]:
    """Return what CPU each process takes a second while nothing is imported."""
    before = _cpu(stack)
    time.sleep(seconds)
    return {name: (took - before.get(name, took)) / seconds for name, took in _cpu(stack).items()}


def connections(stack: Stack) -> dict[str, float]:
    """Return how many connections each service holds to PostgreSQL, by its name there."""
    return _pairs(stack, _CONNECTIONS)


def per_row(before: Weights, after: Weights, idling: Weights, rows: int) -> dict[str, float]:
    """Return what one row took; CPU in µs. What a row takes nothing of is left out.

    ``idling``: what was taken in that time without any row.
    """
    found = {}
    for name, amount in after.items():
        took = (amount - before.get(name, 0) - idling.get(name, 0)) / rows
        if name.startswith("CPU "):
            found[name] = max(0.0, took * 1e6)
        elif took >= 1:
            found[name] = took
    return found


def _cpu(stack: Stack) -> dict[str, float]:
    return {f"CPU {name}": cpu_seconds(process) for name, process in stack.processes().items()}


def _pairs(stack: Stack, query: str) -> dict[str, float]:
    pairs = (each.rpartition("=") for each in str(stack.value(query)).split(";"))
    return {name: float(value) for name, _, value in pairs}


def _topics() -> dict[str, float]:
    """Return the bytes of each topic's records on one broker: its indexes are made full-sized and cut later."""
    found: dict[str, float] = {}
    for path in (ROOT / ".local" / INSTANCE).glob(f"kafka*/**/*{_RECORDS}"):
        topic = _topic_of(path)
        if topic is not None:
            found[topic] = found.get(topic, 0) + path.stat().st_size
    return found


def _topic_of(path: Path) -> str | None:
    topic, _, partition = path.parent.name.rpartition("-")
    return topic if partition.isdigit() and not topic.startswith("__") else None
