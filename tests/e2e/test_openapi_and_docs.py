"""What the services say of themselves: the API's description, health, metrics, the table of errors."""

import asyncio
import json
import re

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from deploy.processes import SERVICES
from libs.common.version import VERSION
from tests.support.processes import needs_local_stack
from tests.support.stack import ROOT, Addresses, own_address
from tests.support.user import ERROR_TABLE, User, csv_file, lead_rows, new_phones

CALLS = {
    ("post", "/import"): {"202", "400", "401", "403", "409", "413", "415", "422", "429"},
    ("get", "/imports"): {"200", "401", "403", "422"},
    ("get", "/imports/{import_id}"): {"200", "401", "403", "404", "422"},
    ("delete", "/imports/{import_id}"): {"204", "401", "403", "404", "409", "422"},
    ("get", "/imports/{import_id}/events"): {"200", "401", "403", "404", "422"},
    ("get", "/imports/{import_id}/rows"): {"200", "401", "403", "404", "422"},
}


def url_of(stack: Addresses, service: str) -> str:
    return stack.api_url if service == "api" else own_address(service)


async def test_openapi_lists_the_calls(http: httpx.AsyncClient) -> None:
    answer = await http.get("/openapi.json")
    assert answer.status_code == 200
    described = answer.json()
    assert described["openapi"].startswith("3.")
    assert described["info"]["version"] == VERSION
    for (method, path), statuses in CALLS.items():
        call = described["paths"][path][method]
        assert set(call["responses"]) >= statuses, (method, path)
        assert call["security"]
        assert call["summary"]
        for status, response in call["responses"].items():
            if status >= "400" and status != "431":  # whose sender is not listened to any more
                assert response["$ref"] == f"#/components/responses/Problem{status}", (method, path, status)
    for name, response in described["components"]["responses"].items():
        content = response["content"]["application/problem+json"]
        assert content["schema"]["$ref"] == "#/components/schemas/Problem", name
        assert content["examples"], name


async def test_the_committed_openapi_is_what_api_serves(http: httpx.AsyncClient) -> None:
    """``make reference`` writes it; the console is typed by it."""
    served = (await http.get("/openapi.json")).json()
    assert json.loads((ROOT / "docs" / "reference" / "openapi.json").read_text()) == served


@needs_local_stack
async def test_the_committed_openapi_of_leads_is_what_leads_serves(http: httpx.AsyncClient) -> None:
    served = (await http.get(f"{own_address('leads')}/openapi.json")).json()
    assert json.loads((ROOT / "docs" / "reference" / "openapi-leads.json").read_text()) == served


async def test_openapi_describes_the_upload(http: httpx.AsyncClient) -> None:
    described = (await http.get("/openapi.json")).json()
    content = described["paths"]["/import"]["post"]["requestBody"]["content"]["multipart/form-data"]
    assert set(content["schema"]["required"]) == {"file", "data"}
    assert content["schema"]["properties"]["data"] == {"$ref": "#/components/schemas/ImportRequest"}
    data = described["components"]["schemas"]["ImportRequest"]
    assert set(data["required"]) == {"name", "account_id", "source_id"}
    assert set(data["properties"]) >= {"name", "account_id", "source_id", "tag_ids", "on_invalid_row"}


async def test_openapi_is_one_that_programs_can_be_made_from(http: httpx.AsyncClient) -> None:
    """Each thing has one name, each call a short one, and examples look like what is sent."""
    answer = await http.get("/openapi.json")
    described = answer.json()
    assert len(answer.content) < 90_000  # a third of it are examples of every refusal
    assert set(described["components"]["schemas"]) >= {
        "Problem",
        "ProblemEntry",
        "ImportRequest",
        "ImportView",
        "RowView",
    }
    for method, path in CALLS:
        call = described["paths"][path][method]
        assert call["tags"] == ["Imports"]
        assert re.fullmatch(r"(post|get|delete)_(import|imports|events|rows)", call["operationId"])
        for status, response in call["responses"].items():
            if status >= "400" and status != "431":
                assert response["$ref"] == f"#/components/responses/Problem{status}"
    column = described["components"]["schemas"]["ProblemEntry"]["properties"]["column"]
    assert column["type"] == ["string", "null"]
    for name in ("Problem", "ImportRequest", "ImportView", "RowView", "AcceptedView"):
        assert described["components"]["schemas"][name]["examples"], name


