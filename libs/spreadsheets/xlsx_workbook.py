"""What the part of an XLSX tells that lists its sheets."""

from dataclasses import dataclass
from typing import Self

from libs.spreadsheets.sheet_names import sheet_name
from libs.spreadsheets.xlsx_parts import Parts, local, parse_whole, relationships

_TRUE = frozenset({"1", "true"})


@dataclass(frozen=True, slots=True)
class XlsxWorkbook:
    """What is said of all sheets."""

    part: str
    shown: tuple[tuple[str, str], ...]
    """Name and part of each visible worksheet, in order."""
    begins_1904: bool
    """Days are counted from 1904."""
    recalculates: bool
    """Whoever opens it is to calculate all formulas: programs that don't calculate say so, and put 0 for each value
    (ECMA-376, 18.2.2, fullCalcOnLoad)."""

    @classmethod
    def read(cls, parts: Parts, part: str) -> Self:
        """Read the part. Raises Unreadable, ExpatError."""
        related = relationships(parts, part)
        shown: list[tuple[str, str]] = []
        properties: dict[str, dict[str, str]] = {}

        def element(name: str, attributes: dict[str, str]) -> None:
            if name == "sheet":
                said = {local(key): value for key, value in attributes.items()}
                kind, of_sheet = related.get(said.get("id", ""), ("", ""))
                if said.get("state", "visible") == "visible" and kind == "worksheet":
                    shown.append((sheet_name(said.get("name", "")), of_sheet))
            elif name in {"workbookPr", "calcPr"}:
                # An extension behind it has elements of the same names in another namespace, with other properties.
                properties.setdefault(name, attributes)

        parse_whole(parts.blocks(part), element)
        return cls(
            part,
            tuple(shown),
            properties.get("workbookPr", {}).get("date1904") in _TRUE,
            properties.get("calcPr", {}).get("fullCalcOnLoad") in _TRUE,
        )
