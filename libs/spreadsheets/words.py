# ruff: noqa: RUF001 - signs that look like others are what this file is about
"""What a word with accents looks like in Portuguese: by it a wrong reading of its bytes is told from the right one."""

import re

_VOWELS = {"á": "a", "à": "a", "â": "a", "ã": "a", "é": "e", "ê": "e", "í": "i", "ó": "o", "ô": "o", "õ": "o", "ú": "u"}
"""An accent never stands on a vowel that repeats the one before it."""
_ACCENTED = "áàâãéêíóôõúüçñ"
_OTHER_LATIN = "äåëèìïîòöøùûýß"
"""Letters of foreign names."""
_BEFORE = "«“‘–—•©ºª°\u00a0"
_AFTER = "ºª°®©™€»“”‘’–—…\u00a0"
"""Signs that stand at a word's beginning, or at its end."""
_BETWEEN = "’–\u00a0"
"""Signs that stand between the letters of what is written together: d’água, Rio–Niterói."""
_ABBREVIATED = frozenset({"n", "m", "s", "d", "dr", "sr", "prof", "eng", "exm", "ilm", "sgt", "cap", "no"})
"""What the signs of ordinals end besides numbers: nº, Mª, Profª."""
_ALONE = frozenset("àÀáÁéÉó")
_LONGEST_RUN = 2

_LETTERS = re.compile(r"[^\W\d_]+")
_CAPITAL_AMID_SMALL = re.compile(r"[a-zà-öø-ÿ][A-ZÀ-ÖØ-Þ]|.[À-ÖØ-Þ][a-zà-öø-ÿ]")
_FOREIGN_RUN = re.compile(rf"[^\x00-\x7f]{{{_LONGEST_RUN + 1}}}")
"""Chinese is written so; Portuguese has at most two such letters after each other (ção)."""
_MISPLACED = re.compile(
    # How these letters are used, in Portuguese and in the names of Brazil: João, irmã, mães, Luã; Camões, põe;
    # açaí, Conceição, Gonçalves; à and às are words of their own.
    r"ã(?![oesmn]|$)|õ(?!e|$)|ç(?![aouáàâãóôõú])|ñ(?![aeiouáéíóú])|.à|à(?!s$|quel)"
)


def is_word(text: str, *, foreign: bool, signs: bool) -> bool:
    """Tell whether a word with letters over ASCII could be meant: its accents stand where they do in Portuguese.

    ``foreign``: one letter of another language is fine in it. ``signs``: it may have signs over ASCII alone.
    """
    core = text.lstrip(_BEFORE).rstrip(_AFTER)
    if text.endswith(("ª", "º")) and core and core.lower() not in _ABBREVIATED:
        return False
    if core.isascii():
        # And no letter. The sign of an ordinal on a Mac is one of quotation in Windows: Profª, Prof».
        return signs or text.endswith(("ª", "º"))
    if len(core) == 1:
        return core.isascii() or core in _ALONE
    return all(_is_part(part, foreign=foreign) for part in _LETTERS.findall(core)) and all(
        sign.isascii() or sign in _BETWEEN for sign in _LETTERS.sub("", core)
    )


def _is_part(part: str, *, foreign: bool) -> bool:
    if part.isascii():
        return True
    small = part.lower()
    strange = [char for char in small if not char.isascii() and char not in _ACCENTED]
    if len(strange) > foreign or any(char not in _OTHER_LATIN for char in strange):
        return False
    if _CAPITAL_AMID_SMALL.search(part) or _MISPLACED.search(small) or _FOREIGN_RUN.search(small):
        return False
    return not any(small[at] == _VOWELS.get(char) for at, char in enumerate(small[1:]))
