"""The import's public topics: other teams and other services of the house may subscribe."""

from libs.common.topics import DAY, Topic
from libs.contracts.lead_import.acceptance import acceptance_number
from libs.contracts.lead_import.events import ImportAccepted, ImportFinished


def _by_import(event: ImportAccepted | ImportFinished) -> str:
    return str(event.import_id)


IMPORT_ACCEPTED = Topic(
    name="lead.import-accepted.v1",
    event=ImportAccepted,
    event_type="lead:import-accepted",
    key=_by_import,
    identity=lambda event: f"{event.import_id}:{acceptance_number(event.accepted_at)}",
    owner="api",
    readers=(),
    retention_hours=7 * DAY,
    public=True,
    also_sent_by=("finalizer",),
)
IMPORT_FINISHED = Topic(
    name="lead.import-finished.v1",
    event=ImportFinished,
    event_type="lead:import-finished",
    key=_by_import,
    identity=lambda event: f"{event.import_id}:{event.revision}:{acceptance_number(event.accepted_at)}",
    owner="finalizer",
    readers=("api",),
    retention_hours=7 * DAY,
    public=True,
    also_sent_by=("api",),
)
