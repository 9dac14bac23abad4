"""All topics of the undo."""

from libs.common.topics import Registry
from libs.contracts.lead_undo.internal.topics import UNDO_LETTERS, UNDO_REQUESTED
from libs.contracts.lead_undo.topics import IMPORT_UNDONE

REGISTRY = Registry(owner="lead_undo", topics=(UNDO_REQUESTED, IMPORT_UNDONE), dead_letters=UNDO_LETTERS)
