"""An upload takes up the disk once, and a full disk is called by its name: on a disk of the test's own, of 8 MiB."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.stack import ROOT

DISK = 8 << 20

SCRIPT = """
import asyncio, json, os
from pathlib import Path
from starlette.requests import Request
from libs.common.web.refusals import Refused
from services.api.http.upload import receive_upload

BORDER = b"--border"

def body(size):
    yield BORDER + b'\\r\\nContent-Disposition: form-data; name="data"\\r\\n\\r\\n{}\\r\\n'
    yield BORDER + b'\\r\\nContent-Disposition: form-data; name="file"; filename="a.csv"\\r\\n\\r\\n'
    for _ in range(size // 65536):
        yield b"a" * 65536
    yield b"\\r\\n" + BORDER + b"--\\r\\n"

def request(size):
    pieces = [{"type": "http.request", "body": piece, "more_body": True} for piece in body(size)]
    pieces.append({"type": "http.request", "body": b"", "more_body": False})
    waiting = iter(pieces)
    async def receive():
        return next(waiting)
    headers = [(b"content-type", b"multipart/form-data; boundary=border")]
    return Request({"type": "http", "method": "POST", "headers": headers}, receive)

def used():
    disk = os.statvfs(os.environ["TMPDIR"])
    return (disk.f_blocks - disk.f_bfree) * disk.f_frsize

async def upload(size):
    try:
        async with receive_upload(request(size), max_bytes=1 << 30, seconds=30) as found:
            return {"used": used(), "size": found.path.stat().st_size, "sha256": found.sha256}
    except Refused as refused:
        return {"refused": refused.code}

print(json.dumps([{**asyncio.run(upload(size)), "left": used()} for size in SIZES]))
"""


def uploads(folder: Path, sizes: list[int]) -> list[dict[str, int | str]]:
    """Receive files of these sizes one after the other where the disk has ``DISK`` bytes."""
    mount = f"mount -t tmpfs -o size={DISK} none {folder} && exec {sys.executable} -c 'exec(input())'"
    own = [shutil.which("unshare") or "unshare", "--map-root-user", "--mount"]
    if subprocess.run([*own, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a disk of his own (unshare --map-root-user --mount)")
    done = subprocess.run(
        [*own, "sh", "-c", mount],
        input=f"exec({SCRIPT.replace('SIZES', str(sizes))!r})\n",
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "TMPDIR": str(folder), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[dict[str, int | str]] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_an_upload_takes_up_the_disk_once_and_nothing_is_left_of_it(tmp_path: Path) -> None:
    """Two thirds of the disk: a copy beside it would not fit."""
    size = DISK * 2 // 3 // 65536 * 65536
    [found] = uploads(tmp_path, [size])
    assert found["size"] == size
    assert isinstance(found["used"], int)
    assert size <= found["used"] < size + 192 * 1024
    assert found["left"] == 0


def test_a_full_disk_is_said_to_be_full_and_the_next_upload_finds_room(tmp_path: Path) -> None:
    full, small = uploads(tmp_path, [DISK + 65536, 65536])
    assert full == {"refused": "no_room", "left": 0}
    assert small["size"] == 65536
