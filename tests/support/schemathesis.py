"""Schemathesis over the API's own description: every check it has, against the running API."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

CONFIG = """
cache = {{ enabled = false }}
generation = {{ database = "none" }}

[dictionaries.imports]
values = {imports}

[parameters]
import_id = {{ dictionary = "imports", probability = 0.5 }}

# Which accounts, sources and tags exist, what a spreadsheet holds and which names are taken: no schema can say.
[[operations]]
include-path = "/import"
checks.positive_data_acceptance.expected-statuses = [202, 401, 409, 413, 415, 422, 429]

[[operations]]
include-path = "/import/preview"
checks.positive_data_acceptance.expected-statuses = [200, 401, 413, 415, 422]
"""


async def run_schemathesis(
    api_url: str, folder: Path, *, headers: dict[str, str], imports: list[int], examples: int, seed: int, phases: str
) -> str:
    """Run all checks with data that the description allows and data that it does not; return what was found wrong.

    ``imports`` are ids that exist; ``examples`` are tried for each call in the phase ``fuzzing``.
    """
    (folder / "schemathesis.toml").write_text(CONFIG.format(imports=imports or [1]))
    command = [str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(folder / "schemathesis.toml")]
    command += ["run", f"{api_url}/openapi.json", "--checks", "all", "--mode", "all", "--phases", phases]
    # One worker: Python 3.11 cannot parse code in two threads at once (python/cpython#106905), and hypothesis does.
    command += ["--max-examples", str(examples), "--seed", str(seed), "--workers", "1", "--no-color"]
    for name, value in headers.items():
        command += ["--header", f"{name}: {value}"]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=PIPE, stderr=STDOUT, env=os.environ | {"SCHEMATHESIS_HOOKS": ""}
    )
    output, _ = await process.communicate()
    said = output.decode()
    print(said)  # noqa: T201 - pytest shows it when the test fails
    return "" if process.returncode == 0 and "Tested: " in said else said
