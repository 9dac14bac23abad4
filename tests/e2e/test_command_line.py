"""``leadflow`` as the people who import run it: a process, an address and a token, and no secret of a server."""

import asyncio
import json
import signal
import stat
from pathlib import Path

import openpyxl
import pytest

from services.operator.client.domain import Exit
from tests.support.importer import LEADFLOW, SECONDS, Importer
from tests.support.on_call import without_the_import_channel
from tests.support.processes import held, needs_local_stack
from tests.support.readers import Stored
from tests.support.stack import Addresses
from tests.support.user import User, csv_file, lead_rows, new_phones, totals
from tests.support.waiting import eventually


@pytest.fixture
def caller(user: User, stack: Addresses, tmp_path: Path) -> Importer:
    return Importer(user, stack.api_url, tmp_path)


async def test_all_rows_end_well(caller: Importer) -> None:
    file = caller.file(csv_file(lead_rows(new_phones(3))))
    code, out, err = await caller.run("import", file, *caller.wanted)
    assert code == Exit.DONE, err
    assert [line.split() for line in out.splitlines()] == [
        ["created", "3"], ["already", "existed", "0"], ["with", "errors", "0"], ["rows", "3"]
    ]  # fmt: skip
    assert "100%: 3 of 3 rows" in err


async def test_a_second_run_imports_nothing_twice(caller: Importer) -> None:
    file = caller.file(csv_file(lead_rows(new_phones(2))))
    first, second = [await caller.run("import", file, *caller.wanted, "--no-watch") for _ in range(2)]
    assert first[:2] == second[:2] == (Exit.DONE, first[1])
    assert f"Import {first[1].strip()} was accepted: 2 rows." in first[2]
    assert f"This file was imported before, in the same way: it is import {first[1].strip()} of 2 rows." in second[2]
    assert "was accepted" not in second[2]
    assert len((await caller.user.get("/imports")).json()["items"]) == 1


async def test_json_lines_and_row_errors_and_a_report(caller: Importer) -> None:
    file = caller.file(csv_file([*lead_rows(new_phones(1)), ["Rui", "12", "", "", ""]]))
    report = caller.home / "errors.xlsx"
    code, out, err = await caller.run(
        "import", file, *caller.wanted, "--skip-invalid", "--json", "--report", str(report)
    )
    assert code == Exit.ROW_ERRORS, err
    lines = [json.loads(line) for line in out.splitlines()]
    assert lines[0]["event"] == "accepted"
    assert (lines[-1]["event"], totals(lines[-1])) == ("ended", (1, 0, 1))
    sheet = openpyxl.load_workbook(report).active
    assert sheet is not None
    assert [row[-1] for row in sheet.iter_rows(min_row=2, values_only=True)]
    assert stat.S_IMODE(report.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("language", "row", "nothing"),
    [
        ("C.UTF-8", "row 2, phone", "Nothing was stored."),
        ("pt_BR.UTF-8", "linha 2, phone", "Nada foi gravado."),
    ],
)
async def test_a_refusal_says_what_and_where(caller: Importer, language: str, row: str, nothing: str) -> None:
    file = caller.file(csv_file([["Rui", "12", "", "", ""]]))
    code, out, err = await caller.run("import", file, *caller.wanted, LANG=language)
    assert (code, out) == (Exit.REFUSED, "")
    assert row in err
    assert nothing in err
    # What to do is said in the command's own words, not in those of the call that it makes.
    assert "--skip-invalid" in err
    assert "on_invalid_row" not in err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("imports", "show", "999999999"), "leadflow imports list"),
        (("import", "FILE", "--account", "999999999", "--source", "SOURCE"), "leadflow auth status"),
        (("import", "FILE", "--account", "ACCOUNT", "--source", "SOURCE", "--map", "Nada=phone"), '--map "Nada"'),
        (("auth", "login"), "No token was given"),
    ],
)
async def test_a_refusal_leads_on(caller: Importer, words: tuple[str, ...], hint: str) -> None:
    file = caller.file(csv_file(lead_rows(new_phones(1))))
    own = {"ACCOUNT": caller.wanted[1], "SOURCE": caller.wanted[3], "FILE": file}
    code, out, err = await caller.run(*(own.get(word, word) for word in words), given=b"")
    assert (code in {Exit.REFUSED, Exit.SIGN_IN}, out) == (True, "")
    assert hint in err


async def test_a_wrong_file_is_refused(caller: Importer) -> None:
    code, out, err = await caller.run(
        "import", caller.file(b"%PDF-1.7 \x00\x01", "leads.pdf"), *caller.wanted, "--json"
    )
    assert code == Exit.REFUSED, err
    refused = json.loads(out)
    assert (refused["event"], refused["code"]) == ("refused", "file_not_spreadsheet")
    assert refused["title"] in err


