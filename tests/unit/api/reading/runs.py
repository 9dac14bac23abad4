"""Reads a text as an upload."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from libs.contracts.lead_import.internal.messages import ChunkAccepted
from services.api.reading.domain.file_to_chunks import file_to_chunks
from services.api.reading.domain.job import ReadingJob, ReadingResult
from services.api.reading.domain.spool import read_spool
from tests.support.imports import CHUNK_ROWS

HEAD = "name,phone,cpf,email,tags\n"
ENVELOPE: dict[str, Any] = {
    "import_id": 7,
    "company_id": 1,
    "account_id": 2,
    "source_id": 3,
    "creator_id": 4,
    "tag_ids": [5, 6],
    "accepted_at": "2026-11-23T10:00:00+00:00",
}

Run = Callable[..., tuple[ReadingResult, list[ChunkAccepted]]]


def run_on(upload: Path, spool: Path, **options: Any) -> tuple[ReadingResult, list[ChunkAccepted]]:
    """Read the upload; the chunks are those of the spool unless the file was refused."""
    result = file_to_chunks(ReadingJob(str(upload), str(spool), ENVELOPE, **{"chunk_rows": CHUNK_ROWS} | options))
    if result.refusal:
        return result, []
    frames = list(read_spool(spool))
    chunks = [ChunkAccepted.model_validate_json(payload) for _, _, payload in frames]
    assert [(index, rows) for index, rows, _ in frames] == [(chunk.chunk_index, chunk.row_count) for chunk in chunks]
    assert [chunk.chunk_index for chunk in chunks] == list(range(result.chunk_count))
    assert sum(chunk.row_count for chunk in chunks) == result.total_rows
    return result, chunks


def rows(count: int) -> str:
    return "".join(f"Lead {at},119{at:08},,,\n" for at in range(count))
