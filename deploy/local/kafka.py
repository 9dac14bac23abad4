"""Apache Kafka 4.3 (KRaft): jars by Maven on Java 17+, or else the official image in Docker.

One broker, or three (``LEADFLOW_LOCAL_BROKERS=3``). Each is broker and controller at once.
``LEADFLOW_LOCAL_KAFKA=secured`` encrypts it, and lets nobody in without a right (``kafka_access.py``).
"""

import asyncio
import fcntl
import hashlib
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from deploy.local import kafka_access
from deploy.local.instance import CHECKOUT, Instance, StackError, write_atomically
from deploy.local.ports import MAX_BROKERS, Ports
from deploy.local.supervision import Program

if TYPE_CHECKING:
    from libs.common.settings import KafkaSettings

IMAGE = "apache/kafka:4.3.0"
JAVA = 17

_POM = CHECKOUT / "deploy" / "local" / "pom.xml"
_LOG4J = CHECKOUT / "deploy" / "local" / "log4j2.xml"
_INSTALL = (
    f"Kafka needs Java {JAVA} or newer and Maven (Debian, Ubuntu: `apt install openjdk-17-jre-headless maven`), "
    "or a Docker daemon that answers `docker info`."
)


def broker_count(instance: Instance) -> int:
    """Return how many brokers this instance has: ``LEADFLOW_LOCAL_BROKERS`` (1 or 3) when it is made.

    Raises ``StackError`` when an instance that has data is asked for another number.
    """
    made = len(list((instance.state / "kafka").glob("broker-*")))
    text = os.environ.get("LEADFLOW_LOCAL_BROKERS")
    if not text:
        return made or 1
    if text not in ("1", str(MAX_BROKERS)):
        raise StackError(f"LEADFLOW_LOCAL_BROKERS={text!r}: a stack has 1 or {MAX_BROKERS} brokers.")
    if made and made != int(text):
        raise StackError(f"This stack has {made} Kafka broker(s), not {text}. `make reset` first: it forgets all data.")
    return int(text)


def broker_names(count: int) -> list[str]:
    return ["kafka", *(f"kafka-{number}" for number in range(2, count + 1))]


def bootstrap(ports: Ports, count: int) -> str:
    """Return the ``host:port`` list of all brokers."""
    return ",".join(f"127.0.0.1:{ports[name]}" for name in broker_names(count))


def prepare(instance: Instance, ports: Ports, count: int) -> None:
    """Fetch the jars (once a checkout), write each broker's settings, format its log folder (once an instance)."""
    java, secured = _java(instance), kafka_access.is_secured(instance)
    if java is None:
        _fetch_image()
    else:
        _fetch_jars(instance)
    home = instance.state / "kafka"
    home.mkdir(exist_ok=True)
    if secured and java is None:
        raise StackError(f"A secured Kafka runs on Java alone, not in Docker. {_INSTALL}")
    if secured:
        kafka_access.prepare(instance)
    for number, name in enumerate(broker_names(count), start=1):
        folder = f"kafka/broker-{number}" if java else "/var/lib/kafka/data"
        text = _settings(ports, count, number, folder, _access(instance, ports, name))
        # A secured broker's holds its password.
        write_atomically(_properties(instance, name), text, mode=0o600 if secured else 0o644)
        if java is None:
            (home / f"broker-{number}").mkdir(exist_ok=True)  # the data is in a volume; this remembers the count
    if java is not None:
        _format(instance, java, ports, count)