async def test_a_dry_run_stores_nothing(caller: Importer) -> None:
    file = caller.file(csv_file(lead_rows(new_phones(2))))
    code, out, err = await caller.run("import", file, *caller.wanted, "--dry-run")
    assert code == Exit.DONE, err
    assert out.splitlines()[0].split() == ["created", "2"]
    assert (await caller.user.get("/imports")).json()["items"] == []


async def test_columns_of_ones_own_through_a_pipe(caller: Importer) -> None:
    content = f"Contato da loja;Quem\r\n{new_phones(1)[0]};Ana\r\n".encode()
    maps = ("--map", "Contato da loja=phone", "--map", "Quem=name")
    code, out, err = await caller.run("import", "-", *caller.wanted, *maps, given=content)
    assert code == Exit.DONE, err
    assert out.splitlines()[0].split() == ["created", "1"]


@pytest.mark.parametrize(
    "words",
    [
        ("import", "leads.csv"),
        ("import", "no-such-file.csv", "--account", "1", "--source", "1"),
        ("import", "-", "--account", "1"),
        ("import", "-", "--account", "1", "--source", "1", "--report", "errors.pdf"),
        ("import", "-", "--account", "1", "--source", "1", "--map", "phone"),
        ("import", "-", "--account", "no such account", "--source", "1"),
    ],
)
async def test_wrong_usage(caller: Importer, words: tuple[str, ...]) -> None:
    code, out, err = await caller.run(*words, given=b"")
    assert (code, out) == (Exit.USAGE, "")
    assert err


async def test_who_has_no_token_signs_in(caller: Importer) -> None:
    assert (await caller.run("quota", LEADFLOW_TOKEN=""))[0] == Exit.SIGN_IN
    assert (await caller.run("quota", LEADFLOW_TOKEN="not.a.token"))[0] == Exit.SIGN_IN


async def test_a_login_is_kept_for_its_owner_and_its_address(caller: Importer) -> None:
    token = caller.env.pop("LEADFLOW_TOKEN")
    code, out, err = await caller.run("auth", "login", given=f"{token}\n".encode())
    assert (code, out) == (Exit.DONE, ""), err
    kept = caller.home / ".config" / "leadflow" / "config.toml"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert token not in err
    assert (await caller.run("auth", "status"))[0] == Exit.DONE
    # To another address it is not sent: whoever listens there is a stranger.
    assert (await caller.run("auth", "status", LEADFLOW_API_URL="http://127.0.0.1:9"))[0] == Exit.SIGN_IN
    await caller.run("auth", "logout")
    assert not kept.exists()


async def test_an_api_that_does_not_answer(caller: Importer) -> None:
    code, out, err = await caller.run("imports", "list", LEADFLOW_API_URL="http://127.0.0.1:9")
    assert (code, out) == (Exit.FAILED, "")
    assert len(err.splitlines()) == 1


async def test_over_the_quota_it_says_how_long_to_wait(caller: Importer) -> None:
    for index in range(20):
        file = caller.file(csv_file(lead_rows(new_phones(1))), f"leads-{index}.csv")
        code, _, err = await caller.run("import", file, *caller.wanted, "--no-watch")
        if code != Exit.DONE:
            break
    assert code == Exit.WAIT, err
    assert "Try again in" in err


@needs_local_stack
async def test_ctrl_c_leaves_the_import_running_and_says_how_to_watch_it(caller: Importer) -> None:
    file = caller.file(csv_file(lead_rows(new_phones(2))))
    with held("tagger"):
        async with caller.started("import", file, *caller.wanted) as process, asyncio.timeout(SECONDS):
            assert process.stderr is not None
            await process.stderr.readuntil(b"0%")
            process.send_signal(signal.SIGINT)
            _, said = await process.communicate()
        assert process.returncode == Exit.INTERRUPTED
        (import_id,) = [each["id"] for each in (await caller.user.get("/imports")).json()["items"]]
        assert f"leadflow imports watch {import_id}" in said.decode()
        assert "Traceback" not in said.decode()
    code, out, err = await caller.run("imports", "watch", str(import_id))
    assert code == Exit.DONE, err
    assert out.splitlines()[0].split() == ["created", "2"]


@needs_local_stack
async def test_a_canceled_import_ends_with_seven(caller: Importer) -> None:
    file = caller.file(csv_file(lead_rows(new_phones(2))))
    with held("tagger"):
        _, import_id, _ = await caller.run("import", file, *caller.wanted, "--no-watch")
        code, _, err = await caller.run("imports", "cancel", import_id.strip())
        assert code == Exit.USAGE, "without a terminal nobody can be asked"
        assert "--yes" in err
        code, _, err = await caller.run("imports", "cancel", import_id.strip(), "--yes")
        assert code == Exit.DONE, err
    code, out, err = await caller.run("imports", "watch", import_id.strip())
    assert code == Exit.CANCELED, err
    assert out.splitlines()[3].split() == ["canceled", "2"]


