"""Every revision leaves the release before what it uses: expand, migrate, contract (docs/guide/migrations.md)."""

import subprocess
import tomllib

from services.operator.migrate import MIGRATIONS
from tests.support.revisions.recorded import in_the_release, recorded_revisions
from tests.support.revisions.rules import refusals
from tests.support.stack import ROOT

BEFORE = tomllib.loads((ROOT / "deploy" / "release_before.toml").read_text())
RELEASED = in_the_release(MIGRATIONS, BEFORE["heads"])

EXEMPT = {
    "0003": "the first release had row level security with its first table; nothing ran on the schema before it",
    "imports_0007": "ran before the rule was looked at; the totals of an ended import were right, and 0008 proved it",
    "imports_0009": "ran before the rule was looked at; who reads the outbox has a policy in this revision",
    "imports_0011": "ran before the rule was looked at; the column was empty, so its foreign key had nothing to check",
}
"""Revisions that are released and break the rule, with the reason why that did no harm. No new one may stand here."""


def test_every_revision_leaves_the_release_before_what_it_uses() -> None:
    refused = refusals(recorded_revisions(MIGRATIONS), released=RELEASED)
    sentences = [f"{name} {why}" for name, some in refused.items() if name not in EXEMPT for why in some]
    assert not sentences, "\n".join(sentences)


def test_only_released_revisions_that_break_the_rule_are_exempt() -> None:
    assert EXEMPT.keys() <= RELEASED
    assert EXEMPT.keys() <= refusals(recorded_revisions(MIGRATIONS), released=RELEASED).keys(), (
        "take it out: it is fine"
    )


def test_the_release_before_has_the_revisions_that_are_recorded_of_it() -> None:
    """Where git has its commit; a shallow checkout does not, and `make upgrade` says so."""
    command = ["git", "grep", "-h", "-E", "^revision = ", BEFORE["commit"], "--", "migrations/*/v*.py"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode == 0:
        assert {line.split('"')[1] for line in found.stdout.splitlines()} == RELEASED
