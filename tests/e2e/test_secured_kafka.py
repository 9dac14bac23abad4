"""Kafka as companies have it: encrypted, a user with a password for each service, nothing allowed that is not needed.

And shared: all names begin with a prefix. The stack is one of this module's own.
"""

import asyncio
import json
import logging
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import create_conn
from aiokafka.errors import KafkaConnectionError, KafkaError, TopicAuthorizationFailedError
from aiokafka.helpers import create_ssl_context
from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest
from prometheus_client import CollectorRegistry
from pymongo import AsyncMongoClient
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.local import kafka_access
from deploy.local import ports as ports_of
from deploy.local.certificates import Authority
from deploy.local.command import addresses, run
from deploy.local.instance import Instance
from deploy.processes import CONSUMERS
from libs.common.kafka.broker import create_broker
from libs.common.kafka.clients import kafka_admin, kafka_consumer
from libs.common.kafka.lag import group_lags
from libs.common.settings import KafkaSettings
from libs.contracts.lead_import.internal.topics import DEAD_LETTERS
from libs.contracts.lead_import.registry import REGISTRY
from libs.imports.chunk_path import PIPELINE
from tests.support.command_line import leadflow
from tests.support.databases import sqlalchemy_url
from tests.support.on_call import letter_of, without_the_import_channel
from tests.support.platform import create_tenant
from tests.support.ports import free_port
from tests.support.processes import needs_local_stack
from tests.support.readers import FINISHED, Stored, Topic, body_of, headers_of, subscribed
from tests.support.stack import INSTANCE, ROOT, SETTINGS, Addresses
from tests.support.token_endpoint import good, token_endpoint
from tests.support.user import User, csv_file, lead_rows, new_phones, totals
from tests.support.waiting import eventually

pytestmark = needs_local_stack

NAME = f"{INSTANCE}-secured"
PREFIX = "sales."
CHUNK_ACCEPTED, CHUNK_TAGGED = (f"{PREFIX}lead.import-chunk-{stage}.v1" for stage in ("accepted", "tagged"))
INSTANCE_SETTINGS = SETTINGS | {"LEADFLOW_LOCAL_KAFKA": "secured", "LEADFLOW_KAFKA_TOPIC_PREFIX": PREFIX}
INSTANCE_SETTINGS["LEADFLOW_STUCK_AFTER_SECONDS"] = "15"


@dataclass(frozen=True, slots=True)
class Secured:
    """A running stack with a secured Kafka."""

    stack: Addresses
    instance: Instance

    def environment(self, user: str) -> dict[str, str]:
        """Return what a process is told of Kafka when it is this user."""
        told = kafka_access.client_environment(self.instance, user)
        return told | {"LEADFLOW_KAFKA_TOPIC_PREFIX": PREFIX, "LEADFLOW_KAFKA_BOOTSTRAP": self.stack.kafka_bootstrap}

    def settings(self, user: str) -> dict[str, str]:
        """Return the same as our own settings are called."""
        return {name.removeprefix("LEADFLOW_").lower(): value for name, value in self.environment(user).items()}

    def access(self, user: str, *, ca_file: Path | None = None) -> dict[str, Any]:
        """Return what another team's own client is told, which knows nothing of ours."""
        return {
            "security_protocol": "SASL_SSL",
            "ssl_context": create_ssl_context(cafile=ca_file or kafka_access.ca_file(self.instance)),
            "sasl_mechanism": kafka_access.MECHANISM,
            "sasl_plain_username": user,
            "sasl_plain_password": kafka_access.password(self.instance, user),
        }


@pytest.fixture(scope="module")
def secured() -> Iterator[Secured]:
    run("reset", instance=NAME, settings=INSTANCE_SETTINGS)
    run("up", instance=NAME, settings=INSTANCE_SETTINGS)
    try:
        lines = addresses(instance=NAME, settings=INSTANCE_SETTINGS)
        instance = Instance(name=NAME, local=ROOT / ".local")
        stack = Addresses(
            api_url=lines["LEADFLOW_API_URL"],
            postgres_url=lines["LEADFLOW_POSTGRES_URL"],
            mongo_url=lines["LEADFLOW_MONGO_URL"],
            kafka_bootstrap=lines["LEADFLOW_KAFKA_BOOTSTRAP"],
            jwt_secret=instance.secrets().jwt_secret,
        )
        yield Secured(stack, instance)
    finally:
        run("reset", instance=NAME, settings=INSTANCE_SETTINGS)


