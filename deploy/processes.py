"""The table of our processes. docker-compose.yml, Kubernetes and the local stack are made from it: ``make manifests``.

A row says what only people know: how a process is scaled, how much it needs. What the code knows is asked there: its
settings name the servers and secrets that it needs, the registries of the topics name what it reads.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    # The local stack's commands take the names from here: they shall not wait for what only `settings` needs.
    from pydantic_settings import BaseSettings

Server = Literal["postgres", "mongo", "kafka"]

SERVERS: tuple[Server, ...] = ("postgres", "mongo", "kafka")

ADDRESSES: Mapping[Server, str] = {
    "postgres": "postgres_url",
    "mongo": "mongo_url",
    "kafka": "kafka_bootstrap",
}
"""The setting that says where a server is: who has it needs the server."""

SERVER_PORTS: Mapping[Server, int] = {"postgres": 5432, "mongo": 27017, "kafka": 9092}
"""Where each listens by default. In Kubernetes a process can reach no other port of a server that is named in its
settings; README.md of deploy/k8s says how to open those of servers that listen elsewhere."""

PROVIDER_PORTS = (443, 4318)
"""Every process may reach these: identity and WhatsApp providers, and the collector of traces."""

HTTP_PORT = 8080
"""``LEADFLOW_HTTP_PORT`` by default, which the image keeps: a consumer's health checks, or the calls of who answers."""

PRIVATE_PORT = 9090
"""``LEADFLOW_HTTP_PRIVATE_PORT`` in Kubernetes: health checks and metrics of who answers calls."""

PARTITIONS = 12
"""``LEADFLOW_TOPIC_PARTITIONS`` by default: one member more of a consumer group would get nothing to do."""


SCRATCH_STEP = 64 << 20
"""Sizes of scratch folders are rounded up to so many bytes."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What a process asks for and may use at most. Compose limits it to one core: small machines have no more."""

    cpu: str
    memory: str
    cpu_limit: str
    memory_limit: str
    compose_memory: str
    compose_pids: int


@dataclass(frozen=True, slots=True)
class Scratch:
    """A writable folder. Nothing else can be written. How large it is follows from the settings (``scratch_bytes``)."""

    holds: str
    """What is put there, in a word: the volume's name."""
    # A container's own, in its memory or on its node.
    folder: str = "/tmp"  # noqa: S108 # nosec B108


