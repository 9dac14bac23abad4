"""What each user may do in Kafka: exactly what its service does there, and nothing else."""

import subprocess
import sys
from dataclasses import replace

import pytest

from deploy.kafka_rights import KEDA, MIGRATE, OPERATOR, commands, rights, subscriber_rights
from deploy.processes import BY_NAME, CONSUMERS, PROCESSES, Process
from libs.common.topics import Registry
from libs.contracts.lead_import.registry import REGISTRY
from libs.contracts.registry import registries
from tests.support.stack import ROOT

ACCEPTED = "lead.import-accepted.v1"
CHUNK_ACCEPTED = "lead.import-chunk-accepted.v1"
DEDUPLICATED = "lead.import-chunk-deduplicated.v1"
TAGGED = "lead.import-chunk-tagged.v1"
CREATED = "lead.import-chunk-created.v1"
FINISHED = "lead.import-finished.v1"
DEAD = "lead.import-dead-letter.v1"
ALL = {ACCEPTED, CHUNK_ACCEPTED, DEDUPLICATED, TAGGED, CREATED, FINISHED, DEAD}

Names = dict[str, set[str]]

SERVICES: dict[str, Names] = {
    "api": {"topic Read": {CREATED, FINISHED}, "topic Write": {ACCEPTED, CHUNK_ACCEPTED, FINISHED}},
    "dedup": {"topic Read": {CHUNK_ACCEPTED}, "group Read": {"dedup"}, "topic Write": {DEDUPLICATED, DEAD}},
    "tagger": {"topic Read": {DEDUPLICATED}, "group Read": {"tagger"}, "topic Write": {TAGGED, DEAD}},
    "creator": {"topic Read": {TAGGED}, "group Read": {"creator"}, "topic Write": {CREATED, DEAD}},
    "finalizer": {
        "topic Read": {CREATED, DEAD},
        "group Read": {"finalizer", "finalizer-dead-letters"},
        # The relay of either sends what the other has written, and a letter may be one of its own.
        "topic Write": {FINISHED, ACCEPTED, CHUNK_ACCEPTED, DEAD},
        # How far the stages are behind explains why a chunk is not settled.
        "topic Describe": {DEDUPLICATED, TAGGED},
        "group Describe": {"dedup", "tagger", "creator"},
    },
}
GROUPS = {"dedup", "tagger", "creator", "finalizer", "finalizer-dead-letters"}
OTHERS: dict[str, Names] = {
    MIGRATE: dict.fromkeys(("topic Create", "topic Describe", "topic DescribeConfigs", "topic AlterConfigs"), ALL)
    | {"group Describe": GROUPS},
    OPERATOR: {
        # Whom a letter names, until when it is kept, and what was accepted before a restore.
        "topic Read": ALL,
        "topic DescribeConfigs": ALL,
        "topic Write": {CHUNK_ACCEPTED, DEDUPLICATED, TAGGED, CREATED, FINISHED},
        "group Read": GROUPS,  # after a restore the stages begin behind what is there
    },
    KEDA: {
        "topic Describe": {CHUNK_ACCEPTED, DEDUPLICATED, TAGGED, CREATED, DEAD},
        "group Describe": GROUPS,
    },
}


IMPORT = [BY_NAME[name] for name in SERVICES]
"""The import's own processes: of another owner's, its own tests say what they may."""


def names_of(user: str, prefix: str = "", declared: Registry = REGISTRY) -> Names:
    found: Names = {}
    for right in rights([declared], IMPORT, prefix=prefix)[user]:
        found.setdefault(f"{right.resource} {right.operation}", set()).add(right.name)
    return found


@pytest.mark.parametrize("user", [*SERVICES, *OTHERS])
def test_each_user_may_do_exactly_this(user: str) -> None:
    assert names_of(user) == (SERVICES | OTHERS)[user]


def test_every_process_of_the_table_is_a_user() -> None:
    assert set(rights()) == {process.name for process in PROCESSES} | set(OTHERS)


@pytest.mark.parametrize("user", [*SERVICES, *OTHERS])
def test_the_prefix_of_a_shared_cluster_stands_before_topics_and_groups(user: str) -> None:
    expected = {what: {f"sales.{name}" for name in names} for what, names in (SERVICES | OTHERS)[user].items()}
    assert names_of(user, prefix="sales.") == expected


@pytest.mark.parametrize("user", SERVICES)
def test_another_owners_subscriber_changes_no_service_s_rights(user: str) -> None:
    others = [
        replace(topic, readers=(*topic.readers, "notifier")) if topic.public else topic for topic in REGISTRY.topics
    ]
    everybody = [*IMPORT, Process(name="notifier")]
    found = rights([replace(REGISTRY, topics=tuple(others))], everybody)[user]
    assert found == rights([REGISTRY], IMPORT)[user]


def test_another_team_reads_the_public_topics_in_a_group_of_its_own() -> None:
    found = {(right.resource, right.name, right.operation) for right in subscriber_rights([FINISHED], group="crm")}
    assert found == {("topic", FINISHED, "Read"), ("group", "crm", "Read")}


@pytest.mark.parametrize("name", CONSUMERS)
def test_the_registry_knows_where_each_consumer_dead_letters(name: str) -> None:
    """Its user may write there, and only there: otherwise its first bad message would hold its partition for ever."""
    service = BY_NAME[name]
    settings = service.settings()
    wired = __import__(service.module, fromlist=["build"]).build(settings).delivery.dead_letters
    owners = [each.dead_letters for each in registries() if each.dead_letters and name in each.dead_letters.writers]
    assert owners == [wired]


def test_they_are_printed_as_kafkas_own_tool_takes_them() -> None:
    (line, *_) = commands({"dedup": rights()["dedup"]}, {"dedup": "sa 1"})
    assert line == (
        'kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_PROPERTIES" --add'
        " --allow-principal 'User:sa 1' --operation Read --group dedup"
    )


def test_the_command_prints_all_of_them_and_refuses_a_service_that_is_none() -> None:
    command = [sys.executable, "-m", "deploy.kafka_rights", "--prefix", "sales."]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == sum(map(len, rights().values()))
    assert "--allow-principal User:leadflow-dedup --operation Read --group sales.dedup\n" in done.stdout
    refused = subprocess.run([*command, "--user", "dedupe=x"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "No service is called dedupe" in refused.stderr
