"""A message that can never be processed goes to the dead letter as it came, and the next one is handled."""

import json
from dataclasses import replace

import pytest

from libs.common.errors import BadMessage
from libs.common.kafka.dead_letter import read_dead_letter
from libs.common.kafka.delivery import UNFORESEEN_ATTEMPTS
from libs.common.topics import DeadLetters
from libs.contracts.lead_import.internal.messages import ChunkAccepted
from libs.contracts.lead_import.internal.topics import DEAD_LETTERS
from tests.support.chunks import accepted, phones
from tests.support.kafka import Headers, Kafka, consuming, unique
from tests.support.waiting import eventually

IMPORT = 2_000_000_001
GOOD = accepted(phones(2)).model_copy(update={"import_id": IMPORT})
GOOD_BYTES = GOOD.model_dump_json().encode()
BAD = GOOD.model_copy(update={"chunk_index": 13})
WRONG_SUM = json.dumps(json.loads(GOOD_BYTES) | {"row_count": 99}).encode()


class Handler:
    """Takes good chunks; calls chunk 13 bad."""

    def __init__(self) -> None:
        self.handled: list[int] = []
        self.attempts = 0

    async def __call__(self, chunk: ChunkAccepted) -> None:
        self.attempts += 1
        if chunk.chunk_index == BAD.chunk_index:
            raise BadMessage("no such chunk")
        self.handled.append(chunk.chunk_index)


@pytest.mark.parametrize(
    ("value", "headers", "exception"),
    [
        (BAD.model_dump_json().encode(), [], "BadMessage"),
        (WRONG_SUM, [], "BadMessage"),
        (b"not JSON \xff\x00", [], "BadMessage"),
        (b"", [], "BadMessage"),
        (b"[]", [], "BadMessage"),
        (b"[" * 50_000, [], "BadMessage"),
        (GOOD_BYTES, [("ce_id", b"caf\xe9")], "UnicodeDecodeError"),
        (b"{", [("ce_id", b"\xff"), ("content-type", b"\xfe")], "UnicodeDecodeError"),
    ],
    ids=["bad", "wrong sum", "not JSON", "empty", "a list", "deep", "header not UTF-8", "nothing is readable"],
)
async def test_a_bad_message_is_dead_lettered_as_it_came_and_the_next_one_is_handled(
    kafka: Kafka, value: bytes, headers: Headers, exception: str
) -> None:
    topic = await kafka.chunk_topic()
    handler = Handler()

    async def handle(chunk: ChunkAccepted) -> None:
        await handler(chunk)

    key = f"{IMPORT}:13".encode()
    await kafka.send(topic.name, value, key=key, headers=headers)
    await kafka.send(topic.name, GOOD_BYTES, key=topic.key(GOOD).encode())
    async with consuming(kafka, topic, handle) as running:
        await kafka.until_committed(running.group, topic.name, 2)
    assert handler.handled == [GOOD.chunk_index]
    (letter,) = await kafka.dead_letters(topic.name)
    assert letter.value == value
    assert letter.key == str(IMPORT).encode()
    read = read_dead_letter(letter, DEAD_LETTERS)
    assert (read.piece, read.exception_type, read.service) == ((IMPORT, 13), exception, "test")
    assert read.original_key == key.decode()
    originals = {name for name, _ in letter.headers if name.startswith("x-original-header-")}
    assert originals == {f"x-original-header-{name}" for name, _ in headers}


async def test_a_bad_last_message_of_a_partition_leaves_no_lag(kafka: Kafka) -> None:
    topic = await kafka.chunk_topic()
    await kafka.send(topic.name, b"x", headers=[("ce_id", b"\xff")])

    async def handle(chunk: ChunkAccepted) -> None:
        raise AssertionError("nothing here can be read")

    async with consuming(kafka, topic, handle) as running:
        await kafka.until_committed(running.group, topic.name, 1)


