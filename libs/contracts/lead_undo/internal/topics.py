"""How the api asks undoer, and what undoer could not do."""

from libs.common.topics import DAY, DeadLetters, Topic
from libs.contracts.lead_import.acceptance import acceptance_number
from libs.contracts.lead_undo.internal.messages import UndoRequested

UNDO_REQUESTED = Topic(
    name="lead.import-undo-requested.v1",
    event=UndoRequested,
    event_type="lead:import-undo-requested",
    key=lambda request: str(request.import_id),
    identity=lambda request: f"{request.import_id}:{acceptance_number(request.accepted_at)}",
    owner="api",
    readers=("undoer",),
    retention_hours=7 * DAY,
    also_sent_by=("finalizer",),
)

UNDO_LETTERS = DeadLetters(topic="lead.undo-dead-letter.v1", writers=("undoer",))
"""Nothing of an import has failed by them: it was undone in part, and goes on where it was when somebody asks again."""
