"""The commands of deploy/k8s/README.md, run by the real kubectl against what answers it as an API server does."""

import base64
import json
import os
import re
import subprocess
from copy import deepcopy
from pathlib import Path

import pytest

from deploy.processes import SERVICES
from tests.support.kube_api import NAMESPACE, KubeApi, Plain, serving
from tests.support.manifests import KUBECTL, ON_CALL, SECRETS, SECURED, build_kustomization, containers, of_kind, pods
from tests.support.runbook import cluster_commands, sections
from tests.support.stack import ROOT

README = (ROOT / "deploy" / "k8s" / "README.md").read_text()
REVISION = "deployment.kubernetes.io/revision"


def commands(first: str, last: str) -> str:
    """Return the lines of the README from the one that begins so to the one that ends so."""
    found = re.search(rf"^    ({first}.*?{last})$", README, re.MULTILINE | re.DOTALL)
    assert found, f"no commands from {first} to {last}"
    return found[1]


def run(script: str, api: KubeApi, folder: Path) -> subprocess.CompletedProcess[str]:
    with serving(api, folder) as kubeconfig:
        path = f"{Path(KUBECTL).parent}:{os.environ['PATH']}"
        return subprocess.run(
            ["sh", "-ec", script],
            cwd=folder,
            env={"PATH": path, "KUBECONFIG": str(kubeconfig), "HOME": str(folder)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


def here(manifest: Plain) -> Plain:
    # A copy: what a kustomization becomes is built once for all tests.
    return deepcopy(manifest) | {"metadata": manifest["metadata"] | {"namespace": NAMESPACE, "uid": "1"}}


@pytest.mark.parametrize(("ends_as", "well"), [("Complete", True), ("Failed", False)])
def test_the_migration_is_waited_for_until_it_ended_well_or_not(tmp_path: Path, ends_as: str, well: bool) -> None:
    """Who waits for its completion alone waits half an hour for a migration that failed at once."""
    template = here(of_kind(build_kustomization("overlays/production"), "CronJob")["migrate"])
    api = KubeApi({"cronjobs": {"migrate": template}, "jobs": {}, "pods": {}}, ends_as=ends_as)
    script = commands(r"job=migrate", r"job/\$job\n").replace("--timeout=30s", "--timeout=2s")
    done = run(script, api, tmp_path)
    assert (done.returncode == 0) is well, done.stderr
    [made] = api.objects["jobs"]
    assert re.fullmatch(r"migrate-\d{8}-\d{6}", made)


def test_the_commands_of_the_runbook_are_run_where_the_people_on_call_have_their_rights(tmp_path: Path) -> None:
    """As they stand there they go into pods that are made for it, each word as it was written."""
    templates = of_kind(build_kustomization("overlays/production"), "CronJob")
    pods = {
        f"{job}-x7k2p": here(
            {
                "kind": "Pod",
                "apiVersion": "v1",
                "metadata": {"name": f"{job}-x7k2p", "labels": {"job-name": job}},
                "spec": {"containers": [{"name": "leadflow"}]},
                "status": {"phase": "Running"},
            }
        )
        for job in ON_CALL
    }
    api = KubeApi({"cronjobs": {own: here(templates[own]) for own in ON_CALL}, "jobs": {}, "pods": pods})
    block = re.search(r"^    (for each in .*?\n)\n", sections()["What the commands need"], re.MULTILINE | re.DOTALL)
    assert block
    asked = """leadflow imports inspect 42 || true
psql "$LEADFLOW_POSTGRES_URL" -c "SELECT 'a b'" || true
"""
    done = run(block[1] + asked, api, tmp_path)
    assert done.returncode == 0, done.stderr
    assert list(api.objects["jobs"]) == list(ON_CALL)
    (_, inspected), (_, selected) = api.executed
    assert [pod for pod, _ in api.executed] == list(pods)
    assert inspected == ["leadflow", "imports", "inspect", "42"]
    assert selected == ["sh", "-c", 'psql "$LEADFLOW_POSTGRES_URL" "$@"', "psql", "-c", "SELECT 'a b'"]


@pytest.mark.parametrize("section", ["What the commands need", "ServerFails", "Rotate secrets and keys"])
def test_pods_of_the_people_on_call_are_made_anew_once_a_secret_has_changed(tmp_path: Path, section: str) -> None:
    """They keep what they read at their start."""
    jobs = {name: here({"kind": "Job", "apiVersion": "batch/v1", "metadata": {"name": name}}) for name in ON_CALL}
    [away] = [line for line in cluster_commands(section) if " delete job " in line]
    api = KubeApi({"cronjobs": {}, "jobs": dict(jobs)})
    done = run(f"{away}\n{away}", api, tmp_path)
    assert done.returncode == 0, done.stderr
    assert api.objects["jobs"] == {}


def test_configmaps_that_nothing_refers_to_are_deleted_and_no_other(tmp_path: Path) -> None:
    manifests = build_kustomization("overlays/production")
    used = {name: here(each) for name, each in of_kind(manifests, "ConfigMap").items()}
    old = {f"leadflow-{name}-0123456789": here({"kind": "ConfigMap", "metadata": {}}) for name in ("api", "kafka")}
    for name, each in old.items():
        each["metadata"]["name"] = name
    # The one before, which `rollout undo` needs: a ReplicaSet of no pods still has it.
    deployments = of_kind(manifests, "Deployment")
    replica_sets = {name: here(each) | {"kind": "ReplicaSet"} for name, each in deployments.items()}
    before = {"kind": "ReplicaSet", "apiVersion": "apps/v1", "metadata": {"name": "api-before"}}
    replica_sets["api-before"] = before | {"spec": {"envFrom": "leadflow-api-0123456789"}}
    api = KubeApi(
        {
            "configmaps": {name: each | {"apiVersion": "v1"} for name, each in (used | old).items()},
            "replicasets": replica_sets,
            "jobs": {},
            "cronjobs": {name: here(each) for name, each in of_kind(manifests, "CronJob").items()},
        }
    )
    done = run(commands(r"kubectl -n leadflow get replicasets", r"xargs -r kubectl -n leadflow delete"), api, tmp_path)
    assert done.returncode == 0, done.stderr
    assert api.deleted == ["leadflow-kafka-0123456789"]


def test_a_certificate_is_renewed_and_those_beside_it_stay(tmp_path: Path) -> None:
    """Whoever puts a ConfigMap or a Secret back as a whole takes away what else is in it, before all are restarted."""
    files = {"kafka.pem": "the old one\n", "postgres.pem": "PostgreSQL's\n", "mongo.pem": "MongoDB's\n"}
    keda = encoded({key: key for key in ("sasl", "username", "password", "tls", "ca")})
    certificates = {
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "metadata": {"name": "leadflow-certificates"},
        "data": files,
    }
    secret = {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "leadflow-kafka-keda"}, "data": keda}
    deployments = of_kind(build_kustomization("overlays/production"), "Deployment")
    api = KubeApi(
        {
            "configmaps": {"leadflow-certificates": here(certificates)},
            "secrets": {"leadflow-kafka-keda": here(secret | {"type": "Opaque"})},
            "deployments": {name: here(each) for name, each in deployments.items()},
        }
    )
    looked, *mended = cluster_commands("CertificateEnds")
    done = run("\n".join([looked, "echo 'the new one' >> kafka.pem", *mended]), api, tmp_path)
    assert done.returncode == 0, done.stderr
    renewed = files["kafka.pem"] + "the new one\n"
    assert api.objects["configmaps"]["leadflow-certificates"]["data"] == files | {"kafka.pem": renewed}
    has = api.objects["secrets"]["leadflow-kafka-keda"]["data"]
    assert has == keda | encoded({"ca": renewed})
    restarted = "kubectl.kubernetes.io/restartedAt"
    for each in api.objects["deployments"].values():
        assert restarted in each["spec"]["template"]["metadata"]["annotations"]


def test_a_bad_deploy_is_taken_back_also_where_the_service_was_restarted_since(tmp_path: Path) -> None:
    """A restart makes a revision of the same bad version: the one before the last is none to go back to."""
    made = here(of_kind(build_kustomization("overlays/production"), "Deployment")["creator"])
    labels = made["spec"]["template"]["metadata"]["labels"]
    good, bad = "registry.example.com/leadflow:0.1.0", "registry.example.com/leadflow:0.2.0"

    def revision(number: int, image: str) -> Plain:
        template = deepcopy(made["spec"]["template"])
        template["spec"]["containers"][0]["image"] = image
        template["metadata"]["labels"] = labels | {"pod-template-hash": str(number)}
        owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "creator", "uid": "1", "controller": True}
        metadata = {
            "name": f"creator-{number}",
            "namespace": NAMESPACE,
            "uid": f"creator-{number}",
            "labels": template["metadata"]["labels"],
            "annotations": {REVISION: str(number)},
            "ownerReferences": [owner],
            "creationTimestamp": f"2026-11-29T08:{number:02}:00Z",
        }
        selector = {"matchLabels": template["metadata"]["labels"]}
        spec = {"replicas": 0, "selector": selector, "template": template}
        return {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata, "spec": spec}

    history = [revision(9, good), revision(10, bad), revision(11, bad)]
    made["metadata"]["annotations"] = {REVISION: "11"}
    made["spec"]["template"]["spec"]["containers"][0]["image"] = bad
    other = {"metadata": {"name": "api-1", "labels": {"app.kubernetes.io/name": "api"}}}
    api = KubeApi(
        {
            "deployments": {"creator": made},
            "replicasets": {each["metadata"]["name"]: each for each in reversed(history)} | {"api-1": other},
        }
    )
    looked, _stop, undo, _start = cluster_commands("BadDeploy")
    shown = run(looked, api, tmp_path)
    assert shown.returncode == 0, shown.stderr
    lines = [line.split() for line in shown.stdout.splitlines()]
    images = {line[0]: line[2] for line in lines[1:]}
    assert images == {"9": good, "10": bad, "11": bad}
    assert list(images) == ["9", "10", "11"]
    assert any(each.startswith("leadflow-creator-") for each in lines[1][3].split(","))
    chosen = [number for number, image in images.items() if image != bad][-1]
    done = run(undo.replace("=REVISION", f"={chosen}"), api, tmp_path)
    assert done.returncode == 0, done.stderr
    assert api.objects["deployments"]["creator"]["spec"]["template"]["spec"]["containers"][0]["image"] == good


