"""Profile `observe` of compose: every container of every service is asked, and Grafana is shown what is shipped."""

import re

import yaml

from deploy.alerts import RUNBOOK
from deploy.dashboards import grafana as grafana_of
from deploy.dashboards.all import DASHBOARDS
from deploy.processes import PROCESSES
from libs.common.settings import ServiceSettings
from tests.support.manifests import CONTAINERS, OBSERVERS, image_environment
from tests.support.promtool import needs_promtool, promtool
from tests.support.stack import ROOT

OBSERVE = ROOT / "deploy" / "observe"


def copied(name: str) -> dict[str, str]:
    """Return what a container's image takes from deploy/observe, and where it puts it."""
    build = CONTAINERS[name]["build"]
    assert build["context"] == "../observe", "from where the file stands that says it"
    found: dict[str, str] = {}
    for line in re.findall(r"^COPY --chmod=755 (.+)$", build["dockerfile_inline"], re.MULTILINE):
        *sources, target = line.split()
        for source in sources:
            assert (OBSERVE / source).exists(), source
            found[source] = f"{target}{source}" if target.endswith("/") else target
    return found


def test_prometheus_asks_every_container_of_every_process_where_its_image_answers() -> None:
    asked = yaml.safe_load((OBSERVE / "prometheus.yaml").read_text())["scrape_configs"]
    port = int(image_environment()["LEADFLOW_HTTP_PORT"])
    assert {each["job_name"]: each["dns_sd_configs"] for each in asked} == {
        process.name: [{"names": [process.name], "type": "A", "port": port}] for process in PROCESSES
    }


@needs_promtool
def test_prometheus_takes_its_settings() -> None:
    found = promtool("check", "config", str(OBSERVE / "prometheus.yaml"))
    assert found.returncode == 0, found.stderr


def test_prometheus_has_the_rules_beside_its_settings() -> None:
    found = copied("prometheus")
    settings = next(each for each in CONTAINERS["prometheus"]["command"] if "config.file" in each).partition("=")[2]
    assert settings == found["prometheus.yaml"]
    assert found["rules.yaml"].rpartition("/")[0] == settings.rpartition("/")[0]
    assert yaml.safe_load((OBSERVE / "prometheus.yaml").read_text())["rule_files"] == ["rules.yaml"]


def test_links_of_alerts_begin_where_the_operator_says() -> None:
    labels = yaml.safe_load((OBSERVE / "prometheus.yaml").read_text())["global"]["external_labels"]
    assert labels == {"runbook_base": "${LEADFLOW_COMPOSE_RUNBOOK_BASE}"}
    assert "LEADFLOW_COMPOSE_RUNBOOK_BASE" in CONTAINERS["prometheus"]["environment"]
    assert (ROOT / RUNBOOK).exists()


def test_grafana_finds_the_dashboards_and_the_sources_that_they_ask() -> None:
    found = copied("grafana")
    [provider] = yaml.safe_load((OBSERVE / "grafana" / "dashboards" / "leadflow.yaml").read_text())["providers"]
    assert provider["options"]["path"] == found["dashboards"]
    home = CONTAINERS["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{found['dashboards']}/{DASHBOARDS[0].uid}.json"
    sources = yaml.safe_load((OBSERVE / "grafana" / "datasources" / "leadflow.yaml").read_text())["datasources"]
    asked = {grafana_of.METRICS.type_val, grafana_of.TRACES.type_val}
    assert {each["type"] for each in sources} == asked
    for each in sources:
        host, port = each["url"].removeprefix("http://").split(":")
        assert CONTAINERS[host]["ports"][0].endswith(f":{port}")


def test_the_endpoint_that_the_file_names_for_traces_is_one_of_the_services() -> None:
    assert "otlp_endpoint" in ServiceSettings.model_fields
    said = (ROOT / "docker-compose.yml").read_text() + (ROOT / "deploy" / "compose" / "observe.yaml").read_text()
    assert set(re.findall(r"LEADFLOW_OTLP_ENDPOINT=http://(\w+):4318", said)) == {"jaeger"}
    assert "jaeger" in CONTAINERS


def test_images_of_others_are_of_one_version() -> None:
    for name in OBSERVERS:
        said = CONTAINERS[name].get("build", {}).get("dockerfile_inline") or CONTAINERS[name]["image"]
        assert re.search(r":v?\d+\.\d+\.\d+$", said, re.MULTILINE), name
