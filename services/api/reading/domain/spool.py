"""The spool: a file of ready chunk payloads that a reading process writes and the accepting transaction reads.

One frame a chunk: number of rows and number of bytes, both unsigned 32 bit big-endian, then the bytes.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_FRAME = struct.Struct(">II")


def write_chunk(spool: BinaryIO, row_count: int, payload: bytes) -> None:
    """Append one chunk."""
    spool.write(_FRAME.pack(row_count, len(payload)))
    spool.write(payload)


def read_spool(path: str | Path) -> Iterator[tuple[int, int, bytes]]:
    """Yield ``(chunk_index, row_count, payload)`` in order; payloads are the JSON of ``ChunkAccepted``.

    Raises EOFError when the file ends inside a frame.
    """
    with Path(path).open("rb") as spool:
        chunk_index = 0
        while frame := spool.read(_FRAME.size):
            if len(frame) < _FRAME.size:
                raise EOFError(path)
            row_count, length = _FRAME.unpack(frame)
            payload = spool.read(length)
            if len(payload) < length:
                raise EOFError(path)
            yield chunk_index, row_count, payload
            chunk_index += 1
