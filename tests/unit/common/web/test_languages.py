"""Which language a caller is answered in."""

import pytest

from libs.common.web.languages import wanted_language

OFFERED = ("en", "pt-BR")


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("pt-BR", "pt-BR"),
        ("PT-br,en;q=0.9", "pt-BR"),
        ("pt-PT,pt;q=0.9,en;q=0.8", "pt-BR"),
        ("en-GB;q=0.5, pt;q=0.9", "pt-BR"),
        ("de, fr", "en"),
        ("de, pt;q=0.1", "pt-BR"),
        ("*", "en"),
        ("pt;q=0, en;q=0.1", "en"),
        ("pt;q=nonsense", "en"),
        (",;,=;q", "en"),
        ("pt-BR," + ",".join(f"x{number};q=0.1" for number in range(5_000)), "pt-BR"),
    ],
)
def test_the_language_that_is_wanted_most_is_spoken(accepted: str | None, language: str) -> None:
    assert wanted_language(accepted, OFFERED) == language
