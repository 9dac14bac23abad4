"""What is counted of the calls to the WhatsApp provider."""

from prometheus_client import Histogram

PROVIDER_SECONDS = Histogram(
    "leadflow_provider_call_seconds",
    "One call to the WhatsApp provider, by what came of it: answered, throttled, phone (it failed at this phone alone),"
    " provider (it is away).",
    ["outcome"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
