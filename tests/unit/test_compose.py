"""docker-compose.yml and the Dockerfile, without an engine: held to their schemas, to the settings, to the stack."""

import copy
import http.server
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from jsonschema.validators import validator_for

from deploy.compose import demo_token, seed
from deploy.local import kafka as local_kafka
from deploy.local.instance import Instance
from deploy.local.ports import Ports
from deploy.local.processes import SERVERS, SERVICES, WHATSAPP
from deploy.local.settings import Given, service_programs
from libs.common.auth import AuthSettings, TokenReader
from libs.common.health import health_routes
from services.api.settings import Settings as ApiSettings
from tests.support.manifests import (
    ADDRESSES,
    CONSUMERS,
    IMAGE,
    SETTINGS,
    Manifest,
    compose_environment,
    compose_schema,
    image_environment,
    interpolate,
    plain,
    project_version,
    read_compose,
    read_dockerfile,
    read_settings,
    variables,
)
from tests.support.stack import ROOT

COMPOSE = read_compose()
CONTAINERS: dict[str, Manifest] = COMPOSE["services"]
ONE_SHOTS = ("platform", "migrate", "seed")
ON_DEMAND = ("token", WHATSAPP)
OURS = (*SERVICES, "migrate", "seed", *ON_DEMAND)

FIXED = {"LEADFLOW_HTTP_HOST", "LEADFLOW_HTTP_PORT"}
"""Set by the image: the health checks and published ports go with them."""

HEALTH_PATHS = {route.path for route in health_routes(lambda: None)}  # type: ignore[arg-type, return-value]


def schema_errors(document: Manifest) -> list[str]:
    schema = compose_schema()
    return [error.message for error in validator_for(schema)(schema).iter_errors(document)]


@pytest.mark.parametrize("path", ["docker-compose.yml", "deploy/compose/jwks.yaml"])
def test_the_file_is_what_the_compose_specification_allows(path: str) -> None:
    assert schema_errors(read_compose(path)) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda compose: compose["services"]["api"].update(comand=["x"]),
        lambda compose: compose["services"]["api"]["depends_on"]["kafka"].update(condition="healthy"),
        lambda compose: compose["services"]["kafka"].update(read_only=["yes"]),
        lambda compose: compose.update(service={}),
    ],
)
def test_the_schema_refuses_what_compose_would(spoil: Callable[[Manifest], object]) -> None:
    document = copy.deepcopy(COMPOSE)
    spoil(document)
    assert schema_errors(document)


def test_it_has_the_local_stacks_servers_and_services_and_its_own_one_shots() -> None:
    assert set(CONTAINERS) == {*SERVERS, *SERVICES, *ONE_SHOTS, *ON_DEMAND}
    profiles = {name: each["profiles"] for name, each in CONTAINERS.items() if "profiles" in each}
    assert profiles == {"token": ["tools"], WHATSAPP: ["whatsapp"]}


def test_services_are_started_as_the_local_stack_starts_them(tmp_path: Path) -> None:
    instance = Instance(name="unit", local=tmp_path)
    instance.state.mkdir()
    given = Given({"LEADFLOW_WHATSAPP_ENABLED": "true"}, demo_quotas=False)
    programs = {each.name: each for each in service_programs(instance, Ports(18_000), given)}
    for service in SERVICES:
        assert CONTAINERS[service]["command"] == ["python", *programs[service].argv[1:]]
        # What tells the local stack's services where the servers are tells it here too.
        told = {f"LEADFLOW_{name.upper()}" for name in ADDRESSES} & variables(SETTINGS[service])
        assert told <= set(programs[service].environment)
        assert told <= {name for name, value in CONTAINERS[service]["environment"].items() if value}
    assert CONTAINERS["migrate"]["command"] == ["leadflow", "migrate"]
    module = programs[WHATSAPP].argv[-1]
    mounted = {target: source for source, target in mounts(WHATSAPP)}
    assert mounted[CONTAINERS[WHATSAPP]["command"][-1]] == module.replace(".", "/") + ".py"


@pytest.mark.parametrize("service", SETTINGS)
def test_every_setting_of_a_service_can_be_set_and_no_other(service: str) -> None:
    assert set(CONTAINERS[service]["environment"]) == variables(SETTINGS[service]) - FIXED


@pytest.mark.parametrize("service", SETTINGS)
def test_what_the_user_sets_reaches_the_service(service: str) -> None:
    """All but the addresses, which ``make -s env`` may have put into the user's shell for the local stack."""
    addresses = {f"LEADFLOW_{name.upper()}" for name in ADDRESSES}
    given = {name: f"given-{name}" for name in CONTAINERS[service]["environment"]}
    got = compose_environment(CONTAINERS[service], given)
    assert {name for name, value in got.items() if value != given[name]} == addresses & set(given)


