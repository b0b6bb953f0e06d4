"""Pages of the web whose elements lie in each other by the thousand, or that hold very many pictures."""

from __future__ import annotations

import base64
import io
import re

from support.cases import each
from support.jobs import document_job

from glm_mcp.media.documents.html import html_markdown
from glm_mcp.media.documents.pages import LeftOut
from glm_mcp.media.documents.web.along import PicturesAlong, parts_of


def test_what_lies_too_deep_in_a_page_keeps_its_words() -> None:
    text = html_markdown(f"<p>first</p>{'<div>' * 2_000}<b>deep</b> words{'</div>' * 2_000}<p>last</p>")
    assert re.fullmatch(r"first\s+(\*\*)?deep(\*\*)?\s+words\s+last", text)


@each("deep", [260, 300, 2_000])
def test_what_lies_too_deep_in_a_page_keeps_its_tables_links_and_pictures(deep: int) -> None:
    held = (
        '<p>a <a href="http://x.example/1">link</a> <img src="a.png" alt="a chart"> <input value="typed"></p>'
        '<p style="display: none">hidden</p><table><tr><th>h</th></tr><tr><td>c</td></tr></table><ul><li>one<li>two</ul>'
    )
    text = html_markdown(f"{'<div>' * deep}{held}{'</div>' * deep}")
    assert (
        text
        == "a [link](http://x.example/1) [picture: a chart] typed\n\n| h |\n| --- |\n| c |\n\n- one\n- two"
    )


def test_pictures_beyond_what_is_looked_at_of_a_page_are_said_to_be_left_out() -> None:
    along, left_out = PicturesAlong(), LeftOut()
    along.add("first.png", bytes(150_000_000))
    assert along.add("second.png", bytes(60_000_000)) == ""
    assert along.add("small.png", b"small")
    parts_of({1: along.counted()}, "a.html", left_out)
    assert left_out.notes() == ["left out, pictures beyond 2,000, or 200 MB, of a page or mail: second.png"]


def test_a_page_of_very_many_pictures_says_that_some_are_left_out() -> None:
    data = (base64.b64encode(b"\x89PNG%d" % number).decode() for number in range(2_001))
    page = "".join(f'<img src="data:image/png;base64,{one}">' for one in data)
    facts, _ = document_job(
        io.BytesIO(f"<html><body><p>x</p>{page}".encode()), {"name": "a.html", "pages": None}
    )
    assert "left out, pictures beyond 2,000, or 200 MB, of a page or mail: picture.png" in facts["notes"]


def test_a_page_that_says_what_stands_for_a_table_here_has_its_table_once() -> None:
    table = "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>"
    assert html_markdown(f"{table}<p>{'GLMTABLE0ELBATMLG ' * 1_000}").count("| 1 | 2 |") == 1


def test_fields_of_a_page_find_the_list_of_their_entries_before_or_behind_them() -> None:
    entries = "<datalist id='{0}'><option>{0} one</option></datalist>"
    text = html_markdown(f"{entries.format('p')}<input list='p'> <input list='q'>{entries.format('q')}")
    assert "p one" in text
    assert "q one" in text
