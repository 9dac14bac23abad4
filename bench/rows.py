"""Leads as Brazilian sales teams have them, any number of them, the same ones for the same range.

About 80 bytes a row in a CSV; seven of ten have an e-mail, three of ten a CPF, and on average one tag.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

HEADER = ("name", "phone", "cpf", "email", "tags")

DDDS = (
    *(11, 12, 13, 14, 15, 16, 17, 18, 19, 21, 22, 24, 27, 28, 31, 32, 33, 34, 35, 37, 38, 41, 42, 43, 44),
    *(45, 46, 47, 48, 49, 51, 53, 54, 55, 61, 62, 63, 64, 65, 66, 67, 68, 69, 71, 73, 74, 75, 77, 79, 81),
    *(82, 83, 84, 85, 86, 87, 88, 89, 91, 92, 93, 94, 95, 96, 97, 98, 99),
)
FIRST = ("João", "Maria", "José", "Ana", "Luíza", "Antônio", "Márcia", "Caio", "Conceição", "Thiago", "Flávia")
LAST = ("da Silva", "Souza", "Guimarães", "Araújo", "Magalhães", "Nogueira", "de Assunção", "Pereira", "Falcão")
TAGS = tuple(f"Campanha {number}" for number in range(1, 41))
MAIL_HOSTS = ("gmail.com", "hotmail.com", "uol.com.br", "clinica-sorriso.com.br")

_SPREAD = 0x9E3779B1
"""Odd, so that multiplying by it modulo a power of two meets every number once: ids become scattered phones."""


@dataclass(frozen=True, slots=True)
class Row:
    """One lead, its phone as the national number; None where the cell is blank."""

    name: str
    phone: str
    cpf: str | None
    email: str | None
    tags: tuple[str, ...]

    def cells(self, number: int) -> tuple[str, str, str, str, str]:
        """Return the cells as a file has them: phones in the three ways that people write them."""
        ddd, subscriber = self.phone[:2], self.phone[2:]
        phone = (self.phone, f"({ddd}) {subscriber[:5]}-{subscriber[5:]}", f"+55{self.phone}")[number % 3]
        return self.name, phone, self.cpf or "", self.email or "", ", ".join(self.tags)


def rows(start: int, count: int) -> Iterator[Row]:
    """Yield the leads of the numbers ``start`` to ``start + count - 1``. No two numbers share a phone."""
    for number in range(start, start + count):
        yield row(number)


def row(number: int) -> Row:
    """Return the lead of a number below 1.1 thousand million."""
    scattered = (number // len(DDDS) * _SPREAD) & 0xFFFFFF
    # The local stack's WhatsApp provider knows no number that ends in 0000.
    subscriber = 80_000_000 + scattered if scattered % 10_000 else 97_000_000 + scattered // 10_000
    first, last = FIRST[number % len(FIRST)], LAST[number // 7 % len(LAST)]
    return Row(
        name=f"{first} {last} {number}",
        phone=f"{DDDS[number % len(DDDS)]}9{subscriber}",
        cpf=cpf(number) if number % 10 < 3 else None,
        email=f"lead{number}@{MAIL_HOSTS[number % 4]}" if number % 10 > 2 else None,
        tags=tuple(TAGS[(number + k * 13) % len(TAGS)] for k in range((0, 1, 1, 2)[number % 4])),
    )


def cpf(number: int) -> str:
    """Return a CPF with right check digits (Receita Federal: modulo 11)."""
    digits = [int(digit) for digit in f"{number % 10**9 + 1:09d}"]
    for length in (10, 11):
        total = sum(digit * weight for digit, weight in zip(digits, range(length, 1, -1), strict=True))
        digits.append((total * 10) % 11 % 10)
    return "".join(map(str, digits))


def csv_file(start: int, count: int) -> bytes:
    """Return the leads as a CSV in UTF-8."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(row(number).cells(number) for number in range(start, start + count))
    return out.getvalue().encode()


def xlsx_file(start: int, count: int) -> bytes:
    """Return the leads as a workbook."""
    from openpyxl import Workbook  # the services must not pay for it in the other measurements

    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet()
    sheet.append(HEADER)
    for number in range(start, start + count):
        sheet.append(row(number).cells(number))
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()
