"""The embedded local stack, as a user meets it: real servers, in a folder of the tests' own."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import jwt
import psutil
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from pymongo import AsyncMongoClient

from deploy.local import ports, stack, tokens, whatsapp_provider
from deploy.local.instance import CHECKOUT, StackError
from deploy.local.settings import Given, service_programs
from deploy.processes import SERVERS, SERVICES
from tests.support.local import NAMES, Local
from tests.support.platform import EVERYTHING
from tests.support.processes import needs_local_stack
from tests.support.waiting import eventually

pytestmark = needs_local_stack


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """Servers whose data is in a folder that others may not enter, under a name that needs quoting everywhere."""
    folder = tmp_path_factory.mktemp("private") / "Área 100% # o'clock"
    folder.mkdir()
    folder.parent.chmod(0o700)
    local = Local(folder)
    try:
        local.do("servers")
        yield local
    finally:
        local.do("reset")
        assert not local.left_over()
        shutil.rmtree(folder)


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Local]:
    """An instance that was never up."""
    local = Local(tmp_path)
    yield local
    local.do("reset")


async def all_answer(addresses: dict[str, str]) -> None:
    connection = await asyncpg.connect(addresses["LEADFLOW_POSTGRES_URL"])
    assert await connection.fetchval("SELECT current_database()") == "leadflow"
    assert await connection.fetchval("SHOW server_version") >= "18"
    await connection.close()
    async with AsyncMongoClient[dict[str, object]](addresses["LEADFLOW_MONGO_URL"]) as client:
        assert client.get_default_database().name == "leadflow"
        assert (await client.admin.command("ping"))["ok"] == 1
    admin = AIOKafkaAdminClient(bootstrap_servers=addresses["LEADFLOW_KAFKA_BOOTSTRAP"])
    await admin.start()
    assert len((await admin.describe_cluster())["brokers"]) == 1
    await admin.close()


# Everyday commands


async def test_the_servers_answer_from_a_folder_that_others_may_not_enter(local: Local) -> None:
    assert stat.S_IMODE(local.instance.local.parent.stat().st_mode) == 0o700
    await all_answer(local.addresses())


def test_env_prints_four_lines_and_nothing_else(local: Local) -> None:
    lines = local.make("env").splitlines()
    assert [line.split("=")[0] for line in lines] == [
        "LEADFLOW_API_URL",
        "LEADFLOW_POSTGRES_URL",
        "LEADFLOW_MONGO_URL",
        "LEADFLOW_KAFKA_BOOTSTRAP",
    ]


def test_status_is_a_table_of_all_processes(local: Local) -> None:
    done = local.run("status")
    header, *lines, summary = done.stdout.splitlines()
    assert header.split() == ["NAME", "STATE", "PID", "PORT", "UPTIME", "RESTARTS", "REASON"]
    assert [line.split()[0] for line in lines] == NAMES
    known = json.loads((local.instance.state / "ports.json").read_text())["ports"]
    for name, state, pid, port, uptime, restarts in map(str.split, lines):
        assert int(port) == known[name]
        if name in SERVERS:
            assert (state, psutil.pid_exists(int(pid)), restarts) == ("ready", True, "0")
            assert uptime.endswith("s")
        else:
            assert (state, pid, uptime, restarts) == ("stopped", "-", "-", "0")
    assert summary.startswith(
        f"{len(NAMES) - len(SERVERS)} of {len(NAMES)} processes are not ready: {SERVICES[0]} (stopped), "
    )
    assert done.returncode == 1, "services are stopped"


def test_what_runs_already_is_left_alone(local: Local) -> None:
    before = local.processes()
    local.do("servers")
    assert local.processes() == before


def test_logs_are_followed_until_ctrl_c_which_is_no_error(local: Local) -> None:
    following = subprocess.Popen(
        # A shell that runs the tests in the background makes its children deaf to Ctrl-C.
        ["env", "--default-signal=INT", sys.executable, "-m", "deploy.local", "logs", "kafka"],
        cwd=CHECKOUT,
        env=local.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert following.stdout is not None
    assert following.stdout.readline().split()[1:3] == ["kafka", "warning"]
    following.send_signal(signal.SIGINT)
    _, said = following.communicate(timeout=30)
    log = local.instance.logs / "kafka.log"
    assert (following.returncode, said) == (0, f"Following all of {log}. Ctrl-C ends.\n")


def test_files_with_secrets_are_their_owner_s(local: Local) -> None:
    state = local.instance.state
    secret = [state / "secrets.json", state / "supervisord.conf", *(state / "run").iterdir()]
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in secret} == {0}


# Tokens


def claims(local: Local, token: str) -> dict[str, object]:
    claims: dict[str, object] = jwt.decode(token.strip(), local.instance.secrets().jwt_secret, algorithms=["HS256"])
    return claims


def test_a_token_is_the_demo_user_s(local: Local) -> None:
    found = claims(local, local.make("token"))
    assert isinstance(found["exp"], int)
    assert isinstance(found["iat"], int)
    assert found.pop("exp") - found.pop("iat") == 12 * 3600  # type: ignore[operator]  # both are numbers, see above
    assert found == {"sub": "1", "company_id": 1, "permissions": EVERYTHING}


def test_a_token_for_somebody_else(local: Local) -> None:
    found = claims(local, local.make("token", "COMPANY_ID=2", "USER_ID=3", "PERMISSIONS="))
    assert (found["sub"], found["company_id"], found["permissions"]) == ("3", 2, {})
    assert "accounts" not in found
    found = claims(local, tokens.issue(local.instance, permissions="IMPORT_LEADS,CHATS:READ", accounts="1,2"))
    assert found["permissions"] == {"LEADS": ["IMPORT_LEADS"], "CHATS": ["READ"]}
    assert found["accounts"] == [1, 2]


def test_a_token_can_have_expired(local: Local) -> None:
    with pytest.raises(jwt.ExpiredSignatureError):
        claims(local, tokens.issue(local.instance, expires_in="-60"))


# Clear words for what is wrong


def test_no_instance_yet(tmp_path: Path) -> None:
    done = Local(tmp_path).run("env")
    assert (done.returncode, done.stdout) == (1, "")
    assert "make up" in done.stderr


@pytest.mark.parametrize(
    ("service", "count", "words"),
    [
        ("api", "2", "one fixed port"),
        ("kafka", "2", "no service 'kafka'"),
        ("creator", "-1", "COUNT='-1'"),
        ("creator", "many", "COUNT='many'"),
        ("creator", "", "COUNT=''"),
        ("creator", "2", "make up"),
    ],
)
def test_scale_refuses(local: Local, service: str, count: str, words: str) -> None:
    with pytest.raises(StackError, match=words):
        stack.scale(local.instance, service, count)


def test_an_error_is_words_and_no_traceback(local: Local) -> None:
    done = local.run("scale", "--", "creator", "-1")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "\nCOUNT='-1': use a number from 0 to 20.\n"


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    # Below the ports that Linux gives to outgoing connections: there only this test takes one.
    base = next(base for base in range(30_000, 20_000, -ports.BLOCK) if ports._taken(base) is None)
    port = base + ports.FIXED["mongo"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        done = Local(tmp_path).run("servers", LEADFLOW_PORT_BASE=str(base))
    assert done.returncode == 1
    assert f"Port {port} (mongo) is taken" in done.stderr
    assert "Traceback" not in done.stderr


def test_neither_java_nor_docker(fresh: Local, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in filter(None, map(shutil.which, ("sh", "find", "sleep", "setpriv", "true"))):
        (tools / Path(tool).name).symlink_to(tool)
    done = fresh.run("servers", PATH=str(tools), JAVA_HOME="")
    assert done.returncode == 1
    assert "Java 17" in done.stderr
    assert "Docker" in done.stderr
    assert "Traceback" not in done.stderr


# Supervision


async def test_killed_servers_come_back(local: Local) -> None:
    before = local.processes()
    for name in SERVERS:
        os.kill(before[name][1], 9)

    async def back() -> bool:
        now = local.processes()
        return all(now[name][0] == "running" and now[name][1] != before[name][1] for name in SERVERS)

    await eventually(back, what="the servers' return")
    local.do("servers")  # returns when each answers


async def test_a_killed_supervisor_is_replaced_and_its_processes_too(local: Local) -> None:
    before, addresses = local.processes(), local.addresses()
    os.kill(int((local.instance.state / "pids" / "supervisord").read_text()), 9)
    assert {state for state, _ in local.processes().values()} == {"stopped"}
    assert "left behind: postgres, mongo, kafka" in local.do("servers")
    assert not any(psutil.pid_exists(before[name][1]) for name in SERVERS)
    assert local.addresses() == addresses
    await all_answer(addresses)


def test_what_is_set_at_up_reaches_the_services(local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADFLOW_MAX_ROWS_PER_FILE", "50000")
    monkeypatch.setenv("LEADFLOW_POSTGRES_URL", "postgresql://elsewhere")
    monkeypatch.setenv("LEADFLOW_WHATSAPP_ENABLED", "true")
    chosen = ports.load(local.instance)
    assert chosen is not None
    programs = {
        program.name: program.environment
        for program in service_programs(local.instance, chosen, Given.from_environment(demo_quotas=True))
    }
    assert list(programs) == [*SERVICES, "gateway", "sign-in", "whatsapp"]
    addresses = local.addresses()
    for name in SERVICES:
        assert programs[name]["LEADFLOW_MAX_ROWS_PER_FILE"] == "50000"
        assert programs[name]["LEADFLOW_POSTGRES_URL"] == addresses["LEADFLOW_POSTGRES_URL"]
        assert programs[name]["LEADFLOW_WHATSAPP_URL"] == f"http://127.0.0.1:{chosen['whatsapp']}"
        assert len(programs[name]["LEADFLOW_JWT_SECRET"]) >= 32
    own = {environment["LEADFLOW_HTTP_PORT"] for name, environment in programs.items() if name != "gateway"}
    assert len(own) == len(programs) - 1
    # Who has nothing to do with the servers is told nothing of them.
    assert not any("POSTGRES" in name or "KAFKA" in name for name in [*programs["gateway"], *programs["sign-in"]])
    assert "LEADFLOW_JWT_SECRET" not in programs["gateway"]
    # Other services do not read the quotas, and so do not restart for the demo's.
    assert [name for name in programs if "LEADFLOW_QUOTA_ROWS" in programs[name]] == ["api"]


def test_down_leaves_nothing_and_the_ports_stay(local: Local) -> None:
    remembered = json.loads((local.instance.state / "ports.json").read_text())
    assert local.do("down") == "Leadflow is down.\n"
    assert local.left_over() == []
    assert {state for state, _ in local.processes().values()} == {"stopped"}
    assert all(ports.is_free(port) for port in remembered["ports"].values())
    assert json.loads((local.instance.state / "ports.json").read_text()) == remembered
    assert local.do("down") == "Leadflow was not running.\n"


# The WhatsApp provider's stand-in


async def test_the_whatsapp_provider_answers_and_misbehaves_when_asked() -> None:
    transport = httpx.ASGITransport(whatsapp_provider.create_app())
    async with httpx.AsyncClient(transport=transport, base_url="http://provider") as client:

        async def check(phone: str) -> httpx.Response:
            return await client.post("/v1/contacts/check", json={"phone": phone})

        async def behave(mode: str) -> int:
            return (await client.post("/control", json={"mode": mode})).status_code

        phone, absent = "+5511912345678", "+5511912340000"
        assert (await check(phone)).json() == {"phone": phone, "on_whatsapp": True}
        assert (await check(absent)).json() == {"phone": absent, "on_whatsapp": False}
        assert (await check("911")).status_code == 400
        await behave("error")
        assert (await check(phone)).status_code == 500
        await behave("throttle")
        answer = await check(phone)
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
        assert (await client.get("/control")).json()["counts"]["throttled"] == 1
        assert await behave("moody") == 422
        await behave("ok")
        assert (await check(phone)).status_code == 200
