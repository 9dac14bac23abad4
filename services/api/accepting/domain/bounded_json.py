"""The JSON of ``data`` is bounded before it is looked at: whatever is wrong with it, saying so takes milliseconds.

It is read and validated where all calls are answered, and each error costs some microseconds, of which 100 are told.
"""

from collections import Counter
from typing import Any

from pydantic import BeforeValidator
from pydantic_core import PydanticKnownError

from libs.common.web.refusals import Detail, Refused, named, pointer_to

LONGEST_FIELD = 1_000
"""Characters of a field's name in `data`. None has so many, nor may a header; but every error within a field repeats
its name, so that one of 100 KB with thousands of errors in it would fill the memory."""
MOST_MEMBERS = 1_000
"""Of `data` itself. It has two dozen at most; whoever sends a few more is told each that is wrong."""
MOST_OBJECTS = 6_000
"""Within `data`, for each of them is a call of ours. A good one has one for each corrected row and two more."""
MOST_ERRORS_TOLD = 100


def at_most(most: int) -> BeforeValidator:
    """Refuse an object of more members before they are looked at, in the words of a field's own limit: that one is
    asked only when each member is good.
    """

    def check(given: object) -> object:
        if isinstance(given, dict) and len(given) > most:
            raise PydanticKnownError(
                "too_long", {"field_type": "Dictionary", "max_length": most, "actual_length": None}
            )
        return given

    return BeforeValidator(check)


class ObjectsOfData:
    """The objects of one ``data``, as they are read."""

    def __init__(self) -> None:
        self._count = 0

    def fields(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """Return the fields of the next one.

        Raises Refused for two of one name, of which programs differ in what they take, for a name that is too long,
        and when there are too many objects.
        """
        self._count += 1
        if self._count > MOST_OBJECTS:
            raise too_many(f"should have at most {MOST_OBJECTS} objects in it")
        found = dict(pairs)
        if found and len(max(found, key=len)) > LONGEST_FIELD:
            long = [name for name in found if len(name) > LONGEST_FIELD]
            words = f"String should have at most {LONGEST_FIELD} characters"
            raise Refused(
                "data_invalid",
                "Fields of `data` are not valid: " + named(long),
                errors=_details("string_too_long", words, long),
                total_errors=len(long),
            )
        if len(found) < len(pairs):
            repeated = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
            raise Refused(
                "data_invalid",
                "Fields of `data` stand more than once: " + named(repeated),
                errors=_details("repeated", "stands more than once", repeated),
                total_errors=len(repeated),
            )
        return found


def too_many(words: str) -> Refused:
    """Return the refusal of a ``data`` that has more in it than any good one."""
    return Refused(
        "data_invalid",
        "Fields of `data` are not valid: " + named(["data"]),
        errors=[Detail("too_long", words, pointer=pointer_to())],
        total_errors=1,
    )


def _details(code: str, words: str, names: list[str]) -> list[Detail]:
    return [Detail(code, words, pointer=pointer_to(name)) for name in names[:MOST_ERRORS_TOLD]]
