"""The rows of ``mixed.xlsx``: somebody's own sheet, with something of everything in it."""

from random import Random

from examples import people
from examples.people import Lead

MIXED_NEW, MIXED_REPEATS = 220, 9
OWN_HEADERS = ["Nome completo", "Celular", "Cidade", "E-mail", "CPF", "Etiquetas"]
MIXED_WRONG = [
    ("phone_invalid", "Celular", "91234-5678"),
    ("phone_invalid", "Celular", "(11) 9123-456"),
    ("phone_invalid", "Celular", "ligar depois"),
    ("phone_scientific", "Celular", "5,51E+12"),
    ("phone_missing", "Celular", ""),
    ("cpf_invalid", "CPF", "111.111.111-11"),
    ("cpf_invalid", "CPF", "529.982.247-24"),
    ("email_invalid", "E-mail", "ana.correiodavilanova.com.br"),
    ("name_missing", "Nome completo", ""),
]
"""What is wrong in ``mixed.xlsx``, in which column, and what stands there."""


def make_mixed(known: list[Lead], taken: set[str]) -> list[tuple[str, list[str]]]:
    """Return rows as somebody's own sheet has them, each with what becomes of it: "" for a new lead, or a code."""
    rng = Random("mixed")
    rows = [("", in_own_columns(rng, row)) for row in people.leads(rng, MIXED_NEW, taken)]
    for code, row in zip(["patient_exists", "chat_exists"] * 4, known, strict=False):
        rows.insert(rng.randrange(len(rows)), (code, in_own_columns(rng, row)))
    for _ in range(MIXED_REPEATS):
        first = rng.randrange(len(rows) - 20)
        rows.insert(rng.randrange(first + 1, len(rows)), ("in_file", rows[first][1]))
    for at, (code, column, cell) in enumerate(MIXED_WRONG):
        wrong = in_own_columns(rng, people.leads(rng, 1, taken)[0])
        wrong[OWN_HEADERS.index(column)] = cell
        # The first one stands where it is seen at once.
        rows.insert(3 if at == 0 else rng.randrange(10, len(rows)), (code, wrong))
    return rows


def in_own_columns(rng: Random, row: Lead) -> list[str]:
    return [row.name, row.typed_phone, rng.choice(people.CITIES), row.email, row.cpf, ", ".join(row.tags)]
