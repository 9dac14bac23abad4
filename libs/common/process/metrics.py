"""The metrics of the kit. Labels are services, topics and kinds: bounded, and never personal."""

from prometheus_client import Counter, Gauge

RETRIES = Counter("leadflow_retries_total", "Attempts that will be made again.", ["service", "topic"])
DEAD_LETTERED = Counter("leadflow_dead_letters_total", "Messages sent to the dead letter.", ["service", "topic"])
OUTBOX_PUBLISHED = Counter("leadflow_outbox_published_total", "Events that the relay published.", ["service", "kind"])
OUTBOX_FAILED = Counter("leadflow_outbox_failed_total", "Attempts of the relay that failed.", ["service", "kind"])
CONSUMER_LAG = Gauge(
    "leadflow_consumer_lag", "Messages not yet consumed, as this consumer knows.", ["service", "topic"]
)
