"""Sentences in another language: what code says in its own is looked up in a catalogue, and its numbers stay. Pure."""

from collections.abc import Mapping
from functools import lru_cache

GAP = "{}"
"""Stands in a catalogue's sentences for what differs from case to case, in both languages in the same order."""


def in_other_words(text: str, catalogue: Mapping[str, str]) -> str | None:
    """Return a text of sentences that the catalogue has, one after another; None when it lacks one of them.

    A gap holds a character or more, and as few as it can. The cost grows with the text's length and no faster, whatever
    callers wrote into it.
    """
    places = _Places(text)
    said = []
    at = 0
    while at < len(text):
        found = next(
            (
                (match, catalogue[sentence])
                for sentence in catalogue
                if (match := _found_at(at, sentence, text, places)) is not None
            ),
            None,
        )
        if found is None:
            return None
        (gaps, end), template = found
        said.append(template.format(*gaps))
        at = end + 1  # the blank between two sentences
    return " ".join(said) or None


class _Places:
    """Where the parts of sentences stand in a text.

    Of each part the text is gone through once, however many sentences stand in it: where the next one begins only
    grows, so that the place that was found last is the answer until it has been passed.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._found: dict[tuple[str, int, str], int] = {}

    def find(self, sentence: str, number: int, part: str, start: int) -> int:
        """Return where a sentence's part stands first, from ``start``; -1 where it does not.

        ``start`` is never less than it was before for this part of this sentence.
        """
        key = (sentence, number, part)
        found = self._found.get(key)
        if found is None or 0 <= found < start:
            found = self._found[key] = self._text.find(part, start)
        return found

    def find_end(self, sentence: str, number: int, part: str, start: int) -> int:
        """Return as ``find`` does where the last part stands, which a blank or the text's end follows.

        A sentence without a full stop ends with the text: it is a list of what the caller wrote.
        """
        if sentence.endswith(".") and (found := self.find(sentence, number, f"{part} ", start)) >= 0:
            return found
        last = len(self._text) - len(part)
        return last if last >= start and self._text.endswith(part) else -1


def _found_at(at: int, sentence: str, text: str, places: _Places) -> tuple[list[str], int] | None:
    """Return what stands in the gaps of a sentence that begins there, and where it ends; None where it does not.

    Its parts are looked for from left to right, each where it can stand first: if that finds no end, a later place
    does not, either. A regular expression would try them all, for every gap beside every other.
    """
    first, *others = _parts(sentence)
    if not text.startswith(first, at):
        return None
    gaps: list[str] = []
    end = at + len(first)
    if not others:
        return (gaps, end) if end == len(text) or (sentence.endswith(".") and text.startswith(" ", end)) else None
    for number, part in enumerate(others, start=1):
        find = places.find_end if number == len(others) else places.find
        found = find(sentence, number, part, end + 1)
        if found < 0:
            return None
        gaps.append(text[end:found])
        end = found + len(part)
    return gaps, end


@lru_cache(maxsize=1000)
def _parts(sentence: str) -> tuple[str, ...]:
    return tuple(sentence.split(GAP))
