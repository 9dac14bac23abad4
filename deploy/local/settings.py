"""The environment of the stack's processes, and what is run for each."""

import json
import os
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

from deploy.local import kafka, kafka_access, mongo, postgres
from deploy.local.instance import CHECKOUT, Instance, StackError, write_atomically
from deploy.local.ports import Ports
from deploy.local.process_names import GATEWAY, SIGN_IN, WHATSAPP
from deploy.local.supervision import Program
from deploy.processes import CONSUMERS, ONE_CREATOR, PROCESSES

OPERATOR = postgres.OPERATOR
"""Who ``leadflow`` is to a secured Kafka, and whoever takes the addresses from ``make -s env``."""

DEMO_SITE = {"LEADFLOW_CAPTURE_COMPANY_ID": "1", "LEADFLOW_TRUSTED_PROXIES": "127.0.0.1/32"}
"""A form that names no key is the first demo company's. The gateway says which address it comes from."""

DEMO_QUOTAS = {"LEADFLOW_QUOTA_ROWS": "1000000", "LEADFLOW_QUOTA_IMPORTS": "1000"}

_URL_OF = {"postgres": "LEADFLOW_POSTGRES_URL", "mongo": "LEADFLOW_MONGO_URL"}

CONSOLE = CHECKOUT / "console" / "dist"
"""The console's files, as `make setup` builds them."""

_TRUE = ("1", "true", "t", "yes", "y", "on")

_ACCESS_TO_KAFKA = (
    "LEADFLOW_KAFKA_SECURITY_",
    "LEADFLOW_KAFKA_SASL_",
    "LEADFLOW_KAFKA_USER",
    "LEADFLOW_KAFKA_PASSWORD",
    "LEADFLOW_KAFKA_OAUTH_",
    "LEADFLOW_KAFKA_AWS_",
    "LEADFLOW_KAFKA_CA_",
    "LEADFLOW_KAFKA_CLIENT_",
)
"""The user's shell says this of another Kafka: the stack's own has its own."""

# They steer this command line; a service that got them would restart when only the command line changed.
_NOT_FOR_SERVICES = ("LEADFLOW_STACK", "LEADFLOW_PORT_BASE", "LEADFLOW_LOCAL_", "LEADFLOW_TEST_")


def addresses(instance: Instance, ports: Ports) -> dict[str, str]:
    """Return what ``make -s env`` prints."""
    return {
        "LEADFLOW_API_URL": f"http://127.0.0.1:{ports[GATEWAY]}",
        "LEADFLOW_POSTGRES_URL": postgres.url(instance, ports),
        "LEADFLOW_MONGO_URL": mongo.url(ports),
        "LEADFLOW_KAFKA_BOOTSTRAP": kafka.bootstrap(ports, kafka.broker_count(instance)),
        **kafka_user(instance, OPERATOR),
    }


def kafka_user(instance: Instance, name: str) -> dict[str, str]:
    """Return the settings of one user of Kafka; none where everybody may come in."""
    return kafka_access.client_environment(instance, name) if kafka_access.is_secured(instance) else {}


def common_environment(instance: Instance, ports: Ports, given: "Given") -> dict[str, str]:
    """Return what every service gets: the user's ``LEADFLOW_*``, and over them where the servers are."""
    own = {name: value for name, value in given.environment.items() if not name.startswith(_ACCESS_TO_KAFKA)}
    found = own | addresses(instance, ports)
    del found["LEADFLOW_API_URL"]
    for server, port in given.detours.items():
        found[_URL_OF[server]] = found[_URL_OF[server]].replace(f":{ports[server]}/", f":{port}/")
    found["LEADFLOW_JWT_SECRET"] = instance.secrets().jwt_secret
    if given.whatsapp_enabled:
        found["LEADFLOW_WHATSAPP_URL"] = f"http://127.0.0.1:{ports[WHATSAPP]}"
    if kafka.broker_count(instance) > 1:
        found.setdefault("LEADFLOW_TOPIC_REPLICATION", "3")
    for name, value in ONE_CREATOR.items():
        found.setdefault(f"LEADFLOW_{name.upper()}", str(value))
    return found


@dataclass(frozen=True, slots=True)
class Given:
    """The user's settings at the last ``up``. Processes that are added later get the same."""

    environment: dict[str, str]
    demo_quotas: bool
    detours: dict[str, int] = field(default_factory=dict)
    """Ports of proxies through which services reach a server: ``LEADFLOW_LOCAL_DETOURS=postgres=PORT,mongo=PORT``."""
    own_roles: bool = False
    """Each service logs in to PostgreSQL as a role that owns nothing: ``LEADFLOW_LOCAL_ROLES=1``."""

    @classmethod
    def from_environment(cls, *, demo_quotas: bool) -> "Given":
        return cls(
            environment={
                name: value
                for name, value in os.environ.items()
                if name.startswith("LEADFLOW_") and not name.startswith(_NOT_FOR_SERVICES)
            },
            demo_quotas=demo_quotas,
            detours=_detours(os.environ.get("LEADFLOW_LOCAL_DETOURS") or ""),
            own_roles=(os.environ.get("LEADFLOW_LOCAL_ROLES") or "").strip().lower() in _TRUE,
        )

    @classmethod
    def load(cls, instance: Instance) -> "Given":
        return cls(**json.loads((instance.state / "given.json").read_text()))

    @classmethod
    def last(cls, instance: Instance) -> "Given | None":
        """Return the settings of the last ``up``; None when there was none."""
        return cls.load(instance) if (instance.state / "given.json").exists() else None

    def save(self, instance: Instance) -> None:
        # The user may have put secrets into the environment.
        write_atomically(instance.state / "given.json", json.dumps(asdict(self), indent=2) + "\n", mode=0o600)

    @property
    def topic_prefix(self) -> str:
        return self.environment.get("LEADFLOW_KAFKA_TOPIC_PREFIX", "")

    @property
    def whatsapp_enabled(self) -> bool:
        return self.environment.get("LEADFLOW_WHATSAPP_ENABLED", "").strip().lower() in _TRUE


