"""What people are told of every code, in each language: one catalogue for api, reports, console and command line.

A code never changes its meaning. The files are plain JSON, so that a program in any language can read them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

LANGUAGES = ("en", "pt-BR")
"""The first one is spoken to whoever asks for none of them."""


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
        for code, sentence in words(LANGUAGES[0]).messages.items():
            if sentence in detail:
                detail = detail.replace(sentence, self.messages.get(code, sentence))
        return detail


@lru_cache(maxsize=len(LANGUAGES))
def words(language: str) -> Words:
    """Return the catalogue of one of ``LANGUAGES``."""
    plain = json.loads((Path(__file__).parent / f"{language}.json").read_text(encoding="utf-8"))
    problems = {code: ProblemWords(**each) for code, each in plain.pop("problems").items()}
    return Words(language=language, problems=problems, **plain)
