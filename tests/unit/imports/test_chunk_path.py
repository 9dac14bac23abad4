"""The path of a chunk: each group reads what an earlier one publishes, and every reader is on it."""

import pytest

from libs.common.topics import topics_read_by
from libs.contracts.lead_import.internal.topics import CHUNK_CREATED, DEAD_LETTERS
from libs.contracts.lead_import.registry import REGISTRY
from libs.imports.chunk_path import PATH, PIPELINE, is_on_its_way
from libs.imports.partitions import SpreadChunks

CHUNK = (17, 4)
EVERYWHERE = list(range(12))


def own_partition(topic: str) -> int:
    key = b"17" if topic in (CHUNK_CREATED.name, DEAD_LETTERS.topic) else b"17:4"
    return SpreadChunks()(key, EVERYWHERE, EVERYWHERE)


def test_every_topic_that_a_service_of_the_pipeline_reads_is_on_the_path() -> None:
    read = [(service, topic) for service in PIPELINE for topic in topics_read_by([REGISTRY], service)]
    assert list(PATH[:-1]) == read
    assert PATH[-1][1] == DEAD_LETTERS.topic


@pytest.mark.parametrize(("group", "topic"), PATH)
def test_a_chunk_may_be_where_something_waits_in_its_partition_and_nowhere_else(group: str, topic: str) -> None:
    for number in EVERYWHERE:
        lags = {read: dict.fromkeys(EVERYWHERE, 0) for read in PATH}
        lags[group, topic][number] = 3
        assert is_on_its_way(CHUNK, lags) is (number == own_partition(topic))