def test_the_owners_address_is_read_where_the_runbook_says(tmp_path: Path) -> None:
    """The people on call log in as a role that owns nothing, and may change no table."""
    name = "LEADFLOW_POSTGRES_OWNER_URL"
    given = SECRETS | {
        "leadflow-secrets": SECRETS["leadflow-secrets"] | {name: "postgresql://owner:secret@db/leadflow"}
    }
    secrets = {
        own: here({"kind": "Secret", "apiVersion": "v1", "metadata": {"name": own}, "data": encoded(values)})
        for own, values in given.items()
    }
    asked = [line for line in cluster_commands("SequenceNearlyUsedUp") if " get secret " in line]
    done = run("; echo\n".join([*asked, ""]), KubeApi({"secrets": secrets}), tmp_path)
    assert done.returncode == 0, done.stderr
    users, services = given["leadflow-postgres-users"], given["leadflow-secrets"]
    assert done.stdout.split() == [users["migrate"], services[name], services["LEADFLOW_POSTGRES_URL"]]


def encoded(values: dict[str, str]) -> dict[str, str]:
    return {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}


@pytest.mark.parametrize("section", ["ServerFails", "ProviderFails"])
def test_keys_of_secrets_that_the_runbook_has_changed_are_those_that_pods_read(section: str) -> None:
    read = {
        (reference["name"], reference["key"])
        for name in ("overlays/production", SECURED)
        for pod in pods(build_kustomization(name)).values()
        for container in containers(pod)
        for variable in container.get("env", [])
        if (reference := variable.get("valueFrom", {}).get("secretKeyRef"))
    }
    changes = re.findall(r"patch secret (\S+) -p '(.*)'$", "\n".join(cluster_commands(section)), re.MULTILINE)
    assert changes
    for secret, patch in changes:
        for key in json.loads(patch)["stringData"]:
            services = SERVICES if key == "SERVICE" else [key]
            assert {(secret, each) for each in services} <= read
