"""What a bare ``make test`` leaves out, so that it ends within a quarter of an hour: files that take minutes each; and
what ``make check`` leaves to ``make test``, so that it ends within 90 s: files that take several seconds each.

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
CHECK = not CI and os.environ.get("LEADFLOW_TEST_CHECK") == "1"
SLOW = {
    "tests/repository/test_alerts.py": "promtool, for each alert that fires and that does not",
    "tests/repository/test_image.py": "every module of the image is compiled",
    "tests/repository/test_kubernetes_commands.py": "commands that wait for a cluster",
    "tests/repository/test_quick_tests.py": "all tests are looked for, again and again",
    "tests/unit/operator/test_what_the_program_reads.py": "programs that are started",
    "tests/unit/spreadsheets/test_costs.py": "files that were made to take long",
}


def leave_out(config: pytest.Config, items: Iterable[pytest.Item]) -> None:
    """Skip what is not for ``make check``; and what takes minutes, where all tests are meant and nobody named these."""
    is_bare = not ALL and config.args_source is pytest.Config.ArgsSource.TESTPATHS
    for item in items:
        path = item.path.relative_to(config.rootpath).as_posix()
        if CHECK and path in SLOW:
            item.add_marker(pytest.mark.skip(reason="takes seconds: make test"))
        if is_bare and path in LONG:
            item.add_marker(pytest.mark.skip(reason="takes minutes: make test ALL=1"))