def programs(instance: Instance, count: int) -> list[Program]:
    java = _java(instance)
    found = []
    for name in broker_names(count):
        # Part of the script, so that changed settings restart the broker.
        settings = hashlib.sha256(_properties(instance, name).read_bytes()).hexdigest()
        prelude = f"# server.properties: {settings}\n"
        if java is None:
            container = _container(instance, name)
            argv = _docker_command(instance, name, container)
            prelude += f"docker rm --force {container} >/dev/null 2>&1\n"  # left behind by a client that was killed
        else:
            options = kafka_access.java_options(instance) if kafka_access.is_secured(instance) else ()
            argv = (
                *_jvm(instance, java, "-Xmx512m", "-XX:+UseSerialGC", *options),
                "kafka.Kafka",
                str(_properties(instance, name).relative_to(instance.state)),
            )
        found.append(
            Program(
                name=name,
                argv=argv,
                folder=instance.state,
                # Java reads file names by the locale; the checkout's path may have accents.
                environment={"LC_ALL": "C.UTF-8"},
                stop_seconds=20,
                prelude=prelude,
            )
        )
    return found


def remove_containers(instance: Instance, *, volumes: bool = False) -> None:
    """Remove what Docker may still hold of this instance (nothing where Kafka runs on Java)."""
    if _made_with(instance) != "docker":
        return
    for name in broker_names(MAX_BROKERS):
        container = _container(instance, name)
        subprocess.run(["docker", "rm", "--force", container], capture_output=True, check=False)
        if volumes:
            subprocess.run(["docker", "volume", "rm", "--force", container], capture_output=True, check=False)


def client_settings(instance: Instance, bootstrap: str, *, user: str = kafka_access.BROKER) -> "KafkaSettings":
    """Return how the stack's own clients reach Kafka, whatever the user's shell says of another one.

    ``user`` is who they are to a secured one.
    """
    from libs.common.settings import KafkaSettings  # noqa: PLC0415 - most commands ask Kafka nothing

    shipped = {name: each.get_default() for name, each in KafkaSettings.model_fields.items()}
    secured = kafka_access.client_environment(instance, user) if kafka_access.is_secured(instance) else {}
    own = {name.removeprefix("LEADFLOW_").lower(): value for name, value in secured.items()}
    return KafkaSettings(**(shipped | own | {"kafka_bootstrap": bootstrap}))


async def check(instance: Instance, ports: Ports, count: int) -> None:
    """Raise unless every broker answers a metadata request that lists all of them."""
    for name in broker_names(count):
        await check_broker(instance, name, ports, count)


async def check_broker(instance: Instance, name: str, ports: Ports, count: int) -> None:
    """Raise unless this broker answers a metadata request that lists all of them."""
    from libs.common.kafka.clients import kafka_admin  # noqa: PLC0415 - as above

    settings = client_settings(instance, f"127.0.0.1:{ports[name]}")
    admin = kafka_admin(settings, client_id="leadflow-local", request_timeout_ms=3000)
    try:
        async with asyncio.timeout(5):
            await admin.start()
        brokers = (await admin.describe_cluster())["brokers"]
        if len(brokers) != count:
            raise ConnectionError(f"{name} sees {len(brokers)} of {count} brokers")
    finally:
        await admin.close()


def _properties(instance: Instance, name: str) -> Path:
    return instance.state / "kafka" / f"{name}.properties"


def _access(instance: Instance, ports: Ports, name: str) -> dict[str, object]:
    if not kafka_access.is_secured(instance):
        return {}
    return kafka_access.broker_settings(instance, ports[name], ports[f"{name}-controller"])


