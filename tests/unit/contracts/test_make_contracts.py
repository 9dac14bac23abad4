"""``make contracts`` on real events: what it writes, what it refuses, and whom it names. Published files stay."""

import dataclasses
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from docs.make_contracts import readers_of, refusals, stale_schemas
from docs.published_schemas import Shelf, lost, published_before, published_in
from libs.common.messages import Id, Message
from libs.common.topics import Registry, Topic
from libs.contracts.lead_import.events import ImportFinished
from libs.contracts.lead_import.internal.messages import Chunk, CreatedRows, LiveRows, Rows
from libs.contracts.lead_import.internal.topics import CHUNK_ACCEPTED, CHUNK_CREATED
from libs.contracts.lead_import.registry import REGISTRY
from libs.contracts.lead_import.topics import IMPORT_ACCEPTED, IMPORT_FINISHED
from libs.contracts.message_schemas import schema_of


class AcceptedWithoutTotal(Message):
    """``ImportAccepted`` without ``total_rows``."""

    import_id: Id
    company_id: Id
    account_id: Id
    source_id: Id
    creator_id: Id
    chunk_count: int
    accepted_at: str


class FinishedWithNote(ImportFinished):
    added_note: str = ""


class FinishedWithOwner(ImportFinished):
    added_id: Id


class RowsWithoutChats(Rows):
    lead_id: list[int]


class ChunkWithoutChats(Chunk[RowsWithoutChats]):
    pass


class RowsWithNote(CreatedRows):
    added_note: list[str] = []  # noqa: RUF012 - pydantic copies it


class ChunkWithNotes(Chunk[RowsWithNote]):
    pass


class RowsWithNumbers(LiveRows):
    phone: list[int]  # type: ignore[assignment]


class ChunkWithNumbers(Chunk[RowsWithNumbers]):
    pass


def changed(topic: Topic[Any], event: type[Message]) -> Registry:
    """Return the registry as it would be with another event on the topic."""
    return dataclasses.replace(
        REGISTRY,
        topics=tuple(dataclasses.replace(each, event=event) if each is topic else each for each in REGISTRY.topics),
    )


def named(topic: Topic[Any]) -> str:
    """Return the readers as a refusal names them."""
    return " and ".join([*topic.readers, *(["other teams"] if topic.public else [])])


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """Return a folder in which the events of today are all that was ever published."""
    shelf = Shelf(tmp_path / "lead_import" / "schemas")
    stale_schemas(REGISTRY, shelf, write=True)
    return shelf


def held(shelf: Shelf) -> dict[str, bytes]:
    return {str(path.relative_to(shelf.folder)): path.read_bytes() for path in shelf.folder.rglob("*.json")}


def test_what_is_declared_today_breaks_nobody_and_needs_no_writing(shelf: Shelf) -> None:
    assert refusals(REGISTRY, shelf) == []
    assert stale_schemas(REGISTRY, shelf, write=False) == []


