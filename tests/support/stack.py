"""The servers that the tests talk to: the instance ``test`` of the local stack, or containers."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from deploy.local.instance import Instance

ROOT = Path(__file__).resolve().parents[2]
WORKER = os.environ.get("PYTEST_XDIST_WORKER")
"""``gw0``, ``gw1`` … where the tests run in several processes: each has servers of its own."""

INSTANCE = "-".join(filter(None, [os.environ.get("LEADFLOW_TEST_INSTANCE", "test"), WORKER]))


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
    done = subprocess.run(
        [sys.executable, "-m", "deploy.local", *command],
        cwd=ROOT,
        env=local_environment(instance),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"deploy.local {' '.join(command)}: {done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def local_environment(instance: str = INSTANCE) -> dict[str, str]:
    """Return the environment of a tests' instance: short intervals, so that repairs need no long wait."""
    return os.environ | {
        "LEADFLOW_STACK": instance,
        "LEADFLOW_RESEND_AFTER_SECONDS": "10",
        "LEADFLOW_WATCH_SECONDS": "2",
        "LEADFLOW_BACKOFF_MAX_SECONDS": "3",
    }


def local_addresses(instance: str = INSTANCE) -> Addresses:
    """Return the addresses of the test instance, or another one."""
    lines = dict(line.split("=", 1) for line in local("env", instance=instance).splitlines())
    secret = Instance(name=instance, local=ROOT / ".local").secrets().jwt_secret
    return Addresses(
        api_url=lines["LEADFLOW_API_URL"],
        postgres_url=lines["LEADFLOW_POSTGRES_URL"],
        mongo_url=lines["LEADFLOW_MONGO_URL"],
        kafka_bootstrap=lines["LEADFLOW_KAFKA_BOOTSTRAP"],
        jwt_secret=secret,
    )
