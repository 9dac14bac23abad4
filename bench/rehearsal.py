"""``make rehearse``: a slow WhatsApp provider, imports, and creators that follow the lag as they would in a cluster.

Starts a stack of its own, scales creators by ``bench/autoscaler.py``, and ends when the first one is alone again, each
row is accounted for and each lead is in the database. Writes ``bench/results/rehearsal.json`` and the picture of
docs/guide/scaling.md.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import asyncpg
import httpx

from bench.autoscaler import Autoscaler, Scaling, shipped
from bench.client import Client
from bench.figures import RESULTS, machine
from bench.rehearsal_picture import draw
from bench.rows import csv_file, row
from bench.shipped import taken_with
from bench.stack import Stack, running
from deploy.local.process_names import service_of
from deploy.local.whatsapp_provider import fate
from deploy.processes import BY_NAME
from libs.common.kafka.lag import partition_lags
from libs.common.settings import KafkaSettings

SERVICE = "creator"
SAVED = RESULTS / "rehearsal.json"
PACE = 2.0
"""All times of the scaling are divided by it: in a cluster the last process goes six minutes after the last need."""
ANSWER_MS, REFUSED = 250, 20
"""Of the provider: how long it takes for a number, and how many of a thousand it refuses."""
CHUNK_ROWS = 50
IMPORTS, ROWS, SHARED = 10, 2_000, 100
"""Uploaded at once; each has some phones of the one before."""
ALONE, SMALL = 1_000, 200
"""Rows of the import before them, and of each of those that follow until one creator is left."""
SECONDS, SECONDS_OF_SCALING = 240, 480
"""Longer than both, the second at the pace that is wished, something is wrong."""
ENDED = "SELECT (SELECT count(*) FROM amigocare.amigocare_leads) + (SELECT count(*) FROM amigocare.lead_import_rows)"


@dataclass(frozen=True, slots=True)
class Sample:
    """What was seen ``at`` so many seconds after the beginning."""

    at: float
    lag: int
    processes: int
    rows: int
    """Rows that have ended, since the beginning."""


@dataclass(slots=True)
class Rehearsal:
    """One rehearsal on a running stack."""

    stack: Stack
    scaling: Scaling
    kafka: KafkaSettings
    client: Client
    began: float = field(default_factory=time.monotonic)
    samples: list[Sample] = field(default_factory=list)
    uploads: list[tuple[int, range]] = field(default_factory=list)
    """Each import's id, and the numbers of its rows (``bench/rows.py``)."""
    marks: dict[str, float] = field(default_factory=dict)
    """When ``many`` were uploaded at once, and when that was ``over``."""

    @property
    def now(self) -> float:
        return time.monotonic() - self.began

    @property
    def processes(self) -> int:
        return sum(service_of(name) == SERVICE for name in self.stack.processes())

    def say(self, what: str) -> None:
        print(f"{self.now:4.0f} s: {what}", flush=True)

    async def lag(self) -> int:
        read = (self.scaling.group, self.scaling.topic)
        return sum((await partition_lags(self.kafka, [read]))[read].values())

    async def watch(self) -> None:
        """Write down every second what there is to see."""
        connection = await asyncpg.connect(self.stack.postgres_url)
        try:
            while True:
                lag, processes = await self.lag(), await asyncio.to_thread(lambda: self.processes)
                self.samples.append(Sample(self.now, lag, processes, await connection.fetchval(ENDED)))
                await asyncio.sleep(1)
        finally:
            await connection.close()

    async def control(self) -> None:
        """Scale, as KEDA and the cluster would."""
        scaler, due = Autoscaler(self.scaling), self.now
        while True:
            lag, processes = await self.lag(), await asyncio.to_thread(lambda: self.processes)
            wanted = scaler.decide(self.now, lag, processes)
            if wanted != processes:
                self.say(f"{lag} messages wait: {processes} → {wanted} creators")
                await asyncio.to_thread(self.stack.scale, SERVICE, wanted)
            due = max(due + self.scaling.every, self.now)
            await asyncio.sleep(due - self.now)

    async def imported(self, numbers: range) -> None:
        import_id = await asyncio.to_thread(self.client.post, csv_file(numbers.start, len(numbers)))
        self.uploads.append((import_id, numbers))
        for _ in range(2 * SECONDS):
            if (await asyncio.to_thread(self.client.get, import_id))["status"] != "PROCESSING":
                return
            await asyncio.sleep(0.5)
        raise RuntimeError(f"import {import_id} does not end")

    async def play(self) -> None:
        """One import alone, many at once, and small ones until the first creator is alone again."""
        self.say(f"an import of {ALONE:,} rows, alone")
        await self.imported(range(ALONE))
        self.marks["many"] = self.now
        self.say(f"{IMPORTS} imports of {ROWS:,} rows at once")
        starts = [ALONE + number * (ROWS - SHARED) for number in range(IMPORTS)]
        await asyncio.gather(*(self.imported(range(start, start + ROWS)) for start in starts))
        self.marks["over"] = self.now
        self.say("they have ended; small ones follow")
        start = starts[-1] + ROWS
        while self.processes > self.scaling.minimum:
            await self.imported(range(start, start + SMALL))
            start += SMALL
            await asyncio.sleep(2)
        await self.imported(range(start, start + SMALL))

    async def check(self) -> dict[str, int]:
        """Hold every import against its file, and the database against all of them; raise when a row is missing."""
        found = [(await asyncio.to_thread(self.client.get, each), numbers) for each, numbers in self.uploads]
        for view, numbers in found:
            total = view["total_created"] + view["total_existing"] + view["total_errors"]
            if view["status"] != "FINISHED" or total != len(numbers):
                raise RuntimeError(f"rows are lost: {view}")
        connection = await asyncpg.connect(self.stack.postgres_url)
        try:
            leads = await connection.fetchval("SELECT count(*) FROM amigocare.amigocare_leads WHERE NOT is_deleted")
        finally:
            await connection.close()
        uploaded = {number for _, numbers in self.uploads for number in numbers}
        welcome = sum(fate(f"+55{row(number).phone}", refused=REFUSED, failing=0) == "present" for number in uploaded)
        created = sum(view["total_created"] for view, _ in found)
        if not leads == created == welcome:
            raise RuntimeError(f"{welcome} phones should be leads; {created} were created, {leads} are stored")
        return {
            "imports": len(found),
            "rows": sum(len(numbers) for _, numbers in self.uploads),
            "created": created,
            "existing": sum(view["total_existing"] for view, _ in found),
            "errors": sum(view["total_errors"] for view, _ in found),
            "lost": 0,
        }

    async def run(self) -> dict[str, int]:
        """Play, watched and scaled; return what was counted at the end."""
        others = [asyncio.create_task(self.watch()), asyncio.create_task(self.control())]
        playing = asyncio.create_task(self.play())
        try:
            await asyncio.wait([playing, *others], return_when=asyncio.FIRST_COMPLETED)
            for each in others:
                if each.done():
                    each.result()  # it ends by an error only
            await playing
        finally:
            for each in (playing, *others):
                each.cancel()
            await asyncio.gather(playing, *others, return_exceptions=True)
        return await self.check()


