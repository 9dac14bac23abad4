"""The names of a stack's processes: what service each is of, in which order they stand, which can be more than one."""

from collections.abc import Iterable

from deploy.local.instance import StackError
from deploy.processes import CONSUMERS, SERVERS, SERVICES

GATEWAY = "gateway"
SIGN_IN = "sign-in"
DOORS = (GATEWAY, SIGN_IN)
"""What people come in by: the address of the console and the API, and what a link signs in at."""
WHATSAPP = "whatsapp"


def service_of(process: str) -> str:
    """Return the service of a process: ``creator`` of ``creator-2``."""
    service, _, number = process.rpartition("-")
    return service if number.isdigit() else process


def ordered(names: Iterable[str]) -> list[str]:
    """Sort process names as ``status`` shows them: servers, services, each with its copies after it."""
    order = (*SERVERS, *SERVICES, *DOORS, WHATSAPP)

    def rank(name: str) -> tuple[int, int, str]:
        service = service_of(name)
        number = name.removeprefix(service).removeprefix("-")
        return (order.index(service) if service in order else len(order), int(number or 1), name)

    return sorted(names, key=rank)


def scalable(service: str) -> str:
    """Return the name, or raise a ``StackError`` that says why it cannot be scaled."""
    if service in CONSUMERS:
        return service
    names = ", ".join(CONSUMERS)
    if service in SERVICES:
        raise StackError(f"{service} has one fixed port, so the local stack runs one. Scale {names}.")
    raise StackError(f"There is no service {service!r} to scale: use one of {names}.")
