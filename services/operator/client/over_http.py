"""Which commands need nothing but the API: read before the program knows any command."""

from collections.abc import Sequence

ALONE = frozenset({"import", "template", "quota", "auth"})
OF_IMPORTS = frozenset({"list", "show", "watch", "rows", "cancel", "undo", "delete"})


def is_over_http(words: Sequence[str]) -> bool:
    """Return whether these words, those behind the program's name, ask for a command that talks to the API alone."""
    if not words:
        return False
    return words[0] in ALONE or (words[0] == "imports" and len(words) > 1 and words[1] in OF_IMPORTS)
