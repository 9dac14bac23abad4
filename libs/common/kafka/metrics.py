"""What consumers count. Labels are services and topics: bounded, and never personal."""

from prometheus_client import Counter, Gauge

RETRIES = Counter(
    "leadflow_retries_total",
    "Attempts that will be made again, by what failed: a server of ours, something else outside, or our own code.",
    ["service", "topic", "kind"],
)
DEAD_LETTERED = Counter("leadflow_dead_letters_total", "Messages sent to the dead letter.", ["service", "topic"])
IN_A_ROW = Gauge(
    "leadflow_bad_messages_in_a_row",
    "Messages that went to the dead letter since one last went well; a process that ends for that says it until then.",
    ["service"],
)
CONSUMER_LAG = Gauge(
    "leadflow_consumer_lag",
    "Messages of this process' partitions that its group has not committed: those in hand and fetched count, too."
    " The sum over a service's processes is the lag of its group.",
    ["service", "topic"],
)
KAFKA_SILENCE = Gauge(
    "leadflow_kafka_silence_seconds",
    "Since when Kafka has given no answer about a topic to one of this process' consumers: the partition that waits"
    " longest. An idle topic is answered several times a second.",
    ["service", "topic"],
)
PROGRESS_AGE = Gauge(
    "leadflow_progress_age_seconds",
    "For how long messages have waited for this process' consumers of a topic and its group has committed none of them."
    " 0: it gets on, or nothing waits.",
    ["service", "topic"],
)
