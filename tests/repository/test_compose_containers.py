"""The containers of docker-compose.yml: health, confinement, what is open, and the servers."""

import http.server
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from deploy.local import kafka as local_kafka
from deploy.local.ports import Ports
from deploy.local.process_names import WHATSAPP
from deploy.processes import CONSUMERS, PROCESSES, SERVICES
from libs.common.web.health import health_routes
from tests.support.manifests import (
    CONTAINERS,
    OURS,
    compose_environment,
    compose_project,
    image_environment,
    interpolate,
    read_settings,
    volumes,
)

COMPOSE = compose_project()

HEALTH_PATHS = {route.path for route in health_routes(lambda: None)}  # type: ignore[arg-type, return-value]


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
@pytest.mark.parametrize("service", ["creator", "gateway", "sign-in", WHATSAPP])
def test_the_health_check_tells_ready_from_not_ready(service: str, status: int, healthy: bool) -> None:
    kind, interpreter, option, script = CONTAINERS[service]["healthcheck"]["test"]
    assert (kind, interpreter, option) == ("CMD", "python", "-c")
    own_port = "8080" if service in {"creator", "gateway"} else CONTAINERS[service]["environment"]["LEADFLOW_HTTP_PORT"]
    with answering(status) as (port, asked):
        done = subprocess.run([sys.executable, "-c", script.replace(own_port, str(port))], check=False)
    assert (done.returncode == 0) is healthy
    assert asked == [{"gateway": "/console/", WHATSAPP: "/control"}.get(service, "/health/ready")]


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
        **{process.name: {"/tmp"} for process in PROCESSES if process.scratch},
        "postgres": {"/tmp", "/var/run/postgresql", "/var/lib/postgresql"},
        "mongo": {"/tmp", "/data/db", "/data/configdb"},
        "prometheus": {"/prometheus"},
        "grafana": {"/tmp", "/var/lib/grafana", "/var/log/grafana"},
        "jaeger": {"/tmp"},
        "kafka": {"/tmp", "/opt/kafka/config", "/opt/kafka/logs", "/var/lib/kafka/data"},
    }


def test_a_scratch_folder_holds_all_that_the_settings_let_in_and_is_within_the_memory() -> None:
    for process in [each for each in PROCESSES if each.scratch]:
        container = CONTAINERS[process.name]
        settings = read_settings(process.settings, compose_environment(container, {}))
        [found] = [re.fullmatch(r"/tmp:mode=1777,size=(\d+)m", each) for each in container["tmpfs"]]
        assert found
        assert int(found[1]) << 20 >= 1.1 * settings.scratch_bytes  # type: ignore[attr-defined]
        # Measured: 125 MB of its own, and at worst 450 MB each for two reading processes.
        memory = int(container["deploy"]["resources"]["limits"]["memory"].removesuffix("M"))
        assert int(found[1]) + 125 + 2 * 450 <= memory


def test_volumes_are_declared_and_no_file_of_the_checkout_is_mounted() -> None:
    """A file that its owner keeps to himself (umask 077) is one that no container's user can read."""
    named = {source for name in CONTAINERS for source, _ in volumes(name)}
    assert named == set(COMPOSE["volumes"])
    assert not any("/" in source for source in named)


def test_ports_are_open_to_this_machine_alone_and_can_be_moved() -> None:
    published = {name: each["ports"] for name, each in CONTAINERS.items() if "ports" in each}
    ports = {"postgres": 5432, "mongo": 27017, "kafka": 29092}  # as tests/support/compose.py asks for them
    ports |= {"gateway": 8080}  # api's address to people and programs
    ports |= {"prometheus": 9090, "grafana": 3000, "jaeger": 16686}
    assert set(published) == set(ports)
    for name, inside in ports.items():
        variable = f"LEADFLOW_COMPOSE_{'API' if name == 'gateway' else name.upper()}_PORT"
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
