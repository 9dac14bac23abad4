"""What the last rehearsal of scaling showed, as a table of docs/guide/scaling.md."""

import json
from typing import Any

from bench.rehearsal import ANSWER_MS, SAVED


def rehearsal_table() -> str:
    saved: dict[str, Any] = json.loads(SAVED.read_text(encoding="utf-8"))
    found, counts, where = saved["figures"], saved["counts"], saved["machine"]
    rows = [
        ("rows a second, one creator", f"{found['of_one']:.0f}"),
        (f"rows a second, {found['creators']:.0f} creators", f"{found['of_all']:.0f}"),
        (f"from ten imports at once to {found['creators']:.0f} creators", f"{found['grown_after']:.0f} s"),
        ("from their end to one creator", f"{found['shrunk_after']:.0f} s"),
        ("imports, rows", f"{counts['imports']:,}, {counts['rows']:,}"),
        (
            "created, existing, refused by the provider",
            f"{counts['created']:,}, {counts['existing']:,}, {counts['errors']:,}",
        ),
        ("lost", f"{counts['lost']:,}"),
    ]
    lines = [
        f"| {where['cores']} cores, answers after {ANSWER_MS} ms, {saved['pace']:g} times the pace | |",
        "| --- | ---: |",
    ]
    return "\n".join([*lines, *(f"| {what} | {value} |" for what, value in rows)])
