"""docs/guide: every setting that a guide names is one, and every block of settings can be read."""

import re
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from libs.common.settings import KafkaSettings, MongoSettings, PostgresSettings
from libs.common.web.auth import AuthSettings
from tests.support.manifests import SETTINGS, read_settings, variables
from tests.support.stack import ROOT

GUIDES = [*sorted((ROOT / "docs" / "guide").glob("*.md")), ROOT / "deploy" / "k8s" / "README.md"]
MANAGED = ROOT / "docs" / "guide" / "managed-servers.md"
OF_THE_STACK = re.compile(
    r"LEADFLOW_(LOCAL|TEST|BENCH|COMPOSE|STACK|PORT_BASE|SECRETS_DIR|CHAOS|API_URL|TOKEN|CONSOLE|GATEWAY|DEV_SIGN_IN)"
)
"""What steers the local stack, the tests, the bench and compose: no service reads it."""
KNOWN = {name for settings in SETTINGS.values() for name in variables(settings)}
CLASSES: tuple[type[BaseSettings], ...] = (KafkaSettings, PostgresSettings, MongoSettings, AuthSettings)
BLOCKS = [
    block
    for page in (MANAGED, MANAGED.with_name("tokens.md"))
    for block in re.findall(r"^```env\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
]


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_every_setting_that_a_guide_names_is_one(page: Path) -> None:
    named = {name.rstrip("_") for name in re.findall(r"LEADFLOW_[A-Z_]+", page.read_text())}
    wrong = {name for name in named - KNOWN if not OF_THE_STACK.match(name)}
    # A sentence may name several by what they begin with.
    assert {name for name in wrong if not any(known.startswith(f"{name}_") for known in KNOWN)} == set()


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.partition("\n")[0][:60])
def test_the_settings_for_a_provider_are_read_as_in_production(block: str) -> None:
    given = dict(line.split("=", 1) for line in block.splitlines())
    assert set(given) <= KNOWN
    # Files that an operator mounts; whether they can be read is looked at when the settings are.
    files = {name: str(ROOT / "LICENSE") for name, value in given.items() if value.startswith("/etc/leadflow/")}
    read = [each for each in CLASSES if variables(each) & set(given)]
    assert read
    for settings in read:
        assert read_settings(settings, given | files)
    if "LEADFLOW_KAFKA_BOOTSTRAP" in given:
        kafka = read_settings(KafkaSettings, given | files)
        assert isinstance(kafka, KafkaSettings)
        assert kafka.kafka_security_protocol == "SASL_SSL"
        assert kafka.topic_replication == 3


def test_every_provider_has_its_settings() -> None:
    text = MANAGED.read_text()
    parts = dict(part.split("\n", 1) for part in re.split(r"^##+ ", text, flags=re.MULTILINE)[1:])
    kafka = ("Amazon MSK", "Confluent Cloud", "Aiven", "Redpanda")
    postgres = ("Amazon RDS and Aurora", "Google Cloud SQL", "Neon", "Supabase")
    for name in (*kafka, *postgres, "MongoDB Atlas"):
        assert "```env" in parts[name], name
    for name in ("Keycloak", "Auth0", "Microsoft Entra ID", "Amazon Cognito"):
        assert name in parts["Identity providers"]
        assert f"## {name}\n" in MANAGED.with_name("tokens.md").read_text()
