"""What people are told of every code, in each language: one catalogue for api, reports, console and command line.

A code never changes its meaning. The files are plain JSON, so that a program in any language can read them.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

LANGUAGES = ("en", "pt-BR")
"""The first one is spoken to whoever asks for none of them."""
DETAILS_REMEMBERED = 128
"""What is wrong with thousands of rows of a file is mostly the same. A detail may have 10 KB: a few MB in all."""


@dataclass(frozen=True, slots=True)
class ProblemWords:
    """A refusal: what it is, and what the caller can do."""

    title: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Words:
    """The catalogue in one language."""

    language: str
    problems: Mapping[str, ProblemWords]
    row_errors: Mapping[str, str]
    """Rules that a cell breaks."""
    settled_reasons: Mapping[str, str]
    """Why a valid row did not become a lead."""
    labels: Mapping[str, str]
    """All codes of rows in a word or two, for pictures and buttons."""
    kept_reasons: Mapping[str, str]
    """Why a lead stayed when its import was taken back."""
    warnings: Mapping[str, str]
    """What a preview warns of."""
    template: Mapping[str, str]
    """What the template's second sheet says."""
    command_line: Mapping[str, str]
    """What the command ``leadflow`` says of its own, with its facts in braces."""
    details: Mapping[str, str]
    """What refusals say of their case, by the English sentences; ``{}`` stands for what differs. None in English."""

    @property
    def messages(self) -> Mapping[str, str]:
        """All that is said of rows, by code."""
        return {**self.row_errors, **self.settled_reasons}

    def of_row(self, reason: str, detail: str) -> str:
        """Return why a row did not become a lead: what was kept of it in English, or what its reason says."""
        if not detail:
            return self.messages.get(reason, reason)
        if self.language == LANGUAGES[0]:
            return detail
        return said_again(self.language, detail)


@lru_cache(maxsize=len(LANGUAGES))
def words(language: str) -> Words:
    """Return the catalogue of one of ``LANGUAGES``."""
    plain = json.loads((Path(__file__).parent / f"{language}.json").read_text(encoding="utf-8"))
    problems = {code: ProblemWords(**each) for code, each in plain.pop("problems").items()}
    return Words(language=language, problems=problems, **plain)


@lru_cache(maxsize=DETAILS_REMEMBERED)
def said_again(language: str, detail: str) -> str:
    """Return what was kept of a row in English, with each sentence of the catalogue in another language.

    A page or a report says it of row after row while nobody else is answered: the text is gone through once, however
    many sentences the catalogue has.
    """
    known, said = _sentences(language)
    return known.sub(lambda found: said[found[0]], detail)


@lru_cache(maxsize=len(LANGUAGES))
def _sentences(language: str) -> tuple[re.Pattern[str], Mapping[str, str]]:
    """Return what finds the English sentences about rows, and what they are in the language."""
    other = words(language).messages
    said: dict[str, str] = {}
    for code, sentence in words(LANGUAGES[0]).messages.items():
        said.setdefault(sentence, other.get(code, sentence))
    longest_first = sorted(said, key=len, reverse=True)  # one may be the beginning of another
    return re.compile("|".join(map(re.escape, longest_first))), said
