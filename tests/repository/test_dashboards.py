"""Each panel asks for metrics and labels that there are, says its unit and leads to the runbook; none is missing."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.alerts import BY_NAME as ALERTS_BY_NAME
from deploy.alerts import RECORDINGS, RUNBOOK, names_in
from deploy.dashboards.all import DASHBOARDS
from deploy.dashboards.panels import Dashboard, Panel
from deploy.metrics import BY_NAME, METRICS
from tests.support.dashboards import asked, queries_in, shipped
from tests.support.promtool import needs_promtool, promtool

PANELS = [(board, panel) for board in DASHBOARDS for panel in board.panels]
RECORDED = {each.name for each in RECORDINGS}
OF_PROMETHEUS = {"ALERTS": {"alertname", "alertstate", "severity"}}
"""What Prometheus itself says of alerts that fire."""

each_panel = pytest.mark.parametrize(
    ("board", "panel"), PANELS, ids=[f"{board.uid}-{panel.title}" for board, panel in PANELS]
)


def labels_of(name: str) -> set[str]:
    """Return the labels that a query may name of this metric, a histogram's bucket bound among them."""
    if name in RECORDED:
        return set()
    own = OF_PROMETHEUS.get(name) or {*BY_NAME[name].labels}
    return own | ({"le"} if name in BY_NAME and BY_NAME[name].kind == "histogram" else set())


def named(expr: str) -> dict[str, set[str]]:
    """Return the metrics of a query, each with the labels that its braces name."""
    found: dict[str, set[str]] = {name: set() for name in names_in(expr)}
    for name, braces in re.findall(r"\b(leadflow[_:][a-z0-9_:]+|ALERTS)\{([^}]*)\}", expr):
        metric = re.sub(r"_(bucket|sum|count)$", "", name)
        found.setdefault(metric, set()).update(re.findall(r"(\w+)\s*(?:=|!=|=~|!~)\s*\"", braces))
    return found


def grouped_by(expr: str) -> set[str]:
    """Return the labels that a query groups by."""
    return {label.strip() for labels in re.findall(r"\bby \(([^)]*)\)", expr) for label in labels.split(",")}


@each_panel
def test_a_panel_asks_for_metrics_and_labels_of_the_table_alone(board: Dashboard, panel: Panel) -> None:
    for query in panel.queries:
        metrics = named(query.expr)
        assert metrics, f"{query.expr} names no metric"
        assert metrics.keys() <= BY_NAME.keys() | RECORDED | OF_PROMETHEUS.keys()
        for name, labels in metrics.items():
            assert labels <= labels_of(name), f"{name} has no label {labels - labels_of(name)}"
        all_labels = set.intersection(*(labels_of(name) for name in metrics))
        assert grouped_by(query.expr) <= all_labels, query.expr
        assert set(re.findall(r"\{\{(\w+)\}\}", query.legend)) <= grouped_by(query.expr), "a legend names no label"
        assert set(re.findall(r"\$(?!__)(\w+)", query.expr)) <= {each.name for each in board.chosen}


@pytest.mark.parametrize(
    "expr",
    [
        "max(leadflow_no_such_metric)",
        'max(leadflow_consumer_lag{servise="api"})',
        "sum by (company) (leadflow_consumer_lag)",
    ],
)
def test_a_panel_that_asks_for_something_else_is_noticed(expr: str) -> None:
    """A name, a label in braces, a label that is grouped by: each is looked at."""
    metrics = named(expr)
    unknown = metrics.keys() - BY_NAME.keys()
    known = metrics.keys() & BY_NAME.keys()
    strange = {label for name in known for label in (metrics[name] | grouped_by(expr)) - labels_of(name)}
    assert unknown or strange


@each_panel
def test_a_histogram_is_asked_by_its_buckets_and_a_counter_by_its_pace(board: Dashboard, panel: Panel) -> None:
    for query in panel.queries:
        for name in names_in(query.expr) - RECORDED:
            if BY_NAME[name].kind != "gauge":
                assert re.search(rf"(rate|increase)\({name}(_bucket|_sum|_count)?[{{\[]", query.expr), query.expr


@each_panel
def test_a_panel_says_what_it_shows_and_in_which_unit(board: Dashboard, panel: Panel) -> None:
    assert panel.says.endswith((".", "?"))
    assert panel.unit
    seconds = any(BY_NAME[n].unit == "seconds" for q in panel.queries for n in names_in(q.expr) - RECORDED)
    counted = any("_count" in query.expr or "count(" in query.expr for query in panel.queries)
    if seconds and not counted:
        assert panel.unit in {"s", "dtdurations"}


