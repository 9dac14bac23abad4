"""Sales teams that upload all through a storm, and ask again until they are answered."""

import asyncio
import itertools
import json
import random
from collections import Counter
from dataclasses import dataclass, field, replace

import httpx
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError

from libs.common.stores.mongo import Document
from tests.chaos.checker import ExpectedImport, ExpectedRow
from tests.support.platform import Tenant
from tests.support.user import cpf_of, csv_file

NOT_ON_WHATSAPP = "0000"
"""How phones end that the fake provider says are not on WhatsApp."""

TAGS = ("Feira", "Indicação", "Site", "Retorno", "Frio")
REQUEST_TAG = "Cliente"


@dataclass(slots=True)
class Team:
    """One company's uploads. ``pool`` is small, so that its imports share phones."""

    tenant: Tenant
    chance: random.Random
    first_phone: int
    pool: int = 6_000
    longest_pause: float = 1.0
    sizes: tuple[int, ...] = (1, 40, 300, 1_200)
    """Rows of a file."""
    most_in_progress: int = 4
    """It waits for so many imports before it uploads the next: else a long storm is followed by a longer quiet."""
    changes_its_mind: float = 0.0
    """How often it cancels what it has just uploaded, and how often it takes an earlier import back."""
    chats: AsyncCollection[Document] | None = None
    """Where its customers write, before it takes their import back and meanwhile; None: nobody writes."""
    accepted: list[ExpectedImport] = field(default_factory=list)
    attempts: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    """Imports that it canceled, and took back, and chats that were used."""
    refused: int = 0
    """Uploads that got no answer, or "later"."""

    def new_file(self) -> tuple[bytes, dict[int, ExpectedRow]]:
        rows, expected = [], {}
        for number in range(2, 2 + self.chance.choice(self.sizes)):
            phone = f"119{self.first_phone + self.chance.randrange(self.pool):08d}"
            tags = self.chance.sample(TAGS, self.chance.randint(0, 3))
            # A phone comes in many files, each time of another person: the first one's lead must be as they wrote it.
            name, cpf = (
                f"Lead {phone} {self.chance.randrange(1_000)}",
                cpf_of(str(self.chance.randrange(10**9, 10**10))),
            )
            email = f"lead{self.chance.randrange(10**6)}@clinica.com.br" if self.chance.random() < 0.7 else None
            rows.append([name, phone, cpf, email or "", ", ".join(tags)])
            expected[number] = ExpectedRow(
                name,
                "BR",
                phone,
                cpf,
                email,
                frozenset([*tags, REQUEST_TAG]),
                error="not_on_whatsapp" if phone.endswith(NOT_ON_WHATSAPP) else None,
            )
        return csv_file(rows), expected

    async def upload_until(self, client: httpx.AsyncClient, calm: asyncio.Event) -> None:
        """Upload one file after another until the storm is over, each until it is answered 202."""
        for number in itertools.count():
            await self._wait_for_room(client, calm)
            if calm.is_set():
                return
            file, expected = self.new_file()
            data = self.tenant.data(name=f"Storm {number}", tag_ids=self.tenant.tag_ids[:1])
            import_id = await self._answered(client, file, json.dumps(data), f"storm-{number}")
            tenant = self.tenant
            self.accepted.append(
                ExpectedImport(import_id, tenant.company_id, tenant.account_id, tenant.source_id, expected)
            )
            await asyncio.sleep(self.chance.uniform(0.0, self.longest_pause))
            if self.chance.random() < self.changes_its_mind:
                await self._end(client, len(self.accepted) - 1, "cancel")
            if self.chance.random() < self.changes_its_mind:
                place = self.chance.randrange(len(self.accepted))
                await self._customers_write(place)
                await asyncio.gather(self._end(client, place, "undo"), self._customers_write(place))

    async def _end(self, client: httpx.AsyncClient, place: int, call: str) -> None:
        """Cancel or undo one of its imports; what is answered 202 must become true."""
        import_id = self.accepted[place].import_id
        while True:
            try:
                answer = await client.post(f"/imports/{import_id}/{call}", headers=self.tenant.headers())
            except httpx.TransportError:
                await asyncio.sleep(0.3)
                continue
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            await asyncio.sleep(0.3)
        accepted = answer.status_code == httpx.codes.ACCEPTED
        if not accepted and answer.status_code != httpx.codes.CONFLICT:
            raise AssertionError(f"{answer.status_code}: {answer.text}")
        each = self.accepted[place]
        if accepted:
            self.ended[call] += 1
        if accepted and call == "cancel":
            self.accepted[place] = replace(each, canceled=True)
        elif accepted or answer.json()["code"] == "undo_done":  # an answer that was lost had said yes
            self.accepted[place] = replace(each, undone=True, touched=each.touched or frozenset())

    async def _customers_write(self, place: int) -> None:
        """Use a few chats of an import; those that were there when they were used must stay, with their leads."""
        chats = self.chats
        if chats is None:
            return
        for _ in range(self.chance.randrange(3)):
            if (used := await self._use_a_chat(chats, self.accepted[place].import_id)) is not None:
                self.ended["used"] += 1
                each = self.accepted[place]
                self.accepted[place] = replace(each, touched=(each.touched or frozenset()) | {used})

    async def _use_a_chat(self, chats: AsyncCollection[Document], import_id: int) -> str | None:
        """Return the id of the chat of the import that a customer wrote into; None when there was none any more."""
        chat_id = None
        while True:
            try:
                if chat_id is None:
                    found = await chats.find_one({"import_id": import_id, "last_message": None}, {"_id": 1})
                    if found is None:
                        return None
                    chat_id = found["_id"]
                written = await chats.update_one({"_id": chat_id}, {"$set": {"last_message": "Oi"}})
            except PyMongoError:
                # Perhaps it was written all the same: asked again by its id, the answer says whether it is there.
                await asyncio.sleep(0.3)
                continue
            return str(chat_id) if written.matched_count else None

    async def _wait_for_room(self, client: httpx.AsyncClient, calm: asyncio.Event) -> None:
        while True:
            if calm.is_set() or await self._in_progress(client) < self.most_in_progress:
                return
            await asyncio.sleep(0.3)

    async def _in_progress(self, client: httpx.AsyncClient) -> int:
        """Return how many of the team's imports have not ended; as many as may be where nobody answers."""
        try:
            response = await client.get("/imports", params={"status": "PROCESSING"}, headers=self.tenant.headers())
        except httpx.TransportError:
            return self.most_in_progress
        if response.status_code != httpx.codes.OK:
            return self.most_in_progress
        return len(response.json()["items"])

    async def _answered(self, client: httpx.AsyncClient, file: bytes, data: str, key: str) -> int:
        """Send until the answer is 202."""
        response = await self.answer(client, file, data, key)
        if response.status_code != httpx.codes.ACCEPTED:
            raise AssertionError(f"{response.status_code}: {response.text}")
        import_id: int = response.json()["id"]
        return import_id

    async def answer(self, client: httpx.AsyncClient, file: bytes, data: str, key: str) -> httpx.Response:
        """Send until the answer is not "later"; return it. The Idempotency-Key makes a lost answer harmless."""
        while True:
            self.attempts += 1
            try:
                response = await client.post(
                    "/import",
                    files={"file": ("leads.csv", file)},
                    data={"data": data},
                    headers={**self.tenant.headers(), "Idempotency-Key": key},
                )
            except httpx.TransportError:
                self.refused += 1
                await asyncio.sleep(0.3)
                continue
            if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                return response
            self.refused += 1
            await asyncio.sleep(0.3)
