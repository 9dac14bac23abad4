"""The least that answers over HTTP, and the least that answers a page of leads: what Python's server, its driver and
PostgreSQL take by themselves, without a framework, a sign-in or a model.
"""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any

import asyncpg
from pydantic_core import to_json

from bench.lead_statements import BARE

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
POSTGRES = "LEADFLOW_BENCH_POSTGRES_URL"
_BODY = b'{"status":"ok"}'
# As of leads: behind the company's wall, who is shown which leads is on the disk before the answer goes out.
_BEGIN = """
    BEGIN;
    SELECT set_config('role', CASE WHEN row_security_active('amigocare.outbox') THEN 'none' ELSE 'leadflow_tenant' END,
                      true), set_config('leadflow.company_id', '1', true), set_config('enable_sort', 'off', true)
"""
_PAGE = f"""
    WITH page AS MATERIALIZED ({BARE.format(where="")}), noted AS (
        INSERT INTO crm.access_log (company_id, lead_id, user_id, at, shown) SELECT 1, id, 1, $1, 'list' FROM page
    )
    SELECT * FROM page ORDER BY created_at DESC, id DESC
"""
_free: list[tuple[Any, Any]] = []


async def app(scope: Message, receive: Callable[[], Awaitable[Message]], send: Send) -> None:
    """Answer each request; at its start and end the server has nothing to wait for."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    body = await _page() if scope["path"] == "/page" else _BODY
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _page() -> bytes:
    connection, page = _free.pop() if _free else await _connected()
    await connection.execute(_BEGIN)
    rows = await page.fetch(datetime.now(UTC))
    await connection.execute("COMMIT")
    _free.append((connection, page))
    return to_json({"items": [dict(row) for row in rows]})


async def _connected() -> tuple[Any, Any]:
    connection = await asyncpg.connect(os.environ[POSTGRES])
    return connection, await connection.prepare(_PAGE)
