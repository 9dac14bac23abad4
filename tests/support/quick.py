"""What a bare ``make test`` leaves out, so that it ends within a quarter of an hour: files that take minutes each.

``make test ALL=1`` runs them, CI does, and so does whoever names one of them.
"""

import os
from collections.abc import Iterable

import pytest

from tests.support.machine import CI

ALL = CI or os.environ.get("LEADFLOW_TEST_ALL") == "1"
LONG = {
    "tests/integration/common/test_partition_away.py": "three brokers, and partitions without a leader for a minute",
    "tests/integration/start/test_changed_password.py": "a password that is wrong for a minute",
    "tests/e2e/test_preview.py": "every file of the corpus, previewed and imported",
    "tests/e2e/test_secured_kafka.py": "a stack of its own, with certificates and rights",
    "tests/e2e/test_supervision.py": "servers and services killed, one after the other",
    "tests/console/test_everybody.py": "every screen in two languages, two sizes, light and dark",
    "tests/chaos/test_broken_mechanisms.py": "each mechanism of delivery switched off",
    "tests/chaos/test_crash_points.py": "every point at which a process can die",
    "tests/chaos/test_storm.py": "kills, for as long as imports run",
}


def leave_out(config: pytest.Config, items: Iterable[pytest.Item]) -> None:
    """Skip what takes minutes where all tests are meant and nobody asked for these."""
    if ALL or config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return
    for item in items:
        if item.path.relative_to(config.rootpath).as_posix() in LONG:
            item.add_marker(pytest.mark.skip(reason="takes minutes: make test ALL=1"))
