"""What is asked of an opportunity."""

from datetime import date
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from libs.fields.text import tidy, trimmed

LARGEST = Decimal("9999999999999.99")
"""What the column holds."""


class ConvertBody(BaseModel):
    """The opportunity that a lead becomes."""

    model_config = ConfigDict(extra="forbid")

    stage_id: UUID
    title: Annotated[str, Field(min_length=1, max_length=255)]
    value: Annotated[Decimal | None, Field(ge=0, le=LARGEST, decimal_places=2, allow_inf_nan=False)] = None
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$", description="ISO 4217.")] = "BRL"
    expected_close: date | None = None

    @property
    def title_line(self) -> str:
        """Return the title as it is stored."""
        return tidy(trimmed(self.title))