@pytest.mark.parametrize("service", SETTINGS)
def test_nothing_need_be_set(service: str) -> None:
    settings = read_settings(SETTINGS[service], image_environment() | compose_environment(CONTAINERS[service], {}))
    changed = {
        name: plain(getattr(settings, name))
        for name, field in SETTINGS[service].model_fields.items()
        if getattr(settings, name) != field.get_default()
    }
    hosts = {
        "postgres_url": "postgresql://leadflow:leadflow@postgres:5432/leadflow",
        "mongo_url": "mongodb://mongo:27017/leadflow",
        "kafka_bootstrap": "kafka:9092",
        "whatsapp_url": "http://whatsapp:8099",
        "http_host": "0.0.0.0",
        "jwt_secret": CONTAINERS["token"]["environment"]["LEADFLOW_JWT_SECRET"].partition(":-")[2].rstrip("}"),
    }
    assert changed == {name: hosts[name] for name in hosts if name in SETTINGS[service].model_fields}


def test_an_identity_provider_can_take_the_place_of_the_secret() -> None:
    override = read_compose("deploy/compose/jwks.yaml")["services"]
    assert override == {"api": {"environment": {"LEADFLOW_JWT_SECRET": None}}}
    environment = compose_environment(CONTAINERS["api"], {"LEADFLOW_JWKS_URL": "https://login.example.com/jwks"})
    del environment["LEADFLOW_JWT_SECRET"]
    settings = read_settings(ApiSettings, environment)
    assert isinstance(settings, ApiSettings)
    assert settings.jwks_url == "https://login.example.com/jwks"


