"""Original cells are cut and lose NUL, and a chunk is closed by rows or by bytes, whichever comes first."""

from pathlib import Path
from typing import Any

import pytest

from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.messages import MAX_CHUNK_BYTES, ChunkAccepted, Outcome
from libs.spreadsheets.cut_cells import cut
from services.api.reading.domain.file_to_chunks import file_to_chunks
from services.api.reading.domain.kept_cells import LONGEST_KEPT
from services.api.reading.domain.spool import read_spool
from services.creator.domain import CHAT_EXISTS, LEAD_EXISTS
from services.creator.questions import NOT_ON_WHATSAPP, WHATSAPP_REFUSED, WHATSAPP_UNKNOWN
from tests.support.chunks import new_phones, settled_row
from tests.support.imports import accepted_chunk, insert_import, live_rows, reading_job
from tests.support.kafka import unique
from tests.support.pipeline import Pipeline
from tests.support.platform import Tenant
from tests.support.readers import Stored
from tests.support.user import csv_file

LONGEST_REASON = max(
    len(verdict.reason) for verdict in (LEAD_EXISTS, CHAT_EXISTS, NOT_ON_WHATSAPP, WHATSAPP_REFUSED, WHATSAPP_UNKNOWN)
)


def parsed(tenant: Tenant, folder: Path, rows: list[list[str]], import_id: int) -> list[ChunkAccepted]:
    """Return the chunks that the api makes of a file of these rows, invalid ones skipped."""
    (folder / "upload").write_bytes(csv_file(rows))
    job = reading_job(tenant, import_id, folder, envelope={"tag_ids": tenant.tag_ids}, on_invalid_row="skip")
    result = file_to_chunks(job)
    assert result.refusal is None, result.refusal
    payloads = [payload for _, _, payload in read_spool(folder / "spool")]
    assert all(len(payload) < MAX_CHUNK_BYTES for payload in payloads)
    return [ChunkAccepted.model_validate_json(payload) for payload in payloads]


async def stored_rows(db: Stored, import_id: int) -> dict[int, dict[str, Any]]:
    rows = await db.rows("SELECT * FROM amigocare.lead_import_rows WHERE import_id = :i", i=import_id)
    return {row["row_number"]: row for row in rows}


async def test_a_cell_with_nul_or_of_many_characters_is_stored_without_and_cut(
    pipeline: Pipeline, postgres: Postgres, db: Stored, tenant: Tenant, tmp_path: Path
) -> None:
    import_id = await insert_import(postgres, tenant, row_counts=[3], name=unique("n"))
    (phone,) = new_phones(1)
    rows = [
        ["Ana\x00Lúcia", "não tem", "", "", ""],
        ["ç" * 15_000, phone, "", "", ""],
        ["Bia", phone, "111.111.111-11", "x" * 30_000, "\x00"],
    ]
    (chunk,) = parsed(tenant, tmp_path, rows, import_id)
    await pipeline.whole(chunk)
    found = await stored_rows(db, import_id)
    assert found[2]["cells"][0] == "AnaLúcia"
    assert found[3]["cells"][0] == "ç" * 15_000
    assert found[4]["cells"] == ["Bia", phone, "111.111.111-11", cut("x" * 30_000, LONGEST_KEPT), ""]
    assert {row["outcome"] for row in found.values()} == {"error"}


async def test_a_file_of_large_cells_is_more_chunks_each_below_the_limit_at_every_stage(
    pipeline: Pipeline, postgres: Postgres, db: Stored, tenant: Tenant, tmp_path: Path
) -> None:
    # Valid rows, as large as the rules allow, padded by what trimming takes off; and as many invalid ones.
    tags = ",".join(f"{number}{'Ç' * 48}" for number in range(5))
    rows = []
    for number, phone in enumerate(new_phones(300)):
        rows.append(["🚀" * 255, f"{' ' * 900}{phone}", "", "a" * 64 + "@" + "b" * 60 + ".com.br", tags])
        rows.append(["é" * 999, f"não é telefone {number}", "é" * 999, "é" * 999, "é" * 999])
    import_id = await insert_import(postgres, tenant, row_counts=[600], name=unique("n"))
    chunks = parsed(tenant, tmp_path, rows, import_id)
    assert len(chunks) > 2, "by their number the rows would be one chunk"
    seen = []
    for chunk in chunks:
        await db.execute(
            "INSERT INTO amigocare.lead_import_chunks (import_id, chunk_index, row_count) VALUES (:i, :c, :r)"
            " ON CONFLICT DO NOTHING",
            i=import_id,
            c=chunk.chunk_index,
            r=chunk.row_count,
        )
        deduplicated = await pipeline.dedup(chunk)
        tagged = await pipeline.tag(deduplicated)
        assert tagged
        created = await pipeline.create(tagged)
        for message in (deduplicated, tagged, created):
            assert len(message.model_dump_json().encode()) < MAX_CHUNK_BYTES
        seen += created.live.row + [row.row for row in created.settled]
    assert sorted(seen) == list(range(2, 602))
    assert await db.consistent(tenant.company_id) == 300


async def test_a_chunk_of_which_every_row_gains_all_it_can_stays_below_the_limit(
    pipeline: Pipeline, postgres: Postgres, tenant: Tenant, tmp_path: Path
) -> None:
    """Every live row is settled at the creator, with the longest reason, after it got ten tags."""
    rows = [[f"{'Ç' * 200}{number}", phone, "", "", "a,b,c,d,e"] for number, phone in enumerate(new_phones(500))]
    import_id = await insert_import(postgres, tenant, row_counts=[500], name=unique("n"))
    chunks = parsed(tenant, tmp_path, rows, import_id)
    for chunk in chunks:
        ten_tags = [[2**31 - 1 - number for number in range(10)] for _ in range(len(chunk.live))]
        tagged_size = len(chunk.model_dump_json().encode()) + len(str(ten_tags))
        settled = [
            settled_row(row, Outcome.EXISTING, "x" * LONGEST_REASON).model_copy(
                update={"cells": chunk.live.original_cells(index)}
            )
            for index, row in enumerate(chunk.live.row)
        ]
        whole = accepted_chunk(tenant, import_id, live_rows([]), settled=settled)
        assert max(tagged_size, len(whole.model_dump_json().encode())) < MAX_CHUNK_BYTES
    assert sum(chunk.row_count for chunk in chunks) == 500


@pytest.mark.parametrize("unwanted", ["\x00", "\ud800", "a\x00b"])
async def test_the_database_would_refuse_what_the_parser_takes_out(
    unwanted: str, pipeline: Pipeline, postgres: Postgres, tenant: Tenant
) -> None:
    """A check that cannot fail proves nothing."""
    import_id = await insert_import(postgres, tenant, row_counts=[1], name=unique("n"))
    row = settled_row(2).model_copy(update={"cells": [unwanted]})
    with pytest.raises(Exception, match=r"(?i)unicode|surrogates"):
        await pipeline.whole(accepted_chunk(tenant, import_id, live_rows([]), settled=[row]))
