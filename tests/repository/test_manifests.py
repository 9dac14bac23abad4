"""What is repeated for each process is what ``deploy/processes.py`` says; the table is what the services are."""

import shutil
from pathlib import Path

from deploy.manifests import observing, strimzi
from deploy.manifests.__main__ import COMPOSE, stale_files
from deploy.manifests.kubernetes import (
    AUTOSCALERS,
    KAFKA_USERS,
    NETWORK_POLICIES,
    POSTGRES_USERS,
    SCALED_OBJECTS,
    TRIGGERS,
)
from deploy.manifests.kubernetes import SERVICES as GENERATED
from deploy.processes import BY_NAME, CONSUMERS, PROCESSES, SERVICES
from libs.contracts.lead_import.registry import REGISTRY
from libs.contracts.registry import registries
from libs.imports.chunk_path import PIPELINE
from tests.support.manifests import CONTAINERS, build_kustomization, of_kind, wired
from tests.support.stack import ROOT

PATCHES = (
    *(NETWORK_POLICIES, SCALED_OBJECTS, AUTOSCALERS, TRIGGERS, KAFKA_USERS, POSTGRES_USERS),
    *observing.files(),
    *strimzi.files(),
)

NO_PROCESS = {"operator"}
"""A command that people run; the image has it."""


def test_no_manifest_is_stale() -> None:
    """``make manifests`` writes them anew."""
    assert stale_files(write=False) == [], "run `make manifests`"


def test_every_room_is_in_the_table() -> None:
    rooms = {path.parent.name for path in (ROOT / "services").glob("*/main.py")}
    assert set(BY_NAME) == rooms - NO_PROCESS, "a row in deploy/processes.py for each room, and a room for each row"
    assert len(BY_NAME) == len(PROCESSES)


def test_every_owner_and_reader_of_a_topic_is_a_service_and_every_consumer_reads_one() -> None:
    topics = [topic for registry in registries() for topic in registry.topics]
    letters = [registry.dead_letters for registry in registries() if registry.dead_letters]
    named = {topic.owner for topic in topics} | {reader for each in letters for reader in each.readers}
    assert named | {reader for topic in topics for reader in topic.readers} <= set(SERVICES)
    idle = [name for name in CONSUMERS if not BY_NAME[name].subscriptions]
    assert idle == [], "add their names to `readers` of a topic"


def test_every_consumer_has_dead_letters_that_a_registry_names_and_are_its_own_owners() -> None:
    """Of others nobody makes the topic: the first bad message would hold its partition for ever."""
    known = {registry.dead_letters.topic for registry in registries() if registry.dead_letters}
    letters = {name: each["dead_letters"] for name, each in wired().items()}
    assert set(letters.values()) <= known, "give them to the owner's Registry(dead_letters=…)"
    assert REGISTRY.dead_letters
    of_the_import = {name for name, topic in letters.items() if topic == REGISTRY.dead_letters.topic}
    assert of_the_import == set(PIPELINE), "what another service cannot process says nothing about the import"


def test_the_pipeline_is_who_settles_what_is_internal_to_the_import() -> None:
    """By its lag the finalizer explains why a chunk is unsettled: what waits at a stage that is left out is resent.

    Who only follows, as enroller does, holds no chunk up: what it cannot process ends elsewhere.
    """
    internal = [topic for topic in REGISTRY.topics if not topic.public]
    assert REGISTRY.dead_letters
    readers = [name for name in CONSUMERS if any(name in topic.readers for topic in internal)]
    assert tuple(name for name in readers if name in REGISTRY.dead_letters.writers) == PIPELINE


def test_what_is_stale_missing_or_left_over_is_noticed_and_mended(tmp_path: Path) -> None:
    shutil.copy(ROOT / COMPOSE, tmp_path)
    shutil.copytree(ROOT / GENERATED, tmp_path / GENERATED)
    first, second = (f"{GENERATED}/{process.name}.yaml" for process in PROCESSES[:2])
    (tmp_path / first).write_text("")
    (tmp_path / second).unlink()
    (tmp_path / GENERATED / "no-more.yaml").touch()
    (tmp_path / COMPOSE).write_text((ROOT / COMPOSE).read_text().replace("services.api.main", "services.api.other"))
    stale = [first, second, *PATCHES, COMPOSE, f"{GENERATED}/no-more.yaml"]
    assert stale_files(tmp_path, write=True) == stale
    assert stale_files(tmp_path, write=False) == []


def test_who_needs_no_database_is_told_of_none() -> None:
    deployments = of_kind(build_kustomization("base"), "Deployment")
    for process in PROCESSES:
        told = set(CONTAINERS[process.name]["environment"])
        [container] = deployments[process.name]["spec"]["template"]["spec"]["containers"]
        given = {variable["name"] for variable in container.get("env", [])}
        for server in ("postgres", "mongo"):
            needed = server in process.needs
            assert (f"LEADFLOW_{server.upper()}_URL" in told) is needed
            assert (f"LEADFLOW_{server.upper()}_URL" in given) is needed