async def test_a_column_that_is_missing_is_said_with_those_that_there_are(caller: Importer) -> None:
    file = caller.file(f"Nome;Contato X\r\nAna;{new_phones(1)[0]}\r\n".encode())
    code, _, err = await caller.run("import", file, *caller.wanted, "--dry-run")
    assert code == Exit.REFUSED
    assert "Columns left out: Contato X" in err
    code, _, err = await caller.run("import", file, *caller.wanted)
    assert code == Exit.REFUSED
    assert '--map "HEADER=phone"' in err
    code, out, err = await caller.run("import", file, *caller.wanted, "--map", "Contato X=phone")
    assert (code, out.splitlines()[0].split()) == (Exit.DONE, ["created", "1"]), err


async def test_what_an_undo_keeps_is_said_with_why(caller: Importer, stored: Stored) -> None:
    found = await caller.user.run(csv_file(lead_rows(new_phones(2))))
    changed = (
        "UPDATE amigocare.amigocare_leads SET updated_at = now()"
        " WHERE id = (SELECT min(id) FROM amigocare.amigocare_leads WHERE import_id = :id)"
    )
    await stored.execute(changed, id=found["id"])
    code, out, err = await caller.run("imports", "undo", str(found["id"]), "--yes")
    assert code == Exit.DONE, err
    assert [line.split()[-1] for line in out.splitlines()] == ["1", "1", "0"]
    assert "Somebody has changed the lead since it was imported." in err


async def test_who_one_is_and_what_may_be_named(caller: Importer) -> None:
    code, out, _ = await caller.run("auth", "status")
    tenant = caller.user.tenant
    assert code == Exit.DONE
    assert f"accounts: {tenant.account_id} A, {tenant.other_account_id} B" in out
    code, out, _ = await caller.run("quota")
    assert (code, len(out.splitlines())) == (Exit.DONE, 2)
    assert f"{tenant.account_id} A: " in out


async def test_rows_undo_and_delete(caller: Importer) -> None:
    phone = new_phones(1)[0]
    found = await caller.user.run(csv_file([*lead_rows([phone]), *lead_rows([phone])]))
    import_id = str(found["id"])
    code, out, _ = await caller.run("imports", "rows", import_id)
    assert code == Exit.DONE
    assert "earlier row of this file" in out
    code, out, _ = await caller.run("imports", "rows", import_id, "--outcome", "created", "--json")
    assert json.loads(out)["row"] == 2
    code, out, err = await caller.run("imports", "undo", import_id, "--yes")
    assert (code, out.splitlines()[0].split()) == (Exit.DONE, ["taken", "back", "1"]), err
    assert (await caller.run("imports", "delete", import_id, "--yes"))[0] == Exit.DONE
    assert (await caller.run("imports", "show", import_id))[0] == Exit.REFUSED


async def test_the_template_is_imported_as_it_is(caller: Importer) -> None:
    assert (await caller.run("template", "-o", "leads.xlsx"))[0] == Exit.DONE
    code, _, err = await caller.run("import", "leads.xlsx", *caller.wanted, "--dry-run")
    assert code in {Exit.DONE, Exit.ROW_ERRORS}, err


async def test_tags_by_id_and_by_name_and_an_account_by_name(caller: Importer, stored: Stored) -> None:
    tenant = caller.user.tenant
    me = (await caller.user.get("/me")).json()
    names = {each["id"]: each["name"] for each in me["tags"]}
    first, second, _ = tenant.tag_ids
    account = next(each["name"] for each in me["accounts"] if each["id"] == tenant.account_id)
    wanted = ("--account", account.upper(), "--source", str(tenant.source_id))
    tags = ("--tag", str(first), "--tag", names[second])
    code, _, err = await caller.run("import", caller.file(csv_file(lead_rows(new_phones(1)))), *wanted, *tags)
    assert code == Exit.DONE, err
    (lead,) = await stored.leads(tenant.company_id)
    assert sorted(lead["tags"]) == sorted([names[first], names[second]])


async def test_a_name_that_is_none_is_answered_with_those_that_are(caller: Importer) -> None:
    file = caller.file(csv_file(lead_rows(new_phones(1))))
    code, _, err = await caller.run("import", file, "--account", "no such account", "--source", "1")
    assert code == Exit.USAGE
    assert f"{caller.user.tenant.account_id} A" in err


