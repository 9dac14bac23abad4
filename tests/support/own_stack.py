"""A local stack of a test module's own, with its settings, from an empty folder to none."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from tests.support.stack import Addresses, local, local_addresses


@contextmanager
def own_stack(instance: str, settings: Mapping[str, str]) -> Iterator[Addresses]:
    """Start everything; the settings are those of later commands of the test, too."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        local("reset", instance=instance)
        local("up", instance=instance)
        try:
            yield local_addresses(instance)
        finally:
            local("reset", instance=instance)
