"""Files that must not outlive a call: they hold personal data and take up the disk."""

import os
import shutil
import tempfile
from pathlib import Path
from tempfile import TemporaryDirectory

_FOLDER = "leadflow-upload-"


def temporary_folder() -> TemporaryDirectory[str]:
    """Return a new folder for what must not outlive a call: ``forget_files_of_the_dead`` finds it after a crash."""
    return TemporaryDirectory(prefix=f"{_FOLDER}{os.getpid()}-")


def forget_files_of_the_dead() -> None:
    """Remove what calls left behind whose process was killed.

    Folders are named after the process that made them, and those of processes that live are left alone. A folder of
    this process' own number is an earlier one's, as in a container that was started again: this one has none yet.
    """
    for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*"):
        pid = folder.name.removeprefix(_FOLDER).partition("-")[0]
        if pid.isdigit() and (int(pid) == os.getpid() or not Path(f"/proc/{pid}").exists()):
            shutil.rmtree(folder, ignore_errors=True)
