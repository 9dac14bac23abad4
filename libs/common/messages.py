"""What every message is made of: the model that they all derive from, and ids."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

ID_LIMIT = 2**31 - 1
"""The greatest number that the platform's ``int`` columns hold."""

Id = Annotated[int, Field(ge=1, le=ID_LIMIT)]
"""An id as the platform's ``int`` columns can hold it."""


class Message(BaseModel):
    """Within a version of a topic changes only add fields, so readers ignore what they do not know."""

    model_config = ConfigDict(frozen=True, extra="ignore")
