"""Programs in Word's documents: lines in a font whose letters are all as wide."""

from __future__ import annotations

import io

from support.cases import each
from support.jobs import document_job
from support.made_documents import W, docx, para

CODE = ["if x:", "    go(x)", "  \t# done"]


def text(data: bytes) -> str:
    facts, _ = document_job(io.BytesIO(data), {"name": "a.docx"})
    return str(facts["pages"][0][2])


def line(words: str, look: str = '<w:rFonts w:ascii="Courier New"/>', style: str = "") -> str:
    named = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f'<w:p>{named}<w:r><w:rPr>{look}</w:rPr><w:t xml:space="preserve">{words}</w:t></w:r></w:p>'


def styles(font: str, *, usual: bool = False) -> dict[str, str]:
    of = f'<w:rPr><w:rFonts w:hAnsi="{font}"/></w:rPr>'
    usually = f'<w:style w:type="paragraph" w:default="1" w:styleId="a"><w:name w:val="Normal"/>{of * usual}</w:style>'
    based = f'<w:style w:type="paragraph" w:styleId="b"><w:name w:val="Listing"/>{of}</w:style>'
    child = (
        '<w:style w:type="paragraph" w:styleId="c"><w:name w:val="Short"/><w:basedOn w:val="b"/></w:style>'
    )
    return {"word/styles.xml": f"<w:styles {W}>{usually}{based}{child}</w:styles>"}


def test_lines_of_a_program_are_one_block_with_their_indentation() -> None:
    body = para("Before") + "".join(map(line, CODE)) + para("After")
    assert text(docx(body)) == "Before\n\n```\nif x:\n    go(x)\n  \t# done\n```\n\nAfter"


def test_a_program_is_told_by_its_style_too() -> None:
    body = "".join(line(words, "<w:b/>", "c") for words in CODE)
    assert text(docx(body, styles("Consolas"))) == "```\nif x:\n    go(x)\n  \t# done\n```"
    assert text(docx(body, styles("Arial"))) == "**if x:**\n\n**go(x)**\n\n**# done**"


def test_lines_without_signs_of_code_are_a_program_where_they_are_short() -> None:
    body = "".join(map(line, ("  RJMP init", "  NOP", "  SEI", "loop")))
    assert text(docx(body)) == "```\n  RJMP init\n  NOP\n  SEI\nloop\n```"


@each(
    "body",
    [
        line("One line = alone"),
        line("A letter that was typed on a machine, with words alone.") * 2,
        "".join(map(line, CODE[:1])) + para("x = y"),
    ],
)
def test_what_is_no_program_is_text(body: str) -> None:
    assert "```" not in text(docx(body))


def test_a_program_in_a_cell_keeps_its_indentation_there() -> None:
    cells = f"<w:tc>{''.join(map(line, CODE[:2]))}</w:tc><w:tc>{para('says')}</w:tc>"
    assert text(docx(f"<w:tbl><w:tr>{cells}</w:tr></w:tbl>")).startswith("| if x:<br>    go(x) | says |")
    framed = text(docx(f"<w:tbl><w:tr><w:tc>{''.join(map(line, CODE))}</w:tc></w:tr></w:tbl>"))
    assert framed == "```\nif x:\n    go(x)\n  \t# done\n```"


def test_a_document_that_is_all_in_such_a_font_is_text() -> None:
    assert "```" not in text(docx("".join(map(line, CODE)), styles("Courier New", usual=True)))
