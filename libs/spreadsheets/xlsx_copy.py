"""A workbook of the one sheet that was measured, for calamine.

It finds sheets by their names, parts by where they usually are, and goes by other names of parts than we do. So it
never sees the file: what was measured is kept meanwhile, unpacked, and it gets that.
"""

import io
import zipfile
from collections.abc import Generator, Iterable
from contextlib import closing

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


class XlsxCopy:
    """A workbook that comes to be while its parts are read."""

    def __init__(self) -> None:
        self._parts: dict[str, list[bytes]] = {}

    def keeping(self, name: str, blocks: Generator[bytes, None, None]) -> Generator[bytes, None, None]:
        """Yield the blocks of a part, and keep them as the part ``name``."""
        kept = self._parts[name] = []
        with closing(blocks):
            for block in blocks:
                kept.append(block)
                yield block

    def whole(self, *, begins_1904: bool) -> io.BytesIO:
        """Return the workbook. Days are counted from 1900 or 1904."""
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr("_rels/.rels", _related([("officeDocument", _WORKBOOK_PART)]))
            archive.writestr(_WORKBOOK_PART, _WORKBOOK.format(int(begins_1904)))
            related = [(kind, name) for kind, name in _OF_WORKBOOK if name in self._parts]
            archive.writestr("xl/_rels/workbook.xml.rels", _related(related))
            for name, blocks in self._parts.items():
                with archive.open(name, "w") as part:
                    part.writelines(blocks)
        content.seek(0)
        return content


def _related(parts: Iterable[tuple[str, str]]) -> str:
    return _RELATIONSHIPS.format("".join(_RELATIONSHIP.format(at, *part) for at, part in enumerate(parts, 1)))
