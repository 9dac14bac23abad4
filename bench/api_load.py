"""What people who watch their import see of the API's speed while imports run."""

import asyncio
import time

import aiohttp

from bench.client import Client
from bench.figures import Part
from bench.rows import csv_file
from bench.shipped import taken_with
from bench.stack import Stack, running

CLIENTS = 50
ROWS = 50_000
POLL_SECONDS = 0.5


def measure(runs: int) -> Part:
    what = f"{CLIENTS} clients each poll every {POLL_SECONDS} s and stream progress of {ROWS:,} rows' import"
    part = Part("api_load", what, taken_with())
    p99: list[float] = []
    p50: list[float] = []
    rate: list[float] = []
    with running(part.settings) as stack, Client(stack) as client:
        client.run(csv_file(900_000_000, 20_000), rows=20_000)
        for turn in range(runs):
            stack.empty()
            file = csv_file(turn * 1_000_000, ROWS)
            import_id = client.post(file)
            durations, seconds = _watch(stack, import_id)
            durations.sort()
            p99.append(1000 * durations[int(len(durations) * 0.99)])
            p50.append(1000 * durations[len(durations) // 2])
            rate.append(ROWS / seconds)
    part.add("GET /imports/{id}, median of all polls", "ms", p50)
    part.add("GET /imports/{id}, p99 of all polls", "ms", p99, ("<=", 50))
    part.add("the import meanwhile, after its POST", "rows/s", rate)
    return part


def _watch(stack: Stack, import_id: int) -> tuple[list[float], float]:
    """Poll and stream until the import has ended; return the seconds of every poll, and those of the import."""
    return asyncio.run(_clients(stack, import_id))


async def _clients(stack: Stack, import_id: int) -> tuple[list[float], float]:
    durations: list[float] = []
    headers = {"Authorization": f"Bearer {stack.token()}"}
    unlimited = aiohttp.TCPConnector(limit=0)
    began = time.perf_counter()
    async with aiohttp.ClientSession(
        stack.api_url, headers=headers, connector=unlimited, raise_for_status=True
    ) as http:

        def begins(place: int) -> float:
            return began + POLL_SECONDS * place / CLIENTS

        async def poll(place: int) -> None:
            # Each asks when its time has come, and the wait counts from then: a pause that begins with the answer
            # lets all who waited together ask together ever after, and asks the less the slower the answers are.
            due = begins(place)
            while True:
                await asyncio.sleep(due - time.perf_counter())
                async with http.get(f"/imports/{import_id}") as answer:
                    view = await answer.json()
                durations.append(time.perf_counter() - due)
                if view["status"] != "PROCESSING":
                    return
                due += POLL_SECONDS

        async def stream(place: int) -> None:
            await asyncio.sleep(begins(place) - time.perf_counter())
            async with http.get(f"/imports/{import_id}/events") as events:
                async for line in events.content:
                    if line.startswith(b"event: lead:import-finished"):
                        return

        await asyncio.gather(*(poll(place) for place in range(CLIENTS)), *(stream(place) for place in range(CLIENTS)))
    return durations, time.perf_counter() - began
