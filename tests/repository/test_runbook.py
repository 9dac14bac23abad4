"""The runbook: a section for each alert, all of one shape and short, that name what there is."""

import re
from pathlib import Path
from typing import get_args

import pytest
import yaml

from deploy.alerts import ALERTS, RECORDINGS, RUNBOOK, names_in
from deploy.metrics import BY_NAME, FAILING
from libs.contracts.leads.events import Channel
from tests.support.manifests import ON_CALL, SECURED, build_kustomization, containers, of_kind, pods
from tests.support.promtool import needs_promtool, promtool
from tests.support.runbook import commands, of_alerts, queries, sections
from tests.support.stack import ROOT
from tests.support.tables import table

PARTS = ("Means", "See", "Do", "Over")
MOST_WORDS = 300
"""Who is woken reads it in a minute or so, commands apart."""
SECTIONS = of_alerts()
COMMANDS = "What the commands need"


def test_there_is_a_section_for_each_alert_and_for_no_other() -> None:
    assert list(SECTIONS) == [alert.name for alert in ALERTS]


@pytest.mark.parametrize("name", SECTIONS)
def test_each_says_what_it_means_how_to_see_it_what_to_do_and_when_it_is_over(name: str) -> None:
    assert re.findall(r"^\*\*(\w+)\.\*\* ", SECTIONS[name], re.MULTILINE) == list(PARTS)


@pytest.mark.parametrize("name", SECTIONS)
def test_each_leads_to_what_its_commands_need(name: str) -> None:
    """Who comes by an alert's link has read nothing else."""
    seeing = SECTIONS[name].partition("**See.**")[2].partition("**Do.**")[0]
    assert f"(#{COMMANDS.lower().replace(' ', '-')})" in seeing
    assert sections()[COMMANDS]


@pytest.mark.parametrize("name", SECTIONS)
def test_each_says_how_soon_it_ends_and_what_comes_next_if_it_does_not(name: str) -> None:
    over = SECTIONS[name].partition("**Over.**")[2]
    assert re.search(r"\b(minutes?|hours?)\b", over)
    assert over.count(". ") + over.count(".\n") + over.count(": ") >= 2, "when, and what if not"


@pytest.mark.parametrize("name", SECTIONS)
def test_each_is_read_in_a_minute(name: str) -> None:
    prose = re.sub(r"^    .*$", "", SECTIONS[name], flags=re.MULTILINE)
    assert len(prose.split()) <= MOST_WORDS


def test_what_may_fail_is_explained_value_by_value() -> None:
    explained = ", ".join(row[0] for row in table(RUNBOOK, "### ServerFails")).replace("`", "")
    assert sorted(explained.split(", ")) == sorted(FAILING)


def test_metrics_that_it_names_are_there() -> None:
    text = (ROOT / RUNBOOK).read_text()
    named = {name for quoted in re.findall(r"`([^`]+)`", text) for name in names_in(quoted)}
    assert named
    assert named - BY_NAME.keys() - {each.name for each in RECORDINGS} == set()


def test_pods_that_its_commands_are_run_in_are_made_here_or_the_readers_to_name() -> None:
    """Words in capitals are the reader's to put in."""
    run_in = re.findall(r"kubectl -n (\S+) exec (?:-it )?(\S+)", (ROOT / RUNBOOK).read_text())
    assert run_in
    made = {("leadflow", f"job/{each}") for each in ON_CALL}
    unknown = {pair for pair in run_in if pair not in made and not pair[1].isupper()}
    assert unknown == set()
    assert {namespace for namespace, _ in run_in} <= {"leadflow", "NAMESPACE"}


@pytest.mark.parametrize("name", [name for name in sections() if name != COMMANDS])
def test_what_is_indented_as_a_command_is_one(name: str) -> None:
    """It is run as it stands; a list within a list would be, too."""
    assert {command.split()[0] for command in commands(name)} <= {"leadflow", "make", "psql", "openssl", "df"}


def test_tools_of_kafka_are_named_where_they_stand() -> None:
    """The image has no such folder on its PATH."""
    text = (ROOT / RUNBOOK).read_text()
    assert re.findall(r"exec \S+ -- (\S*kafka-\S+\.sh)", text)
    assert set(re.findall(r"exec \S+ -- (\S*kafka-\S+\.sh)", text)) == {"/opt/kafka/bin/kafka-topics.sh"}


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda page: page.stem)
def test_what_is_to_be_put_into_a_statement_is_the_name_of_no_column(page: Path) -> None:
    """Whoever forgets it is refused: ``WHERE id = ID`` means every row."""
    assert re.findall(r"\b(\w+) = \1\b", page.read_text(), re.IGNORECASE) == []


def test_channels_that_must_be_there_are_those_that_leads_come_by() -> None:
    assert set(get_args(Channel)) <= set(re.findall(r"\b[A-Z]+\b", SECTIONS["DeadLetters"]))


def test_every_secret_that_a_password_stands_in_is_named_where_passwords_are_rotated() -> None:
    """A password that is put where nobody reads it leaves all ready, until the old one is taken away."""
    manifests = build_kustomization(SECURED)
    read = {
        reference["name"]
        for pod in pods(manifests).values()
        for container in containers(pod)
        for variable in container.get("env", [])
        if (reference := variable.get("valueFrom", {}).get("secretKeyRef"))
    }
    read |= {
        reference["name"]
        for each in of_kind(manifests, "TriggerAuthentication").values()
        for reference in each["spec"]["secretTargetRef"]
    }
    named = set(re.findall(r"`(leadflow-[a-z-]+)`", sections()["Rotate secrets and keys"]))
    assert named == read


@needs_promtool
@pytest.mark.parametrize("name", [name for name in SECTIONS if queries(SECTIONS[name])])
def test_prometheus_understands_what_people_are_told_to_ask(name: str, tmp_path: Path) -> None:
    asked = [{"record": f"asked:{number}", "expr": each} for number, each in enumerate(queries(SECTIONS[name]))]
    rules = tmp_path / "rules.yaml"
    rules.write_text(yaml.safe_dump({"groups": [{"name": "asked", "rules": asked}]}))
    found = promtool("check", "rules", str(rules))
    assert found.returncode == 0, found.stderr
    for each in asked:
        labels = set(re.findall(r"by \(([^)]*)\)", each["expr"]))
        known = {label for metric in names_in(each["expr"]) & BY_NAME.keys() for label in BY_NAME[metric].labels}
        assert {label for some in labels for label in some.split(", ")} <= known, each["expr"]
