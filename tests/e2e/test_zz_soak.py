import asyncio, os, signal, random
import pytest
from tests.support.processes import running
from tests.support.readers import FINISHED, Stored, body_of, headers_of, subscribed
from tests.support.stack import Addresses, local
from tests.support.user import NewUser, User, csv_file, lead_rows, new_phones, totals
from tests.support.waiting import eventually

@pytest.mark.parametrize("service", ["creator", "tagger", "dedup", "finalizer"])
async def test_zombie(user: User, stored: Stored, stack: Addresses, service: str) -> None:
    await asyncio.to_thread(local, "scale", service, "2")
    pids = running()
    print(pids)
    ids = []
    for k in range(4):
        ids.append(await user.accept(csv_file(lead_rows(new_phones(1200), tags="a,b"))))
        await asyncio.sleep(random.uniform(0, 0.4))
        os.kill(pids[service], signal.SIGSTOP)
        await asyncio.sleep(13)
        os.kill(pids[service], signal.SIGCONT)
    for i in ids:
        f = await user.ended(i, seconds=90)
        assert totals(f) == (1200, 0, 0), f
    assert await stored.consistent(user.tenant.company_id) == 4800
    links = await stored.rows("SELECT count(*) a, count(DISTINCT (chat_id, tag_id)) b FROM amigocare.chat_tags WHERE company_id = :c", c=user.tenant.company_id)
    assert links == [{"a": 9600, "b": 9600}]
    async with subscribed(stack.kafka_bootstrap, FINISHED) as topic:
        await topic.catch_up()
    for i in ids:
        assert len({headers_of(x)["ce_id"] for x in topic.records[str(i)]}) == 1
    await asyncio.to_thread(local, "scale", service, "1")
