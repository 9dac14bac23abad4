"""What crosses the border of processes: jobs and results as JSON, chunks in the spool file."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from libs.common.web.refusals import Detail, Refused
from libs.fields.custom_values import OwnField
from libs.spreadsheets.limits import Limits
from services.api.reading.domain.job import ReadingJob, ReadingResult
from services.api.reading.domain.spool import read_spool, write_chunk


def test_a_job_and_its_result_survive_json() -> None:
    job = ReadingJob(
        "a", "b", {"import_id": 7, "tag_ids": [5]}, Limits(max_rows=9), "skip", chunk_rows=10, chunk_bytes=1_000
    )
    assert ReadingJob.from_json(job.to_json()) == job
    own = [OwnField("cidade", "Cidade", "string")]
    for fields in ([], own):
        keeping = replace(job, own_fields=fields)
        assert ReadingJob.from_json(keeping.to_json()) == keeping
    refused = Refused("invalid_rows", "x", [Detail("name_missing", "m", 2, "name")], 7)
    made = ReadingResult(1, 1, new_fields=own)
    for result in (ReadingResult(3, 1, 1, 1, ["name"], ";"), made, ReadingResult(refusal=refused)):
        assert ReadingResult.from_plain(json.loads(json.dumps(result.to_plain()))) == result


@pytest.mark.parametrize("left", [3, 12])
def test_a_spool_that_ends_inside_a_chunk_is_an_error(tmp_path: Path, left: int) -> None:
    spool = tmp_path / "spool"
    with spool.open("wb") as file:
        write_chunk(file, 2, b"payload")
    assert list(read_spool(spool)) == [(0, 2, b"payload")]
    spool.write_bytes(spool.read_bytes()[:left])
    with pytest.raises(EOFError):
        list(read_spool(spool))
