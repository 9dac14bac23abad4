"""Which partition a chunk goes to: consecutive chunks go to different consumers, as evenly as can be."""

import math
from functools import cache
from typing import Any

from aiokafka.partitioner import DefaultPartitioner

from libs.contracts.lead_import.internal.chunk_keys import chunk_of_key

_GOLDEN_SECTION = 0.618


class SpreadChunks(DefaultPartitioner):  # type: ignore[misc]
    """Deals the chunks of an import out to the partitions one by one; other keys are hashed as Kafka's are.

    A hash would be as right, since order between chunks never matters, but uneven: of 12 chunks in flight
    over 12 partitions it leaves four partitions empty, and their consumers idle.
    """

    def __call__(self, key: bytes | None, all_partitions: list[int], available: list[int]) -> int:
        chunk = chunk_of_key(key)
        if chunk is None:
            hashed: Any = super().__call__(key, all_partitions, available)
            return int(hashed)
        import_id, chunk_index = chunk
        count = len(all_partitions)
        return sorted(all_partitions)[(import_id + chunk_index) * _stride(count) % count]


@cache
def _stride(count: int) -> int:
    """Return how many partitions lie from one chunk's to the next one's.

    No number but 1 divides both the step and ``count``, so that the chunks meet every partition before one comes again.
    And it is near the golden section of ``count``, so that few chunks suffice to meet all parts of the circle: also a
    consumer that was given a contiguous range of partitions has one of them.
    """
    nearest = sorted(range(1, count + 1), key=lambda step: abs(step - count * _GOLDEN_SECTION))
    return next(step for step in nearest if math.gcd(step, count) == 1)