CONSUMING = Resources("100m", "192Mi", "1", "512Mi", compose_memory="512M", compose_pids=100)
"""Measured: 110 to 120 MB; a process has one thread that works, so it cannot use more than one core."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process of ours: the room of its name under ``services``, which tells ready from unready over HTTP."""

    name: str
    kind: Literal["consumer", "http"] = "consumer"
    """A consumer is scaled by the lag of what it reads where KEDA is. Else it runs ``minimum``, as who answers HTTP."""
    minimum: int = 2
    """A node that is lost stops nothing: the other process takes the calls, or the partitions.

    An idle consumer still holds its group, and whoever sends need not wait for a start.
    """
    consumers_setting: str | None = None
    """The setting that says how many members of its group one process is; without one it is a single member."""
    lag_threshold: int = 3
    """Messages that wait for each process of a consumer.

    A message is a chunk of up to 2,000 rows, and an import that is alone has at most 3 chunks under way
    (``LEADFLOW_WINDOW_ALONE``): with 3 one process does one import, and up to ``maximum`` do many at once.
    """
    busy_cores: str = "700m"
    """Who answers HTTP: another process is started when each uses so many cores, where somebody scales it by that.

    One thread of a process answers, on one core at most; what else an api uses are its readers of files.
    """
    resources: Resources = CONSUMING
    scratch: Scratch | None = None
    shown: tuple[str, ...] = ()
    """Settings of its own that its ConfigMap shows with their defaults: overlays set them there."""
    compose_defaults: Mapping[str, str | int] = field(default_factory=dict)
    """Settings that have another default among compose's containers."""

    @property
    def module(self) -> str:
        """What ``python -m`` runs."""
        return f"services.{self.name}.main"

    @property
    def settings(self) -> "type[BaseSettings]":
        """The class that the process reads its environment with. Imported when it is asked for."""
        found: type[BaseSettings] = importlib.import_module(f"services.{self.name}.settings").Settings
        return found

    @property
    def maximum(self) -> int:
        """The most processes whose members of the group all get a partition, with the settings as shipped.

        Who answers HTTP gets no partition, and is scaled as far.
        """
        return PARTITIONS // self.consumers

    @property
    def consumers(self) -> int:
        """How many members of its group one process is, as shipped."""
        if self.consumers_setting is None:
            return 1
        return int(self.settings.model_fields[self.consumers_setting].get_default())

    def scratch_mebibytes(self, given: Mapping[str, object] | None = None) -> int:
        """Return what the scratch folder must hold, with a tenth to spare, as shipped or with settings as given."""
        needed: int = self.settings.model_construct(None, **(given or {})).scratch_bytes  # type: ignore[attr-defined]
        return ceil(needed * 1.1 / SCRATCH_STEP) * (SCRATCH_STEP >> 20)

    @property
    def needs(self) -> tuple[Server, ...]:
        """The servers that its settings say where to find."""
        return tuple(server for server in SERVERS if ADDRESSES[server] in self.settings.model_fields)

    @property
    def health_port(self) -> int:
        """Where Kubernetes and Prometheus ask: apart from the calls, where there are any."""
        return PRIVATE_PORT if self.kind == "http" else HTTP_PORT

    @property
    def reaches(self) -> tuple[int, ...]:
        """The ports of others that it may connect to, beside those of the cluster's names."""
        return (*(SERVER_PORTS[server] for server in self.needs), *PROVIDER_PORTS)

    @property
    def secrets(self) -> dict[str, bool]:
        """The settings that are secret, each with whether the process starts without it."""
        fields = self.settings.model_fields.items()
        return {name: each.get_default() is None for name, each in fields if "SecretStr" in str(each.annotation)}

    @property
    def subscriptions(self) -> list[tuple[str, str]]:
        """(topic, consumer group) of what it settles, as the owners of the topics name their readers.

        Who answers HTTP is named there too, but only watches: it has no group, and no lag.
        """
        from libs.contracts.registry import registries  # noqa: PLC0415 - as above

        if self.kind != "consumer":
            return []
        topics = [topic for registry in registries() for topic in registry.topics]
        letters = [registry.dead_letters for registry in registries() if registry.dead_letters]
        return [(topic.name, self.name) for topic in topics if self.name in topic.readers] + [
            (each.topic, f"{self.name}-dead-letters") for each in letters if self.name in each.readers
        ]


ONE_CREATOR: Mapping[str, int] = {"creator_consumers": 6}
"""Settings of a creator where one process of it runs: as many members as two processes are, each as shipped.

An import that is alone has three chunks under way (``LEADFLOW_WINDOW_ALONE``). With three members in all, each was at
work on one of those, and whoever came next waited for the rest of it.
"""

PROCESSES = (
    Process(
        name="api",
        kind="http",
        minimum=3,
        busy_cores="1",
        # Measured: 125 MB, and 40 MB a parser process, which may grow to 450 MB with a hostile file. Compose holds the
        # uploads in memory, too.
        resources=Resources("250m", "384Mi", "3", "1280Mi", compose_memory="1600M", compose_pids=200),
        scratch=Scratch(holds="uploads"),
        compose_defaults={"uploads_at_once": 8},
        shown=("max_rows_per_file", "quota_rows", "quota_imports"),
    ),
    Process(name="dedup"),
    Process(name="tagger"),
    Process(
        name="creator",
        consumers_setting="creator_consumers",
        shown=("whatsapp_enabled",),
        compose_defaults={"whatsapp_url": "http://whatsapp:8099", **ONE_CREATOR},
    ),
    Process(name="finalizer"),
    Process(name="undoer"),
    Process(
        name="leads",
        kind="http",
        shown=("capture_limit", "trusted_proxies"),
        # The demo's site. Only the gateway reaches it there, from one of docker's networks.
        compose_defaults={"capture_company_id": 1, "trusted_proxies": "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"},
    ),
    Process(name="enroller"),
)
"""In the order in which the local stack starts and shows them: the api, then along the path of a chunk, then who is
asked afterwards."""

BY_NAME: Mapping[str, Process] = {process.name: process for process in PROCESSES}
SERVICES = tuple(BY_NAME)
CONSUMERS = tuple(process.name for process in PROCESSES if process.kind == "consumer")
