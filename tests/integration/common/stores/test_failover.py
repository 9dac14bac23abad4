"""A node that takes no writes any more, or a connection that somebody dropped in silence, is left within seconds."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from pydantic import SecretStr
from sqlalchemy import text

from libs.common.errors import is_bad_day
from libs.common.settings import MongoSettings, PostgresSettings
from libs.common.stores import postgres as pools
from libs.common.stores import postgres_liveness
from libs.common.stores.postgres import Postgres
from tests.chaos.proxy import Proxy
from tests.support.own_postgres import PASSWORD, OwnPostgres, own_postgres
from tests.support.processes import needs_local_stack

pytestmark = needs_local_stack

CONNECTIONS = 4
WRITE = "INSERT INTO written DEFAULT VALUES RETURNING inet_server_port()"
READ = "SELECT inet_server_port() FROM (SELECT count(*) FROM written) AS counted"
TABLE = "CREATE TABLE written (id int GENERATED ALWAYS AS IDENTITY)"


@contextmanager
def proxied(server: OwnPostgres) -> Iterator[Proxy]:
    proxy = Proxy(server.port)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()


@pytest_asyncio.fixture
async def two(tmp_path: Path) -> AsyncIterator[tuple[OwnPostgres, OwnPostgres]]:
    async with own_postgres(tmp_path / "first") as first, own_postgres(tmp_path / "second") as second:
        for server in (first, second):
            await server.execute(TABLE)
        yield first, second


def pool(*proxies: Proxy, query: str = "", seconds: float = 30) -> Postgres:
    hosts = ",".join(f"127.0.0.1:{proxy.port}" for proxy in proxies)
    url = SecretStr(f"postgresql://leadflow:{PASSWORD}@{hosts}/leadflow{query}")
    settings = PostgresSettings(postgres_url=url, postgres_pool_size=CONNECTIONS, postgres_timeout_seconds=seconds)
    return Postgres(settings, application_name="tests")


async def run(postgres: Postgres, statement: str) -> int:
    """Return the port of the server that answered."""
    async with postgres.transaction() as connection:
        port: int = (await connection.execute(text(statement))).scalar_one()
        return port


async def all_at_once(postgres: Postgres, statement: str) -> set[int]:
    """Run it on every connection of the pool at the same time."""
    return set(await asyncio.gather(*(run(postgres, f"{statement}, pg_sleep(0.5)") for _ in range(CONNECTIONS))))


@pytest.mark.parametrize("says", [True, False])
async def test_a_pool_leaves_a_node_that_became_read_only(
    says: bool, two: tuple[OwnPostgres, OwnPostgres], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all its connections one write finds out; the others go where writes are taken.

    Also where the server does not say by itself what it has become, as before version 14.
    """
    if not says:
        monkeypatch.setattr(postgres_liveness, "is_read_only", lambda _: False)
    first, second = two
    with proxied(first) as there, proxied(second) as other:
        postgres = pool(there, other)
        assert await all_at_once(postgres, READ) == {first.port}
        await first.turn_read_only()
        failed = 0
        for _ in range(50):
            try:
                assert await run(postgres, WRITE) == second.port
            except Exception as error:  # noqa: BLE001 - counted
                assert is_bad_day(error)
                failed += 1
        assert failed <= 1
        await postgres.close()


async def test_who_only_reads_leaves_it_too(two: tuple[OwnPostgres, OwnPostgres]) -> None:
    """What is read there is what was true before the failover."""
    first, second = two
    with proxied(first) as there, proxied(second) as other:
        postgres = pool(there, other)
        assert await run(postgres, READ) == first.port
        await first.turn_read_only()
        assert await run(postgres, READ) == first.port, "the server says so with this answer"
        assert await run(postgres, READ) == second.port
        await postgres.close()


async def test_readiness_asks_for_a_node_that_takes_writes(two: tuple[OwnPostgres, OwnPostgres]) -> None:
    first, second = two
    with proxied(first) as there, proxied(second) as other:
        postgres, alone, reader = pool(there, other), pool(there), pool(there, query="?target_session_attrs=any")
        for each in (postgres, alone, reader):
            await each.ask()
        await first.turn_read_only()
        with pytest.raises(Exception, match="takes no writes") as caught:
            await alone.ask()
        assert is_bad_day(caught.value)
        with pytest.raises(Exception, match="takes no writes"):
            await postgres.ask()
        await postgres.ask()
        assert await run(postgres, WRITE) == second.port
        await reader.ask()
        for each in (postgres, alone, reader):
            await each.close()


