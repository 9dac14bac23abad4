"""What an address asks for is what the connection is: encrypted, verified, to the right host, with its settings."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest
import pytest_asyncio
import uvloop
from sqlalchemy import text

from libs.common.errors import is_bad_day
from libs.common.settings import PostgresSettings
from libs.common.stores import postgres_connecting
from libs.common.stores.postgres import Postgres
from tests.support.certificates import FiledAuthority, Signed
from tests.support.machine import needs
from tests.support.own_postgres import PASSWORD, WITH_TLS, OwnPostgres, own_postgres, own_standby
from tests.support.ports import free_port
from tests.support.processes import needs_local_stack

pytestmark = [needs_local_stack, needs(WITH_TLS, "PostgreSQL of the machine's own, which can TLS (Debian: postgresql)")]

TLS_ONLY = "hostssl all certified all cert\nhostnossl tls_only all all reject\n"


class Encrypted:
    """A server with a certificate for ``localhost``, and the files to reach it with."""

    def __init__(self, server: OwnPostgres, authority: FiledAuthority, client: Signed, stranger: Path) -> None:
        self.server, self.authority, self.client, self.stranger = server, authority, client, stranger

    def url(
        self, query: str = "", *, host: str = "localhost", user: str = "leadflow", database: str = "leadflow"
    ) -> str:
        return f"postgresql://{user}:{PASSWORD}@{host}:{self.server.port}/{database}?{query}"


@pytest_asyncio.fixture(scope="module")
async def encrypted(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Encrypted]:
    folder = tmp_path_factory.mktemp("tls")
    authority, stranger = FiledAuthority(folder, "authority"), FiledAuthority(folder, "stranger")
    own, client = authority.sign("server", hosts=("localhost",)), authority.sign("certified")
    settings = {"ssl": "on", "ssl_ca_file": "ca.pem", "ssl_cert_file": "server.crt", "ssl_key_file": "server.key"}
    copies = {"ca.pem": authority.path, "server.crt": own.certificate, "server.key": own.key}
    assert WITH_TLS is not None
    async with own_postgres(folder / "server", settings, copies=copies, hba=TLS_ONLY, programs=WITH_TLS) as server:
        await server.execute("CREATE DATABASE tls_only", "CREATE ROLE certified LOGIN")
        yield Encrypted(server, authority, client, stranger.path)


async def ask(url: str, query: str = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") -> object:
    """Return the answer of a connection to this address: by default whether it is encrypted."""
    postgres = Postgres(PostgresSettings(postgres_url=url, postgres_timeout_seconds=10), application_name="tests")
    try:
        async with postgres.transaction() as connection:
            answer: object = (await connection.execute(text(query))).scalar_one()
            return answer
    finally:
        await postgres.close()


async def refusal(url: str) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - which one it is depends on who refuses
        await ask(url)
    return caught.value


@pytest.mark.parametrize(
    ("query", "tls"),
    [
        ("sslmode=disable", False),
        ("sslmode=allow", False),
        ("sslmode=prefer", True),
        ("", True),
        ("sslmode=require", True),
        ("sslmode=require&sslrootcert={ca}", True),
        ("sslmode=verify-ca&sslrootcert={ca}", True),
        ("sslmode=verify-full&sslrootcert={ca}", True),
        ("channel_binding=require&sslrootcert={ca}", True),
    ],
)
async def test_sslmode_means_what_it_means_to_libpq(encrypted: Encrypted, query: str, tls: bool) -> None:
    assert await ask(encrypted.url(query.format(ca=encrypted.authority.path))) is tls


@pytest.mark.parametrize(
    "query",
    [
        "sslmode=require&sslrootcert={stranger}",
        "sslmode=verify-ca&sslrootcert={stranger}",
        "sslmode=verify-full&sslrootcert={stranger}",
        "sslrootcert=system",
        "channel_binding=require",
    ],
)
async def test_a_certificate_of_another_authority_is_refused(encrypted: Encrypted, query: str) -> None:
    error = await refusal(encrypted.url(query.format(stranger=encrypted.stranger)))
    assert "certificate verify failed" in str(error)
    assert is_bad_day(error)


async def test_verify_full_refuses_a_name_that_the_certificate_has_not(encrypted: Encrypted) -> None:
    ca = encrypted.authority.path
    assert await ask(encrypted.url(f"sslmode=verify-ca&sslrootcert={ca}", host="127.0.0.1")) is True
    error = await refusal(encrypted.url(f"sslmode=verify-full&sslrootcert={ca}", host="127.0.0.1"))
    assert "certificate verify failed" in str(error)


async def test_the_authorities_of_the_machine_are_those_of_openssl(
    encrypted: Encrypted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(encrypted.authority.path))
    assert await ask(encrypted.url("sslrootcert=system")) is True
    assert await ask(encrypted.url("sslmode=require&channel_binding=require")) is True


async def test_allow_turns_to_tls_where_the_server_wants_it(encrypted: Encrypted) -> None:
    assert await ask(encrypted.url("sslmode=allow", database="tls_only")) is True
    assert is_bad_day(await refusal(encrypted.url("sslmode=disable", database="tls_only")))


async def test_a_client_certificate_is_who_we_are(encrypted: Encrypted) -> None:
    ca, client = encrypted.authority.path, encrypted.client
    query = f"sslmode=verify-full&sslrootcert={ca}&sslcert={client.certificate}&sslkey={client.key}"
    url = encrypted.url(query, user="certified")
    assert await ask(url, "SELECT current_user") == "certified"
    assert is_bad_day(await refusal(encrypted.url(f"sslmode=verify-full&sslrootcert={ca}", user="certified")))


async def test_the_settings_of_an_address_are_the_sessions(encrypted: Encrypted) -> None:
    options = quote("-c work_mem=7MB -c statement_timeout=1234")
    url = encrypted.url(f"application_name=crm&options={options}")
    shown = "SELECT concat_ws(' ', current_setting('application_name'), current_setting('work_mem')"
    shown += ", current_setting('statement_timeout'), current_setting('transaction_isolation'))"
    assert await ask(url, shown) == "crm 7MB 1234ms read committed"


async def test_the_isolation_is_ours_whatever_the_database_says(encrypted: Encrypted) -> None:
    await encrypted.server.execute("ALTER DATABASE tls_only SET default_transaction_isolation = 'serializable'")
    shown = await ask(encrypted.url(database="tls_only"), "SELECT current_setting('transaction_isolation')")
    assert shown == "read committed"


async def test_of_several_hosts_the_one_that_takes_writes_is_found(encrypted: Encrypted, tmp_path: Path) -> None:
    async with own_postgres(tmp_path / "other", {"default_transaction_read_only": "on"}) as other:
        nobody = free_port()
        hosts = f"127.0.0.1:{nobody},127.0.0.1:{other.port},127.0.0.1:{encrypted.server.port}"
        base = f"postgresql://leadflow:{PASSWORD}@{hosts}/leadflow"
        port = "SELECT inet_server_port()"
        assert await ask(base, port) == encrypted.server.port
        assert await ask(f"{base}?target_session_attrs=any", port) == other.port
        assert await ask(f"{base}?target_session_attrs=read-only", port) == other.port
        assert await ask(f"{base}?target_session_attrs=prefer-standby", port) == other.port
        only = f"postgresql://leadflow:{PASSWORD}@127.0.0.1:{other.port}/leadflow"
        assert is_bad_day(await refusal(only)), "no node of it takes writes"


async def test_a_host_that_does_not_answer_is_passed_within_its_time(encrypted: Encrypted) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        hosts = f"127.0.0.1:{mute.getsockname()[1]},127.0.0.1:{encrypted.server.port}"
        url = f"postgresql://leadflow:{PASSWORD}@{hosts}/leadflow?connect_timeout=1&sslmode=disable"
        async with asyncio.timeout(5):
            assert await ask(url, "SELECT inet_server_port()") == encrypted.server.port


async def test_of_several_hosts_none_is_waited_for_as_long_as_a_single_one(
    encrypted: Encrypted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_connecting, "SECONDS_A_HOST", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        hosts = f"127.0.0.1:{mute.getsockname()[1]},127.0.0.1:{encrypted.server.port}"
        url = f"postgresql://leadflow:{PASSWORD}@{hosts}/leadflow?sslmode=disable"
        async with asyncio.timeout(5):
            assert await ask(url, "SELECT inet_server_port()") == encrypted.server.port


async def test_a_standby_is_preferred_wherever_it_stands_and_without_one_any_host_will_do(tmp_path: Path) -> None:
    port = "SELECT inet_server_port()"
    async with own_postgres(tmp_path / "primary") as primary, own_standby(tmp_path / "standby", primary) as standby:
        hosts = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
        base = f"postgresql://leadflow:{PASSWORD}@{hosts}/leadflow?target_session_attrs"
        assert await ask(f"{base}=any", port) == primary.port
        assert await ask(f"{base}=prefer-standby", port) == standby.port
        alone = f"postgresql://leadflow:{PASSWORD}@127.0.0.1:{primary.port}/leadflow"
        assert await ask(f"{alone}?target_session_attrs=prefer-standby", port) == primary.port


async def test_a_unix_socket_is_a_host(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("s")
    folder.chmod(0o777)
    async with own_postgres(folder / "server", {"unix_socket_directories": str(folder)}) as server:
        base = f"postgresql://leadflow:{PASSWORD}@"
        address = "SELECT coalesce(inet_server_addr()::text, 'socket')"
        assert await ask(f"{base}/leadflow?host={folder}&port={server.port}", address) == "socket"
        assert await ask(f"{base}{quote(str(folder), safe='')}:{server.port}/leadflow", address) == "socket"


KEPT = {"TCP_KEEPIDLE": 21, "TCP_KEEPINTVL": 6, "TCP_KEEPCNT": 4, "TCP_USER_TIMEOUT": 7000}


async def kept_alive(url: str) -> tuple[int, dict[str, int]]:
    """Return SO_KEEPALIVE and the options that the socket of a connection has."""
    postgres = Postgres(PostgresSettings(postgres_url=url), application_name="tests")
    try:
        async with postgres.transaction() as connection:
            await connection.execute(text("SELECT 1"))
            raw = await connection.get_raw_connection()
            assert raw.driver_connection is not None
            kept = raw.driver_connection._transport.get_extra_info("socket")
            options = {name: kept.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in KEPT}
            return kept.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE), options
    finally:
        await postgres.close()


def test_a_connection_is_kept_alive(encrypted: Encrypted) -> None:
    given = "keepalives_idle=21&keepalives_interval=6&keepalives_count=4&tcp_user_timeout=7000"
    for query in (f"sslmode=disable&{given}", f"sslmode=require&{given}"):
        # The loop that services run on has sockets of its own kind.
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            assert runner.run(kept_alive(encrypted.url(query))) == (1, KEPT)
        with asyncio.Runner() as runner:
            assert runner.run(kept_alive(encrypted.url(query))) == (1, KEPT)
    with asyncio.Runner() as runner:
        assert runner.run(kept_alive(encrypted.url("keepalives=0")))[0] == 0
