"""What is kept of a row in English is said in the caller's language, whatever the row's columns are called."""

from collections.abc import Iterator, Mapping

import pytest

from libs.contracts.lead_import import words as catalogue
from libs.contracts.lead_import.words import LANGUAGES, Words, words

ENGLISH, OTHERS = words(LANGUAGES[0]).messages, LANGUAGES[1:]
COLUMNS = ("phone", "A column: of two words.", "Not a", "Situação", "")
ROWS = 1_000


class Counted(str):
    """A text that counts how often it is gone through for a sentence."""

    __slots__ = ("looks",)

    def __init__(self, _: str) -> None:
        self.looks = 0

    def __contains__(self, part: object) -> bool:
        self.looks += 1
        return super().__contains__(part)  # type: ignore[operator]

    def replace(self, old: str, new: str, count: int = -1) -> str:  # type: ignore[override]
        self.looks += 1
        return super().replace(old, new, count)


def details() -> Iterator[tuple[str, dict[str, str]]]:
    """Yield details as a stage joins them, and what they are in each language."""
    for column in COLUMNS:
        at = f"{column}: " if column else ""
        for first, second in zip(ENGLISH, [*list(ENGLISH)[1:], *ENGLISH], strict=False):
            said = {
                language: f"{at}{words(language).messages[first]} {words(language).messages[second]}"
                for language in LANGUAGES
            }
            yield said[LANGUAGES[0]], said


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_sentence_of_a_detail_is_said_in_the_language(language: str) -> None:
    for detail, said in details():
        assert words(language).of_row("phone_invalid", detail) == said[language]


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_no_catalogue_has_stays(language: str) -> None:
    said = words(language)
    assert said.of_row("phone_invalid", "What was said of old.") == "What was said of old."
    assert said.of_row("phone_invalid", "") == said.messages["phone_invalid"]
    assert said.of_row("of_old", "") == "of_old"


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("alike", [True, False])
def test_rows_are_said_without_going_through_the_catalogue_for_each(
    language: str, alike: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone_through = 0

    def counted(self: Words) -> Mapping[str, str]:
        nonlocal gone_through
        gone_through += 1
        return {**self.row_errors, **self.settled_reasons}

    monkeypatch.setattr(Words, "messages", property(counted))
    looks = 0
    for row in range(ROWS):
        detail = Counted(f"column {0 if alike else row}: {ENGLISH['phone_invalid']} {ENGLISH['name_missing']}")
        assert ENGLISH["phone_invalid"] not in words(language).of_row("phone_invalid", detail)
        looks += detail.looks
    assert gone_through <= len(LANGUAGES)
    assert looks <= ROWS


@pytest.mark.parametrize("language", OTHERS)
def test_no_more_is_remembered_than_a_page_of_rows_is_large(language: str) -> None:
    long = ENGLISH["phone_invalid"]
    for row in range(5 * catalogue.DETAILS_REMEMBERED):
        words(language).of_row("phone_invalid", f"column {row}: {long}")
    remembered = catalogue.said_again.cache_info()
    assert remembered.currsize <= catalogue.DETAILS_REMEMBERED
