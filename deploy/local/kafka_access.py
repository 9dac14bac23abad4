"""Kafka as companies have it, when ``LEADFLOW_LOCAL_KAFKA=secured`` says so: encrypted, and nobody in without a right.

One listener with SASL_SSL; a user with a password of its own for each service (SCRAM); ACLs that refuse what they do
not allow, made from the topics' registries (``deploy/kafka_rights.py``). Users are made when the broker's folder is.
Whoever has a token is believed as well (OAUTHBEARER): no identity provider runs here, but its key lies in the folder.
"""

import asyncio
import json
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.algorithms import RSAAlgorithm

from deploy.local.certificates import Authority
from deploy.local.instance import Instance, StackError, write_atomically

if TYPE_CHECKING:
    from deploy.kafka_rights import Right
    from libs.common.settings import KafkaSettings

BROKER = "broker"
"""The brokers' own user, to whom nothing is refused."""
SUBSCRIBER = "subscriber"
"""Another team's: it may read what is public, in a group of its name."""
MECHANISM = "SCRAM-SHA-512"
AUDIENCE = "kafka"
"""Whom a token must be for."""
KEY_ID = "local"

_TOKENS = "listener.name.sasl_ssl.oauthbearer"

# Of Kafka's protocol (org.apache.kafka.common.resource, .acl).
_RESOURCES = {"topic": 2, "group": 3}
_OPERATIONS = {"Read": 3, "Write": 4, "Create": 5, "Describe": 8, "DescribeConfigs": 10, "AlterConfigs": 11}
_LITERAL, _ALLOW = 3, 3


def is_secured(instance: Instance) -> bool:
    """Tell what this instance's Kafka is, or will be: ``LEADFLOW_LOCAL_KAFKA`` (secured, plain) when it is made.

    Raises ``StackError`` when an instance that has data is asked for the other.
    """
    made = (instance.state / "kafka").is_dir() and any((instance.state / "kafka").glob("broker-*"))
    secured = _users_file(instance).exists()
    text = os.environ.get("LEADFLOW_LOCAL_KAFKA")
    if not text:
        return secured
    if text not in ("plain", "secured"):
        raise StackError(f"LEADFLOW_LOCAL_KAFKA={text!r}: use plain or secured.")
    if made and secured != (text == "secured"):
        raise StackError(f"This stack's Kafka is not {text}. `make reset` first: it forgets all data.")
    return text == "secured"


def prepare(instance: Instance) -> None:
    """Make the certificates and the users, once an instance."""
    folder = instance.state / "kafka"
    if _users_file(instance).exists():
        return
    authority = Authority("Leadflow's local stack")
    certificate, its_key = authority.issue(BROKER)
    write_atomically(_broker_certificate(instance), (its_key + certificate).decode(), mode=0o600)
    write_atomically(ca_file(instance), authority.certificate.decode())
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    write_atomically(identity_key_file(instance), private, mode=0o600)
    public = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": KEY_ID, "use": "sig", "alg": "RS256"}
    write_atomically(_jwks_file(instance), json.dumps({"keys": [public]}))
    users = {name: secrets.token_urlsafe(24) for name in (*_rights(prefix=""), BROKER)}
    write_atomically(folder / "users.json", json.dumps(users, indent=2) + "\n", mode=0o600)


def ca_file(instance: Instance) -> Path:
    """Return the file of the authority that signed the brokers' certificate."""
    return instance.state / "kafka" / "ca.pem"


def identity_key_file(instance: Instance) -> Path:
    """Return the file of the key (RS256, ``KEY_ID``) that signs tokens for Kafka: ``sub`` is the user."""
    return instance.state / "kafka" / "identity.pem"


def client_environment(instance: Instance, user: str) -> dict[str, str]:
    """Return the settings with which a process is ``user`` to Kafka. Raises ``StackError`` when it knows no such."""
    return {
        "LEADFLOW_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "LEADFLOW_KAFKA_SASL_MECHANISM": MECHANISM,
        "LEADFLOW_KAFKA_USER": user,
        "LEADFLOW_KAFKA_PASSWORD": password(instance, user),
        "LEADFLOW_KAFKA_CA_FILE": str(ca_file(instance)),
    }


