"""Public events are for every team: also for one whose client knows no codec but gzip, or is Kafka's own tool."""

from typing import Any

from tests.support.other_clients import console_consumer, kafkajs, read_by_console_consumer, read_by_kafkajs
from tests.support.readers import ACCEPTED, FINISHED, Topic, body_of, headers_of
from tests.support.stack import Addresses
from tests.support.user import User, csv_file, lead_rows, new_phones


async def test_kafkajs_and_the_console_consumer_read_what_our_own_subscriber_reads(
    user: User, stack: Addresses, finished: Topic, accepted: Topic
) -> None:
    node, tools = kafkajs(), console_consumer()
    # Enough rows for a message that is worth compressing to be on the internal topics beside it.
    found = await user.run(csv_file(lead_rows(new_phones(50))))
    key = str(found["id"])
    for name, topic in ((FINISHED, finished), (ACCEPTED, accepted)):
        record = await topic.first_of(key)
        ours: dict[str, Any] = {"headers": headers_of(record), "body": body_of(record)}
        assert await read_by_kafkajs(node, stack.kafka_bootstrap, name, key) == ours
        assert await read_by_console_consumer(tools, stack.kafka_bootstrap, name, key) == ours["body"]