@pytest.mark.parametrize(
    ("topic", "event", "said"),
    [
        (
            IMPORT_ACCEPTED,
            AcceptedWithoutTotal,
            f"$.total_rows is no longer there: breaks {named(IMPORT_ACCEPTED)}, while not updated, in new messages",
        ),
        (
            IMPORT_FINISHED,
            FinishedWithOwner,
            (
                "$.added_id was never there, and is required: "
                f"breaks {named(IMPORT_FINISHED)}, once updated, in messages that are in flight"
            ),
        ),
        (
            CHUNK_CREATED,
            ChunkWithoutChats,
            f"$.live.chat_id is no longer there: breaks {named(CHUNK_CREATED)}, while not updated, in new messages",
        ),
        (
            CHUNK_ACCEPTED,
            ChunkWithNumbers,
            "$.live.phone[*] may be integer, where string is read: breaks dedup, while not updated, in new messages",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_an_event_that_breaks_readers_is_refused_and_they_are_named(
    topic: Topic[Any], event: type[Message], said: str, shelf: Shelf
) -> None:
    (refused,) = refusals(changed(topic, event), shelf)
    assert refused.startswith(f"{topic.name} ({event.__name__}) may not change so:\n")
    assert f"    {said}\n" in refused
    assert topic.name.replace(".v1", ".v2") in refused, "it says which topic to declare instead"
    assert f"schemas/published/{topic.name}/1.json" in refused


def test_a_schema_that_was_written_anew_in_the_same_commit_does_not_hide_the_break(shelf: Shelf) -> None:
    registry = changed(IMPORT_FINISHED, FinishedWithOwner)
    stale_schemas(registry, shelf, write=True)
    assert stale_schemas(registry, shelf, write=False) == []
    assert refusals(registry, shelf)


def test_an_added_field_with_a_default_is_written_and_published_beside_what_was(shelf: Shelf) -> None:
    before = held(shelf)
    registry = changed(IMPORT_FINISHED, FinishedWithNote)
    assert refusals(registry, shelf) == []
    written = stale_schemas(registry, shelf, write=True)
    assert written == [shelf.newest_path(IMPORT_FINISHED.name), shelf.published_path(IMPORT_FINISHED.name, 2)]
    after = held(shelf)
    assert {name for name in before if after[name] != before[name]} == {f"{IMPORT_FINISHED.name}.json"}
    assert stale_schemas(registry, shelf, write=False) == []
    assert refusals(registry, shelf) == []


def test_a_column_with_a_default_may_be_added_to_a_chunk(shelf: Shelf) -> None:
    assert refusals(changed(CHUNK_CREATED, ChunkWithNotes), shelf) == []


def test_a_field_that_was_added_later_is_promised_like_the_first_ones(shelf: Shelf) -> None:
    stale_schemas(changed(IMPORT_FINISHED, FinishedWithNote), shelf, write=True)
    (refused,) = refusals(REGISTRY, shelf)
    assert "$.added_note is no longer there" in refused
    assert f"Then delete schemas/published/{IMPORT_FINISHED.name}/2.json, and" in refused


def test_other_words_are_written_and_publish_nothing(shelf: Shelf) -> None:
    told = type("ImportFinished", (ImportFinished,), {"__doc__": "In other words."})
    assert stale_schemas(changed(IMPORT_FINISHED, told), shelf, write=True) == [shelf.newest_path(IMPORT_FINISHED.name)]


def test_a_topic_that_is_no_longer_declared_is_refused_until_its_files_go(shelf: Shelf) -> None:
    registry = dataclasses.replace(REGISTRY, topics=REGISTRY.topics[1:])
    (refused,) = refusals(registry, shelf)
    assert refused.startswith(f"{IMPORT_ACCEPTED.name} is promised, but no longer declared")
    shelf.newest_path(IMPORT_ACCEPTED.name).unlink()
    shutil.rmtree(shelf.published_path(IMPORT_ACCEPTED.name, 1).parent)
    assert refusals(registry, shelf) == []


def test_readers_are_the_services_and_for_public_topics_other_teams() -> None:
    assert readers_of(CHUNK_CREATED) == [*CHUNK_CREATED.readers]
    assert readers_of(IMPORT_FINISHED) == [*IMPORT_FINISHED.readers, "other teams"]
    unread = dataclasses.replace(IMPORT_ACCEPTED, readers=())
    assert readers_of(unread) == ["other teams"]
    assert readers_of(dataclasses.replace(unread, public=False))


def test_a_field_with_a_default_is_not_required_since_older_messages_lack_it() -> None:
    settled = schema_of(CHUNK_CREATED)["$defs"]["SettledRow"]
    assert "detail" in settled["properties"]
    assert "detail" not in settled["required"]


def test_published_files_may_be_added_but_neither_changed_nor_removed() -> None:
    before = {"a.v1/1.json": b"1", "a.v1/2.json": b"2", "b.v1/1.json": b"3"}
    assert lost(before, before | {"a.v1/3.json": b"4"}, {"a.v1", "b.v1"}) == []
    assert lost(before, before | {"a.v1/1.json": b"4"}, {"a.v1", "b.v1"}) == ["a.v1/1.json"]
    assert lost(before, {"a.v1/2.json": b"2"}, {"a.v1", "b.v1"}) == ["a.v1/1.json", "b.v1/1.json"]
    assert lost(before, {"a.v1/1.json": b"1", "a.v1/2.json": b"2"}, {"a.v1"}) == [], "a topic may go as a whole"


class Repository:
    """A clone with published files in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.contracts = folder / "libs" / "contracts"
        self.git("init", "--quiet", "--initial-branch", "main")

    def git(self, *command: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *who, *command], cwd=self.folder, check=True, capture_output=True)

    def commit(self, **published: str) -> None:
        for name, content in published.items():
            path = self.contracts / "owner" / "schemas" / "published" / "a.v1" / f"{name.strip('_')}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        self.git("add", ".")
        self.git("commit", "--quiet", "--allow-empty", "--message", "a commit")

    def lost(self) -> set[str]:
        now = published_in(self.contracts)
        return {place for before in published_before(self.contracts) for place in lost(before, now, {"a.v1"})}


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    return Repository(tmp_path)


def test_a_branch_is_compared_with_where_it_left_main(repository: Repository) -> None:
    repository.commit(_1="first")
    repository.git("switch", "--quiet", "--create", "branch")
    repository.commit(_2="second")
    repository.commit(_2="second, and better")
    assert repository.lost() == set(), "what is on this branch alone was promised to nobody"
    repository.commit(_1="tampered with")
    repository.commit()
    assert repository.lost() == {"a.v1/1.json"}


def test_main_is_compared_with_the_commit_before_and_the_working_tree_with_main(repository: Repository) -> None:
    repository.commit(_1="first")
    assert repository.lost() == set(), "the first commit has none before it"
    (repository.contracts / "owner/schemas/published/a.v1/1.json").unlink()
    assert repository.lost() == {"a.v1/1.json"}
    repository.commit(_1="tampered with")
    assert repository.lost() == {"a.v1/1.json"}


def test_a_merge_in_a_clone_of_two_commits_is_compared_with_main(repository: Repository, tmp_path: Path) -> None:
    repository.commit(_1="first")
    repository.git("switch", "--quiet", "--create", "branch")
    repository.commit(_1="tampered with")
    repository.commit()
    repository.git("switch", "--quiet", "--detach", "main")
    repository.git("merge", "--quiet", "--no-ff", "--no-edit", "branch")
    repository.git("update-ref", "refs/heads/merged", "HEAD")
    clone = tmp_path / "clone"
    repository.git("clone", "--quiet", "--depth", "2", "--branch", "merged", f"file://{repository.folder}", str(clone))
    now = published_in(clone / "libs" / "contracts")
    before = published_before(clone / "libs" / "contracts")
    assert {place for each in before for place in lost(each, now, {"a.v1"})} == {"a.v1/1.json"}


def test_without_history_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert published_before(tmp_path) == []
