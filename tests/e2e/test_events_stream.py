"""Server-sent events of an import: progress, then its end."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support.processes import held, needs_local_stack
from tests.support.readers import Stored, Topic, body_of
from tests.support.stack import Addresses, own_address_of_api
from tests.support.user import NewUser, User, csv_file, lead_rows, new_phones, problem
from tests.support.waiting import eventually

END = "lead:import-finished"
TEN = 10
"""`LEADFLOW_STREAMS_PER_USER`, unless it is set."""


@dataclass(slots=True)
class Event:
    """One event as the standard says that lines make it."""

    id: str = ""
    event: str = "message"
    data: list[str] = field(default_factory=list)

    @property
    def body(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads("\n".join(self.data))
        return read


async def events_of(answer: httpx.Response) -> AsyncIterator[Event]:
    """Yield the events of a stream until the server ends it."""
    event = Event()
    async for line in answer.aiter_lines():
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if event.data:
                yield event
            event = Event(id=event.id)
        elif name == "data":
            event.data.append(value)
        elif name == "event":
            event.event = value
        elif name == "id":
            event.id = value


@asynccontextmanager
async def listening(user: User, import_id: int, last_event_id: str | None = None) -> AsyncIterator[httpx.Response]:
    headers = user.tenant.headers() | ({} if last_event_id is None else {"Last-Event-ID": last_event_id})
    async with asyncio.timeout(30), user.http.stream("GET", f"/imports/{import_id}/events", headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield answer


async def all_events(user: User, import_id: int, last_event_id: str | None = None) -> list[Event]:
    async with listening(user, import_id, last_event_id) as answer:
        return [event async for event in events_of(answer)]


def well_formed(events: list[Event], import_id: int, rows: int) -> None:
    """Check one listener's events: progress that only grows, one end, and it is the last."""
    *progress, end = events
    assert end.event == END
    assert (end.body["import_id"], end.body["status"], end.body["total_rows"]) == (import_id, "FINISHED", rows)
    assert {event.event for event in progress} <= {"progress"}
    processed = [event.body["progress"]["processed_rows"] for event in progress]
    assert processed == sorted(processed)
    assert all(0 <= number <= rows for number in processed)
    ids = [event.id for event in events]
    assert all(ids)
    assert len(set(ids)) == len(ids)


@needs_local_stack
async def test_progress_then_the_end(user: User, stored: Stored, finished: Topic) -> None:
    """A listener that is there before anything happens."""
    with held("dedup"):
        import_id = await user.accept(csv_file(lead_rows(new_phones(1_200))))
        async with listening(user, import_id) as answer:
            stream = events_of(answer)
            first = await anext(stream)
            assert (first.event, first.body["status"]) == ("progress", "PROCESSING")
            assert first.body["progress"]["processed_rows"] == 0
    # The context above closed that stream: the listener went away and comes back while rows are worked on.
    events = await all_events(user, import_id, first.id)
    well_formed(events, import_id, 1_200)
    (record,) = await finished.all_of(import_id, stored)
    assert events[-1].body == body_of(record)


@needs_local_stack
async def test_several_listeners_at_once(user: User) -> None:
    with held("creator"):
        import_id = await user.accept(csv_file(lead_rows(new_phones(1_200))))
        started = asyncio.Queue[None]()

        async def listen() -> list[Event]:
            async with listening(user, import_id) as answer:
                stream = events_of(answer)
                events = [await anext(stream)]
                await started.put(None)
                return events + [event async for event in stream]

        listeners = [asyncio.create_task(listen()) for _ in range(8)]
        for _ in listeners:
            await started.get()
    for events in await asyncio.gather(*listeners):
        assert (events[0].event, events[0].body["progress"]["processed_rows"]) == ("progress", 0)
        well_formed(events, import_id, 1_200)


async def test_a_listener_that_comes_after_the_end(user: User) -> None:
    import_id = (await user.run(csv_file(lead_rows(new_phones(3)))))["id"]
    well_formed(await all_events(user, import_id), import_id, 3)


async def test_a_listener_that_has_seen_the_end(user: User) -> None:
    """204 tells an EventSource not to come back."""
    import_id = (await user.run(csv_file(lead_rows(new_phones(3)))))["id"]
    *progress, end = await all_events(user, import_id)
    headers = user.tenant.headers() | {"Last-Event-ID": end.id}
    answer = await user.http.get(f"/imports/{import_id}/events", headers=headers)
    assert (answer.status_code, answer.content) == (204, b"")
    for seen in progress:
        again = await all_events(user, import_id, seen.id)
        assert again[-1].event == END
        assert seen.id not in {event.id for event in again}, "what was seen is not sent again"


