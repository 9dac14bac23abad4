import asyncio, random, time, os, signal
import httpx
from tests.support.processes import running, kill
from tests.support.readers import FINISHED, Stored, body_of, headers_of, subscribed
from tests.support.stack import Addresses
from tests.support.user import NewUser, csv_file, lead_rows, new_phones, totals
from tests.support.waiting import eventually
from sqlalchemy.exc import DBAPIError, InterfaceError

async def test_soak(new_user: NewUser, stored: Stored, stack: Addresses) -> None:
    rnd = random.Random(int(os.environ.get("SOAK", "1")))
    users = [await new_user() for _ in range(6)]
    ids = []
    end = time.monotonic() + 75
    stop = asyncio.Event()
    kills = []
    async def killer():
        await asyncio.sleep(1)
        while time.monotonic() < end:
            pids = await asyncio.to_thread(running)
            name = rnd.choice(["api","dedup","tagger","creator","finalizer","creator","finalizer","tagger","dedup","kafka","mongo","postgres"])
            if name in pids:
                try: kill(pids[name]); kills.append(name)
                except ProcessLookupError: pass
            await asyncio.sleep(rnd.uniform(1.5, 5))
        stop.set()
    async def uploader(user, n):
        phones = new_phones(1000)
        for k in range(5):
            data = user.tenant.data(name=f"s{n}-{k}")
            sub = rnd.sample(phones, 700)
            file = csv_file(lead_rows(sub + sub[:20], tags="manhã, tarde"))
            import json
            while True:
                try:
                    r = await user.http.post("/import", files={"file": ("a.csv", file, "text/csv")}, data={"data": json.dumps(data)}, headers=user.tenant.headers() | {"Idempotency-Key": data["name"]})
                except httpx.TransportError: 
                    await asyncio.sleep(0.3); continue
                if r.status_code == 202: break
                if r.status_code == 503: await asyncio.sleep(0.3); continue
                assert False, r.text
            ids.append((r.json()["id"], user))
            await asyncio.sleep(rnd.uniform(2, 12))
    await asyncio.gather(killer(), *(uploader(u, n) for n, u in enumerate(users)))
    print("kills", kills)
    t0 = time.monotonic()
    async def one(i, user):
        async def look():
            try: a = await user.get(f"/imports/{i}")
            except httpx.TransportError: return None
            assert a.status_code in (200, 503), a.text
            return a.json() if a.status_code == 200 and a.json()["status"] != "PROCESSING" else None
        return await eventually(look, seconds=120, what=f"end {i}")
    res = await asyncio.gather(*(one(i, u) for i, u in ids))
    print("all ended after", time.monotonic() - t0)
    await stored.engine.dispose()
    await eventually(stored.outbox_is_empty, what="outbox")
    async with subscribed(stack.kafka_bootstrap, FINISHED) as topic:
        await topic.catch_up()
    for u in users:
        mine = [r for r, (i, v) in zip(res, ids) if v is u]
        assert all(r["status"] == "FINISHED" for r in mine), mine
        assert all(sum(totals(r)) == 720 for r in mine)
        n = await stored.consistent(u.tenant.company_id)
        assert sum(r["total_created"] for r in mine) == n, (mine, n)
        chats = await stored.chats_of(u.tenant.company_id); assert len(chats) == n
        links = await stored.rows("SELECT count(*) a, count(DISTINCT (chat_id, tag_id)) b FROM amigocare.chat_tags WHERE company_id = :c", c=u.tenant.company_id)
        assert links == [{"a": 2*n, "b": 2*n}], (links, n)
        for r in mine:
            recs = topic.records[str(r["id"])]
            print(r["id"], totals(r), len(recs), {headers_of(x)["ce_id"] for x in recs}.__len__())
            assert len({headers_of(x)["ce_id"] for x in recs}) == 1
            assert body_of(recs[0])["total_created"] == r["total_created"]
            rows = await u.rows(r["id"])
            assert len(rows) == r["total_existing"]