@pytest_asyncio.fixture(scope="module")
async def stored(secured: Secured) -> AsyncIterator[Stored]:
    engine = create_async_engine(sqlalchemy_url(secured.stack.postgres_url))
    client: AsyncMongoClient[dict[str, Any]]
    async with AsyncMongoClient(secured.stack.mongo_url, tz_aware=True) as client:
        yield Stored(engine, client.get_default_database()["chats"])
    await engine.dispose()


@pytest_asyncio.fixture
async def user(secured: Secured, stored: Stored) -> AsyncIterator[User]:
    async with httpx.AsyncClient(base_url=secured.stack.api_url, timeout=30) as client:
        yield User(client, await create_tenant(stored.engine, jwt_secret=secured.stack.jwt_secret))


@pytest_asyncio.fixture(scope="module")
async def finished(secured: Secured) -> AsyncIterator[Topic]:
    """Another team's subscriber, as its own user."""
    access = secured.access(kafka_access.SUBSCRIBER)
    async with subscribed(secured.stack.kafka_bootstrap, PREFIX + FINISHED, **access) as topic:
        yield topic


async def test_an_import_runs_and_another_team_reads_how_it_ended(user: User, stored: Stored, finished: Topic) -> None:
    phones = new_phones(1_200)
    found = await user.run(csv_file(lead_rows([*phones, phones[0]])))
    assert totals(found) == (1_200, 1, 0)
    event = body_of(await finished.first_of(found["id"]))
    assert (event["status"], totals(event)) == ("FINISHED", (1_200, 1, 0))
    assert await stored.consistent(user.tenant.company_id) == 1_200


async def test_dead_letters_are_settled_and_the_operator_replays_them(
    user: User, stored: Stored, finished: Topic, secured: Secured
) -> None:
    """A chunk goes through all stages again; what is no chunk's goes to its topic, which it names as Kafka does."""
    access = secured.access("operator")
    async with subscribed(secured.stack.kafka_bootstrap, PREFIX + DEAD_LETTERS.topic, **access) as letters:
        async with AIOKafkaProducer(bootstrap_servers=secured.stack.kafka_bootstrap, **access) as producer:
            await producer.send_and_wait(CHUNK_ACCEPTED, b"no message of ours", key=b"stranger")
        assert headers_of(await letters.first_of("stranger"))["x-original-topic"] == CHUNK_ACCEPTED
        async with without_the_import_channel(stored):
            failed = await user.run(csv_file(lead_rows(new_phones(3))))
        assert (failed["status"], totals(failed)) == ("FAILED", (0, 0, 3))

        _, why = letter_of(f"{failed['id']}:0", await on_call(secured, "dead-letters", "list"))
        assert CHUNK_TAGGED in why
        replayed = await on_call(secured, "dead-letters", "replay", "--all")
        assert "1 chunks go through all stages again; 1 other messages went to their topics." in replayed
        ended = await user.ended(failed["id"])
        assert (ended["status"], totals(ended)) == ("FINISHED", (3, 0, 0))
        await eventually(lambda: count_of(letters, "stranger", 2), what="the stranger's second dead letter")
    events = await eventually(lambda: count_of(finished, str(failed["id"]), 2), what="both finished events")
    assert [body_of(event)["revision"] for event in events] == [1, 2]
    asked = KafkaSettings.model_validate(secured.settings("operator"))
    assert await group_lags(asked, [REGISTRY], PIPELINE) == dict.fromkeys(PIPELINE, 0)


async def count_of(topic: Topic, key: str, count: int) -> list[ConsumerRecord] | None:
    await topic.catch_up()
    return topic.records[key] if len(topic.records[key]) >= count else None


async def on_call(secured: Secured, *command: str) -> str:
    """Run ``leadflow`` as the people on call do, as their user."""
    told = secured.environment("operator")
    code, said = await leadflow(*command, servers=secured.stack, postgres_url=secured.stack.postgres_url, **told)
    assert code == 0, said
    return said


