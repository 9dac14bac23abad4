"""What the commands do: bring an instance up, down, to another size."""

import asyncio
import logging
import os
import shutil
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection
from concurrent.futures import ThreadPoolExecutor

from deploy.local import health, kafka, kafka_access, mongo, postgres, quotas, scaling, settings
from deploy.local import ports as ports_of
from deploy.local.instance import Instance, StackError
from deploy.local.leftovers import end_leftovers, forget_pids, wait_gone
from deploy.local.ports import Ports
from deploy.local.process_names import DOORS, GATEWAY, ordered, scalable, service_of
from deploy.local.settings import Given
from deploy.local.supervision import RunningProcess, Supervisor
from deploy.processes import SERVERS, SERVICES

SERVERS_SECONDS = 120
STOP_SECONDS = 60
MOST_COPIES = 20

STARTS = 5
"""A service that has been started so often while `up` waited for it will not be ready."""


def servers_up(instance: Instance) -> Ports:
    """Start PostgreSQL, MongoDB and Kafka, and wait until each answers a real request.

    Returns the ports. Nothing happens where they run already. Raises ``StackError``.
    """
    supervisor = Supervisor(instance)
    instance.create_folders()
    if supervisor.is_running:
        known = ports_of.load(instance)
        if known is None or ports_of.must_move(instance, known):
            _stop(instance, supervisor)  # the ports move, and everything with them
    if not supervisor.is_running:
        left = end_leftovers(instance)
        if left:
            print(f"Ended what a killed supervisor had left behind: {', '.join(left)}.")
        forget_pids(instance)
        ports = ports_of.choose(instance)
    else:
        ports = ports_of.load(instance) or ports_of.choose(instance)
    count = kafka.broker_count(instance)
    with ThreadPoolExecutor() as pool:
        steps = [
            pool.submit(postgres.prepare, instance),
            pool.submit(mongo.prepare, instance),
            pool.submit(kafka.prepare, instance, ports, count),
        ]
        for step in steps:
            step.result()
    was_running = supervisor.is_running
    supervisor.write(settings.server_programs(instance, ports), keep=lambda name: was_running and not _is_server(name))
    if was_running:
        supervisor.apply()
        supervisor.revive()
    else:
        supervisor.start()
    asyncio.run(_wait_for_servers(instance, ports, count))
    return ports


def up(instance: Instance, *, demo_quotas: bool = False) -> Ports:
    """Start everything and return when every service is ready. Only what changed is restarted."""
    from deploy.local import seed  # noqa: PLC0415 - no other command should pay for its imports

    ports = servers_up(instance)
    given = Given.from_environment(demo_quotas=demo_quotas)
    if kafka_access.is_secured(instance):
        brokers = kafka.bootstrap(ports, kafka.broker_count(instance))
        asyncio.run(kafka_access.allow(kafka.client_settings(instance, brokers), prefix=given.topic_prefix))
    if seed.run(instance, ports, given):
        print("Database, topics and demo data are in place.")
    changed = quotas.what_changed(Given.last(instance), given)
    if changed:
        print(changed)
    given.save(instance)
    programs = settings.service_programs(instance, ports, given)
    ports.save(instance)  # scaled processes may have got new ones
    supervisor = Supervisor(instance)
    supervisor.write(programs, keep=_is_server)
    supervisor.apply()
    supervisor.revive()
    wait_for_services(instance, ports)
    return ports


def down(instance: Instance) -> bool:
    """Stop everything and check that nothing is left. Returns False when nothing ran."""
    supervisor = Supervisor(instance)
    running = supervisor.is_running
    if running:
        _stop(instance, supervisor)
    left = end_leftovers(instance) if instance.state.exists() else []
    kafka.remove_containers(instance)
    forget_pids(instance)
    settings.forget_scale(instance)
    return running or bool(left)


def reset(instance: Instance) -> None:
    """Stop everything and delete all data of this instance, its ports and secrets too."""
    down(instance)
    kafka.remove_containers(instance, volumes=True)
    ports_of.release(instance)
    if instance.state.exists():
        shutil.rmtree(instance.state)


def restart(instance: Instance, service: str | None) -> None:
    """Restart the processes of one service, one process, or everything (None); wait until all is ready again."""
    supervisor = Supervisor(instance)
    names = [name for name in supervisor.processes() if service in (None, name, service_of(name))]
    if not names:
        raise StackError(f"There is no process of {service!r}." if supervisor.is_running else "The stack is down.")
    # As in `up` and `down`: services end while the servers still answer, and begin when they answer again.
    services = [name for name in names if not _is_server(name)]
    supervisor.stop(services)
    supervisor.stop([name for name in names if _is_server(name)])
    supervisor.start_again([name for name in names if _is_server(name)])
    ports = ports_of.load(instance) or ports_of.choose(instance)
    asyncio.run(_wait_for_servers(instance, ports, kafka.broker_count(instance)))
    supervisor.start_again(services)
    wait_for_services(instance, ports)


