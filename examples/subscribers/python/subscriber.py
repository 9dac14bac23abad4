"""A service that learns of every import that has ended. It needs ``aiokafka``.

An event is done first and committed then, so one that is not done comes again after a crash. It may come twice: what
``handle`` does must be the same the second time, or remember the ``ce_id``.
"""

import asyncio
import contextlib
import json
import os

from aiokafka import AIOKafkaConsumer
from leadflow_events import LEAD_IMPORT_FINISHED_V1, ImportFinished

GROUP = os.environ.get("GROUP", "example-python")
"""One group for all processes of your service: each event goes to one of them."""


async def handle(event: ImportFinished, ce_id: str) -> None:
    """Do what your service is there for."""
    print(
        f"Import {event['import_id']} of company {event['company_id']} is {event['status']}:"
        f" {event['total_created']} created, {event['total_existing']} existing, {event['total_errors']} errors,"
        f" {event['total_rows']} rows",
        flush=True,
    )


async def main() -> None:
    consumer = AIOKafkaConsumer(
        LEAD_IMPORT_FINISHED_V1,
        bootstrap_servers=os.environ["LEADFLOW_KAFKA_BOOTSTRAP"],
        group_id=GROUP,
        # A new group begins with what the topic still holds, seven days. "latest" begins now.
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    async with consumer:
        async for message in consumer:
            headers = dict(message.headers)
            event: ImportFinished = json.loads(message.value)
            await handle(event, headers["ce_id"].decode())
            await consumer.commit()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C
        asyncio.run(main())
