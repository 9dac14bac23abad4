"""How clients of Kafka are secured and named: by the settings alone, in one place."""

import ssl
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka.abc import AbstractTokenProvider
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from pydantic import ValidationError

from deploy.local.certificates import Authority, pem_of_key
from libs.common.kafka.broker import create_broker
from libs.common.kafka.clients import group_in_kafka, kafka_admin, kafka_consumer, kafka_producer, topic_in_kafka
from libs.common.kafka.publishing import Publisher
from libs.common.kafka.subscribing import broadcast, subscribe
from libs.common.settings import KafkaSettings, WrongKafkaSettings
from libs.contracts.lead_import.internal.topics import CHUNK_ACCEPTED, CHUNK_DEDUPLICATED

PASSWORD = "a-password-that-nobody-may-read"
USER = {"kafka_user": "somebody", "kafka_password": PASSWORD}
OAUTH = {
    "kafka_oauth_token_url": "https://identity.example.com/token",
    "kafka_oauth_client_id": "leadflow",
    "kafka_oauth_client_secret": PASSWORD,
}
SASL = {"kafka_security_protocol": "SASL_PLAINTEXT", "kafka_sasl_mechanism": "SCRAM-SHA-512"}
ASKED = "LEADFLOW_KAFKA_SASL_MECHANISM"


def settings_of(**given: Any) -> KafkaSettings:
    return KafkaSettings(**given)


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    path.write_bytes(Authority("Test").certificate)
    return path


@asynccontextmanager
async def built(build: Callable[..., Any], settings: KafkaSettings) -> AsyncIterator[Any]:
    """Yield a client, and its connections' own client."""
    made = build(settings, client_id="test")
    try:
        yield made, made.client if hasattr(made, "client") else made._client
    finally:
        await (made.close() if hasattr(made, "close") else made.stop())


def broker_arguments(settings: KafkaSettings) -> dict[str, Any]:
    """Return what FastStream's broker gives its producer and its administrator."""
    arguments: dict[str, Any] = create_broker(settings, service="test")._connection_kwargs
    return arguments


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_every_client_says_who_it_is_and_checks_the_brokers(mechanism: str, ca_file: Path) -> None:
    settings = settings_of(
        kafka_security_protocol="SASL_SSL", kafka_sasl_mechanism=mechanism, kafka_ca_file=ca_file, **USER
    )
    for build in (kafka_admin, kafka_consumer, kafka_producer):
        async with built(build, settings) as (_, client):
            said = (client._security_protocol, client._sasl_mechanism, client._sasl_plain_username)
            assert said == ("SASL_SSL", mechanism, "somebody"), build
            assert client._sasl_plain_password == PASSWORD
            context = client._ssl_context
            assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
            assert [each["issuer"] for each in context.get_ca_certs()] == [((("commonName", "Test"),),)]
    arguments = broker_arguments(settings)
    assert arguments["security_protocol"] == "SASL_SSL"
    assert arguments["sasl_mechanism"] == mechanism
    assert (arguments["sasl_plain_username"], arguments["sasl_plain_password"]) == ("somebody", PASSWORD)
    assert arguments["ssl_context"].verify_mode is ssl.CERT_REQUIRED


async def test_without_settings_nothing_is_encrypted_and_nobody_is_named() -> None:
    settings = settings_of()
    async with built(kafka_consumer, settings) as (_, client):
        assert client._security_protocol == "PLAINTEXT"
    assert "security_protocol" not in broker_arguments(settings)


async def test_a_certificate_of_our_own_is_shown_to_brokers(tmp_path: Path) -> None:
    authority = Authority("Test")
    certificate, key = authority.issue("leadflow", password=b"locked")
    (tmp_path / "own.pem").write_bytes(certificate)
    (tmp_path / "own.key").write_bytes(key)
    given = {
        "kafka_security_protocol": "SSL",
        "kafka_client_certificate_file": tmp_path / "own.pem",
        "kafka_client_key_file": tmp_path / "own.key",
    }
    async with built(kafka_admin, settings_of(**given, kafka_client_key_password="locked")) as (_, client):
        assert client._security_protocol == "SSL"
    # Without the password OpenSSL would ask the terminal, and wait.
    with pytest.raises(WrongKafkaSettings, match="LEADFLOW_KAFKA_CLIENT_CERTIFICATE_FILE"):
        kafka_admin(settings_of(**given), client_id="test")
    (tmp_path / "own.key").write_bytes(pem_of_key(generate_private_key(SECP256R1())))
    with pytest.raises(WrongKafkaSettings, match="LEADFLOW_KAFKA_CLIENT_CERTIFICATE_FILE"):
        kafka_admin(settings_of(**given), client_id="test")


async def test_a_file_of_authorities_that_holds_none_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(WrongKafkaSettings, match="LEADFLOW_KAFKA_CA_FILE holds no certificate"):
        create_broker(settings_of(kafka_security_protocol="SSL", kafka_ca_file=tmp_path / "ca.pem"), service="test")


async def test_tokens_are_of_one_provider_for_all_clients() -> None:
    settings = settings_of(kafka_security_protocol="SASL_SSL", kafka_sasl_mechanism="OAUTHBEARER", **OAUTH)
    arguments = broker_arguments(settings)
    assert arguments["sasl_mechanism"] == "OAUTHBEARER"
    provider = arguments["sasl_oauth_token_provider"]
    assert isinstance(provider, AbstractTokenProvider)
    async with built(kafka_admin, settings) as (_, client):
        assert client._sasl_oauth_token_provider is provider


