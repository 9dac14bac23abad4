"""The table of our metrics: what each counts, in which unit, by which labels, and what somebody learns from it.

Alerts, dashboards and docs/reference/metrics.md name no other metric, and a test holds the table to what the processes
say. Labels have few values, whatever callers send, and none is a person's or a company's.
"""

from dataclasses import dataclass
from typing import Literal

from deploy.processes import PROCESSES

Kind = Literal["counter", "gauge", "histogram"]

ALL = tuple(process.name for process in PROCESSES)
CONSUMERS = tuple(process.name for process in PROCESSES if process.kind == "consumer")
SPEAK = tuple(name for name in ALL if name != "leads")
"""Who speaks to Kafka by itself. What leads says goes by the outbox alone."""
CALLED = tuple(process.name for process in PROCESSES if process.kind == "http")
RELAYS = ("api", "finalizer")
STAGES = ("api", "dedup", "tagger", "creator", "finalizer")


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric, as it is named in a query: a counter with its ``_total``, a histogram without ``_bucket``."""

    name: str
    kind: Kind
    unit: str
    labels: tuple[str, ...]
    processes: tuple[str, ...]
    """Who says it."""
    why: str
    """What it counts, and what somebody learns from it. What is not obvious about reading it, too."""
    common: bool = False
    """Each of its processes says the same, of all of them: take the greatest, not the sum."""


FAILING = (
    "PostgreSQL", "MongoDB", "Kafka", "relay", "watchdog", "overview", "canceler", "retention", "forgetting", "reading",
)  # fmt: skip
"""The values of ``what`` in ``leadflow_failing_seconds``: servers while a process starts, its work beside messages.

