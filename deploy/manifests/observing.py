"""deploy/observe and deploy/k8s/components/observe: what Prometheus watches and Grafana shows, from the tables."""

from typing import Any

import yaml

from deploy.alerts import ALERTS, RECORDINGS, RUNBOOK
from deploy.dashboards import grafana
from deploy.dashboards.all import DASHBOARDS
from deploy.processes import HTTP_PORT, PROCESSES

RULES = "deploy/observe/rules.yaml"
PROMETHEUS = "deploy/observe/prometheus.yaml"
PROMETHEUS_RULE = "deploy/k8s/components/observe/prometheus-rule.yaml"
DASHBOARD_FOLDERS = ("deploy/observe/dashboards", "deploy/k8s/components/observe/dashboards")
"""Twice, as kustomize takes no file from outside of a component's folder."""
HEADER_OF_PROCESSES = "# For the containers of compose. Written by `make manifests` from deploy/processes.py.\n"
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
    boards = {f"{each.uid}.json": grafana.text_of(each) for each in DASHBOARDS}
    shown = {f"{folder}/{name}": text for folder in DASHBOARD_FOLDERS for name, text in boards.items()}
    asked = HEADER_OF_PROCESSES + yaml.safe_dump(among_containers(), sort_keys=False, width=120)
    return {RULES: _text(groups), PROMETHEUS_RULE: _text(rule), PROMETHEUS: asked} | shown


def among_containers() -> dict[str, Any]:
    """Return Prometheus' settings among the containers of compose.

    A name there stands for all containers of its service, also for those that are scaled later.
    """
    return {
        "global": {
            "scrape_interval": "15s",
            "evaluation_interval": "15s",
            "external_labels": {"runbook_base": "${LEADFLOW_COMPOSE_RUNBOOK_BASE}"},
        },
        "rule_files": ["rules.yaml"],
        "scrape_configs": [
            {
                "job_name": process.name,
                # Compose gives the pages of who answers calls no port of their own.
                "dns_sd_configs": [{"names": [process.name], "type": "A", "port": HTTP_PORT}],
            }
            for process in PROCESSES
        ],
    }


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
