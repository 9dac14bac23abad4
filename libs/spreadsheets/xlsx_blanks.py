"""Blanks around texts of an XLSX that are part of them by what a text stands in. Calamine looks at each text alone.

Whatever caxlsx writes says of all of a sheet that blanks are kept. It makes a difference only where a text has some.
"""

import re

_SAID, _SAID_OF_A_TEXT = b"xml:space", b"<t xml:space="
_BLANK_AT_AN_END = re.compile(rb"<t(?:\s[^<>]*+)?+>(?:\s|&#)|[\s;]</t>")
"""A text that begins or ends with a blank, which may be spelled ``&#32;``."""


class InheritedBlanks:
    """Follows the pieces of a part, none of which ends within a tag."""

    def __init__(self) -> None:
        self._are_kept = False

    def are_in(self, piece: bytes) -> bool:
        """Tell whether a text of this piece may have them."""
        self._are_kept = self._are_kept or (_SAID in piece and piece.count(_SAID) > piece.count(_SAID_OF_A_TEXT))
        return self._are_kept and _BLANK_AT_AN_END.search(piece) is not None
