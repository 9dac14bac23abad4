"""Each alert fires when it should and only then, names metrics that there are, and says where to read on."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from deploy.alerts import ALERTS, RECORDINGS, Alert, names_in
from deploy.metrics import ALL, BY_NAME
from libs.common.settings import KafkaSettings
from tests.support.promtool import RULES, firing, needs_promtool, promtool
from tests.support.stack import ROOT

Series = dict[str, str]

ROWS = 'leadflow_rows_total{service="finalizer",outcome="created"}'
LAG = 'leadflow_consumer_lag{service="creator",topic="t"}'
CALLS = "leadflow_http_request_seconds"
IMPORTS = "leadflow_import_seconds"
PROVIDER = "leadflow_provider_call_seconds_count"
HOURS = 7 * 60
"""Long enough for the longest window."""


def uploads(*, a_minute: int, in_time: int, status: str = "202") -> Series:
    """Calls of a route, so many a minute, of which so many are answered within a second."""
    labels = f'service="api",method="POST",route="/import",status="{status}"'
    return {
        f"{CALLS}_count{{{labels}}}": f"0+{a_minute}x{HOURS}",
        f'{CALLS}_bucket{{{labels},le="1.0"}}': f"0+{in_time}x{HOURS}",
    }


def imports(*, a_minute: int, in_time: int, size: str = "usual") -> Series:
    return {
        f'{IMPORTS}_count{{size="{size}"}}': f"0+{a_minute}x{HOURS}",
        f'{IMPORTS}_bucket{{size="{size}",le="30.0"}}': f"0+{in_time}x{HOURS}",
    }


def pool(used: int) -> Series:
    return {
        'leadflow_pool_used_connections{service="api"}': f"{used}x60",
        'leadflow_pool_size_connections{service="api"}': "5x60",
    }


def answering(services: Sequence[str]) -> Series:
    """Processes that Prometheus reaches, one of each service."""
    return {f'leadflow_pool_size_connections{{service="{each}"}}': "5x60" for each in services}


DAY = 86_400
FIRES: dict[str, list[Series]] = {
    "ImportStuck": [
        {"leadflow_import_age_seconds": "0+60x60", ROWS: "500x60"},
        {"leadflow_import_age_seconds": "0+60x60"},  # of a finalizer that has ended no row since its start
    ],
    "StageStandsStill": [{'leadflow_progress_age_seconds{service="dedup",topic="t"}': "0+60x60"}],
    "LagGrows": [{LAG: "0+10x60"}],
    "OutboxOld": [{"leadflow_outbox_age_seconds": "0+60x60"}],
    "NobodyCounts": [{"leadflow_imports_in_progress": "0x60"}, {"leadflow_import_age_seconds": "0x10 stale"}],
    "ServiceGone": [
        answering(ALL[1:]),  # never there
        {**answering(ALL[1:]), f'leadflow_pool_size_connections{{service="{ALL[0]}"}}': "5x20 stale"},
    ],
    "ServerFails": [{'leadflow_failing_seconds{service="api",what="relay"}': "0+60x60"}],
    "KafkaSilent": [{'leadflow_kafka_silence_seconds{service="tagger",topic="t"}': "0+60x60"}],
    "BadDeploy": [
        {'leadflow_dead_letters_total{service="creator",topic="t"}': "0x50 25x20"},
        # New, and at its end within the minute: its counter never grew.
        {
            'leadflow_dead_letters_total{service="creator",topic="t"}': "_x49 25 stale",
            'leadflow_bad_messages_in_a_row{service="creator"}': "_x49 25 stale",
        },
    ],
    "DeadLetters": [
        {"leadflow_open_dead_letters": "1x60"},
        # A single one, of services whose letters no database keeps a record of.
        {"leadflow_open_dead_letters": "0x60", 'leadflow_dead_letters_total{service="undoer",topic="t"}': "0x30 1x30"},
        {
            "leadflow_open_dead_letters": "0x60",
            'leadflow_dead_letters_total{service="enroller",topic="t"}': "0x30 1x30",
        },
    ],
    "PersonalDataOverdue": [{"leadflow_retention_overdue_seconds": f"86000+60x{HOURS}"}],
    "UploadsMissTheirObjective": [
        uploads(a_minute=1000, in_time=980),
        uploads(a_minute=1000, in_time=1000, status="503"),
        uploads(a_minute=1000, in_time=1000, status="none"),
    ],
    "UploadsMissTheirObjectiveSlowly": [uploads(a_minute=1000, in_time=992)],
    "ImportsMissTheirObjective": [imports(a_minute=100, in_time=80)],
    "ImportsMissTheirObjectiveSlowly": [imports(a_minute=100, in_time=93)],
    "PoolExhausted": [pool(5)],
    "ProviderFails": [{f'{PROVIDER}{{outcome="provider"}}': "0+30x60", f'{PROVIDER}{{outcome="answered"}}': "0+60x60"}],
    "CertificateEnds": [
        {'leadflow_certificate_end_timestamp_seconds{service="api",setting="kafka_ca_file"}': f"{10 * DAY}x{HOURS}"}
    ],
    "DiskNearlyFull": [{'leadflow_scratch_free_ratio{service="api"}': "0.05x60"}],
    "SequenceNearlyUsedUp": [{'leadflow_sequence_used_ratio{sequence="chat_tags_id_seq"}': f"0.9x{HOURS}"}],
}
QUIET: dict[str, list[Series]] = {
    "ImportStuck": [
        {"leadflow_import_age_seconds": "0+60x60", ROWS: "0+10x60"},  # a huge import that gets on
        {"leadflow_import_age_seconds": "300x60", ROWS: "500x60"},
    ],
    "StageStandsStill": [{'leadflow_progress_age_seconds{service="dedup",topic="t"}': "30x60"}],
    "LagGrows": [{LAG: "1000-10x60"}, {LAG: "50x60"}],
    "OutboxOld": [{"leadflow_outbox_age_seconds": "3x60"}],
    "NobodyCounts": [{"leadflow_import_age_seconds": "0x60"}],
    "ServiceGone": [
        answering(ALL),
        {**answering(ALL), f'leadflow_pool_size_connections{{service="{ALL[0]}"}}': "5x20 _x3 5x40"},  # a new version
    ],
    "ServerFails": [{'leadflow_failing_seconds{service="api",what="relay"}': "0x30 30x5 0x30"}],
    "KafkaSilent": [{'leadflow_kafka_silence_seconds{service="tagger",topic="t"}': "0.1x60"}],
    "BadDeploy": [
        {'leadflow_dead_letters_total{service="creator",topic="t"}': "0x50 3x20"},
        {'leadflow_bad_messages_in_a_row{service="creator"}': "3x60"},
    ],
    "DeadLetters": [
        {"leadflow_open_dead_letters": "0x60", 'leadflow_dead_letters_total{service="undoer",topic="t"}': "0x60"},
        # The import's own were repaired.
        {"leadflow_open_dead_letters": "0x60", 'leadflow_dead_letters_total{service="creator",topic="t"}': "0x30 9x30"},
    ],
    "PersonalDataOverdue": [
        {"leadflow_retention_overdue_seconds": f"0+60x60 0x{HOURS}"},  # emptied within the hour
        {"leadflow_retention_overdue_seconds": f"90000x30 0x{HOURS}"},
    ],
    "UploadsMissTheirObjective": [uploads(a_minute=1000, in_time=999), uploads(a_minute=0, in_time=0), {}],
    "UploadsMissTheirObjectiveSlowly": [uploads(a_minute=1000, in_time=999)],
    "ImportsMissTheirObjective": [
        imports(a_minute=100, in_time=99),
        imports(a_minute=100, in_time=0, size="large"),  # they take as long as they take
    ],
    "ImportsMissTheirObjectiveSlowly": [imports(a_minute=100, in_time=99)],
    "PoolExhausted": [pool(4)],
    "ProviderFails": [{f'{PROVIDER}{{outcome="phone"}}': "0+1x60", f'{PROVIDER}{{outcome="answered"}}': "0+99x60"}],
    "CertificateEnds": [
        {'leadflow_certificate_end_timestamp_seconds{service="api",setting="kafka_ca_file"}': f"{90 * DAY}x{HOURS}"}
    ],
    "DiskNearlyFull": [{'leadflow_scratch_free_ratio{service="api"}': "0.5x60"}],
    "SequenceNearlyUsedUp": [{'leadflow_sequence_used_ratio{sequence="chat_tags_id_seq"}': f"0.1x{HOURS}"}],
}
LONG = {
    "UploadsMissTheirObjective", "UploadsMissTheirObjectiveSlowly", "ImportsMissTheirObjective",
    "ImportsMissTheirObjectiveSlowly", "CertificateEnds", "SequenceNearlyUsedUp", "PersonalDataOverdue",
}  # fmt: skip


def minutes_of(alert: str) -> int:
    return HOURS - 5 if alert in LONG else 52


def test_each_alert_has_both_kinds_of_series() -> None:
    names = [alert.name for alert in ALERTS]
    assert list(FIRES) == list(QUIET) == names


@needs_promtool
@pytest.mark.parametrize("alert", FIRES)
def test_it_fires(alert: str, tmp_path: Path) -> None:
    for series in FIRES[alert]:
        assert firing(tmp_path, series, minutes=minutes_of(alert), alert=alert, expected=1) == ""


@needs_promtool
@pytest.mark.parametrize("alert", QUIET)
def test_it_stays_quiet(alert: str, tmp_path: Path) -> None:
    for series in QUIET[alert]:
        assert firing(tmp_path, series, minutes=minutes_of(alert), alert=alert, expected=0) == ""


@needs_promtool
def test_prometheus_takes_the_rules() -> None:
    found = promtool("check", "rules", str(RULES))
    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_names_metrics_of_the_table_alone(alert: Alert) -> None:
    expr = alert.expr
    assert names_in(expr)
    assert names_in(expr) <= BY_NAME.keys() | {each.name for each in RECORDINGS}


def test_a_recording_names_metrics_of_the_table_alone() -> None:
    for each in RECORDINGS:
        assert names_in(each.expr) <= BY_NAME.keys()


def test_a_process_that_gives_up_says_so_for_two_looks_of_prometheus() -> None:
    monitor = yaml.safe_load((ROOT / "deploy/k8s/components/observe/pod-monitor.yaml").read_text())
    beside = yaml.safe_load((ROOT / "deploy/observe/prometheus.yaml").read_text())
    looks = [
        *(each["interval"] for each in monitor["spec"]["podMetricsEndpoints"]),
        beside["global"]["scrape_interval"],
    ]
    assert all(KafkaSettings().bad_deploy_told_seconds >= 2 * int(each.removesuffix("s")) for each in looks)
