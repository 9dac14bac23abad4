"""The one way in which a value is refused."""

from typing import Literal

InvalidCode = Literal[
    "name_missing",
    "name_too_long",
    "phone_missing",
    "phone_invalid",
    "phone_scientific",
    "cpf_invalid",
    "email_invalid",
    "email_too_long",
    "tags_too_many",
    "tags_too_long",
    "cell_error",
    "text_too_long",
    "notes_too_long",
    "value_too_long",
    "number_invalid",
    "number_ambiguous",
    "boolean_invalid",
    "date_invalid",
]
"""Every rule that a value can break. A code never changes its meaning; its words belong to who shows it to people."""


class InvalidValue(Exception):
    """A text is no value of its field. ``code`` says which rule it breaks; the text itself stays out of the error."""

    def __init__(self, code: InvalidCode) -> None:
        super().__init__(code)
        self.code: InvalidCode = code
