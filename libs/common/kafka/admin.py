"""Creates the topics that owners declare, and has brokers create theirs. They must not create ours by themselves."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    InvalidConfigurationError,
    KafkaError,
    NotCoordinatorForGroupError,
    PolicyViolationError,
    TopicAlreadyExistsError,
    for_code,
)

from libs.common.kafka.clients import group_in_kafka, kafka_admin, topic_in_kafka
from libs.common.kafka.topic_configs import set_topic_config, topic_config
from libs.common.settings import KafkaSettings
from libs.common.topics import Registry

HOUR_MS = 3_600_000
SEGMENT_HOURS = 4
"""No shorter: hosted clusters allow none."""
REPLICAS_FOR_QUORUM = 3
COORDINATOR_SECONDS = 30
HEARD_SECONDS = 5
ASKED_AGAIN_SECONDS = 5
OFFSETS = "__consumer_offsets"

COMPRESSION = "compression.type"
UNCOMPRESSED = "uncompressed"
"""How brokers keep public topics, whatever we send: clients that know no zstd could not read it (kafkajs, which most
services on Node use, knows gzip alone). Such events are small, and few beside the messages of the work itself
(decision 17)."""
READ_BY_EVERYBODY = (UNCOMPRESSED, "gzip")
_NOT_OURS_TO_SET = (InvalidConfigurationError, PolicyViolationError)

log = structlog.get_logger()

_NOT_YET = (GroupCoordinatorNotAvailableError, GroupLoadInProgressError, NotCoordinatorForGroupError)


async def ensure_topics(settings: KafkaSettings, registries: Iterable[Registry]) -> None:
    """Create what is missing, and let every client read what is public, also where that exists already.

    Everything else of a topic that exists stays as it is. Raises aiokafka's KafkaError when the cluster refuses one;
    where it keeps public topics in its own way, that is only logged.
    """
    declared = tuple(registries)
    wanted = {topic_in_kafka(settings, name): kept for name, kept in _declared(declared).items()}
    admin = kafka_admin(settings, client_id="leadflow-migrate")
    try:
        await admin.start()
        missing = sorted(set(wanted) - set(await admin.list_topics()))
        if missing:
            await _create(admin, settings, {name: wanted[name] for name in missing})
            await _heard_of(admin, missing)
        closed = await _open_public(admin, [name for name, kept in wanted.items() if kept.public])
        if closed and settings.kafka_compression not in ("gzip", "none"):
            log.warning(
                "this cluster keeps public topics as they are sent: only clients that know the codec can read them."
                " Every client could with LEADFLOW_KAFKA_COMPRESSION=gzip",
                topics=closed,
                codec=settings.kafka_compression,
            )
        readers = {reader for registry in declared for topic in registry.topics for reader in topic.readers}
        await _ensure_coordinators(admin, [group_in_kafka(settings, reader) for reader in sorted(readers)])
    finally:
        await admin.close()


def topic_settings(settings: KafkaSettings, registries: Iterable[Registry]) -> dict[str, dict[str, str]]:
    """Return what is set of each declared topic when it is made, by its name without a prefix."""
    return {name: _configs(settings, kept) for name, kept in _declared(registries).items()}


@dataclass(frozen=True, slots=True)
class _Kept:
    """How a topic keeps what it is given."""

    hours: int
    public: bool


def _declared(registries: Iterable[Registry]) -> dict[str, _Kept]:
    found: dict[str, _Kept] = {}
    for registry in registries:
        found |= {topic.name: _Kept(topic.retention_hours, topic.public) for topic in registry.topics}
        if registry.dead_letters is not None:
            found[registry.dead_letters.topic] = _Kept(registry.dead_letters.retention_hours, public=False)
    return found


async def _create(admin: AIOKafkaAdminClient, settings: KafkaSettings, wanted: Mapping[str, _Kept]) -> None:
    refused = await _try_to_create(admin, {name: _configs(settings, kept) for name, kept in wanted.items()}, settings)
    # Confluent Cloud does not let anybody choose how a topic is compressed.
    again = {name: _configs(settings, replace(wanted[name], public=False)) for name in refused if wanted[name].public}
    still = {name: refused[name] for name in refused.keys() - again.keys()}
    if again:
        still |= await _try_to_create(admin, again, settings)
    for name, error in still.items():
        raise error(name)


async def _try_to_create(
    admin: AIOKafkaAdminClient, configs: Mapping[str, dict[str, str]], settings: KafkaSettings
) -> dict[str, type[KafkaError]]:
    """Create topics; return what the cluster does not let us set of them. Raises what else it refuses."""
    response = await admin.create_topics(
        [
            NewTopic(
                name,
                num_partitions=settings.topic_partitions,
                replication_factor=settings.topic_replication,
                topic_configs=config,
            )
            for name, config in configs.items()
        ]
    )
    refused: dict[str, type[KafkaError]] = {}
    for name, code, *_ in response.topic_errors:
        error = for_code(code)
        if error in _NOT_OURS_TO_SET:
            refused[name] = error
        elif code and error is not TopicAlreadyExistsError:
            raise error(name)
    return refused


async def _heard_of(admin: AIOKafkaAdminClient, names: Sequence[str]) -> None:
    """Wait until brokers know these topics, as they do when they are not behind with what was decided before."""
    deadline = time.monotonic() + HEARD_SECONDS
    while time.monotonic() < deadline:
        if set(names) <= set(await admin.list_topics()):
            return
        await asyncio.sleep(0.1)


async def _open_public(admin: AIOKafkaAdminClient, names: Sequence[str]) -> list[str]:
    """Have these kept so that every client can read them; return those that the cluster keeps otherwise."""
    closed = await _closed(admin, names)
    if closed:
        try:
            await set_topic_config(admin, dict.fromkeys(closed, UNCOMPRESSED), name=COMPRESSION)
        except _NOT_OURS_TO_SET:
            return closed
    # Brokers hear of it a moment later. One that takes the setting and does not keep it is found out as well.
    deadline = time.monotonic() + HEARD_SECONDS
    while closed and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
        closed = await _closed(admin, closed)
    return closed


async def _closed(admin: AIOKafkaAdminClient, names: Sequence[str]) -> list[str]:
    found = await topic_config(admin, COMPRESSION, names)
    return sorted(name for name, value in found.items() if value not in READ_BY_EVERYBODY)


async def _ensure_coordinators(admin: AIOKafkaAdminClient, groups: list[str]) -> None:
    """Wait until a broker answers for each group. The first question makes a new cluster create its topic of offsets.

    Otherwise the first consumers meet a cluster that is not done with that, and report errors of a healthy start.
    They wait by themselves where this gives up.
    """
    deadline = time.monotonic() + COORDINATOR_SECONDS
    next_question = 0.0
    while (now := time.monotonic()) < deadline:
        try:
            # A broker that is asked again before it has heard that the topic is there would try to create it again, and
            # warn: so that is waited for. Where we have no right to see it, some seconds must do.
            if now >= next_question or OFFSETS in await admin.list_topics():
                next_question = now + ASKED_AGAIN_SECONDS
                for group in groups:
                    await _ask(admin, group)
                return
        except _NOT_YET:
            pass
        except KafkaError:  # consumers will then wait by themselves
            return
        await asyncio.sleep(0.1)


async def _ask(admin: AIOKafkaAdminClient, group: str) -> None:
    try:
        # Not describe_consumer_groups, whose answer aiokafka cannot read when a group has members.
        await admin.list_consumer_group_offsets(group)
    except GroupAuthorizationFailedError:
        return  # not ours to ask for; or a reader that has no group, because it only watches


def _configs(settings: KafkaSettings, kept: _Kept) -> dict[str, str]:
    opened = {COMPRESSION: UNCOMPRESSED} if kept.public else {}
    return opened | {
        "retention.ms": str(kept.hours * HOUR_MS),
        # A broker deletes files, each when its last message is over. One that it writes to for days, as by default,
        # would keep a message for so much longer than is promised.
        "segment.ms": str(SEGMENT_HOURS * HOUR_MS),
        # With three replicas an acknowledged message is on two, and one broker may die without stopping the topic.
        "min.insync.replicas": "2" if settings.topic_replication >= REPLICAS_FOR_QUORUM else "1",
        # The broker's clock dates messages. By the dates of a producer whose clock has jumped, a broker would refuse
        # messages (more than an hour ahead) or delete them before their retention is over (far back).
        "message.timestamp.type": "LogAppendTime",
    }
