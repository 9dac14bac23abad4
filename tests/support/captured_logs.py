"""What is logged within a block, whatever other tests of the process have configured before."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from structlog._config import BoundLoggerLazyProxy
from structlog.testing import capture_logs as captured_by_configuration


@contextmanager
def capture_logs() -> Iterator[list[Any]]:
    """Collect the log lines of the block as dictionaries.

    A service that another test has built configures the whole process, and its loggers then keep the configuration of
    their first line: they are told to look again.
    """
    before = structlog.get_config()
    structlog.reset_defaults()
    for module in list(sys.modules.values()):
        logger = getattr(module, "log", None)
        if isinstance(logger, BoundLoggerLazyProxy):
            vars(logger).pop("bind", None)
    try:
        with captured_by_configuration() as lines:
            yield lines
    finally:
        structlog.configure(**before)
