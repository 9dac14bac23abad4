"""What relays count, by service and kind of source."""

from prometheus_client import Counter

OUTBOX_PUBLISHED = Counter("leadflow_outbox_published_total", "Events that the relay published.", ["service", "kind"])
OUTBOX_FAILED = Counter("leadflow_outbox_failed_total", "Attempts of the relay that failed.", ["service", "kind"])
