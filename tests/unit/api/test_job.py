"""What crosses the border of processes: jobs and results as JSON, chunks in the spool file."""

import json
from pathlib import Path

import pytest

from services.api.domain.job import Limits, ParseJob, ParseResult
from services.api.domain.problems import Detail, Refused
from services.api.domain.spool import read_spool, write_chunk


def test_a_job_and_its_result_survive_json() -> None:
    job = ParseJob("a", "b", {"import_id": 7, "tag_ids": [5]}, Limits(max_rows=9), "skip", 10, 1_000)
    assert ParseJob.from_json(job.to_json()) == job
    refused = Refused("invalid_rows", "x", [Detail("name_missing", "m", 2, "name")], 7)
    for result in (ParseResult(3, 1, 1, 1, "ab"), ParseResult(refusal=refused)):
        assert ParseResult.from_plain(json.loads(json.dumps(result.to_plain()))) == result


def test_limits_of_bytes_follow_from_rows() -> None:
    assert Limits(max_rows=5_000).max_bytes == 20_480_000
    assert Limits(max_rows=1).max_bytes == 1 << 20
    assert Limits(max_rows=1, max_bytes=5).max_bytes == 5


@pytest.mark.parametrize("left", [3, 12])
def test_a_spool_that_ends_inside_a_chunk_is_an_error(tmp_path: Path, left: int) -> None:
    spool = tmp_path / "spool"
    with spool.open("wb") as file:
        write_chunk(file, 2, b"payload")
    assert list(read_spool(spool)) == [(0, 2, b"payload")]
    spool.write_bytes(spool.read_bytes()[:left])
    with pytest.raises(EOFError):
        list(read_spool(spool))
