"""creme-crm, a CRM that pip can install, with the same persons on the same PostgreSQL.

It is AGPL and stands apart: an environment of its own under ``.local``, a database of its own, spoken to over HTTP
alone.
gunicorn serves it with as many workers as its documents advise: two for each core, and one.
"""

import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import httpx

from bench.stack import ROOT, Stack

DATABASE = "creme"
START_SECONDS = 60.0
_REQUIREMENTS = ROOT / "requirements" / "peer.txt"
_HOME = ROOT / ".local" / "peers" / "creme"
_BIN = _HOME / "venv" / "bin"
_WORDS = 2_000
_URL = "PEER_POSTGRES_URL"
_TOKEN = re.compile(r'csrfmiddlewaretoken" value="([^"]+)"')
# What its documents tell to set, and no more. Static files are not asked for.
_SETTINGS = """
import os
from pathlib import Path
from urllib.parse import urlsplit

from creme.settings import *

_postgres = urlsplit(os.environ["PEER_POSTGRES_URL"])
DATABASES = {"default": {
    "ENGINE": "django.db.backends.postgresql", "NAME": _postgres.path[1:], "USER": _postgres.username,
    "PASSWORD": _postgres.password, "HOST": _postgres.hostname, "PORT": _postgres.port, "CONN_MAX_AGE": 600}}
SECRET_KEY = os.environ["PEER_SECRET"]
ALLOWED_HOSTS = ["127.0.0.1"]
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
BASE_DIR = Path(__file__).resolve().parent
GENERATED_MEDIA_NAMES_FILE = BASE_DIR / "generated_names.py"
GENERATED_MEDIA_NAMES_MODULE = "generated_names"
MEDIA_ROOT = BASE_DIR / "media" / "upload"
STATIC_ROOT = BASE_DIR / "media" / "static"
JOBMANAGER_BROKER = f"unix_socket://{BASE_DIR}/"
"""


@contextmanager
def serving(stack: Stack, start: int, count: int) -> Iterator[str]:
    """Install it where it is not, give it these persons of ``bench.rows``, and serve it; yield its address."""
    _install()
    stack.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)", f"CREATE DATABASE {DATABASE}")
    named = _environment(stack)
    for command in ("migrate", "creme_populate", "generatemedia"):
        _run([str(_BIN / "creme"), command], named)
    _run([str(_BIN / "python"), "-m", "bench.beside.creme_contacts", str(start), str(count)], named)
    # With statistics and all written out, as ours is.
    replace(stack, postgres_url=named[_URL]).execute("VACUUM (ANALYZE)", "CHECKPOINT")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    workers = f"--workers={2 * (os.cpu_count() or 1) + 1}"
    server = [str(_BIN / "gunicorn"), f"--bind={address}", workers, "django.core.wsgi:get_wsgi_application()"]
    with (
        (_HOME / "server.log").open("w") as log,
        subprocess.Popen(server, env=named, stdout=log, stderr=log) as process,
    ):
        try:
            _wait(f"http://{address}")
            yield f"http://{address}"
        finally:
            process.terminate()
            process.wait(30)
    stack.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


async def sign_in(http: aiohttp.ClientSession) -> None:
    """Sign in as the administrator that it makes itself."""
    async with http.get("/creme_login/") as page:
        token = _TOKEN.search(await page.text())
    if token is None:
        raise RuntimeError("creme-crm's page to sign in has no form")
    form = {"username": "root", "password": "root", "csrfmiddlewaretoken": token[1]}
    async with http.post("/creme_login/", data=form, allow_redirects=False) as answer:
        if answer.status != httpx.codes.FOUND:
            raise RuntimeError(f"creme-crm lets nobody in: {answer.status}")


def _install() -> None:
    wanted = hashlib.sha256(_REQUIREMENTS.read_bytes()).hexdigest()
    ready = _HOME / "installed"
    if ready.exists() and ready.read_text() == wanted:
        return
    shutil.rmtree(_HOME, ignore_errors=True)
    _run([sys.executable, "-m", "venv", str(_HOME / "venv")], dict(os.environ))
    pip = [str(_BIN / "pip"), "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    _run([*pip, "-r", str(_REQUIREMENTS)], dict(os.environ))
    ready.write_text(wanted)


def _environment(stack: Stack) -> dict[str, str]:
    project = _HOME / "project"
    project.mkdir(exist_ok=True)
    (project / "measured.py").write_text(_SETTINGS)
    return os.environ | {
        "PYTHONPATH": f"{ROOT}:{project}",
        "PYTHONWARNINGS": "ignore",
        "DJANGO_SETTINGS_MODULE": "measured",
        _URL: urlsplit(stack.postgres_url)._replace(path=f"/{DATABASE}").geturl(),
        "PEER_SECRET": os.urandom(32).hex(),
    }


def _run(command: list[str], env: dict[str, str]) -> None:
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=900)
    if done.returncode:
        raise RuntimeError(f"{Path(command[0]).name} {command[1]}: {done.stderr[-_WORDS:]}")


def _wait(url: str) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        try:
            if httpx.get(f"{url}/creme_login/").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"creme-crm does not answer: {_HOME / 'server.log'}")
