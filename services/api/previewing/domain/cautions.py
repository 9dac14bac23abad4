"""What somebody should know before an import: pure. Codes of the catalogue's ``warnings``, in order of weight."""

from collections.abc import Mapping
from typing import Any

from services.api.accepting.domain.quota import QuotaView


def cautions(shown: Mapping[str, Any], quota: QuotaView, *, same_file: bool, has_forecast: bool) -> list[str]:
    """Return the codes of what a preview warns of. ``shown`` is what the reading process wrote."""
    said = {
        "over_quota": shown["total_rows"] > quota.rows.left or not quota.imports.left,
        "same_file": same_file,
        "few_accents": shown["has_few_accents"],
        "merged_cells": "merged_cells" in shown["seen_otherwise"],
        "hidden_rows": "hidden_rows" in shown["seen_otherwise"],
        "other_sheets": len(shown["file"]["sheets"]) > 1,
        "more_columns": shown["has_more_columns"],
        "no_forecast": not has_forecast and not shown["missing"],
    }
    return [code for code, is_so in said.items() if is_so]
