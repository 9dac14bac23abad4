"""``leadflow`` before a person: a bar, colours, questions, Ctrl-C at any time, and readers that go away."""

import asyncio
import fcntl
import os
import re
import signal
import struct
import termios
from asyncio.subprocess import Process
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from services.operator.client.domain import Exit
from tests.support.importer import CTRL_C, SECONDS, Importer
from tests.support.processes import held, needs_local_stack
from tests.support.stack import Addresses
from tests.support.user import User, csv_file, lead_rows, new_phones
from tests.support.waiting import eventually

COLOUR = re.compile(r"\x1b\[[0-9;]*(?:3[0-8]|9[0-7])[0-9;]*m")


@pytest.fixture
def caller(user: User, stack: Addresses, tmp_path: Path) -> Importer:
    return Importer(user, stack.api_url, tmp_path)


async def test_a_terminal_shows_a_bar(caller: Importer) -> None:
    file = caller.file(csv_file(lead_rows(new_phones(3))))
    async with caller.on_terminal("import", file, *caller.wanted) as terminal:
        assert await terminal.ends() == Exit.DONE, terminal.said
    assert "━" in terminal.said
    assert "100%" in terminal.said
    assert COLOUR.search(terminal.said)
    assert "3 of 3 rows" not in terminal.said, "lines are for where there is no terminal"


@pytest.mark.parametrize("words", [("import",), ("imports", "list")])
async def test_who_wants_no_colour_gets_none(caller: Importer, words: tuple[str, ...]) -> None:
    file = caller.file(csv_file(lead_rows(new_phones(1))))
    given = (*words, file, *caller.wanted) if words == ("import",) else words
    async with caller.on_terminal(*given, NO_COLOR="1") as terminal:
        assert await terminal.ends() == Exit.DONE, terminal.said
    assert not COLOUR.search(terminal.said)


async def test_a_terminal_that_cannot_be_written_over_gets_lines(caller: Importer) -> None:
    file = caller.file(csv_file(lead_rows(new_phones(1))))
    async with caller.on_terminal("import", file, *caller.wanted, TERM="dumb") as terminal:
        assert await terminal.ends() == Exit.DONE, terminal.said
    assert "100%: 1 of 1 rows" in terminal.said
    assert "\x1b" not in terminal.said


@pytest.mark.parametrize("answer", [b"n\n", b"\n", b"\x04"], ids=["no", "nothing", "Ctrl-D"])
async def test_it_asks_and_no_leaves_all_as_it_is(caller: Importer, answer: bytes) -> None:
    found = await caller.user.run(csv_file(lead_rows(new_phones(1))))
    async with caller.on_terminal("imports", "undo", str(found["id"])) as terminal:
        await terminal.says("Up to 1 leads")
        terminal.types(answer)
        assert await terminal.ends() == Exit.USAGE, terminal.said
    assert "Nothing was changed." in terminal.said
    assert (await caller.user.get(f"/imports/{found['id']}/undo")).status_code == 404


async def test_sim_is_an_answer(caller: Importer) -> None:
    found = await caller.user.run(csv_file(lead_rows(new_phones(1))))
    async with caller.on_terminal("imports", "undo", str(found["id"]), LANG="pt_BR.UTF-8") as terminal:
        await terminal.says("[s/N]")
        terminal.types(b"sim\n")
        assert await terminal.ends() == Exit.DONE, terminal.said
    assert (await caller.user.get(f"/imports/{found['id']}/undo")).json()["state"] == "DONE"


async def test_ctrl_c_at_a_question_leaves_all_as_it_is(caller: Importer) -> None:
    found = await caller.user.run(csv_file(lead_rows(new_phones(1))))
    async with caller.on_terminal("imports", "undo", str(found["id"])) as terminal:
        await terminal.says("Up to 1 leads")
        terminal.types(CTRL_C)
        assert await terminal.ends() == Exit.INTERRUPTED, terminal.said
    assert "Traceback" not in terminal.said
    assert (await caller.user.get(f"/imports/{found['id']}/undo")).status_code == 404


