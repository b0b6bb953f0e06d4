"""Pages, Numbers and Keynote: the words of a document in order, the tables of sheets, slides with their notes."""

from __future__ import annotations

import io
import struct
from typing import Any

import pytest
from support.connect import Connect
from support.formats import put
from support.jobs import document_job
from support.made_documents import zipped
from support.made_iwork import (
    CHART,
    GROUP,
    around,
    box,
    cell,
    decimal,
    iwork,
    keynote,
    link,
    message,
    model,
    numbers,
    old_cell,
    pages,
    row,
    steps,
    story,
)
from support.toolkit import fail, say

from glm_mcp.errors import InvalidRequest, MediaTooLarge, UnsupportedMedia
from glm_mcp.server.app import Folders


def job(data: bytes, **params: Any) -> dict[str, Any]:
    return document_job(io.BytesIO(data), {"name": "a.pages", **params})[0]


def read(data: bytes, **params: Any) -> list[str]:
    return [page[2] for page in job(data, **params)["pages"]]


def style(name: str, identifier: str) -> tuple[int, bytes]:
    return 2022, message({1: message({1: name, 2: identifier})})


def listing(*kinds: int) -> tuple[int, bytes]:
    return 2023, message({11: list(kinds), 15: [0] * len(kinds)})


def test_a_list_below_lists_without_end_is_set_in_as_far_as_its_programs_can() -> None:
    deep, words = 3_000, 30
    levels = message({1: [message({1: 3 * at, 2: at}) for at in range(words)]})
    text = story("\n".join(["ab"] * words), f6=levels, f7=steps((0, 13)))
    said = read(pages(text, {13: listing(*[3] * deep)}))[0]
    assert max(len(line) - len(line.lstrip()) for line in said.split("\n")) == 16
    assert said.count("ab") == words


def test_a_document_has_its_headings_and_its_lists() -> None:
    words = ["大標題", "第二", "Words.", "one", "below", "two", "anew", "", "end"]
    at = [sum(len(line) + 1 for line in words[:i]) for i in range(len(words))]
    text = story(
        "\n".join(words),
        f5=steps((0, 10), (at[1], 11), (at[2], 12)),
        f7=steps((0, 13), (at[3], 14), (at[7], 13)),
        f6=message({1: [message({1: at[i], 2: level}) for i, level in ((0, 0), (4, 1), (5, 0))]}),
        f14=message({1: [message({1: at[6], 2: 5})]}),
    )
    styles = {
        10: style("大標題", "text-1-paragraphstyle-Title"),
        11: style("標題 2", "text-1-paragraphstyle-Heading 7"),
        12: style("內文", "text-1-paragraphstyle-Body"),
        13: listing(0, 0),
        14: listing(3, 2),
    }
    assert read(pages(text, styles)) == [
        "# 大標題\n\n## 第二\n\nWords.\n\n1. one\n  - below\n2. two\n5. anew\n\nend"
    ]


def test_what_lies_in_a_text_stands_where_it_lies() -> None:
    text = "😀 see here\x0e, not gone.\n\ufffc\nEnd"
    half = text.index("see") + 1  # a sign beyond the first plane counts twice
    body = story(
        text,
        f11=steps((0, 0), (half, 10), (half + 8, 0)),
        f16=steps((half + 8, 11)),
        f22=steps((text.index("not") + 1, 13), (text.index("gone") + 5, 0)),
        f9=steps((text.index("\ufffc") + 1, 14)),
    )
    objects = {
        10: (2032, message({2: "https://example.com/a"})),
        11: (2008, message({2: link(12)})),
        12: story("\x0eA note."),
        13: (2060, message({1: 2})),
        14: (2003, message({1: link(15)})),
        15: (3005, message({1: around(f8="A cat", f11=link(16))})),
        16: (633, message({1: message({4: link(17)})})),
        17: story("Figure 1"),
    }
    assert read(pages(body, objects)) == [
        "😀 [see here](https://example.com/a)[^1], .\n\n[picture: A cat]\n\nFigure 1\n\nEnd\n\n[^1]: A note."
    ]


def test_boxes_beside_the_text_and_lines_of_every_page_follow_it() -> None:
    beside = message({1: message({1: 2, 4: message({1: link(11)})})})
    objects = {
        10: (10010, beside),
        11: box(12),
        12: story("In a box"),
        13: (10143, message({1: [link(14), link(15)]})),
        14: story("Report"),
        15: story("2026"),
        16: (3056, message({1: "Is this so?"})),
    }
    assert read(pages(story("Body"), objects, f3=link(10))) == [
        "Body\n\n[beside the text, page 3]\n\nIn a box\n\n[page header: Report / 2026]\n\nComment: Is this so?"
    ]