def password(instance: Instance, user: str) -> str:
    found: dict[str, str] = json.loads(_users_file(instance).read_text())
    if user not in found:
        # Users are made together with the broker's folder.
        raise StackError(
            f"This stack's Kafka has no user {user}: it is older. `make reset` first: it forgets all data."
        )
    return found[user]


def broker_settings(instance: Instance, port: int, controller_port: int) -> dict[str, object]:
    """Return what of a secured broker's settings is otherwise than a plain one's."""
    return {
        "listeners": f"SASL_SSL://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"SASL_SSL://127.0.0.1:{port}",
        "listener.security.protocol.map": "SASL_SSL:SASL_SSL,CONTROLLER:SSL",
        "inter.broker.listener.name": "SASL_SSL",
        "sasl.enabled.mechanisms": f"{MECHANISM},OAUTHBEARER",
        "sasl.mechanism.inter.broker.protocol": MECHANISM,
        f"listener.name.sasl_ssl.{MECHANISM.lower()}.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required"
            f' username="{BROKER}" password="{password(instance, BROKER)}";'
        ),
        f"{_TOKENS}.sasl.jaas.config": "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;",
        f"{_TOKENS}.sasl.server.callback.handler.class": (
            "org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler"
        ),
        f"{_TOKENS}.sasl.oauthbearer.jwks.endpoint.url": _jwks_file(instance).as_uri(),
        f"{_TOKENS}.sasl.oauthbearer.expected.audience": AUDIENCE,
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": f"kafka/{_broker_certificate(instance).name}",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": f"kafka/{ca_file(instance).name}",
        # The controllers hold the users' passwords, so they cannot ask for one: brokers show their certificate there.
        "listener.name.controller.ssl.client.auth": "required",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "false",
        "super.users": f"User:{BROKER};User:CN={BROKER}",
    }


def java_options(instance: Instance) -> tuple[str, ...]:
    """Return what Java is told of a secured broker: it reads keys of identity providers only from where it may."""
    return (f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={_jwks_file(instance).as_uri()}",)


def format_arguments(instance: Instance) -> list[str]:
    """Return what Kafka's `format` is told of the users."""
    users: dict[str, str] = json.loads(_users_file(instance).read_text())
    return [
        word
        for name, secret in users.items()
        for word in ("--add-scram", f"{MECHANISM}=[name={name},password={secret}]")
    ]


async def allow(settings: "KafkaSettings", *, prefix: str) -> None:
    """Give every user its rights, as ``broker``. A second run changes nothing. Raises aiokafka's KafkaError."""
    from libs.common.kafka.clients import kafka_admin  # noqa: PLC0415 - no other command should pay for its imports

    admin = kafka_admin(settings, client_id="leadflow-local")
    try:
        await admin.start()
        await asyncio.gather(*(_allow(admin, user, rights) for user, rights in _rights(prefix=prefix).items()))
    finally:
        await admin.close()


async def _allow(admin: Any, user: str, rights: "Iterable[Right]") -> None:
    from aiokafka.errors import for_code  # noqa: PLC0415 - as above
    from aiokafka.protocol.admin import CreateAclsRequest  # noqa: PLC0415 - as above

    for right in rights:
        asked = CreateAclsRequest(
            _RESOURCES[right.resource],
            right.name,
            _LITERAL,
            f"User:{user}",
            "*",
            _OPERATIONS[right.operation],
            _ALLOW,
        )
        # aiokafka's administrator has no method for it yet.
        answer = await admin._send_request(asked)  # noqa: SLF001
        for code, said in answer.creation_responses:
            if code:
                raise for_code(code)(f"{user}, {right}: {said}")


def _rights(*, prefix: str) -> "Mapping[str, list[Right]]":
    from deploy.kafka_rights import rights, subscriber_rights  # noqa: PLC0415 - it knows all topics
    from libs.contracts.registry import registries  # noqa: PLC0415 - as above

    public = [topic.name for registry in registries() for topic in registry.topics if topic.public]
    return rights(prefix=prefix) | {SUBSCRIBER: subscriber_rights(public, group=SUBSCRIBER, prefix=prefix)}


def _users_file(instance: Instance) -> Path:
    return instance.state / "kafka" / "users.json"


def _jwks_file(instance: Instance) -> Path:
    return instance.state / "kafka" / "jwks.json"


def _broker_certificate(instance: Instance) -> Path:
    return instance.state / "kafka" / "broker.pem"
