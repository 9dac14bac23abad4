"""All topics of the import, in the order in which a row passes them."""

from libs.common.topics import Registry
from libs.contracts.lead_import.internal.topics import (
    CHUNK_ACCEPTED,
    CHUNK_CREATED,
    CHUNK_DEDUPLICATED,
    CHUNK_TAGGED,
    DEAD_LETTERS,
)
from libs.contracts.lead_import.topics import IMPORT_ACCEPTED, IMPORT_FINISHED

REGISTRY = Registry(
    owner="lead_import",
    topics=(
        IMPORT_ACCEPTED,
        CHUNK_ACCEPTED,
        CHUNK_DEDUPLICATED,
        CHUNK_TAGGED,
        CHUNK_CREATED,
        IMPORT_FINISHED,
    ),
    dead_letters=DEAD_LETTERS,
    lag_watchers=("finalizer",),
)