async def test_a_silent_drop_of_idle_connections_costs_five_seconds_at_most(tmp_path: Path) -> None:
    async with own_postgres(tmp_path / "own") as server:
        await server.execute(TABLE)
        with proxied(server) as there:
            postgres = pool(there)
            assert await all_at_once(postgres, READ) == {server.port}
            await asyncio.sleep(postgres_liveness.IDLE_SECONDS + 0.2)
            assert there.swallow() == CONNECTIONS
            began = time.monotonic()
            for _ in range(2 * CONNECTIONS):
                assert await run(postgres, WRITE) == server.port
            assert await all_at_once(postgres, READ) == {server.port}
            assert time.monotonic() - began < 5
            await postgres.close()


async def test_one_connection_that_is_found_dead_speaks_for_those_that_were_idle_as_long(tmp_path: Path) -> None:
    """A handler that takes them one after another would else wait for each of them."""
    async with own_postgres(tmp_path / "own") as server:
        await server.execute(TABLE)
        with proxied(server) as there:
            postgres = pool(there)
            assert await all_at_once(postgres, READ) == {server.port}
            await asyncio.sleep(postgres_liveness.IDLE_SECONDS + 0.2)
            assert there.swallow() == CONNECTIONS
            began = time.monotonic()
            async with AsyncExitStack() as held:
                for _ in range(CONNECTIONS):
                    connection = await held.enter_async_context(postgres.transaction())
                    assert (await connection.execute(text(WRITE))).scalar_one() == server.port
                assert time.monotonic() - began < 2 * postgres_liveness.ANSWER_SECONDS
            await postgres.close()


async def test_a_statement_without_an_answer_gives_up_the_whole_pool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever swallowed it is on the way of the other connections, too: not one of them is used again, or asked."""
    asked: list[object] = []

    async def lives(driver: object) -> None:
        asked.append(driver)

    monkeypatch.setattr(postgres_liveness, "_answers", lives)
    async with own_postgres(tmp_path / "own") as server:
        await server.execute(TABLE)
        with proxied(server) as there:
            postgres = pool(there, seconds=1)
            assert await all_at_once(postgres, READ) == {server.port}
            assert there.swallow() == CONNECTIONS
            began = time.monotonic()
            with pytest.raises(TimeoutError) as caught:
                await run(postgres, WRITE)
            assert is_bad_day(caught.value)
            # The driver's patience is 5 seconds longer than the server's; a farewell would wait for two as well.
            assert time.monotonic() - began < 6 + 1.5
            began = time.monotonic()
            assert await all_at_once(postgres, READ) == {server.port}
            assert time.monotonic() - began < 0.5 + 1.5
            assert asked == []
            await postgres.close()


async def test_a_connection_is_not_used_for_ever(
    stores: tuple[PostgresSettings, MongoSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "RECYCLE_SECONDS", 1)
    postgres = Postgres(stores[0], application_name="tests")
    session = "SELECT pg_backend_pid()"
    first = await run(postgres, session)
    assert await run(postgres, session) == first, "until then it is"
    await asyncio.sleep(1.2)
    assert await run(postgres, session) != first
    await postgres.close()


async def test_a_connection_in_use_is_not_asked_whether_it_lives(
    stores: tuple[PostgresSettings, MongoSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else each transaction would make one call more."""
    asked: list[object] = []

    async def count(driver: object) -> None:
        asked.append(driver)

    monkeypatch.setattr(postgres_liveness, "_answers", count)
    postgres = Postgres(stores[0], application_name="tests")
    for _ in range(20):
        await run(postgres, "SELECT 1")
    assert asked == []
    await asyncio.sleep(postgres_liveness.IDLE_SECONDS + 0.2)
    await run(postgres, "SELECT 1")
    assert len(asked) == 1
    await postgres.close()
