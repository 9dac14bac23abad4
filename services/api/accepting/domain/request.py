"""What is asked: a file, and the part ``data``, which says what the import is called and where its leads go."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from libs.common.messages import Id
from libs.common.web.refusals import Detail, Refused, named, pointer_to
from libs.fields.custom_values import MOST_FIELDS, FieldType
from libs.fields.more_fields import MORE_FIELDS, MORE_PATTERN, custom_key
from libs.spreadsheets.columns import LONGEST_HEADER, MOST_TOLD
from libs.spreadsheets.encodings import EncodingName
from libs.spreadsheets.file_options import Delimiter, FileOptions
from libs.spreadsheets.header import FILE_COLUMNS
from libs.spreadsheets.sheet_names import LONGEST_SHEET_NAME
from services.api.accepting.domain.bounded_json import (
    MOST_ERRORS_TOLD,
    MOST_MEMBERS,
    ObjectsOfData,
    at_most,
    too_many,
)

MAX_NAME = 255
MAX_TAGS = 5
MAX_DATA_BYTES = 256 * 1024
MAX_CORRECTIONS = 1_000
"""Rows."""
MAX_CORRECTED_CELLS = len(FILE_COLUMNS) + len(MORE_FIELDS) + MOST_FIELDS
"""Of a row: no more fields are there to be corrected."""
ENOUGH_ERRORS = 1_000
"""Of the corrections, one for each row: all are counted. Each costs some microseconds, during which nobody is answered,
so of what is wrong in more places the rest is not looked at."""
MAX_PAGES = 1_000_000
_NOT_IN_A_NAME = re.compile("[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
"""Controls, what no store takes, and what nobody sees or what turns the direction of writing. Python's own list would
refuse a family of emojis, which are joined by an invisible character, and those that are younger than its tables."""
_BLANK = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
"""A no-break space comes along where a name is copied from a document."""
_JOINERS = "\u200c\u200d\ufe0e\ufe0f "

FieldName = Annotated[str, Field(pattern=f"^({'|'.join(FILE_COLUMNS)}|{MORE_PATTERN})$")]
"""One of the five, one of a lead's further fields, or ``custom:`` and the key of one of the company's own."""
MappedHeaders = Annotated[dict[Annotated[str, Field(max_length=LONGEST_HEADER)], FieldName | None], at_most(MOST_TOLD)]
ListId = Annotated[str, Field(pattern="^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")]


def without_nul(cell: str) -> str:
    """Return what is kept of a cell: PostgreSQL takes no NUL, and a file's cells are read without it, too."""
    return cell.replace("\0", "")


CorrectedCell = Annotated[str, Field(max_length=1_000), AfterValidator(without_nul)]
CorrectedRow = Annotated[dict[FieldName, CorrectedCell], Field(min_length=1), at_most(MAX_CORRECTED_CELLS)]
RowNumber = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,6}$")]


@dataclass(frozen=True, slots=True)
class Upload:
    """A received upload. ``folder`` is private to it and goes with it."""

    folder: Path
    path: Path
    sha256: str
    """Of the file's bytes, in hexadecimal."""
    file_name: str | None
    data: str


def _or_null(schema: dict[str, Any]) -> None:
    """Say that the field may be null: programs write it for what may be left out."""
    schema["type"] = [schema["type"], "null"]
    if "enum" in schema:
        schema["enum"] = [*schema["enum"], None]


