"""Make the files of this folder, and the demo contacts that overlap them.

    python -m examples.make_examples

Deterministic: the same files every time. ``expected.json`` is what an import of them must come to.
"""

import csv
import io
import json
import re
import zipfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import openpyxl

from examples import people
from examples.mixed import MIXED_WRONG, OWN_HEADERS, make_mixed
from examples.people import Lead, Phone

REPOSITORY = Path(__file__).resolve().parents[1]
HEADERS = ["name", "phone", "cpf", "email", "tags"]
BLANK = ["", "", "", "", ""]
ROWS = 5_000
IN_FILE_DUPLICATES = 60
WINDOWS_ROWS = 300
OVERLAPPING_CONTACTS = 40
"""How many patients of company 1, and how many chats of its account 1, have a phone of ``leads.csv``."""
BLANK_RECORD_AFTER = 2_500
MADE_AT = datetime(2025, 3, 10, 12, 0, tzinfo=UTC)

Json = dict[str, Any]


# leads.csv and leads.xlsx


def make_leads(taken: set[str]) -> list[Lead]:
    """Return the rows of ``leads.csv``: distinct people, and some of them again further down."""
    rng = Random("leads")
    rows = people.leads(rng, ROWS - IN_FILE_DUPLICATES, taken)
    for _ in range(IN_FILE_DUPLICATES):
        first = rng.randrange(len(rows) - 100)
        rows.insert(rng.randrange(first + 1, len(rows)), again(rng, rows[first]))
    return rows


def again(rng: Random, first: Lead) -> Lead:
    """Return a later row with the same phone: a copy, or the same person typed in by somebody else."""
    if first.phone.country_code != "BR" or people.chance(rng, 0.3):
        return first
    old_form = first.phone.has_old_form and people.chance(rng, 0.3)
    typed_phone = people.typed(rng, first.phone, old_form=old_form)
    return people.lead(rng, first.phone, typed_phone) if people.chance(rng, 0.2) else retyped(first, typed_phone)


def retyped(first: Lead, typed_phone: str) -> Lead:
    return Lead(first.name.title().strip(), first.phone, typed_phone, "", first.email, first.tags)


def repeats(rows: list[Lead]) -> list[int]:
    """Return the indexes of rows whose phone stands in an earlier row."""
    seen: set[Phone] = set()
    found = []
    for index, row in enumerate(rows):
        if row.phone in seen:
            found.append(index)
        seen.add(row.phone)
    return found


def with_blank_record(rows: list[Lead]) -> list[list[str]]:
    cells = [row.cells for row in rows]
    return [*cells[:BLANK_RECORD_AFTER], BLANK, *cells[BLANK_RECORD_AFTER:]]


def row_number(index: int) -> int:
    """Return the row that a spreadsheet shows for the lead at ``index``: below the header, around the blank."""
    return index + 2 + (index >= BLANK_RECORD_AFTER)


def as_csv(records: list[list[str]], *, delimiter: str = ",", end: str = "\n", encoding: str = "utf-8") -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=end).writerows([HEADERS, *records])
    return text.getvalue().encode(encoding)


def as_excel_would_store(index: int, cells: list[str]) -> list[str | int | None]:
    """Return the cells with two in three bare phones and CPFs as numbers, which lose their leading zeros."""
    stored: list[str | int | None] = [cell or None for cell in cells]
    for column in (1, 2):
        if cells[column].isdecimal() and index % 3:
            stored[column] = int(cells[column])
    return stored


def as_xlsx(records: list[list[str]]) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.title = "Leads"
    sheet.append(HEADERS)
    for index, cells in enumerate(records):
        sheet.append(as_excel_would_store(index, cells))
    for column, width in zip("ABCDE", (34, 22, 18, 42, 48), strict=True):
        sheet.column_dimensions[column].width = width
    file = io.BytesIO()
    book.save(file)
    return without_clock(file.getvalue())


def without_clock(xlsx: bytes) -> bytes:
    """Return the workbook with fixed times instead of the current one, which would differ on every run."""
    stamp = f"{MADE_AT:%Y-%m-%dT%H:%M:%SZ}"
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(xlsx)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"\d{4}-\d\d-\d\dT[\d:]+Z", stamp.encode(), content)
                content = content.replace(b"openpyxl", b"Leadflow")
            new.writestr(zipfile.ZipInfo(name, MADE_AT.timetuple()[:6]), content, zipfile.ZIP_DEFLATED)
    return file.getvalue()


