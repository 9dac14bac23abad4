"""Grafana's JSON of a dashboard, made by Grafana's own kit."""

import json

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import prometheus, stat, table, text, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from grafana_foundation_sdk.models.text import TextMode

from deploy.alerts import BY_NAME as ALERTS
from deploy.alerts import RUNBOOK
from deploy.dashboards.panels import GRAFANA_UNITS, Chosen, Dashboard, Panel

TAG = "leadflow"
METRICS = dashboard.DataSourceRef(type_val="prometheus", uid="${metrics}")
TRACES = dashboard.DataSourceRef(type_val="jaeger", uid="${traces}")
DOCS = "${docs}"
"""Where the documents are read, with a slash at its end: what Prometheus has as ``runbook_base``."""

WIDTH, HEIGHT = 6, 7
"""Four beside each other, of the 24 columns of a dashboard."""
YELLOW, RED, GREEN = "#EAB839", "red", "green"


def text_of(board: Dashboard) -> str:
    """Return the dashboard as a file that Grafana reads."""
    made = json.dumps(_built(board), cls=JSONEncoder, indent=1, ensure_ascii=False, sort_keys=True)
    return f"{made}\n"


def _built(board: Dashboard) -> dashboard.Dashboard:
    builder = (
        builders.Dashboard(board.title)
        .uid(board.uid)
        .tags([TAG])
        .timezone("utc")
        .readonly()
        .refresh("30s")
        .time(board.since, "now")
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .link(
            builders.DashboardLink("Dashboards")
            .type(dashboard.DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .keep_time(True)
        )
        .link(_link("Runbook", f"{DOCS}{RUNBOOK}"))
        .link(_link("Alerts", "/alerting/list"))
        .with_variable(_source("metrics", "Metrics", "prometheus"))
        .with_variable(_docs())
    )
    if board.traces:
        builder = builder.with_variable(_source("traces", "Traces", "jaeger"))
    for chosen in board.chosen:
        builder = builder.with_variable(_variable(chosen))
    builder = builder.with_panel(text.Panel().mode(TextMode.MARKDOWN).content(board.says).span(24).height(3))
    for row in board.rows:
        builder = builder.with_row(builders.Row(row.asks))
        for panel in row.panels:
            builder = builder.with_panel(_panel(panel))
    if board.traces:
        builder = builder.with_row(builders.Row("Its trace")).with_panel(_found_traces(board.traces))
    made = builder.build()
    for number, each in enumerate(made.panels or [], start=1):
        each.id_val = number
    return made


def _panel(panel: Panel) -> Builder[dashboard.Panel]:
    builder: stat.Panel | table.Panel | timeseries.Panel
    if panel.kind == "number":
        # The newest number, and nothing else: a line of an hour ago is for the panels below.
        newest = common_builders.ReduceDataOptions().calcs(["lastNotNull"])
        builder = stat.Panel().reduce_options(newest).graph_mode(common.BigValueGraphMode.AREA).span(WIDTH)
    elif panel.kind == "list":
        builder = table.Panel().span(WIDTH)
    else:
        legend = (
            common_builders.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        builder = timeseries.Panel().legend(legend).axis_label(_axis(panel)).fill_opacity(8).min(0).span(WIDTH)
    builder = builder.title(panel.title).description(_description(panel)).datasource(METRICS).height(HEIGHT)
    builder = builder.unit(_unit(panel)).no_value(panel.when_empty or "no number: is Prometheus reached?")
    for number, query in enumerate(panel.queries):
        target = prometheus.Dataquery().expr(query.expr).legend_format(query.legend).ref_id(chr(ord("A") + number))
        # A list shows what is so now; all others what was so when.
        target = target.instant().format(PromQueryFormat.TABLE) if panel.kind == "list" else target.range()
        builder = builder.with_target(target)
    if panel.steps:
        builder = builder.thresholds(_thresholds(*panel.steps))
        if panel.kind == "number":
            colour = builders.FieldColor().mode(dashboard.FieldColorModeId.THRESHOLDS)
            builder = builder.color_scheme(colour)
    links: list[Builder[dashboard.DashboardLink]] = [
        _link(f"Runbook: {name}", f"{DOCS}{RUNBOOK}#{ALERTS[name].anchor}") for name in panel.alerts
    ]
    return builder.links(links) if links else builder


def _description(panel: Panel) -> str:
    """Return what a panel says of itself; its alerts by name, which the runbook is sorted by."""
    return f"{panel.says} Alerts: {', '.join(panel.alerts)}." if panel.alerts else panel.says


def _unit(panel: Panel) -> str:
    if panel.unit in GRAFANA_UNITS:
        return panel.unit
    return f"suffix: {panel.unit}" if panel.unit.endswith("/s") else "short"


def _axis(panel: Panel) -> str:
    return GRAFANA_UNITS.get(panel.unit, panel.unit)


def _thresholds(yellow: float, red: float) -> builders.ThresholdsConfig:
    less_is_worse = yellow > red
    first, second = (RED, GREEN) if less_is_worse else (GREEN, RED)
    steps = [
        dashboard.Threshold(value=None, color=first),
        dashboard.Threshold(value=min(yellow, red), color=YELLOW),
        dashboard.Threshold(value=max(yellow, red), color=second),
    ]
    return builders.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(steps)


def _link(title: str, url: str) -> builders.DashboardLink:
    return builders.DashboardLink(title).type(dashboard.DashboardLinkType.LINK).url(url).target_blank(True)


def _source(name: str, label: str, kind: str) -> Builder[dashboard.VariableModel]:
    return builders.DatasourceVariable(name).label(label).type(kind)


def _docs() -> Builder[dashboard.VariableModel]:
    nowhere = dashboard.VariableOption(text="", value="")
    return (
        builders.TextBoxVariable("docs")
        .label("Documents at")
        .description("Where these documents are read, with a slash at its end; links to the runbook begin with it.")
        .default_value("")
        .current(nowhere)
    )


def _variable(chosen: Chosen) -> Builder[dashboard.VariableModel]:
    if not chosen.values:
        return builders.TextBoxVariable(chosen.name).label(chosen.label).default_value("")
    return (
        builders.CustomVariable(chosen.name)
        .label(chosen.label)
        .values(",".join(chosen.values))
        .current(dashboard.VariableOption(selected=True, text=chosen.values[0], value=chosen.values[0]))
    )


class _JaegerSearch(Dataquery, Builder[Dataquery]):
    """A search among traces. Grafana's kit knows no Jaeger."""

    def __init__(self, tags: str) -> None:
        self._tags = tags

    def to_json(self) -> dict[str, object]:
        return {
            "datasource": TRACES,
            "limit": 20,
            "queryType": "search",
            "refId": "A",
            "service": "leadflow-api",
            "tags": self._tags,
        }

    def build(self) -> Dataquery:
        return self


def _found_traces(tags: str) -> Builder[dashboard.Panel]:
    return (
        table.Panel()
        .title("Traces of its upload")
        .description("Each leads to all that followed, through every topic, to the finished event.")
        .datasource(TRACES)
        .with_target(_JaegerSearch(tags))
        .no_value("no trace: is a collector set (LEADFLOW_OTLP_ENDPOINT)?")
        .span(24)
        .height(HEIGHT)
    )
