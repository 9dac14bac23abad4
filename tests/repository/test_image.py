"""The Dockerfile, without an engine: what is built of what, and by whom it may be changed."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from deploy.local import kafka as local_kafka
from tests.support.manifests import (
    CONTAINERS,
    IMAGE,
    OURS,
    image_environment,
    project_version,
    read_dockerfile,
)
from tests.support.stack import ROOT

# The image

BUILD_TOOLS = re.compile(r"\b(pip|apt|apt-get|gcc|g\+\+|make|cargo|curl|wget|git|poetry|uv)\b")


def image_of(name: str) -> tuple[str, str]:
    repository, _, tag = CONTAINERS[name]["image"].rpartition(":")
    return repository, tag


def test_images_are_pinned_and_ours_is_the_projects_version() -> None:
    for name in CONTAINERS:
        repository, tag = image_of(name)
        assert repository
        assert re.match(r"\d", tag), f"{name}: {tag} is no version"
        assert (repository == IMAGE) == (name in OURS)
        if name in OURS:
            assert tag == project_version()
            assert CONTAINERS[name]["build"] == "."
    assert CONTAINERS["kafka"]["image"] == local_kafka.IMAGE
    assert CONTAINERS["platform"]["image"] == CONTAINERS["postgres"]["image"] == "postgres:18"
    assert CONTAINERS["mongo"]["image"] == "mongo:8"


def arguments_of(stage: list[tuple[str, str]], instruction: str) -> list[str]:
    return [arguments for found, arguments in stage if found == instruction]


def test_the_image_is_built_of_hashed_wheels_in_another_stage() -> None:
    outside, builder, last = read_dockerfile()
    [base] = arguments_of(outside, "ARG")
    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.11\.\d+-slim-bookworm", base)
    assert arguments_of(builder, "FROM") == ["${PYTHON_IMAGE} AS builder"]
    assert arguments_of(last, "FROM") == ["${PYTHON_IMAGE}"]
    installs = [command for command in arguments_of(builder, "RUN") if " install" in command]
    assert len(installs) == 1
    assert {"--require-hashes", "--only-binary=:all:", "/build/requirements.txt"} <= set(installs[0].split())
    assert "venv --without-pip" in installs[0]
    assert arguments_of(builder, "ARG") == ["REQUIREMENTS=runtime"]
    copied = [each.split() for each in arguments_of(builder, "COPY")]
    assert ["requirements/${REQUIREMENTS}.txt", "/build/requirements.txt"] in copied


def test_the_image_for_amazons_kafka_has_the_runtime_as_it_is_and_the_signer() -> None:
    runtime, msk = ({*_pinned(name)} for name in ("runtime", "msk"))
    assert runtime < msk
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["msk"]
    added = {name.partition("==")[0] for name in msk - runtime}
    assert set(extra) <= added


def _pinned(name: str) -> list[str]:
    return re.findall(r"^[a-z0-9-]+==\S+", (ROOT / "requirements" / f"{name}.txt").read_text(), re.MULTILINE)


def test_the_last_stage_has_no_build_tools_and_an_unprivileged_user() -> None:
    last = read_dockerfile()[-1]
    for command in arguments_of(last, "RUN"):
        for step in command.split(" && "):
            used = BUILD_TOOLS.findall(step)
            assert not used or re.fullmatch(r"python -m pip .*\buninstall\b.* pip setuptools wheel", step), step
    assert any("uninstall" in command for command in arguments_of(last, "RUN"))
    for copied in arguments_of(last, "COPY"):
        assert copied.startswith("--from=builder ") or "<<" in copied, f"COPY {copied} is not of the builder"
    assert not arguments_of(last, "ADD")
    [user] = arguments_of(last, "USER")
    assert re.fullmatch(r"[1-9]\d{4}:[1-9]\d{4}", user)
    order = [instruction for instruction, _ in last]
    assert order.index("USER") > max(place for place, each in enumerate(order) if each in ("RUN", "COPY"))
    assert arguments_of(last, "STOPSIGNAL") == ["SIGTERM"]
    assert image_environment()["PYTHONDONTWRITEBYTECODE"] == "1"
    assert arguments_of(last, "EXPOSE") == [image_environment()["LEADFLOW_HTTP_PORT"]]
    for instruction in ("CMD", "ENTRYPOINT"):
        assert all(arguments.startswith("[") for arguments in arguments_of(last, instruction)), "a shell would not stop"


def test_the_image_has_all_of_our_code_and_its_context_nothing_else() -> None:
    builder = read_dockerfile()[1]
    copied = {source for source, _ in (each.split() for each in arguments_of(builder, "COPY"))}
    packages = {each for each in ("libs", "migrations", "services") if (ROOT / each).is_dir()}
    assert copied == packages | {"requirements/${REQUIREMENTS}.txt"}
    for arguments in arguments_of(builder, "COPY"):
        source, target = arguments.split()
        if source in packages:
            # services/operator/migrate.py finds migrations beside services, services.api.reading.pool finds the root.
            assert target == f"/app/{source}"
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert ignored[0] == "*"
    assert {line[1:] for line in ignored if line.startswith("!")} == packages | {
        "requirements/runtime.txt",
        "requirements/msk.txt",
    }
    assert image_environment()["PYTHONPATH"] == "/app"


def test_the_command_leadflow_is_the_projects_script(tmp_path: Path) -> None:
    text = (ROOT / "Dockerfile").read_text()
    found = re.search(r"<<EOF /opt/leadflow/bin/leadflow\n(.*?)\nEOF\n", text, re.DOTALL)
    assert found
    assert "--chmod=755" in next(each for each in arguments_of(read_dockerfile()[-1], "COPY") if "<<EOF" in each)
    assert found[1].startswith("#!/opt/leadflow/bin/python\n")
    script = tmp_path / "leadflow"
    script.write_text(found[1])
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