# leads-windows-1252.csv


def make_windows_leads(taken: set[str]) -> list[Lead]:
    """Return other people, some with characters that Windows-1252 has and ISO-8859-1 has not."""
    rows = people.leads(Random("windows-1252"), WINDOWS_ROWS, taken)
    for index in range(0, WINDOWS_ROWS, 50):
        row = rows[index]
        name = f"{row.name.split()[0].title()} D\N{RIGHT SINGLE QUOTATION MARK}Ávila"
        rows[index] = Lead(name, row.phone, row.typed_phone, row.cpf, row.email, ("Feirão \N{EN DASH} 1 €",))
    return rows


# leads-invalid.csv


def padded(text: str, length: int, filler: str = "é") -> str:
    return text + filler * (length - len(text))


def address_of(length: int) -> str:
    """Return an e-mail address of ``length`` characters whose parts are no longer than parts may be."""
    end = f"{'b' * 60}.{'c' * 60}.com.br"
    return f"{'a' * 64}@{'d' * (length - 64 - 2 - len(end))}.{end}"


def five_tags_of(length: int) -> str:
    tags = [padded(f"Etiqueta {number} ", 49, "x") for number in range(1, 6)]
    return padded(", ".join(tags), length, "x")


def make_invalid() -> list[tuple[str, list[str]]]:
    """Return rows with the code of what is wrong with them; those without a code are right."""
    home, mail = "(11) 91111-00", "@correiodavilanova.com.br"
    return [
        ("", ["Boa linha: todas as células", f"{home}01", "529.982.247-25", f"ana{mail}", "VIP, Zona Sul"]),
        ("name_missing", ["", f"{home}02", "", "", "linha sem nome"]),
        ("name_too_long", [padded("Nome com 256 caracteres ", 256), f"{home}03", "", "", ""]),
        ("", [padded("Boa linha: nome com 255 caracteres ", 255), f"{home}04", "", "", ""]),
        ("phone_missing", ["Sem telefone", "", "", "", ""]),
        ("phone_invalid", ["Telefone com letras", "ligar depois", "", "", ""]),
        ("phone_invalid", ["Telefone com dois dígitos a menos", "(11) 91234-56", "", "", ""]),
        ("phone_invalid", ["Telefone com DDD que não existe", "(20) 91234-5678", "", "", ""]),
        ("phone_invalid", ["Telefone sem DDD", "91234-5678", "", "", ""]),
        ("phone_invalid", ["Telefone de Portugal incompleto", "+351 912 345", "", "", ""]),
        ("phone_scientific", ["Telefone que o Excel encurtou", "5,51E+12", "", "", ""]),
        ("", ["Boa linha: celular sem o nono dígito", "(21) 8765-4321", "", "", ""]),
        ("cpf_invalid", ["CPF com dígito errado", f"{home}05", "529.982.247-24", "", ""]),
        ("cpf_invalid", ["CPF de números iguais", f"{home}06", "111.111.111-11", "", ""]),
        ("cpf_invalid", ["CPF com doze dígitos", f"{home}07", "529982247250", "", ""]),
        ("cpf_invalid", ["CPF que nem com zeros vale", f"{home}08", "1234567891", "", ""]),
        ("", ["Boa linha: CPF que perdeu o zero", f"{home}09", "1234567890", "", ""]),
        ("email_invalid", ["E-mail sem arroba", f"{home}10", "", "ana.correiodavilanova.com.br", ""]),
        ("email_invalid", ["E-mail com espaço", f"{home}11", "", f"ana maria{mail}", ""]),
        ("email_too_long", ["E-mail com 256 caracteres", f"{home}12", "", address_of(256), ""]),
        ("", ["Boa linha: e-mail com 254 caracteres", f"{home}13", "", address_of(254), ""]),
        ("tags_too_many", ["Seis etiquetas", f"{home}14", "", "", "Um, Dois, Três, Quatro, Cinco, Seis"]),
        ("tags_too_long", ["256 caracteres de etiquetas", f"{home}15", "", "", five_tags_of(256)]),
        ("", ["Boa linha: 255 caracteres de etiquetas", f"{home}16", "", "", five_tags_of(255)]),
        ("cells_too_many", ["Células demais: etiquetas sem aspas", f"{home}17", "", "", "Quente", " Zona Sul"]),
        ("", ["Boa linha: só nome e telefone", "(51) 3222-0017"]),
    ]


