"""One trace leads from an upload through every topic to the finished event; and what it costs that it is kept."""

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import httpx
import psutil
import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.processes import SERVICES
from libs.contracts.lead_import.registry import REGISTRY
from libs.imports.chunk_path import PIPELINE
from tests.chaos.cases import full_only
from tests.support.collector import Collector, Sent, collecting
from tests.support.databases import sqlalchemy_url
from tests.support.own_stack import own_stack
from tests.support.platform import create_tenant
from tests.support.processes import needs_local_stack, running
from tests.support.stack import INSTANCE, ROOT, Addresses
from tests.support.user import User, csv_file, lead_rows, new_phones
from tests.support.waiting import eventually

pytestmark = [full_only, needs_local_stack]

OWN = f"{INSTANCE}-traced"
SETTINGS = {"LEADFLOW_CHUNK_ROWS": "500", "LEADFLOW_QUOTA_ROWS": "1000000", "LEADFLOW_QUOTA_IMPORTS": "1000"}
CHUNKS = 4
ROWS = CHUNKS * 500
MOST_SPANS = 30 * CHUNKS
WITH_COLLECTOR, WITHOUT = 0.02, 0.005
"""How much of the time that a chunk takes may go into its spans. Chunks as shipped have four times as many rows."""

A_SPAN = """
import sys, time
from opentelemetry import trace
from libs.common.settings import ServiceSettings
from libs.common.traces import configure_tracing

configure_tracing(ServiceSettings(otlp_endpoint=sys.argv[1] or None), service="probe")
tracer, count = trace.get_tracer("probe"), 1_500
attributes = {f"messaging.attribute.{number}": f"value {number}" for number in range(8)}
costs = []
for _ in range(5):
    began = time.process_time()
    for _ in range(count):
        with tracer.start_as_current_span("probe", attributes=attributes):
            pass
    trace.get_tracer_provider().force_flush()
    costs.append((time.process_time() - began) / count)
print(min(costs))
"""


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@pytest.fixture(scope="module")
def traced(collector: Collector) -> Iterator[Addresses]:
    with own_stack(OWN, SETTINGS | {"LEADFLOW_OTLP_ENDPOINT": collector.url}) as addresses:
        yield addresses


@pytest_asyncio.fixture
async def traced_user(traced: Addresses) -> AsyncIterator[User]:
    engine = create_async_engine(sqlalchemy_url(traced.postgres_url))
    async with httpx.AsyncClient(base_url=traced.api_url, timeout=60) as http:
        yield User(http, await create_tenant(engine, jwt_secret=traced.jwt_secret))
    await engine.dispose()


async def spans_of_an_import(user: User, collector: Collector, phones: list[str]) -> list[Sent]:
    """Import, and return the spans of its trace when all are there: processes send theirs every few seconds."""
    answer = await user.upload(csv_file(lead_rows(phones)))
    await user.ended(answer.json()["id"])
    trace_id = answer.headers["x-trace-id"]

    async def all_sent() -> list[Sent] | None:
        found = [span for span in collector.spans() if span.trace_id == trace_id]
        names = [span.name for span in found]
        ended = "lead.import-finished.v1 publish" in names and len(beginnings(found)) == 1
        return found if ended and names.count("lead.import-chunk-created.v1 process") >= CHUNKS else None

    try:
        return await eventually(all_sent, seconds=60)
    except AssertionError:
        found = [span for span in collector.spans() if span.trace_id == trace_id]
        pytest.fail(f"of {len(found)} spans these have nobody above them: {beginnings(found)}")


def beginnings(spans: list[Sent]) -> list[Sent]:
    """Return the spans whose parent is not among them."""
    ids = {span.id for span in spans}
    return [span for span in spans if span.parent_id not in ids]


async def test_one_trace_leads_from_the_upload_through_every_topic_to_the_finished_event(
    traced_user: User, collector: Collector
) -> None:
    phones = new_phones(ROWS)
    spans = await spans_of_an_import(traced_user, collector, phones)
    (call,) = beginnings(spans)
    assert (call.service, call.name.split()[0]) == ("api", "POST"), "one tree below the call"
    assert {span.service for span in spans} >= {"api", *PIPELINE}
    inside = [topic.name for topic in REGISTRY.topics if not topic.public]
    for topic in inside:
        # Where the upload fans out, each chunk is a branch of its own below the same call.
        for done in ("publish", "process"):
            assert len([span for span in spans if span.name == f"{topic} {done}"]) >= CHUNKS, (topic, done)
    assert len(spans) <= MOST_SPANS, "none for each row"
    raw = b"".join(collector.raw)
    assert not [phone for phone in phones if phone.encode() in raw], "nothing personal"


def cpu_seconds() -> float:
    """Return what the services' processes and those that they started have used so far."""
    pids = [pid for name, pid in running(OWN).items() if name in SERVICES]
    every = [each for pid in pids for each in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True))]
    return sum(each.cpu_times().user + each.cpu_times().system for each in every)


def a_span(endpoint: str) -> float:
    """Return what one span costs, in seconds of a processor, with all that is done to send it."""
    done = subprocess.run(
        [sys.executable, "-c", A_SPAN, endpoint], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


async def test_traces_cost_two_hundredths_with_a_collector_and_next_to_nothing_without(
    traced_user: User, collector: Collector
) -> None:
    """Counted, not raced: how many spans an import makes, what one costs, and what the import costs in all."""
    await spans_of_an_import(traced_user, collector, new_phones(ROWS))  # all is warm
    before = cpu_seconds()
    spans = await spans_of_an_import(traced_user, collector, new_phones(ROWS))
    whole = cpu_seconds() - before
    with_collector, without = (len(spans) * a_span(endpoint) / whole for endpoint in (collector.url, ""))
    sys.stdout.write(
        f"\n{len(spans)} spans for {CHUNKS} chunks and {whole:.2f} s of a processor:"
        f" {with_collector:.2%} with a collector, {without:.2%} without\n"
    )
    assert with_collector <= WITH_COLLECTOR
    assert without <= WITHOUT
