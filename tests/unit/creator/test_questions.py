"""What an answer of the WhatsApp provider means, and who is asked next."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.creator.questions import (
    NOT_ON_WHATSAPP,
    PORTION,
    WHATSAPP_REFUSED,
    WHATSAPP_UNKNOWN,
    AnswerChange,
    Kept,
    Kind,
    Questions,
    Reply,
    Said,
    reply_of,
    verdict_of,
)

ATTEMPTS = 4


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, b'{"on_whatsapp": true}', Said.PRESENT),
        (200, b'{"on_whatsapp": false}', Said.ABSENT),
        (400, b"", Said.REFUSED),
        (422, b'{"on_whatsapp": true}', Said.REFUSED),
    ],
)
def test_an_answer(status: int, body: bytes, said: Said) -> None:
    assert reply_of(status, body, None) == Reply(said=said)


@pytest.mark.parametrize(
    "body",
    [
        b'{"on_whatsapp": "false"}',
        b'{"on_whatsapp": "true"}',
        b'{"on_whatsapp": 1}',
        b'{"on_whatsapp": 0}',
        b'{"on_whatsapp": null}',
        b'{"on_whatsapp": [true]}',
        b"{}",
        b"[true]",
        b"true",
        b"",
        b"<html>",
        b"\xff",
    ],
)
def test_only_a_json_boolean_is_a_yes_or_a_no(body: bytes) -> None:
    reply = reply_of(200, body, None)
    assert (reply.said, reply.kind) == (None, Kind.PHONES_FAULT)


@pytest.mark.parametrize(
    ("status", "retry_after", "kind", "seconds"),
    [
        (429, "7", Kind.THROTTLED, 7),
        (429, None, Kind.THROTTLED, None),
        (429, "Sat, 28 Nov 2026 12:00:00 GMT", Kind.THROTTLED, None),
        (429, "\u00b2", Kind.THROTTLED, None),
        (503, "2", Kind.THROTTLED, 2),
        (503, None, Kind.PHONES_FAULT, None),
        (401, None, Kind.PROVIDERS_FAULT, None),
        (407, None, Kind.PROVIDERS_FAULT, None),
        *[(status, None, Kind.PHONES_FAULT, None) for status in (204, 302, 403, 404, 408, 500, 502, 504)],
    ],
)
def test_why_there_is_no_answer(status: int, retry_after: str | None, kind: Kind, seconds: float | None) -> None:
    reply = reply_of(status, b'{"on_whatsapp": true}', retry_after)
    assert (reply.said, reply.kind, reply.seconds) == (None, kind, seconds)
    assert str(status) in reply.trouble


def test_what_becomes_of_a_row() -> None:
    assert verdict_of(Kept(Said.PRESENT, 1)) is None
    assert verdict_of(Kept(Said.ABSENT, 1)) == NOT_ON_WHATSAPP
    assert verdict_of(Kept(Said.REFUSED, 1)) == WHATSAPP_REFUSED
    assert verdict_of(Kept(None, ATTEMPTS)) == WHATSAPP_UNKNOWN


def asked(questions: Questions, portion: list[int]) -> None:
    """Write a portion's tries down, as the store would."""
    changes = questions.reserve(portion)
    questions.learn({row: Kept(questions.kept[row].said, questions.kept[row].tries + 1) for row in portion})
    assert set(portion) <= set(changes)


def test_a_portion_is_a_hundred_rows_that_were_never_asked_scattered_over_the_chunk() -> None:
    questions = Questions.of(range(2, 2002), {}, attempts=ATTEMPTS)
    portion = questions.portion(0)
    assert len(portion) == PORTION
    assert max(portion) - min(portion) > 1500
    assert not any(row + 1 in portion for row in portion)


def test_what_failed_comes_again_after_a_pause_that_doubles_and_takes_half_a_portion_at_most() -> None:
    questions = Questions.of(range(300), {}, attempts=ATTEMPTS)
    first = questions.portion(0)
    asked(questions, first)
    questions.settle(first, {}, first, now=10)
    assert not set(questions.portion(10.9)) & set(first)
    portion = questions.portion(11)
    assert len(set(portion) & set(first)) == PORTION // 2
    asked(questions, portion)
    questions.settle(portion, {}, portion, now=20)
    assert not set(questions.portion(21.9)) & set(portion) & set(first)
    assert set(questions.portion(22)) & set(portion)


def test_rows_that_were_not_asked_after_all_keep_their_tries() -> None:
    questions = Questions.of([1, 2], {2: Kept(None, 3)}, attempts=ATTEMPTS)
    asked(questions, [1, 2])
    questions.settle([1, 2], {}, [], now=0)
    assert questions.kept == {1: Kept(None, 0), 2: Kept(None, 3)}
    assert questions.unwritten() == {1: AnswerChange(None, -1), 2: AnswerChange(None, -1)}
    assert questions.unwritten() == {}


def test_what_became_known_and_the_next_tries_are_one_writing() -> None:
    questions = Questions.of([1, 2, 3], {}, attempts=ATTEMPTS)
    asked(questions, [1, 2])
    questions.settle([1, 2], {1: Said.PRESENT}, [], now=0)
    assert questions.reserve([2, 3]) == {
        1: AnswerChange(Said.PRESENT),
        2: AnswerChange(None, 0),
        3: AnswerChange(None, 1),
    }


def test_the_row_to_compare_with_was_answered_and_may_be_asked_once_more() -> None:
    kept = {1: Kept(Said.PRESENT, ATTEMPTS), 2: Kept(Said.ABSENT, 2), 3: Kept(Said.PRESENT, 1), 4: Kept(None, 1)}
    questions = Questions.of(range(1, 6), kept, attempts=ATTEMPTS)
    assert questions.control() == [3]
    assert Questions.of([1, 4], kept, attempts=ATTEMPTS).control() == []


def test_the_first_answer_stays() -> None:
    questions = Questions.of([1], {1: Kept(Said.PRESENT, 1)}, attempts=ATTEMPTS)
    asked(questions, [1])
    questions.settle([1], {1: Said.ABSENT}, [], now=0)
    assert questions.kept[1].said is Said.PRESENT


@given(st.data())
def test_every_row_ends_and_none_is_asked_more_often_than_its_tries(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 250))
    questions = Questions.of(range(count), {}, attempts=ATTEMPTS)
    calls = dict.fromkeys(range(count), 0)
    stubborn = data.draw(st.sets(st.integers(0, count - 1)))
    now = 0.0
    while questions.open():
        now = max(now, questions.next_due())
        portion = questions.portion(now)
        assert 0 < len(portion) <= PORTION
        asked(questions, portion)
        for row in portion:
            calls[row] += 1
        said = {row: Said.PRESENT for row in portion if row not in stubborn}
        questions.settle(portion, said, [row for row in portion if row in stubborn], now=now)
    assert calls == {row: ATTEMPTS if row in stubborn else 1 for row in range(count)}
    assert {row for row, kept in questions.kept.items() if kept.said is None} == stubborn
