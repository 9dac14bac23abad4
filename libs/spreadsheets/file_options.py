"""What a caller says of a file, beside its bytes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from libs.spreadsheets.encodings import EncodingName

Delimiter = Literal[",", ";", "\t", "|"]
"""What a caller may say that stands between the cells of a CSV."""


@dataclass(frozen=True, slots=True)
class FileOptions:
    """How a file is to be read. What is None or empty is found out."""

    columns: Literal["strict", "mapped"] = "strict"
    """``strict``: the header is the five names, in order. ``mapped``: columns are found by ``mapping`` and by names."""
    mapping: Mapping[str, str | None] = field(default_factory=dict)
    """Which field a header's column holds; None: none of them. Columns are found as ``named_places`` says."""
    sheet: str | None = None
    """The name of a visible worksheet; None: the first one."""
    encoding: EncodingName | None = None
    """What a text file is encoded in."""
    delimiter: Delimiter | None = None
