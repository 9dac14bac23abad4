"""What ``docs/reference/files.md`` says of each program's files is what comes of them."""

import re
from codecs import BOM_UTF16_LE
from pathlib import Path

import pytest

from libs.spreadsheets.encodings import CODECS
from libs.spreadsheets.file_options import FileOptions
from services.api.http.problems import PROBLEMS
from tests.fixtures.files.make.known_leads import KNOWN
from tests.fixtures.files.make.make_programs import FILES, PROGRAMS
from tests.support.stack import ROOT
from tests.unit.api.reading.runs import run_on

PAGE = (ROOT / "docs" / "reference" / "files.md").read_text()
LEADS = sorted((str(known.stored["name"]), known.phone[2]) for known in KNOWN.values())
ROWS = [
    [cell.strip() for cell in line.strip("| ").split(" | ")]
    for line in PAGE.replace("|  |", "| - |").replace("| |", "| - |").splitlines()
    if re.search(r"\| `[\w-]+\.\w+` \|$", line)
]
BY_FILE = {row[-1].strip("`"): row for row in ROWS}
CRMS = {name for name, row in BY_FILE.items() if "`file_" not in row[1] and not row[1].startswith("read")}


def leads_of(tmp_path: Path, name: str, **options: object) -> list[tuple[str, str]]:
    result, chunks = run_on(PROGRAMS / name, tmp_path / "spool", **options)
    assert result.refusal is None, result.refusal
    assert (result.existing, result.invalid) == (0, 0)
    return sorted(lead for chunk in chunks for lead in zip(chunk.live.name, chunk.live.phone, strict=True))


def test_the_page_names_every_file_once() -> None:
    assert sorted(row[-1].strip("`") for row in ROWS) == sorted(path.name for path in PROGRAMS.iterdir())


@pytest.mark.parametrize("name", FILES)
def test_the_files_are_what_their_maker_makes(name: str) -> None:
    assert (PROGRAMS / name).read_bytes() == FILES[name]()


@pytest.mark.parametrize("name", sorted(BY_FILE.keys() - CRMS))
def test_what_comes_of_a_program_s_file(tmp_path: Path, name: str) -> None:
    outcome, instead = BY_FILE[name][1:3]
    if outcome.startswith("read"):
        assert leads_of(tmp_path, name) == LEADS
        return
    result, _ = run_on(PROGRAMS / name, tmp_path / "spool")
    assert result.refusal is not None
    assert f"`{result.refusal.code}`" == outcome
    assert result.refusal.code in PROBLEMS
    assert instead != "-", "a refusal without what to do"


@pytest.mark.parametrize("name", [name for name, row in BY_FILE.items() if "`encoding`" in row[2]])
def test_an_encoding_that_the_page_names_reads_the_file(tmp_path: Path, name: str) -> None:
    (found,) = re.findall(r"`encoding`: `([\w-]+)`", BY_FILE[name][2])
    (encoding,) = (known for known in CODECS if known == found)
    assert leads_of(tmp_path, name, file=FileOptions(encoding=encoding)) == LEADS


@pytest.mark.parametrize("name", sorted(CRMS))
def test_an_export_of_a_crm_is_refused_for_its_columns_which_are_those_of_the_page(tmp_path: Path, name: str) -> None:
    result, _ = run_on(PROGRAMS / name, tmp_path / "spool")
    assert result.refusal is not None
    assert result.refusal.code == "file_headers"
    columns = BY_FILE[name][1]
    if name.endswith(".csv"):
        written = (PROGRAMS / name).read_bytes()
        header = re.split("[,\t]", written.decode("utf-16" if written[:2] == BOM_UTF16_LE else "utf-8").splitlines()[0])
        named = re.split(", | or | and ", columns.removesuffix(" in one cell").replace(" in one cell,", ","))
        assert set(named) <= set(header)


def test_phones_of_meta_s_lead_ads_are_read_without_the_mark_before_them(tmp_path: Path) -> None:
    assert leads_of(tmp_path, "meta-lead-ads.csv", file=FileOptions(columns="mapped")) == LEADS
