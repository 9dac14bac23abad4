"""Texts that are too long to be kept or shown whole: cut so that people see it, and a reader, too."""

import re

_MARK = re.compile(r"\[\.\.\. \+\d+\]")


def cut(text: str, most: int) -> str:
    """Return the text; of one of more than ``most`` characters these, and a mark that says how many more there were.

    ``[... +250]`` is of ASCII, so that no program that saves a file in another encoding loses it.
    """
    return text if len(text) <= most else f"{text[:most]} {left_out(len(text) - most)}"


def left_out(count: int) -> str:
    """Return the mark that stands for so many."""
    return f"[... +{count}]"


def is_cut(text: str) -> bool:
    """Tell whether a text bears the mark, wherever: somebody may have gone on writing behind it."""
    return "[... +" in text and _MARK.search(text) is not None