async def test_answers_are_as_openapi_says(user: User) -> None:
    described = (await user.http.get("/openapi.json")).json()["components"]["schemas"]
    answer = await user.upload(csv_file(lead_rows(new_phones(1))))
    assert set(answer.json()) == set(described["AcceptedView"]["properties"])
    found = await user.ended(answer.json()["id"])
    assert set(found) == set(described["ImportDetail"]["properties"])
    (listed,) = (await user.get("/imports")).json()["items"]
    assert set(listed) == set(described["ImportView"]["properties"])
    assert set(found["progress"]) == set(described["Progress"]["properties"])


async def test_docs_answer(http: httpx.AsyncClient) -> None:
    answer = await http.get("/docs")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "openapi.json" in answer.text


@needs_local_stack
@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
async def test_health(stack: Addresses, http: httpx.AsyncClient, service: str, path: str) -> None:
    answer = await http.get(url_of(stack, service) + path)
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"


@needs_local_stack
@pytest.mark.parametrize("service", SERVICES)
async def test_metrics(stack: Addresses, http: httpx.AsyncClient, user: User, service: str) -> None:
    await user.run(csv_file(lead_rows(new_phones(1))))
    answer = await http.get(url_of(stack, service) + "/metrics")
    assert answer.status_code == 200
    families = list(text_string_to_metric_families(answer.text))
    assert len(families) > 10
    for family in families:
        assert not re.search(r"\d{8}", str([sample.labels for sample in family.samples])), "labels name no phones"


def test_the_error_table_has_each_code_once() -> None:
    codes = re.findall(r"^\| `(\w+)` \|", ERROR_TABLE.read_text(), flags=re.MULTILINE)
    assert len(codes) > 30
    assert len(set(codes)) == len(codes)


@needs_local_stack
@pytest.mark.parametrize("service", SERVICES)
async def test_a_body_behind_an_offer_of_another_protocol_is_no_request(stack: Addresses, service: str) -> None:
    """On every port: the body would be written by whoever made the file."""
    url = httpx.URL(url_of(stack, service))
    smuggled = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
    head = b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: %d\r\n\r\n"
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(head % len(smuggled))
    await asyncio.sleep(0.1)
    writer.write(smuggled)
    writer.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answers = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    assert answers.count(b"HTTP/1.1 200") == 2


async def test_an_upload_that_offers_another_protocol_keeps_its_body(http: httpx.AsyncClient, user: User) -> None:
    """As Java's client does, and `curl --http2`."""
    request = http.build_request(
        "POST",
        "/import",
        files={"file": ("leads.csv", csv_file(lead_rows(new_phones(1))), "text/csv")},
        data={"data": json.dumps(user.tenant.data())},
        headers=user.tenant.headers() | {"Connection": "Upgrade, HTTP2-Settings, close", "Upgrade": "h2c"},
    )
    body = request.read()
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    reader, writer = await asyncio.open_connection(request.url.host, request.url.port)
    writer.write(f"POST /import HTTP/1.1\r\n{head}\r\n".encode())
    await asyncio.sleep(0.1)
    writer.write(body)
    assert (await asyncio.wait_for(reader.read(), 30)).startswith(b"HTTP/1.1 202")
    writer.close()


async def test_the_public_events_are_told_beside_the_calls(http: httpx.AsyncClient) -> None:
    """As they are committed; a page shows them, and it needs nothing else."""
    committed = yaml.safe_load((ROOT / "docs" / "reference" / "asyncapi.yaml").read_text())
    assert (await http.get("/asyncapi.json")).json() == committed
    assert yaml.safe_load((await http.get("/asyncapi.yaml")).text) == committed
    page = await http.get("/docs/events")
    assert "lead.import-finished.v1" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