async def test_a_bad_message_is_tried_once_and_an_unforeseen_error_for_a_while(kafka: Kafka) -> None:
    topic = await kafka.chunk_topic()
    attempts: list[int] = []

    async def handle(chunk: ChunkAccepted) -> None:
        attempts.append(chunk.chunk_index)
        if chunk.chunk_index == 1:
            raise BadMessage("known to be bad")
        if chunk.chunk_index == 2:
            raise KeyError("maria@exemplo.com.br")

    for index in (1, 2, 3):
        chunk = GOOD.model_copy(update={"chunk_index": index})
        await kafka.send(topic.name, chunk.model_dump_json().encode(), key=topic.key(chunk).encode())
    async with consuming(kafka, topic, handle) as running:
        await kafka.until_committed(running.group, topic.name, 3)
    tries = attempts.count(2)
    assert tries >= UNFORESEEN_ATTEMPTS
    assert attempts == [1, *[2] * tries, 3]
    read = [read_dead_letter(letter, DEAD_LETTERS) for letter in await kafka.dead_letters(topic.name)]
    letters = {letter.piece: letter for letter in read}
    assert {chunk: letter.attempts for chunk, letter in letters.items()} == {(IMPORT, 1): 1, (IMPORT, 2): tries}
    assert letters[IMPORT, 2].exception_message == "KeyError"


async def test_an_unforeseen_error_that_passes_is_no_dead_letter(kafka: Kafka) -> None:
    topic = await kafka.chunk_topic()
    attempts = 0

    async def handle(chunk: ChunkAccepted) -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise RuntimeError

    await kafka.send(topic.name, GOOD_BYTES)
    async with consuming(kafka, topic, handle) as running:
        await kafka.until_committed(running.group, topic.name, 1)
    assert attempts == 3
    assert await kafka.dead_letters(topic.name) == []


async def test_a_message_is_not_lost_while_kafka_refuses_its_dead_letter(
    kafka: Kafka,
) -> None:
    topic, letters = await kafka.chunk_topic(), unique("letters")
    await kafka.create(letters, configs={"max.message.bytes": "50"})
    attempts = 0

    async def handle(chunk: ChunkAccepted) -> None:
        nonlocal attempts
        attempts += 1
        raise BadMessage("no such chunk")

    async def tried_often() -> bool:
        return attempts > kafka.settings.bad_messages_in_a_row + 1

    await kafka.send(topic.name, GOOD_BYTES)
    async with consuming(kafka, topic, handle, dead_letters=replace(DEAD_LETTERS, topic=letters)) as running:
        await eventually(tried_often, what="many attempts")
        assert await kafka.committed(running.group, topic.name) == 0
        assert not running.bad_deploys
        await kafka.configure(letters, configs={"max.message.bytes": "1000000"})
        await kafka.until_committed(running.group, topic.name, 1)
    assert [letter.value for letter in await kafka.records(letters)] == [GOOD_BYTES]


async def test_a_bad_message_that_is_too_large_for_a_dead_letter_does_not_hold_its_partition(kafka: Kafka) -> None:
    topic = await kafka.chunk_topic()
    handler = Handler()

    async def handle(chunk: ChunkAccepted) -> None:
        await handler(chunk)

    await kafka.send(topic.name, b"x" * (1024 * 1024 - 200), key=b"2000000001:13")
    await kafka.send(topic.name, GOOD_BYTES)
    async with consuming(kafka, topic, handle) as running:
        await kafka.until_committed(running.group, topic.name, 2)
    (letter,) = await kafka.dead_letters(topic.name)
    assert letter.value == b""
    assert dict(letter.headers)["x-dropped-bytes"] == str(1024 * 1024 - 200).encode()
    assert handler.handled == [GOOD.chunk_index]


async def test_what_a_service_of_another_owner_cannot_process_goes_to_its_own_dead_letters(kafka: Kafka) -> None:
    """The owner of the message settles nothing: its own services may have processed it well."""
    topic, letters = await kafka.chunk_topic(), unique("greeter.dead-letter.v1")
    await kafka.create(letters)

    async def handle(chunk: ChunkAccepted) -> None:
        raise BadMessage("a greeter's own trouble")

    await kafka.send(topic.name, GOOD_BYTES, key=topic.key(GOOD).encode())
    async with consuming(kafka, topic, handle, dead_letters=DeadLetters(letters)) as running:
        await kafka.until_committed(running.group, topic.name, 1)
    assert await kafka.dead_letters(topic.name) == []
    (letter,) = await kafka.records(letters)
    assert (letter.key, letter.value) == (topic.key(GOOD).encode(), GOOD_BYTES)
    assert read_dead_letter(letter, DeadLetters(letters)).piece is None
