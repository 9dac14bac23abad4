"""The blocks of docker-compose.yml: settings by the class that has them, and a container for each process."""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from pydantic_settings import BaseSettings

from deploy.processes import CONSUMING, PROCESSES, Process, Resources
from libs.common.settings import EnvironmentSettings, KafkaSettings, MongoSettings, PostgresSettings, ServiceSettings

SET_BY_IMAGE = ("http_host", "http_port")
"""The health checks and published ports go with them."""

ANCHORED = ("jwt_secret",)
"""Settings whose value stands in the file by hand, because others read it too."""

DEFAULTS = {
    "kafka_bootstrap": "kafka:9092",
    "postgres_url": "postgresql://leadflow:${LEADFLOW_COMPOSE_POSTGRES_PASSWORD:-leadflow}@postgres:5432/leadflow",
    "mongo_url": "mongodb://mongo:27017/leadflow",
} | {name: f"*{name.replace('_', '-')}" for name in ANCHORED}
"""Where the servers are among these containers, whatever the user's shell says; and a secret to begin with."""

_BLOCK = re.compile(r"(?P<begin>^ *# made: (?P<name>\w+)\b.*\n)(?P<made>(?:.*\n)*?)(?P<end>^ *# /made$)", re.MULTILINE)


def written_into(text: str) -> str:
    """Return docker-compose.yml with its blocks as the table has them."""
    return _BLOCK.sub(lambda found: f"{found['begin']}{BLOCKS[found['name']](PROCESSES)}{found['end']}", text)


def shared(processes: Sequence[Process]) -> str:
    """Return what a consumer may use, and an anchor for each class of settings that is not a service's own."""
    # Those of the kit's servers also without a reader in the table: the one-shots read them.
    kit: list[type[BaseSettings]] = [KafkaSettings, ServiceSettings, PostgresSettings, MongoSettings]
    found = dict.fromkeys([*kit, *(each for process in processes for each in _mixins(process.settings))])
    anchors = [
        "\n".join([f"x-{_anchor(each)}: &{_anchor(each)}", *_variables(_declared(each), DEFAULTS, indent=2)])
        for each in found
    ]
    small = "\n".join(["x-small: &small", *_limits(CONSUMING, indent=2)])
    return "\n\n".join([small, *anchors]) + "\n"


def services(processes: Sequence[Process]) -> str:
    """Return a container for each process."""
    return "\n\n".join(_container(process) for process in processes) + "\n"


BLOCKS: Mapping[str, Callable[[Sequence[Process]], str]] = {"shared": shared, "services": services}


def _container(process: Process) -> str:
    lines = [
        f"  {process.name}:",
        "    <<: *service",
        f"    command: [python, -m, {process.module}]",
        *_environment(process),
    ]
    if process.scratch:
        folder, limit = process.scratch.folder, process.scratch_mebibytes(process.compose_defaults)
        lines.append(f'    tmpfs: ["{folder}:mode=1777,size={limit}m"] # {process.scratch.holds}')
    lines += _dependencies(process)
    if process.resources != CONSUMING:
        lines += ["    deploy:", *_limits(process.resources, indent=6)]
    return "\n".join(lines)


def _limits(resources: Resources, *, indent: int) -> list[str]:
    blank = " " * indent
    return [
        f"{blank}resources:",
        f'{blank}  limits: {{cpus: "1", memory: {resources.compose_memory}, pids: {resources.compose_pids}}}',
    ]


def _environment(process: Process) -> list[str]:
    anchors = ", ".join(f"*{_anchor(each)}" for each in _mixins(process.settings))
    moved = {name: f"${{LEADFLOW_{name.upper()}:-{value}}}" for name, value in process.compose_defaults.items()}
    variables = _variables(_declared(process.settings), DEFAULTS | moved, indent=6)
    return ["    environment:", f"      <<: [{anchors}]", *variables]


def _dependencies(process: Process) -> list[str]:
    own = [f"      {server}: {{condition: service_healthy}}" for server in process.needs if server != "kafka"]
    if process.kind == "http":
        # Whoever calls it finds the demo's companies and people.
        own.append("      seed: {condition: service_completed_successfully}")
    return ["    depends_on:", "      <<: *service-dependencies", *own] if own else []


def _variables(names: Iterable[str], values: Mapping[str, str], *, indent: int) -> list[str]:
    variables = [(f"LEADFLOW_{name.upper()}:", values.get(name, "")) for name in names if name not in SET_BY_IMAGE]
    return [f"{' ' * indent}{variable} {value}".rstrip() for variable, value in variables]


def _mixins(settings: type[BaseSettings]) -> list[type[BaseSettings]]:
    """Return the classes that these settings are put together of and that declare some."""
    return [each for each in settings.__mro__[1:] if issubclass(each, EnvironmentSettings) and _declared(each)]


def _declared(settings: type[BaseSettings]) -> list[str]:
    return [name for name in inspect.get_annotations(settings) if name in settings.model_fields]


def _anchor(settings: type[BaseSettings]) -> str:
    """Return ``chunk-relay-settings`` for ``ChunkRelaySettings``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", settings.__name__).lower()
