"""The table of alerts: what somebody is called for, how soon, and where it says what to do.

``make manifests`` writes them as rules for Prometheus and for its operator on Kubernetes. Each has a section in
docs/guide/runbook.md and a test that sees it fire and stay quiet.
"""

import re
from dataclasses import dataclass
from typing import Literal

from deploy.metrics import CONSUMERS
from deploy.processes import PROCESSES
from libs.imports.chunk_path import PIPELINE

Severity = Literal["page", "ticket"]
"""``page``: somebody is called now. ``ticket``: somebody looks within a working day."""

RUNBOOK = "docs/guide/runbook.md"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. ``expr`` is PromQL over metrics of the table alone (``deploy/metrics.py``)."""

    name: str
    expr: str
    lasting: str
    """For how long it must be so: ``5m``."""
    severity: Severity
    says: str
    """One line for a telephone, with labels as ``{{ $labels.service }}``."""

    @property
    def anchor(self) -> str:
        """Its section of the runbook, as Markdown names it: ``ImportStuck`` is ``importstuck``."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Recording:
    """A ratio that several alerts and panels share, worked out once."""

    name: str
    expr: str


WINDOWS = ("5m", "30m", "1h", "6h")


@dataclass(frozen=True, slots=True)
class _Objective:
    """A share of events that must be good, as a histogram counts them: ended well within so many seconds."""

    what: str
    histogram: str
    counted: str
    """Labels of those that count."""
    good: str
    """Labels of the good ones among them, beside their bucket."""
    seconds: float
    share: float

    def missed(self, window: str) -> str:
        """Return how many of all missed it in the window; without any there is no number."""
        bucket = f'{{{self.counted},le="{self.seconds:.1f}"{self.good}}}'
        good = f"sum(rate({self.histogram}_bucket{bucket}[{window}]))"
        count = f"sum(rate({self.histogram}_count{{{self.counted}}}[{window}]))"
        return f"1 - ({good} or vector(0)) / ({count} > 0)"

    def recordings(self) -> tuple[Recording, ...]:
        return tuple(Recording(self._recorded(window), self.missed(window)) for window in WINDOWS)

    def alerts(self, name: str, says: str) -> tuple[Alert, Alert]:
        """Return a page and a ticket: the budget of a month would last two days, or five.

        Two windows each, as in the SRE Workbook (chapter 5): the long one says that it matters, the short one that it
        goes on.
        """
        return (
            Alert(name, self._burning(14.4, "1h", "5m"), "2m", "page", says),
            Alert(f"{name}Slowly", self._burning(6, "6h", "30m"), "15m", "ticket", says),
        )

    def _recorded(self, window: str) -> str:
        return f"leadflow:{self.what}_missed:ratio_{window}"

    def _burning(self, times: float, long: str, short: str) -> str:
        limit = f"{times * (1 - self.share):.6g}"
        return f"{self._recorded(long)} > {limit} and {self._recorded(short)} > {limit}"


# What docs/guide/objectives.md promises.
_UPLOADS = _Objective(
    "uploads",
    "leadflow_http_request_seconds",
    counted='route="/import",method="POST"',
    good=',status!~"5..|none"',
    seconds=1,
    share=0.999,
)
_IMPORTS = _Objective("imports", "leadflow_import_seconds", counted='size="usual"', good="", seconds=30, share=0.99)

# Of the import's letters PostgreSQL knows which are repaired. Of other owners' nobody keeps a record: that there were
# new ones is all that can be said.
_OTHERS = "|".join(name for name in CONSUMERS if name not in PIPELINE)

RECORDINGS = (*_UPLOADS.recordings(), *_IMPORTS.recordings())
"""How many uploads and imports missed their objective, of all in the window."""

