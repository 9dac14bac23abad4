"""What consumers count. Labels are services and topics: bounded, and never personal."""

from prometheus_client import Counter, Gauge

RETRIES = Counter("leadflow_retries_total", "Attempts that will be made again.", ["service", "topic"])
DEAD_LETTERED = Counter("leadflow_dead_letters_total", "Messages sent to the dead letter.", ["service", "topic"])
CONSUMER_LAG = Gauge(
    "leadflow_consumer_lag", "Messages not yet consumed, as this consumer knows.", ["service", "topic"]
)
