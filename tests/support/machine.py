"""What a machine may lack: a test that needs it is skipped there and says so. CI never skips."""

import os

import pytest

CI = os.environ.get("LEADFLOW_TEST_NEVER_SKIPS") == "1"
"""Set by ``.ci/run``, which installs what is missing."""


def needs(there: object, what: str) -> pytest.MarkDecorator:
    """Skip a test where ``there`` is false; with ``LEADFLOW_TEST_NEVER_SKIPS=1`` it runs, and fails."""
    return pytest.mark.skipif(not there and not CI, reason=f"this machine has no {what}")