def _settings(
    ports: Ports, count: int, number: int, folder: str, access: Mapping[str, object] = MappingProxyType({})
) -> str:
    """Return a broker's settings. ``access``: what is otherwise than where everybody may come in."""
    names = broker_names(count)
    name = names[number - 1]
    replicas, least_in_sync = count, max(1, count - 1)
    voters = ",".join(
        f"{voter}@127.0.0.1:{ports[f'{broker}-controller']}" for voter, broker in enumerate(names, start=1)
    )
    settings: dict[str, object] = {
        "process.roles": "broker,controller",
        "node.id": number,
        "controller.quorum.voters": voters,
        "listeners": f"PLAINTEXT://127.0.0.1:{ports[name]},CONTROLLER://127.0.0.1:{ports[f'{name}-controller']}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{ports[name]}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": folder,
        "auto.create.topics.enable": "false",
        "default.replication.factor": replicas,
        "min.insync.replicas": least_in_sync,
        "offsets.topic.replication.factor": replicas,
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": least_in_sync,
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": least_in_sync,
        # The members of a group that start together are given their partitions together.
        "group.initial.rebalance.delay.ms": 300,
        # A laptop's sizes: few files, little memory, quick to start again after a kill.
        "offsets.topic.num.partitions": 6,
        "transaction.state.log.num.partitions": 3,
        "share.coordinator.state.topic.num.partitions": 3,
        "log.segment.bytes": 64 * 1024 * 1024,
        "log.index.size.max.bytes": 1024 * 1024,
        "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
        "metadata.log.segment.bytes": 16 * 1024 * 1024,
        "num.network.threads": 2,
        "num.io.threads": 4,
        "background.threads": 4,
        # A broker that was killed may register again only when its last session has ended (9 s by default).
        "broker.session.timeout.ms": 3000,
        "broker.heartbeat.interval.ms": 500,
    }
    return "".join(f"{name}={value}\n" for name, value in (settings | dict(access)).items())


