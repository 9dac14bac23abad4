"""Chunks are dealt out evenly, so that no consumer waits while another has two."""

from collections import Counter

import pytest
from aiokafka.partitioner import DefaultPartitioner

from libs.imports.partitions import SpreadChunks


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


def test_imports_of_one_chunk_meet_every_partition() -> None:
    assert {chosen(12, import_id, 1)[0] for import_id in range(1, 13)} == set(range(12))


@pytest.mark.parametrize("key", [b"17", b"17:x", b"", b"17:99999999999999999999"])
def test_other_keys_go_where_every_kafka_client_sends_them(key: bytes) -> None:
    everything = list(range(12))
    assert SpreadChunks()(key, everything, everything) == DefaultPartitioner()(key, everything, everything)
