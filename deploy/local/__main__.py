"""The command line of the local stack: ``python -m deploy.local COMMAND``. ``make help`` shows the short forms."""

import asyncio
import os
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from deploy.local import follow, settings, stack, tokens
from deploy.local import ports as ports_of
from deploy.local.instance import CHECKOUT, Instance, StackError
from deploy.local.ports import Ports

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)

MINIMUM_PYTHON = (3, 11)
DEMO_DATA = "docs/guide/demo-data.md"
INTERRUPTED = 130
"""Exit code after Ctrl-C."""


@app.command()
def up(
    *,
    demo_quotas: Annotated[bool, typer.Option(help="Raise the import quotas unless they are set.")] = False,
) -> None:
    """Start everything in the background; return when every service is ready."""
    instance, started = Instance.from_environment(), time.monotonic()
    with instance.lock():
        ports = stack.up(instance, demo_quotas=demo_quotas)
    if demo_quotas:
        quotas = " ".join(f"{name}={os.environ.get(name, value)}" for name, value in settings.DEMO_QUOTAS.items())
        print(f"So that the demo can run again within the hour, its quotas are {quotas}.")
    print(f"Leadflow is up ({time.monotonic() - started:.1f} s).\n")
    _print_addresses(instance, ports)
    # Last: it is what most people want, and its code is long.
    print(f"\nThe console, signed in (once, within a minute; `make link` prints another):\n{_link(instance, ports)}")


@app.command()
def servers() -> None:
    """Start only PostgreSQL, MongoDB and Kafka."""
    instance, started = Instance.from_environment(), time.monotonic()
    with instance.lock():
        stack.servers_up(instance)
    print(f"PostgreSQL, MongoDB and Kafka are up ({time.monotonic() - started:.1f} s).")


@app.command()
def down() -> None:
    """Stop everything; the data stays."""
    instance = Instance.from_environment()
    with instance.lock():
        print("Leadflow is down." if stack.down(instance) else "Leadflow was not running.")


@app.command()
def restart(service: Annotated[str, typer.Argument(help="One service or server; none: all.")] = "") -> None:
    """Restart the processes of one service, or all."""
    instance = Instance.from_environment()
    with instance.lock():
        stack.restart(instance, service or None)
    print(f"{service or 'Everything'} has restarted and is ready.")


@app.command()
def reset() -> None:
    """Stop everything and forget all data."""
    instance = Instance.from_environment()
    with instance.lock():
        stack.reset(instance)
    print("All data of this stack is gone.")


@app.command()
def logs(name: Annotated[str, typer.Argument(help="A service, server or process (creator-2).")] = "") -> None:
    """Follow the logs until Ctrl-C: of all services, and what goes wrong in the servers; or all of one."""
    with suppress(KeyboardInterrupt):
        follow.follow(Instance.from_environment(), name or None)


@app.command()
def scale(service: str, count: str) -> None:
    """Run COUNT processes of a service; the others go on undisturbed."""
    instance = Instance.from_environment()
    with instance.lock():
        stack.scale(instance, service, count, say=partial(print, flush=True))


@app.command()
def partitions(count: Annotated[int, typer.Argument(min=1)]) -> None:
    """Give every topic COUNT partitions, so that as many members of a group have something to do."""
    from deploy.local import more_partitions as more  # noqa: PLC0415 - no other command should pay for its imports

    instance = Instance.from_environment()
    with instance.lock():
        added = asyncio.run(more.add(instance, _known_ports(instance), count))
    print(f"{len(added)} topics have {count} partitions now; `make restart` has all services look for them at once.")


@app.command()
def status() -> None:
    """Show every process: its state, pid, port, uptime, restarts, and why it is not ready.

    Exit code 0: all are ready. 1: one is not ready, frozen, stopped or given up (`make` ends with 2 then).
    """
    from deploy.local import status as condition  # noqa: PLC0415 - no other command should pay for its imports

    found = condition.conditions(Instance.from_environment())
    console = Console(highlight=False, soft_wrap=True)
    for line in condition.table(found):
        console.print(line)
    print(condition.summary(found))
    raise typer.Exit(0 if all(each.well for each in found) else 1)


