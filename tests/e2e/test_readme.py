"""The README's commands and examples as a reader copies them, against the running stack."""

import ast
import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.support.processes import needs_local_stack
from tests.support.readers import Stored, Topic, body_of, headers_of
from tests.support.readme import IMPORT, SUBSCRIBE, SUBSCRIBER, UPLOAD, UPLOAD_ANSWER
from tests.support.stack import ROOT, Addresses, local_environment
from tests.support.user import User, csv_file, lead_rows, new_phones, totals
from tests.support.waiting import eventually

pytestmark = needs_local_stack

PROMISED: dict[str, Any] = json.loads((ROOT / "examples" / "expected.json").read_bytes())

AS_HERE = f"""
make() {{ command make -o setup stack="'{sys.executable}' -m deploy.local" "$@"; }}
"""
"""The reader's ``make`` with the Python of the tests, which is set up already."""


async def sh(script: str) -> str:
    """Run a block of the README in the checkout; return what it printed."""
    process = await asyncio.create_subprocess_exec(
        "bash", "-ec", AS_HERE + script, cwd=ROOT, env=local_environment(), stdout=PIPE, stderr=PIPE
    )
    async with asyncio.timeout(60):
        printed, complaints = await process.communicate()
    assert process.returncode == 0, printed + complaints
    return printed.decode()


class Subscriber:
    """The README's example as a process; ``lines`` is what it has printed, as (``ce_id``, event)."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    async def read(self, output: asyncio.StreamReader) -> None:
        async for line in output:
            ce_id, event = line.decode().split(" ", 1)
            self.lines.append((ce_id, ast.literal_eval(event)))

    async def has_read(self, ce_id: str) -> None:
        async def look() -> bool:
            return any(ce_id == read for read, _ in self.lines)

        await eventually(look, what=f"the subscriber's line of {ce_id}")


@pytest_asyncio.fixture
async def subscriber(stack: Addresses, tmp_path: Path) -> AsyncIterator[Subscriber]:
    """Started before the test's upload, as printed; only the path to it is put in.

    With aiokafka as the README asks for it, without the extras that bring codecs (``cramjam``).
    """
    script = tmp_path / "subscriber.py"
    script.write_text(SUBSCRIBER)
    (tmp_path / "cramjam.py").write_text("raise ImportError\n")
    command = SUBSCRIBE.replace(".venv/bin/python", sys.executable).replace("subscriber.py", str(script))
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", AS_HERE + command, cwd=ROOT, env=local_environment(), stdout=PIPE, start_new_session=True
    )
    assert process.stdout is not None
    found = Subscriber()
    reading = asyncio.create_task(found.read(process.stdout))
    try:
        yield found
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        await process.wait()
        await reading


async def test_a_subscriber_receives_exactly_one_finished_event_with_the_right_totals(
    subscriber: Subscriber, user: User, stored: Stored, finished: Topic
) -> None:
    """Every event since the topic began: its group is new in this stack.

    A rebalance before its first commit may deliver one again; then it is the same, under the same id.
    """
    rows = lead_rows(new_phones(3))
    file = csv_file([*rows, rows[0], ["Ana", "not a phone", "", "", ""]])
    import_id = await user.accept(file, on_invalid_row="skip")
    (record,) = await finished.all_of(import_id, stored)
    await subscriber.has_read(headers_of(record)["ce_id"])
    read: dict[str, dict[str, Any]] = {}
    for ce_id, repeated in subscriber.lines:
        assert read.setdefault(ce_id, repeated) == repeated
    (event,) = [event for event in read.values() if event["import_id"] == import_id]
    assert event == body_of(record)
    assert (event["total_rows"], *totals(event)) == (5, 3, 1, 1)
    assert len(await stored.leads(user.tenant.company_id)) == event["total_created"]
    assert len(await stored.chats_of(user.tenant.company_id)) == event["total_created"]
    assert len({(each["import_id"], each["revision"]) for each in read.values()}) == len(read)


async def test_the_upload_works_as_printed(stored: Stored, finished: Topic) -> None:
    leadflow = IMPORT.replace(".venv/bin/leadflow", str(Path(sys.executable).parent / "leadflow"))
    # Nine rows of the file have errors, and the command's exit code says so.
    *printed, code = (await sh(f"{UPLOAD}\necho\n{leadflow.strip()} && echo 0 || echo $?")).splitlines()
    *printed, created, existing, errors, rows = printed
    mixed = PROMISED["mixed.xlsx"]
    found = [int(line.split()[-1]) for line in (created, existing, errors, rows)]
    assert found[2:] == [mixed["total_errors"], mixed["total_rows"]]
    assert sum(found[:3]) == mixed["total_rows"]
    assert code == "3"
    answer, shown = json.loads(printed[-1]), json.loads(UPLOAD_ANSWER)
    varies = {name: answer[name] for name in ("id", "created_at")}
    assert list(answer) == list(shown)
    assert answer == shown | varies
    (record,) = await finished.all_of(answer["id"], stored)
    promised = PROMISED["leads-windows-1252.csv"]
    assert totals(body_of(record)) == totals(promised)
    leads = "SELECT count(*) FROM amigocare.amigocare_leads WHERE import_id = :id"
    assert await stored.value(leads, id=answer["id"]) == promised["total_created"]


@pytest_asyncio.fixture
async def fresh_quota(stored: Stored) -> AsyncIterator[None]:
    """The hour's imports of the demo's account are older before the test, and those of the test after it."""
    older = (
        "UPDATE amigocare.lead_imports SET created_at = created_at - interval '2 hours'"
        " WHERE company_id = 1 AND account_id = 1 AND status <> 'PROCESSING'"
    )
    await stored.execute(older)
    yield
    await stored.execute(older)


@pytest.mark.usefixtures("fresh_quota")
async def test_the_demo_runs_again_under_a_new_name_and_says_what_already_existed(
    stored: Stored, tmp_path: Path
) -> None:
    file = tmp_path / "some leads.csv"
    rows = lead_rows(new_phones(4), tags="Demo")
    file.write_bytes(csv_file([*rows, rows[0]]))
    demo = f"'{sys.executable}' -m deploy.local demo '{file}'"
    first, second = await sh(demo), await sh(demo)
    for printed, shown in (
        (first, {"created": 4, "existing": 1, "in_file": 1, "errors": 0, "rows": 5}),
        (second, {"created": 0, "existing": 5, "lead_exists": 4, "in_file": 1, "errors": 0, "rows": 5}),
    ):
        words = [line.split() for line in printed.splitlines()]
        assert (
            shown.items() <= {line[0]: int(line[1]) for line in words if len(line) == 2 and line[1].isdigit()}.items()
        )
        assert [line[-1] for line in words if line and line[-1] in {"yes", "NO"}] == ["yes"] * 5
        # What is new is told apart from what is there: the second time nothing is new, and the account is not empty.
        new = str(shown["created"])
        assert ["new", "leads", "in", "PostgreSQL", new, new, "yes"] in words
        (account_leads,) = [line[-1] for line in words if line[:3] == ["the", "account's", "leads,"]]
        assert int(account_leads.replace(",", "")) >= 4
        event = json.loads(printed[printed.index("\n{") : printed.index("\n}") + 2])
        assert totals(event) == (shown["created"], shown["existing"], shown["errors"])
        assert "/docs" in words[-3][-1]
        assert "/console/#code=" in words[-1][-1]
    names = "SELECT name FROM amigocare.lead_imports WHERE file_name = :name"
    assert len({row["name"] for row in await stored.rows(names, name=file.name)}) == 2
