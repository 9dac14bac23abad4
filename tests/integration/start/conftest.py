"""Servers for processes of the tests' own: topics and groups of their own, and a role whose password changes.

The processes' consumer groups have the names of the real ones; a prefix keeps them apart.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest_asyncio
from sqlalchemy.engine import make_url

from libs.common.kafka.admin import ensure_topics
from libs.common.settings import KafkaSettings, MongoSettings, PostgresSettings
from libs.contracts.registry import registries
from tests.support.kafka import Kafka, kafka_of, unique
from tests.support.readers import Stored
from tests.support.stack import Addresses
from tests.support.waiting import eventually

_END_SESSIONS = """
    SELECT pid, usename = :n AND pg_terminate_backend(pid) AS told FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND (usename = :n OR usename IS NULL)
"""
"""Each session of a role, and who has not said yet whose session it is."""


@dataclass(frozen=True, slots=True)
class OwnTopics:
    """The registry's topics behind a prefix; ``settings`` are names without prefix and their values."""

    kafka: Kafka
    prefix: str
    settings: dict[str, str]

    def name(self, topic: str) -> str:
        return self.prefix + topic

    async def committed(self, group: str, topic: str) -> int:
        """Return how many messages a service's group is done with."""
        return await self.kafka.committed(self.prefix + group, self.name(topic))


@pytest_asyncio.fixture
async def topics(servers: Addresses) -> AsyncIterator[OwnTopics]:
    prefix = unique("start") + "."
    settings = KafkaSettings(
        kafka_bootstrap=servers.kafka_bootstrap, kafka_topic_prefix=prefix, topic_partitions=2, backoff_max_seconds=3
    )
    await ensure_topics(settings, registries())
    async with kafka_of(settings) as kafka:
        given = {"kafka_bootstrap": servers.kafka_bootstrap, "kafka_topic_prefix": prefix, "backoff_max_seconds": "3"}
        yield OwnTopics(kafka, prefix, given)


@dataclass(frozen=True, slots=True)
class OwnRole:
    """A role of PostgreSQL. ``url`` says its right password."""

    name: str
    url: str
    db: Stored

    @property
    def wrong_url(self) -> str:
        return make_url(self.url).set(password="wrong").render_as_string(hide_password=False)

    async def lose(self) -> None:
        """Give it another password, and end the sessions that it has: at the return none is left."""
        await self.db.execute(f"ALTER ROLE {self.name} PASSWORD 'another'")
        await eventually(self._has_no_session, what=f"the end of the sessions of {self.name}")

    async def _has_no_session(self) -> bool:
        """A session that was told to end still ends its commit; one that has begun to log in has no name yet."""
        found = await self.db.rows(_END_SESSIONS, n=self.name)
        return not found

    async def regain(self) -> None:
        await self.db.execute(f"ALTER ROLE {self.name} PASSWORD 'right'")


@pytest_asyncio.fixture
async def role(stores: tuple[PostgresSettings, MongoSettings], db: Stored) -> AsyncIterator[OwnRole]:
    name = unique("start").replace("-", "_")
    await db.execute(f"CREATE ROLE {name} LOGIN SUPERUSER PASSWORD 'right'")
    url = make_url(stores[0].postgres_url.get_secret_value()).set(username=name, password="right")
    yield OwnRole(name, url.render_as_string(hide_password=False), db)
    await db.value("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = :n", n=name)
    await db.execute(f"DROP ROLE {name}")
