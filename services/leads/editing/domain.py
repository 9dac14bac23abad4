"""What is asked of a lead's fields, and what becomes of them."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from libs.common.web.refusals import Detail, Refused, pointer_to
from libs.fields.invalid_value import InvalidValue
from libs.fields.phones import parse_phone
from services.leads.domain.custom_fields import MOST, Value
from services.leads.domain.written_fields import LONGEST_TEXT, Priority, Short, Source, email_of, line, lines, name_of

Text = Annotated[str, Field(max_length=LONGEST_TEXT)]


class EditBody(BaseModel):
    """Fields with their new values; what is not named stays as it is. Null empties a field that may be empty."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, Field(max_length=1_000)] = ""
    email: Annotated[str | None, Field(max_length=1_000)] = None
    phone: Annotated[str | None, Field(max_length=64)] = None
    company: Short | None = None
    source: Source = "website"
    priority: Priority = "medium"
    first_name: Short | None = None
    last_name: Short | None = None
    job_title: Short | None = None
    linkedin_url: Short | None = None
    message: Text | None = None
    notes: Text | None = None
    custom_fields: Annotated[dict[str, Value | None], Field(max_length=MOST)] = Field(default_factory=dict)


_READ: Mapping[str, Callable[[Any], Any]] = {
    "name": name_of,
    "email": lambda given: None if line(given) is None else email_of(given),
    "company": line,
    "source": lambda given: given,
    "priority": lambda given: given,
    "first_name": line,
    "last_name": line,
    "job_title": line,
    "linkedin_url": line,
    "message": lines,
    "notes": lines,
}
_MESSAGES = {
    "name_missing": "The name is empty.",
    "name_too_long": "The name has more than 255 characters.",
    "cell_error": "The name is an error of a spreadsheet.",
    "email_invalid": "This is no e-mail address.",
    "email_too_long": "The e-mail address has more than 255 characters.",
}
PHONE = ("phone_as_written", "contact_cellphone", "contact_cellphone_dial_code", "contact_cellphone_country_code")
"""The columns that hold a phone: as it was written, and its canonical form if it has one."""
COLUMNS = {"company": "company_name"}
"""Fields whose column has another name."""


def wanted_columns(body: EditBody) -> dict[str, Any]:
    """Return the new values by column. Raises Refused (``request_invalid``) with each wrong field."""
    wrong: list[Detail] = []
    wanted: dict[str, Any] = {}
    for field in sorted(body.model_fields_set & _READ.keys()):
        try:
            wanted[COLUMNS.get(field, field)] = _READ[field](getattr(body, field))
        except InvalidValue as error:
            wrong.append(Detail(error.code, _MESSAGES[error.code], pointer=pointer_to(field)))
    if wrong:
        names = ", ".join((each.pointer or "/")[1:] for each in wrong)
        raise Refused("request_invalid", f"Not valid: {names}.", errors=wrong, total_errors=len(wrong))
    if "phone" in body.model_fields_set:
        wanted |= _phone(line(body.phone))
    return wanted


def changed_fields(before: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Return the columns whose value is another one."""
    return sorted(column for column, value in wanted.items() if before[column] != value)


def public_name(column: str) -> str:
    """Return what callers know a column by."""
    if column in PHONE:
        return "phone"
    return next((field for field, name in COLUMNS.items() if name == column), column)


def _phone(written: str | None) -> dict[str, Any]:
    if written is None:
        return dict.fromkeys(PHONE[:2])
    try:
        phone = parse_phone(written)
    except InvalidValue:
        return {"phone_as_written": written, "contact_cellphone": None}
    return dict(zip(PHONE, (written, phone.national, phone.dial_code, phone.country_code), strict=True))
