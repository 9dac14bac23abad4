"""What programs write that ask a database, for want of a value: it is no name, no tag and no address."""

NULL_OF_MYSQL = r"\N"
_NULLS = frozenset({"NULL", "null", "[NULL]", "(null)", "<null>", NULL_OF_MYSQL})
"""SQL Server's Management Studio and phpMyAdmin; BigQuery; DBeaver; Oracle's SQL Developer; DataGrip; ``INTO OUTFILE``
of MySQL and ``COPY`` of PostgreSQL. ``Null`` is a family's name."""


def may_hold_nulls(text: str) -> bool:
    """Tell whether one of these may be in a row's text, by what costs next to nothing."""
    return "ull" in text or "NULL" in text or NULL_OF_MYSQL in text


def without_nulls(cells: list[str]) -> list[str]:
    """Return the cells, those blank that hold nothing else."""
    return ["" if cell.strip() in _NULLS else cell for cell in cells]