def scale(instance: Instance, service: str, count: str, *, say: Callable[[str], None] = lambda _: None) -> list[str]:
    """Run ``count`` processes of a service from now until ``down``, and return their names.

    The others go on undisturbed; ``say`` is told what happens as it does. Raises ``StackError`` for what is no
    number or cannot be scaled.
    """
    scalable(service)
    if not (count.isascii() and count.isdigit()) or int(count) > MOST_COPIES:
        raise StackError(f"COUNT={count!r}: use a number from 0 to {MOST_COPIES}.")
    supervisor = Supervisor(instance)
    running = supervisor.processes()
    if "api" not in running:
        raise StackError("The stack is down: run `make up` first.")
    ports = ports_of.load(instance)
    if ports is None:
        raise StackError("The ports of this stack are forgotten: run `make down`, then `make up`.")
    settings.save_scale(instance, settings.load_scale(instance) | {service: int(count)})
    programs = settings.service_programs(instance, ports, Given.load(instance))
    ports.save(instance)
    # Only this service's files are written and removed: nothing else can count as changed.
    own = [program for program in programs if service_of(program.name) == service]
    names = [program.name for program in own]
    before = ordered(name for name in running if service_of(name) == service)
    say(scaling.what_will_happen(service, before, names))
    began = time.monotonic()

    def ready(name: str) -> None:
        if name not in before:
            say(scaling.is_ready(name, time.monotonic() - began))

    def stopped(name: str) -> None:
        say(scaling.has_stopped(name, time.monotonic() - began))

    supervisor.stop(set(before) - set(names), stopped=stopped)
    supervisor.write(own, keep=lambda name: service_of(name) != service)
    supervisor.apply()
    wait_for_services(instance, ports, names, ready=ready)
    say(scaling.what_runs(service, names))
    return names


def status(instance: Instance) -> list[RunningProcess]:
    """Return every process in the order of the pipeline; the usual ones as stopped where they do not run."""
    running = Supervisor(instance).processes()
    usual = [*SERVERS, *SERVICES, *DOORS]
    return [
        running.get(name, RunningProcess(name=name, state="stopped", pid=0, uptime=0, exit_code=0))
        for name in ordered({*usual, *running})
    ]


def require_gateway(instance: Instance) -> None:
    """Raise a ``StackError`` unless the address of the console and the API is served."""
    gateway = Supervisor(instance).processes().get(GATEWAY)
    if gateway is None or gateway.state != "running":
        raise StackError("The stack is down: run `make up` first, or `make demo`, which imports an example.")


def wait_for_services(
    instance: Instance,
    ports: Ports,
    names: Collection[str] | None = None,
    *,
    ready: Callable[[str], None] = lambda _: None,
) -> None:
    """Wait until each service that runs (of ``names``, when given) answers 200 on its readiness check.

    ``ready`` is called with the name of each as soon as it does. Raises ``StackError`` with the end of the log
    of one that does not, at once when it has given up.
    """
    supervisor = Supervisor(instance)
    seconds = _ready_seconds()
    deadline = time.monotonic() + seconds
    pids: dict[str, set[int]] = defaultdict(set)
    waiting = [n for n in supervisor.processes() if not _is_server(n) and (names is None or n in names)]
    while waiting:
        reasons = {name: health.why_service_is_not_ready(name, ports[name], seconds=3) for name in waiting}
        for name in waiting:
            if reasons[name] is None:
                ready(name)
        waiting = [name for name in waiting if reasons[name] is not None]
        processes = supervisor.processes()
        for name in waiting:
            if name not in processes or processes[name].gave_up:
                raise StackError(f"{name} stopped and does not want to be started again.\n{instance.tail(name)}")
            pids[name].add(processes[name].pid)
            if len(pids[name] - {0}) >= STARTS:
                raise StackError(f"{name} dies again and again.\n{instance.tail(name)}")
        if waiting and time.monotonic() > deadline:
            name = waiting[0]
            raise StackError(f"{name} is not ready after {seconds} s: {reasons[name]}.\n{instance.tail(name)}")
        if waiting:
            time.sleep(0.05)


def _ready_seconds() -> int:
    text = os.environ.get("LEADFLOW_LOCAL_READY_SECONDS") or "60"
    if not (text.isascii() and text.isdigit()):
        raise StackError(f"LEADFLOW_LOCAL_READY_SECONDS={text!r}: use a number.")
    return int(text)


def _stop(instance: Instance, supervisor: Supervisor) -> None:
    processes = supervisor.processes()
    # Services first, while the servers still answer: they finish the message in hand.
    supervisor.stop([name for name in processes if not _is_server(name)])
    supervisor.stop([name for name in processes if _is_server(name)])
    pid_file = instance.state / "pids" / "supervisord"
    pid = int(pid_file.read_text()) if pid_file.exists() else None
    supervisor.shut_down()
    if pid and not wait_gone(pid, STOP_SECONDS):
        raise StackError(f"supervisord (pid {pid}) does not stop.\n{instance.tail('supervisord')}")


def _is_server(name: str) -> bool:
    return service_of(name) in SERVERS


async def _wait_for_servers(instance: Instance, ports: Ports, count: int) -> None:
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it reports each attempt until the broker is up
    await asyncio.gather(
        _answers(instance, "postgres", lambda: postgres.check(instance, ports)),
        _answers(instance, "mongo", lambda: mongo.check(ports)),
        _answers(instance, "kafka", lambda: kafka.check(instance, ports, count)),
    )


async def _answers(instance: Instance, name: str, check: Callable[[], Awaitable[None]]) -> None:
    deadline = time.monotonic() + SERVERS_SECONDS
    while True:
        try:
            await check()
        except Exception as error:  # whatever a driver raises while its server starts
            if time.monotonic() > deadline:
                raise StackError(
                    f"{name} does not answer after {SERVERS_SECONDS} s: {error}\n{instance.tail(name)}"
                ) from error
            await asyncio.sleep(0.05)
        else:
            return
