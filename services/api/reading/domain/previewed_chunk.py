"""What a preview keeps of a chunk: what its rows are looked up by, and their tags.

Nothing else is asked of the message that an import would send: to read it whole took as long as to ask both stores.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic_core import from_json, to_json

_ENVELOPE = ("import_id", "company_id", "account_id", "accepted_at")


@dataclass(frozen=True, slots=True)
class PreviewedRows:
    """Columns of live rows, as ``LiveRows`` has them."""

    row: list[int]
    country_code: list[str]
    phone: list[str]

    def __len__(self) -> int:
        return len(self.row)


@dataclass(frozen=True, slots=True)
class PreviewedChunk:
    """Live rows of a chunk; the others have ended already."""

    import_id: int
    company_id: int
    account_id: int
    accepted_at: datetime
    live: PreviewedRows
    tags: Mapping[str, Sequence[int]]
    """Names of tags, each with the indexes of its rows."""


def to_payload(envelope: Mapping[str, Any], live: Mapping[str, Sequence[Any]]) -> bytes:
    """Return what the spool keeps for a preview of a message's envelope and the columns of its ``LiveRows``."""
    rows_of: dict[str, list[int]] = {}
    for index, names in enumerate(live["tags"]):
        for name in names:
            rows_of.setdefault(name, []).append(index)
    columns = {name: live[name] for name in PreviewedRows.__slots__}
    return to_json({name: envelope[name] for name in _ENVELOPE} | {"live": columns, "tags": rows_of})


def of_payload(payload: bytes) -> PreviewedChunk:
    """Read what ``to_payload`` wrote."""
    plain = from_json(payload)
    accepted_at = datetime.fromisoformat(plain.pop("accepted_at"))
    return PreviewedChunk(**plain | {"accepted_at": accepted_at, "live": PreviewedRows(**plain["live"])})
