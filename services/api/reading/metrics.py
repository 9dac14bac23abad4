"""What is counted of the files that are read."""

from prometheus_client import Gauge, Histogram

READING_WAITING = Gauge("leadflow_reading_waiting", "Files that wait for a process that reads one.")
READING_SECONDS = Histogram(
    "leadflow_reading_seconds",
    "Reading one file, from when a process was free for it.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
