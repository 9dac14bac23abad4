"""Settings of leads."""

from pydantic import Field, field_validator

from libs.common.settings import HttpSettings, MongoSettings, PostgresSettings
from libs.common.web.auth import AuthSettings
from services.leads.domain.client_address import read_networks


class Settings(HttpSettings, PostgresSettings, MongoSettings, AuthSettings):
    """Limits default to the specification's. MongoDB is asked when a lead is erased: leads is ready without it."""

    capture_company_id: int | None = Field(None, ge=1)
    """The company that leads of the public form are made for when the form names no key: a site of one company."""
    capture_limit: int = Field(10, ge=1)
    """Leads an hour that one address may make by the public form; a /64 of IPv6 is one address."""
    capture_body_bytes: int = Field(65_536, ge=1_024)
    """Bytes of the body of a call at most."""
    exports_at_once: int = Field(2, ge=2)
    """Workbooks of leads that are made at the same time; further ones are refused with 503."""
    export_rows: int = Field(100_000, ge=1, le=1_048_575)
    """Leads in a workbook at most: one takes about 600 bytes a lead on the disk while it is made. CSV has no limit."""
    access_log_days: float = Field(365, ge=1)
    """So long it is kept who was shown which lead. A smaller number deletes at once what is older."""
    trusted_proxies: str = ""
    """Networks between commas, such as ``10.0.0.0/8``, whose ``X-Forwarded-For`` is believed: those of your gateway."""

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, text: str) -> str:
        try:
            read_networks(text)
        except ValueError:
            raise ValueError("LEADFLOW_TRUSTED_PROXIES must be networks between commas, such as 10.0.0.0/8") from None
        return text