ALERTS = (
    Alert(
        "ImportStuck",
        "max(leadflow_import_age_seconds) > 900"
        # Not "and … == 0": a finalizer that has ended no row yet has no such number.
        ' unless sum(increase(leadflow_rows_total{service="finalizer"}[10m])) > 0',
        "1m", "page", "An import is {{ $value | humanizeDuration }} old, and no row of any has ended for ten minutes",
    ),
    Alert(
        "StageStandsStill",
        "max by (service, topic) (leadflow_progress_age_seconds) > 300",
        "1m", "page",
        "{{ $labels.service }} has committed nothing of {{ $labels.topic }} for {{ $value | humanizeDuration }}",
    ),
    Alert(
        "LagGrows",
        "sum by (service, topic) (leadflow_consumer_lag) > 100"
        " and sum by (service, topic) (deriv(leadflow_consumer_lag[15m])) > 0",
        "15m", "ticket", "{{ $labels.service }} is {{ $value | humanize }} messages behind in {{ $labels.topic }}",
    ),
    Alert(
        "OutboxOld",
        "max(leadflow_outbox_age_seconds) > 60",
        "2m", "page", "An accepted event has waited {{ $value | humanizeDuration }} for a relay",
    ),
    Alert(
        "NobodyCounts",
        "absent(leadflow_import_age_seconds >= 0)",
        "5m", "page", "No finalizer says how old the oldest import is: none runs, or none reaches PostgreSQL",
    ),
    Alert(
        "ServiceGone",
        # Of what says nothing no other alert can speak: what it would look at is gone with it.
        " or ".join(f'absent(leadflow_pool_size_connections{{service="{each.name}"}})' for each in PROCESSES),
        "5m", "page", "No process of {{ $labels.service }} answers Prometheus: none runs, or none can",
    ),
    Alert(
        "ServerFails",
        "max by (service, what) (leadflow_failing_seconds) > 120",
        "1m", "page", "{{ $labels.service }}: {{ $labels.what }} has failed for {{ $value | humanizeDuration }}",
    ),
    Alert(
        "KafkaSilent",
        "max by (service, topic) (leadflow_kafka_silence_seconds) > 60",
        "1m", "page", "Kafka says nothing to {{ $labels.service }} about {{ $labels.topic }}",
    ),
    Alert(
        "BadDeploy",
        "sum by (service) (increase(leadflow_dead_letters_total[5m])) >= 20"
        # A process that meets nothing but bad messages ends within seconds, and its counter with it.
        " or max by (service) (max_over_time(leadflow_bad_messages_in_a_row[5m])) >= 20",
        "0s", "page", '{{ $labels.service }} gave up on {{ $value | printf "%.0f" }} messages in five minutes: a'
        " wrong version, or wrong data",
    ),
    Alert(
        "DeadLetters",
        "max(leadflow_open_dead_letters) > 0"
        f' or sum by (service) (increase(leadflow_dead_letters_total{{service=~"{_OTHERS}"}}[6h])) > 0',
        "10m", "ticket",
        "{{ if $labels.service }}{{ $labels.service }} gave up on {{ $value | humanize }} messages within six hours"
        "{{ else }}{{ $value }} chunks ended in the dead letter and are not repaired{{ end }}",
    ),
    Alert(
        "PersonalDataOverdue",
        "max(leadflow_retention_overdue_seconds) > 86400",
        "1h", "ticket", "Rows of people should have been deleted {{ $value | humanizeDuration }} ago, and are not",
    ),
    *_UPLOADS.alerts(
        "UploadsMissTheirObjective", "{{ $value | humanizePercentage }} of uploads fail or take longer than a second"
    ),
    *_IMPORTS.alerts(
        "ImportsMissTheirObjective", "{{ $value | humanizePercentage }} of usual imports take longer than 30 seconds"
    ),
    Alert(
        "PoolExhausted",
        "max by (service) (leadflow_pool_used_connections / leadflow_pool_size_connections) >= 1",
        "5m", "ticket", "{{ $labels.service }} uses all connections that its pool may have",
    ),
    Alert(
        "ProviderFails",
        'sum(rate(leadflow_provider_call_seconds_count{outcome=~"provider|phone"}[10m]))'
        " / (sum(rate(leadflow_provider_call_seconds_count[10m])) > 0) > 0.2",
        "10m", "ticket", "{{ $value | humanizePercentage }} of calls to the WhatsApp provider fail",
    ),
    Alert(
        "CertificateEnds",
        "min by (service, setting) (leadflow_certificate_end_timestamp_seconds) - time() < 14 * 86400",
        "1h", "ticket", "The certificate of {{ $labels.setting }} of {{ $labels.service }} ends in"
        " {{ $value | humanizeDuration }}",
    ),
    Alert(
        "DiskNearlyFull",
        "min by (service) (leadflow_scratch_free_ratio) < 0.1",
        "10m", "ticket", "{{ $value | humanizePercentage }} of the disk for temporary files of {{ $labels.service }} is"
        " free",
    ),
    Alert(
        "SequenceNearlyUsedUp",
        "max by (sequence) (leadflow_sequence_used_ratio) > 0.8",
        "1h", "ticket", "{{ $value | humanizePercentage }} of the numbers of {{ $labels.sequence }} are used up",
    ),
)  # fmt: skip

BY_NAME = {alert.name: alert for alert in ALERTS}

_NAME = re.compile(r"\bleadflow[_:][a-z0-9_:]+")


def names_in(expr: str) -> set[str]:
    """Return the names of metrics and recordings in a query, a histogram by its own name."""
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in _NAME.findall(expr)}