def figures(samples: Sequence[Sample], many: float, over: float) -> dict[str, float]:
    """Return rows a second of one creator and of all, and after how many seconds their number changed.

    ``many`` and ``over``: when many imports were uploaded at once, and when they had ended.
    """
    first, most = samples[0].processes, max(each.processes for each in samples)
    busy = [each for each in samples if many <= each.at <= over and each.processes == most and each.lag >= most]
    alone = next(each.at for each in samples if each.at > over and each.processes == first)
    return {
        "creators": most,
        "of_one": _speed([each for each in samples if each.at < many and each.lag]),
        "of_all": _speed(busy),
        "grown_after": busy[0].at - many,
        "shrunk_after": alone - over,
    }


def _speed(samples: Sequence[Sample]) -> float:
    return (samples[-1].rows - samples[0].rows) / (samples[-1].at - samples[0].at)


async def rehearse(stack: Stack, pace: float) -> dict[str, Any]:
    """Return what is saved of a rehearsal."""
    scaling = replace(shipped(SERVICE), minimum=1).at(pace)
    with Client(stack) as client:
        rehearsal = Rehearsal(stack, scaling, KafkaSettings(kafka_bootstrap=stack.kafka_bootstrap), client)
        async with asyncio.timeout(SECONDS + SECONDS_OF_SCALING / pace):
            counts = await rehearsal.run()
    many, over = rehearsal.marks["many"], rehearsal.marks["over"]
    return {
        "pace": pace,
        "scaling": asdict(scaling),
        "settings": stack.settings,
        "machine": machine(),
        "marks": rehearsal.marks,
        "counts": counts,
        "figures": figures(rehearsal.samples, many, over),
        "samples": [[round(each.at, 1), each.lag, each.processes, each.rows] for each in rehearsal.samples],
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="make rehearse", description=__doc__)
    parser.add_argument(
        "--pace", type=float, default=PACE, help="times of the scaling are divided by it; 1: as shipped"
    )
    parser.add_argument("--draw", action="store_true", help="only draw the last one again")
    given = parser.parse_args()
    if given.pace <= 0:
        parser.error("PACE must be more than 0")
    if not given.draw:
        settings = taken_with(
            LEADFLOW_WHATSAPP_ENABLED="true",
            LEADFLOW_CREATOR_CONSUMERS=str(BY_NAME[SERVICE].consumers),
            LEADFLOW_CHUNK_ROWS=str(CHUNK_ROWS),
        )
        with running(settings) as stack:
            control = {"delay_ms": ANSWER_MS, "refused": REFUSED, "limit": 1_000}
            httpx.post(f"{stack.whatsapp_url}/control", json=control).raise_for_status()
            saved = asyncio.run(rehearse(stack, given.pace))
        SAVED.write_text(json.dumps(saved) + "\n")
        told = ", ".join(f"{count:,} {what}" for what, count in saved["counts"].items())
        print(f"{told}\n{saved['figures']}", flush=True)
    draw(json.loads(SAVED.read_text()))


if __name__ == "__main__":
    main()
