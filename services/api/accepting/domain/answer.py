"""What a caller is told when an upload became an import."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from libs.contracts.lead_import.events import ImportStatus


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
    parent_id: int | None = None
    """The import whose rows this one corrects."""
