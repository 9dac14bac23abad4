"""What each user may do in Kafka, from the topics' registries: ``python -m deploy.kafka_rights`` prints it as ACLs.

For a cluster that allows nothing by itself. Reading and writing a topic or a group includes describing it. No right on
the cluster is needed (since Kafka 2.8 the right to write a topic includes repeating nothing).
"""

import argparse
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from deploy.processes import PROCESSES, Process
from libs.common.topics import DeadLetters, Registry
from libs.contracts.registry import registries
from libs.imports.chunk_path import PATH

MIGRATE, OPERATOR, KEDA = "migrate", "operator", "keda"
"""Who is no process of the table: ``leadflow migrate``, its other commands, and what scales the consumers."""

USER_PREFIX = "leadflow-"
"""The user of dedup is ``leadflow-dedup``, where nothing else is said."""

Operation = Literal["Read", "Write", "Describe", "Create", "DescribeConfigs", "AlterConfigs"]
Resource = Literal["topic", "group"]


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One operation on one topic or consumer group, by its name in Kafka."""

    resource: Resource
    name: str
    operation: Operation


def rights(
    declared: Iterable[Registry] | None = None, processes: Sequence[Process] = PROCESSES, *, prefix: str = ""
) -> dict[str, list[Right]]:
    """Return the rights of each process, and of ``migrate``, ``operator`` and ``keda``, sorted.

    ``prefix`` is the cluster's ``LEADFLOW_KAFKA_TOPIC_PREFIX``: it stands before topics and groups.
    """
    known = tuple(registries() if declared is None else declared)
    found = {process.name: {*_of_process(process, known, processes)} for process in processes}
    found[MIGRATE] = {*_of_migrate(known, processes)}
    found[OPERATOR] = {*_of_operator(known, processes)}
    found[KEDA] = {*_lag_of(processes)}
    return {
        user: sorted(Right(each.resource, prefix + each.name, each.operation) for each in _least(needed))
        for user, needed in found.items()
    }


def subscriber_rights(topics: Iterable[str], *, group: str, prefix: str = "") -> list[Right]:
    """Return what another team's subscriber needs to read public topics, in a group of its own name."""
    return [*(Right("topic", prefix + name, "Read") for name in topics), Right("group", group, "Read")]


def commands(users: Mapping[str, Sequence[Right]], names: Mapping[str, str] | None = None) -> list[str]:
    """Return the lines for Kafka's own tool that allow this. ``names``: users that are called otherwise."""
    return [
        f'kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_PROPERTIES" --add'
        f" --allow-principal {shlex.quote(f'User:{(names or {}).get(user, USER_PREFIX + user)}')}"
        f" --operation {right.operation} --{right.resource} {shlex.quote(right.name)}"
        for user, needed in users.items()
        for right in needed
    ]


def _least(needed: set[Right]) -> set[Right]:
    """Leave out what reading or writing includes."""
    more = {(each.resource, each.name) for each in needed if each.operation in ("Read", "Write")}
    return {each for each in needed if each.operation != "Describe" or (each.resource, each.name) not in more}


def _of_process(process: Process, known: Sequence[Registry], processes: Sequence[Process]) -> Iterator[Right]:
    for registry in known:
        for topic in registry.topics:
            if process.name in topic.readers:
                yield Right("topic", topic.name, "Read")
            if process.name in (topic.owner, *topic.also_sent_by):
                yield Right("topic", topic.name, "Write")
        if registry.dead_letters and process.name in registry.dead_letters.readers:
            yield Right("topic", registry.dead_letters.topic, "Read")
        if registry.dead_letters and process.name in registry.dead_letters.writers:
            yield Right("topic", registry.dead_letters.topic, "Write")
        if registry.dead_letters and process.name in registry.lag_watchers:
            # Other owners' consumers of its public topics are not the owner's.
            own = registry.dead_letters.writers
            yield from _lag_of([each for each in processes if each.name in own])
    for _, group in process.subscriptions:
        yield Right("group", group, "Read")


def _of_migrate(known: Sequence[Registry], processes: Sequence[Process]) -> Iterator[Right]:
    names = [topic.name for registry in known for topic in registry.topics]
    operations: tuple[Operation, ...] = ("Create", "Describe", "DescribeConfigs", "AlterConfigs")
    for name in (*names, *(letters.topic for letters in _letters(known))):
        for operation in operations:
            yield Right("topic", name, operation)
    # It waits until each group has a coordinator, so that the first consumers need not.
    yield from (right for right in _lag_of(processes) if right.resource == "group")


def _of_operator(known: Sequence[Registry], processes: Sequence[Process]) -> Iterator[Right]:
    for letters in _letters(known):
        yield Right("topic", letters.topic, "Read")
        yield Right("topic", letters.topic, "DescribeConfigs")
    for registry in known:
        for topic in registry.topics:
            # It says which letters name a person who is erased and until when they are kept, and after a restore what
            # was accepted.
            yield Right("topic", topic.name, "Read")
            yield Right("topic", topic.name, "DescribeConfigs")
            if topic.readers:  # a letter goes back to the topic that somebody could not read it from
                yield Right("topic", topic.name, "Write")
    for group, _ in PATH:  # after a restore the stages begin behind what is there
        yield Right("group", group, "Read")
    yield from _lag_of(processes)


def _lag_of(processes: Iterable[Process]) -> Iterator[Right]:
    """Yield what it takes to ask how far these are behind."""
    for process in processes:
        for topic, group in process.subscriptions:
            yield Right("topic", topic, "Describe")
            yield Right("group", group, "Describe")


def _letters(known: Iterable[Registry]) -> list[DeadLetters]:
    return [registry.dead_letters for registry in known if registry.dead_letters]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m deploy.kafka_rights", description=__doc__)
    parser.add_argument("--prefix", default="", help="the cluster's LEADFLOW_KAFKA_TOPIC_PREFIX")
    parser.add_argument(
        "--user", action="append", default=[], metavar="SERVICE=USER", help="who is not called leadflow-SERVICE"
    )
    given = parser.parse_args()
    names = dict(pair.partition("=")[::2] for pair in given.user)
    users = rights(prefix=given.prefix)
    if unknown := sorted(names.keys() - users.keys()):
        sys.exit(f"No service is called {', '.join(unknown)}; there are {', '.join(users)}.")
    sys.stdout.write("\n".join(commands(users, names)) + "\n")


if __name__ == "__main__":
    main()
