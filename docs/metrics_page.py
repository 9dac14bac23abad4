"""The table of metrics as a page's block."""

from deploy.metrics import ALL, CALLED, CONSUMERS, METRICS, Metric

_TOGETHER = {ALL: "every process", CONSUMERS: "every consumer", CALLED: "who answers calls"}


def metrics_table() -> str:
    """Return the table: name with its labels, kind, unit, who says it, what for."""
    lines = ["| metric | kind | unit | said by | what it says |", "| --- | --- | --- | --- | --- |"]
    lines += [_line(metric) for metric in METRICS]
    return "\n".join(lines)


def _line(metric: Metric) -> str:
    labels = f"{{{', '.join(metric.labels)}}}" if metric.labels else ""
    who = _TOGETHER.get(metric.processes) or ", ".join(metric.processes)
    common = ". All say the same: take the greatest" if metric.common else ""
    return f"| `{metric.name}{labels}` | {metric.kind} | {metric.unit} | {who} | {metric.why}{common} |"
