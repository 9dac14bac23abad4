"""A new lead as it is stored."""

from dataclasses import dataclass

from libs.contracts.leads.events import Channel
from libs.fields.phones import Phone
from services.leads.domain.written_fields import Priority


@dataclass(frozen=True, slots=True)
class NewLead:
    """A lead as it is stored."""

    name: str
    email: str
    phone_as_written: str | None
    phone: Phone | None
    """None where what was written is no phone: it is kept all the same."""
    company_name: str | None
    message: str | None
    source: str
    channel: Channel
    priority: Priority = "medium"
    assigned_to: int | None = None
    first_name: str | None = None
    last_name: str | None = None
    job_title: str | None = None
    linkedin_url: str | None = None
    notes: str | None = None

    @property
    def description(self) -> str:
        """What the first entry of its history says."""
        return f"Lead created from {self.source}"
