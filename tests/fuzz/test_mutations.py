"""What changes files must itself end, whatever it is given: libFuzzer gives it back what it made."""

import struct

from tests.fuzz.mutations import mutated_ole
from tests.fuzz.seeds import FILES


def test_a_file_whose_sectors_refer_to_each_other_in_a_circle_is_changed_as_well() -> None:
    content = bytearray((FILES / "sheetjs.xls").read_bytes())  # small enough to stand in the root's own stream
    (table,) = struct.unpack_from("<I", content, 76)
    (directory,) = struct.unpack_from("<I", content, 48)
    (first,) = struct.unpack_from("<I", content, 512 * (directory + 1) + 116)
    struct.pack_into("<I", content, 512 * (table + 1) + 4 * first, first)
    for seed in range(20):
        assert len(mutated_ole(bytes(content), lambda part: part + b"x", seed)) < 3 * len(content)
