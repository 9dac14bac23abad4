"""A workbook of the one sheet that was measured, for calamine.

It finds sheets by their names, parts by where they usually are, and goes by other names of parts than we do. So it
never sees the file: what was measured is kept meanwhile, unpacked, and it gets that.
"""

import zipfile
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self

SHEET, STRINGS, STYLES = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/styles.xml"

_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_WORKBOOK_PART = "xl/workbook.xml"
_WORKBOOK = (
    f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><workbookPr date1904="{{}}"/>'
    '<sheets><sheet name="1" sheetId="1" r:id="r1"/></sheets></workbook>'
)
_RELATIONSHIPS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{}</Relationships>'
)
_RELATIONSHIP = f'<Relationship Id="r{{}}" Type="{_OFFICE}/{{}}" Target="/{{}}"/>'
_OF_WORKBOOK = (("worksheet", SHEET), ("sharedStrings", STRINGS), ("styles", STYLES))


class NoRoom(Exception):
    """The disk takes no copy. It is no OSError: those are an archive's, which is damaged."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


class XlsxCopy:
    """A workbook that comes to be while its parts are read. Used as a context; raises NoRoom."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Self:
        with _room():
            self._archive = zipfile.ZipFile(self._path, "w", zipfile.ZIP_STORED)
        return self

    def __exit__(self, *_: object) -> None:
        with _room():
            self._archive.close()

    def keeping(self, name: str, blocks: Generator[bytes, None, None]) -> Generator[bytes, None, None]:
        """Yield the blocks of a part, and write each of them down as the part ``name``."""
        with closing(blocks):
            with _room():
                part = self._archive.open(name, "w", force_zip64=True)
            try:
                for block in blocks:
                    with _room():
                        part.write(block)
                    yield block
            finally:
                with _room():
                    part.close()

    def complete(self, *, begins_1904: bool) -> None:
        """Add what tells where the parts are. Days are counted from 1900 or 1904."""
        with _room():
            there = set(self._archive.namelist())
            related = [(kind, name) for kind, name in _OF_WORKBOOK if name in there]
            self._archive.writestr("_rels/.rels", _related([("officeDocument", _WORKBOOK_PART)]))
            self._archive.writestr(_WORKBOOK_PART, _WORKBOOK.format(int(begins_1904)))
            self._archive.writestr("xl/_rels/workbook.xml.rels", _related(related))


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NoRoom(error) from None


def _related(parts: Iterable[tuple[str, str]]) -> str:
    return _RELATIONSHIPS.format("".join(_RELATIONSHIP.format(at, *part) for at, part in enumerate(parts, 1)))
