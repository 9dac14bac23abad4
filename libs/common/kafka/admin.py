"""Creates the topics that owners declare, and has brokers create theirs. They must not create ours by themselves."""

import asyncio
import time
from collections.abc import Iterable, Mapping

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    KafkaError,
    NotCoordinatorForGroupError,
    TopicAlreadyExistsError,
    for_code,
)

from libs.common.kafka.clients import group_in_kafka, kafka_admin, topic_in_kafka
from libs.common.settings import KafkaSettings
from libs.common.topics import Registry

HOUR_MS = 3_600_000
REPLICAS_FOR_QUORUM = 3
COORDINATOR_SECONDS = 30
OFFSETS = "__consumer_offsets"

_NOT_YET = (GroupCoordinatorNotAvailableError, GroupLoadInProgressError, NotCoordinatorForGroupError)


async def ensure_topics(settings: KafkaSettings, registries: Iterable[Registry]) -> None:
    """Create what is missing. Raises aiokafka's KafkaError when the cluster refuses one."""
    declared = tuple(registries)
    wanted = {topic_in_kafka(settings, name): hours for name, hours in _retention_hours(declared).items()}
    admin = kafka_admin(settings, client_id="leadflow-migrate")
    try:
        await admin.start()
        missing = set(wanted) - set(await admin.list_topics())
        if missing:
            await _create(admin, settings, {name: wanted[name] for name in sorted(missing)})
        readers = {reader for registry in declared for topic in registry.topics for reader in topic.readers}
        await _ensure_coordinators(admin, [group_in_kafka(settings, reader) for reader in sorted(readers)])
    finally:
        await admin.close()


def _retention_hours(registries: Iterable[Registry]) -> dict[str, int]:
    hours: dict[str, int] = {}
    for registry in registries:
        hours |= {topic.name: topic.retention_hours for topic in registry.topics}
        if registry.dead_letters is not None:
            hours[registry.dead_letters.topic] = registry.dead_letters.retention_hours
    return hours


async def _create(admin: AIOKafkaAdminClient, settings: KafkaSettings, hours: Mapping[str, int]) -> None:
    response = await admin.create_topics(
        [
            NewTopic(
                name,
                num_partitions=settings.topic_partitions,
                replication_factor=settings.topic_replication,
                topic_configs=_configs(settings, retention_hours=retention_hours),
            )
            for name, retention_hours in hours.items()
        ]
    )
    for name, code, *_ in response.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise error(name)


async def _ensure_coordinators(admin: AIOKafkaAdminClient, groups: list[str]) -> None:
    """Wait until a broker answers for each group. The first question makes a new cluster create its topic of offsets.

    Otherwise the first consumers meet a cluster that is not done with that, and report errors of a healthy start.
    They wait by themselves where this gives up.
    """
    deadline = time.monotonic() + COORDINATOR_SECONDS
    asked = False
    while time.monotonic() < deadline:
        try:
            # Asked again before the topic is there, a broker would try to create it again, and warn.
            if not asked or OFFSETS in await admin.list_topics():
                asked = True
                for group in groups:
                    # Not describe_consumer_groups, whose answer aiokafka cannot read when a group has members.
                    await admin.list_consumer_group_offsets(group)
                return
        except _NOT_YET:
            pass
        except KafkaError:  # such as no right to read offsets: consumers will then wait by themselves
            return
        await asyncio.sleep(0.1)


def _configs(settings: KafkaSettings, *, retention_hours: int) -> dict[str, str]:
    return {
        "retention.ms": str(retention_hours * HOUR_MS),
        # With three replicas an acknowledged message is on two, and one broker may die without stopping the topic.
        "min.insync.replicas": "2" if settings.topic_replication >= REPLICAS_FOR_QUORUM else "1",
        # The broker's clock dates messages. By the dates of a producer whose clock has jumped, a broker would refuse
        # messages (more than an hour ahead) or delete them before their retention is over (far back).
        "message.timestamp.type": "LogAppendTime",
    }
