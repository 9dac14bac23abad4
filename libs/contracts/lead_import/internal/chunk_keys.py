"""Which chunk a message is about, by its key: ``import_id:chunk_index``."""

from libs.common.messages import ID_LIMIT

CHUNK_KEY_BYTES = 24


def chunk_of_key(key: bytes | None) -> tuple[int, int] | None:
    """Return (import id, chunk index) of a chunk message's key, or None when it is no such key."""
    import_id, colon, chunk_index = (key or b"").partition(b":")
    if colon and import_id.isdigit() and chunk_index.isdigit() and len(key or b"") <= CHUNK_KEY_BYTES:
        chunk = int(import_id), int(chunk_index)
        return chunk if max(chunk) <= ID_LIMIT else None
    return None
