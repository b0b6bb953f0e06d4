"""Which characters a font has, read from fonts that the tests make: a directory and a character map, nothing else."""

from __future__ import annotations

import struct
from pathlib import Path

from support.cases import each

from glm_mcp.media.glyphs import cover, covered_by, missing_note, visible


def format_4(first: int, last: int) -> bytes:
    """The characters from `first` to `last`, and the segment that ends each table of this kind."""
    ends, starts = (last, 0xFFFF), (first, 0xFFFF)
    return (
        struct.pack(">HHHHHHH", 4, 32, 0, 4, 4, 1, 0)
        + struct.pack(">2HH2H", *ends, 0, *starts)
        + struct.pack(">2H2H", (1 - first) & 0xFFFF, 1, 0, 0)
    )


def format_4_by_list(first: int, glyphs: list[int]) -> bytes:
    """Each character with a glyph of its own, 0 for none."""
    last = first + len(glyphs) - 1
    return (
        struct.pack(">HHHHHHH", 4, 0, 0, 4, 4, 1, 0)
        + struct.pack(">2HH2H", last, 0xFFFF, 0, first, 0xFFFF)
        + struct.pack(">2H2H", 0, 1, 4, 0)
        + struct.pack(f">{len(glyphs)}H", *glyphs)
    )


def format_12(*groups: tuple[int, int, int]) -> bytes:
    return struct.pack(">HHIII", 12, 0, 16 + 12 * len(groups), 0, len(groups)) + b"".join(
        struct.pack(">III", *group) for group in groups
    )


def font(table: bytes, *, platform: int = 3, encoding: int = 1, at: int = 0) -> bytes:
    """`at`: where it stands in its file, as offsets are counted from there."""
    cmap = struct.pack(">HHHHI", 0, 1, platform, encoding, 12) + table
    directory = b"\0\1\0\0" + struct.pack(">HHHH", 1, 0, 0, 0)
    return directory + struct.pack(">4sIII", b"cmap", 0, at + 28, len(cmap)) + cmap


@each(
    ("data", "has"),
    [
        (font(format_4(0x41, 0x43)), "ABC"),
        (font(format_4(0x41, 0x43), platform=0, encoding=3), "ABC"),
        (font(format_4_by_list(0x41, [5, 0, 7])), "AC"),
        (font(format_12((0x43, 0x45, 9), (0x1F600, 0x1F610, 20)), encoding=10), "CDE😀"),
        (font(format_12((0x41, 0x43, 0)), encoding=10), "BC"),  # the first of them is the box for none
        (font(format_4(0x41, 0x43), platform=1, encoding=0), ""),  # an old table of the Macintosh
        (b"ttcf" + struct.pack(">III", 0x10000, 1, 16) + font(format_4(0x41, 0x43), at=16), "ABC"),
        (font(format_4(0x41, 0x43))[:50], ""),
        (b"no font at all", ""),
        (b"", ""),
        (b"\0\1\0\0" + b"\xff" * 60, ""),
    ],
    ids=["4", "unicode", "list", "12", "notdef", "mac", "collection", "cut", "text", "empty", "noise"],
)
def test_a_font_has_the_characters_of_its_map(tmp_path: Path, data: bytes, has: str) -> None:
    file = tmp_path / "a.ttf"
    file.write_bytes(data)
    assert covered_by(str(file), "ABCDE😀\uffff") == set(has)


def test_fonts_are_taken_in_their_order_as_far_as_they_add_something(tmp_path: Path) -> None:
    files = []
    for name, first, last in (("a", 0x41, 0x42), ("b", 0x41, 0x41), ("c", 0x43, 0x44), ("d", 0x43, 0x44)):
        (tmp_path / name).write_bytes(font(format_4(first, last)))
        files.append(str(tmp_path / name))
    assert cover("ACZ", [*files, "/none"]) == ([files[0], files[2]], {"Z"})
    assert cover("", files) == ([], set())


def test_what_is_not_drawn_is_not_missed() -> None:
    assert visible("a b\n\u200d\ufe0f\U000e0101\u00ad\u202e") == {"a", "b"}


@each(
    ("missing", "package"),
    [
        ("中", "fonts-noto-cjk"),
        ("ハ한𠀀，", "fonts-noto-cjk"),
        ("🦄", "fonts-noto-color-emoji"),
        ("ก", "fonts-noto-core"),
    ],
)
def test_a_note_names_what_is_missing_and_what_to_install(missing: str, package: str) -> None:
    note = missing_note(set(missing), "linux")
    assert note.startswith(f"no font on this computer has {''.join(sorted(missing))} (")
    assert note.endswith(f": install {package}")


def test_a_note_says_what_to_install_on_other_systems_and_stays_short() -> None:
    assert missing_note({"中"}, "win32").endswith("Supplemental Fonts (Optional features)")
    assert missing_note({"中"}, "darwin").endswith("font-noto-sans-cjk (Homebrew)")
    assert missing_note(set()) == ""
    assert missing_note({"\ue001", "\ue002"}) == "2 icons of a font that is not here: export as PNG"
    many = missing_note({chr(c) for c in range(0x4E00, 0x4E40)})
    assert "…" in many
    assert len(many) < 120
