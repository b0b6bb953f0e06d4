"""XPS: the words of a page in their lines, whatever order of transforms they stand under."""

from __future__ import annotations

import io
from typing import Any

import pytest
from support.jobs import document_job
from support.made_documents import xps, zipped

from glm_mcp.errors import InvalidRequest, UnsupportedMedia


def read(data: bytes, **params: Any) -> dict[str, Any]:
    return document_job(io.BytesIO(data), {"name": "a.xps", **params})[0]


def glyphs(text: str, x: float, y: float, indices: str = "", more: str = "") -> str:
    place = f'OriginX="{x}" OriginY="{y}" FontRenderingEmSize="10"'
    return f'<Glyphs {place} UnicodeString="{text}" Indices="{indices}" {more}/>'


def test_words_of_a_line_are_joined_and_lines_and_paragraphs_kept_apart() -> None:
    page = (
        glyphs("T", 10, 20, "55,60")
        + glyphs("olls", 16, 20, ",50;,30;,30;,40")
        + glyphs("of 1902", 34, 20)
        + glyphs("3.50", 200, 20)
        + glyphs("were low", 10, 32)
        + glyphs("{}{A} last paragraph", 10, 70)
    )
    assert read(xps([page]))["pages"] == [
        (1, "page 1", "Tolls of 1902\t3.50\nwere low\n\n{A} last paragraph", "")
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_canvases_move_and_turn_what_is_on_them(encoding: str) -> None:
    moved = f'<Canvas RenderTransform="2,0,0,2,100,0">{glyphs("right", 0, 20)}</Canvas>'
    said = '<Canvas.RenderTransform><MatrixTransform Matrix="1 0 0 1 5 20"/></Canvas.RenderTransform>'
    page = glyphs("left", 10, 40) + moved + f"<Canvas>{said}{glyphs('below', 5, 40)}</Canvas>"
    assert read(xps([page], encoding))["pages"][0][2] == "left\tright\nbelow"


def test_pages_are_chosen_and_those_without_text_are_named() -> None:
    data = xps([glyphs("one", 0, 9), "<Path/>", glyphs("three", 0, 9)])
    facts = read(data, pages="2-3")
    assert [row[2] for row in facts["pages"]] == ["", "three"]
    assert facts["total"] == 3
    assert facts["notes"] == ["no text on the pages 2: print the file to a PDF to see them"]
    with pytest.raises(InvalidRequest, match="has 3 pages"):
        read(data, pages="4")


def test_a_file_without_its_pages_is_an_error_with_a_mend() -> None:
    for parts in ({"a.fdseq": "<x/>"}, {"a.fdseq": "<x"}):
        with pytest.raises(UnsupportedMedia, match="is damaged"):
            read(zipped(parts))


def test_what_is_nested_without_end_or_placed_nowhere_does_no_harm() -> None:
    deep = "<Canvas>" * 900 + glyphs("deep", 0, 9) + "</Canvas>" * 900
    wild = glyphs("words", 0, 9).replace('OriginX="0"', 'OriginX="1e999"').replace('"10"', '"-x"')
    assert read(xps([deep + wild]))["pages"][0][2] == "words"
