"""Asks the WhatsApp provider about the phones of a chunk, portion by portion, and keeps its answers."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from libs.common.errors import BadDay, NotFinished
from libs.contracts.lead_import.internal.messages import ChunkTagged, Verdict
from services.creator.questions import Question, Questions, verdict_of
from services.creator.store import Store
from services.creator.whatsapp import Replies, WhatsApp

RUN_SECONDS = 8.0
"""After so long no call begins, and the message comes again. Together with the longest call it is less than a stop
waits for a handler, and much less than a rebalance does."""
RECENT_SECONDS = 10.0
"""Where a chunk has no answer to compare with, the last answer to any chunk counts for so long."""


class ProviderAway(BadDay):
    """Nobody is answered; nothing is known of any phone by that."""


class Asking:
    """Finds out which rows of a chunk are on WhatsApp. No phone is asked more often than ``attempts`` times.

    Not counted are calls that the provider throttled, and those that failed while it answered nobody.
    """

    def __init__(
        self, whatsapp: WhatsApp, store: Store, *, attempts: int, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._whatsapp = whatsapp
        self._store = store
        self._attempts = attempts
        self._monotonic = monotonic

    async def verdicts(self, chunk: ChunkTagged, indexes: Sequence[int]) -> dict[int, Verdict]:
        """Return what becomes of those of the live rows at ``indexes`` that cannot become leads.

        A second run asks only for what the first has no answer to. Raises NotFinished after a while, with what was
        found out written down; ProviderAway when nobody is answered.
        """
        if not indexes:
            return {}
        rows = {chunk.live.row[index]: index for index in indexes}
        phones = {row: f"+{chunk.live.dial_code[index]}{chunk.live.phone[index]}" for row, index in rows.items()}
        kept = await self._store.answers(chunk, list(rows))
        run = _Run(chunk, phones, Questions.of(rows, kept, attempts=self._attempts), self._monotonic() + RUN_SECONDS)
        await self._ask_all(run)
        await self._store.forget_old_answers()
        verdicts = {index: verdict_of(run.questions.kept[row]) for row, index in rows.items()}
        return {index: verdict for index, verdict in verdicts.items() if verdict is not None}

    async def _ask_all(self, run: "_Run") -> None:
        got_on = False
        while run.questions.open():
            now = self._monotonic()
            if now >= run.until:
                await self._write(run)
                raise NotFinished
            portion = run.questions.portion(now)
            if not portion:
                await asyncio.sleep(min(run.questions.next_due(), run.until) - now)
                continue
            replies = await self._ask(run, portion)
            alive = await self._is_alive(run, replies)
            run.questions.settle(portion, replies.said, replies.failed if alive else (), now=self._monotonic())
            got_on = got_on or alive
            if not alive:
                await self._write(run)
                # Whether the provider is away, the next run will see.
                raise ProviderAway(replies.trouble) if replies.trouble and not got_on else NotFinished
        await self._write(run)

    async def _ask(self, run: "_Run", rows: Sequence[int], *, trial: bool = False) -> Replies:
        questions = run.questions
        questions.learn(await self._store.keep_answers(run.chunk, questions.reserve(rows)))
        asked = [
            Question(row, run.phones[row], failed_before=questions.kept[row].tries > 1)
            for row in rows
            if questions.kept[row].tries <= self._attempts and (trial or questions.kept[row].said is None)
        ]
        return await self._whatsapp.ask(asked, until=run.until, trial=trial)

    async def _is_alive(self, run: "_Run", replies: Replies) -> bool:
        """Tell whether the provider answers anybody, so that what failed is the fault of its phones."""
        if not replies.failed or (replies.said and not replies.circuit_is_open):
            return bool(replies.said)
        control = run.questions.control()
        answer = await self._ask(run, control, trial=True) if control else Replies()
        run.questions.settle(control, answer.said, answer.failed, now=self._monotonic())
        if answer.calls:
            return bool(answer.said)
        # There was nobody to compare with, or no time for it.
        return not replies.circuit_is_open and self._monotonic() - self._whatsapp.heard_at < RECENT_SECONDS

    async def _write(self, run: "_Run") -> None:
        unwritten = run.questions.unwritten()
        if unwritten:
            await self._store.keep_answers(run.chunk, unwritten)


@dataclass(frozen=True, slots=True)
class _Run:
    """One handling of a message: no call begins after ``until``, by the monotonic clock."""

    chunk: ChunkTagged
    phones: dict[int, str]
    questions: Questions
    until: float
