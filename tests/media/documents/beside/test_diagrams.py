"""Diagrams of draw.io and Visio: their words as one reads them, and what their arrows lead from and to."""

from __future__ import annotations

import base64
import io
import urllib.parse
import zlib
from typing import Any

import pytest
from support.jobs import document_job
from support.made_documents import zipped
from support.ole import ole

from glm_mcp.errors import MediaTooLarge, UnsupportedMedia


def read(data: bytes, name: str, **params: Any) -> dict[str, Any]:
    return document_job(io.BytesIO(data), {"name": name, **params})[0]


def cell(
    name: str, text: str = "", x: int = 0, y: int = 0, more: str = 'vertex="1"', parent: str = "1"
) -> str:
    place = f'<mxGeometry x="{x}" y="{y}" width="80" height="40" as="geometry"/>'
    return f'<mxCell id="{name}" value="{text}" parent="{parent}" {more}>{place}</mxCell>'


def model(*cells: str) -> str:
    return f'<mxGraphModel><root><mxCell id="0"/><mxCell id="1" parent="0"/>{"".join(cells)}</root></mxGraphModel>'


def packed(text: str) -> str:
    packer = zlib.compressobj(wbits=-15)
    data = packer.compress(urllib.parse.quote(text, safe="").encode()) + packer.flush()
    return base64.b64encode(data).decode()


FLOW = model(
    cell("b", "Pay", 200, 10),
    cell("a", "&lt;b&gt;Choose&lt;/b&gt;&lt;br&gt;wares &amp;amp; more", 10, 12, 'vertex="1" style="rounded=1;html=1;"'),
    cell("lane", "Store", 0, 100),
    cell("c", "Send", 10, 10, parent="lane"),
    '<UserObject label="Post office" id="d"><mxCell parent="1" vertex="1"><mxGeometry y="300"/></mxCell></UserObject>',
    cell("e", more='edge="1" source="a" target="b"'),
    cell("f", "yes", parent="e"),
    cell("g", "by post", more='edge="1" source="c" target="d" style="startArrow=block;endArrow=none;"'),
)  # fmt: skip
SAID = """- Choose wares & more
- Pay
- Store
  - Send
- Post office

Arrows:

- Choose wares & more → Pay: yes
- Send ← Post office: by post"""


def test_a_drawio_diagram_is_read_packed_and_unpacked_page_by_page() -> None:
    second = packed(model(cell("a", "Alone")))
    for first in (FLOW, packed(FLOW)):
        data = f'<mxfile><diagram name="Flow">{first}</diagram><diagram>{second}</diagram></mxfile>'.encode()
        facts = read(data, "a.drawio")
        assert [row[:3] for row in facts["pages"]] == [
            (1, "page 1: Flow", SAID),
            (2, "page 2", "- Alone"),
        ]
        assert read(data, "a.xml", pages="2")["pages"][0][2] == "- Alone"
    assert read(FLOW.encode(), "bare.xml")["pages"][0][2] == SAID


def test_what_is_no_html_in_drawio_is_said_as_it_stands() -> None:
    data = model(
        cell("a", "List&lt;Order&gt; &amp;amp; more"),
        cell("b", "Map&lt;K&gt;", more='vertex="1" style="html=1"'),
    )
    assert read(data.encode(), "a.drawio")["pages"][0][2] == "- List<Order> &amp; more\n- Map"


def test_an_arrow_names_a_shape_of_many_words_by_the_first() -> None:
    data = model(
        cell("a", "Words " * 500),
        *(cell(f"e{n}", str(n), more='edge="1" source="a" target="a"') for n in range(200)),
    )
    text = read(data.encode(), "a.drawio")["pages"][0][2]
    assert f"- {'Words ' * 16}Word… → {'Words ' * 16}Word…: 199" in text
    assert len(text) < 100_000


