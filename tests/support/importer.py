"""Somebody who imports from a shell: the command ``leadflow`` as a process, in a pipe or on a terminal."""

import asyncio
import os
import pty
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tests.support.stack import ROOT
from tests.support.user import User

SECONDS = 90
SHELL = str(ROOT / "tests" / "support" / "as_a_shell_does.py")
MODULE = (sys.executable, "-m", "services.operator.main")
LEADFLOW = (str(Path(sys.executable).parent / "leadflow"),)
"""As it is installed: the name by which a shell knows it."""
CTRL_C = b"\x03"


@dataclass
class Terminal:
    """A terminal with a command in it, from the side of whoever sits before it."""

    process: Process
    said: str
    _reader: asyncio.StreamReader
    _keys: int

    def types(self, keys: bytes) -> None:
        os.write(self._keys, keys)

    async def says(self, text: str) -> None:
        """Wait until the terminal has shown a text."""
        async with asyncio.timeout(SECONDS):
            while text not in self.said:
                assert await self._more(), self.said

    async def ends(self) -> int | None:
        """Wait for the command's end; return its exit code."""
        async with asyncio.timeout(SECONDS):
            while await self._more():
                pass
            return await self.process.wait()

    async def _more(self) -> bool:
        # A terminal that nobody writes to any more ends with an error (EIO).
        with suppress(OSError):
            if read := await self._reader.read(4096):
                self.said += read.decode()
                return True
        return False


class Importer:
    """A user at a shell: ``home`` is theirs alone."""

    def __init__(self, user: User, url: str, home: Path) -> None:
        self.user = user
        self.home = home
        # Nothing of this machine's environment but what a program needs to start: above all no server's secret.
        self.env = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}
        self.env |= {"PYTHONPATH": str(ROOT), "LEADFLOW_API_URL": url, "LEADFLOW_TOKEN": user.tenant.token()}
        data = user.tenant.data()
        self.wanted = ("--account", str(data["account_id"]), "--source", str(data["source_id"]))

    def file(self, content: bytes, name: str = "leads.csv") -> str:
        path = self.home / name
        path.write_bytes(content)
        return str(path)

    @asynccontextmanager
    async def started(
        self,
        *words: str,
        stdin: int = DEVNULL,
        stdout: int = PIPE,
        stderr: int = PIPE,
        env: Mapping[str, str] = MappingProxyType({}),
        program: Sequence[str] = MODULE,
    ) -> AsyncIterator[Process]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, SHELL, *program, *words),
            cwd=self.home,
            env={**self.env, **env},
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def run(self, *words: str, given: bytes | None = None, **env: str) -> tuple[int | None, str, str]:
        """Return exit code, stdout and stderr."""
        stdin = DEVNULL if given is None else PIPE
        async with self.started(*words, stdin=stdin, env=env) as process, asyncio.timeout(SECONDS):
            out, err = await process.communicate(given)
        assert b"Traceback" not in err, err.decode()
        assert "\x1b" not in (out + err).decode(), "colours are for terminals"
        return process.returncode, out.decode(), err.decode()

    @asynccontextmanager
    async def on_terminal(self, *words: str, **env: str) -> AsyncIterator[Terminal]:
        """Yield a terminal of 100 columns with a command in it."""
        ours, theirs = pty.openpty()
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(ours, "rb", 0)
        )
        shown = {"TERM": "xterm-256color", "COLUMNS": "100", "TAKE_TERMINAL": "1"}
        try:
            async with self.started(*words, stdin=theirs, stdout=theirs, stderr=theirs, env=shown | env) as process:
                os.close(theirs)
                yield Terminal(process, "", reader, ours)
        finally:
            transport.close()
