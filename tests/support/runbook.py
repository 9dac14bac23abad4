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
MAY_SAY_NO = "make -s status"
"""Ends with another code than 0 to say what it found."""


def sections() -> dict[str, str]:
    """Return the text below each heading of the runbook's second and third level."""
    text = (ROOT / RUNBOOK).read_text()
    return dict(re.findall(r"^###? (.+?)\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL))


def commands(section: str) -> list[str]:
    """Return a section's commands for the local stack, in their order. A quotation may go over several lines."""
    found: list[str] = []
    for line in re.findall(r"^    (.+)$", sections()[section], re.MULTILINE):
        if found and found[-1].count('"') % 2:
            found[-1] += f"\n{line}"
        else:
            found.append(line)
    return [command for command in found if not command.startswith(KUBERNETES)]


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
