"""How large the messages of an import can become at most, said without making them: pure.

What is too large for an import is too large for its preview, which makes no message.
"""

from collections.abc import Mapping, Sequence
from itertools import chain

from pydantic_core import to_json

from libs.common.web.refusals import Detail
from libs.spreadsheets.reader import Record

_ENVELOPE = 2_048
"""Bytes for what stands once in a message. A block of rows becomes one message at most, or those that its size asks
for, and these are larger by far than what stands once in each."""
_FIELD = 128
"""Bytes for the name of each further field, which stands once in a message, too."""
_ROW = 320
"""Bytes of a row beside its cells and its values: its number, names of fields, the codes of its phone, brackets, or why
it ended already."""
_CELL = 32
"""Bytes of a cell beside its text: quotes and comma, once as it stood and once as what it became; and what a value may
be longer than its cell: a CPF gets its zeros back."""
_DETAIL = 32
"""Bytes of what is said of an invalid cell, beside its words."""
_ESCAPED = 6
"""Bytes of one character of JSON at most: of a control character."""
_COMPOSED = 3
"""How many times as many bytes a text may have in NFC at most (Unicode's FAQ of normalization)."""


def most_bytes(block: Sequence[Record], invalid: Mapping[int, Sequence[Detail]], fields: int) -> int:
    """Return a bound on the bytes of the messages that these rows would be in.

    ``invalid`` says of rows, by their number, what is wrong with them; ``fields`` is how many further ones there are.
    """
    cells = list(chain.from_iterable(cells for _, cells in block))
    text = "".join(cells)
    written = len(to_json(text)) if text.isprintable() else _ESCAPED * len(text)
    # Once as it stood, and once as what it became.
    held = written * (2 if text.isascii() else 1 + _COMPOSED)
    said = sum(_DETAIL + _ESCAPED * len(each.message + (each.column or "")) for each in chain(*invalid.values()))
    return _ENVELOPE + _FIELD * fields + held + said + _ROW * len(block) + _CELL * len(cells)
