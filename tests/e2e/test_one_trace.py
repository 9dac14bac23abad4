"""One trace from the upload to the finished event; each line that is logged on the way names it, and its chunk."""

import json
from typing import Any

from tests.support.processes import needs_local_stack
from tests.support.readers import Topic, headers_of
from tests.support.stack import instance_of
from tests.support.user import User, csv_file, lead_rows, new_phones
from tests.support.waiting import eventually

pytestmark = needs_local_stack


def lines_of(service: str, event: str) -> list[dict[str, Any]]:
    text = (instance_of().logs / f"{service}.log").read_text()
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == event]


async def test_a_trace_goes_from_the_upload_to_the_finished_event_and_through_the_logs(
    user: User, finished: Topic
) -> None:
    answer = await user.upload(csv_file(lead_rows(new_phones(10))))
    trace_id, import_id = answer.headers["x-trace-id"], answer.json()["id"]
    await user.ended(import_id)

    async def told() -> list[Any]:
        await finished.catch_up()
        return finished.records[str(import_id)]

    (record,) = await eventually(told, what="the finished event")
    assert headers_of(record)["traceparent"].split("-")[1] == trace_id

    async def logged() -> list[dict[str, Any]]:
        return [line for line in lines_of("finalizer", "import ended") if line["import_id"] == import_id]

    (line,) = await eventually(logged, what="the finalizer's line")
    assert line["trace_id"] == trace_id
    assert line["subject"].startswith(f"{import_id}:0:")


async def test_a_refusal_is_found_in_the_log_by_the_trace_that_its_answer_names(user: User) -> None:
    answer = await user.get("/imports/2147483000")
    trace_id = answer.json()["trace_id"]

    async def logged() -> list[dict[str, Any]]:
        return [line for line in lines_of("api", "refused") if line.get("trace_id") == trace_id]

    (line,) = await eventually(logged, what="api's line")
    assert line["code"] == "not_found"
