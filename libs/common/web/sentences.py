"""Sentences in another language: what code says in its own is looked up in a catalogue, and its numbers stay. Pure."""

import re
from collections.abc import Mapping
from functools import lru_cache

GAP = "{}"
"""Stands in a catalogue's sentences for what differs from case to case, in both languages in the same order."""


def in_other_words(text: str, catalogue: Mapping[str, str]) -> str | None:
    """Return a text of sentences that the catalogue has, one after another; None when it lacks one of them."""
    said = []
    at = 0
    while at < len(text):
        found = next(
            (
                (match, catalogue[sentence])
                for sentence in catalogue
                if (match := _pattern(sentence).match(text, at)) is not None
            ),
            None,
        )
        if found is None:
            return None
        match, template = found
        said.append(template.format(*match.groups()))
        at = match.end() + 1  # the blank between two sentences
    return " ".join(said) or None


@lru_cache(maxsize=1000)
def _pattern(sentence: str) -> re.Pattern[str]:
    # A sentence without a full stop ends with the text: it is a list of what the caller wrote.
    end = "(?= |$)" if sentence.endswith(".") else "$"
    return re.compile("(.+?)".join(map(re.escape, sentence.split(GAP))) + end, re.DOTALL)
