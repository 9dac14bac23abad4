"""More creator processes while each row waits 50 ms for the WhatsApp provider."""

import httpx

from bench.client import Client
from bench.figures import Part
from bench.rows import csv_file
from bench.shipped import taken_with
from bench.stack import running

PROCESSES = (1, 2, 4, 8)
ROWS_A_PROCESS = 1_920
"""Half a minute each: filling the pipeline and waiting for the last process take a second or two of it."""
CHUNK_ROWS = 80
"""24 chunks a process, however many processes there are."""
CONCURRENCY = 4
"""Calls at a time a process. With the default of 10, eight processes and the provider want more than two cores."""
ANSWER_MS = 50


def measure(runs: int) -> Part:
    settings = taken_with(
        LEADFLOW_WHATSAPP_ENABLED="true",
        LEADFLOW_WHATSAPP_CONCURRENCY=str(CONCURRENCY),
        LEADFLOW_CREATOR_CONSUMERS="1",
        LEADFLOW_TOPIC_PARTITIONS="24",
        LEADFLOW_WINDOW_ALONE="48",
        LEADFLOW_CHUNK_ROWS=str(CHUNK_ROWS),
    )
    what = f"every number is asked of a provider that takes {ANSWER_MS} ms, {CONCURRENCY} calls at a time a process"
    part = Part("scale_out", what, settings)
    speed: dict[int, list[float]] = {count: [] for count in PROCESSES}
    with running(settings) as stack, Client(stack) as client:
        httpx.post(f"{stack.whatsapp_url}/control", json={"delay_ms": ANSWER_MS, "limit": 10_000}).raise_for_status()
        for turn in range(runs):
            for count in PROCESSES:
                stack.scale("creator", count)
                rows = ROWS_A_PROCESS * count
                file = csv_file(turn * 1_000_000 + count * 100_000, rows)
                speed[count].append(rows / client.run(file, rows=rows).finished)
    for count in PROCESSES:
        part.add(f"{count} creator processes", "rows/s", speed[count])
    for count in PROCESSES[1:]:
        ratios = [many / (count * one) for many, one in zip(speed[count], speed[1], strict=True)]
        part.add(f"{count} processes ÷ {count} times one", "ratio", ratios, (">=", 0.9))
    return part
