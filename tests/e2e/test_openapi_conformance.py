"""What the API answers is what its OpenAPI document promises, whatever it is sent."""

from pathlib import Path

from tests.support.schemathesis import run_schemathesis
from tests.support.stack import Addresses
from tests.support.user import User, csv_file, lead_rows, new_phones


async def test_schemathesis_finds_nothing(stack: Addresses, user: User, tmp_path: Path) -> None:
    """A few seconds of it; ``make chaos`` has minutes."""
    rows = [*lead_rows(new_phones(2)), ["", "no phone", "", "", ""]]
    ended = await user.run(csv_file(rows), on_invalid_row="skip")
    found = await run_schemathesis(
        stack.api_url,
        tmp_path,
        headers=user.tenant.headers(),
        imports=[ended["id"]],
        examples=3,
        seed=1,
        phases="coverage,fuzzing",
    )
    assert not found
