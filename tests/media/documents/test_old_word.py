"""Word's documents before DOCX: the text as Word shows it, with its headings, lists, tables, notes and remarks."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from typing import Any

import pytest
from support.cases import each
from support.jobs import document_job
from support.made_word import (
    BOLD,
    CELL,
    DELETED,
    ROW,
    cells,
    drawing,
    drawn_shape,
    floats,
    fonts,
    level,
    listed,
    lists,
    plain,
    signs,
    styles,
    vertical,
    word,
)

from glm_mcp.errors import InvalidRequest, UnsupportedMedia


def job(data: bytes) -> dict[str, Any]:
    return document_job(io.BytesIO(data), {"name": "old.doc"})[0]


def text(data: bytes) -> str:
    return str(job(data)["pages"][0][2])


def test_paragraphs_headings_and_letters_of_any_script_are_read() -> None:
    data = word([plain("Report", 1), plain("Part", 2), plain("Städte 北京 😀")])
    assert job(data)["kind"] == "doc"
    assert text(data) == "# Report\n\n## Part\n\nStädte 北京 😀"


def test_bold_words_are_marked_and_deleted_ones_are_left_out_with_a_word() -> None:
    facts = job(word([([("very ", b""), ("bold", BOLD), (" gone", DELETED), ("\r", b"")], 0, b"")]))
    assert facts["pages"][0][2] == "very **bold**"
    assert facts["notes"] == ["left out, words whose deletion is tracked: paragraph 1"]


def test_signs_of_symbol_fonts_are_the_letters_that_they_show() -> None:
    """Each stands in the place of a bracket; given as such a font has it, or 0xF000 higher."""
    runs = [
        ("(", signs(0xD8, 1)),
        ("p ", b""),
        ("((", signs(0xF0CE, 1)),
        ("(", signs(0xF0FC, 2)),
        ("\r", b""),
    ]
    assert text(word([(runs, 0, b"")], tables=fonts(["Arial", "Symbol", "Wingdings"]))) == "¬p ∈∈✓"


def test_what_stands_high_or_low_or_is_struck_is_marked() -> None:
    high, low, struck = (
        struct.pack("<HB", code, value) for code, value in ((0x2A48, 1), (0x2A48, 2), (0x0837, 1))
    )
    runs = [("2", b""), ("n", high), (" of x", b""), ("0", low), (" not ", b""), ("y", struck), ("\r", b"")]
    assert text(word([(runs, 0, b"")])) == "2^n^ of x~0~ not ~~y~~"


def test_letters_at_the_private_places_of_a_symbol_font_are_the_signs_that_they_show() -> None:
    runs = [("a ", b""), ("\uf0a3", struct.pack("<HH", 0x4A4F, 1)), (" b", b""), ("\r", b"")]
    assert text(word([(runs, 0, b"")], tables=fonts(["Arial", "Symbol"]))) == "a ≤ b"


def test_lists_have_their_numbers() -> None:
    """Of the paragraph itself, of a deeper level, and of a style."""
    data = word(
        [listed("one"), listed("deeper", 1), listed("two"), plain("Scope", 1), plain("prose")],
        tables=lists([level(0, "\0."), level(4, "\1)")], style=1),
    )
    assert text(data) == "1. one\n  a) deeper\n2. two\n\n# 3. Scope\n\nprose"


def test_headings_have_the_numbers_that_their_styles_alone_name() -> None:
    """As WPS writes them: its lists know of no styles. The third style builds on the second; the fourth has none."""

    def of_list(level: int, number: int = 1) -> bytes:
        return struct.pack("<HBHH", 0x260A, level, 0x460B, number)

    said = {
        0: (4095, b""),
        1: (0, of_list(0)),
        2: (0, of_list(1)),
        3: (2, b""),
        4: (2, of_list(0, 0)),
        5: (0, of_list(0, 9)),
    }
    kinds = lists([level(0, "\0"), level(0, "\0.\1")]) | styles(said)
    heads = ["Scope", "Words", "Rules", "Notes", "Ends"]
    data = word([plain(words, number) for number, words in enumerate(heads, 1)], tables=kinds)
    assert text(data) == "# 1 Scope\n\n## 1.1 Words\n\n### 1.2 Rules\n\n#### Notes\n\n##### Ends"
    assert "# 1 Scope" in text(word([plain("Scope", 1)], tables=kinds | {1: kinds[1][:-9]}))


def test_a_break_of_the_page_ends_no_paragraph_and_that_of_a_section_does() -> None:
    kinds = lists([level(0, "\0.")])
    broken = word([listed("one"), listed("\x0ctwo"), listed("three\x0c"), listed("four")], tables=kinds)
    assert text(broken) == "1. one\n2. two\n3. three\n4. four"
    parts = [plain("first", mark="\x0c"), plain("second", mark="\x0c"), plain("third")]
    assert (
        text(word(parts, tables={6: struct.pack("<4i", 0, 6, 13, 19) + bytes(36)}))
        == "first\n\nsecond\n\nthird"
    )


def test_bullets_and_chinese_numbers_are_those_of_the_list() -> None:
    assert text(word([listed("tea")], tables=lists([level(23, "\uf0b7")]))) == "- tea"
    assert text(word([listed("总则")], tables=lists([level(39, "第\0条")]))) == "第一条 总则"


def test_a_table_has_its_rows_and_cells_that_go_on_below_repeat_their_words() -> None:
    def cell(words: str) -> Any:
        return plain(words, said=CELL, mark="\x07")

    def row(more: bytes) -> Any:
        return plain("", said=ROW + cells(2) + more, mark="\x07")

    data = word(
        [plain("before"), cell("Item"), cell("Qty"), row(vertical(0, 3)), cell(""), cell("3"), row(vertical(0, 1)), plain("after")]
    )  # fmt: skip
    assert text(data) == "before\n\n| Item | Qty |\n| --- | --- |\n| Item | 3 |\n\nafter"


def test_cells_of_different_widths_stand_below_their_heads() -> None:
    """A wide one is told in each of its columns; edges less than two millimetres apart are one."""

    def row(words: Sequence[str], *edges: int) -> list[Any]:
        said = ROW + cells(len(words), edges)
        return [*(plain(one, said=CELL, mark="\x07") for one in words), plain("", said=said, mark="\x07")]

    head = row(["Hour", "Mon", "Tue"], -100, 1000, 3000, 5000)
    first = row(["1", "a", "b", "c"], 0, 1010, 2000, 3050, 5020)
    data = word([*head, *first, *row(["d"], 3000, 5000), plain("after")])
    assert text(data) == (
        "| Hour | Mon | Mon | Tue |\n| --- | --- | --- | --- |\n| 1 | a | b | c |\n|  |  |  | d |\n\nafter"
    )
    unsaid = word([*head, *row(["1", "2"], 0, 0, 0), plain("after")])
    assert text(unsaid) == "| Hour | Mon | Tue |\n| --- | --- | --- |\n| 1 | 2 |  |\n\nafter"


def test_rows_of_which_more_is_said_than_a_page_holds_stay_apart() -> None:
    """It lies in another stream, to which the row points; one that points nowhere costs nothing but itself."""
    said = ROW + cells(2)
    stream = bytes(6) + struct.pack("<H", len(said)) + said

    def row(at: int) -> list[Any]:
        far = struct.pack("<HI", 0x6646, at)
        return [
            plain("a", said=CELL, mark="\x07"),
            plain("b", said=CELL, mark="\x07"),
            plain("", said=far, mark="\x07"),
        ]

    data = word([*row(6), *row(6), plain("after")], data=stream)
    assert text(data) == "| a | b |\n| --- | --- |\n| a | b |\n\nafter"
    assert "after" in text(word([*row(0xFFFFFF), plain("after")], data=stream))


def test_links_show_where_they_lead_and_other_fields_their_result() -> None:
    data = word([plain('\x13 HYPERLINK "https://a.example/" \x14site\x15 of \x13 PAGE \x147\x15')])
    assert text(data) == "[site](https://a.example/) of 7"


def test_a_word_with_its_reading_above_it_and_a_place_to_fill_in_are_read() -> None:
    data = word([plain("\x13EQ \\o\\ad(\\s\\up 10(とうきょう),東京)\x15: \x13 MACROBUTTON None [name] \x15")])
    assert text(data) == "東京(とうきょう): [name]"


def test_notes_remarks_and_the_heads_of_pages_stand_where_they_belong() -> None:
    main, note, head, remark = "Body\x02 text\x05\r", "\x02 the note\r", "Draft of May\r", "\x05why?\r"
    owner = struct.pack("<H", 3) + "Ann".encode("utf-16-le")
    data = word(
        [plain(part[:-1]) for part in (main, note, head, remark)],
        counts=(len(note), len(head), 0, len(remark)),
        tables={
            2: struct.pack("<2iH", 4, len(main), 1),
            3: struct.pack("<3i", 0, len(note), len(note)),
            4: struct.pack("<2i", 10, len(main)) + bytes(30),
            5: struct.pack("<3i", 0, len(remark), len(remark)),
            11: struct.pack("<14i", *[0] * 8, *[len(head)] * 6),
            36: owner,
        },
    )
    assert text(data) == "Body[^1] text [comment, Ann: why?]\n\n[^1]: the note\n\n[page header: Draft of May]"


def floating(first: Sequence[str], told: Sequence[str], **more: Any) -> bytes:
    """Paragraphs whose marks (\\x08) anchor shapes that count from 11, each right of and below the one before, and text boxes."""
    whole = "".join(f"{words}\r" for words in first)
    places = [i for i, letter in enumerate(whole) if letter == "\x08"]
    boxes = [(11 + i, len(words) + 1) for i, words in enumerate(told)]
    return word(
        [plain(words) for words in (*first, *told)],
        counts=(0, 0, 0, 0, 0, sum(size for _, size in boxes)),
        tables=floats(
            more.get("anchors") or [(place, 11 + i, 100 * i, 0) for i, place in enumerate(places)],
            boxes,
            more.get("shapes") or [drawn_shape(11 + i) for i in range(len(places))],
            len(whole),
        ),
    )


def test_text_boxes_stand_at_the_paragraphs_that_they_float_over() -> None:
    data = floating(["\x08one", "two", "\x08three"], ["of one", "of three", "of none"])
    assert text(data) == "one\n\nof one\n\ntwo\n\nthree\n\nof three\n\nof none"


def test_text_boxes_of_one_paragraph_come_as_they_lie() -> None:
    anchors = [(0, 11, 200, 0), (1, 12, 0, 10), (2, 13, 0, 100)]
    data = floating(["\x08\x08\x08sum"], ["right", "left", "below"], anchors=anchors)
    assert text(data) == "sum\n\nleft\n\nright\n\nbelow"


def test_pictures_that_float_are_said_and_of_a_group_all_texts_are_read() -> None:
    group = drawing(0xF003, drawn_shape(11), drawing(0xF003, drawn_shape(12)), drawn_shape(13, picture=True))
    data = floating(["a\x08b"], ["", "in the group"], anchors=[(1, 11, 0, 0)], shapes=[group])
    assert text(data) == "a[picture]b\n\nin the group"
    line = floating(["a\x08b"], [""], anchors=[(1, 11, 0, 0)], shapes=[drawn_shape(11)])
    assert text(line) == "ab"


def test_text_boxes_whose_drawings_are_damaged_or_point_at_each_other_are_read_once() -> None:
    whole = floating(["\x08one"], ["in \x08the box"], anchors=[(0, 11, 0, 0), (8, 11, 0, 0)])
    assert text(whole) == "one\n\nin the box"
    for size in range(0, 40, 3):
        cut = floating(["\x08one"], ["the box"], shapes=[drawn_shape(11)[:size]])
        assert text(cut) == "one\n\nthe box"


def test_a_document_with_a_password_or_of_an_older_word_is_refused_with_what_to_do() -> None:
    with pytest.raises(InvalidRequest, match="without a password"):
        job(word([plain("a")], flags=0x100))
    with pytest.raises(UnsupportedMedia, match="Word before 97"):
        job(word([plain("a")], version=0x65))


@each("cut", [600, 1500, 3000, 5000])
def test_a_document_that_is_cut_off_is_called_damaged(cut: int) -> None:
    with pytest.raises(UnsupportedMedia):
        job(word([plain("words " * 50)])[:cut])
