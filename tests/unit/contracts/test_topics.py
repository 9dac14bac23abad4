"""The topic registry: names, keys, identities and what public events may say."""

import re
import typing
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.topics import Topic
from libs.contracts.lead_import.acceptance import acceptance_number, accepted_at_of
from libs.contracts.lead_import.internal.chunk_keys import chunk_of_key
from libs.contracts.lead_import.internal.messages import (
    Chunk,
    ChunkAccepted,
    ChunkCreated,
    ChunkDeduplicated,
    ChunkTagged,
)
from libs.contracts.lead_import.internal.topics import (
    CHUNK_ACCEPTED,
    CHUNK_CREATED,
    DEAD_LETTERS,
)
from libs.contracts.lead_import.registry import REGISTRY
from libs.contracts.lead_import.topics import IMPORT_ACCEPTED, IMPORT_FINISHED
from tests.support.chunks import plain
from tests.support.stack import ROOT

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
NOON_NUMBER = 1_795_435_200_000_000
"""The same in microseconds since 1970."""
BY_NAME = {topic.name: topic for topic in REGISTRY.topics}
PERSONAL = re.compile(r"name|phone|cpf|email|mail|cell|tag|contact|chat")


def ce_id(topic: Topic[Any], identity: str) -> str:
    return topic.headers(identity, source="test", time=NOON)["ce_id"]


def test_topics_are_named_by_noun_event_and_version() -> None:
    for name in [*BY_NAME, DEAD_LETTERS.topic]:
        assert re.fullmatch(r"lead\.import-[a-z-]+\.v[0-9]+", name)
    assert len(BY_NAME) == len(REGISTRY.topics)


def test_no_two_topics_share_an_event_type() -> None:
    assert len({topic.event_type for topic in REGISTRY.topics}) == len(REGISTRY.topics)
    assert len({topic.event for topic in REGISTRY.topics}) == len(REGISTRY.topics)


def test_the_finished_event_is_called_as_the_specification_says() -> None:
    assert (IMPORT_FINISHED.name, IMPORT_FINISHED.event_type) == ("lead.import-finished.v1", "lead:import-finished")


@pytest.mark.parametrize("topic", REGISTRY.topics, ids=lambda topic: topic.name)
def test_personal_data_is_kept_a_day_and_never_made_public(topic: Topic[Any]) -> None:
    if issubclass(topic.event, Chunk):
        assert not topic.public
        assert topic.retention_hours == 24
    else:
        assert topic.public


def test_dead_letters_are_kept_14_days() -> None:
    assert DEAD_LETTERS.retention_hours == 14 * 24


@pytest.mark.parametrize("topic", [topic for topic in REGISTRY.topics if topic.public], ids=lambda topic: topic.name)
def test_public_events_hold_ids_numbers_times_and_codes_only(topic: Topic[Any]) -> None:
    kinds = {int, datetime, type(None)}
    codes = {"status", "failure_reason"}
    for name, field in topic.event.model_fields.items():
        assert not PERSONAL.search(name), name
        named = typing.get_args(field.annotation) or (field.annotation,)
        assert name in codes or set(named) <= kinds, name


def test_the_created_event_holds_nothing_personal_of_live_rows() -> None:
    assert set(plain(ChunkCreated, live=2)["live"]) == {"row", "lead_id", "chat_id"}


@pytest.mark.parametrize("stage", [ChunkAccepted, ChunkDeduplicated, ChunkTagged], ids=lambda stage: stage.__name__)
def test_chunks_are_keyed_by_import_and_index(stage: type[Chunk[Any]]) -> None:
    (topic,) = (topic for topic in REGISTRY.topics if topic.event is stage)
    chunk = stage.model_validate(plain(stage, live=1) | {"import_id": 12, "chunk_index": 3})
    assert topic.key(chunk) == "12:3"
    assert topic.identity(chunk) == f"12:3:{NOON_NUMBER}"


def test_the_created_chunk_is_keyed_by_import_so_that_one_finalizer_has_it_whole() -> None:
    chunk = ChunkCreated.model_validate(plain(ChunkCreated, live=1) | {"import_id": 12, "chunk_index": 3})
    assert (CHUNK_CREATED.key(chunk), CHUNK_CREATED.identity(chunk)) == ("12", f"12:3:{NOON_NUMBER}")


def test_a_message_of_the_same_identity_has_the_same_ce_id_whenever_it_is_sent() -> None:
    once = CHUNK_ACCEPTED.headers("12:3", source="api", time=NOON)
    again = CHUNK_ACCEPTED.headers("12:3", source="finalizer", time=NOON.replace(year=2027))
    assert once["ce_id"] == again["ce_id"]
    assert uuid.UUID(once["ce_id"]).version == 5


