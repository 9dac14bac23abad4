"""Sentences are found again in what was said, however a caller's own words in them look: at a cost in proportion."""

import time

import pytest

from libs.common.web.sentences import GAP, in_other_words
from libs.contracts.lead_import.words import words

CATALOGUE = words("pt-BR").details
WITH_GAPS = [sentence for sentence in CATALOGUE if GAP in sentence]
CPU_SECONDS = 5
"""Of this thread, at what takes hours where each gap is tried at each length: no busy machine makes it take so much."""


class Counted(str):
    """A text that counts how many of its characters are looked at."""

    __slots__ = ("looked_at",)

    def __init__(self, _: str) -> None:
        self.looked_at = 0

    def find(self, part: str, start: int = 0, end: int | None = None) -> int:  # type: ignore[override]
        found = super().find(part, start, end)
        self.looked_at += (found + len(part) if found >= 0 else len(self)) - start
        return found

    def startswith(self, part: str, start: int = 0, end: int | None = None) -> bool:  # type: ignore[override]
        self.looked_at += len(part)
        return super().startswith(part, start, end)

    def endswith(self, part: str, start: int = 0, end: int | None = None) -> bool:  # type: ignore[override]
        self.looked_at += len(part)
        return super().endswith(part, start, end)


def hostile(sentence: str, times: int) -> dict[str, str]:
    """Return texts that nearly are sentences of the catalogue, by what is wrong with them."""
    parts = sentence.split(GAP)
    return {
        "each part many times, in the order": "".join(f"x{part * times}" for part in parts),
        "all parts again and again": "x".join(parts) * times,
        "all but the last part": "x".join(parts[:-1]) * times,
        "a name that is like them": "Fields of `data` are not valid: " + "".join(part * times for part in parts),
        "whole sentences, then one that nobody knows": (sentence.replace(GAP, "7") + " ") * times + "No such.",
        "beginnings alone": (parts[0] + "x ") * times,
    }


@pytest.mark.parametrize("sentence", WITH_GAPS)
def test_a_hostile_text_costs_in_proportion_to_its_length(sentence: str) -> None:
    few, many = hostile(sentence, 20), hostile(sentence, 80)
    for kind in few:
        small, large = Counted(few[kind]), Counted(many[kind])
        in_other_words(small, CATALOGUE)
        in_other_words(large, CATALOGUE)
        assert 0 < large.looked_at <= 4.5 * small.looked_at, kind


@pytest.mark.parametrize("sentence", [sentence for sentence in WITH_GAPS if sentence.count(GAP) > 1])
def test_a_hostile_text_does_not_stop_the_service(sentence: str) -> None:
    for kind, text in hostile(sentence, 300).items():
        began = time.thread_time()
        in_other_words(text, CATALOGUE)
        assert time.thread_time() - began < CPU_SECONDS, kind


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("One of a, b is c.", "c?: a, b."),
        ("One of a is b is c.", "b is c?: a."),
        ("One of  is c.", " is c, One."),
        ("One of a is b. One of c is d.", "b?: a. d?: c."),
        ("One of a. b is c.d.", "c.d?: a. b."),
        ("Names: a. One of b is c.", "Nomes: a. One of b is c."),
        ("Names: ", None),
        ("7 of 8.", "8, 7."),
        ("Done. 7 of 8. Done.", "Feito. 8, 7. Feito."),
        ("Done.Done.", None),
        ("Done. Not so.", None),
        ("", None),
    ],
)
def test_gaps_are_as_short_as_they_can_be(text: str, said: str | None) -> None:
    catalogue = {
        "Done.": "Feito.",
        "One of {} is {}.": "{1}?: {0}.",
        "Names: {}": "Nomes: {}",
        "{} of {}.": "{1}, {0}.",
    }
    assert in_other_words(text, catalogue) == said
