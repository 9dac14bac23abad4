"""Prometheus' own tool, which checks rules and runs them over series of a test."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.support.machine import needs
from tests.support.stack import ROOT

PROGRAM = shutil.which("promtool")
needs_promtool = needs(PROGRAM, "promtool (Debian: prometheus)")
RULES = ROOT / "deploy" / "observe" / "rules.yaml"


def promtool(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([str(PROGRAM), *arguments], capture_output=True, text=True, check=False, timeout=60)


def firing(folder: Path, series: dict[str, str], *, minutes: int, alert: str, expected: int) -> str:
    """Run the rules over series, a value a minute; return what differs from so many firing alerts of this name.

    ``series`` are in promtool's notation: ``{'metric{label="x"}': "0+1x60"}``.
    """
    samples = [{"labels": "{}", "value": expected}] if expected else []
    case: dict[str, Any] = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": [
                    {
                        "expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}})',
                        "eval_time": f"{minutes}m",
                        "exp_samples": samples,
                    }
                ],
            }
        ],
    }
    path = folder / "case.yaml"
    path.write_text(yaml.safe_dump(case))
    found = promtool("test", "rules", str(path))
    return "" if found.returncode == 0 else found.stdout + found.stderr