@app.command()
def observe() -> None:
    """Run Prometheus beside the stack, with the alerts, until Ctrl-C."""
    from deploy.local import observe as observing  # noqa: PLC0415 - no other command should pay for its imports

    observing.run(Instance.from_environment())


@app.command()
def env() -> None:
    """Print the addresses as KEY=value lines."""
    instance = Instance.from_environment()
    for name, value in settings.addresses(instance, _known_ports(instance)).items():
        print(f"{name}={value}")


@app.command()
def token(
    company_id: str = "1",
    user_id: str = "1",
    permissions: Annotated[str, typer.Option(help="Comma list of MODULE:PERMISSION; empty: none.")] = (
        tokens.EVERYTHING
    ),
    accounts: Annotated[str | None, typer.Option(help="Comma list of ids; absent: all of the company's.")] = None,
    expires_in: Annotated[str, typer.Option(help="Seconds.")] = "43200",
) -> None:
    """Print a JWT for the API."""
    instance = Instance.from_environment()
    instance.require()
    print(
        tokens.issue(
            instance,
            company_id=company_id,
            user_id=user_id,
            permissions=permissions,
            accounts=accounts,
            expires_in=expires_in,
        )
    )


@app.command()
def link(company_id: str = "1", user_id: str = "1") -> None:
    """Print a link that signs in to the console, once and within a minute."""
    instance = Instance.from_environment()
    ports = _known_ports(instance)
    stack.require_gateway(instance)
    address = settings.addresses(instance, ports)["LEADFLOW_API_URL"]
    print(tokens.link(instance, address, company_id=company_id, user_id=user_id))


@app.command()
def demo(
    file: Annotated[Path, typer.Argument(help="A spreadsheet of leads.")] = CHECKOUT / "examples" / "leads.csv",
) -> None:
    """Import a file into the running stack and show what happened."""
    from deploy.local import demo as demonstration  # noqa: PLC0415 - no other command should pay for its imports

    instance = Instance.from_environment()
    ports = _known_ports(instance)
    raise typer.Exit(asyncio.run(demonstration.run(instance, ports, file)))


def _known_ports(instance: Instance) -> Ports:
    instance.require()
    return ports_of.load(instance) or ports_of.choose(instance)


def _link(instance: Instance, ports: Ports) -> str:
    return tokens.link(instance, settings.addresses(instance, ports)["LEADFLOW_API_URL"])


def _print_addresses(instance: Instance, ports: Ports) -> None:
    found = settings.addresses(instance, ports)
    api = found["LEADFLOW_API_URL"]
    rows = {
        "API": f"{api}/import",
        "API docs": f"{api}/docs",
        "PostgreSQL": f"127.0.0.1:{ports['postgres']}, database leadflow",
        "MongoDB": found["LEADFLOW_MONGO_URL"],
        "Kafka": found["LEADFLOW_KAFKA_BOOTSTRAP"],
        "Addresses": "make -s env (with the database's password)",
        "A token": "make -s token",
        "Processes": "make -s status",
        "Demo data": f"{DEMO_DATA} (ids of companies, accounts, sources, tags)",
    }
    for name, value in rows.items():
        print(f"  {name:<11} {value}")


def main() -> None:
    """Run a command; what the user can put right is said in words, without a traceback."""
    if sys.version_info < MINIMUM_PYTHON:
        sys.exit("Leadflow needs Python 3.11 or newer.")
    try:
        app()
    except StackError as error:
        print(f"\n{error}", file=sys.stderr)
        sys.exit(1)
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            print("\nInterrupted. `make up` takes it from there, `make down` stops what runs.", file=sys.stderr)
        raise


if __name__ == "__main__":
    main()