def _detours(given: str) -> dict[str, int]:
    pairs = dict(pair.partition("=")[::2] for pair in given.split(",") if pair)
    if not all(server in _URL_OF and port.isascii() and port.isdigit() for server, port in pairs.items()):
        raise StackError(f"LEADFLOW_LOCAL_DETOURS={given!r}: use postgres=PORT,mongo=PORT.")
    return {server: int(port) for server, port in pairs.items()}


def service_programs(instance: Instance, ports: Ports, given: Given) -> list[Program]:
    """Return a program for each process of the services, and for the WhatsApp provider when it is enabled."""
    common = common_environment(instance, ports, given)
    counts = load_scale(instance)
    programs = []
    for process in PROCESSES:
        # The quotas go to the api alone: no other service reads them, so none restarts for them.
        quotas = DEMO_QUOTAS if given.demo_quotas and process.name == "api" else {}
        site = DEMO_SITE if process.name == "leads" else {}
        own = kafka_user(instance, process.name)
        if given.own_roles:
            own["LEADFLOW_POSTGRES_URL"] = _as_own_role(common["LEADFLOW_POSTGRES_URL"], process.name)
        programs += [
            _python(name, process.module, ports, quotas | site | common | own, may_give_up=True)
            for name in copies(process.name, counts.get(process.name, 1))
        ]
    programs += [_gateway(instance, ports, given), _sign_in(instance, ports)]
    if given.whatsapp_enabled:
        programs.append(_python(WHATSAPP, "deploy.local.whatsapp_provider", ports, {}, may_give_up=False))
    return programs


def _gateway(instance: Instance, ports: Ports, given: Given) -> Program:
    """Return the program that puts the console and api under one address."""
    ports.assign("api")
    environment = {
        "LEADFLOW_GATEWAY_HOST": "127.0.0.1",
        "LEADFLOW_GATEWAY_PORT": str(ports[GATEWAY]),
        "LEADFLOW_GATEWAY_API": f"127.0.0.1:{ports['api']}",
        "LEADFLOW_GATEWAY_LEADS": f"127.0.0.1:{ports['leads']}",
        "LEADFLOW_GATEWAY_SIGN_IN": f"127.0.0.1:{ports[SIGN_IN]}",
        "LEADFLOW_GATEWAY_ALSO": "sign_in.caddy",
        "LEADFLOW_CONSOLE_FOLDER": str(CONSOLE),
        "LEADFLOW_CONSOLE_SETTINGS": json.dumps({"sign_in": "dev"}),
        # Caddy wants a folder for what it keeps, and keeps nothing.
        "XDG_DATA_HOME": str(instance.state / "gateway"),
        "XDG_CONFIG_HOME": str(instance.state / "gateway"),
    } | {name: value for name, value in given.environment.items() if name.startswith("LEADFLOW_CONSOLE_")}
    return Program(
        name=GATEWAY,
        argv=(console_script("caddy"), "run", "--config", str(CHECKOUT / "deploy" / "gateway" / "Caddyfile")),
        folder=CHECKOUT,
        environment=environment,
    )


def _sign_in(instance: Instance, ports: Ports) -> Program:
    secret = {"LEADFLOW_JWT_SECRET": instance.secrets().jwt_secret, "LEADFLOW_DEV_SIGN_IN": "loopback"}
    return _python(SIGN_IN, "deploy.local.sign_in", ports, secret, may_give_up=False)


def _as_own_role(url: str, service: str) -> str:
    return url.replace(f"//{postgres.USER}:", f"//{postgres.login_of(service)}:", 1)


def server_programs(instance: Instance, ports: Ports) -> list[Program]:
    return [
        postgres.program(instance, ports),
        mongo.program(instance, ports),
        *kafka.programs(instance, kafka.broker_count(instance)),
    ]


def copies(service: str, count: int) -> list[str]:
    """Return the process names of a service: ``creator``, ``creator-2``, …"""
    return [service if number == 1 else f"{service}-{number}" for number in range(1, count + 1)]


def load_scale(instance: Instance) -> dict[str, int]:
    """Return how many processes ``make scale`` asked for, by service; those not named have one."""
    try:
        scale = json.loads((instance.state / "scale.json").read_text())
    except FileNotFoundError:
        return {}
    return {service: int(count) for service, count in scale.items() if service in CONSUMERS}


def save_scale(instance: Instance, counts: dict[str, int]) -> None:
    write_atomically(instance.state / "scale.json", json.dumps(counts) + "\n")


def forget_scale(instance: Instance) -> None:
    (instance.state / "scale.json").unlink(missing_ok=True)


def console_script(name: str) -> str:
    """Return the path of one of our commands in the virtual environment."""
    path = Path(sys.executable).parent / name
    if not path.exists():
        raise StackError(f"{path} is missing. Run `make setup`.")
    return str(path)


def _python(name: str, module: str, ports: Ports, common: dict[str, str], *, may_give_up: bool) -> Program:
    own = {
        "LEADFLOW_HTTP_HOST": "127.0.0.1",
        "LEADFLOW_HTTP_PORT": str(ports.assign(name)),
        "PYTHONUNBUFFERED": "1",
    }
    return Program(
        name=name,
        argv=(sys.executable, "-m", module),
        folder=CHECKOUT,
        environment=common | own,
        may_give_up=may_give_up,
    )
