"""docker-compose.yml without an engine: held to its schema, to the settings, to the local stack; who waits for whom."""

import copy
import re
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from jsonschema.validators import validator_for

from deploy.compose import demo_token
from deploy.local import sign_in
from deploy.local.instance import Instance
from deploy.local.ports import Ports
from deploy.local.process_names import DOORS, WHATSAPP
from deploy.local.settings import Given, service_programs
from deploy.processes import BY_NAME, SERVERS, SERVICES
from libs.common.web.auth import AuthSettings, TokenReader
from services.api.settings import Settings as ApiSettings
from tests.support.manifests import (
    ADDRESSES,
    CONTAINERS,
    OBSERVERS,
    ON_DEMAND,
    ONE_SHOTS,
    SETTINGS,
    Manifest,
    compose_environment,
    compose_project,
    compose_schema,
    image_environment,
    interpolate,
    plain,
    read_compose,
    read_settings,
    variables,
)
from tests.support.stack import ROOT

COMPOSE = compose_project()

FIXED = {"LEADFLOW_HTTP_HOST", "LEADFLOW_HTTP_PORT"}
"""Set by the image: the health checks and published ports go with them."""


def schema_errors(document: Manifest) -> list[str]:
    schema = compose_schema()
    return [error.message for error in validator_for(schema)(schema).iter_errors(document)]


@pytest.mark.parametrize(
    "path", ["docker-compose.yml", *(f"deploy/compose/{name}.yaml" for name in ("servers", "observe", "jwks"))]
)
def test_the_file_is_what_the_compose_specification_allows(path: str) -> None:
    assert schema_errors(read_compose(path)) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda compose: compose["services"]["api"].update(comand=["x"]),
        lambda compose: compose["services"]["api"]["depends_on"]["kafka"].update(condition="healthy"),
        lambda compose: compose["services"]["kafka"].update(read_only=["yes"]),
        lambda compose: compose.update(service={}),
    ],
)
def test_the_schema_refuses_what_compose_would(spoil: Callable[[Manifest], object]) -> None:
    document = copy.deepcopy(COMPOSE)
    spoil(document)
    assert schema_errors(document)


def test_it_has_the_local_stacks_servers_and_services_and_its_own_one_shots() -> None:
    assert set(CONTAINERS) == {*SERVERS, *SERVICES, *DOORS, *ONE_SHOTS, *ON_DEMAND, *OBSERVERS}
    profiles = {name: each["profiles"] for name, each in CONTAINERS.items() if "profiles" in each}
    assert profiles == {
        "token": ["tools"],
        "link": ["tools"],
        WHATSAPP: ["whatsapp"],
        **{name: ["observe"] for name in OBSERVERS},
    }


def test_services_are_started_as_the_local_stack_starts_them(tmp_path: Path) -> None:
    instance = Instance(name="unit", local=tmp_path)
    instance.state.mkdir()
    given = Given({"LEADFLOW_WHATSAPP_ENABLED": "true"}, demo_quotas=False)
    programs = {each.name: each for each in service_programs(instance, Ports(18_000), given)}
    for service in SERVICES:
        assert CONTAINERS[service]["command"] == ["python", *programs[service].argv[1:]]
        # What tells the local stack's services where the servers are tells it here too.
        told = {f"LEADFLOW_{name.upper()}" for name in ADDRESSES} & variables(SETTINGS[service])
        assert told <= set(programs[service].environment)
        assert told <= {name for name, value in CONTAINERS[service]["environment"].items() if value}
    assert CONTAINERS["migrate"]["command"] == ["leadflow", "migrate"]
    module = programs[WHATSAPP].argv[-1]
    assert CONTAINERS[WHATSAPP]["command"][-1] == f"/demo/{module.rpartition('.')[2]}.py"


@pytest.mark.parametrize("service", SETTINGS)
def test_every_setting_of_a_service_can_be_set_and_no_other(service: str) -> None:
    assert set(CONTAINERS[service]["environment"]) == variables(SETTINGS[service]) - FIXED


@pytest.mark.parametrize("service", SETTINGS)
def test_what_the_user_sets_reaches_the_service(service: str) -> None:
    """All but the addresses, which ``make -s env`` may have put into the user's shell for the local stack."""
    addresses = {f"LEADFLOW_{name.upper()}" for name in ADDRESSES}
    given = {name: f"given-{name}" for name in CONTAINERS[service]["environment"]}
    got = compose_environment(CONTAINERS[service], given)
    assert {name for name, value in got.items() if value != given[name]} == addresses & set(given)


@pytest.mark.parametrize("service", SETTINGS)
def test_nothing_need_be_set(service: str) -> None:
    settings = read_settings(SETTINGS[service], image_environment() | compose_environment(CONTAINERS[service], {}))
    changed = {
        name: plain(getattr(settings, name))
        for name, field in SETTINGS[service].model_fields.items()
        if getattr(settings, name) != field.get_default()
    }
    hosts = {
        "postgres_url": "postgresql://leadflow:leadflow@postgres:5432/leadflow",
        "mongo_url": "mongodb://mongo:27017/leadflow",
        "kafka_bootstrap": "kafka:9092",
        "http_host": "0.0.0.0",
        "jwt_secret": CONTAINERS["token"]["environment"]["LEADFLOW_JWT_SECRET"].partition(":-")[2].rstrip("}"),
    }
    if service in BY_NAME:
        hosts |= {name: str(value) for name, value in BY_NAME[service].compose_defaults.items()}
    assert changed == {name: hosts[name] for name in hosts if name in SETTINGS[service].model_fields}


