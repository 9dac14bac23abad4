"""All topics of leads."""

from libs.common.topics import Registry
from libs.contracts.leads.internal.topics import ENROLL_LETTERS
from libs.contracts.leads.topics import LEAD_CHANGED, LEAD_CREATED, LEAD_DELETED, LEAD_STATUS_CHANGED

REGISTRY = Registry(
    owner="leads",
    topics=(LEAD_CREATED, LEAD_STATUS_CHANGED, LEAD_CHANGED, LEAD_DELETED),
    dead_letters=ENROLL_LETTERS,
)
