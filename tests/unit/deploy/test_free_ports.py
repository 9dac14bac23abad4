"""A port that a test is given stays free until the test's server listens on it."""

import socket
from pathlib import Path

from deploy.local.ports import FIRST_BASE, is_free
from tests.support.ports import LOWEST, free_port

GIVEN_TO_CONNECTIONS = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_a_free_port_is_none_that_an_outgoing_connection_may_get() -> None:
    lowest = int(GIVEN_TO_CONNECTIONS.read_text().split()[0]) if GIVEN_TO_CONNECTIONS.exists() else 32_768
    given = [free_port() for _ in range(100)]
    assert max(given) < min(lowest, FIRST_BASE)
    assert len(set(given)) == len(given)


def test_a_port_on_which_somebody_listens_is_not_free() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", free_port()))
        server.listen()
        taken = server.getsockname()[1]
        assert not is_free(taken)
        assert taken not in {free_port() for _ in range(FIRST_BASE - LOWEST)}
