"""``make reference``: write what the documents say of the code. ``--check`` only tells whether they say it.

A page is prose with blocks between ``<!-- made: NAME -->`` and ``<!-- /made -->``; the blocks are made here.
"""

import argparse
import json
import re
import statistics
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any, Union, get_args, get_origin
from uuid import UUID

import yaml
from aiokafka import ConsumerRecord
from pydantic import BaseModel, ValidationError

from bench.figures import Figure, load_all, machines, shown
from bench.figures import table as figures_table
from bench.shipped import differences
from deploy.processes import PROCESSES
from docs.capacity_page import bytes_table, capacity_table, cpu_table, source
from docs.demo_data_page import demo_ids, demo_sources
from docs.event_types import python_types, typescript_types
from docs.metrics_page import metrics_table
from docs.openapi_page import leads_openapi_page, openapi_page
from docs.rehearsal_page import rehearsal_table
from docs.settings_page import plain, settings_tables
from libs.common.errors import BadMessage
from libs.common.kafka.dead_letter import dead_letter_headers as headers_of
from libs.common.topics import Topic
from libs.contracts.asyncapi import HEADERS, public_events_document
from libs.contracts.registry import registries
from migrations.platform_rights import SERVICES
from services.api.http.problems import PROBLEMS
from services.api.reasons import KEPT_REASONS, ROW_ERRORS, SETTLED_REASONS
from services.leads.http.problems import PROBLEMS as LEAD_PROBLEMS

ROOT = Path(__file__).resolve().parents[1]
CONTRACTS = ROOT / "libs" / "contracts"
TOPICS = tuple(topic for registry in registries() for topic in registry.topics)

_BLOCK = re.compile(r"(?P<begin><!-- made: (?P<name>[a-z-]+) -->\n)(?P<made>.*?)(?P<end>\n<!-- /made -->)", re.DOTALL)

_MEANT_OF_DEAD = {
    "x-original-topic": "where the message was read",
    "x-original-partition": "its partition there",
    "x-original-offset": "its offset there",
    "x-original-timestamp": "when Kafka got it, in milliseconds since 1970",
    "x-original-key": "its key, what is not UTF-8 of it escaped",
    "x-exception-type": "the error's class",
    "x-exception-message": "what was wrong; never a value of the message",
    "x-attempt": "how often it was tried",
    "x-service": "who could not process it",
    "x-original-header-ce_type": "each of the message's own headers, so prefixed",
    "x-dropped-bytes": "only when message and headers were more than Kafka takes: its bytes, which were left out",
}


