"""The document of a service's messages: made when somebody asks, once, and without a word in its log."""

from typing import Any

import httpx
import pytest
from faststream.specification import AsyncAPI
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from libs.common.kafka.broker import create_broker
from libs.common.kafka.subscribing import subscribe
from libs.common.settings import KafkaSettings
from libs.common.web.event_documentation import event_documentation_routes
from libs.contracts.lead_import.internal.messages import ChunkAccepted
from libs.contracts.lead_import.internal.topics import CHUNK_ACCEPTED

DOCUMENT = {"asyncapi": "3.0.0", "info": {"title": "Lists & <b>"}, "channels": {"lists.v1": {"address": "lists.v1"}}}


def caller(made: list[int], *, at: str = "/docs/events") -> httpx.AsyncClient:
    def document() -> dict[str, Any]:
        made.append(1)
        return DOCUMENT

    app = Starlette(routes=event_documentation_routes(document, at=at))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here")


async def test_a_document_is_made_when_somebody_asks_and_once() -> None:
    made: list[int] = []
    async with caller(made) as client:
        assert made == []
        for path in ("/docs/events", "/docs/events.json", "/docs/events"):
            assert (await client.get(path)).status_code == 200
        assert made == [1]


@pytest.mark.parametrize("at", ["/docs/events", "/asyncapi"])
@pytest.mark.parametrize("root", ["", "/leads"])
async def test_the_page_leads_to_the_document_wherever_a_gateway_puts_it(at: str, root: str) -> None:
    async with caller([], at=at) as client:
        page = await client.get("/docs/events")
        assert "Lists &amp; &lt;b&gt;" in page.text
        link = page.text.split('<a href="')[1].split('"')[0]
        assert httpx.URL(f"http://here{root}/docs/events").join(link).path == f"{root}{at}.json"
        assert (await client.get(f"{at}.json")).json() == DOCUMENT
        assert (await client.get(f"{at}.yaml")).headers["content-type"] == "application/yaml"


def test_members_of_one_group_are_described_once() -> None:
    """FastStream warns of each other one, and a healthy service warns of nothing; here warnings are errors."""
    broker = create_broker(KafkaSettings(), service="test", registry=CollectorRegistry())

    @subscribe(broker, CHUNK_ACCEPTED, group="g", begins="beginning", settings=KafkaSettings(), consumers=3)
    async def on_chunk(chunk: ChunkAccepted) -> None:
        return None

    (channel,) = AsyncAPI(broker).to_specification().to_jsonable()["channels"]
    assert channel.startswith(CHUNK_ACCEPTED.name)