def _format(instance: Instance, java: str, ports: Ports, count: int) -> None:
    """Format the brokers' folders under another name first: an interrupted format is not taken for a done one."""
    home = instance.state / "kafka"
    running = []
    for number, name in enumerate(broker_names(count), start=1):
        folder, unfinished = home / f"broker-{number}", home / f"unfinished-{number}"
        if folder.exists():
            continue
        shutil.rmtree(unfinished, ignore_errors=True)
        settings = home / f"unfinished-{number}.properties"
        text = _settings(ports, count, number, f"kafka/unfinished-{number}", _access(instance, ports, name))
        write_atomically(settings, text, mode=0o600)
        program = ["kafka.tools.StorageTool", "format", "-t", instance.secrets().kafka_cluster_id]
        program += ["-c", f"kafka/{settings.name}"]
        if kafka_access.is_secured(instance):
            program += kafka_access.format_arguments(instance)
        # Java reads the program's words from a file: whoever lists processes must see no password.
        words = settings.with_suffix(".words")
        write_atomically(words, "\n".join(f'"{word}"' for word in program), mode=0o600)
        process = subprocess.Popen(
            [*_jvm(instance, java, "-Xmx128m", "-XX:+UseSerialGC"), f"@kafka/{words.name}"],
            cwd=instance.state,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        running.append((process, settings, unfinished, folder))
    for process, settings, _, _ in running:
        output, _ = process.communicate()
        settings.unlink()
        settings.with_suffix(".words").unlink()
        if process.returncode:
            raise StackError(f"Kafka could not format its log folder:\n{output}")
    if running:
        instance.applied.unlink(missing_ok=True)
    for _, _, unfinished, folder in running:
        unfinished.rename(folder)


def _jvm(instance: Instance, java: str, *options: str) -> tuple[str, ...]:
    # Relative to the instance's folder: a class path cannot quote a colon.
    jars = os.path.relpath(instance.jars, instance.state)
    log4j = os.path.relpath(_LOG4J, instance.state)
    return (java, *options, "-XX:TieredStopAtLevel=1", f"-Dlog4j2.configurationFile={log4j}", "-cp", f"{jars}/*")


def _java(instance: Instance) -> str | None:
    """Return the Java that runs this instance's Kafka; None when Docker does.

    An instance keeps to what it was made with: the data of one is not where the other looks for it.
    Raises ``StackError`` that says what to install.
    """
    made_with, java = _made_with(instance), _new_enough_java()
    if java and made_with != "docker" and (_jars_are_there(instance) or shutil.which("mvn")):
        return java
    if made_with != "java" and _docker_answers():
        return None
    if made_with == "docker":
        raise StackError("This stack's Kafka runs in Docker, and `docker info` fails. Start Docker, or `make reset`.")
    missing = f"Java {JAVA} or newer is missing" if java is None else "Maven (`mvn`) is missing"
    raise StackError(f"{missing}, and Docker does not answer. {_INSTALL}")


def _made_with(instance: Instance) -> str | None:
    folder = instance.state / "kafka" / "broker-1"
    if not folder.exists():
        return None
    return "java" if (folder / "meta.properties").exists() else "docker"


@cache
def _docker_answers() -> bool:
    docker = shutil.which("docker")
    return docker is not None and subprocess.run([docker, "info"], capture_output=True, check=False).returncode == 0


@cache
def _new_enough_java() -> str | None:
    """Return a Java that is new enough, None when there is none."""
    home = os.environ.get("JAVA_HOME")
    for java in ([f"{home}/bin/java"] if home else []) + [shutil.which("java") or ""]:
        try:
            version = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
        except OSError:
            continue
        number = re.search(r'version "(\d+)', version)
        if number and int(number[1]) >= JAVA:
            return java
    return None


def _fetch_jars(instance: Instance) -> None:
    jars = instance.jars
    jars.parent.mkdir(parents=True, exist_ok=True)
    with jars.with_name("jars.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another instance of the checkout may be at it
        if not _jars_are_there(instance):
            _fetch_jars_now(jars)


def _fetch_jars_now(jars: Path) -> None:
    print("Fetching Kafka's jars with Maven (once a checkout) …", flush=True)
    unfinished = jars.with_name("jars.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    repository = jars.with_name("maven")
    command = ["mvn", "-B", "-q", "-f", str(_POM), *([] if _has_home() else [f"-Dmaven.repo.local={repository}"])]
    command += ["dependency:copy-dependencies", f"-DoutputDirectory={unfinished}"]
    fetched = subprocess.run(command, capture_output=True, text=True, check=False)
    shutil.rmtree(repository, ignore_errors=True)
    if fetched.returncode:
        raise StackError(f"Maven could not fetch Kafka's jars:\n{fetched.stdout}{fetched.stderr}")
    (unfinished / ".stamp").write_text(_pom_hash())
    shutil.rmtree(jars, ignore_errors=True)
    unfinished.rename(jars)


def _has_home() -> bool:
    """Tell whether Maven can keep what it fetches in the user's home, as Java knows it: from the password file.

    Users that exist to run one thing often have none.
    """
    try:
        repository = Path(pwd.getpwuid(os.geteuid()).pw_dir) / ".m2" / "repository"
    except KeyError:
        return False
    nearest = next(path for path in (repository, *repository.parents) if path.exists())
    return nearest.is_dir() and os.access(nearest, os.W_OK)


def _jars_are_there(instance: Instance) -> bool:
    stamp = instance.jars / ".stamp"
    return stamp.exists() and stamp.read_text() == _pom_hash()


def _pom_hash() -> str:
    return hashlib.sha256(_POM.read_bytes()).hexdigest()


def _fetch_image() -> None:
    if subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, check=False).returncode == 0:
        return
    print(f"Pulling {IMAGE} (once a machine) …", flush=True)
    pulled = subprocess.run(["docker", "pull", "--quiet", IMAGE], capture_output=True, text=True, check=False)
    if pulled.returncode:
        raise StackError(f"Docker could not pull {IMAGE}:\n{pulled.stdout}{pulled.stderr}")


def _container(instance: Instance, name: str) -> str:
    digest = hashlib.sha256(os.fsencode(instance.state)).hexdigest()[:12]
    return f"leadflow-{digest}-{name}"


def _docker_command(instance: Instance, name: str, container: str) -> tuple[str, ...]:
    return (
        *("docker", "run", "--rm", "--name", container, "--network", "host"),
        *("--env", f"CLUSTER_ID={instance.secrets().kafka_cluster_id}", "--env", "KAFKA_HEAP_OPTS=-Xmx512m"),
        *("--volume", f"{_properties(instance, name)}:/mnt/shared/config/server.properties:ro"),
        *("--volume", f"{container}:/var/lib/kafka/data", IMAGE),
    )
