"""deploy/k8s/base/services: for each process its Deployment, and what goes with it; components/keda: how it is scaled.

What all of them have is not here but in the patches beside these files, which people write.
"""

from typing import Any

import yaml

from deploy.kafka_rights import MIGRATE, OPERATOR, USER_PREFIX
from deploy.processes import HTTP_PORT, PROCESSES, PROVIDER_PORTS, SERVER_PORTS, Process
from deploy.processes import SERVICES as SERVICE_NAMES

SERVICES = "deploy/k8s/base/services"
NETWORK_POLICIES = "deploy/k8s/base/network-policies.yaml"
SCALED_OBJECTS = "deploy/k8s/components/keda/scaled-objects.yaml"
AUTOSCALERS = "deploy/k8s/components/hpa/autoscalers.yaml"
TRIGGERS = "deploy/k8s/components/keda-kafka-user/triggers.yaml"
KAFKA_USERS = "deploy/k8s/components/kafka-users/users.yaml"
POSTGRES_USERS = "deploy/k8s/components/postgres-users/users.yaml"

HEADER = "# Written by `make manifests` from deploy/processes.py.\n"

PSQL = "psql"
"""PostgreSQL's own client. It logs in as the people on call do."""
ON_REQUEST = (MIGRATE, OPERATOR, PSQL)
"""Templates that Jobs are made of: ``CronJob`` objects that never come by themselves."""

Manifest = dict[str, Any]


def files() -> dict[str, str]:
    """Return the text of each file by its path in the checkout."""
    made = {f"{process.name}.yaml": _text(*manifests(process)) for process in PROCESSES}
    made["kustomization.yaml"] = _text(_kustomization([*made]))
    consumers = [process for process in PROCESSES if process.kind == "consumer"]
    answering = [process for process in PROCESSES if process.kind == "http"]
    with_postgres = [process.name for process in PROCESSES if "postgres" in process.needs]
    return {f"{SERVICES}/{name}": text for name, text in made.items()} | {
        NETWORK_POLICIES: _text(*map(_process_policy, PROCESSES), _migrate_policy(), *_on_call_policies()),
        SCALED_OBJECTS: _text(*map(_scaled_object, consumers)),
        AUTOSCALERS: _text(*map(_autoscaler, answering)),
        TRIGGERS: _text(*map(_triggers_with_a_user, consumers)),
        KAFKA_USERS: _text(*(_patch(name, _own_kafka_user(name)) for name in (*SERVICE_NAMES, MIGRATE, OPERATOR))),
        POSTGRES_USERS: _text(*(_patch(name, _own_postgres_role(name)) for name in (*with_postgres, *ON_REQUEST))),
    }


def manifests(process: Process) -> list[Manifest]:
    """Return the objects that a process is on any Kubernetes."""
    found = [_deployment(process), _disruption_budget(process)]
    return [*found, _service(process)] if process.kind == "http" else found


def _text(*documents: Manifest) -> str:
    return HEADER + yaml.safe_dump_all(documents, sort_keys=False, width=120)


def _kustomization(resources: list[str]) -> Manifest:
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": resources,
        "configMapGenerator": [
            {"name": config_of(process), "literals": [_literal(process, name) for name in process.shown]}
            for process in PROCESSES
            if process.shown
        ],
    }


def _literal(process: Process, name: str) -> str:
    default = process.settings.model_fields[name].get_default()
    return f"LEADFLOW_{name.upper()}={str(default).lower() if isinstance(default, bool) else default}"


def config_of(process: Process) -> str:
    return f"leadflow-{process.name}"


def _labels(process: Process) -> dict[str, str]:
    return {"app.kubernetes.io/name": process.name}


def _deployment(process: Process) -> Manifest:
    consumer = process.kind == "consumer"
    metadata: Manifest = {"name": process.name}
    metadata["labels"] = {"leadflow/role": process.kind}
    spec: Manifest = {"replicas": process.minimum, "selector": {"matchLabels": _labels(process)}}
    if not consumer:
        spec["strategy"] = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    scraped = {"prometheus.io/port": str(process.health_port)}
    spec["template"] = {"metadata": {"labels": _labels(process), "annotations": scraped}, "spec": _pod(process)}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def _pod(process: Process) -> Manifest:
    spread: Manifest = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": _labels(process)},
    }
    if process.kind == "http":
        # While a rollout adds new pods before it takes old ones, only the new ones shall be spread.
        spread["matchLabelKeys"] = ["pod-template-hash"]
    pod: Manifest = {"topologySpreadConstraints": [spread], "containers": [_container(process)]}
    if process.scratch:
        pod["volumes"] = [
            {"name": process.scratch.holds, "emptyDir": {"sizeLimit": f"{process.scratch_mebibytes()}Mi"}}
        ]
    return pod


def _container(process: Process) -> Manifest:
    resources = process.resources
    configs = ["leadflow-kafka", "leadflow-services", *([config_of(process)] if process.shown else [])]
    container: Manifest = {
        "name": "leadflow",
        "args": ["python", "-m", process.module],
        "envFrom": [{"configMapRef": {"name": name}} for name in configs],
    }
    env = [_secret(name, optional=optional) for name, optional in process.secrets.items()]
    ports = [{"name": "health", "containerPort": process.health_port}]
    if process.kind == "http":
        # Here and not in a ConfigMap: nobody shall change it without the ports below.
        env.append({"name": "LEADFLOW_HTTP_PRIVATE_PORT", "value": str(process.health_port)})
        ports.append({"name": "http", "containerPort": HTTP_PORT})
    if env:
        container["env"] = env
    container["ports"] = ports
    if process.kind == "http":
        # Until load balancers have heard that this pod is leaving.
        container["lifecycle"] = {"preStop": {"sleep": {"seconds": 5}}}
    container["resources"] = {
        "requests": {"cpu": resources.cpu, "memory": resources.memory},
        "limits": {"cpu": resources.cpu_limit, "memory": resources.memory_limit},
    }
    if process.scratch:
        container["volumeMounts"] = [{"name": process.scratch.holds, "mountPath": process.scratch.folder}]
    return container


