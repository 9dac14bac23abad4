"""A file a test."""

from pathlib import Path
from typing import Any

import pytest

from libs.contracts.lead_import.internal.messages import ChunkAccepted
from services.api.reading.domain.job import ReadingResult
from tests.unit.api.reading.runs import Run, run_on


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run_text(content: str, **options: Any) -> tuple[ReadingResult, list[ChunkAccepted]]:
        (tmp_path / "upload").write_text(content, newline="")
        return run_on(tmp_path / "upload", tmp_path / "spool", **options)

    return run_text