async def test_a_key_of_ones_own_stands_for_one_upload(caller: Importer) -> None:
    key = ("--idempotency-key", "one-of-mine", "--no-watch")
    file = caller.file(csv_file(lead_rows(new_phones(1))))
    first = await caller.run("import", file, *caller.wanted, *key)
    again = await caller.run("import", file, *caller.wanted, *key)
    assert first[:2] == again[:2] == (Exit.DONE, first[1])
    other = caller.file(csv_file(lead_rows(new_phones(1))), "other.csv")
    code, out, err = await caller.run("import", other, *caller.wanted, *key)
    assert (code, out) == (Exit.REFUSED, ""), err
    assert "Idempotency-Key" in err


@pytest.mark.parametrize(("skip", "code"), [((), Exit.REFUSED), (("--skip-invalid",), Exit.ROW_ERRORS)])
async def test_a_dry_run_ends_as_its_import_would(caller: Importer, skip: tuple[str, ...], code: Exit) -> None:
    file = caller.file(csv_file([*lead_rows(new_phones(1)), ["Rui", "12", "", "", ""]]))
    dry = await caller.run("import", file, *caller.wanted, *skip, "--dry-run", "--json")
    assert dry[0] == code, dry
    assert json.loads(dry[1])["total_errors"] == 1
    assert (await caller.user.get("/imports")).json()["items"] == []
    assert (await caller.run("import", file, *caller.wanted, *skip))[0] == code


@needs_local_stack
async def test_an_import_that_fails_ends_with_one(caller: Importer, stored: Stored) -> None:
    file = caller.file(csv_file(lead_rows(new_phones(1))))
    async with without_the_import_channel(stored):
        code, out, err = await caller.run("import", file, *caller.wanted)
    assert code == Exit.FAILED, err
    assert out.splitlines()[2].split() == ["with", "errors", "1"]
    assert "dead-lettered" not in err
    assert "could not be processed" in err


@pytest.mark.parametrize("typed", ["leadflow imports ca", "leadflow imp"])
async def test_a_shell_completes_what_is_typed(caller: Importer, typed: str) -> None:
    asked = {"_LEADFLOW_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    async with caller.started(program=LEADFLOW, env=asked) as process, asyncio.timeout(SECONDS):
        out, _ = await process.communicate()
    assert out.decode().split() == {"leadflow imports ca": ["cancel"], "leadflow imp": ["import", "imports"]}[typed]


async def test_further_columns_and_a_list(caller: Importer, stored: Stored) -> None:
    company, made_by = caller.user.tenant.company_id, caller.user.tenant.user_id
    list_id = await stored.value("SELECT uuidv7()")
    await stored.execute(
        "INSERT INTO crm.lead_lists (id, company_id, name, created_by) VALUES (:i, :c, 'Feira', :u)",
        i=list_id,
        c=company,
        u=made_by,
    )
    await stored.execute(
        "INSERT INTO crm.field_definitions (company_id, key, label, type, created_by)"
        " VALUES (:c, 'budget', 'Budget', 'number', :u)",
        c=company,
        u=made_by,
    )
    good, bad = new_phones(2)
    file = caller.file(f"Nome,Celular,Firma,Verba\nAna,{good},Sol,12\nRui,{bad},Lua,muito\n".encode())
    flags = ("--map", "Firma=company_name", "--map", "Verba=custom:budget", "--list", str(list_id))
    code, _, err = await caller.run("import", file, *caller.wanted, *flags, "--dry-run")
    assert code == Exit.REFUSED
    assert "row 3, custom:budget: Not a number" in err
    code, _, err = await caller.run("import", file, *caller.wanted, *flags, "--skip-invalid")
    assert code == Exit.ROW_ERRORS, err
    (lead,) = await stored.leads(company)
    assert (lead["company_name"], lead["custom_fields"]) == ("Sol", {"budget": 12})

    async def joined() -> bool:
        count: int = await stored.value("SELECT lead_count FROM crm.lead_lists WHERE id = :i", i=list_id)
        return count == 1

    await eventually(joined)


async def test_columns_that_are_kept_and_an_import_in_silence(caller: Importer, stored: Stored) -> None:
    (phone,) = new_phones(1)
    file = caller.file(f"Nome,Celular,Cidade,Filhos\nAna,{phone},Santos,2\n".encode())
    code, _, err = await caller.run("import", file, *caller.wanted, "--keep-columns", "--dry-run")
    assert code == Exit.DONE, err
    assert "Fields that your company would get: Cidade (string), Filhos (number)." in err
    code, _, err = await caller.run("import", file, *caller.wanted, "--keep-columns", "--silent")
    assert code == Exit.DONE, err
    assert "New fields of your company: Cidade (string), Filhos (number)." in err
    assert "left out" not in err
    (lead,) = await stored.leads(caller.user.tenant.company_id)
    assert lead["custom_fields"] == {"cidade": "Santos", "filhos": 2}
    asked = "SELECT options ? 'silent' FROM amigocare.lead_imports WHERE company_id = :c"
    assert await stored.value(asked, c=caller.user.tenant.company_id) is True