def test_an_identity_provider_can_take_the_place_of_the_secret() -> None:
    override = read_compose("deploy/compose/jwks.yaml")["services"]
    assert override == {"api": {"environment": {"LEADFLOW_JWT_SECRET": None}}}
    environment = compose_environment(
        CONTAINERS["api"],
        {"LEADFLOW_JWKS_URL": "https://login.example.com/jwks", "LEADFLOW_JWT_AUDIENCE": "leadflow"},
    )
    del environment["LEADFLOW_JWT_SECRET"]
    settings = read_settings(ApiSettings, environment)
    assert isinstance(settings, ApiSettings)
    assert settings.jwks_url == "https://login.example.com/jwks"


async def test_the_printed_token_opens_the_api(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = compose_environment(CONTAINERS["token"], {})["LEADFLOW_JWT_SECRET"]
    assert secret == compose_environment(CONTAINERS["api"], {})["LEADFLOW_JWT_SECRET"]
    monkeypatch.setenv("LEADFLOW_JWT_SECRET", secret)
    monkeypatch.delenv("LEADFLOW_JWKS_URL", raising=False)
    monkeypatch.setattr(sys, "argv", ["token", "--company-id", "2", "--user-id", "3"])
    demo_token.main()
    caller = await TokenReader(AuthSettings()).read(capsys.readouterr().out.strip())
    assert (caller.company_id, caller.user_id, caller.accounts) == (2, 3, None)
    assert caller.may("LEADS", "IMPORT_LEADS")


def test_the_printed_link_is_changed_for_a_token(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = compose_environment(CONTAINERS["link"], {})
    own = compose_environment(CONTAINERS["sign-in"], {})
    assert own["LEADFLOW_JWT_SECRET"] == environment["LEADFLOW_JWT_SECRET"]
    assert own["LEADFLOW_DEV_SIGN_IN"] == "loopback"
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["link", "--company-id", "2", "--user-id", "3"])
    monkeypatch.setitem(sys.modules, "sign_in", sign_in)  # beside it in the image
    codes = sign_in.Codes(own["LEADFLOW_JWT_SECRET"])
    runpy.run_path(str(ROOT / "deploy" / "compose" / "demo_link.py"), run_name="__main__")
    address, _, code = capsys.readouterr().out.strip().partition("#code=")
    assert address == "http://127.0.0.1:8080/console/"
    token, _ = codes.change(code)
    assert jwt.decode(token, own["LEADFLOW_JWT_SECRET"], algorithms=["HS256"])["company_id"] == 2


def test_the_gateway_asks_those_that_there_are() -> None:
    environment = compose_environment(CONTAINERS["gateway"], {})
    assert environment["LEADFLOW_GATEWAY_API"] == f"api:{image_environment()['LEADFLOW_HTTP_PORT']}"
    port = CONTAINERS["sign-in"]["environment"]["LEADFLOW_HTTP_PORT"]
    assert environment["LEADFLOW_GATEWAY_SIGN_IN"] == f"sign-in:{port}"
    assert (ROOT / "deploy" / "gateway" / environment["LEADFLOW_GATEWAY_ALSO"]).is_file()


# Order


def dependencies(service: str) -> dict[str, str]:
    return {name: each["condition"] for name, each in CONTAINERS[service].get("depends_on", {}).items()}


def test_every_dependency_can_come_true() -> None:
    for service in CONTAINERS:
        for name, condition in dependencies(service).items():
            assert "profiles" not in CONTAINERS[name], f"{service} waits for {name}, which may not be started"
            if condition == "service_healthy":
                assert "healthcheck" in CONTAINERS[name], f"{service} waits for {name}, which has no health check"
            else:
                assert condition == "service_completed_successfully"
                assert name in ONE_SHOTS


def test_somebody_waits_for_the_end_of_every_one_shot() -> None:
    """``up --wait`` takes a container that ended for a failure unless another one depends on its end."""
    awaited = {
        name
        for service in CONTAINERS
        for name, condition in dependencies(service).items()
        if condition == "service_completed_successfully"
    }
    assert awaited == set(ONE_SHOTS)


def test_tables_come_before_the_migration_and_that_before_services_and_seeds() -> None:
    completed = "service_completed_successfully"
    assert dependencies("migrate")["platform"] == completed
    assert dependencies("seed")["migrate"] == completed
    assert dependencies("api")["seed"] == completed
    for service in SERVICES:
        assert dependencies(service)["migrate"] == completed


@pytest.mark.parametrize("service", [*SETTINGS, "seed"])
def test_a_service_waits_for_the_servers_that_it_is_told_of(service: str) -> None:
    told = {
        server
        for server, variable in zip(SERVERS, ("POSTGRES_URL", "MONGO_URL", "KAFKA_BOOTSTRAP"), strict=True)
        if f"LEADFLOW_{variable}" in CONTAINERS[service]["environment"]
    }
    assert {name for name, condition in dependencies(service).items() if condition == "service_healthy"} == told


# The whole


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (text for pair in value.items() for each in pair for text in strings(each))
    elif isinstance(value, list):
        yield from (text for each in value for text in strings(each))
    elif isinstance(value, str):
        yield value


def test_variables_of_compose_are_in_the_heads_list() -> None:
    head = (ROOT / "docker-compose.yml").read_text().partition("x-confined")[0]
    used = {name for text in strings(COMPOSE) for name in re.findall(r"\$\{(LEADFLOW_COMPOSE_\w+?):-", text)}
    assert used == set(re.findall(r"LEADFLOW_COMPOSE_\w+", head))
    for text in strings(COMPOSE):
        interpolate(text, {})