class ImportOptions(BaseModel):
    """How a file is to be read, and where its leads go."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    account_id: Id
    tag_ids: list[Id] = Field(
        default_factory=list,
        max_length=MAX_TAGS,
        description="Tags that every lead gets.",
        json_schema_extra=_or_null,
    )
    on_invalid_row: Literal["reject", "skip"] = Field(
        "reject",
        description="`reject`: any invalid row refuses the upload. `skip`: valid rows go on.",
        json_schema_extra=_or_null,
    )

    encoding: EncodingName | None = Field(
        None,
        description="What a CSV is encoded in, for one that is refused with `file_encoding`; else it is found out.",
    )
    columns: Literal["strict", "mapped"] = Field(
        "strict",
        description="`strict`: the header is the five names, in order. `mapped`: columns in any order, by any names.",
        json_schema_extra=_or_null,
    )
    mapping: MappedHeaders = Field(
        default_factory=dict,
        max_length=MOST_TOLD,
        description=(
            "With `mapped`: the field that a header's column holds, or null: left out, if it is there at all. The five "
            "are found by name, too; `first_name`, `last_name`, `company_name`, `job_title`, `linkedin_url`, `notes` "
            "and `custom:KEY` are not."
        ),
        json_schema_extra=_or_null,
    )
    extra_columns: Literal["leave_out", "keep"] = Field(
        "leave_out",
        description=(
            "With `mapped`, what becomes of a column that is no known field. `keep`: a field of the company's own, "
            "made where there is none of its name, of type `number`, `date` or `boolean` when all its values are such, "
            "else `string`. What the mapping says null of stays left out, and so do columns beyond the first hundred, "
            "which a preview does not tell of."
        ),
        json_schema_extra=_or_null,
    )
    sheet: Annotated[str, Field(min_length=1, max_length=LONGEST_SHEET_NAME)] | None = Field(
        None, description="The sheet of a workbook; else its first visible one."
    )
    delimiter: Delimiter | None = Field(None, description="What stands between a CSV's cells; else it is found out.")
    corrections: Annotated[dict[RowNumber, CorrectedRow], at_most(MAX_CORRECTIONS)] = Field(
        default_factory=dict,
        max_length=MAX_CORRECTIONS,
        description="What cells should say instead: by row, as the spreadsheet shows it, and field.",
        json_schema_extra=_or_null,
    )
    parent_id: Id | None = Field(None, description="The import whose rows this file corrects.")
    list_id: ListId | None = Field(None, description="The list of leads that its leads are put into.")
    silent: bool = Field(
        False,
        description="Tell nobody of its leads: no `LeadCreated`. That the import has ended is told all the same.",
        json_schema_extra=_or_null,
    )

    @property
    def keeps_columns(self) -> bool:
        """Columns that are no known field become fields of the company's own."""
        return self.extra_columns == "keep"

    @property
    def custom_keys(self) -> list[str]:
        """Keys of the company's own fields that the mapping names."""
        keys = (custom_key(field) for field in self.mapping.values() if field)
        return sorted({key for key in keys if key is not None})

    def check_custom(self, types: Mapping[str, FieldType]) -> None:
        """Raise Refused when the mapping names a field that the company does not have."""
        details = [
            Detail("field_unknown", "The company has no such field.", pointer=pointer_to("mapping", header))
            for header, field in self.mapping.items()
            if field and (key := custom_key(field)) is not None and key not in types
        ]
        if details:
            raise Refused(
                "data_invalid", "The mapping names unknown fields.", errors=details, total_errors=len(details)
            )

    @property
    def corrected(self) -> dict[str, dict[str, str]]:
        """``corrections`` as plain values."""
        return {row: {str(field): cell for field, cell in fields.items()} for row, fields in self.corrections.items()}

    @property
    def file_options(self) -> FileOptions:
        return FileOptions(
            columns=self.columns,
            mapping=self.mapping,
            sheet=self.sheet,
            encoding=self.encoding,
            delimiter=self.delimiter,
        )

    @field_validator("tag_ids", mode="before")
    @classmethod
    def _no_tags(cls, tag_ids: object) -> object:
        return [] if tag_ids is None else tag_ids

    @field_validator("on_invalid_row", mode="before")
    @classmethod
    def _rejected(cls, choice: object) -> object:
        return "reject" if choice is None else choice

    @field_validator("columns", mode="before")
    @classmethod
    def _strict(cls, choice: object) -> object:
        return "strict" if choice is None else choice

    @field_validator("extra_columns", mode="before")
    @classmethod
    def _left_out(cls, choice: object) -> object:
        return "leave_out" if choice is None else choice

    @field_validator("silent", mode="before")
    @classmethod
    def _said_aloud(cls, choice: object) -> object:
        return False if choice is None else choice

    @field_validator("mapping", "corrections", mode="before")
    @classmethod
    def _nothing(cls, given: object) -> object:
        return {} if given is None else given

    @field_validator("corrections", mode="wrap")
    @classmethod
    def _row_by_row(cls, given: object, read: ValidatorFunctionWrapHandler) -> object:
        """Look no further than there are errors enough, and then at what was looked at once more, for all of them."""
        if not isinstance(given, dict) or len(given) > MAX_CORRECTIONS:
            return read(given)
        looked_at: dict[object, object] = {}
        kept: dict[object, object] = {}
        errors = 0
        for row, cells in given.items():
            looked_at[row] = cells
            try:
                kept |= read({row: cells})
            except ValidationError as error:
                errors += error.error_count()
                if errors > ENOUGH_ERRORS:
                    break
        return read(looked_at) if errors else kept

    @model_validator(mode="after")
    def _is_mapped(self) -> Self:
        if self.mapping and self.columns != "mapped":
            raise ValueError("mapping needs columns: mapped")
        if self.keeps_columns and self.columns != "mapped":
            raise ValueError("extra_columns: keep needs columns: mapped")
        return self

    @field_validator("tag_ids")
    @classmethod
    def _each_once(cls, tag_ids: list[int]) -> list[int]:
        return list(dict.fromkeys(tag_ids))