def phones_of_invalid() -> set[str]:
    """Return the phones of the right rows above, which no other file may use."""
    return {f"119111100{number:02}" for number in range(1, 18)} | {"21987654321", "5132220017"}


# mixed.xlsx


def as_own_xlsx(rows: list[list[str]]) -> bytes:
    """Return the rows with titles of their own, and a column that nobody asked for."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.title = "Feira de maio"
    sheet.append(OWN_HEADERS)
    for cells in rows:
        sheet.append([cell or None for cell in cells])
    for column, width in zip("ABCDEF", (34, 22, 20, 42, 18, 48), strict=True):
        sheet.column_dimensions[column].width = width
    file = io.BytesIO()
    book.save(file)
    return without_clock(file.getvalue())


def expect_mixed(rows: list[tuple[str, list[str]]]) -> Json:
    """Return what becomes of the rows at account 1 before anything else is imported; invalid ones are skipped."""
    reasons = Counter(code for code, _ in rows if code)
    return {
        **totals(len(rows), len(rows) - reasons.total(), len(MIXED_WRONG)),
        "columns": "mapped",
        "reasons": dict(sorted(reasons.items())),
    }


# deploy/local/demo_contacts.json


def typed_without_ninth(row: Lead) -> bool:
    written = "".join(filter(str.isdecimal, row.typed_phone))
    return row.phone.has_old_form and not written.endswith(row.phone.national)


def choose_known(rng: Random, rows: list[Lead]) -> list[Lead]:
    """Return the rows that patients (even positions) and chats (odd positions) have the phones of."""
    brazilian = {row.phone: row for row in reversed(rows) if row.phone.country_code == "BR"}
    repeated = {rows[index].phone for index in repeats(rows)} & brazilian.keys()
    once = [row for phone, row in brazilian.items() if phone not in repeated]
    landlines = [row for row in once if row.phone.is_landline]
    old = [row for row in once if typed_without_ninth(row)]
    new = [row for row in once if row.phone.is_mobile and not typed_without_ninth(row)]
    twice = [row for phone, row in brazilian.items() if phone in repeated]
    chosen = rng.sample(twice, 2) + rng.sample(landlines, 6) + rng.sample(old, 12)
    return chosen + rng.sample(new, 2 * OVERLAPPING_CONTACTS - len(chosen))


def stored_phones(known: list[Lead]) -> list[str]:
    """Return the known phones as the platform holds them: half of those that can be are without the ninth digit."""
    return [
        row.phone.old_form if row.phone.has_old_form and index // 2 % 2 else row.phone.national
        for index, row in enumerate(known)
    ]


def look_alikes(rows: list[Lead], taken: set[str]) -> tuple[str, str]:
    """Return a landline and a mobile that nobody has, although a lead's phone differs by the leading 9 alone."""
    phones = [row.phone for row in rows]
    landlines = (phone.old_form for phone in phones if phone.is_mobile and phone.national[3] in "2345")
    mobiles = (phone.national[:2] + people.NINTH_DIGIT + phone.national[2:] for phone in phones if phone.is_landline)
    return next(phone for phone in landlines if phone not in taken), next(m for m in mobiles if m not in taken)


def contact(company_id: int, name: str, phone: str) -> Json:
    return {
        "company_id": company_id,
        "name": name.strip(),
        "contact_cellphone": phone,
        "contact_cellphone_dial_code": "55",
        "contact_cellphone_country_code": "BR",
    }


def chat(rng: Random, company_id: int, account_id: int, name: str, phone: str) -> Json:
    created = MADE_AT - timedelta(minutes=rng.randrange(60, 600_000))
    chat_id = f"{int(created.timestamp()):08x}{rng.getrandbits(64):016x}"
    updated = created + timedelta(minutes=rng.randrange(60))
    times = {"created_at": created.isoformat(), "updated_at": updated.isoformat()}
    return {"_id": chat_id, "account_id": account_id, **contact(company_id, name, phone), **times}


