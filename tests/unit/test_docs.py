"""The documents say what the code does."""

from libs.common.events.topics import DEAD_LETTER, DEAD_LETTER_READERS, TOPICS
from services.api.http.problems import PROBLEMS
from services.api.reasons import ROW_ERRORS, SETTLED_REASONS
from services.api.settings import Settings as ApiSettings
from services.creator.settings import Settings as CreatorSettings
from services.dedup.settings import Settings as DedupSettings
from services.finalizer.settings import Settings as FinalizerSettings
from services.operator.settings import Settings as OperatorSettings
from services.tagger.settings import Settings as TaggerSettings
from tests.support.tables import table

ALL_SETTINGS = (ApiSettings, DedupSettings, TaggerSettings, CreatorSettings, FinalizerSettings, OperatorSettings)


def test_every_problem_code_stands_in_the_docs_with_its_status_and_remedy() -> None:
    documented = {
        row[0]: (int(row[1]), row[2], row[3].replace("\\|", "|")) for row in table("docs/errors.md", "## Answers")
    }
    assert documented == {code: (each.status, each.title, each.remedy) for code, each in PROBLEMS.items()}


def test_every_row_error_stands_in_the_docs() -> None:
    assert dict(table("docs/errors.md", "## Errors of a row")) == ROW_ERRORS


def test_every_reason_of_a_settled_row_stands_in_the_docs() -> None:
    assert dict(table("docs/errors.md", "## Reasons of a row that was accepted")) == SETTLED_REASONS


def test_the_topic_map_of_the_architecture_is_the_registry() -> None:
    documented = {row[0]: (row[1], row[2], row[3]) for row in table("ARCHITECTURE.md", "## Topics")}
    expected = {
        topic.name: (topic.owner, ", ".join(topic.readers) or "—", f"{topic.retention_hours} h") for topic in TOPICS
    }
    expected[DEAD_LETTER] = ("every consumer", ", ".join(DEAD_LETTER_READERS), "336 h")
    assert documented == expected


def test_every_setting_stands_in_the_readme_with_its_default() -> None:
    documented = {row[0]: row[1] for row in table("README.md", "## Settings")}
    expected = {}
    for settings in ALL_SETTINGS:
        for name, field in settings.model_fields.items():
            default = field.get_default()
            secret = default is not None and "Secret" in type(default).__name__
            expected[f"LEADFLOW_{name.upper()}"] = "(see below)" if secret else "—" if default is None else str(default)
    assert documented == expected
