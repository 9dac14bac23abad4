"""The servers that the tests talk to: the instance ``test`` of the local stack, or containers."""

import os
from dataclasses import dataclass
from pathlib import Path

from deploy.local import ports
from deploy.local.command import addresses, run
from deploy.local.instance import Instance

ROOT = Path(__file__).resolve().parents[2]
WORKER = os.environ.get("PYTEST_XDIST_WORKER")
"""``gw0``, ``gw1`` … where the tests run in several processes: each has servers of its own."""

INSTANCE = "-".join(filter(None, [os.environ.get("LEADFLOW_TEST_INSTANCE", "test"), WORKER]))


SETTINGS = {
    "LEADFLOW_RESEND_AFTER_SECONDS": "10",
    "LEADFLOW_WATCH_SECONDS": "2",
    "LEADFLOW_SWEEP_SECONDS": "2",
    "LEADFLOW_BACKOFF_MAX_SECONDS": "3",
}
"""Short intervals, so that repairs need no long wait."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the servers answer. ``api_url`` answers once the services are up."""

    api_url: str
    postgres_url: str
    mongo_url: str
    kafka_bootstrap: str
    jwt_secret: str


def local(*command: str, instance: str = INSTANCE) -> str:
    """Run a command of the local stack's test instance, or another one; return what it printed."""
    return run(*command, instance=instance, settings=SETTINGS)


def instance_of(name: str = INSTANCE) -> Instance:
    """Return the tests' instance of the local stack, or another one of theirs."""
    return Instance(name=name, local=ROOT / ".local")


def own_address(service: str, instance: str = INSTANCE) -> str:
    """Return where a process of the local stack itself answers: calls, health checks, metrics."""
    known = ports.load(instance_of(instance))
    assert known is not None, f"{instance} is not up"
    return f"http://127.0.0.1:{known[service]}"


def own_address_of_api(stack: Addresses, instance: str = INSTANCE) -> str:
    """Return where api itself answers, behind the gateway; of containers the gateway's: api's own is not open."""
    return stack.api_url if ports.load(instance_of(instance)) is None else own_address("api", instance)


def local_environment(instance: str = INSTANCE) -> dict[str, str]:
    """Return the environment of a tests' instance, for programs that are started beside it."""
    return os.environ | SETTINGS | {"LEADFLOW_STACK": instance}


def local_addresses(instance: str = INSTANCE) -> Addresses:
    """Return the addresses of the test instance, or another one."""
    lines = addresses(instance=instance, settings=SETTINGS)
    secret = instance_of(instance).secrets().jwt_secret
    return Addresses(
        api_url=lines["LEADFLOW_API_URL"],
        postgres_url=lines["LEADFLOW_POSTGRES_URL"],
        mongo_url=lines["LEADFLOW_MONGO_URL"],
        kafka_bootstrap=lines["LEADFLOW_KAFKA_BOOTSTRAP"],
        jwt_secret=secret,
    )
