"""How long a chunk is asked about at a time."""

from libs.common.kafka.broker import STOP_SECONDS
from services.creator.portions import RUN_SECONDS
from services.creator.settings import Settings


def test_a_run_and_the_longest_call_end_before_a_stop_gives_up() -> None:
    """No call begins after a run's time; one that began then must be over, and written down, while a stop waits."""
    bounds = Settings.model_fields["whatsapp_timeout_seconds"].metadata
    (longest,) = [bound.le for bound in bounds if hasattr(bound, "le")]
    assert RUN_SECONDS + longest < 0.8 * STOP_SECONDS
