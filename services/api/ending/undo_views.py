"""What callers see of an undo: pure."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from libs.contracts.lead_import.words import Words
from services.api.http.views import UndoState, UndoView
from services.api.reasons import KEPT_REASONS

_KEPT: dict[str, Any] = {
    "row": 17,
    "lead_id": 20913,
    "reason": "chat_changed",
    "detail": KEPT_REASONS["chat_changed"],
}


class KeptView(BaseModel):
    """A lead that was not taken back. ``row`` is null where the lead has another chat by now."""

    model_config = ConfigDict(json_schema_extra={"examples": [_KEPT]})

    row: int | None
    lead_id: int
    reason: str
    detail: str


class KeptPage(BaseModel):
    """In the order of the leads' ids; ``next`` is the cursor of the next page, or null."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_KEPT], "next": None}]})

    items: list[KeptView]
    next: str | None


def undo_view(found: Mapping[str, Any]) -> UndoView:
    """Return the view of a row of ``lead_import_undos``."""
    state = UndoState.RUNNING if found["finished_at"] is None else UndoState.DONE
    return UndoView(state=state, **{name: found[name] for name in UndoView.model_fields if name != "state"})


def kept_view(found: Mapping[str, Any], said: Words) -> KeptView:
    """Return the view of a row of ``lead_import_kept``, in these words."""
    return KeptView(
        row=found["row_number"],
        lead_id=found["lead_id"],
        reason=found["reason"],
        detail=said.kept_reasons.get(found["reason"], ""),
    )
