"""What passes through the internal topics: no row is dropped, no message too large, personal data not kept."""

import uuid
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from tests.support.readers import ACCEPTED, FINISHED, Stored, body_of, headers_of, subscribed
from tests.support.stack import Addresses
from tests.support.user import User, csv_file, lead_rows, new_phones, totals

STAGES = [f"lead.import-chunk-{stage}.v1" for stage in ("accepted", "deduplicated", "tagged", "created")]
DEAD_LETTERS = "lead.import-dead-letter.v1"
HOUR = 3_600_000
LARGEST = 512 * 1024


async def messages_of(stack: Addresses, import_id: int) -> dict[str, list[ConsumerRecord]]:
    """Return the import's chunk messages by topic, in the order of chunks."""
    found = {}
    async with AsyncExitStack() as subscriptions:
        for name in STAGES:
            topic = await subscriptions.enter_async_context(subscribed(stack.kafka_bootstrap, name))
            await topic.catch_up()
            # By key, not by body: other tests leave messages that nobody can read.
            keys = [key for key in topic.records if key.partition(":")[0] == str(import_id)]
            ours = [record for key in keys for record in topic.records[key]]
            found[name] = sorted(ours, key=lambda record: int(body_of(record)["chunk_index"]))
    return found


def rows_in(message: dict[str, Any]) -> list[int]:
    return sorted([*message["live"]["row"], *(row["row"] for row in message["settled"])])


async def test_no_stage_drops_a_row(user: User, stored: Stored, stack: Addresses) -> None:
    phones = new_phones(1_000)
    await user.run(csv_file(lead_rows(phones[:100])))
    bad = [["Ana", "bad", "", "", ""]] * 100
    found = await user.run(csv_file([*lead_rows(phones), *bad, *lead_rows(phones[-100:])]), on_invalid_row="skip")
    assert totals(found) == (900, 200, 100)
    messages = await messages_of(stack, found["id"])
    accepted = [rows_in(body_of(record)) for record in messages[STAGES[0]]]
    assert sorted(row for rows in accepted for row in rows) == list(range(2, 1_202))
    identities = set()
    for name, records in messages.items():
        bodies = [body_of(record) for record in records]
        assert [rows_in(body) for body in bodies] == accepted, name
        assert [body["row_count"] for body in bodies] == [len(rows) for rows in accepted]
        for record, body in zip(records, bodies, strict=True):
            headers = headers_of(record)
            assert headers["ce_type"] == name.removesuffix(".v1").replace("lead.", "lead:")
            assert uuid.UUID(headers["ce_id"]).version == 5
            assert headers["traceparent"]
            identities.add(headers["ce_id"])
            key = str(found["id"]) if name == STAGES[-1] else f"{found['id']}:{body['chunk_index']}"
            assert record.key.decode() == key
    assert len(identities) == len(STAGES) * len(accepted)
    traces = {headers_of(record)["traceparent"].split("-")[1] for some in messages.values() for record in some}
    assert len(traces) == 1, "one trace from the upload to the last stage"


async def test_no_message_is_too_large(user: User, stored: Stored, stack: Addresses) -> None:
    """Rows as long as they may be, of characters that take four bytes, with tags of their own."""
    rows = [
        [
            "🌸" * 255,
            phone,
            "",
            f"{'a' * 60}@{'b' * 60}.com.br",
            ",".join(f"{tag}{phone}{'🔥' * 38}" for tag in "abcde"),
        ]
        for phone in new_phones(600)
    ]
    found = await user.run(csv_file(rows), tag_ids=user.tenant.tag_ids)
    assert totals(found) == (600, 0, 0)
    messages = await messages_of(stack, found["id"])
    sizes = [len(record.value) for some in messages.values() for record in some]
    assert max(sizes) < LARGEST
    assert len(messages[STAGES[0]]) >= 4, "closed by bytes, not by rows"
    assert sum(sizes) / len(sizes) > LARGEST / 20, "nor much smaller than they need be"
    leads = await stored.leads(user.tenant.company_id)
    assert {(len(lead["name"]), len(lead["tags"])) for lead in leads} == {(255, 8)}


@pytest.mark.parametrize(
    ("topics", "hours"), [(STAGES, 24), ([DEAD_LETTERS], 14 * 24), ([ACCEPTED, FINISHED], None)], ids=str
)
async def test_how_long_topics_keep_what(stack: Addresses, topics: list[str], hours: int | None) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka_bootstrap)
    await admin.start()
    try:
        asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in topics]
        answers = await admin.describe_configs(asked)
        described = await admin.describe_topics(topics)
    finally:
        await admin.close()
    configs = {resource[3]: dict(entry[:2] for entry in resource[4]) for each in answers for resource in each.resources}
    assert set(configs) == set(topics)
    for name, config in configs.items():
        if hours is not None:
            assert int(config["retention.ms"]) == hours * HOUR, name
    assert {len(topic["partitions"]) for topic in described} == {12}
