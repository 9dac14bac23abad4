"""What a load takes, reckoned from what one row was measured to take: for docs/guide/capacity.md."""

from collections.abc import Callable, Mapping, Sequence
from math import ceil

from bench.figures import Part, load, machine_of, shown
from deploy.processes import PARTITIONS

LOADS = (1, 10, 100, 1_000)
ROWS_A_DAY = 500_000
"""The load that the others are multiples of: a hundred companies that each import the 5,000 rows of an hour's quota."""
BUSY_SHARE = 0.2
"""Of a day's rows come in its busiest hour."""
BUSY = 0.6
"""Of a process' core that is planned to be used: what is left takes the peaks within the hour."""
DAYS_KEPT = 365
INT4 = 2**31
COPIES = 3
"""Of a topic, and of a database with two standbys."""
DISK_BROKER_BYTES = 5e11
"""That one broker is given."""

THOUSAND = 1_000
NOTHING = "Nothing is measured yet: `make bench ONLY=capacity`."
BESIDE = "speed with full tables ÷ with empty ones"
STORED = ("table ", "collection ", "topic ", "WAL")
LEAST_MICROS = 0.1
"""Of CPU: less is noise."""

STAGES = ("api", "dedup", "tagger", "creator", "finalizer", "enroller")
"""What works on each row. The others of the table of processes answer people."""


def weights() -> dict[str, float]:
    """Return the median of each measured weight of a row, by its name; nothing before the first measurement."""
    part = load("capacity")
    if part is None:
        return {}
    return {figure.name.removeprefix("a row's "): figure.median for figure in part.figures}


def source() -> str:
    """Return how much was measured, and on what machine."""
    part = load("capacity")
    if part is None:
        return NOTHING
    return f"Measured: {part.what}, on {machine_of(part.name)}; medians of {_runs(part)} runs. {_beside(part)}"


def _runs(part: Part) -> int:
    return max(len(figure.values) for figure in part.figures)


def _beside(part: Part) -> str:
    ratio = next(figure for figure in part.figures if figure.name == BESIDE)
    least, most = min(ratio.values), max(ratio.values)
    return f"With full tables an import kept {ratio.median:.0%} of its speed ({least:.0%} to {most:.0%})."


def rows_a_second(load_of: int) -> float:
    """Return the rows a second of the busiest hour."""
    return load_of * ROWS_A_DAY * BUSY_SHARE / 3600


def of_kind(kind: str, found: Mapping[str, float]) -> float:
    """Return the sum of all weights of one kind, as ``table`` or ``topic``."""
    return sum(weight for name, weight in found.items() if name.startswith(f"{kind} "))


def processes(stage: str, load_of: int, found: Mapping[str, float]) -> int:
    """Return how many processes of a stage the busiest hour needs; two at least, or a lost node stops it."""
    micros = sum(weight for name, weight in found.items() if name == f"CPU {stage}")
    return max(2, ceil(rows_a_second(load_of) * micros / 1e6 / BUSY))


def partitions(load_of: int, found: Mapping[str, float]) -> int:
    """Return how many partitions let each process of the largest stage have two."""
    most = max(processes(stage, load_of, found) for stage in STAGES)
    return max(PARTITIONS, 2 * most)


def days_of_ids(load_of: int) -> float:
    """Return after how many days the ids of leads, four bytes, are used up."""
    return INT4 / (load_of * ROWS_A_DAY)


def capacity_table() -> str:
    """Return the table of loads; a word of what is missing before the first measurement."""
    found = weights()
    if not found:
        return NOTHING
    lines = [
        ("", *(f"{load_of:,} times" if load_of > 1 else "once" for load_of in LOADS)),
        ("---", *["---"] * len(LOADS)),
        ("rows a day", *_each(lambda n: f"{n * ROWS_A_DAY:,}")),
        ("rows/s in the busiest hour", *_each(lambda n: shown(rows_a_second(n)))),
    ]
    lines += [(f"processes of {stage}", *_processes(stage, found)) for stage in STAGES]
    lines += [
        ("partitions", *_each(lambda n: f"{partitions(n, found):,}")),
        ("connections to PostgreSQL, at most", *_each(lambda n: f"{_connections(n, found):,}")),
        ("cores of PostgreSQL", *_each(lambda n: shown(_cores("postgres", n, found)))),
        ("cores of MongoDB", *_each(lambda n: shown(_cores("mongo", n, found)))),
        ("cores of Kafka, in all", *_each(lambda n: shown(_cores("kafka", n, found)))),
        ("WAL a day", *_each(lambda n: _size(n * ROWS_A_DAY * found.get("WAL", 0)))),
        ("PostgreSQL grows a day", *_each(lambda n: _size(n * ROWS_A_DAY * of_kind("table", found)))),
        ("… a year", *_each(lambda n: _size(n * ROWS_A_DAY * DAYS_KEPT * of_kind("table", found)))),
        ("MongoDB grows a year", *_each(lambda n: _size(n * ROWS_A_DAY * DAYS_KEPT * of_kind("collection", found)))),
        ("Kafka keeps, in three copies", *_each(lambda n: _size(COPIES * _kept(n, found)))),
        ("brokers", *_each(lambda n: f"{max(3, ceil(COPIES * _kept(n, found) / DISK_BROKER_BYTES)):,}")),
        ("ids of leads last", *_each(lambda n: f"{days_of_ids(n):,.0f} days")),
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def bytes_table() -> str:
    """Return the bytes that one row takes, as measured."""
    found = weights()
    rows = [(f"`{name}`", shown(found[name])) for name in sorted(found) if name.startswith(STORED)]
    return _two_columns("bytes of one row", rows)


def cpu_table() -> str:
    """Return the CPU that one row takes of each process, as measured."""
    found = weights()
    rows = [
        (f"`{name.removeprefix('CPU ')}`", shown(found[name]))
        for name in sorted(found)
        if name.startswith("CPU ") and found[name] >= LEAST_MICROS
    ]
    return _two_columns("µs of CPU of one row", rows)


def _two_columns(measured: str, rows: Sequence[tuple[str, str]]) -> str:
    if not rows:
        return NOTHING
    return "\n".join(f"| {name} | {amount} |" for name, amount in [("", measured), ("---", "---"), *rows])


def _each(cell: Callable[[int], str]) -> Sequence[str]:
    return [cell(load_of) for load_of in LOADS]


def _processes(stage: str, found: Mapping[str, float]) -> Sequence[str]:
    return _each(lambda load_of: f"{processes(stage, load_of, found):,}")


def _connections(load_of: int, found: Mapping[str, float]) -> int:
    """Of all processes, each with as many as one was measured to hold."""
    return sum(
        processes(stage, load_of, found) * max(1, round(found.get(f"connections of {stage}", 1))) for stage in STAGES
    )


def _cores(server: str, load_of: int, found: Mapping[str, float]) -> float:
    return rows_a_second(load_of) * found.get(f"CPU {server}", 0) / 1e6 / BUSY


def _kept(load_of: int, found: Mapping[str, float]) -> float:
    """Bytes that the topics hold: chunks for a day, what is told of each lead for seven."""
    told = found.get("topic lead.created.v1", 0)
    return load_of * ROWS_A_DAY * (of_kind("topic", found) - told + 7 * told)


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < THOUSAND:
            return f"{shown(size)} {unit}"
        size /= THOUSAND
    return f"{shown(size)} PB"