def _secret(setting: str, *, optional: bool) -> Manifest:
    variable = f"LEADFLOW_{setting.upper()}"
    reference: Manifest = {"name": "leadflow-secrets", "key": variable}
    if optional:
        reference["optional"] = True
    return {"name": variable, "valueFrom": {"secretKeyRef": reference}}


def _service(process: Process) -> Manifest:
    port = {"name": "http", "port": 80, "targetPort": "http", "appProtocol": "http"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": process.name},
        "spec": {"selector": _labels(process), "ports": [port]},
    }


def _disruption_budget(process: Process) -> Manifest:
    """Return that a drained node moves the partitions, or the callers, of one process at a time."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": process.name},
        "spec": {
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": _labels(process)},
        },
    }


def _process_policy(process: Process) -> Manifest:
    """Return who may call a process, and which ports of others it may call."""
    # Of this cluster alone: what a balancer outside asks is on the port of the calls.
    callers: list[Manifest] = [{"from": [{"namespaceSelector": {}}], "ports": [{"protocol": "TCP", "port": "health"}]}]
    if process.kind == "http":
        callers.append({"ports": [{"protocol": "TCP", "port": "http"}]})
    policy = _network_policy(process.name, process.reaches)
    policy["spec"]["ingress"] = callers
    return policy


def _migrate_policy() -> Manifest:
    policy = _network_policy(MIGRATE, (*SERVER_PORTS.values(), *PROVIDER_PORTS))
    policy["metadata"]["labels"] = {"leadflow/step": "migrate"}
    return policy


def _on_call_policies() -> list[Manifest]:
    return [
        _network_policy(OPERATOR, (*SERVER_PORTS.values(), *PROVIDER_PORTS)),
        _network_policy(PSQL, (SERVER_PORTS["postgres"],)),
    ]


def _network_policy(name: str, ports: tuple[int, ...]) -> Manifest:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name},
        "spec": {
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "leadflow"}},
            "policyTypes": ["Ingress", "Egress"],
            "egress": [{"ports": [{"protocol": "TCP", "port": port} for port in ports]}],
        },
    }


def _scaled_object(process: Process) -> Manifest:
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": process.name},
        "spec": {
            "scaleTargetRef": {"name": process.name},
            "minReplicaCount": process.minimum,
            "maxReplicaCount": process.maximum,
            "triggers": [_trigger(process, topic, group) for topic, group in process.subscriptions],
        },
    }


def _autoscaler(process: Process) -> Manifest:
    """Return how who answers HTTP is scaled: by the cores that it uses, added quickly and taken away slowly."""
    used = {"type": "AverageValue", "averageValue": process.busy_cores}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": process.name},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": process.name},
            "minReplicas": process.minimum,
            "maxReplicas": process.maximum,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": used}}],
            "behavior": {
                "scaleUp": {"stabilizationWindowSeconds": 0},
                "scaleDown": {"stabilizationWindowSeconds": 300},
            },
        },
    }


def _triggers_with_a_user(process: Process) -> Manifest:
    """Return a patch. Its list takes the other's place as a whole, since no schema says how to merge them."""
    user = {"authenticationRef": {"name": "leadflow-kafka"}}
    triggers = [_trigger(process, topic, group) | user for topic, group in process.subscriptions]
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": process.name},
        "spec": {"triggers": triggers},
    }


def _own_kafka_user(name: str) -> list[Manifest]:
    password = {"name": "leadflow-kafka-users", "key": name, "optional": False}
    return [
        {"name": "LEADFLOW_KAFKA_USER", "value": f"{USER_PREFIX}{name}"},
        {"name": "LEADFLOW_KAFKA_PASSWORD", "valueFrom": {"secretKeyRef": password}},
    ]


def _own_postgres_role(name: str) -> list[Manifest]:
    address = {"name": "leadflow-postgres-users", "key": OPERATOR if name == PSQL else name}
    found: list[Manifest] = [{"name": "LEADFLOW_POSTGRES_URL", "valueFrom": {"secretKeyRef": address}}]
    if name == MIGRATE:
        # It comes before the other, and leadflow-secrets may have another owner's.
        owner = {"secretKeyRef": address | {"optional": False}}
        found.append({"name": "LEADFLOW_POSTGRES_OWNER_URL", "valueFrom": owner})
    return found


def _patch(name: str, env: list[Manifest]) -> Manifest:
    """Return a patch that gives a process, or what is run on request, these variables."""
    spec: Manifest = {"template": {"spec": {"containers": [{"name": "leadflow", "env": env}]}}}
    if name in ON_REQUEST:
        template = {"jobTemplate": {"spec": spec}}
        return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": name}, "spec": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def _trigger(process: Process, topic: str, group: str) -> Manifest:
    return {
        "type": "kafka",
        "metadata": {
            "bootstrapServersFromEnv": "LEADFLOW_KAFKA_BOOTSTRAP",
            "consumerGroup": group,
            "topic": topic,
            "lagThreshold": str(process.lag_threshold),
            # Or KEDA takes a lag for no more than partitions times threshold, and what it then asks for lies within
            # the tenth that the autoscaler lets pass: of twelve processes the last is never started.
            "allowIdleConsumers": "true",
            "offsetResetPolicy": "earliest",
            "version": "3.6.0",  # of the protocol: KEDA's default, 1.0.0, is refused by Kafka 4
        },
    }