def make_contacts(rows: list[Lead], known: list[Lead], taken: set[str]) -> Json:
    """Return patients and chats that the platform holds before anything is imported."""
    rng = Random("contacts")
    entries = [(row.name, phone) for row, phone in zip(known, stored_phones(known), strict=True)]
    strangers = [row for row in people.leads(rng, 20, taken) if row.phone.country_code == "BR"]
    mine = entries + [(row.name, row.phone.national) for row in strangers[:8]]
    landline, mobile = look_alikes(rows, taken)
    others = [row for row in rows if row.phone.country_code == "BR" and row.phone not in {row.phone for row in known}]
    theirs = [(row.name, row.phone.national) for row in rng.sample(others, 9)]
    return {
        "patients": [contact(1, *entry) for entry in [*mine[::2], ("Telefone fixo parecido", landline)]]
        + [contact(2, *entry) for entry in theirs[:4]],
        "chats": [chat(rng, 1, 1, *entry) for entry in [*mine[1::2], ("Celular parecido", mobile)]]
        + [chat(rng, 2, 3, *entry) for entry in theirs[4:8]]
        + [chat(rng, 1, 2, *theirs[8])],
    }


# expected.json


def expect_leads(rows: list[Lead], known: list[Lead]) -> Json:
    """Return what an import of the rows at account 1 comes to, with nothing else imported before."""
    patients, chats = {row.phone for row in known[::2]}, {row.phone for row in known[1::2]}
    existing: dict[str, list[int]] = {"in_file": repeats(rows), "patient_exists": [], "chat_exists": []}
    for index in sorted(set(range(len(rows))) - set(existing["in_file"])):
        if rows[index].phone in patients:
            existing["patient_exists"].append(index)
        elif rows[index].phone in chats:
            existing["chat_exists"].append(index)
    settled = {index for indexes in existing.values() for index in indexes}
    created = [row for index, row in enumerate(rows) if index not in settled]
    return {
        **totals(len(rows), len(created)),
        "existing": {reason: len(indexes) for reason, indexes in existing.items()},
        "existing_rows": {reason: [row_number(index) for index in indexes] for reason, indexes in existing.items()},
        "distinct_tags": len({tag.casefold() for row in created for tag in row.tags}),
        "chat_tags": sum(len(row.tags) for row in created),
    }


def totals(rows: int, created: int, errors: int = 0) -> Json:
    existing = rows - created - errors
    return {"total_rows": rows, "total_created": created, "total_existing": existing, "total_errors": errors}


def expect_invalid(rows: list[tuple[str, list[str]]]) -> Json:
    """Return the errors, and the totals with ``on_invalid_row: skip``."""
    errors = [
        {"row": row, "column": column if column in HEADERS else None, "code": code}
        for row, (code, _) in enumerate(rows, start=2)
        for column in [code.partition("_")[0]]
        if code
    ]
    return {**totals(len(rows), len(rows) - len(errors), len(errors)), "errors": errors}


def as_json(value: Json) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()


def generate() -> dict[str, bytes]:
    """Return every file by its path in the repository."""
    taken = phones_of_invalid()
    leads = make_leads(taken)
    windows = make_windows_leads(taken)
    invalid = make_invalid()
    known = choose_known(Random("known"), leads)
    contacts = make_contacts(leads, known, taken)
    mixed = make_mixed(known, taken)
    expected = {
        "leads.csv": expect_leads(leads, known),
        "leads.xlsx": expect_leads(leads, known),
        "leads-windows-1252.csv": totals(len(windows), len(windows)),
        "leads-invalid.csv": expect_invalid(invalid),
        "mixed.xlsx": expect_mixed(mixed),
    }
    windows_cells = [row.cells for row in windows]
    return {
        "examples/leads.csv": as_csv([*with_blank_record(leads), BLANK]),
        "examples/leads.xlsx": as_xlsx(with_blank_record(leads)),
        "examples/leads-windows-1252.csv": as_csv(windows_cells, delimiter=";", end="\r\n", encoding="cp1252"),
        "examples/leads-invalid.csv": as_csv([cells for _, cells in invalid]),
        "examples/mixed.xlsx": as_own_xlsx([cells for _, cells in mixed]),
        "examples/expected.json": as_json(expected),
        "deploy/local/demo_contacts.json": as_json(contacts),
    }


def main() -> None:
    for path, content in generate().items():
        (REPOSITORY / path).write_bytes(content)
        print(f"{path}: {len(content):,} bytes")


if __name__ == "__main__":
    main()