def rows_of(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def problems() -> str:
    rows = [
        (f"`{code}`", str(each.status), each.title, each.remedy.replace("|", "\\|")) for code, each in PROBLEMS.items()
    ]
    return rows_of(("code", "status", "title", "what to do"), rows)


def lead_problems() -> str:
    rows = [(f"`{code}`", str(each.status), each.title, each.remedy) for code, each in LEAD_PROBLEMS.items()]
    return rows_of(("code", "status", "title", "what to do"), rows)


def row_errors() -> str:
    return rows_of(("code", "meaning"), [(f"`{code}`", meaning) for code, meaning in ROW_ERRORS.items()])


def settled_reasons() -> str:
    return rows_of(("reason", "meaning"), [(f"`{reason}`", meaning) for reason, meaning in SETTLED_REASONS.items()])


def kept_reasons() -> str:
    return rows_of(("reason", "meaning"), [(f"`{reason}`", meaning) for reason, meaning in KEPT_REASONS.items()])


def example_of(topic: Topic[Any]) -> BaseModel:
    """Return the topic's golden message."""
    owner = next(each.owner for each in registries() if topic in each.topics)
    path = CONTRACTS / owner / "examples" / f"{topic.name}.json"
    named = path.relative_to(ROOT)
    if not path.exists():
        sys.exit(f"{topic.name} has no golden message: write {named}, a {topic.event.__name__} in JSON.")
    try:
        read: BaseModel = topic.event.model_validate_json(path.read_bytes())
    except ValidationError as error:
        sys.exit(f"{named} is no {topic.event.__name__}: {error}")
    return read


def key_of(topic: Topic[Any]) -> str:
    """Say in words what a topic's messages are keyed by, as its golden message has it."""
    event = example_of(topic)
    plain_event = json.loads(event.model_dump_json())
    # Of fields that are equal in the golden message the first one counts: ids stand before what they are ids of.
    by_value = {str(value): name for name, value in reversed(plain_event.items())}
    return ":".join(f"`{by_value[part]}`" for part in topic.key(event).split(":"))


def schema_link(topic: Topic[Any]) -> str:
    (path,) = CONTRACTS.glob(f"*/schemas/{topic.name}.json")
    return f"[schema](../../{path.relative_to(ROOT).as_posix()})"


def public_topics() -> str:
    rows = [
        (f"`{topic.name}`", f"`{topic.event_type}`", key_of(topic), f"{topic.retention_hours} h", schema_link(topic))
        for topic in TOPICS
        if topic.public
    ]
    return rows_of(("topic", "`ce_type`", "key", "kept", "messages"), rows)


def all_topics() -> str:
    rows = [
        (
            f"`{topic.name}`",
            topic.owner,
            ", ".join(topic.readers) or "—",
            key_of(topic),
            f"{topic.retention_hours} h",
            "public" if topic.public else "internal",
            schema_link(topic),
        )
        for topic in TOPICS
    ]
    for registry in registries():
        letters = registry.dead_letters
        if letters is not None:
            readers, kept = ", ".join(letters.readers) or "—", f"{letters.retention_hours} h"
            key = "`import_id`" if registry.owner == "lead_import" else "the message's own"
            rows.append(
                (f"`{letters.topic}`", f"consumers of {registry.owner}", readers, key, kept, "internal", "raw bytes")
            )
    return rows_of(("topic", "emitted by", "read by", "key", "kept", "who may read it", "messages"), rows)


def public_events() -> str:
    """Return a section for each public event: what it says, its fields, and its golden message."""
    return "\n\n".join(_event_section(topic) for topic in TOPICS if topic.public)


def _event_section(topic: Topic[Any]) -> str:
    event = topic.event
    rows = [
        (f"`{name}`", _type_of(field.annotation), "yes" if field.is_required() else "no")
        for name, field in event.model_fields.items()
    ]
    example = json.dumps(json.loads(example_of(topic).model_dump_json()), indent=2, ensure_ascii=False)
    return (
        f"### {topic.event_type}\n\n{plain(event.__doc__)}\n\n"
        f"{rows_of(('field', 'type', 'always there'), rows)}\n\n```json\n{example}\n```"
    )


def _type_of(annotation: Any) -> str:
    if get_origin(annotation) in {Union, types.UnionType}:
        return " or ".join(_type_of(each) for each in get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " or ".join(f"`{each.value}`" for each in annotation)
    if get_origin(annotation) is list:
        return f"list of {', '.join(_type_of(each) for each in get_args(annotation))}"
    known = {
        int: "number",
        str: "text",
        bool: "true or false",
        datetime: "time (ISO 8601)",
        UUID: "UUID",
        types.NoneType: "null",
    }
    return known[annotation]


def headers() -> str:
    """Return the headers of an event as subscribers see them, with the values of an example."""
    # One by name: a new owner, whose name comes before, would change the page for everybody.
    topic = next(topic for topic in TOPICS if topic.name == "lead.import-finished.v1")
    event = example_of(topic)
    made = topic.headers(topic.identity(event), source=topic.owner, time=datetime(2026, 11, 26, 12, tzinfo=UTC))
    return rows_of(
        ("header", "for example", "what it is"), [(f"`{name}`", f"`{made[name]}`", HEADERS[name]) for name in made]
    )


def dead_letter_headers() -> str:
    """Return the headers of a dead letter: those of every one, and those that only some have."""
    # Of the first owner whose dead letters somebody settles: others may have no topic to show a letter of.
    owner, letters = next(
        (each, each.dead_letters)
        for each in registries()
        if each.dead_letters is not None and each.dead_letters.readers
    )
    topic = next(topic for topic in owner.topics if topic.readers)
    event = example_of(topic)
    record: ConsumerRecord[Any, Any] = ConsumerRecord(
        topic=topic.name,
        partition=3,
        offset=1042,
        timestamp=1795694400000,
        timestamp_type=0,
        key=topic.key(event).encode(),
        value=b"",
        checksum=None,
        serialized_key_size=0,
        serialized_value_size=0,
        headers=[("ce_type", topic.event_type.encode())],
    )
    made = headers_of(record, BadMessage("no such row"), dead_letters=letters, service=topic.readers[0], attempts=1)
    made["x-dropped-bytes"] = "1048000"
    told = _MEANT_OF_DEAD | {letters.piece_header: "the piece of work that it is about; missing when it is about none"}
    return rows_of(
        ("header", "for example", "what it is"), [(f"`{name}`", f"`{made[name]}`", told[name]) for name in made]
    )


def figures() -> str:
    return figures_table(load_all())


def figure_settings() -> str:
    """Return what was set otherwise than it is shipped: for all figures, and for each part."""
    parts = load_all()
    changed = {part.name: differences(part.settings) for part in parts}
    everywhere = dict(set.intersection(*(set(each.items()) for each in changed.values())))
    rows = [
        (f"`{part.name}`", part.what, _in_words(changed[part.name], without=everywhere) or "nothing") for part in parts
    ]
    table = rows_of(("part", "what is measured", "set besides"), rows)
    return f"For every figure: {_in_words(everywhere)}.\n\n{table}"


def machine() -> str:
    return "\n".join(f"- {each}" for each in machines())


def _in_words(changed: Mapping[str, tuple[str, str]], without: Mapping[str, object] | None = None) -> str:
    names = sorted(set(changed) - set(without or ()))
    return "; ".join(f"`{name}` {changed[name][1]} (shipped: {changed[name][0]})" for name in names)


def headline() -> str:
    """Return one sentence of figures for the README."""
    found = {figure.name: figure for part in load_all() for figure in part.figures}
    speed, wait = found["Leadflow, upload to FINISHED"], found["5,000 rows to FINISHED, CSV"]
    return f"On two cores: {_median(speed)} rows a second; 5,000 rows end {_median(wait)} ms after their upload began."


def _median(figure: Figure) -> str:
    return shown(statistics.median(figure.values))


def postgres_users() -> str:
    """Return the command that makes the secret of the services' addresses of PostgreSQL."""
    return _secret("leadflow-postgres-users", "'postgresql://…'")


def kafka_users() -> str:
    """Return the command that makes the secret of the services' passwords at Kafka."""
    return _secret("leadflow-kafka-users", "PASSWORD")


def _secret(name: str, value: str) -> str:
    users = ("migrate", *(process.name for process in PROCESSES), "operator")
    words = [f"--from-literal={user}={value}" for user in users]
    lines = [f"    kubectl -n leadflow create secret generic {name} {words[0]}"]
    lines += ["      " + " ".join(words[at : at + 3]) for at in range(1, len(words), 3)]
    return "\n" + " \\\n".join(lines) + "\n"


def service_roles() -> str:
    """Return the roles that the migration makes, in words."""
    *others, last = (f"`leadflow_{service}`" for service in SERVICES)
    return f"The roles are {', '.join(others)} and {last}: the operator's is for the people on call."


BLOCKS: dict[str, Callable[[], str]] = {
    "settings": settings_tables,
    "problems": problems,
    "lead-problems": lead_problems,
    "row-errors": row_errors,
    "settled-reasons": settled_reasons,
    "kept-reasons": kept_reasons,
    "public-topics": public_topics,
    "all-topics": all_topics,
    "public-events": public_events,
    "headers": headers,
    "dead-letter-headers": dead_letter_headers,
    "figures": figures,
    "figure-settings": figure_settings,
    "machine": machine,
    "headline": headline,
    "postgres-users": postgres_users,
    "kafka-users": kafka_users,
    "service-roles": service_roles,
    "metrics": metrics_table,
    "capacity": capacity_table,
    "capacity-source": source,
    "row-bytes": bytes_table,
    "row-cpu": cpu_table,
    "rehearsal": rehearsal_table,
    "demo-ids": demo_ids,
    "demo-sources": demo_sources,
}


def asyncapi() -> str:
    """Return the public events as an AsyncAPI document."""
    return "# Written by `make reference`.\n" + yaml.safe_dump(
        public_events_document(), sort_keys=False, allow_unicode=True, width=120, default_flow_style=False
    )


WHOLE: dict[Path, Callable[[], str]] = {
    ROOT / "docs" / "reference" / "asyncapi.yaml": asyncapi,
    ROOT / "docs" / "reference" / "openapi.json": openapi_page,
    ROOT / "docs" / "reference" / "openapi-leads.json": leads_openapi_page,
    ROOT / "examples" / "subscribers" / "python" / "leadflow_events.py": lambda: python_types(TOPICS),
    ROOT / "examples" / "subscribers" / "typescript" / "leadflow-events.ts": lambda: typescript_types(TOPICS),
}
"""Files that are written from the first line to the last."""


def pages() -> list[Path]:
    """Return the documents that may hold blocks."""
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "deploy" / "k8s" / "README.md"])


def blocks_in(text: str) -> list[str]:
    return [found["name"] for found in _BLOCK.finditer(text)]


def made_anew(text: str) -> str:
    """Return the page with its blocks as the code has them now."""
    return _BLOCK.sub(lambda found: f"{found['begin']}{BLOCKS[found['name']]()}{found['end']}", text)


def stale_pages(*, write: bool) -> list[Path]:
    """Return the pages that said something else, and mend them when asked to."""
    stale = []
    for page in [*pages(), *WHOLE]:
        text = page.read_text(encoding="utf-8") if page.exists() else ""
        anew = WHOLE[page]() if page in WHOLE else made_anew(text)
        if anew != text:
            stale.append(page)
            if write:
                page.write_text(anew, encoding="utf-8")
    return stale


def main() -> None:
    parser = argparse.ArgumentParser(prog="make reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a page is stale")
    given = parser.parse_args()
    stale = [str(page.relative_to(ROOT)) for page in stale_pages(write=not given.check)]
    if given.check and stale:
        sys.exit(f"Stale: {', '.join(stale)}. Run `make reference`.")
    sys.stdout.write(f"{'Written' if stale else 'Nothing to write'}{': ' * bool(stale)}{', '.join(stale)}\n")


if __name__ == "__main__":
    main()