def number(digits: int, exponent: int, form: int) -> bytes:
    return cell(2, 1 | 1 << 13, decimal(digits, exponent), struct.pack("<I", form))


def test_cells_are_shown_as_numbers_shows_them() -> None:
    forms = {
        1: message({1: 258, 2: 1}),
        2: message({1: 257, 2: 2, 3: "EUR", 5: 1}),
        3: message({1: 261, 14: "d. MMMM y 'at' HH:mm"}),
        4: message({1: 256, 2: 0, 5: 1}),
        5: message({1: 265, 24: 258, 2: 0}),
    }
    seconds = struct.pack("<d", 86_400 * 366 + 3_600 * 13)
    rows = [
        row(0, [cell(3, 8, struct.pack("<I", 7)), b"", number(125, -3, 1), number(-1234567, -2, 2)]),
        row(2, [number(1_234_567, 0, 4), number(5, -1, 9), number(2, -1, 5)]),
        row(
            3,
            [
                cell(5, 4 | 1 << 15, seconds, struct.pack("<I", 3)),
                cell(6, 2, struct.pack("<d", 1.0)),
                cell(7, 2, struct.pack("<d", 5400.0)),
                cell(8, 0x800, bytes(4)),
            ],
        ),
    ]
    made = numbers({"Costs": [100]}, model("Budget", rows, {7: "a|b"}, forms))
    facts = job(made, name="a.numbers")
    assert (facts["kind"], facts["pages"][0][1]) == ("numbers", "sheet 'Costs'")
    assert facts["pages"][0][2].removeprefix("[sheet 'Costs']\n\n") == (
        "**Budget**\n\n| a\\|b |  | 12.5% | -€12,345.67 |\n| --- | --- | --- | --- |\n|  |  |  |  |\n"
        "| 1,234,567 | 0.5 | 20% |  |\n| 2002-01-02 13:00 | TRUE | 1:30:00 | (error) |"
    )


def test_cells_of_files_before_2017_are_read_too() -> None:
    four = struct.pack("<I", 4)
    rows = [
        row(
            0,
            [old_cell(3, 0x96, four, four, four, struct.pack("<I", 7)), old_cell(0, 0x82, four, four)],
            old=True,
        ),
        row(1, [old_cell(2, 0x24, four, struct.pack("<d", 0.5)), old_cell(5, 0x40, bytes(8))], old=True),
    ]
    made = numbers({"A": [100]}, model("", rows, {7: "Tea"}, {4: message({1: 258, 2: 0})}))
    assert read(made, name="a.numbers") == ["[sheet 'A']\n\n| Tea |  |\n| --- | --- |\n| 50% | 2001-01-01 |"]


def test_what_lies_on_a_sheet_is_read_from_above() -> None:
    objects = {30: box(31, 0, 90), 31: story("below"), 32: box(33, 0, 10), 33: story("above")}
    made = numbers({"One": [30, 32], "Two": []}, objects)
    assert read(made, name="a.numbers") == ["above\n\nbelow", "(empty sheet)"]
    assert read(made, name="a.numbers", pages="two") == ["(empty sheet)"]


def test_slides_have_their_title_first_and_their_notes_last() -> None:
    holder = {n: (7, message({1: box(words)[1]})) for n, words in ((60, 70), (61, 71))}
    grid = message(
        {1: ["Skew", "Other"], 2: ["Time"], 3: [message({1: message({1: 2.9})}), message({1: b""})]}
    )
    objects = {
        **holder,
        70: story("The\nplan", f5=steps((0, 80))),
        71: story("first\nsecond", f7=steps((0, 81))),
        62: (GROUP, message({1: around(), 2: [link(63), link(62)]})),
        63: box(72),
        72: story("in a group"),
        64: (CHART, message({1: around(), 10000: message({7: grid})})),
        65: (15, message({1: link(73)})),
        73: story("Say hello."),
        80: style("Title", "text-0-paragraphstyle-Title"),
        81: listing(2),
    }
    slides = [{5: link(60), 6: link(61), 42: [link(n) for n in (60, 62, 64)], 27: link(65)}, {}]
    facts = job(keynote(slides, objects, hidden=[1]), name="a.key")
    chart = "Chart:\n\n|  | Time |\n| --- | --- |\n| Skew | 2.9 |\n| Other |  |"
    told = f"# The plan\n\n- first\n- second\n\nin a group\n\n{chart}\n\nNotes: Say hello."
    assert [page[1:3] for page in facts["pages"]] == [
        (
            "slide 1",
            told,
        ),
        ("slide 2 (hidden)", ""),
    ]


