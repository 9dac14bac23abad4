"""What a process says of its pools of connections."""

from prometheus_client import Gauge

POOL_USED = Gauge(
    "leadflow_pool_used_connections", "Connections to PostgreSQL that are taken from the process' pool.", ["service"]
)
POOL_SIZE = Gauge(
    "leadflow_pool_size_connections", "Connections to PostgreSQL that the process' pool may have.", ["service"]
)