def test_the_ce_id_differs_by_stage_import_chunk_and_revision() -> None:
    identities = ["12:3", "12:4", "13:3", "123:3", "12:33", "12"]
    ids = {ce_id(topic, identity) for topic in REGISTRY.topics for identity in identities}
    assert len(ids) == len(REGISTRY.topics) * len(identities)


def golden(topic: Topic[Any]) -> Any:
    path = ROOT / "libs" / "contracts" / "lead_import" / "examples" / f"{topic.name}.json"
    return topic.event.model_validate_json(path.read_bytes())


@pytest.mark.parametrize("topic", REGISTRY.topics, ids=lambda topic: topic.name)
def test_the_event_of_an_import_that_was_given_an_earlier_ones_id_has_another_ce_id(topic: Topic[Any]) -> None:
    """Import 1 of every fresh or restored database: a subscriber that drops repeats must not drop the other's."""
    event = golden(topic)
    another = event.model_copy(update={"accepted_at": event.accepted_at + timedelta(microseconds=1)})
    ids = [ce_id(topic, topic.identity(each)) for each in (event, another)]
    assert ids[0] != ids[1]
    assert topic.key(event) == topic.key(another), "partitions stay"


@pytest.mark.parametrize("topic", REGISTRY.topics, ids=lambda topic: topic.name)
def test_an_identity_begins_with_what_is_within_its_database_unique(topic: Topic[Any]) -> None:
    event = golden(topic)
    identity = topic.identity(event)
    assert identity.split(":")[0] == str(event.import_id)
    assert identity.endswith(f":{acceptance_number(event.accepted_at)}")


@given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001 - bounds
def test_a_time_of_acceptance_comes_back_from_its_number_to_the_microsecond(accepted_at: datetime) -> None:
    assert accepted_at_of(acceptance_number(accepted_at)) == accepted_at


def test_a_later_revision_of_the_finished_event_has_another_ce_id() -> None:
    event = golden(IMPORT_FINISHED).model_copy(update={"import_id": 12})
    later = event.model_copy(update={"revision": event.revision + 1})
    assert IMPORT_FINISHED.key(event) == IMPORT_FINISHED.key(later) == "12"
    assert ce_id(IMPORT_FINISHED, IMPORT_FINISHED.identity(event)) != ce_id(
        IMPORT_FINISHED, IMPORT_FINISHED.identity(later)
    )


@pytest.mark.parametrize(
    ("topic", "identity", "expected"),
    [
        (IMPORT_ACCEPTED, "1042:1795437296789012", "3b514aac-36b4-5c74-9ddb-d81059b5c31d"),
        (CHUNK_ACCEPTED, "1042:3:1795437296789012", "79aea8b7-5829-5e3d-96a5-cfc505c3add0"),
        (CHUNK_CREATED, "1042:3:1795437296789012", "8a49d40c-a346-5b8e-b70b-11f40e6c86a7"),
        (IMPORT_FINISHED, "1042:1:1795437296789012", "057470bf-a86f-5582-8c68-f675e44e0f32"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_a_deploy_does_not_change_the_ids_by_which_readers_know_a_repeat(
    topic: Topic[Any], identity: str, expected: str
) -> None:
    event = golden(topic)
    named = {"chunk_index": 3, "revision": 1}
    known = event.model_copy(update={name: number for name, number in named.items() if hasattr(event, name)})
    assert topic.identity(known) == identity
    assert ce_id(topic, identity) == expected


def test_headers_are_cloudevents_in_binary_mode() -> None:
    headers = IMPORT_FINISHED.headers("12:1", source="finalizer", time=NOON)
    assert {name: value for name, value in headers.items() if name != "ce_id"} == {
        "ce_specversion": "1.0",
        "ce_type": "lead:import-finished",
        "ce_source": "/leadflow/finalizer",
        "ce_subject": "12:1",
        "ce_time": "2026-11-23T12:00:00+00:00",
        "content-type": "application/json",
    }


@pytest.mark.parametrize(
    ("key", "chunk"),
    [
        (b"12:3", (12, 3)),
        (b"2147483647:0", (2**31 - 1, 0)),
        (b"2147483648:0", None),
        (b"12:2147483648", None),
        (b"12", None),
        (b"12:", None),
        (b":3", None),
        (b"12:3:4", None),
        (b"-12:3", None),
        (b" 12:3", None),
        (b"a:3", None),
        (b"1" * 5000 + b":1", None),
        ("\u0661:1".encode(), None),
        (b"\xff\xfe", None),
        (b"", None),
        (None, None),
    ],
)
def test_a_chunk_is_known_by_its_key_and_no_other_key_is_taken_for_one(
    key: bytes | None, chunk: tuple[int, int] | None
) -> None:
    assert chunk_of_key(key) == chunk
