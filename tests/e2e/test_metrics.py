"""What the processes say of themselves while an import runs, as Prometheus would ask them."""

from contextlib import suppress

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.metrics import METRICS
from deploy.processes import BY_NAME, CONSUMERS, SERVICES
from tests.support.processes import needs_local_stack
from tests.support.stack import own_address
from tests.support.user import NewUser, User, csv_file, lead_rows, new_phones
from tests.support.waiting import eventually

pytestmark = needs_local_stack

ROWS, IN_FILE = 40, 3
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def page(service: str) -> str:
    async with httpx.AsyncClient(base_url=own_address(service)) as client:
        return (await client.get("/metrics")).text


async def samples(service: str) -> Samples:
    """Return every number that a process says, by name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(await page(service))
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    return found.get((name, frozenset(labels.items())), 0.0)


async def an_import(user: User) -> None:
    phones = new_phones(ROWS)
    found = await user.ended(await user.accept(csv_file(lead_rows([*phones, *phones[:IN_FILE]]))))
    assert found["status"] == "FINISHED"


async def nothing_is_open() -> bool:
    found = await samples("finalizer")
    names = ("outbox_waiting", "outbox_age_seconds", "imports_in_progress", "import_age_seconds")
    return all(found[f"leadflow_{name}", frozenset()] == 0 for name in names)


async def test_each_stage_counts_its_rows(user: User) -> None:
    """What earlier tests left is over before: its rows would be counted, too."""

    def rows(found: Samples, service: str, outcome: str) -> float:
        return value(found, "leadflow_rows_total", service=service, outcome=outcome)

    await eventually(nothing_is_open, seconds=60, what="an empty platform")
    before = {service: await samples(service) for service in SERVICES}
    await an_import(user)
    expected = {
        ("api", "accepted"): ROWS + IN_FILE,
        **{(stage, "live"): ROWS for stage in ("dedup", "tagger", "creator")},
        **{(stage, "existing"): IN_FILE for stage in ("dedup", "tagger", "creator", "finalizer")},
        ("finalizer", "created"): ROWS,
        ("finalizer", "error"): 0,
    }

    async def grown() -> dict[tuple[str, str], float]:
        now = {service: await samples(service) for service in SERVICES}
        return {
            (service, outcome): rows(now[service], service, outcome) - rows(before[service], service, outcome)
            for service, outcome in expected
        }

    async def counted() -> bool:
        return await grown() == expected

    with suppress(AssertionError):
        await eventually(counted, what="every stage to count the rows")
    assert await grown() == expected
    ended = await samples("finalizer")
    assert value(ended, "leadflow_imports_ended_total", status="FINISHED") >= 1


@pytest.mark.parametrize(
    ("topic", "service"), [(topic, name) for name in CONSUMERS for topic, _ in BY_NAME[name].subscriptions]
)
async def test_no_message_given_up_on_is_said_as_zero(topic: str, service: str) -> None:
    """Not by silence: a process that gives up on many at once would have a number that never grew."""
    key = ("leadflow_dead_letters_total", frozenset({"service": service, "topic": topic}.items()))
    assert key in await samples(service)


async def test_calls_are_counted_by_route_and_code_never_by_address(user: User) -> None:
    before = await samples("api")
    secret = "someone@example.com"
    refused, unknown, _ = [await user.get(path) for path in (f"/imports/{secret}", f"/{secret}", "/imports/1")]
    assert refused.status_code != unknown.status_code
    after = await samples("api")

    def grown(name: str, **labels: str) -> float:
        return value(after, name, service="api", **labels) - value(before, name, service="api", **labels)

    name = "leadflow_http_request_seconds_count"
    assert grown(name, method="GET", route="/imports/{import_id}", status="404") == 1
    assert grown(name, method="GET", route="/imports/{import_id}", status=str(refused.status_code)) == 1
    assert grown(name, method="GET", route="none", status="404") == 1
    assert grown("leadflow_http_refused_total", code="not_found") == 2
    assert not [key for key in after if secret in str(key)]


async def test_what_is_open_is_counted_of_all_companies(new_user: NewUser) -> None:
    await an_import(await new_user())
    await eventually(nothing_is_open, seconds=60, what="an empty platform")


@pytest.mark.parametrize("service", SERVICES)
async def test_a_process_says_what_the_table_says_of_it_and_no_more(service: str) -> None:
    families = {
        f"{family.name}_total" if family.type == "counter" else family.name: bool(family.samples)
        for family in text_string_to_metric_families(await page(service))
        if family.name.startswith("leadflow_")
    }
    in_table = {metric.name for metric in METRICS if service in metric.processes}
    # Declared, as whatever it imports may declare more; with a number, only what the table says.
    assert families.keys() >= in_table >= {name for name, has_numbers in families.items() if has_numbers}