async def test_a_service_with_anothers_password_never_becomes_ready(secured: Secured, tmp_path: Path) -> None:
    """The stack's own, each with its password, are ready: they have run the imports above."""
    log, port = tmp_path / "dedup.log", free_port()
    own = {name: value for name, value in os.environ.items() if not name.startswith("LEADFLOW_")}
    told = secured.environment("dedup") | {
        "LEADFLOW_KAFKA_PASSWORD": secured.environment("tagger")["LEADFLOW_KAFKA_PASSWORD"],
        "LEADFLOW_POSTGRES_URL": secured.stack.postgres_url,
        "LEADFLOW_MONGO_URL": secured.stack.mongo_url,
        "LEADFLOW_HTTP_PORT": str(port),
    }
    command = (sys.executable, "-m", "services.dedup.main")
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=own | told, stdout=file, stderr=file)
    try:

        async def refused() -> bool:
            return "SaslAuthenticationFailed" in log.read_text()

        await eventually(refused, what="a refusal by Kafka")
        async with asyncio.timeout(30):
            for _ in range(20):
                assert not await is_ready(f"http://127.0.0.1:{port}/health/ready")
                await asyncio.sleep(0.1)
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 40)
    assert not any(secret in log.read_text() for secret in (told["LEADFLOW_KAFKA_PASSWORD"], "password="))


async def is_ready(url: str) -> bool:
    async with httpx.AsyncClient() as client:
        try:
            return (await client.get(url)).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


async def test_a_consumer_that_may_not_read_any_more_is_not_ready_until_it_may(secured: Secured) -> None:
    """It stays a member of its group, and no message comes to it: but for Kafka's silence it would look idle."""
    ports = ports_of.load(secured.instance)
    assert ports is not None
    url = f"http://127.0.0.1:{ports['dedup']}/health/ready"

    async def ready() -> bool:
        return await is_ready(url)

    async def says_why() -> bool:
        async with httpx.AsyncClient() as client:
            answer = await client.get(url)
        return answer.status_code == 503 and f"no answer about {CHUNK_ACCEPTED}" in answer.json()["reason"]

    await eventually(ready, what="dedup that is ready")
    async with forbidden(secured, "dedup", CHUNK_ACCEPTED):
        await eventually(says_why, seconds=90, what="dedup that says why it is not ready")
    await eventually(ready, seconds=90, what="dedup that is ready again")


@asynccontextmanager
async def forbidden(secured: Secured, user: str, topic: str) -> AsyncIterator[None]:
    """Forbid a user to read a topic, whatever else allows it."""
    topics, literal, read, deny = 2, 3, 3, 2  # of Kafka's protocol
    rule = (topics, topic, literal, f"User:{user}", "*", read, deny)
    admin = AIOKafkaAdminClient(bootstrap_servers=secured.stack.kafka_bootstrap, **secured.access(kafka_access.BROKER))
    await admin.start()
    try:
        # aiokafka's administrator has no method for it yet.
        await admin._send_request(CreateAclsRequest(*rule))
        try:
            yield
        finally:
            await admin._send_request(DeleteAclsRequest(*rule))
    finally:
        await admin.close()


@pytest.mark.parametrize(
    ("name", "topic"),
    [
        ("dedup", CHUNK_TAGGED),
        ("creator", PREFIX + FINISHED),
        (kafka_access.SUBSCRIBER, CHUNK_ACCEPTED),
        ("keda", CHUNK_ACCEPTED),
    ],
)
async def test_a_user_that_has_no_right_to_read_is_refused(secured: Secured, name: str, topic: str) -> None:
    with pytest.raises(TopicAuthorizationFailedError):
        async with subscribing(secured, topic, secured.access(name)) as consumer:
            await asyncio.wait_for(consumer.getone(), 30)


@pytest.mark.parametrize(("name", "topic"), [("dedup", CHUNK_ACCEPTED), (kafka_access.SUBSCRIBER, PREFIX + FINISHED)])
async def test_a_user_that_may_read_may_not_write(secured: Secured, name: str, topic: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=secured.stack.kafka_bootstrap, **secured.access(name))
    async with producer:
        with pytest.raises(TopicAuthorizationFailedError):
            await producer.send_and_wait(topic, b"{}")


async def test_whoever_does_not_say_who_he_is_learns_nothing(secured: Secured) -> None:
    for access in ({}, {"security_protocol": "SSL", "ssl_context": secured.access("dedup")["ssl_context"]}):
        with pytest.raises((KafkaError, OSError)):
            async with subscribing(secured, PREFIX + FINISHED, access):
                pytest.fail("somebody came in")


async def test_brokers_whose_certificate_another_authority_signed_are_refused(
    secured: Secured, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "another.pem").write_bytes(Authority("Another").certificate)
    access = secured.access(kafka_access.SUBSCRIBER, ca_file=tmp_path / "another.pem")
    with caplog.at_level(logging.ERROR, "aiokafka"), pytest.raises(KafkaConnectionError):
        async with subscribing(secured, PREFIX + FINISHED, access):
            pytest.fail("the broker was believed")
    assert "CERTIFICATE_VERIFY_FAILED" in caplog.text


