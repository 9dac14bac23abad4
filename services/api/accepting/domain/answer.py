"""What a caller is told when an upload became an import."""

from datetime import datetime

from pydantic import BaseModel

from libs.contracts.lead_import.events import ImportStatus


class AcceptedView(BaseModel):
    """The answer 202: every row of the file will end as created, existing or error."""

    id: int
    status: ImportStatus
    name: str
    total_rows: int
    account_id: int
    source_id: int
    created_at: datetime
