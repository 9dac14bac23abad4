"""What the command line says: the catalogue's words, in the language of the terminal."""

import os

from libs.contracts.lead_import.words import LANGUAGES, Words, words

MINUTES_FROM = 120
"""Seconds: a longer wait is said in minutes."""


def language() -> str:
    """Return the language of the terminal (POSIX: LC_ALL, then LC_MESSAGES, then LANG)."""
    wanted = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), "")
    return "pt-BR" if wanted.lower().startswith("pt") else LANGUAGES[0]


def catalogue() -> Words:
    """Return all words in that language."""
    return words(language())


def say(key: str, **facts: object) -> str:
    """Return a sentence of the command line's own."""
    return catalogue().command_line[key].format(**facts)


def number(count: int) -> str:
    """Return a number with the language's sign between thousands."""
    return f"{count:,}".replace(",", "." if language() == "pt-BR" else ",")


def duration(seconds: int) -> str:
    """Return how long a wait is, never less than it is."""
    return say("seconds", count=seconds) if seconds <= MINUTES_FROM else say("minutes", count=-(-seconds // 60))
