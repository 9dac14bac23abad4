"""deploy/observe/rules.yaml and deploy/k8s/components/observe: what Prometheus watches, from the tables."""

from typing import Any

import yaml

from deploy.alerts import ALERTS, RECORDINGS, RUNBOOK

RULES = "deploy/observe/rules.yaml"
PROMETHEUS_RULE = "deploy/k8s/components/observe/prometheus-rule.yaml"
HEADER = "# Written by `make manifests` from deploy/alerts.py.\n"
RUNBOOK_BASE = "{{ $externalLabels.runbook_base }}"
"""Where the documents are read: Prometheus' external label ``runbook_base``, with a slash at its end. Without it the
link is the path in the checkout."""


def files() -> dict[str, str]:
    """Return the text of each file by its path in the checkout."""
    groups = rule_groups()
    rule = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "leadflow"},
        "spec": groups,
    }
    return {RULES: _text(groups), PROMETHEUS_RULE: _text(rule)}


def rule_groups() -> dict[str, Any]:
    """Return recordings and alerts as Prometheus reads them."""
    recordings = [{"record": each.name, "expr": each.expr} for each in RECORDINGS]
    alerts = [
        {
            "alert": each.name,
            "expr": each.expr,
            "for": each.lasting,
            "labels": {"severity": each.severity},
            "annotations": {"summary": each.says, "runbook_url": f"{RUNBOOK_BASE}{RUNBOOK}#{each.anchor}"},
        }
        for each in ALERTS
    ]
    return {
        "groups": [
            {"name": "leadflow-objectives", "interval": "30s", "rules": recordings},
            {"name": "leadflow-alerts", "interval": "30s", "rules": alerts},
        ]
    }


def _text(document: dict[str, Any]) -> str:
    return HEADER + yaml.safe_dump(document, sort_keys=False, width=120)
