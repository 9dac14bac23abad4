"""Asks a process whether it can do its work. Each function returns why it cannot, or None."""

import asyncio
import http.client
import json

from deploy.local import kafka, mongo, postgres
from deploy.local.instance import Instance
from deploy.local.ports import Ports
from deploy.local.process_names import GATEWAY, WHATSAPP

_LONGEST_REASON = 120
_ASKED = {WHATSAPP: "/control", GATEWAY: "/console/"}
"""What says that a process is ready, of those that have no readiness check."""


def why_service_is_not_ready(name: str, port: int, *, seconds: float) -> str | None:
    """Ask a service's readiness check, for at most about ``seconds``."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request("GET", _ASKED.get(name, "/health/ready"))
        answer = connection.getresponse()
        body = answer.read(10_000)
    except TimeoutError:
        return _no_answer(seconds)
    except (OSError, http.client.HTTPException) as error:
        return _reason(error, port)
    finally:
        connection.close()
    if answer.status == http.HTTPStatus.OK:
        return None
    return _reason_of(body) or f"it answers {answer.status}"


async def why_server_is_not_ready(instance: Instance, ports: Ports, name: str, *, seconds: float) -> str | None:
    """Ask PostgreSQL, MongoDB or a broker of Kafka something that only a working one answers."""
    try:
        async with asyncio.timeout(seconds):
            if name == "postgres":
                await postgres.check(instance, ports)
            elif name == "mongo":
                await mongo.check(ports)
            else:
                await kafka.check_broker(instance, name, ports, kafka.broker_count(instance))
    except TimeoutError:
        return _no_answer(seconds)
    except Exception as error:  # noqa: BLE001 - whatever a driver raises, that is the reason
        return _reason(error, ports[name])
    return None


def _no_answer(seconds: float) -> str:
    return f"no answer within {seconds:g} s"


def _reason(error: Exception, port: int) -> str:
    if isinstance(error, ConnectionRefusedError) or "Connection refused" in str(error):
        return f"nothing listens on port {port} yet"
    return (str(error) or type(error).__name__).splitlines()[0][:_LONGEST_REASON]


def _reason_of(body: bytes) -> str | None:
    """Return the reason that a service gives beside its 503."""
    try:
        found = json.loads(body)
    except ValueError:
        return None
    reason = found.get("reason") if isinstance(found, dict) else None
    return str(reason) if reason else None
