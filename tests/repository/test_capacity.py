"""The guide of capacity reckons with what a row was measured to take."""

import pytest

from bench.weights import per_row
from docs import capacity_page
from docs.capacity_page import (
    LOADS,
    STAGES,
    capacity_table,
    days_of_ids,
    partitions,
    processes,
    rows_a_second,
)

ROW = {"CPU creator": 30.0, "CPU enroller": 90.0, "table amigocare.amigocare_leads": 400.0, "WAL": 2_000.0}


def test_a_load_takes_the_processes_that_its_busiest_hour_keeps_busy() -> None:
    # 27.8 rows a second of 90 µs are 0.0025 cores, a thousand times that 2.5, of which a process gives 0.6.
    assert [processes("enroller", load, ROW) for load in LOADS] == [2, 2, 2, 5]
    assert [processes("tagger", load, ROW) for load in LOADS] == [2, 2, 2, 2]
    assert partitions(1_000, ROW) == 12
    assert partitions(10_000, ROW) == 2 * processes("enroller", 10_000, ROW) == 84


def test_what_is_stored_grows_with_the_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity_page, "weights", lambda: ROW)
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in capacity_table().splitlines()}
    assert "1 GB | 10 GB | 100 GB | 1 TB" in rows["WAL a day"]
    assert {f"processes of {stage}" for stage in STAGES} <= set(rows)
    assert round(days_of_ids(1_000), 1) == 4.3
    assert rows_a_second(10) == 10 * rows_a_second(1)


def test_what_a_process_takes_without_rows_is_no_row_s() -> None:
    before = {"CPU creator": 10.0, "CPU undoer": 5.0, "WAL": 1_000.0}
    after = {"CPU creator": 12.5, "CPU undoer": 5.4, "WAL": 201_000.0, "table amigocare.lead_imports": 50.0}
    assert per_row(before, after, {"CPU creator": 0.5, "CPU undoer": 0.5}, 100) == {
        "CPU creator": pytest.approx(20_000),
        "CPU undoer": 0.0,
        "WAL": 2_000.0,
    }