@pytest.mark.parametrize("last_event_id", ["", "nonsense", "progress-1-x", "finished-0-0", "9" * 100])
async def test_a_last_event_id_that_is_not_ours(user: User, last_event_id: str) -> None:
    """It is as if none had been sent: the end is never kept from a listener."""
    import_id = (await user.run(csv_file(lead_rows(new_phones(3)))))["id"]
    well_formed(await all_events(user, import_id, last_event_id), import_id, 3)


async def test_a_last_event_id_that_is_not_even_text(user: User) -> None:
    import_id = (await user.run(csv_file(lead_rows(new_phones(1)))))["id"]
    headers = {name.encode(): value.encode() for name, value in user.tenant.headers().items()}
    headers[b"Last-Event-ID"] = b"\xff\xfe\xe9"
    answer = await user.http.get(f"/imports/{import_id}/events", headers=headers)
    assert answer.status_code == 200
    assert f"event: {END}" in answer.text


async def test_the_last_event_id_of_another_import(user: User) -> None:
    first = (await user.run(csv_file(lead_rows(new_phones(3)))))["id"]
    second = (await user.run(csv_file(lead_rows(new_phones(3)))))["id"]
    seen = (await all_events(user, first))[-1].id
    well_formed(await all_events(user, second, seen), second, 3)


async def test_another_companys_stream_does_not_exist(user: User, new_user: NewUser) -> None:
    stranger = await new_user()
    import_id = (await user.run(csv_file(lead_rows(new_phones(1)))))["id"]
    problem(await stranger.get(f"/imports/{import_id}/events"), 404, "not_found")
    answer = await user.http.get(f"/imports/{import_id}/events")
    problem(answer, 401, "token_missing")


async def test_an_import_of_errors_only_ends_its_stream(user: User) -> None:
    import_id = await user.accept(csv_file([["Ana", "bad", "", "", ""]] * 3), on_invalid_row="skip")
    events = await all_events(user, import_id)
    well_formed(events, import_id, 3)
    assert events[-1].body["total_errors"] == 3


@needs_local_stack
async def test_a_user_watches_ten_at_a_time_and_none_for_longer_than_the_token_is_good(user: User) -> None:
    with held("dedup"):
        import_id = await user.accept(csv_file(lead_rows(new_phones(2))))
        path, headers = f"/imports/{import_id}/events", user.tenant.headers(exp=int(time.time()) + 8)
        async with AsyncExitStack() as opened, asyncio.timeout(60):
            answers = [
                await opened.enter_async_context(user.http.stream("GET", path, headers=headers)) for _ in range(TEN)
            ]
            streams = [events_of(answer) for answer in answers]
            assert [(await anext(stream)).event for stream in streams] == ["progress"] * TEN
            problem(await user.http.get(path, headers=user.tenant.headers()), 429, "streams_too_many")
            assert [[event async for event in stream] for stream in streams] == [[]] * TEN, "each was ended"
        async with listening(user, import_id) as answer:
            assert (await anext(events_of(answer))).body["status"] == "PROCESSING"


@needs_local_stack
async def test_listeners_that_leave_do_no_harm(user: User) -> None:
    with held("dedup"):
        import_id = await user.accept(csv_file(lead_rows(new_phones(2))))
        for _ in range(20):
            with suppress(httpx.HTTPError):
                async with listening(user, import_id) as answer:
                    await anext(events_of(answer))
    well_formed(await all_events(user, import_id), import_id, 2)


@needs_local_stack
async def test_who_hangs_up_gives_the_place_back_whatever_was_sent_behind(user: User, stack: Addresses) -> None:
    """A connection with one more request behind the stream is not read, and nobody would see that it has ended."""
    url = urlsplit(own_address_of_api(stack))
    with held("dedup"):
        import_id = await user.accept(csv_file(lead_rows(new_phones(2))))
        path, token = f"/imports/{import_id}/events", user.tenant.headers()["Authorization"]
        request = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n\r\n".encode()
        writers = []
        for _ in range(TEN):
            reader, writer = await asyncio.open_connection(url.hostname, url.port)
            writer.write(request)
            await asyncio.wait_for(reader.readuntil(b"event: progress"), 10)
            writer.write(request)
            await writer.drain()
            writers.append(writer)
        problem(await user.http.get(path, headers=user.tenant.headers()), 429, "streams_too_many")
        for writer in writers:
            writer.close()

        async def has_room() -> bool:
            async with user.http.stream("GET", path, headers=user.tenant.headers()) as answer:
                return answer.status_code == 200

        await eventually(has_room, seconds=3, what="room for one more stream")