async def test_the_printed_token_opens_the_api(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = compose_environment(CONTAINERS["token"], {})["LEADFLOW_JWT_SECRET"]
    assert secret == compose_environment(CONTAINERS["api"], {})["LEADFLOW_JWT_SECRET"]
    monkeypatch.setenv("LEADFLOW_JWT_SECRET", secret)
    monkeypatch.delenv("LEADFLOW_JWKS_URL", raising=False)
    monkeypatch.setattr(sys, "argv", ["token", "--company-id", "2", "--user-id", "3"])
    demo_token.main()
    caller = await TokenReader(AuthSettings()).read(capsys.readouterr().out.strip())
    assert (caller.company_id, caller.user_id, caller.accounts) == (2, 3, None)
    assert caller.may("LEADS", "IMPORT_LEADS")


# Order


def dependencies(service: str) -> dict[str, str]:
    return {name: each["condition"] for name, each in CONTAINERS[service].get("depends_on", {}).items()}


def test_every_dependency_can_come_true() -> None:
    for service in CONTAINERS:
        for name, condition in dependencies(service).items():
            assert "profiles" not in CONTAINERS[name], f"{service} waits for {name}, which may not be started"
            if condition == "service_healthy":
                assert "healthcheck" in CONTAINERS[name], f"{service} waits for {name}, which has no health check"
            else:
                assert condition == "service_completed_successfully"
                assert name in ONE_SHOTS


def test_somebody_waits_for_the_end_of_every_one_shot() -> None:
    """``up --wait`` takes a container that ended for a failure unless another one depends on its end."""
    awaited = {
        name
        for service in CONTAINERS
        for name, condition in dependencies(service).items()
        if condition == "service_completed_successfully"
    }
    assert awaited == set(ONE_SHOTS)
    for name, each in CONTAINERS.items():
        assert ("restart" in each) == (name not in (*ONE_SHOTS, "token"))


def test_tables_come_before_the_migration_and_that_before_services_and_seeds() -> None:
    completed = "service_completed_successfully"
    assert dependencies("migrate")["platform"] == completed
    assert dependencies("seed")["migrate"] == completed
    assert dependencies("api")["seed"] == completed
    for service in SERVICES:
        assert dependencies(service)["migrate"] == completed


@pytest.mark.parametrize("service", [*SETTINGS, "seed"])
def test_a_service_waits_for_the_servers_that_it_is_told_of(service: str) -> None:
    told = {
        server
        for server, variable in zip(SERVERS, ("POSTGRES_URL", "MONGO_URL", "KAFKA_BOOTSTRAP"), strict=True)
        if f"LEADFLOW_{variable}" in CONTAINERS[service]["environment"]
    }
    assert {name for name, condition in dependencies(service).items() if condition == "service_healthy"} == told


# Health


@contextmanager
def answering(status: int) -> Iterator[tuple[int, list[str]]]:
    """Serve this status on some port; yield the port, and the paths that were asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port, asked
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
@pytest.mark.parametrize("service", ["creator", WHATSAPP])
def test_the_health_check_tells_ready_from_not_ready(service: str, status: int, healthy: bool) -> None:
    kind, interpreter, option, script = CONTAINERS[service]["healthcheck"]["test"]
    assert (kind, interpreter, option) == ("CMD", "python", "-c")
    own_port = "8080" if service == "creator" else CONTAINERS[service]["environment"]["LEADFLOW_HTTP_PORT"]
    with answering(status) as (port, asked):
        done = subprocess.run([sys.executable, "-c", script.replace(own_port, str(port))], check=False)
    assert (done.returncode == 0) is healthy
    assert asked == ["/health/ready" if service == "creator" else "/control"]


def test_the_health_check_finds_nobody_at_home() -> None:
    with answering(200) as (port, _):
        pass
    script = CONTAINERS["creator"]["healthcheck"]["test"][-1].replace("8080", str(port))
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=False).returncode


def test_every_service_has_that_check_and_its_path_exists() -> None:
    for service in SERVICES:
        assert CONTAINERS[service]["healthcheck"] == CONTAINERS["creator"]["healthcheck"]
    assert "/health/ready" in HEALTH_PATHS
    assert image_environment()["LEADFLOW_HTTP_PORT"] == "8080"


def test_servers_are_asked_with_their_own_tools_over_tcp() -> None:
    tools = {"postgres": "pg_isready", "mongo": "mongosh", "kafka": "/opt/kafka/bin/kafka-broker-api-versions.sh"}
    for server, tool in tools.items():
        assert CONTAINERS[server]["healthcheck"]["test"][:2] == ["CMD", tool]
    # While postgres makes its database it answers on its Unix socket; nothing may start then.
    assert "--host=127.0.0.1" in CONTAINERS["postgres"]["healthcheck"]["test"]


# Confinement


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_is_confined(name: str) -> None:
    container = CONTAINERS[name]
    assert container["read_only"] is True
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges"]
    assert not {"cap_add", "privileged", "pid", "ipc", "devices", "userns_mode"} & set(container)
    assert container.get("network_mode") in (None, "none")
    limits = container["deploy"]["resources"]["limits"]
    assert set(limits) == {"cpus", "memory", "pids"}
    assert float(limits["cpus"]) <= 1, "a machine with fewer cores refuses to start it"
    if name not in OURS:
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", container["user"])
    else:
        assert "user" not in container, "the image has its own"


def test_only_what_must_be_written_can_be() -> None:
    writable = {
        name: {path.partition(":")[0] for path in each.get("tmpfs", [])}
        | {target for source, target in volumes(name) if not source.startswith("./")}
        for name, each in CONTAINERS.items()
    }
    assert {name: paths for name, paths in writable.items() if paths} == {
        "api": {"/tmp"},
        "postgres": {"/tmp", "/var/run/postgresql", "/var/lib/postgresql"},
        "mongo": {"/tmp", "/data/db", "/data/configdb"},
        "kafka": {"/tmp", "/opt/kafka/config", "/opt/kafka/logs", "/var/lib/kafka/data"},
    }


def volumes(name: str) -> list[tuple[str, str]]:
    """Return (source, target) of every volume and mounted file, without options."""
    pairs = [volume.split(":") for volume in CONTAINERS[name].get("volumes", [])]
    return [(source, target) for source, target, *_ in pairs]


def mounts(name: str) -> list[tuple[str, str]]:
    """Return (path in the checkout, target) of every mounted file."""
    return [(source.removeprefix("./"), target) for source, target in volumes(name) if source.startswith("./")]


def test_volumes_are_declared_and_files_of_the_checkout_are_mounted_read_only() -> None:
    named = {source for name in CONTAINERS for source, _ in volumes(name) if not source.startswith("./")}
    assert named == set(COMPOSE["volumes"])
    for container in CONTAINERS.values():
        for volume in container.get("volumes", []):
            if volume.startswith("./"):
                source, _, options = volume.split(":")
                assert options == "ro"
                assert (ROOT / source).is_file()


def test_the_seed_finds_all_that_it_reads() -> None:
    mounted = {target for _, target in mounts("seed")}
    assert mounted == {f"/demo/{name}" for name in ("seed.py", seed.DEMO_SEED, seed.DEMO_CONTACTS)}
    assert CONTAINERS["seed"]["command"] == ["python", "/demo/seed.py"]
    assert CONTAINERS["token"]["entrypoint"] == ["python", mounts("token")[0][1]]
    sources = {source for name in ("platform", "seed") for source, _ in mounts(name)}
    data = {f"deploy/local/{name}" for name in ("host_platform.sql", "demo_seed.sql", "demo_contacts.json")}
    assert sources == data | {"deploy/compose/seed.py"}
    assert f"--file={mounts('platform')[0][1]}" in CONTAINERS["platform"]["command"]


def test_ports_are_open_to_this_machine_alone_and_can_be_moved() -> None:
    published = {name: each["ports"] for name, each in CONTAINERS.items() if "ports" in each}
    ports = {"api": 8080, "postgres": 5432, "mongo": 27017, "kafka": 29092}  # as tests/support/compose.py asks for them
    assert set(published) == set(ports)
    for name, inside in ports.items():
        variable = f"LEADFLOW_COMPOSE_{name.upper()}_PORT"
        [port] = published[name]
        assert interpolate(port, {}) == f"127.0.0.1:{inside}:{inside}"
        assert interpolate(port, {variable: "7"}) == f"127.0.0.1:7:{inside}"


def test_consumers_can_be_scaled() -> None:
    for service in CONSUMERS:
        assert not {"ports", "container_name", "hostname"} & set(CONTAINERS[service])


# Servers


def test_kafka_is_told_what_the_local_stack_tells_its_own() -> None:
    environment = CONTAINERS["kafka"]["environment"]
    told = {
        name.removeprefix("KAFKA_").replace("_", ".").lower(): value
        for name, value in environment.items()
        if name != "KAFKA_HEAP_OPTS"
    }
    local_text = local_kafka._settings(Ports(18_000), 1, 1, "folder")
    local = dict(line.split("=", 1) for line in local_text.splitlines())
    assert set(told) <= set(local), "a setting of Kafka that the local stack does not know"
    differ = {name for name, value in told.items() if value != local[name]}
    assert differ == {
        "listeners",
        "advertised.listeners",
        "listener.security.protocol.map",
        "inter.broker.listener.name",
        "controller.quorum.voters",
        "log.dirs",
    }
    assert told["auto.create.topics.enable"] == "false"


def test_kafka_answers_where_it_says_that_it_does() -> None:
    environment = CONTAINERS["kafka"]["environment"]
    listeners = dict(each.split("://:") for each in environment["KAFKA_LISTENERS"].split(","))
    advertised = interpolate(environment["KAFKA_ADVERTISED_LISTENERS"], {"LEADFLOW_COMPOSE_KAFKA_PORT": "7"})
    assert dict(each.split("://") for each in advertised.split(",")) == {
        "INTERNAL": f"kafka:{listeners['INTERNAL']}",
        "EXTERNAL": "127.0.0.1:7",
    }
    [published] = CONTAINERS["kafka"]["ports"]
    assert published.endswith(f":{listeners['EXTERNAL']}")
    protocols = dict(each.split(":") for each in environment["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(","))
    assert protocols == dict.fromkeys(listeners, "PLAINTEXT")
    assert environment["KAFKA_INTER_BROKER_LISTENER_NAME"] == "INTERNAL"
    controller = environment["KAFKA_CONTROLLER_LISTENER_NAMES"]
    assert environment["KAFKA_CONTROLLER_QUORUM_VOTERS"] == f"1@localhost:{listeners[controller]}"
    data = {target for _, target in volumes("kafka")}
    assert environment["KAFKA_LOG_DIRS"] in data, "what Kafka holds would go with its container"


def test_the_databases_data_outlives_their_containers() -> None:
    assert ("postgres", "/var/lib/postgresql") in volumes("postgres"), "where PostgreSQL 18 has its data folder"
    assert ("mongo", "/data/db") in volumes("mongo")


# The image

BUILD_TOOLS = re.compile(r"\b(pip|apt|apt-get|gcc|g\+\+|make|cargo|curl|wget|git|poetry|uv)\b")


def image_of(name: str) -> tuple[str, str]:
    repository, _, tag = CONTAINERS[name]["image"].rpartition(":")
    return repository, tag


def test_images_are_pinned_and_ours_is_the_projects_version() -> None:
    for name in CONTAINERS:
        repository, tag = image_of(name)
        assert repository
        assert re.match(r"\d", tag), f"{name}: {tag} is no version"
        assert (repository == IMAGE) == (name in OURS)
        if name in OURS:
            assert tag == project_version()
            assert CONTAINERS[name]["build"] == "."
    assert CONTAINERS["kafka"]["image"] == local_kafka.IMAGE
    assert CONTAINERS["platform"]["image"] == CONTAINERS["postgres"]["image"] == "postgres:18"
    assert CONTAINERS["mongo"]["image"] == "mongo:8"


def arguments_of(stage: list[tuple[str, str]], instruction: str) -> list[str]:
    return [arguments for found, arguments in stage if found == instruction]


def test_the_image_is_built_of_hashed_wheels_in_another_stage() -> None:
    outside, builder, last = read_dockerfile()
    [base] = arguments_of(outside, "ARG")
    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.11\.\d+-slim-bookworm", base)
    assert arguments_of(builder, "FROM") == ["${PYTHON_IMAGE} AS builder"]
    assert arguments_of(last, "FROM") == ["${PYTHON_IMAGE}"]
    installs = [command for command in arguments_of(builder, "RUN") if " install" in command]
    assert len(installs) == 1
    assert {"--require-hashes", "--only-binary=:all:", "/build/runtime.txt"} <= set(installs[0].split())
    assert "venv --without-pip" in installs[0]
    assert ["requirements/runtime.txt", "/build/runtime.txt"] in [
        each.split() for each in arguments_of(builder, "COPY")
    ]


def test_the_last_stage_has_no_build_tools_and_an_unprivileged_user() -> None:
    last = read_dockerfile()[-1]
    for command in arguments_of(last, "RUN"):
        for step in command.split(" && "):
            used = BUILD_TOOLS.findall(step)
            assert not used or re.fullmatch(r"python -m pip .*\buninstall\b.* pip setuptools wheel", step), step
    assert any("uninstall" in command for command in arguments_of(last, "RUN"))
    for copied in arguments_of(last, "COPY"):
        assert copied.startswith("--from=builder ") or "<<" in copied, f"COPY {copied} is not of the builder"
    assert not arguments_of(last, "ADD")
    [user] = arguments_of(last, "USER")
    assert re.fullmatch(r"[1-9]\d{4}:[1-9]\d{4}", user)
    order = [instruction for instruction, _ in last]
    assert order.index("USER") > max(place for place, each in enumerate(order) if each in ("RUN", "COPY"))
    assert arguments_of(last, "STOPSIGNAL") == ["SIGTERM"]
    assert image_environment()["PYTHONDONTWRITEBYTECODE"] == "1"
    assert arguments_of(last, "EXPOSE") == [image_environment()["LEADFLOW_HTTP_PORT"]]
    for instruction in ("CMD", "ENTRYPOINT"):
        assert all(arguments.startswith("[") for arguments in arguments_of(last, instruction)), "a shell would not stop"


def test_the_image_has_all_of_our_code_and_its_context_nothing_else() -> None:
    builder = read_dockerfile()[1]
    copied = {source for source, _ in (each.split() for each in arguments_of(builder, "COPY"))}
    packages = {each for each in ("libs", "migrations", "services") if (ROOT / each).is_dir()}
    assert copied == packages | {"requirements/runtime.txt"}
    for arguments in arguments_of(builder, "COPY"):
        source, target = arguments.split()
        if source in packages:
            # services/operator/migrate.py finds migrations beside services, services.api.parsing finds the root.
            assert target == f"/app/{source}"
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert ignored[0] == "*"
    assert {line[1:] for line in ignored if line.startswith("!")} == copied
    assert image_environment()["PYTHONPATH"] == "/app"


def test_the_command_leadflow_is_the_projects_script(tmp_path: Path) -> None:
    text = (ROOT / "Dockerfile").read_text()
    found = re.search(r"<<EOF /opt/leadflow/bin/leadflow\n(.*?)\nEOF\n", text, re.DOTALL)
    assert found
    assert "--chmod=755" in next(each for each in arguments_of(read_dockerfile()[-1], "COPY") if "<<EOF" in each)
    assert found[1].startswith("#!/opt/leadflow/bin/python\n")
    script = tmp_path / "leadflow"
    script.write_text(found[1])
    done = subprocess.run(
        [sys.executable, str(script), "migrate", "--help"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Bring PostgreSQL" in done.stdout


# The whole


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (text for pair in value.items() for each in pair for text in strings(each))
    elif isinstance(value, list):
        yield from (text for each in value for text in strings(each))
    elif isinstance(value, str):
        yield value


def test_variables_of_compose_are_in_the_heads_list() -> None:
    head = (ROOT / "docker-compose.yml").read_text().partition("x-confined")[0]
    used = {name for text in strings(COMPOSE) for name in re.findall(r"\$\{(LEADFLOW_COMPOSE_\w+?):-", text)}
    assert used == set(re.findall(r"LEADFLOW_COMPOSE_\w+", head))
    for text in strings(COMPOSE):
        interpolate(text, {})
