"""The local stack's ports and its supervisor, without servers: small programs in a folder of the tests' own."""

import os
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from deploy.local import ports
from deploy.local.instance import Instance, StackError
from deploy.local.supervision import BAD_DEPLOY, Program, Supervisor
from tests.support.processes import needs_local_stack
from tests.support.waiting import eventually

pytestmark = needs_local_stack


async def becomes(look: Callable[[], bool], what: str) -> None:
    async def looked() -> bool:
        return look()

    await eventually(looked, what=what)


def instance(folder: Path, name: str = "main") -> Instance:
    made = Instance(name=name, local=folder)
    made.create_folders()
    return made


# Ports


@pytest.fixture
def no_port_base(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEADFLOW_PORT_BASE", raising=False)


@pytest.mark.usefixtures("no_port_base")
def test_ports_are_remembered_and_shared_with_nobody(tmp_path: Path) -> None:
    one, other = instance(tmp_path / "one"), instance(tmp_path / "other")
    first, second = ports.choose(one), ports.choose(other)
    assert abs(first.base - second.base) >= ports.BLOCK
    assert ports.choose(one).base == first.base
    first.assign("creator-2")
    first.save(one)
    again = ports.load(one)
    assert again is not None
    assert (again["creator-2"], again["api"]) == (first["creator-2"], first["api"])
    ports.release(one)
    ports.release(other)


@pytest.mark.usefixtures("no_port_base")
def test_remembered_ports_that_others_took_meanwhile_are_given_up(tmp_path: Path) -> None:
    one = instance(tmp_path)
    before = ports.choose(one)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", before["postgres"]))
        taken.listen()
        assert ports.choose(one).base != before.base
    ports.release(one)


def test_one_setting_moves_all_ports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main, tests = instance(tmp_path), instance(tmp_path, "tests")
    monkeypatch.delenv("LEADFLOW_PORT_BASE", raising=False)
    base = ports.choose(main).base + 50 * ports.BLOCK
    monkeypatch.setenv("LEADFLOW_PORT_BASE", str(base))
    moved = ports.choose(main)
    assert {name: moved[name] for name in ports.FIXED} == {name: base + offset for name, offset in ports.FIXED.items()}
    assert ports.choose(tests).base >= base + ports.BLOCK
    ports.release(main)
    ports.release(tests)


@pytest.mark.parametrize("base", ["http", "80", "70000"])
def test_a_port_base_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base: str) -> None:
    monkeypatch.setenv("LEADFLOW_PORT_BASE", base)
    with pytest.raises(StackError, match=f"LEADFLOW_PORT_BASE='{base}'"):
        ports.choose(instance(tmp_path))


# Supervision


@pytest_asyncio.fixture
async def supervisor(tmp_path: Path) -> AsyncIterator[Supervisor]:
    made = Supervisor(instance(tmp_path))
    made.start()
    yield made
    made.stop(made.processes())
    made.shut_down()
    await becomes(lambda: not made.is_running, "the supervisor's end")


def run(supervisor: Supervisor, **scripts: tuple[str, dict[str, str]]) -> None:
    programs = [
        Program(
            name=name,
            argv=("sh", "-c", f"{script}; exec sleep 600"),
            folder=supervisor.instance.state,
            environment=environment,
            may_give_up=True,
        )
        for name, (script, environment) in scripts.items()
    ]
    supervisor.write(programs, keep=lambda _: False)
    supervisor.apply()


async def test_a_bad_deploy_is_not_started_again_and_any_other_death_is(supervisor: Supervisor) -> None:
    count = "echo x >> $NAME; [ $(wc -l < $NAME) -ge 3 ] || exit $CODE"
    run(
        supervisor,
        bad=(count, {"NAME": "bad", "CODE": str(BAD_DEPLOY)}),
        clumsy=(count, {"NAME": "clumsy", "CODE": "1"}),
        leaves=(count, {"NAME": "leaves", "CODE": "0"}),
    )
    state = supervisor.instance.state

    def lines(name: str) -> int:
        return (state / name).read_text().count("x") if (state / name).exists() else 0

    await becomes(lambda: (lines("clumsy"), lines("leaves")) == (3, 3), "two restarts")
    assert supervisor.processes()["bad"].gave_up
    assert lines("bad") == 1
    supervisor.revive()  # as `up` does: the user has asked again
    await becomes(lambda: lines("bad") == 2, "a new start")


async def test_each_program_has_a_session_of_its_own(supervisor: Supervisor) -> None:
    run(supervisor, one=("true", {}), two=("true", {}))
    pids = [process.pid for process in supervisor.processes().values()]
    await becomes(lambda: [os.getsid(pid) for pid in pids] == pids, "two sessions")


async def test_only_what_changed_is_restarted_and_values_arrive_as_they_are(supervisor: Supervisor) -> None:
    value = "100% of \"it\"; # 'quoted'\n$HOME `id`"
    run(supervisor, one=('printf %s "$VALUE" > one', {"VALUE": "before"}), two=("true", {}))
    file = supervisor.instance.state / "one"
    await becomes(lambda: file.exists() and file.read_text() == "before", "the first value")
    before = supervisor.processes()
    run(supervisor, one=('printf %s "$VALUE" > one', {"VALUE": value}), two=("true", {}), three=("true", {}))
    await becomes(lambda: file.read_text() == value, "the new value")
    after = supervisor.processes()
    assert after["one"].pid != before["one"].pid
    assert after["two"].pid == before["two"].pid
    run(supervisor, two=("true", {}))
    assert list(supervisor.processes()) == ["two"]
    assert supervisor.processes()["two"].pid == before["two"].pid


async def test_a_deep_checkout_has_a_socket_too(tmp_path: Path) -> None:
    deep = Supervisor(instance(tmp_path / ("d" * 60) / ("e" * 60)))
    assert len(os.fsencode(deep.socket)) < 100
    deep.start()
    deep.shut_down()
    await becomes(lambda: not deep.is_running, "the supervisor's end")
