"""From a process in the table to what people on call see of it: no step of the way is missing for any process."""

import pytest

from deploy.alerts import ALERTS, BY_NAME, RECORDINGS, names_in
from deploy.dashboards.all import DASHBOARDS
from deploy.manifests.observing import among_containers
from deploy.metrics import METRICS
from deploy.processes import PROCESSES, Process
from tests.support.manifests import build_kustomization, of_kind
from tests.support.runbook import sections

RECORDED = {each.name: names_in(each.expr) for each in RECORDINGS}


def looked_at(alert: str) -> set[str]:
    """Return the metrics that an alert comes of, through recordings too."""
    (expr,) = [each.expr for each in ALERTS if each.name == alert]
    return {name for each in names_in(expr) for name in RECORDED.get(each, {each})}


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
def test_a_process_is_run_asked_watched_explained_and_shown(process: Process) -> None:
    name = process.name
    assert name in of_kind(build_kustomization("base"), "Deployment")
    assert name in {each["job_name"] for each in among_containers()["scrape_configs"]}
    said = {metric.name for metric in METRICS if name in metric.processes}
    assert said
    calling = {alert.name for alert in ALERTS if looked_at(alert.name) & said}
    # Whatever a process does: its servers, its pool, its certificates, its disk.
    assert {"ServiceGone", "ServerFails", "PoolExhausted", "CertificateEnds", "DiskNearlyFull"} <= calling
    assert f'service="{name}"' in BY_NAME["ServiceGone"].expr
    if process.kind == "consumer":
        assert {"StageStandsStill", "KafkaSilent", "LagGrows", "BadDeploy"} <= calling
    else:
        assert "UploadsMissTheirObjective" in calling
    assert calling <= sections().keys()
    assert name in {value for board in DASHBOARDS for chosen in board.chosen for value in chosen.values}
    shown = {alert for board in DASHBOARDS for panel in board.panels for alert in panel.alerts}
    assert calling <= shown