def test_slides_that_lie_below_slides_are_read_in_order_and_once() -> None:
    objects = {60: box(61), 61: story("one"), 62: box(63), 63: story("two")}
    assert read(keynote([{5: link(60)}, {7: link(62)}], objects, old=True), name="a.key") == ["# one", "two"]


OLD = 'xmlns:key="k" xmlns:sf="s" xmlns:sfa="a"'


def test_a_presentation_of_before_2013_is_read_slide_by_slide() -> None:
    text = "<sf:text-storage><sf:p>{}</sf:p></sf:text-storage>"
    cells = '<sf:t><sf:ct sfa:s="A|b"/></sf:t><sf:s/><sf:n sf:v="1.5"/><sf:g/>'
    slide = f"""<key:slide key:hidden="true"><key:title-placeholder>{text.format("The<sf:br/>plan")}</key:title-placeholder>
<key:notes>{text.format("Say <sf:span>hello</sf:span> now")}</key:notes><key:page><sf:grid sf:numcols="2">
<sf:datasource>{cells}</sf:datasource></sf:grid></key:page></key:slide>"""
    master = f"<key:theme-list><key:page>{text.format('Prompt')}</key:page></key:theme-list>"
    tree = f"<key:presentation {OLD}>{master}<key:slide-list>{slide}</key:slide-list></key:presentation>"
    facts = job(zipped({"index.apxl": tree}), name="a.key")
    assert facts["pages"][0][1:3] == (
        "slide 1 (hidden)",
        "# The plan\n\n| A\\|b |  |\n| --- | --- |\n| 1.5 |  |\n\nNotes: Say hello now",
    )


def test_a_text_of_before_2013_is_read_without_what_its_template_proposes() -> None:
    body = "<sf:p>One<sf:tab/>two<sf:br/></sf:p><sf:p/><sf:p>Three</sf:p>"
    tree = (
        f"<document {OLD}><sf:section-prototypes><sf:p>Lorem</sf:p></sf:section-prototypes>{body}</document>"
    )
    assert read(zipped({"index.xml": tree})) == ["One\ttwo\n\nThree"]


def test_a_file_that_cannot_be_read_says_what_to_do() -> None:
    with pytest.raises(InvalidRequest, match="without a password"):
        job(zipped({"Index/Document.iwa": b"x", ".iwph": b"x"}))
    with pytest.raises(UnsupportedMedia, match="export it as PDF"):
        job(zipped({"Index/Document.iwa": b"\0\2\0\0\1"}))
    with pytest.raises(UnsupportedMedia, match="damaged"):
        job(zipped({"index.xml": "<x"}))
    whole = {1: (10000, message({4: link(2)})), 2: story("Body")}
    facts = job(iwork(whole, Tail=b"\0\xff\0\0\5\1a"))
    assert (facts["pages"][0][2], facts["notes"]) == (
        "Body",
        ["left out, the rest of parts that are damaged: Index/Tail.iwa"],
    )


@pytest.mark.extreme
def test_a_file_that_unpacks_without_end_is_refused() -> None:
    block = b"\x80\x80\x80\x08" + b"\0a" + b"\xfe\1\0" * 262_143 + b"\xfa\1\0"  # 16 MB out of 768 KB
    packed = b"\0" + len(block).to_bytes(3, "little") + block
    with pytest.raises(MediaTooLarge, match="unpacks to more than"):
        job(iwork({1: (10000, b"")}, **{f"T{n}": packed for n in range(13)}))


@pytest.mark.anyio
async def test_a_presentation_is_no_secret_for_its_name_and_a_key_is(
    connect: Connect, folders: Folders
) -> None:
    put(folders.cwd / "talk.key", keynote([{5: link(60)}], {60: box(61), 61: story("The plan")}))
    put(folders.cwd / "server.key", b"-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\n")
    put(folders.cwd / "other.key", b"c2VjcmV0")
    put(folders.cwd / ".ssh" / "talk.key", (folders.cwd / "talk.key").read_bytes())
    async with connect() as client:
        assert "The plan" in await say(client, "read_document", documents="talk.key")
        told = [
            await fail(client, "read_document", documents=name)
            for name in ("server.key", "other.key", ".ssh/talk.key")
        ]
    assert all(text.startswith("forbidden_path: ") for text in told)
