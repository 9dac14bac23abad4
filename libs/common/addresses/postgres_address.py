"""An address of PostgreSQL as providers print it, with the meaning that libpq gives it.

Source of the rules: PostgreSQL's manual, libpq, "Connection URIs" and "Parameter Key Words".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args
from urllib.parse import unquote

from libs.common.addresses.wrong_address import RAW_CHARACTERS, WrongAddress

SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
TargetSession = Literal["any", "read-write", "read-only", "primary", "standby", "prefer-standby"]

DEFAULT_PORT = 5432
SYSTEM = "system"
"""As ``sslrootcert``: the certificate authorities that the machine trusts."""

_SCHEMES = ("postgresql", "postgres")
_IPV6 = re.compile(r"\[([^\]]+)\](?::(\d+))?")
# Spaces separate the words of ``options``; one that belongs to a word has a backslash before it.
_WORD = re.compile(r"(?:\\.|[^\\\s])+")
# As ``postgres`` takes them: -c name=value, -cname=value, --name=value, in which a hyphen stands for an underscore.
_SETTING = re.compile(r"(?:-c|--)([A-Za-z_][A-Za-z0-9_.-]*)=(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Tls:
    """How the connection is encrypted, and whom it trusts."""

    mode: SslMode = "prefer"
    root_certificate: str | None = None
    """A file of certificate authorities, or ``system``. None: libpq's ``~/.postgresql/root.crt``, where it exists."""
    certificate: str | None = None
    key: str | None = None
    negotiation: Literal["postgres", "direct"] = "postgres"


