"""What is asked of a form: pure."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.leads.domain.written_fields import line

MOST = 50
"""Forms of a company."""
MOST_ORIGINS = 20
_PORTS = {"http": 80, "https": 443}


def origin_of(text: str) -> str:
    """Return an origin as browsers send it (RFC 6454): scheme, host, and a port that is not the scheme's own.

    Raises ValueError with what to do.
    """
    try:
        parts = urlsplit(text.strip())
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    is_whole = parts.path in ("", "/") and not (parts.query or parts.fragment or parts.username or parts.password)
    if parts.scheme not in _PORTS or not host or not is_whole or any(each in host for each in "* \\"):
        raise ValueError("send scheme and host of the page, such as https://www.example.com, without a path")
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" if port in (None, _PORTS[parts.scheme]) else f"{parts.scheme}://{shown}:{port}"


def name_of_form(text: str) -> str:
    """Return a form's name as it is stored. Raises ValueError."""
    found = line(text)
    if found is None:
        raise ValueError("send a name that can be read")
    return found


Name = Annotated[str, Field(min_length=1, max_length=255, examples=["Contact page"]), AfterValidator(name_of_form)]
Origin = Annotated[str, Field(max_length=300), AfterValidator(origin_of)]
Origins = Annotated[list[Origin], Field(max_length=MOST_ORIGINS, examples=[["https://www.example.com"]])]


class FormBody(BaseModel):
    """A new form. Without origins only what is no page may send it: a server, an app."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Name
    origins: Origins = Field(default_factory=list)


class FormEdit(BaseModel):
    """What shall be another; what is not named stays. ``origins`` are all of them."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Name | None = None
    origins: Origins | None = None


def each_once(origins: list[str]) -> list[str]:
    """Return the origins in their order, each once."""
    return list(dict.fromkeys(origins))