What each means, and where to look, is in the runbook's section on ServerFails.
"""

_BROKER = ("app_name", "broker")

METRICS = (
    # The work
    Metric(
        "leadflow_rows_total", "counter", "rows", ("service", "outcome"), STAGES,
        "how many rows pass each stage, and how they stand after it; what is handled twice counts twice",
    ),
    Metric(
        "leadflow_imports_ended_total", "counter", "imports", ("status",), ("finalizer",),
        "how imports end; one that is repaired ends again",
    ),
    Metric(
        "leadflow_import_seconds", "histogram", "seconds", ("size",), ("finalizer",),
        "how long imports last, from acceptance to end: `usual` (5,000 rows at most) or `large`",
    ),
    Metric(
        "leadflow_imports_in_progress", "gauge", "imports", (), ("finalizer",),
        "imports that are not finished, of all companies", common=True,
    ),
    Metric(
        "leadflow_import_age_seconds", "gauge", "seconds", (), ("finalizer",),
        "how long the oldest of them has lasted: no import is stuck while this is small", common=True,
    ),
    Metric(
        "leadflow_chunks_waiting", "gauge", "chunks", ("service",), ("finalizer",),
        "chunks that are neither sent nor in a relay's hands: what their windows hold back while imports run; it grows"
        " for good when no relay works. No number while PostgreSQL does not answer", common=True,
    ),
    Metric(
        "leadflow_chunks_resent_total", "counter", "chunks", ("service",), ("finalizer",),
        "chunks that fell silent and were sent again: rare, after a message or its offset was lost",
    ),
    Metric(
        "leadflow_open_dead_letters", "gauge", "chunks", (), ("finalizer",),
        "chunks whose rows ended as errors in the dead letter and are not repaired", common=True,
    ),
    Metric(
        "leadflow_rows_emptied_total", "counter", "rows", (), ("finalizer",),
        "rows of ended imports that were deleted because their time was over (`LEADFLOW_RETENTION_DAYS`)",
    ),
    Metric(
        "leadflow_retention_overdue_seconds", "gauge", "seconds", (), ("finalizer",),
        "for how long the oldest import that should be empty has been due: personal data is kept for longer than"
        " promised while it grows", common=True,
    ),
    # Messages
    Metric(
        "leadflow_consumer_lag", "gauge", "messages", ("service", "topic"), CONSUMERS,
        "messages of the process' partitions that its group has not committed, those in hand included, asked of Kafka"
        " every five seconds; the sum over a service's processes is its group's lag",
    ),
    Metric(
        "leadflow_progress_age_seconds", "gauge", "seconds", ("service", "topic"), CONSUMERS,
        "for how long messages have waited and none was committed; 0 while it gets on, or nothing waits",
    ),
    Metric(
        "leadflow_kafka_silence_seconds", "gauge", "seconds", ("service", "topic"), SPEAK,
        "since when Kafka has said nothing about a topic to one of the process' consumers. An idle topic is answered"
        " ten times a second: a right to read that was taken away, or a network that is cut, is seen here",
    ),
    Metric(
        "leadflow_retries_total", "counter", "attempts", ("service", "topic", "kind"), CONSUMERS,
        "attempts that will be made again, by what failed: postgresql, mongodb, kafka, outside (another server, the"
        " network), own (an error of our code)",
    ),
    Metric(
        "leadflow_dead_letters_total", "counter", "messages", ("service", "topic"), CONSUMERS,
        "messages given up on",
    ),
    Metric(
        "leadflow_bad_messages_in_a_row", "gauge", "messages", ("service",), CONSUMERS,
        "messages given up on since one last went well: a process ends after 25, before anybody has seen its counter",
    ),
    Metric(
        "leadflow_outbox_waiting", "gauge", "events", (), ("finalizer",),
        "events that no relay has published yet; 100,000 and more are one", common=True,
    ),
    Metric(
        "leadflow_outbox_age_seconds", "gauge", "seconds", (), ("finalizer",),
        "how old the oldest of them is: seconds at most while one relay works", common=True,
    ),
    Metric(
        "leadflow_outbox_published_total", "counter", "messages", ("service", "kind"), RELAYS,
        "what relays have published, events and chunks",
    ),
    Metric(
        "leadflow_outbox_failed_total", "counter", "attempts", ("service", "kind"), RELAYS,
        "publications that failed and come again",
    ),
    # FastStream's own, with our prefix
    Metric(
        "leadflow_kafka_received_messages_total", "counter", "messages", (*_BROKER, "handler"), SPEAK,
        "messages that were read, by topic (`handler`)",
    ),
    Metric(
        "leadflow_kafka_received_messages_size_bytes", "histogram", "bytes", (*_BROKER, "handler"), SPEAK,
        "how large they are: above 1 MiB nothing passes",
    ),
    Metric(
        "leadflow_kafka_received_messages_in_process", "gauge", "messages", (*_BROKER, "handler"), SPEAK,
        "messages in hand",
    ),
    Metric(
        "leadflow_kafka_received_processed_messages_total", "counter", "messages",
        (*_BROKER, "handler", "status"), SPEAK,
        "messages that were handled, by how: `acked`, `nacked`, `error`",
    ),
    Metric(
        "leadflow_kafka_received_processed_messages_duration_seconds", "histogram", "seconds",
        (*_BROKER, "handler"), SPEAK,
        "how long a stage takes for a chunk: which stage is slow, or has become so",
    ),
    Metric(
        "leadflow_kafka_received_processed_messages_exceptions_total", "counter", "messages",
        (*_BROKER, "handler", "exception_type"), SPEAK,
        "errors that handlers raised",
    ),
    Metric(
        "leadflow_kafka_published_messages_total", "counter", "messages", (*_BROKER, "destination", "status"), SPEAK,
        "messages that were published, by topic",
    ),
    Metric(
        "leadflow_kafka_published_messages_duration_seconds", "histogram", "seconds", (*_BROKER, "destination"), SPEAK,
        "how long Kafka takes to take one: all replicas in sync have it then",
    ),
    Metric(
        "leadflow_kafka_published_messages_exceptions_total", "counter", "messages",
        (*_BROKER, "destination", "exception_type"), SPEAK,
        "publications that failed",
    ),
    # Calls
    Metric(
        "leadflow_http_request_seconds", "histogram", "seconds", ("service", "method", "route", "status"), CALLED,
        "calls by route and status, and how long they take; streams of events last as long as their client reads",
    ),
    Metric(
        "leadflow_http_refused_total", "counter", "calls", ("service", "code"), CALLED,
        "calls that were refused, by the code of their problem: `quota_exceeded`, `busy`, `token_invalid` …",
    ),
    Metric("leadflow_reading_waiting", "gauge", "files", (), ("api",), "files that wait for a process that reads one"),
    Metric("leadflow_reading_seconds", "histogram", "seconds", (), ("api",), "how long reading a file takes"),
    Metric(
        "leadflow_provider_call_seconds", "histogram", "seconds", ("outcome",), ("creator",),
        "calls to the WhatsApp provider: `answered`, `throttled`, `phone` (it fails at this phone alone), `provider`"
        " (it is away)",
    ),
    # What the process stands on
    Metric(
        "leadflow_failing_seconds", "gauge", "seconds", ("service", "what"), ALL,
        f"how long a server has not answered at the start (`{'`, `'.join(FAILING[:3])}`), and how long work beside"
        f" messages has failed (`{'`, `'.join(FAILING[3:])}`); 0 while it works",
    ),
    Metric(
        "leadflow_pool_used_connections", "gauge", "connections", ("service",), ALL,
        "connections to PostgreSQL that are taken from the pool: all of them for long means that work waits for one",
    ),
    Metric(
        "leadflow_pool_size_connections", "gauge", "connections", ("service",), ALL,
        "how many the pool may have (`LEADFLOW_POSTGRES_POOL_SIZE`)",
    ),
    Metric(
        "leadflow_certificate_end_timestamp_seconds", "gauge", "seconds", ("service", "setting"), ALL,
        "when a certificate ends that the process shows to Kafka or trusts there, by the setting that names its file",
    ),
    Metric(
        "leadflow_scratch_free_ratio", "gauge", "ratio", ("service",), ALL,
        "how much of the disk for temporary files is free, of all that it holds: uploads are refused when it is full",
    ),
    Metric(
        "leadflow_sequence_used_ratio", "gauge", "ratio", ("sequence",), ("finalizer",),
        "numbers of a sequence that are used up, of all that its column takes: at 1 every insert fails", common=True,
    ),
)  # fmt: skip

BY_NAME = {metric.name: metric for metric in METRICS}