async def test_amazons_signer_is_asked_for_by_name_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aws_msk_iam_sasl_signer", None)
    settings = settings_of(
        kafka_security_protocol="SASL_SSL", kafka_sasl_mechanism="AWS_MSK_IAM", kafka_aws_region="sa-east-1"
    )
    with pytest.raises(WrongKafkaSettings, match=f"{ASKED}=AWS_MSK_IAM needs Amazon's signer"):
        create_broker(settings, service="test")


@pytest.mark.parametrize("name", ["zstd", "gzip", "lz4", "snappy", "none"])
async def test_what_is_sent_is_compressed_as_the_setting_says(name: str) -> None:
    settings = settings_of(kafka_compression=name)
    expected = None if name == "none" else name
    async with built(kafka_producer, settings) as (producer, _):
        assert producer._compression_type == expected
    assert broker_arguments(settings)["compression_type"] == expected


async def test_idle_connections_are_closed_and_the_near_replica_is_read_as_the_settings_say() -> None:
    settings = settings_of(kafka_idle_seconds=180, kafka_rack="sa-east-1a")
    async with built(kafka_consumer, settings) as (consumer, client):
        assert (client._connections_max_idle_ms, consumer._client_rack) == (180_000, "sa-east-1a")
    broker = create_broker(settings, service="test")
    assert broker._connection_kwargs["connections_max_idle_ms"] == 180_000
    assert broker.config.broker_config.client_rack == "sa-east-1a"


async def test_topics_and_groups_have_the_prefix_wherever_they_meet_kafka() -> None:
    settings = settings_of(kafka_topic_prefix="sales.")
    assert topic_in_kafka(settings, "lead.x.v1") == "sales.lead.x.v1"
    assert group_in_kafka(settings, "dedup") == "sales.dedup"
    broker = create_broker(settings, service="test")
    subscribe(broker, CHUNK_ACCEPTED, group="dedup", begins="beginning", settings=settings)
    broadcast(broker, CHUNK_ACCEPTED.name)
    publisher = Publisher(broker, CHUNK_DEDUPLICATED, source="test")
    subscribers: list[Any] = list(broker.subscribers)
    assert [each.topic_names for each in subscribers] == [[f"sales.{CHUNK_ACCEPTED.name}"]] * 2
    assert {each.group_id for each in subscribers} == {"sales.dedup", None}
    assert publisher._publisher.topic == f"sales.{CHUNK_DEDUPLICATED.name}"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kafka_security_protocol": "SASL_SSL"}, f"LEADFLOW_KAFKA_SECURITY_PROTOCOL=SASL_SSL needs {ASKED}"),
        (dict(kafka_sasl_mechanism="PLAIN", **USER), f"{ASKED} is for SASL_SSL and SASL_PLAINTEXT"),
        (SASL | {"kafka_user": "x"}, f"{ASKED}=SCRAM-SHA-512 needs LEADFLOW_KAFKA_PASSWORD"),
        (SASL | {"kafka_password": PASSWORD}, f"{ASKED}=SCRAM-SHA-512 needs LEADFLOW_KAFKA_USER"),
        (SASL | USER | OAUTH, "LEADFLOW_KAFKA_OAUTH_TOKEN_URL is not for"),
        (USER, "LEADFLOW_KAFKA_USER is not for"),
        (
            SASL | USER | {"kafka_sasl_mechanism": "OAUTHBEARER"},
            f"{ASKED}=OAUTHBEARER needs LEADFLOW_KAFKA_OAUTH_TOKEN_URL",
        ),
        (SASL | {"kafka_sasl_mechanism": "AWS_MSK_IAM", "kafka_aws_region": "x"}, "needs SASL_SSL"),
        (
            {"kafka_security_protocol": "SASL_SSL", "kafka_sasl_mechanism": "AWS_MSK_IAM"},
            f"{ASKED}=AWS_MSK_IAM needs LEADFLOW_KAFKA_AWS_REGION",
        ),
        ({"kafka_ca_file": "/etc/hosts"}, "LEADFLOW_KAFKA_CA_FILE is for SSL and SASL_SSL"),
        (
            {"kafka_security_protocol": "SSL", "kafka_ca_file": "/nowhere/ca.pem"},
            "LEADFLOW_KAFKA_CA_FILE names a file that is not there",
        ),
        (
            {"kafka_security_protocol": "SSL", "kafka_client_key_file": "/etc/hosts"},
            "LEADFLOW_KAFKA_CLIENT_KEY_FILE needs LEADFLOW_KAFKA_CLIENT_CERTIFICATE_FILE",
        ),
    ],
)
def test_what_cannot_work_is_refused_by_name_and_never_with_a_secret(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings_of(**given)
    assert said in str(caught.value)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("prefix", ["with blank ", "slash/", "x" * 101, "ação."])
def test_a_prefix_that_kafka_would_refuse_is_refused(prefix: str) -> None:
    with pytest.raises(ValidationError, match="kafka_topic_prefix"):
        settings_of(kafka_topic_prefix=prefix)
