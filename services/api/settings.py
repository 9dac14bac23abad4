"""Settings of api."""

from pydantic import Field

from libs.common.settings import HttpSettings, MongoSettings, PostgresSettings
from libs.common.web.auth import AuthSettings
from libs.imports.settings import ChunkRelaySettings
from libs.spreadsheets.limits import default_max_bytes

BYTES_BESIDE_A_FILE = 1536 * 1024
"""What else an upload's body and a preview may hold, and the blocks that its folder and files are rounded up to."""


LOOKED_UP_BYTES = 1_200
"""What a preview keeps of a row for its forecast: a phone and its country, and tags of 255 characters of four bytes."""


class Settings(HttpSettings, PostgresSettings, MongoSettings, ChunkRelaySettings, AuthSettings):
    """Limits default to the specification's. MongoDB is asked by previews alone: api is ready without it."""

    max_rows_per_file: int = Field(5_000, ge=1)
    """Rows of data a file; the byte limits follow from it: 4 KB a row."""
    quota_rows: int = Field(5_000, ge=1)
    """Rows an hour, a company and account."""
    quota_imports: int = Field(5, ge=1)
    """Imports an hour, a company and account."""
    chunk_rows: int = Field(2_000, ge=1, le=5_000)
    """Rows of a message, which costs as much as hundreds of them by itself (docs/decisions/0009).

    A chunk of long rows is closed earlier, by its bytes.
    """
    parse_processes: int = Field(2, ge=2)
    """Files read at the same time. Two at least, so that no company's slow file holds up all others."""
    parse_queue: int = Field(32, ge=0)
    """Files that may wait to be read, of one company at most half; more are answered 503."""
    parse_seconds: float = Field(30, gt=0)
    """Time limit for reading one file."""
    uploads_at_once: int = Field(32, ge=2)
    """Uploads that are received, wait or are read at the same time; more are answered 503 before they are received.

    One company may hold as many as are free besides, so half of them when it is alone. As many previews may wait for a
    store to tell their forecast, shared in the same way; more are answered without one. The disk below ``/tmp`` must
    hold as many files as that, and ``LEADFLOW_PARSE_PROCESSES`` more.
    """
    upload_seconds: float = Field(120, gt=0)
    """Time limit for receiving one upload."""
    reports_at_once: int = Field(4, ge=2)
    """Files for download that are made and sent at the same time, shared between companies in the same way."""
    streams_per_user: int = Field(10, ge=1)
    """Imports that one user may watch at the same time; more are answered 429."""
    reference_cache_seconds: float = Field(60, ge=0)
    """How long accounts, sources and tags may be remembered; a finished import drops them earlier."""

    @property
    def scratch_bytes(self) -> int:
        """What all uploads and reports together take up on the disk at most, in bytes.

        Each is there once, as the file or as its chunks, which have no more bytes than a file may have; one that is
        just being read is there as both, and its sheet once more by itself. A preview that waits for its forecast keeps
        phones and tags alone. A report is there as its rows and as the
        file that is made from them.
        """
        file_bytes = default_max_bytes(self.max_rows_per_file)
        uploads = self.uploads_at_once * (file_bytes + BYTES_BESIDE_A_FILE) + self.parse_processes * 2 * file_bytes
        forecasts = self.uploads_at_once * self.max_rows_per_file * LOOKED_UP_BYTES
        return uploads + forecasts + self.reports_at_once * 2 * file_bytes
