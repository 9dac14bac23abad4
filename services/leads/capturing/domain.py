"""What is asked of a new lead, and what is made of it."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from libs.common.messages import Id
from libs.common.web.refusals import Detail, Refused, pointer_to
from libs.contracts.leads.events import Channel
from libs.fields.invalid_value import InvalidValue
from libs.fields.phones import Phone, parse_phone
from services.leads.domain.written_fields import LONGEST_TEXT, Priority, Short, Source, email_of, line, lines, name_of
from services.leads.making.domain import NewLead

LIMIT = 10
"""Leads an hour and address by the public form: the specification's."""
_MESSAGES = {
    "name_missing": "The name is empty.",
    "name_too_long": "The name has more than 255 characters.",
    "cell_error": "The name is an error of a spreadsheet.",
    "email_missing": "The e-mail address is empty.",
    "email_invalid": "This is no e-mail address.",
    "email_too_long": "The e-mail address has more than 255 characters.",
}


class CaptureBody(BaseModel):
    """What the public form sends."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, Field(max_length=1_000, examples=["John Doe"])]
    email: Annotated[str, Field(max_length=1_000, examples=["john@example.com"])]
    phone: Annotated[str | None, Field(max_length=64, examples=["+919876543210"])] = None
    company: Annotated[Short | None, Field(examples=["Acme Corp"])] = None
    message: Annotated[str | None, Field(max_length=LONGEST_TEXT, examples=["Interested in your services"])] = None
    source: Source = "website"


class CreateBody(CaptureBody):
    """What a user sends: as the form does, and what only colleagues know."""

    priority: Priority = "medium"
    assigned_to: Id | None = None
    first_name: Short | None = None
    last_name: Short | None = None
    job_title: Short | None = None
    linkedin_url: Short | None = None
    notes: Annotated[str | None, Field(max_length=LONGEST_TEXT)] = None
    allow_duplicate: bool = False


@dataclass(frozen=True, slots=True)
class SentKey:
    """An ``Idempotency-Key``, and a digest of what was sent with it."""

    key: str
    fingerprint: str

    @classmethod
    def of(cls, key: str | None, body: CreateBody) -> "SentKey | None":
        """Return it, or None where no key was sent."""
        return None if key is None else cls(key, hashlib.sha256(body.model_dump_json().encode()).hexdigest())


def captured(body: CaptureBody) -> NewLead:
    """Return the lead that the public form makes. Raises Refused (``request_invalid``) with each wrong field."""
    return _common(body, "FORM")


def created(body: CreateBody) -> NewLead:
    """Return the lead that a user makes. Raises Refused (``request_invalid``) with each wrong field."""
    return replace(
        _common(body, "MANUAL"),
        priority=body.priority,
        assigned_to=body.assigned_to,
        first_name=line(body.first_name),
        last_name=line(body.last_name),
        job_title=line(body.job_title),
        linkedin_url=line(body.linkedin_url),
        notes=lines(body.notes),
    )


def _common(body: CaptureBody, channel: Channel) -> NewLead:
    wrong: list[Detail] = []
    name = _field("name", body.name, name_of, wrong)
    email = _field("email", body.email, email_of, wrong)
    if name is None or email is None:
        raise Refused(
            "request_invalid",
            f"Not valid: {', '.join(sorted((each.pointer or '/')[1:] for each in wrong))}.",
            errors=wrong,
            total_errors=len(wrong),
        )
    written = line(body.phone)
    return NewLead(
        name=name,
        email=email,
        phone_as_written=written,
        phone=_phone(written),
        company_name=line(body.company),
        message=lines(body.message),
        source=body.source,
        channel=channel,
    )


def _field(name: str, text: str, parse: Callable[[str], str], wrong: list[Detail]) -> str | None:
    try:
        return parse(text)
    except InvalidValue as error:
        code = "email_missing" if name == "email" and line(text) is None else error.code
        wrong.append(Detail(code, _MESSAGES[code], pointer=pointer_to(name)))
        return None


def _phone(written: str | None) -> Phone | None:
    if written is None:
        return None
    try:
        return parse_phone(written)
    except InvalidValue:
        return None
