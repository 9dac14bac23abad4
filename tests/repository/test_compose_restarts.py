"""Containers come back after a reboot, and one that gave up does not: docker-compose.yml's entrypoint, run here."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from deploy.processes import SERVERS, SERVICES
from libs.common.kafka.delivery import EXIT_BAD_DEPLOY
from tests.support.manifests import CONTAINERS, ON_DEMAND, ONE_SHOTS

SERVES = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
print("serving", flush=True)
signal.pause()
"""


# A shell that is slow to look whether its service lives: that has ended meanwhile, and the shell has heard of it.
SLOW = 'kill() { [ "$1" != -0 ] || sleep 0.5; command kill "$@"; }\n'


@contextmanager
def container(service: str, script: str, *, before: str = "") -> Iterator[subprocess.Popen[str]]:
    """Run a Python script as this container runs its service; ``before`` is put before the entrypoint's own script."""
    shell, flag, entrypoint, name = (part.replace("$$", "$") for part in CONTAINERS[service]["entrypoint"])
    argv = [shell, flag, before + entrypoint, name]
    process = subprocess.Popen(
        [*argv, sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


def test_what_serves_comes_back_after_a_reboot_and_what_ends_does_not() -> None:
    restarts = {name: each.get("restart") for name, each in CONTAINERS.items()}
    ends = {*ONE_SHOTS, *ON_DEMAND} - {"whatsapp"}
    assert restarts == dict.fromkeys(CONTAINERS, "unless-stopped") | dict.fromkeys(ends)
    assert {*SERVICES, *SERVERS} <= set(CONTAINERS) - ends


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_is_run_so(service: str) -> None:
    assert CONTAINERS[service]["entrypoint"] == CONTAINERS["creator"]["entrypoint"]


@pytest.mark.parametrize("code", [0, 1, 3])
def test_a_container_ends_as_its_service_does(code: int) -> None:
    with container("creator", f"raise SystemExit({code})") as process:
        assert process.wait(30) == code


@pytest.mark.parametrize("before", ["", SLOW])
def test_a_stop_reaches_the_service_which_ends_in_its_own_way(before: str) -> None:
    with container("creator", SERVES, before=before) as process:
        assert process.stdout
        assert process.stdout.readline() == "serving\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 7


def test_a_bad_deploy_stays_stopped_without_ending_until_somebody_stops_the_container() -> None:
    """An end would be a start: Docker knows no exit code that it leaves alone."""
    with container("creator", f"raise SystemExit({EXIT_BAD_DEPLOY})") as process:
        assert process.stderr
        assert process.stderr.readline().startswith("Too many bad messages in a row")
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.terminate()
        assert process.wait(30) != 0
