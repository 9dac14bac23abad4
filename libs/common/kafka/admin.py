"""Creates the topics that owners declare. Brokers must not create topics by themselves."""

from collections.abc import Iterable

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from libs.common.settings import KafkaSettings
from libs.common.topics import Registry

HOUR_MS = 3_600_000
REPLICAS_FOR_QUORUM = 3


async def ensure_topics(settings: KafkaSettings, registries: Iterable[Registry]) -> None:
    """Create what is missing. Raises aiokafka's KafkaError when the cluster refuses one."""
    wanted = _retention_hours(registries)
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap.split(","), client_id="leadflow-migrate")
    try:
        await admin.start()
        missing = set(wanted) - set(await admin.list_topics())
        if not missing:
            return
        response = await admin.create_topics(
            [
                NewTopic(
                    name,
                    num_partitions=settings.topic_partitions,
                    replication_factor=settings.topic_replication,
                    topic_configs=_configs(settings, retention_hours=wanted[name]),
                )
                for name in sorted(missing)
            ]
        )
        for name, code, *_ in response.topic_errors:
            error = for_code(code)
            if code and error is not TopicAlreadyExistsError:
                raise error(name)
    finally:
        await admin.close()


def _retention_hours(registries: Iterable[Registry]) -> dict[str, int]:
    hours: dict[str, int] = {}
    for registry in registries:
        hours |= {topic.name: topic.retention_hours for topic in registry.topics}
        if registry.dead_letters is not None:
            hours[registry.dead_letters.topic] = registry.dead_letters.retention_hours
    return hours


def _configs(settings: KafkaSettings, *, retention_hours: int) -> dict[str, str]:
    return {
        "retention.ms": str(retention_hours * HOUR_MS),
        # With three replicas an acknowledged message is on two, and one broker may die without stopping the topic.
        "min.insync.replicas": "2" if settings.topic_replication >= REPLICAS_FOR_QUORUM else "1",
        # The broker's clock dates messages. By the dates of a producer whose clock has jumped, a broker would refuse
        # messages (more than an hour ahead) or delete them before their retention is over (far back).
        "message.timestamp.type": "LogAppendTime",
    }
