"""Chunks are dealt out evenly, so that no consumer waits while another has two."""

from collections import Counter

import pytest
from aiokafka.partitioner import DefaultPartitioner

from libs.imports.partitions import SpreadChunks
from libs.imports.settings import ChunkRelaySettings


def chosen(partitions: int, import_id: int, chunks: int) -> list[int]:
    everything = list(range(partitions))
    return [SpreadChunks()(f"{import_id}:{index}".encode(), everything, everything) for index in range(chunks)]


@pytest.mark.parametrize("partitions", [1, 2, 3, 6, 12, 24, 48, 97])
@pytest.mark.parametrize("import_id", [1, 2, 77])
def test_no_partition_gets_a_second_chunk_before_each_has_one(partitions: int, import_id: int) -> None:
    assert set(Counter(chosen(partitions, import_id, 3 * partitions)).values()) == {3}


@pytest.mark.parametrize("consumers", [2, 3, 4])
def test_the_chunks_of_a_small_import_meet_every_consumer(consumers: int) -> None:
    range_of_a_consumer = 12 // consumers
    for import_id in range(1, 30):
        met = Counter(partition // range_of_a_consumer for partition in chosen(12, import_id, 2 * consumers))
        assert len(met) == consumers


@pytest.mark.parametrize(("members", "met"), [(3, 1.0), (6, 0.5), (12, 0.25)])
def test_how_many_newcomers_meet_an_import_that_is_alone_follows_from_the_members(members: int, met: float) -> None:
    """Each member works on one chunk at a time, of whichever of its partitions, and who comes next waits for it."""
    window = ChunkRelaySettings.model_fields["window_alone"].get_default()
    huge = [partition % members for partition in chosen(12, 1, 60)]  # Kafka deals partitions out one by one
    for first in range(len(huge) - window):
        at_work = set(huge[first : first + window])
        assert len(at_work) == window, "no member has two of them"
        newcomers = [chosen(12, import_id, 1)[0] % members for import_id in range(2, 14)]
        assert sum(member in at_work for member in newcomers) / len(newcomers) == met


def test_imports_of_one_chunk_meet_every_partition() -> None:
    assert {chosen(12, import_id, 1)[0] for import_id in range(1, 13)} == set(range(12))


@pytest.mark.parametrize("key", [b"17", b"17:x", b"", b"17:99999999999999999999"])
def test_other_keys_go_where_every_kafka_client_sends_them(key: bytes) -> None:
    everything = list(range(12))
    assert SpreadChunks()(key, everything, everything) == DefaultPartitioner()(key, everything, everything)
