"""``make partitions COUNT=24``: more partitions for the topics of the local stack's Kafka."""

from aiokafka.admin import NewPartitions
from aiokafka.errors import KafkaError

from deploy.local.instance import Instance, StackError
from deploy.local.kafka import client_settings
from deploy.local.ports import Ports
from libs.common.kafka.clients import kafka_admin
from libs.contracts.registry import registries


async def add(instance: Instance, ports: Ports, count: int) -> list[str]:
    """Give every topic but those of dead letters so many partitions; return the topics that had fewer.

    A second run changes nothing. Raises StackError where one has more already, and nothing is changed then.
    """
    # The stack may have been started with a prefix for its topics.
    ours = tuple(topic.name for registry in registries() for topic in registry.topics)
    admin = kafka_admin(
        client_settings(instance, f"127.0.0.1:{ports['kafka']}"), client_id="leadflow-local", request_timeout_ms=10_000
    )
    try:
        await admin.start()
        names = [name for name in await admin.list_topics() if name.endswith(ours)]
        have = {each["topic"]: len(each["partitions"]) for each in await admin.describe_topics(names)}
        more = sorted(name for name, partitions in have.items() if partitions > count)
        if more:
            raise StackError(f"Partitions are never taken away: {more[0]} has {have[more[0]]}.")
        fewer = sorted(name for name, partitions in have.items() if partitions < count)
        if fewer:
            await admin.create_partitions({name: NewPartitions(count) for name in fewer})
    except KafkaError as error:
        raise StackError(f"Kafka does not do it: {error}. `make -s status` says how it is.") from error
    else:
        return fewer
    finally:
        await admin.close()
