"""The one place that builds clients of Kafka: all are secured alike, and all are given names as Kafka has them."""

import ssl
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.abc import AbstractTokenProvider
from aiokafka.admin import AIOKafkaAdminClient

from libs.common.kafka.lost_connections import notice_lost_connections
from libs.common.kafka.oauth import token_provider
from libs.common.settings import KafkaSettings, WrongKafkaSettings

if TYPE_CHECKING:
    from faststream.security import BaseSecurity

notice_lost_connections()


def topic_in_kafka(settings: KafkaSettings, name: str) -> str:
    """Return the name that a topic has in Kafka: our own, behind the prefix of a cluster that is shared."""
    return settings.kafka_topic_prefix + name


def group_in_kafka(settings: KafkaSettings, group: str) -> str:
    """Return the name that a consumer group has in Kafka."""
    return settings.kafka_topic_prefix + group


def kafka_admin(settings: KafkaSettings, *, client_id: str, **options: Any) -> AIOKafkaAdminClient:
    """Return an administrator, not started. Raises WrongKafkaSettings."""
    return AIOKafkaAdminClient(**_connection(settings, client_id), **options)


def kafka_consumer(settings: KafkaSettings, *topics: str, client_id: str, **options: Any) -> AIOKafkaConsumer:
    """Return a consumer, not started, of these topics as they are named in Kafka. Raises WrongKafkaSettings.

    Services read through ``subscribing``; this is for what needs no handler.
    """
    return AIOKafkaConsumer(*topics, **_connection(settings, client_id), client_rack=settings.kafka_rack, **options)


def kafka_producer(settings: KafkaSettings, *, client_id: str, **options: Any) -> AIOKafkaProducer:
    """Return a producer, not started, that waits for all replicas. Raises WrongKafkaSettings."""
    return AIOKafkaProducer(
        **_connection(settings, client_id),
        acks="all",
        compression_type=compression(settings),
        **options,
    )


def compression(settings: KafkaSettings) -> str | None:
    """Return what aiokafka calls the compression."""
    return None if settings.kafka_compression == "none" else settings.kafka_compression


def broker_options(settings: KafkaSettings, *, client_id: str) -> dict[str, Any]:
    """Return what FastStream's broker is built with beside what it does. Raises WrongKafkaSettings.

    FastStream takes the security of a connection as an object of its own.
    """
    return {
        "bootstrap_servers": settings.kafka_bootstrap.split(","),
        "client_id": client_id,
        "client_rack": settings.kafka_rack,
        "connections_max_idle_ms": _idle_ms(settings),
        "compression_type": compression(settings),
        "security": _security(settings),
        "sasl_oauth_token_provider": token_provider(settings),
    }


def _connection(settings: KafkaSettings, client_id: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap.split(","),
        "client_id": client_id,
        "connections_max_idle_ms": _idle_ms(settings),
        "security_protocol": settings.kafka_security_protocol,
        "ssl_context": _tls(settings),
    }
    if settings.kafka_sasl_mechanism is not None:
        tokens = token_provider(settings)
        found |= {
            "sasl_mechanism": _mechanism(settings, tokens),
            "sasl_plain_username": settings.kafka_user,
            "sasl_plain_password": _password(settings),
            "sasl_oauth_token_provider": tokens,
        }
    return found


def _mechanism(settings: KafkaSettings, tokens: AbstractTokenProvider | None) -> str | None:
    # Amazon's brokers take its signed tokens as those of OAUTHBEARER.
    return "OAUTHBEARER" if tokens is not None else settings.kafka_sasl_mechanism


def _security(settings: KafkaSettings) -> "BaseSecurity | None":
    from faststream import security  # noqa: PLC0415 - commands of the local stack build clients, too, and need none

    context = _tls(settings)
    if settings.kafka_sasl_mechanism is None:
        return security.BaseSecurity(ssl_context=context) if context else None
    if token_provider(settings) is not None:
        return security.SASLOAuthBearer(ssl_context=context)
    kinds: dict[str, Any] = {
        "PLAIN": security.SASLPlaintext,
        "SCRAM-SHA-256": security.SASLScram256,
        "SCRAM-SHA-512": security.SASLScram512,
    }
    found: BaseSecurity = kinds[settings.kafka_sasl_mechanism](
        username=settings.kafka_user or "", password=_password(settings) or "", ssl_context=context
    )
    return found


def _password(settings: KafkaSettings) -> str | None:
    return settings.kafka_password.get_secret_value() if settings.kafka_password else None


def _idle_ms(settings: KafkaSettings) -> int:
    return int(settings.kafka_idle_seconds * 1000)


def _tls(settings: KafkaSettings) -> ssl.SSLContext | None:
    """Return how to check brokers, and with which certificate of our own; None where nothing is encrypted."""
    if not settings.kafka_security_protocol.endswith("SSL"):
        return None
    try:
        context = ssl.create_default_context(cafile=settings.kafka_ca_file)
    except ssl.SSLError:
        raise WrongKafkaSettings("LEADFLOW_KAFKA_CA_FILE holds no certificate in PEM") from None
    if settings.kafka_client_certificate_file is not None:
        password = settings.kafka_client_key_password
        # Always a text: without one OpenSSL would ask the terminal for it, and the process would wait for ever.
        said = password.get_secret_value() if password else ""
        try:
            context.load_cert_chain(settings.kafka_client_certificate_file, settings.kafka_client_key_file, said)
        except ssl.SSLError:
            raise WrongKafkaSettings(
                "LEADFLOW_KAFKA_CLIENT_CERTIFICATE_FILE, _KEY_FILE and _KEY_PASSWORD are no certificate in PEM with its"
                " key"
            ) from None
    return context
