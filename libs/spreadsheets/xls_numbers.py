"""The numbers in the cells of an XLS, as its records hold them ([MS-XLS] 2.4)."""

import struct
from collections.abc import Iterable, Iterator

_NUMBER, _SHORT, _SEVERAL_SHORT = 0x0203, 0x027E, 0x00BD
_FORMULAS = {0x0006, 0x0206, 0x0406}
_RESULT_IS_SPECIAL = b"\xff\xff"
"""How the eight bytes of a formula's result end where it is no number."""
_HUNDREDTHS, _INTEGER = 1, 2


def numbers_of(records: Iterable[tuple[int, bytes]]) -> dict[tuple[int, int], float]:
    """Return the numbers of a sheet's cells by row and column, both counted from 0. Raises struct.error.

    ``records`` are its kinds of records, and their contents.
    """
    return {place: number for kind, body in records for place, number in _numbers(kind, body)}


def _numbers(kind: int, body: bytes) -> Iterator[tuple[tuple[int, int], float]]:
    if kind == _NUMBER or (kind in _FORMULAS and body[12:14] != _RESULT_IS_SPECIAL):
        row, column, _, number = struct.unpack_from("<HHHd", body)
        yield (row, column), number
    elif kind == _SHORT:
        row, column, _, written = struct.unpack_from("<HHH4s", body)
        yield (row, column), short_number(written)
    elif kind == _SEVERAL_SHORT:
        row, first = struct.unpack_from("<HH", body)
        for at, (_, written) in enumerate(struct.iter_unpack("<H4s", body[4:-2])):
            yield (row, first + at), short_number(written)


def short_number(written: bytes) -> float:
    """Return a number that is written in four bytes (RkNumber of [MS-XLS] and [MS-XLSB]): an integer, or the upper 30
    bits of a float. Raises struct.error where they are not four.
    """
    bits: int
    (bits,) = struct.unpack("<i", written)
    number: float
    if bits & _INTEGER:
        number = float(bits >> 2)
    else:
        (number,) = struct.unpack("<d", struct.pack("<q", (bits & ~3) << 32))
    return number / 100 if bits & _HUNDREDTHS else number
