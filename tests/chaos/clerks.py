"""People who work on a company's leads all through a storm: forms come in, and clerks change what there is."""

import asyncio
import random
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.contracts.leads.events import LeadStatus
from tests.chaos.lead_ledger import Ledger
from tests.support.platform import EVERYTHING, Tenant

LEADS = "/api/v1/leads"
FIELDS = ("notes", "job_title", "last_name")
"""Each clerk writes a field of his own: asked again, an edit that was done is no second one."""
WORK = {"capture": 3, "edit": 4, "move": 4, "assign": 2, "note": 1, "convert": 1, "delete": 1, "list": 1}
SHOWN = 100


@dataclass(slots=True)
class Clerk:
    """One of a company. What he asks for once, and what until somebody answers, says the ledger."""

    tenant: Tenant
    ledger: Ledger
    chance: random.Random
    form_key: str
    number: int
    longest_pause: float = 0.4
    leads: list[str] = field(default_factory=list)
    """That he has seen."""
    done: Counter[str] = field(default_factory=Counter)

    async def work_until(self, client: httpx.AsyncClient, calm: asyncio.Event) -> None:
        """Do one thing after another until the storm is over."""
        headers = self.tenant.headers(permissions=EVERYTHING)
        while not calm.is_set():
            what = self.chance.choices(list(WORK), list(WORK.values()))[0]
            if what == "capture":
                await self._capture(client)
            else:
                await self._work_on_one(client, headers, what)
            if self.chance.random() < 0.2:
                await self._look_around(client, headers)
            await asyncio.sleep(self.chance.uniform(0.0, self.longest_pause))

    async def _capture(self, client: httpx.AsyncClient) -> None:
        """Send a form until it is answered: the same person within the hour is answered the first lead."""
        person = {"name": "Ana", "email": f"{uuid.uuid4().hex}@example.com"}
        answer = await self._answered(client, "POST", LEADS, json=person, headers={"X-Form-Key": self.form_key})
        if answer.status_code != httpx.codes.CREATED:
            raise AssertionError(f"{answer.status_code}: {answer.text}")
        self.ledger.captured[person["email"]] = answer.json()["id"]
        self.leads.append(answer.json()["id"])
        self.done["capture"] += 1

    async def _look_around(self, client: httpx.AsyncClient, headers: dict[str, str]) -> None:
        """See what imports have made, and what colleagues have taken in."""
        channel = self.chance.choice(["IMPORT", "FORM"])
        params = {"limit": str(SHOWN), "channel": channel}
        answer = await self._answered(client, "GET", LEADS, params=params, headers=headers)
        shown = [each["id"] for each in answer.json()["items"] if each["id"]]
        self.leads = [*self.leads[-SHOWN:], *self.chance.sample(shown, min(10, len(shown)))]

    async def _work_on_one(self, client: httpx.AsyncClient, headers: dict[str, str], what: str) -> None:
        if not self.leads:
            return
        # A few of the last, so that clerks meet.
        lead_id = self.chance.choice(self.leads[-20:])
        seen = await self._answered(client, "GET", f"{LEADS}/{lead_id}", headers=headers)
        if seen.status_code == httpx.codes.NOT_FOUND:  # deleted, or taken back
            self.leads = [each for each in self.leads if each != lead_id]
            return
        lead = seen.json()
        work = getattr(self, f"_{what}")
        is_done = await work(client, lead, headers)
        if is_done is not False and lead["import_id"] is not None and what != "list":
            touched = self.ledger.touched if is_done else self.ledger.perhaps
            touched[lead["import_id"]].add(lead["chat_id"])
        self.done[what if is_done else f"{what} in vain"] += 1

    async def _edit(self, client: httpx.AsyncClient, lead: dict[str, Any], headers: dict[str, str]) -> bool | None:
        """Ask until it is answered. 404: somebody has ended the lead, perhaps between the edit and the look at it."""
        body = {FIELDS[self.number]: self._mark()}
        answer = await self._answered(client, "PATCH", f"{LEADS}/{lead['id']}", json=body, headers=headers)
        if answer.status_code == httpx.codes.OK:
            self.ledger.done[lead["id"], "edit"] += 1
            return True
        assert answer.status_code == httpx.codes.NOT_FOUND, answer.text
        self.ledger.unsure[lead["id"], "edit"] += 1
        return None

    async def _move(self, client: httpx.AsyncClient, lead: dict[str, Any], headers: dict[str, str]) -> bool | None:
        mark = self._mark()
        body = {"status": self.chance.choice(list(LeadStatus)), "notes": mark}
        is_done = await self._change_once(client, "PATCH", "status", lead, body, headers)
        if is_done:
            self.ledger.moves[mark] = lead["id"]
        return is_done

    async def _assign(self, client: httpx.AsyncClient, lead: dict[str, Any], headers: dict[str, str]) -> bool | None:
        body = {"assigned_to": self.chance.choice([None, self.tenant.user_id, self.tenant.other_user_id])}
        return await self._change_once(client, "POST", "assign", lead, body, headers)

    async def _change_once(
        self,
        client: httpx.AsyncClient,
        method: str,
        what: str,
        lead: dict[str, Any],
        body: dict[str, Any],
        headers: dict[str, str],
    ) -> bool | None:
        """Ask once for a change of the lead as it was seen; None: nobody knows whether it was done."""
        was = f'"{lead["version"]}"'
        answer = await self._asked(
            client, method, f"{LEADS}/{lead['id']}/{what}", json=body, headers=headers | {"If-Match": was}
        )
        if answer is None:
            self.ledger.unsure[lead["id"], what] += 1
            return None
        if answer.status_code == httpx.codes.OK:
            # The same version: it stood there already, and nothing was to be written.
            is_done = answer.headers["ETag"] != was
            self.ledger.done[lead["id"], what] += is_done
            return is_done
        assert answer.status_code in (404, 409, 412), answer.text
        return False

    async def _note(self, client: httpx.AsyncClient, lead: dict[str, Any], headers: dict[str, str]) -> bool | None:
        mark = self._mark()
        body = {"activity_type": "note_added", "description": f"Called: {mark}"}
        answer = await self._asked(client, "POST", f"{LEADS}/{lead['id']}/activities", json=body, headers=headers)
        if answer is None:
            return None
        if answer.status_code == httpx.codes.CREATED:
            self.ledger.notes[mark] = lead["id"]
            return True
        assert answer.status_code == httpx.codes.NOT_FOUND, answer.text
        return False

    async def _convert(self, client: httpx.AsyncClient, lead: dict[str, Any], headers: dict[str, str]) -> bool | None:
        """Ask once; whoever comes later is answered what the first one made."""
        pipelines = (await self._answered(client, "GET", "/api/v1/pipelines", headers=headers)).json()["items"]
        body = {"stage_id": self.chance.choice(pipelines[0]["stages"])["id"], "title": self._mark()}
        answer = await self._asked(client, "POST", f"{LEADS}/{lead['id']}/convert", json=body, headers=headers)
        if answer is None:
            self.ledger.unsure[lead["id"], "convert"] += 1
            return None
        if answer.status_code == httpx.codes.OK:
            opportunity = answer.json()["opportunity"]
            self.ledger.opportunities[lead["id"]].add(opportunity["id"])
            # Another's, made before or meanwhile, is answered too.
            mine = opportunity["title"] == body["title"]
            self.ledger.done[lead["id"], "convert"] += mine
            return True
        # The lead that it became is shown by a second look, which may find it deleted: then nobody knows.
        assert answer.status_code == httpx.codes.NOT_FOUND, answer.text
        self.ledger.unsure[lead["id"], "convert"] += 1
        return None

    async def _delete(self, client: httpx.AsyncClient, lead: dict[str, Any], headers: dict[str, str]) -> bool | None:
        """Ask once; not for a lead whose sender was not answered yet: asked again, his form would make another."""
        if lead["channel"] == "FORM" and lead["id"] not in self.ledger.captured.values():
            return False
        answer = await self._asked(client, "DELETE", f"{LEADS}/{lead['id']}", headers=headers)
        if answer is None:
            self.ledger.unsure[lead["id"], "delete"] += 1
            return None
        assert answer.status_code in (204, 404), answer.text
        is_done = answer.status_code == httpx.codes.NO_CONTENT
        self.ledger.done[lead["id"], "delete"] += is_done
        return is_done

    async def _list(self, client: httpx.AsyncClient, lead: dict[str, Any], headers: dict[str, str]) -> bool:
        """Put this lead and others into the list, or all of its import."""
        ids = [lead["id"], *self.chance.sample(self.leads, min(5, len(self.leads)))]
        of_import = lead["import_id"] is not None and self.chance.random() < 0.5
        body = {"filter": {"import_id": lead["import_id"]}} if of_import else {"lead_ids": ids}
        path = f"/api/v1/lists/{self.ledger.list_id}/members"
        answer = await self._answered(client, "POST", path, json=body, headers=headers)
        assert answer.status_code == httpx.codes.OK, answer.text
        self.ledger.listed.update([lead["id"]] if of_import else ids)
        return True

    def _mark(self) -> str:
        return uuid.uuid4().hex

    async def _answered(self, client: httpx.AsyncClient, method: str, path: str, **sent: Any) -> httpx.Response:
        """Ask until somebody answers."""
        while True:
            answer = await self._asked(client, method, path, **sent)
            if answer is not None:
                return answer

    async def _asked(self, client: httpx.AsyncClient, method: str, path: str, **sent: Any) -> httpx.Response | None:
        """Ask once; None when nobody answers, or says that he could not."""
        try:
            answer = await client.request(method, path, **sent)
        except httpx.TransportError as error:
            self.done[type(error).__name__] += 1
        else:
            if answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                return answer
            self.done[f"answered {answer.status_code}"] += 1
        await asyncio.sleep(0.3)
        return None


async def new_clerks(engine: AsyncEngine, tenant: Tenant, seed: int, *, count: int) -> list[Clerk]:
    """Return clerks of a company, which has a form and a list."""
    key = uuid.uuid4().hex
    async with engine.begin() as connection:
        of_company = {"c": tenant.company_id}
        await connection.execute(
            text("INSERT INTO crm.capture_forms (key, company_id) VALUES (:key, :c)"), of_company | {"key": key}
        )
        made = await connection.execute(
            text(
                "INSERT INTO crm.lead_lists (company_id, name, created_by) VALUES (:c, 'Storm', :u) RETURNING id::text"
            ),
            of_company | {"u": tenant.user_id},
        )
        ledger = Ledger(tenant.company_id, made.scalar_one())
    return [Clerk(tenant, ledger, random.Random(seed * 1_000 + number), key, number) for number in range(count)]
