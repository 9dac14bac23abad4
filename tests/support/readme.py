"""The README's commands and examples, as a reader would copy them."""

import re
import textwrap

from tests.support.stack import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def _indented(first: str) -> str:
    """Return the indented block that begins with this line."""
    found = re.search(rf"(?:^    {re.escape(first)}.*\n)(?:^    .*\n)*", README, re.MULTILINE)
    assert found, f"the README shows no block that begins with {first!r}"
    return textwrap.dedent(found[0])


def _fenced(language: str) -> str:
    (block,) = re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert isinstance(block, str)
    return block


UPLOAD = _indented("make up")
"""Shell: from ``make up`` to the ``curl``."""

UPLOAD_ANSWER = _indented('{"id"').strip()
"""One line of JSON; ``…`` stands for what differs."""

IMPORT = _indented(".venv/bin/leadflow import")
"""Shell: what follows the upload."""

SUBSCRIBER = _fenced("python")

SUBSCRIBE = _indented("env $(make -s env)")
"""Shell: runs ``subscriber.py``."""