@needs_promtool
def test_prometheus_reads_every_query(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": each.expr} for number, each in enumerate(asked())]
    path = tmp_path / "panels.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    found = promtool("check", "rules", "--lint=none", str(path))
    assert found.returncode == 0, found.stderr


def test_every_alert_has_a_panel_that_shows_what_it_comes_of() -> None:
    shown = {name for _, panel in PANELS for name in panel.alerts}
    assert shown == ALERTS_BY_NAME.keys()


@each_panel
def test_a_panel_shows_what_its_alerts_look_at(board: Dashboard, panel: Panel) -> None:
    recorded = {each.name: names_in(each.expr) for each in RECORDINGS}
    shown = {name for query in panel.queries for name in names_in(query.expr)}
    for alert in panel.alerts:
        looked_at = names_in(ALERTS_BY_NAME[alert].expr)
        looked_at |= {name for each in looked_at for name in recorded.get(each, ())}
        related = {name for each in shown for name in (each, *recorded.get(each, ()))}
        assert (related & looked_at) or alert in NEAR.get(panel.title, ()), alert


NEAR = {
    "Oldest import in progress": ("ImportStuck", "NobodyCounts"),
    "Chunks and events that relays published": ("OutboxOld",),
    "What its relay published, and what failed": ("OutboxOld",),
    "How long reading a file takes": ("UploadsMissTheirObjective",),
    "Imports by status": ("DeadLetters",),
    "Messages given up on": ("BadDeploy", "DeadLetters"),
}
"""Panels that show the reason, and not the number that the alert looks at."""


def test_every_metric_is_on_a_dashboard() -> None:
    shown = {name for each in asked() for name in names_in(each.expr)}
    recorded = {name for each in RECORDINGS if each.name in shown for name in names_in(each.expr)}
    assert {metric.name for metric in METRICS} - shown - recorded == set()


@pytest.fixture(scope="module")
def files() -> dict[str, dict[str, Any]]:
    return shipped()


def test_the_files_hold_the_panels(files: dict[str, dict[str, Any]]) -> None:
    assert files.keys() == {board.uid for board in DASHBOARDS}
    for board in DASHBOARDS:
        found = [(panel["title"], target["expr"]) for panel, target in queries_in(files[board.uid])]
        assert found == [(panel.title, query.expr) for panel in board.panels for query in panel.queries]


def test_each_dashboard_leads_to_the_runbook_the_alerts_and_the_others(files: dict[str, dict[str, Any]]) -> None:
    for file in files.values():
        links = {link["title"]: link for link in file["links"]}
        assert links["Runbook"]["url"] == f"${{docs}}{RUNBOOK}"
        assert links["Alerts"]["url"] == "/alerting/list"
        assert set(links["Dashboards"]["tags"]) <= set(file["tags"])
        assert {"docs", "metrics"} <= {each["name"] for each in file["templating"]["list"]}


def test_a_panel_leads_to_the_sections_of_its_alerts(files: dict[str, dict[str, Any]]) -> None:
    for board in DASHBOARDS:
        drawn = {each["title"]: each for each in files[board.uid]["panels"] if "title" in each}
        for panel in board.panels:
            urls = [link["url"] for link in drawn[panel.title].get("links", [])]
            assert urls == [f"${{docs}}{RUNBOOK}#{name.lower()}" for name in panel.alerts]


def test_an_axis_has_its_unit(files: dict[str, dict[str, Any]]) -> None:
    for file in files.values():
        for panel, _ in queries_in(file):
            settings = panel["fieldConfig"]["defaults"]
            assert settings["unit"]
            if panel["type"] == "timeseries":
                assert settings["custom"]["axisLabel"]


def test_panels_lie_beside_each_other_and_none_on_another(files: dict[str, dict[str, Any]]) -> None:
    for file in files.values():
        taken: set[tuple[int, int]] = set()
        for panel in file["panels"]:
            at = panel["gridPos"]
            own = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            assert not taken & own, panel["title"]
            assert at["x"] + at["w"] <= 24
            taken |= own
        ids = [panel["id"] for panel in file["panels"]]
        assert len(set(ids)) == len(ids)


def test_the_overview_asks_the_four_questions_first() -> None:
    overview, *_ = DASHBOARDS
    assert [row.asks for row in overview.rows] == [
        "Is anything stuck?", "What is late?", "What fails?", "Is it us or a server?",
    ]  # fmt: skip


def test_a_panel_that_may_be_empty_says_what_that_means(files: dict[str, dict[str, Any]]) -> None:
    for board in DASHBOARDS:
        drawn = {each["title"]: each for each in files[board.uid]["panels"] if "title" in each}
        for panel in board.panels:
            said = drawn[panel.title]["fieldConfig"]["defaults"]["noValue"]
            assert said == (panel.when_empty or "no number: is Prometheus reached?")
