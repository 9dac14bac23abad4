"""What a process stands on beside its servers: certificates that end one day, and room for temporary files."""

import asyncio
import shutil
import tempfile
from math import nan
from pathlib import Path

import structlog
from cryptography.x509 import load_pem_x509_certificates
from prometheus_client import Gauge

from libs.common.errors import describe
from libs.common.periodic import Periodic
from libs.common.settings import KafkaSettings

CERTIFICATE_END = Gauge(
    "leadflow_certificate_end_timestamp_seconds",
    "When a certificate ends that the process shows or trusts (seconds since 1970), by the setting with its file.",
    ["service", "setting"],
)
SCRATCH_FREE = Gauge(
    "leadflow_scratch_free_ratio",
    "How much of the disk for temporary files is free, of all that it holds.",
    ["service"],
)
EVERY_SECONDS = 3600.0

log = structlog.get_logger()


class Standing(Periodic):
    """Looks when it is made, and then every hour: certificates are replaced while a process runs.

    When it is made, because a process whose certificate has ended never gets as far as its work in the background.
    """

    def __init__(self, settings: KafkaSettings, *, service: str) -> None:
        super().__init__()
        self._service = service
        # Of those that are trusted the last one counts: an old one stays in the file for a while when a new one comes.
        self._files = {"kafka_ca_file": max, "kafka_client_certificate_file": min}
        self._settings = settings
        SCRATCH_FREE.labels(service).set_function(_free)
        self._look()

    def pause_seconds(self) -> float:
        return EVERY_SECONDS

    async def turn(self) -> None:
        """Set the metric of each certificate; a file that cannot be read has no number, and is told in the log."""
        await asyncio.to_thread(self._look)

    def _look(self) -> None:
        for setting, which in self._files.items():
            path: Path | None = getattr(self._settings, setting)
            if path is None:
                continue
            try:
                CERTIFICATE_END.labels(self._service, setting).set(which(_ends(path)))
            except (OSError, ValueError) as error:
                CERTIFICATE_END.labels(self._service, setting).set(nan)
                log.warning("a certificate cannot be read", setting=setting, error=describe(error))


def _ends(path: Path) -> list[float]:
    certificates = load_pem_x509_certificates(path.read_bytes())
    return [each.not_valid_after_utc.timestamp() for each in certificates]


def _free() -> float:
    """Return no number where nothing can be written: most containers have no directory for temporary files at all.

    An error would take all other metrics of the process with it.
    """
    try:
        disk = shutil.disk_usage(tempfile.gettempdir())
    except OSError:
        return nan
    return disk.free / disk.total
