"""``make observe``: Prometheus beside the local stack, with the alerts as they are shipped."""

import json
import os
import shutil
from pathlib import Path

from deploy.local import ports as ports_of
from deploy.local import stack
from deploy.local.instance import CHECKOUT, Instance, StackError, write_atomically
from deploy.local.ports import Ports, is_free
from deploy.local.process_names import service_of
from deploy.processes import SERVICES

RULES = CHECKOUT / "deploy" / "observe" / "rules.yaml"
SCRAPE_SECONDS = 5
FIRST_OFFSET = 90
"""Prometheus takes the first free port from here on in the stack's block: scaled processes take theirs from below."""


def prepare(instance: Instance, ports: Ports, *, rules: Path = RULES) -> tuple[list[str], str]:
    """Write Prometheus' settings for the processes that run now; return how to run it, and its address.

    Raises StackError when there is no Prometheus here, or no port.
    """
    program = shutil.which("prometheus")
    if program is None:
        raise StackError("Prometheus is not installed (Debian: apt-get install prometheus).")
    port = next((ports.base + offset for offset in range(FIRST_OFFSET, 100) if is_free(ports.base + offset)), 0)
    if not port:
        raise StackError("No port left for Prometheus in the stack's block.")
    home = instance.state / "prometheus"
    home.mkdir(exist_ok=True)
    # JSON is YAML, and Prometheus reads it.
    write_atomically(home / "prometheus.yml", json.dumps(configuration(instance, ports, rules), indent=1) + "\n")
    address = f"127.0.0.1:{port}"
    return [
        program,
        f"--config.file={home / 'prometheus.yml'}",
        f"--storage.tsdb.path={home / 'data'}",
        "--storage.tsdb.retention.time=2d",
        f"--web.listen-address={address}",
        "--log.level=warn",
    ], f"http://{address}"


def configuration(instance: Instance, ports: Ports, rules: Path) -> dict[str, object]:
    """Return Prometheus' settings: every process of a service that runs is asked, under its own name."""
    running = [process.name for process in stack.status(instance) if process.state == "running"]
    targets = [
        {"targets": [f"127.0.0.1:{ports[name]}"], "labels": {"process": name}}
        for name in running
        if service_of(name) in SERVICES
    ]
    return {
        "global": {
            "scrape_interval": f"{SCRAPE_SECONDS}s",
            "evaluation_interval": f"{SCRAPE_SECONDS}s",
            "external_labels": {"runbook_base": f"{CHECKOUT}/"},
        },
        "rule_files": [str(rules)],
        "scrape_configs": [{"job_name": "leadflow", "static_configs": targets}],
    }


def run(instance: Instance) -> None:
    """Become Prometheus, until Ctrl-C."""
    instance.require()
    ports = ports_of.load(instance)
    if ports is None:
        raise StackError("Nothing runs: `make up` first.")
    command, address = prepare(instance, ports)
    print(f"Prometheus: {address}, its alerts: {address}/alerts (Ctrl-C ends it)", flush=True)
    os.execv(command[0], command)  # noqa: S606 # nosec B606 # no shell, and the command is ours
