"""The hourly quota of a company and account: pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict

from libs.common.web.refusals import Refused

PERIOD = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Quota:
    """At most so many rows and imports within any hour. Deleted and failed imports count."""

    rows: int
    imports: int


@dataclass(frozen=True, slots=True)
class PastImport:
    """An import of the last hour."""

    created_at: datetime
    total_rows: int


class Used(BaseModel):
    """Of what is allowed within an hour."""

    limit: int
    used: int
    left: int


class QuotaView(BaseModel):
    """What the account may still import."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "account_id": 1,
                    "rows": {"limit": 5000, "used": 1200, "left": 3800},
                    "imports": {"limit": 5, "used": 1, "left": 4},
                    "resets_at": "2026-03-02T13:00:00Z",
                }
            ]
        }
    )

    account_id: int
    rows: Used
    imports: Used
    resets_at: datetime | None
    """When the oldest import of the hour stops to count; null when nothing is used."""


def quota_left(quota: Quota, past: Sequence[PastImport], *, account_id: int) -> QuotaView:
    """Return what is left of the quota. ``past`` holds the imports of the period in order of time."""
    rows = sum(each.total_rows for each in past)
    return QuotaView(
        account_id=account_id,
        rows=Used(limit=quota.rows, used=rows, left=max(0, quota.rows - rows)),
        imports=Used(limit=quota.imports, used=len(past), left=max(0, quota.imports - len(past))),
        resets_at=past[0].created_at + PERIOD if past else None,
    )


def check_quota(quota: Quota, past: Sequence[PastImport], *, rows: int | None, now: datetime) -> None:
    """Raise Refused (429) with the seconds after which ``rows`` more would pass, oldest imports leaving first.

    ``past`` holds the imports of the period in order of time. ``rows`` None: the file is not read yet, so that only the
    number of imports can be judged. The seconds may then be fewer than the file's rows will need, but never more.
    """
    if rows is not None and rows > quota.rows:
        raise Refused(
            "quota_exceeded",
            f"The file has {rows} rows; {quota.rows} rows an hour are allowed for this account.",
            retry_after=int(PERIOD.total_seconds()),
            facts=_facts(quota, past),
        )
    used_rows = sum(each.total_rows for each in past)
    used_imports = len(past)
    free_at: datetime | None = None
    for each in past:
        if used_imports < quota.imports and (rows is None or used_rows + rows <= quota.rows):
            break
        used_imports -= 1
        used_rows -= each.total_rows
        free_at = each.created_at + PERIOD
    if free_at is not None:
        raise Refused(
            "quota_exceeded",
            f"{quota.imports} imports and {quota.rows} rows an hour are allowed for this account; "
            f"{len(past)} imports with {sum(each.total_rows for each in past)} rows were accepted in the last hour.",
            retry_after=max(1, min(math.ceil((free_at - now).total_seconds()), int(PERIOD.total_seconds()))),
            facts=_facts(quota, past),
        )


def _facts(quota: Quota, past: Sequence[PastImport]) -> dict[str, Any]:
    """Return what is allowed and what was used of it, for programs."""
    return {
        "limits": {"rows": quota.rows, "imports": quota.imports, "seconds": int(PERIOD.total_seconds())},
        "used": {"rows": sum(each.total_rows for each in past), "imports": len(past)},
    }
