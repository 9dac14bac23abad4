"""The topics of leads, each keyed by the lead: one lead's events stay in the order in which they came to be.

They are written into the outbox, which the relays of api and finalizer empty. Of leads that an import made enroller
publishes ``LeadCreated`` itself.
"""

from libs.common.topics import DAY, Topic
from libs.contracts.leads.events import LeadChanged, LeadCreated, LeadDeleted, LeadStatusChanged

_RELAYS = ("api", "finalizer")

LEAD_CREATED = Topic(
    name="lead.created.v1",
    event=LeadCreated,
    event_type="LeadCreated",
    key=lambda event: str(event.lead_id),
    identity=lambda event: str(event.lead_id),
    owner="leads",
    readers=(),
    retention_hours=7 * DAY,
    # It carries an address: who may read it has a right of his own.
    public=False,
    also_sent_by=(*_RELAYS, "enroller"),
)
LEAD_STATUS_CHANGED = Topic(
    name="lead.status-changed.v1",
    event=LeadStatusChanged,
    event_type="LeadStatusChanged",
    key=lambda event: str(event.lead_id),
    # By its time: a lead may go the same way twice.
    identity=lambda event: f"{event.lead_id}:{event.new_status}:{event.timestamp.isoformat()}",
    owner="leads",
    readers=(),
    retention_hours=7 * DAY,
    public=True,
    also_sent_by=_RELAYS,
)
LEAD_CHANGED = Topic(
    name="lead.changed.v1",
    event=LeadChanged,
    event_type="lead:changed",
    key=lambda event: str(event.lead_id),
    identity=lambda event: f"{event.lead_id}:{event.version}",
    owner="leads",
    readers=(),
    retention_hours=7 * DAY,
    public=True,
    also_sent_by=_RELAYS,
)
LEAD_DELETED = Topic(
    name="lead.deleted.v1",
    event=LeadDeleted,
    event_type="lead:deleted",
    key=lambda event: str(event.lead_id),
    identity=lambda event: f"{event.lead_id}:{'erased' if event.erased else 'deleted'}:{event.timestamp.isoformat()}",
    owner="leads",
    readers=(),
    retention_hours=7 * DAY,
    public=True,
    also_sent_by=_RELAYS,
)
