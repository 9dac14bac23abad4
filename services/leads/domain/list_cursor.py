"""Where a page of leads ends, as callers hand it back: they need not know that it is a number of ours."""

import base64
import binascii

from libs.common.messages import ID_LIMIT


class WrongCursor(ValueError):
    """It is none that we gave."""


def write_cursor(lead_id: int) -> str:
    """Return the cursor of the page that goes on behind this lead."""
    return base64.urlsafe_b64encode(lead_id.to_bytes(4, "big")).decode().rstrip("=")


def read_cursor(cursor: str) -> int:
    """Return the lead behind which the page goes on. Raises WrongCursor."""
    try:
        raw = base64.b64decode(cursor + "==", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise WrongCursor from None
    lead_id = int.from_bytes(raw, "big")
    if len(raw) != len(b"1234") or not 1 <= lead_id <= ID_LIMIT:
        raise WrongCursor
    return lead_id