async def test_tokens_of_an_identity_provider_are_believed_and_give_the_rights_of_their_user(secured: Secured) -> None:
    """The provider signs with the key that the brokers were told of; ``sub`` is the user."""
    key = kafka_access.identity_key_file(secured.instance).read_text()
    claims = {"sub": "dedup", "aud": kafka_access.AUDIENCE, "iat": int(time.time()), "exp": int(time.time()) + 300}
    token = jwt.encode(claims, key, algorithm="RS256", headers={"kid": kafka_access.KEY_ID})
    async with token_endpoint(good(token, seconds=300)) as endpoint:
        settings = KafkaSettings(
            kafka_bootstrap=secured.stack.kafka_bootstrap,
            kafka_security_protocol="SASL_SSL",
            kafka_sasl_mechanism="OAUTHBEARER",
            kafka_ca_file=kafka_access.ca_file(secured.instance),
            kafka_oauth_token_url=endpoint.url,
            kafka_oauth_client_id="leadflow-dedup",
            kafka_oauth_client_secret="of the provider",
            kafka_topic_prefix=PREFIX,
        )
        broker = create_broker(settings, service="test", registry=CollectorRegistry())
        consumer = kafka_consumer(settings, CHUNK_ACCEPTED, client_id="test", auto_offset_reset="earliest")
        try:
            await broker.start()
            await consumer.start()
            assert (await asyncio.wait_for(consumer.getone(), 30)).topic == CHUNK_ACCEPTED
            with pytest.raises(TopicAuthorizationFailedError):
                await broker.publish(b"{}", topic=FINISHED)
        finally:
            await consumer.stop()
            await broker.stop()
        assert len(endpoint.asked) == 1, "one token for all connections"
    # Brokers let a clock be half a minute off.
    for wrong in ({"aud": "another"}, {"iat": int(time.time()) - 600, "exp": int(time.time()) - 120}):
        refused = jwt.encode(claims | wrong, key, algorithm="RS256", headers={"kid": kafka_access.KEY_ID})
        async with token_endpoint(good(refused)) as endpoint:
            told = settings.model_copy(update={"kafka_oauth_token_url": endpoint.url})
            admin = kafka_admin(told, client_id="test", request_timeout_ms=5_000)
            # aiokafka believes itself in, and finds no brokers: whatever is asked then fails.
            with pytest.raises((KafkaError, OSError, TimeoutError)):
                await admin.start()
                await admin.list_topics()
            await admin.close()


async def test_a_certificate_of_our_own_lets_us_in_where_brokers_ask_for_one(secured: Secured) -> None:
    """The controllers do: they hold the passwords, so they can ask nobody for one."""
    port = json.loads((secured.instance.state / "ports.json").read_text())["ports"]["kafka-controller"]
    ours = secured.instance.state / "kafka" / "broker.pem"
    told = {"kafka_security_protocol": "SSL", "kafka_ca_file": kafka_access.ca_file(secured.instance)}
    for certificate, let_in in ((ours, True), (None, False)):
        settings = KafkaSettings.model_validate(told | {"kafka_client_certificate_file": certificate})
        admin = kafka_admin(settings, client_id="test")
        context = admin._client._ssl_context
        await admin.close()
        answer = create_conn("127.0.0.1", port, security_protocol="SSL", ssl_context=context, request_timeout_ms=5_000)
        if let_in:
            (await answer).close()
        else:
            with pytest.raises((KafkaError, OSError)):
                await answer


async def test_no_password_is_on_any_page_or_in_any_log(secured: Secured) -> None:
    """Whoever asks a service for its messages, its metrics, its health."""
    passwords = json.loads((secured.instance.state / "kafka" / "users.json").read_text()).values()
    ports = json.loads((secured.instance.state / "ports.json").read_text())["ports"]
    async with httpx.AsyncClient(timeout=10, follow_redirects=True) as client:
        for name in CONSUMERS:
            for path in ("/docs/events", "/metrics", "/health/ready"):
                page = await client.get(f"http://127.0.0.1:{ports[name]}{path}")
                assert page.status_code == httpx.codes.OK, (name, path)
                assert not any(password in page.text for password in passwords), (name, path)
    for log in secured.instance.logs.glob("*.log"):
        assert not any(password in log.read_text(errors="replace") for password in passwords), log.name


@asynccontextmanager
async def subscribing(secured: Secured, topic: str, access: dict[str, Any]) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=secured.stack.kafka_bootstrap,
        auto_offset_reset="earliest",
        request_timeout_ms=5_000,
        **access,
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()
