"""Settings of the services that relay chunks."""

from pydantic import Field

from libs.common.settings import RelaySettings


class ChunkRelaySettings(RelaySettings):
    """How the chunks' outbox is relayed."""

    window_alone: int = Field(3, ge=1)
    """Chunks of an import in flight at most, while it is the only one.

    One for each that a creator works on: there is always one on its way, and more only lengthen the queue that the
    next import waits in. The creators together have twice as many members, so that half of them are free for it.
    """
    window_shared: int = Field(2, ge=1)
    """The same while other imports are in progress: smaller is fairer."""
