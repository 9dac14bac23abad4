"""Whatever people do at random, audit and access log say all of it, and nothing else."""

import asyncio
import random
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from libs.common.stores.postgres import Postgres
from services.leads.listing import store as listing
from services.leads.listing.store import WALKED
from tests.integration.leads.conftest import Site
from tests.integration.leads.test_change_store import capture
from tests.support.platform import EVERYTHING, Tenant
from tests.support.readers import Stored
from tests.support.waiting import eventually

STEPS = 150
_WAITING = """
    SELECT count(*) FROM pg_locks WHERE relation = 'crm.access_log'::regclass AND NOT granted
"""


class Office:
    """Two colleagues at work, and what they should have left behind."""

    def __init__(self, clients: dict[int, httpx.AsyncClient], leads: list[str], chance: random.Random) -> None:
        self._clients = clients
        self._chance = chance
        self._notes = dict.fromkeys(leads, "")
        self.leads = leads
        self.audit: list[tuple[str, int, str]] = []
        self.access: list[tuple[str, int, str]] = []

    async def step(self) -> None:
        user, lead = self._chance.choice(list(self._clients)), self._chance.choice(self.leads)
        client, path = self._clients[user], f"/api/v1/leads/{lead}"
        what = self._chance.choice(["read", "edit", "status", "assign", "note", "list", "export", "refused"])
        if what == "read":
            assert (await client.get(path)).status_code == 200
            self.access.append((lead, user, "lead"))
        elif what == "edit":
            note = self._chance.choice("abc")
            assert (await client.patch(path, json={"notes": note})).status_code == 200
            self.access.append((lead, user, "lead"))  # the answer shows it
            if self._notes[lead] != note:
                self.audit.append((lead, user, "edit"))
            self._notes[lead] = note
        elif what in ("status", "assign"):
            await self._change(client, path, lead, user, what)
        elif what == "note":
            body = {"activity_type": "note_added", "description": "x"}
            assert (await client.post(f"{path}/activities", json=body)).status_code == 201
        elif what == "list":
            await self._list(client, user)
        elif what == "export":
            answer = await client.get(f"/api/v1/leads/export.{self._chance.choice(['csv', 'xlsx'])}")
            assert answer.status_code == 200
            self.access += [(each, user, "export") for each in reversed(self.leads)]
        else:
            assert (await client.patch(path, json={"name": ""})).status_code == 422

    async def _list(self, client: httpx.AsyncClient, user: int) -> None:
        """Look at a page: of it, and of nothing behind it, is written that it was shown."""
        query: dict[str, int | str] = {"limit": self._chance.choice([1, 3, 20]), "page": self._chance.choice([1, 2])}
        query |= {"sort": self._chance.choice(["created_at", "-created_at"])}
        query |= self._chance.choice([{}, {"q": "john"}, {"q": "nobody"}, {"status": "new"}, {"source": "website"}])
        answer = await client.get("/api/v1/leads", params=query)
        assert answer.status_code == 200
        self.access += [(each["id"], user, "list") for each in answer.json()["items"]]

    async def _change(self, client: httpx.AsyncClient, path: str, lead: str, user: int, what: str) -> None:
        if what == "status":
            status = self._chance.choice(["contacted", "qualified", "closed_won"])
            answer = await client.patch(f"{path}/status", json={"status": status})
        else:
            whom = self._chance.choice([None, *self._clients])
            answer = await client.post(f"{path}/assign", json={"assigned_to": whom})
        assert answer.status_code in (200, 409)
        version = answer.headers.get("ETag")
        before = self._versions.get((lead, "version"))
        if answer.status_code == 200 and version != before:
            self.audit.append((lead, user, what))

    @property
    def _versions(self) -> dict[tuple[str, str], Any]:
        """Versions follow from how often a lead was changed, which is what the audit says."""
        return {(lead, "version"): f'"{1 + sum(entry[0] == lead for entry in self.audit)}"' for lead in self.leads}


@pytest.mark.parametrize(("seed", "walked"), [(1, 2), (2, WALKED)])
async def test_audit_and_access_log_say_what_happened(
    site: Site, postgres: Postgres, db: Stored, company: Tenant, seed: int, walked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether a page is full among the leads that are looked at one by one, or all are asked for."""
    monkeypatch.setattr(listing, "WALKED", walked)
    leads = [str(await capture(postgres, company, number)) for number in range(4)]
    clients = {
        user: site(headers=company.headers(permissions=EVERYTHING, sub=str(user)))
        for user in (company.user_id, company.other_user_id)
    }
    office = Office(clients, leads, random.Random(seed))
    for _ in range(STEPS):
        await office.step()
    written = await db.rows(
        "SELECT l.public_id::text AS lead, a.user_id, a.action, a.before <> a.after AS differs FROM crm.audit_log a"
        " JOIN amigocare.amigocare_leads l ON l.id = a.lead_id WHERE a.company_id = :c ORDER BY a.id",
        c=company.company_id,
    )
    assert [(row["lead"], row["user_id"], row["action"]) for row in written] == office.audit
    assert all(row["differs"] for row in written)
    seen = await db.rows(
        "SELECT l.public_id::text AS lead, a.user_id, a.shown FROM crm.access_log a"
        " JOIN amigocare.amigocare_leads l ON l.id = a.lead_id WHERE a.company_id = :c ORDER BY a.id",
        c=company.company_id,
    )
    assert [(row["lead"], row["user_id"], row["shown"]) for row in seen] == office.access
    assert len(office.audit) > 20 < len(office.access)
    assert {shown for _, _, shown in office.access} == {"lead", "list", "export"}


async def test_a_lead_is_shown_when_that_is_written_down(
    site: Site, signed_in: dict[str, str], postgres: Postgres, db: Stored, company: Tenant
) -> None:
    """Alone, in a list, in a file: as long as nobody may write into the log, there is no answer."""
    lead = await capture(postgres, company)
    admin = site(headers=signed_in)
    paths = (f"/api/v1/leads/{lead}", "/api/v1/leads", "/api/v1/leads?q=john", "/api/v1/leads/export.csv")
    async with postgres.transaction() as connection:
        await connection.execute(text("LOCK TABLE crm.access_log IN SHARE MODE"))
        reading = [asyncio.create_task(admin.get(path)) for path in paths]

        async def all_wait() -> bool:
            return bool(await db.value(_WAITING) == len(paths))

        await eventually(all_wait, what="that all of them wait")
        assert not any(task.done() for task in reading)
    answers = await asyncio.gather(*reading)
    assert [answer.status_code for answer in answers] == [200] * len(paths)
    assert all("john" in answer.text for answer in answers)
    seen = await db.rows("SELECT shown FROM crm.access_log WHERE company_id = :c", c=company.company_id)
    assert sorted(row["shown"] for row in seen) == ["export", "lead", "list", "list"]
