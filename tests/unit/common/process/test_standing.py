"""When certificates end is told by the setting that names their file; an old one beside a new one does not count."""

import datetime as dt
import tempfile
from math import isnan
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from prometheus_client import REGISTRY, generate_latest

from libs.common.process.standing import Standing
from libs.common.settings import KafkaSettings

NOW = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
SOON, LATER = NOW + dt.timedelta(days=10), NOW + dt.timedelta(days=400)


def certificate(end: dt.datetime) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(NOW).not_valid_after(end)
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def told(service: str, setting: str) -> float | None:
    labels = {"service": service, "setting": setting}
    return REGISTRY.get_sample_value("leadflow_certificate_end_timestamp_seconds", labels)


async def test_the_last_of_those_that_are_trusted_and_the_first_of_ours_counts(tmp_path: Path) -> None:
    both = certificate(SOON) + certificate(LATER)
    authority, own = tmp_path / "ca.pem", tmp_path / "own.pem"
    authority.write_bytes(both)
    own.write_bytes(both)
    settings = KafkaSettings().model_copy(update={"kafka_ca_file": authority, "kafka_client_certificate_file": own})
    await Standing(settings, service="standing").turn()
    assert told("standing", "kafka_ca_file") == LATER.timestamp()
    assert told("standing", "kafka_client_certificate_file") == SOON.timestamp()


@pytest.mark.parametrize("content", [None, b"no certificate"])
async def test_a_file_that_cannot_be_read_has_no_number(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    settings = KafkaSettings().model_copy(update={"kafka_ca_file": path})
    await Standing(settings, service="unread").turn()
    found = told("unread", "kafka_ca_file")
    assert found is not None
    assert isnan(found)


def test_a_process_that_never_gets_to_work_tells_it_as_well(tmp_path: Path) -> None:
    """One whose certificate has ended comes no further than asking Kafka."""
    authority = tmp_path / "ca.pem"
    authority.write_bytes(certificate(SOON))
    Standing(KafkaSettings().model_copy(update={"kafka_ca_file": authority}), service="starting")
    assert told("starting", "kafka_ca_file") == SOON.timestamp()


async def test_a_new_certificate_is_told_at_the_next_turn(tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_bytes(certificate(SOON))
    standing = Standing(KafkaSettings().model_copy(update={"kafka_ca_file": authority}), service="renewed")
    authority.write_bytes(certificate(LATER))
    await standing.turn()
    assert told("renewed", "kafka_ca_file") == LATER.timestamp()


async def test_without_certificates_there_is_nothing_to_tell() -> None:
    await Standing(KafkaSettings(), service="plain").turn()
    assert told("plain", "kafka_ca_file") is None
    assert 0 < (REGISTRY.get_sample_value("leadflow_scratch_free_ratio", {"service": "plain"}) or 0) <= 1


def test_where_nothing_can_be_written_the_metrics_are_told_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container whose file system is read-only: of all services the API alone has a directory to write to."""
    Standing(KafkaSettings(), service="confined")
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/proc/nowhere"])
    assert b'leadflow_scratch_free_ratio{service="confined"} NaN' in generate_latest()
