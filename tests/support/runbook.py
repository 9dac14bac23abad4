"""The runbook as somebody on call has it: sections with commands, which are run as they stand there."""

import os
import re
import subprocess
import sys
from pathlib import Path

from deploy.alerts import RUNBOOK
from deploy.local.postgres import BINARIES
from tests.support.stack import ROOT, local_addresses, local_environment

KUBERNETES = "kubectl"
PID = "PID"
"""A person puts in the number of the session that the command before showed."""
MAY_SAY_NO = "make -s status"
"""Ends with another code than 0 to say what it found."""


def sections() -> dict[str, str]:
    """Return the text below each heading of the runbook's second and third level."""
    text = (ROOT / RUNBOOK).read_text()
    return dict(re.findall(r"^###? (.+?)\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL))


def of_alerts() -> dict[str, str]:
    """Return the sections of the chapter on alerts, in their order."""
    chapter = (ROOT / RUNBOOK).read_text().partition("\n## When an alert comes\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"^### (\w+)\n(.*?)(?=^### |\Z)", chapter, re.MULTILINE | re.DOTALL))


def queries(section: str) -> list[str]:
    """Return what a section has people ask Prometheus: what stands in backticks and works something out."""
    quoted = (" ".join(each.split()) for each in re.findall(r"`([^`]+)`", section))
    return [each for each in quoted if re.match(r"(sum|max|min)\b", each)]


def commands(section: str) -> list[str]:
    """Return a section's commands for the local stack, in their order. A quotation may go over several lines."""
    found: list[str] = []
    for line in re.findall(r"^    (.+)$", sections()[section], re.MULTILINE):
        if found and found[-1].count('"') % 2:
            found[-1] += f"\n{line}"
        else:
            found.append(line)
    return [command for command in found if not command.startswith(KUBERNETES)]


def cluster_commands(section: str) -> list[str]:
    """Return a section's lines for a cluster, in their order."""
    return re.findall(rf"^    ({KUBERNETES} .+)$", sections()[section], re.MULTILINE)


def statements(section: str) -> list[str]:
    """Return the SQL that a section has people run, in its order."""
    asked = [command for command in commands(section) if command.startswith("psql ")]
    return [statement for command in asked for statement in re.findall(r'-c "([^"]*)"', command)]


def with_pid(command: str, said: str) -> str:
    """Put the number on top of a table of sessions, which a command printed, in for ``PID``."""
    if PID not in command:
        return command
    on_top = re.search(r"^ *(\d+) \|", said, re.MULTILINE)
    assert on_top, f"nobody to end: {said}"
    return command.replace(PID, on_top[1])


def run(command: str, *, instance: str, **variables: str) -> str:
    """Run one command as somebody on call would, in the checkout, beside this stack; return what it printed."""
    addresses = local_addresses(instance)
    environment = local_environment(instance) | {
        "LEADFLOW_POSTGRES_URL": addresses.postgres_url,
        "LEADFLOW_MONGO_URL": addresses.mongo_url,
        "LEADFLOW_KAFKA_BOOTSTRAP": addresses.kafka_bootstrap,
        "PATH": f"{Path(sys.executable).parent}:{BINARIES}:{os.environ['PATH']}",
        **variables,
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0 or command.startswith(MAY_SAY_NO), f"{command}: {done.stdout}{done.stderr}"
    return done.stdout
