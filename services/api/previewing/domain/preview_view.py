"""What a preview answers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from libs.contracts.lead_import.words import Words
from libs.fields.custom_values import FieldType
from services.api.accepting.domain.quota import QuotaView

_EXAMPLE: dict[str, Any] = {
    "file": {
        "name": "leads.csv",
        "format": "csv",
        "encoding": "windows-1252",
        "delimiter": ";",
        "sheet": None,
        "sheets": [],
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    },
    "columns": [
        {
            "index": 0,
            "header": "Nome",
            "field": "name",
            "type": None,
            "is_new": False,
            "samples": ["Janaína Prado", "São João"],
            "valid": 2,
            "invalid": 0,
            "empty": 0,
        },
        {
            "index": 1,
            "header": "Celular",
            "field": "phone",
            "type": None,
            "is_new": False,
            "samples": ["(11) 91234-5678", "1234"],
            "valid": 1,
            "invalid": 1,
            "empty": 0,
        },
        {
            "index": 2,
            "header": "Cidade",
            "field": None,
            "type": None,
            "is_new": False,
            "samples": ["Santos"],
            "valid": 1,
            "invalid": 0,
            "empty": 1,
        },
    ],
    "missing": [],
    "left_out": ["Cidade"],
    "total_rows": 2,
    "forecast": {"created": 1, "existing": 0, "errors": 1},
    "reasons": {"phone_invalid": 1},
    "rows": [
        {
            "row": 2,
            "outcome": "created",
            "reason": None,
            "column": None,
            "stored": {
                "name": "Janaína Prado",
                "phone": "11912345678",
                "dial_code": "55",
                "country_code": "BR",
                "cpf": None,
                "email": None,
                "tags": [],
            },
            "cells": ["Janaína Prado", "(11) 91234-5678", "Santos"],
        },
        {
            "row": 3,
            "outcome": "error",
            "reason": "phone_invalid",
            "column": "phone",
            "stored": None,
            "cells": ["São João", "1234", ""],
        },
    ],
    "page": 1,
    "pages": 1,
    "errors": [
        {
            "row": 3,
            "column": "phone",
            "code": "phone_invalid",
            "message": "Not a valid phone number; write DDD and number, or +country number.",
        }
    ],
    "total_errors": 1,
    "new_tags": ["Praia"],
    "quota": {
        "account_id": 1,
        "rows": {"limit": 5000, "used": 1200, "left": 3800},
        "imports": {"limit": 5, "used": 1, "left": 4},
        "resets_at": "2026-03-02T13:00:00Z",
    },
    "same_file": [{"id": 41, "name": "Spring campaign", "created_at": "2026-03-02T12:00:00Z"}],
    "parent_id": None,
    "warnings": [{"code": "same_file", "message": "This file was imported before."}],
}


class FileView(BaseModel):
    """How the file was read."""

    name: str | None
    format: Literal["csv", "xlsx", "xls", "xlsb"]
    encoding: str | None
    """Of a CSV."""
    delimiter: str | None
    """Of a CSV."""
    sheet: str | None
    """Of a workbook: the one that was read."""
    sheets: list[str]
    """The sheets that the workbook shows, the first four hundred of them and the one that was read."""
    sha256: str


class ColumnView(BaseModel):
    """A column of the file. ``valid + invalid + empty`` is the number of rows."""

    index: int
    header: str
    field: str | None
    """One of the five, one of a lead's further fields, or ``custom:`` and the key of one of the company's own."""
    type: FieldType | None
    """Of a field of the company's own."""
    is_new: bool
    """The company has no such field: the import would make it (`extra_columns: keep`)."""
    samples: list[str]
    """Up to three values."""
    valid: int
    invalid: int
    empty: int


class Forecast(BaseModel):
    """How many rows would end so. They add up to ``total_rows``."""

    created: int
    existing: int
    errors: int


class StoredView(BaseModel):
    """A row as it would be stored."""

    name: str
    phone: str
    dial_code: str
    country_code: str
    cpf: str | None
    email: str | None
    tags: list[str]
    more: dict[str, str | bool | int | float | None] = Field(default_factory=dict)
    """Further fields that the file has; long texts are cut as cells are."""


class PreviewedRow(BaseModel):
    """A row as it would end, and its cells as they stand in the file's columns. Long ones are cut: `[... +250]` says
    how many characters more there are. Where all rows of a page come to megabytes they are told without their cells.
    """

    row: int
    outcome: Literal["created", "existing", "error"]
    reason: str | None
    column: str | None
    stored: StoredView | None
    cells: list[str]


class RowErrorView(BaseModel):
    """A rule that a cell breaks; ``column`` null: the row as a whole."""

    row: int
    column: str | None
    code: str
    message: str


class SameFile(BaseModel):
    """An import of the very same file."""

    id: int
    name: str
    created_at: datetime


class Caution(BaseModel):
    """What somebody should know before the import."""

    code: str
    message: str


class PreviewView(BaseModel):
    """What would become of an upload now. Nothing is stored, and nothing counts against the quota."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    file: FileView
    columns: list[ColumnView]
    missing: list[str]
    """Fields that need a column and have none: until they have, there is no forecast."""
    left_out: list[str]
    """Headers of columns that hold no field."""
    total_rows: int
    forecast: Forecast | None
    """Null when columns are missing, or when what is known already cannot be looked up."""
    reasons: dict[str, int]
    rows: list[PreviewedRow]
    page: int
    pages: int
    errors: list[RowErrorView]
    """The first hundred."""
    total_errors: int
    new_tags: list[str]
    """Tags that the import would make, a hundred at most."""
    quota: QuotaView
    same_file: list[SameFile]
    parent_id: int | None
    """The import whose report this is."""
    warnings: list[Caution]

    @classmethod
    def told(cls, plain: Mapping[str, Any], said: Words) -> Self:
        """Return what the previewer found, in these words."""
        warnings = [{"code": code, "message": said.warnings[code]} for code in plain["warnings"]]
        errors = [
            {name: each[name] for name in ("row", "column", "code")} | {"message": said.messages[each["code"]]}
            for each in plain["errors"]
        ]
        return cls.model_validate({**plain, "warnings": warnings, "errors": errors})
