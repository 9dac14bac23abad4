"""The undo's public topic: other teams and other services of the house may subscribe."""

from libs.common.topics import DAY, Topic
from libs.contracts.lead_import.acceptance import acceptance_number
from libs.contracts.lead_undo.events import ImportUndone

IMPORT_UNDONE = Topic(
    name="lead.import-undone.v1",
    event=ImportUndone,
    event_type="lead:import-undone",
    key=lambda event: str(event.import_id),
    identity=lambda event: f"{event.import_id}:{acceptance_number(event.accepted_at)}",
    owner="undoer",
    readers=(),
    retention_hours=7 * DAY,
    public=True,
    also_sent_by=("api", "finalizer"),
)
"""Written by undoer into the outbox, which the relays of api and finalizer empty."""