async def test_ctrl_c_while_a_token_is_asked_for_keeps_none(caller: Importer) -> None:
    async with caller.on_terminal("auth", "login") as terminal:
        await terminal.says("Token")
        terminal.types(CTRL_C)
        assert await terminal.ends() == Exit.INTERRUPTED, terminal.said
    assert not (caller.home / ".config").exists()


async def test_a_token_that_is_typed_is_not_shown(caller: Importer) -> None:
    token = caller.env.pop("LEADFLOW_TOKEN")
    async with caller.on_terminal("auth", "login") as terminal:
        await terminal.says("Token")
        terminal.types(token.encode() + b"\n")
        assert await terminal.ends() == Exit.DONE, terminal.said
    assert token not in terminal.said


@needs_local_stack
async def test_ctrl_c_before_the_answer_says_that_nobody_knows(caller: Importer) -> None:
    """The file may have arrived: the same command again finds out, and imports nothing twice."""
    file = caller.file(csv_file(lead_rows(new_phones(2))))
    with held("api"):
        async with caller.started("import", file, *caller.wanted) as process, asyncio.timeout(SECONDS):
            await connected(process)
            process.send_signal(signal.SIGINT)
            _, err = await process.communicate()
    assert process.returncode == Exit.INTERRUPTED
    assert "the same command again within 24 hours imports nothing twice" in err.decode()
    assert "Traceback" not in err.decode()
    assert (await caller.run("import", file, *caller.wanted))[0] == Exit.DONE
    assert len((await caller.user.get("/imports")).json()["items"]) == 1


async def connected(process: Process) -> None:
    """Wait until a process has a connection, beside the two ends through which asyncio wakes itself."""

    async def sockets() -> bool:
        return count_of_sockets(process.pid) > 2

    await eventually(sockets, what="a connection")


def count_of_sockets(pid: int) -> int:
    count = 0
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            count += str(path.readlink()).startswith("socket")
    return count


async def test_ctrl_c_while_a_pipe_is_silent_ends_at_once(caller: Importer) -> None:
    theirs, ours = os.pipe()
    try:
        async with (
            caller.started("import", "-", *caller.wanted, stdin=theirs) as process,
            asyncio.timeout(SECONDS),
        ):
            os.write(ours, b"name")
            await eventually(partial(all_read, ours), what="a reader")
            process.send_signal(signal.SIGINT)
            _, err = await process.communicate()
    finally:
        os.close(ours)
        os.close(theirs)
    assert process.returncode == Exit.INTERRUPTED
    assert "Traceback" not in err.decode()


async def all_read(pipe: int) -> bool:
    """Say whether somebody has read all that is in a pipe."""
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4))) == (0,)


@pytest.mark.parametrize(
    "words",
    [("imports", "list"), ("imports", "list", "--json"), ("imports", "rows", "ID"), ("quota",), ("--help",)],
)
async def test_a_reader_that_goes_away_is_no_error_of_ours(caller: Importer, words: tuple[str, ...]) -> None:
    """As `| head` does."""
    found = await caller.user.run(csv_file([*lead_rows(new_phones(1)), *lead_rows(["12"])]), on_invalid_row="skip")
    given = [str(found["id"]) if word == "ID" else word for word in words]
    ours, theirs = os.pipe()
    os.close(ours)
    async with caller.started(*given, stdout=theirs) as process, asyncio.timeout(SECONDS):
        os.close(theirs)
        _, err = await process.communicate()
    assert err == b""
    assert process.returncode == Exit.FAILED


async def test_an_import_whose_reader_goes_away_goes_on(caller: Importer) -> None:
    file = caller.file(csv_file(lead_rows(new_phones(2))))
    ours, theirs = os.pipe()
    os.close(ours)
    async with caller.started("import", file, *caller.wanted, "--json", stdout=theirs) as process:
        os.close(theirs)
        async with asyncio.timeout(SECONDS):
            _, err = await process.communicate()
    assert b"Traceback" not in err
    assert b"BrokenPipe" not in err
    (found,) = (await caller.user.get("/imports")).json()["items"]
    assert (await caller.user.ended(found["id"]))["total_created"] == 2