@dataclass(frozen=True, slots=True)
class Keepalive:
    """When a silent connection is asked whether it lives (``keepalives_…``), and how long it may leave data unanswered.

    The defaults are below the shortest patience of balancers and NAT gateways that is documented: Azure's 4 minutes.
    """

    enabled: bool = True
    idle_seconds: int = 60
    interval_seconds: int = 10
    count: int = 3
    user_timeout_milliseconds: int = 15_000


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """Where PostgreSQL is, who we are there, and how to speak to it."""

    hosts: tuple[tuple[str, int], ...]
    """Names or IP addresses, or folders of unix sockets, which begin with a slash; each with its port."""
    database: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: Tls = Tls()
    keepalive: Keepalive = Keepalive()
    application_name: str | None = None
    connect_seconds: float | None = None
    """For one host."""
    target: TargetSession = "read-write"
    """libpq's own default is ``any``. We write, so a node that has become read-only is none of ours."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """What ``options`` sets with ``-c name=value``."""
    options: str | None = None
    """What else stands in ``options``: words to a provider's own proxy, such as Neon's ``endpoint=…``."""


def read_postgres_address(url: str) -> PostgresAddress:
    """Read ``postgresql://user:password@host:port/database?parameters``.

    Raises ``WrongAddress``: for a parameter that is not known here by its name, for a value that it cannot have, for
    what the driver cannot do.
    """
    scheme, separator, rest = url.strip().partition("://")
    if not separator or scheme not in _SCHEMES:
        raise WrongAddress("an address of PostgreSQL begins with postgresql:// or postgres://")
    head, _, query = rest.partition("?")
    authority, _, path = head.partition("/")
    if "@" in path or "@" in query:
        # A password with a raw "?" or "/" ends the authority too early, and what follows would be named in an error.
        raise WrongAddress(RAW_CHARACTERS)
    login, _, hosts = authority.rpartition("@")
    user, _, password = login.partition(":")
    given = _parameters(query)
    places: list[tuple[str, int | None]] = [_place(host) for host in hosts.split(",") if host]
    if "host" in given:
        places = [(host, None) for host in given["host"].split(",")]
    if not places or not all(host for host, _ in places):
        raise WrongAddress("the address names no host; a unix socket is host=/folder")
    user, password = given.get("user") or unquote(user), given.get("password") or unquote(password)
    database = given.get("dbname") or unquote(path) or user
    if not database:
        raise WrongAddress("the address names no database")
    settings, options = _options(given.get("options", ""))
    return PostgresAddress(
        hosts=_with_ports(places, given.get("port")),
        user=user or None,
        password=password or None,
        database=database,
        tls=_tls(given),
        keepalive=_keepalive(given),
        application_name=given.get("application_name"),
        # libpq's 0 is "for ever"; we always have a limit.
        connect_seconds=_whole(given, "connect_timeout") or None,
        target=_one_of("target_session_attrs", given.get("target_session_attrs", "read-write"), TargetSession),
        settings=settings,
        options=options,
    )


def _parameters(query: str) -> dict[str, str]:
    given = {}
    for pair in filter(None, query.split("&")):
        name, _, value = pair.partition("=")
        given[unquote(name)] = unquote(value)
    for name in given:
        if name not in _KNOWN:
            hint = _HINTS.get(name) or f"known are {', '.join(sorted(_KNOWN))}"
            raise WrongAddress(f"the parameter {name!r} of the address is not known; {hint}")
    return {name: value for name, value in given.items() if value != ""}


def _place(text: str) -> tuple[str, int | None]:
    """Return (host, port) of ``host``, ``host:port``, ``[ipv6]:port`` or a folder that is percent-encoded."""
    found = _IPV6.fullmatch(text)
    if found:
        return found[1], int(found[2]) if found[2] else None
    host, _, port = text.partition(":")
    return unquote(host), _port(port) if port else None


def _with_ports(places: list[tuple[str, int | None]], given: str | None) -> tuple[tuple[str, int], ...]:
    ports = [_port(port) if port else DEFAULT_PORT for port in (given or str(DEFAULT_PORT)).split(",")]
    if len(ports) == 1:
        ports *= len(places)
    if len(ports) != len(places):
        raise WrongAddress(f"the address names {len(places)} hosts and {len(ports)} ports")
    return tuple((host, own or port) for (host, own), port in zip(places, ports, strict=True))


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):  # noqa: PLR2004 - what TCP has
        raise WrongAddress("a port of the address is no number from 1 to 65535")
    return int(text)


def _options(text: str) -> tuple[dict[str, str], str | None]:
    """Return (settings, what else there is) of ``-c name=value --name=value word``."""
    settings: dict[str, str] = {}
    others: list[str] = []
    words = iter(_WORD.findall(text))
    for word in words:
        if not word.startswith(("-c", "--")):
            others.append(word)
            continue
        found = _SETTING.fullmatch(word + next(words, "") if word == "-c" else word)
        if not found:
            raise WrongAddress("options of the address: -c is followed by name=value")
        settings[found[1].replace("-", "_").lower()] = re.sub(r"\\(.)", r"\1", found[2])
    return settings, " ".join(others) or None


def _tls(given: Mapping[str, str]) -> Tls:
    root = given.get("sslrootcert")
    mode: SslMode = _one_of("sslmode", given.get("sslmode", "verify-full" if root == SYSTEM else "prefer"), SslMode)
    if root == SYSTEM and mode != "verify-full":
        raise WrongAddress(f"sslrootcert=system needs sslmode=verify-full, not {mode}, which trusts any host's name")
    if _one_of("channel_binding", given.get("channel_binding", "prefer"), _ChannelBinding) == "require":
        # The driver cannot bind the password to the TLS channel. What that proves, that nobody stands between, a
        # certificate proves that is verified in full.
        if mode in {"disable", "allow"}:
            raise WrongAddress(f"channel_binding=require needs TLS, and sslmode={mode} may go without")
        mode, root = "verify-full", root or SYSTEM
    negotiation: Literal["postgres", "direct"] = _one_of(
        "sslnegotiation", given.get("sslnegotiation", "postgres"), Literal["postgres", "direct"]
    )
    if negotiation == "direct" and mode in {"disable", "allow", "prefer"}:
        raise WrongAddress(f"sslnegotiation=direct needs sslmode=require or stronger, not {mode}")
    if "sslkey" in given and "sslcert" not in given:
        raise WrongAddress("sslkey of the address comes without its sslcert")
    if given.get("gssencmode", "prefer") not in {"prefer", "disable"}:
        raise WrongAddress("gssencmode=require is not possible: the driver does not encrypt by GSSAPI")
    return Tls(mode, root, given.get("sslcert"), given.get("sslkey"), negotiation)


def _keepalive(given: Mapping[str, str]) -> Keepalive:
    usual = Keepalive()
    enabled = _whole(given, "keepalives")
    user_timeout = _whole(given, "tcp_user_timeout")
    return Keepalive(
        enabled=enabled != 0,
        idle_seconds=_whole(given, "keepalives_idle") or usual.idle_seconds,
        interval_seconds=_whole(given, "keepalives_interval") or usual.interval_seconds,
        count=_whole(given, "keepalives_count") or usual.count,
        user_timeout_milliseconds=usual.user_timeout_milliseconds if user_timeout is None else user_timeout,
    )


def _whole(given: Mapping[str, str], name: str) -> int | None:
    text = given.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        raise WrongAddress(f"{name} of the address is no whole number")
    return int(text)


def _one_of(name: str, value: str, choice: Any) -> Any:
    if value not in get_args(choice):
        raise WrongAddress(f"{name} of the address is one of {', '.join(get_args(choice))}")
    return value


_ChannelBinding = Literal["disable", "prefer", "require"]

_KNOWN = frozenset(
    [
        "application_name",
        "channel_binding",
        "connect_timeout",
        "dbname",
        "gssencmode",
        "host",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "options",
        "password",
        "port",
        "sslcert",
        "sslkey",
        "sslmode",
        "sslnegotiation",
        "sslrootcert",
        "target_session_attrs",
        "tcp_user_timeout",
        "user",
    ]
)
_POOLER = "that is LEADFLOW_POSTGRES_POOLER=transaction here"
_HINTS = {
    "pgbouncer": _POOLER,
    "ssl": "that is sslmode",
    "pool_mode": _POOLER,
    "prepared_statement_cache_size": _POOLER,
    "statement_cache_size": _POOLER,
    "connection_limit": "that is LEADFLOW_POSTGRES_POOL_SIZE here",
    "pool_timeout": "that is LEADFLOW_POSTGRES_TIMEOUT_SECONDS here",
    "schema": "the schema is always amigocare",
    "database": "that is dbname, or the path of the address",
}
