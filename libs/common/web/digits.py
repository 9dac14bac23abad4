"""Numbers in addresses."""

from pydantic import BeforeValidator


def _digits(value: object) -> object:
    """Let through what is written as a number is written: Python would read ``1_0``, ``+1`` and ``1.0``, too."""
    if isinstance(value, str) and not (value.isascii() and value.isdigit()):
        raise ValueError("must be written in digits")
    return value


Digits = BeforeValidator(_digits)
"""Beside the type of a number in a path or query. It comes last: what checks the digits is asked first then, and what
stands before it is in the OpenAPI document."""
