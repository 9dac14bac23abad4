"""What a killed process left in the temporary folder is personal data: the next one removes it, and nothing else."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from libs.common.web.temporary_files import forget_files_of_the_dead, temporary_folder


def ended_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_folders_of_processes_that_live_stay_and_those_of_the_dead_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    names = {
        f"leadflow-upload-{ended_process()}-abc": False,
        f"leadflow-upload-{os.getpid()}-abc": False,  # of an earlier process of the same number, in a container
        f"leadflow-upload-{os.getppid()}-abc": True,
        "leadflow-upload-none": True,
        "another-1-abc": True,
    }
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "upload").write_text("Ana,11912345678,,,")
    forget_files_of_the_dead()
    assert {name: (tmp_path / name).exists() for name in names} == names


def test_a_folder_is_named_after_its_process_so_that_it_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with temporary_folder() as folder:
        (Path(folder) / "rows.xml").write_text("Ana")
        forget_files_of_the_dead()  # as this process does at its start, when it has none
        assert list(tmp_path.iterdir()) == []
