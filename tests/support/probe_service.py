"""A whole consumer service that tests run as a process: chunk 13 is bad, every other one takes ``PROBE_SECONDS``.

Prints a line when a chunk begins. ``PROBE_TOPIC`` and ``PROBE_GROUP`` name what it reads.
"""

import asyncio
import os
import sys
from dataclasses import replace

from libs.common.errors import BadMessage
from libs.common.kafka.subscribing import subscribe
from libs.common.process.consumer import ConsumerService
from libs.common.settings import ServiceSettings
from libs.contracts.lead_import.internal.messages import ChunkAccepted
from libs.contracts.lead_import.internal.topics import CHUNK_ACCEPTED, DEAD_LETTERS

BAD = 13


def main() -> None:
    settings = ServiceSettings()
    service = ConsumerService("probe", settings, dead_letters=DEAD_LETTERS)
    topic = replace(CHUNK_ACCEPTED, name=os.environ["PROBE_TOPIC"])

    @subscribe(service.broker, topic, group=os.environ["PROBE_GROUP"], begins="beginning", settings=settings)
    async def on_chunk(chunk: ChunkAccepted) -> None:
        sys.stdout.write(f"began {chunk.chunk_index}\n")
        sys.stdout.flush()
        if chunk.chunk_index == BAD:
            raise BadMessage("chunk 13")
        await asyncio.sleep(float(os.environ["PROBE_SECONDS"]))

    service.run()


if __name__ == "__main__":
    main()
