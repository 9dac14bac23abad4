"""What a caller is told when an upload became an import."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from libs.contracts.lead_import.events import ImportStatus
from libs.fields.custom_values import FieldType


class FieldMade(BaseModel):
    """A field that a company has of its own since this import."""

    key: str
    label: str
    type: FieldType


class AcceptedView(BaseModel):
    """The answer 202: every row of the file will end as created, existing or error."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 42,
                    "status": "PROCESSING",
                    "name": "Spring campaign",
                    "total_rows": 5000,
                    "account_id": 1,
                    "source_id": 1,
                    "created_at": "2026-03-02T12:00:00Z",
                    "left_out": [],
                    "new_fields": [],
                    "parent_id": None,
                }
            ]
        }
    )

    id: int
    status: ImportStatus
    name: str
    total_rows: int
    account_id: int
    source_id: int
    created_at: datetime
    left_out: list[str] = Field(default_factory=list)
    """Headers of columns that hold no field: nothing of them is stored."""
    new_fields: list[FieldMade] = Field(default_factory=list)
    """Fields of the company's own that were made for columns of the file (`extra_columns: keep`)."""
    parent_id: int | None = None
    """The import whose rows this one corrects."""
