"""The worker process of ``services.api.reading.pool``: one job a line on stdin, one answer a line on stdout.

It is a process of its own so that a hostile file can cost neither the api's event loop, nor its memory, nor
its life. It ends when stdin ends, so it does not outlive the api however that ended.

    python -m services.api.reading.worker
"""

import errno
import gc
import json
import os
import resource
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType
from typing import TextIO

from libs.common.process.secrecy import hide_from_neighbours
from libs.common.web.refusals import Refused
from libs.spreadsheets.limits import EXCEL_CELL_LIMIT, Limits
from services.api.reading.domain.file_to_chunks import file_to_chunks
from services.api.reading.domain.job import ReadingJob, ReadingResult
from services.api.reading.domain.rows import validate_row

_MEMORY_FOR_ANY_FILE = 384 << 20
_MEMORY_PER_ROW = 2 << 10
"""Bytes. Three times what rows of an XLSX were measured to take (200,000 rows: 115 MB), so that the bound stops files
that were made to fill the memory, and no honest one."""

_KIBIBYTE = 1024


def main() -> None:
    """Answer jobs until stdin ends."""
    hide_from_neighbours()  # from the other readers: they hold other companies' files
    answers, words = _own_streams()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole terminal; the api decides
    signal.signal(signal.SIGALRM, _too_slow)
    # Python's search for objects that refer to each other in circles would cost a tenth of a job's time, because it
    # looks through all of the job's rows again and again. A job leaves hardly any such circle, so the search is made
    # once after each job.
    gc.disable()
    own_memory = _address_space()
    _warm_up()
    _say(answers, {"ready": True})
    for line in sys.stdin:
        job = ReadingJob.from_json(line)
        resource.setrlimit(resource.RLIMIT_AS, (own_memory + _memory(job.limits), resource.RLIM_INFINITY))
        result, sound = _within(job, words)
        _say(answers, {"result": result.to_plain(), "sound": sound, "peak_memory": _peak_memory()})
        gc.collect()


def _warm_up() -> None:
    """Load the tables and compile the patterns of the slow paths now, not in somebody's upload."""
    validate_row(2, ["é", "+351 912 345 678", "", "é@example.com", ""], EXCEL_CELL_LIMIT)
    gc.collect()
    gc.freeze()  # what is loaded by now stays: looking through it after each upload would take 10 ms


def _own_streams() -> tuple[TextIO, TextIO]:
    """Return stdout for answers alone, and stderr for our own words.

    What libraries print goes nowhere: a failed assertion in calamine quotes the cell that it stumbled over.
    """
    answers, words = os.fdopen(os.dup(1), "w"), os.fdopen(os.dup(2), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    return answers, words


def _say(answers: TextIO, plain: dict[str, object]) -> None:
    answers.write(json.dumps(plain) + "\n")
    answers.flush()


def _within(job: ReadingJob, words: TextIO) -> tuple[ReadingResult, bool]:
    """Read the file within the job's time and memory; whatever goes wrong is an answer.

    The second value tells whether this process is sound: it was not interrupted at an unknown place.
    """
    try:
        signal.setitimer(signal.ITIMER_REAL, job.limits.seconds)
        try:
            result = file_to_chunks(job)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except _TooSlow:
        return ReadingResult(refusal=Refused("file_too_slow")), False
    except MemoryError:
        return ReadingResult(refusal=Refused("file_too_large", "Reading the file takes too much memory.")), False
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return ReadingResult(refusal=Refused("no_room")), True
        return ReadingResult(refusal=Refused("unavailable", "The upload cannot be read or spooled now.")), True
    except Exception as error:  # noqa: BLE001 the next job must find a worker
        # The message of an error may quote a cell, so only its kind and place are written down.
        words.write(f"reading: {type(error).__name__}\n" + "".join(traceback.format_tb(error.__traceback__)))
        words.flush()
        return ReadingResult(refusal=Refused("internal_error")), False
    return result, True


class _TooSlow(BaseException):
    """The job's time is over. No library may catch it."""


def _too_slow(_signal: int, _frame: FrameType | None) -> None:
    raise _TooSlow


def _memory(limits: Limits) -> int:
    return _MEMORY_FOR_ANY_FILE + _MEMORY_PER_ROW * limits.max_rows


def _address_space() -> int:
    """Return the size of this process' address space in bytes."""
    return _status("VmSize")


def _peak_memory() -> int:
    """Return the most memory that this process held, in bytes.

    ``getrusage`` would tell the api's memory when that is more: a new process inherits it.
    """
    return _status("VmHWM")


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) * _KIBIBYTE


if __name__ == "__main__":
    main()
