"""Connections to PostgreSQL: which host of an address, how encrypted, kept alive how."""

import socket
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import asyncpg

from libs.common.addresses.postgres_address import SYSTEM, Keepalive, PostgresAddress, Tls
from libs.common.stores.postgres_opening import Opened

SECONDS_A_HOST = 5.0
"""Where an address names several: one that does not answer must not use up the time in which another one would."""

_NEXT_HOST = (
    OSError,
    asyncpg.CannotConnectNowError,
    asyncpg.PostgresConnectionError,
    asyncpg.TargetServerAttributeNotMatched,
    asyncpg.TooManyConnectionsError,
)
"""What says nothing of the other hosts. A wrong password, or a database that is not there, would be so everywhere."""


class Connector:
    """Opens connections to the first host of the address that is what the address asks for."""

    def __init__(
        self, address: PostgresAddress, *, seconds: float, start_up: Mapping[str, str], prepares: bool, **arguments: Any
    ) -> None:
        """Hold what each connection is opened with.

        ``seconds``: for one host, unless the address says. ``start_up``: settings of the session, sent with the
        connection's first message. ``prepares``: statements may be kept by the server under names.
        """
        self._address = address
        several = len(address.hosts) > 1
        self._seconds = address.connect_seconds or (min(seconds, SECONDS_A_HOST) if several else seconds)
        self._arguments: dict[str, Any] = {
            "connection_class": Opened,
            "user": address.user,
            "password": address.password,
            "database": address.database,
            "timeout": self._seconds,
            "server_settings": dict(start_up) | ({"options": address.options} if address.options else {}),
            "statement_cache_size": 100 if prepares else 0,
        } | arguments

    async def connect(self, **arguments: Any) -> "asyncpg.Connection[Any]":
        """Return a connection; raises the last host's error when none is to be had."""
        # As libpq does: first look for a standby, then take any.
        targets = ("standby", "any") if self._address.target == "prefer-standby" else (self._address.target,)
        last: Exception = OSError("the address names no host")
        for target in targets:
            for host, port in self._address.hosts:
                try:
                    connection = await asyncpg.connect(
                        host=host,
                        port=port,
                        target_session_attrs=target,
                        **self._arguments,
                        **tls_arguments(self._address.tls),
                        **arguments,
                    )
                except _NEXT_HOST as error:
                    last = error
                    continue
                if not host.startswith("/"):
                    keep_alive(connection, self._address.keepalive)
                return connection
        raise last


def tls_arguments(tls: Tls) -> dict[str, Any]:
    """Return the driver's arguments. Files are read anew for each connection: certificates are replaced."""
    if tls.root_certificate == SYSTEM:
        # The driver takes the word for the name of a file.
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["postgresql"])
        if tls.certificate:
            context.load_cert_chain(tls.certificate, tls.key)
        return {"ssl": context, "direct_tls": tls.negotiation == "direct"}
    given = {
        "sslmode": tls.mode,
        "sslrootcert": tls.root_certificate,
        "sslcert": tls.certificate,
        "sslkey": tls.key,
        "sslnegotiation": tls.negotiation,
    }
    # The driver knows libpq's meaning of these, but only as parameters of an address.
    return {"dsn": "postgresql://?" + urlencode({name: value for name, value in given.items() if value})}


def keep_alive(connection: "asyncpg.Connection[Any]", keepalive: Keepalive) -> None:
    """Have the kernel ask a silent connection whether it lives, so that boxes on the way do not forget it."""
    # The driver offers no way to its socket; test_a_connection_is_kept_alive notices when this one is gone.
    kept = connection._transport.get_extra_info("socket")  # noqa: SLF001
    options = {
        "TCP_KEEPIDLE": keepalive.idle_seconds,
        "TCP_KEEPINTVL": keepalive.interval_seconds,
        "TCP_KEEPCNT": keepalive.count,
        "TCP_USER_TIMEOUT": keepalive.user_timeout_milliseconds,
    }
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, int(keepalive.enabled))
    for name, value in options.items():
        # macOS names some of them otherwise; there its own defaults hold.
        if hasattr(socket, name):
            kept.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
