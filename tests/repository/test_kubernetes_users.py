"""deploy/k8s where servers ask who is there: users, rights, certificates, and KEDA's own user."""

import re

import pytest

from deploy.kafka_rights import KEDA, MIGRATE, OPERATOR, USER_PREFIX, rights
from deploy.processes import SERVICES
from libs.common.settings import KafkaSettings, PostgresSettings
from tests.support.keda import ScaledObject, TriggerAuthentication
from tests.support.manifests import (
    IN_KUBERNETES,
    SCALED,
    SECRETS,
    SECURED,
    build_kustomization,
    environment_of,
    of_kind,
    pod_environment,
    pods,
    read_settings,
)
from tests.support.stack import ROOT

README = (ROOT / "deploy" / "k8s" / "README.md").read_text()


@pytest.mark.parametrize("workload", [*SERVICES, MIGRATE, OPERATOR])
def test_each_service_is_a_user_of_its_own_who_has_rights(workload: str) -> None:
    settings = read_settings(IN_KUBERNETES[workload], environment_of(SECURED, workload))
    assert isinstance(settings, KafkaSettings)
    assert (settings.kafka_security_protocol, settings.kafka_sasl_mechanism) == ("SASL_SSL", "SCRAM-SHA-512")
    assert settings.kafka_user == f"{USER_PREFIX}{workload}"
    assert settings.kafka_password
    assert settings.kafka_password.get_secret_value() == SECRETS["leadflow-kafka-users"][workload]
    assert rights()[workload]


def test_a_pod_is_told_no_password_but_its_own_and_does_not_start_without() -> None:
    for workload in (*SERVICES, MIGRATE, OPERATOR):
        container = pods(build_kustomization(SECURED))[workload]["spec"]["containers"][0]
        references = [each["valueFrom"]["secretKeyRef"] for each in container["env"] if "valueFrom" in each]
        [own] = [each for each in references if each["name"] == "leadflow-kafka-users"]
        assert own["key"] == workload
        assert not own.get("optional")


@pytest.mark.parametrize("workload", [*SERVICES, MIGRATE, OPERATOR])
def test_each_service_is_a_role_of_its_own_in_postgresql(workload: str) -> None:
    settings = read_settings(IN_KUBERNETES[workload], environment_of(SECURED, workload))
    assert isinstance(settings, PostgresSettings)
    assert settings.postgres_url.get_secret_value() == SECRETS["leadflow-postgres-users"][workload]


def test_postgresqls_own_client_logs_in_as_the_people_on_call() -> None:
    own = SECRETS["leadflow-postgres-users"][OPERATOR]
    assert environment_of(SECURED, "psql")["LEADFLOW_POSTGRES_URL"] == own


def test_the_migration_takes_the_owners_address_where_there_is_one_and_no_service_sees_it() -> None:
    name = "LEADFLOW_POSTGRES_OWNER_URL"
    told = {each for each in (*SERVICES, MIGRATE, OPERATOR) if name in environment_of(SECURED, each)}
    assert told == {MIGRATE}
    assert environment_of(SECURED, MIGRATE)[name] == SECRETS["leadflow-postgres-users"][MIGRATE]
    production = build_kustomization("overlays/production")
    container = pods(production)[MIGRATE]["spec"]["containers"][0]
    assert name not in pod_environment(production, container, SECRETS), "no Secret needs to have it"
    given = SECRETS["leadflow-secrets"] | {name: "postgresql://owner:secret@db.example.com:5432/leadflow"}
    assert pod_environment(production, container, SECRETS | {"leadflow-secrets": given})[name] == given[name]


def test_keda_is_a_user_of_its_own_in_every_trigger_and_scales_as_without() -> None:
    manifests = build_kustomization(SECURED)
    [authentication] = of_kind(manifests, "TriggerAuthentication").values()
    read = TriggerAuthentication.model_validate(authentication).spec.secret_target_ref
    assert {each.name for each in read} == {"leadflow-kafka-keda"}
    assert {each.parameter for each in read} == {each.key for each in read}
    assert {"sasl", "username", "password", "tls"} <= {each.key for each in read}
    without = of_kind(build_kustomization(SCALED), "ScaledObject")
    for name, each in of_kind(manifests, "ScaledObject").items():
        secured = ScaledObject.model_validate(each)
        for trigger in secured.spec.triggers:
            assert trigger.authentication_ref
            assert trigger.authentication_ref.name == authentication["metadata"]["name"]
            trigger.authentication_ref = None
        assert secured == ScaledObject.model_validate(without[name])
    assert rights()[KEDA]


def test_the_readme_makes_the_secrets_that_they_read() -> None:
    users = re.search(r"create secret generic leadflow-kafka-users(.*?)\n\n", README, re.DOTALL)
    keda = re.search(r"create secret generic leadflow-kafka-keda(.*?)\n\n", README, re.DOTALL)
    assert users
    assert keda
    roles = re.search(r"create secret generic leadflow-postgres-users(.*?)\n\n", README, re.DOTALL)
    assert roles
    assert re.findall(r"--from-literal=(\w+)=", roles[1]) == re.findall(r"--from-literal=(\w+)=", users[1])
    assert set(re.findall(r"--from-literal=(\w+)=", users[1])) == {*SERVICES, MIGRATE, OPERATOR}
    given = dict(re.findall(r"--from-literal=(\w+)=(\S+)", keda[1]))
    assert given["username"] == f"{USER_PREFIX}{KEDA}"
    [authentication] = of_kind(build_kustomization(SECURED), "TriggerAuthentication").values()
    keys = {each["key"] for each in authentication["spec"]["secretTargetRef"]}
    assert keys == set(given) | set(re.findall(r"--from-file=(\w+)=", keda[1]))


def test_certificates_are_mounted_where_the_settings_are_told_to_look() -> None:
    manifests = build_kustomization(SECURED)
    for workload in (*SERVICES, MIGRATE, OPERATOR):
        spec = pods(manifests)[workload]["spec"]
        [volume] = [each for each in spec["volumes"] if "configMap" in each]
        [mount] = [each for each in spec["containers"][0]["volumeMounts"] if each["name"] == volume["name"]]
        assert f"create configmap {volume['configMap']['name']} --from-file=kafka.pem" in README
        assert f"LEADFLOW_KAFKA_CA_FILE={mount['mountPath']}/kafka.pem" in README
        assert mount["readOnly"]
