"""Where a page of leads ends, as callers hand it back: they need not know that it is a time and a number of ours."""

import base64
import binascii
import struct
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from libs.common.messages import ID_LIMIT

_FORM = struct.Struct(">qi")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class WrongCursor(ValueError):
    """It is none that we gave."""


class ListPlace(NamedTuple):
    """Where a lead stands in the list: by when it was made, and among those of the same moment by its number."""

    created_at: datetime
    lead_id: int


def write_cursor(place: ListPlace) -> str:
    """Return the cursor of the page that goes on behind the lead that stands here."""
    since = (place.created_at - _EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(_FORM.pack(since, place.lead_id)).decode()


def read_cursor(cursor: str) -> ListPlace:
    """Return the place behind which the page goes on. Raises WrongCursor."""
    try:
        since, lead_id = _FORM.unpack(base64.b64decode(cursor, altchars=b"-_", validate=True))
        created_at = _EPOCH + timedelta(microseconds=since)
    except (binascii.Error, struct.error, OverflowError, ValueError):
        raise WrongCursor from None
    if not 1 <= lead_id <= ID_LIMIT:
        raise WrongCursor
    return ListPlace(created_at, lead_id)