class ImportRequest(ImportOptions):
    """What is asked of an upload. Strict: ``true`` and ``"1"`` are no integers; unknown fields are refused."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Spring campaign",
                    "account_id": 1,
                    "source_id": 1,
                    "tag_ids": [],
                    "on_invalid_row": "reject",
                },
                {
                    "name": "Spring campaign",
                    "account_id": 1,
                    "source_id": 1,
                    "on_invalid_row": "skip",
                    "columns": "mapped",
                    "mapping": {"Contato": "name", "Observações": None},
                    "corrections": {"17": {"phone": "11 91234-5678"}},
                },
            ]
        },
    )

    name: str = Field(
        description="Unique among the account's imports; trimmed, 1 to 255 characters.",
        json_schema_extra={"pattern": rf"^\s*\S(.{{0,{MAX_NAME - 2}}}\S)?\s*$"},
    )
    source_id: Id

    @field_validator("name")
    @classmethod
    def _trimmed(cls, name: str) -> str:
        name = _BLANK.sub(" ", name).strip()
        if not name.strip(_JOINERS) or len(name) > MAX_NAME:
            raise ValueError(f"must have 1 to {MAX_NAME} characters")
        if _NOT_IN_A_NAME.search(name):
            raise ValueError("must not hold control characters or invisible ones")
        return name


class PreviewRequest(ImportOptions):
    """What is asked of a preview: as of an upload, but for what only an import needs."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"account_id": 1, "columns": "mapped", "mapping": {"Contato": "name"}}]}
    )

    name: str | None = Field(None, description="Not needed, and not looked at.")
    source_id: Id | None = None
    page: int = Field(1, ge=1, le=MAX_PAGES, description="Which hundred rows to show.")


RequestT = TypeVar("RequestT", bound=ImportOptions)


def read_request(data: bytes | str) -> ImportRequest:
    """Read ``data`` of an upload. Raises Refused: ``data_not_json`` (400) or ``data_invalid`` (422)."""
    return _read(data, ImportRequest)


def read_preview_request(data: bytes | str) -> PreviewRequest:
    """Read ``data`` of a preview. Raises Refused as ``read_request`` does."""
    return _read(data, PreviewRequest)


def _read(data: bytes | str, wanted: type[RequestT]) -> RequestT:
    """Read ``data``. Raises Refused: ``data_not_json`` (400) or ``data_invalid`` (422)."""
    try:
        if isinstance(data, str):
            data = data.removeprefix("\ufeff")  # PowerShell writes files so
        plain = json.loads(data, parse_constant=_no_constant, object_pairs_hook=ObjectsOfData().fields)
    except (ValueError, RecursionError):
        raise Refused("data_not_json", "The part `data` is not a JSON object.") from None
    if isinstance(plain, dict) and len(plain) > MOST_MEMBERS:
        raise too_many(f"should have at most {MOST_MEMBERS} fields, not {len(plain)}")
    try:
        return wanted.model_validate(plain)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        details = [
            Detail(
                code=item["type"],
                pointer=pointer_to(*item["loc"]),
                message=item["msg"].removeprefix("Value error, "),
            )
            for item in found[:MOST_ERRORS_TOLD]
        ]
        raise Refused(
            "data_invalid",
            "Fields of `data` are not valid: "
            + named({str(item["loc"][0]) if item["loc"] else "data" for item in found}),
            errors=details,
            total_errors=len(found),
        ) from None


def _no_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