@pytest.mark.extreme
def test_a_page_that_cannot_be_unpacked_is_told() -> None:
    for text, error, words in (
        ("7VpLc9owEP4tPXCoxy", UnsupportedMedia, "is damaged"),
        (packed("<a>" + " " * 18_000_000), MediaTooLarge, "more than 50 MB"),
    ):
        with pytest.raises(error, match=words) as caught:
            read(f"<mxfile><diagram>{text}</diagram></mxfile>".encode(), "a.drawio")
        assert "in draw.io" in str(caught.value)


INNER = 'MasterShape="8"'
SPACE = 'xmlns="http://schemas.microsoft.com/office/visio/2012/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'


def shape(name: int, text: str | None, x: float, y: float, more: str = "", inside: str = "") -> str:
    cells = f'<Cell N="PinX" V="{x}"/><Cell N="PinY" V="{y}"/>'
    words = "" if text is None else f"<Text><cp IX='0'/>{text}\n</Text>"
    return f'<Shape ID="{name}" {more}>{cells}{words}{inside}</Shape>'


def line(name: int, text: str, begins: int, ends: int) -> tuple[str, str]:
    drawn = (
        f'<Shape ID="{name}"><Cell N="BeginX" V="1"/><Cell N="EndArrow" V="4"/><Text>{text}</Text></Shape>'
    )
    where = (("BeginX", begins), ("EndX", ends))
    return drawn, "".join(f'<Connect FromSheet="{name}" FromCell="{c}" ToSheet="{to}"/>' for c, to in where)


def listed(kind: str, *names: str) -> tuple[str, str]:
    entries = "".join(
        f'<{kind} ID="{n}" Name="{name}"><Rel r:id="r{n}"/></{kind}>' for n, name in enumerate(names)
    )
    links = "".join(f'<Relationship Id="r{n}" Target="{kind.lower()}{n}.xml"/>' for n in range(len(names)))
    return f"<{kind}s {SPACE}>{entries}</{kind}s>", f"<Relationships>{links}</Relationships>"


def test_a_visio_drawing_is_read_with_the_words_of_its_masters() -> None:
    arrow, ends = line(9, "yes", 1, 3)
    group = shape(2, "Store", 4, 4, inside=f"<Shapes>{shape(3, 'Send', 1, 1)}</Shapes>")
    box = f"<Shapes>{shape(6, None, 1, 1)}{shape(7, None, 2, 1, INNER)}</Shapes>"  # 6 is the user's own
    page = shape(4, None, 6, 9, 'Master="0"', box) + group + shape(1, "Choose", 1, 9) + arrow
    pages, page_links = listed("Page", "Flow")
    masters, master_links = listed("Master", "Box")
    data = zipped(
        {
            "visio/document.xml": "<x/>",
            "visio/pages/pages.xml": pages,
            "visio/pages/_rels/pages.xml.rels": page_links,
            "visio/pages/page0.xml": f"<PageContents {SPACE}><Shapes>{page}</Shapes><Connects>{ends}</Connects></PageContents>",
            "visio/masters/masters.xml": masters,
            "visio/masters/_rels/masters.xml.rels": master_links,
            "visio/masters/master0.xml": f"<MasterContents {SPACE}><Shapes>{shape(5, 'Usual words', 0, 0)}{shape(8, 'Inner', 0, 0)}</Shapes></MasterContents>",
        }
    )
    facts = read(data, "a.vsdx")
    said = "- Choose\n- Usual words\n  - Inner\n- Store\n  - Send\n\nArrows:\n\n- Choose → Send: yes"
    assert [row[:3] for row in facts["pages"]] == [(1, "page 1: Flow", said)]


def test_an_empty_or_older_visio_drawing_is_refused_with_what_to_do() -> None:
    for data, words in (
        (zipped({"visio/document.xml": "x"}), "it names no pages"),
        (ole(["VisioDocument"]), "of before 2013"),
    ):
        with pytest.raises(UnsupportedMedia, match=words) as caught:
            read(data, "a.vsdx")
        assert "Export it as PDF" in str(caught.value)
