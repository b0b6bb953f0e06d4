"""Objects of other programs in office files: formulas of MathType and of Word's older editor, charts."""

from __future__ import annotations

import io
import struct

import pptx
from support.jobs import document_job
from support.made_documents import docx
from support.made_formulas import OTHERS, SHOWN, Formula, a_little_of_all
from support.made_outlook import compound
from support.made_slides import datasheet, of_object, show, slide
from support.made_word import word

_RELATIONSHIPS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_O = f'xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office" xmlns:r="{_RELATIONSHIPS}"'


def text(data: bytes, name: str) -> str:
    return str(document_job(io.BytesIO(data), {"name": name})[0]["pages"][0][2])


def with_object(formula: bytes, program: str = "Equation.DSMT4") -> bytes:
    """A paragraph with a formula and the picture of it, which programs show that cannot draw it."""
    holder = f'<w:object {_O}><v:shape><v:imagedata/></v:shape><o:OLEObject ProgID="{program}" r:id="rIdF"/></w:object>'
    links = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="rIdF" Type="{_RELATIONSHIPS}/oleObject" Target="embeddings/o.bin"/></Relationships>'
    )
    more: dict[str, str | bytes] = {
        "word/_rels/document.xml.rels": links,
        "word/embeddings/o.bin": compound({"Equation Native": formula}),
    }
    return docx(f"<w:p><w:r><w:t>If</w:t></w:r><w:r>{holder}</w:r><w:r><w:t>then</w:t></w:r></w:p>", more)


def test_a_formula_of_mathtype_in_a_docx_is_written_out_where_it_stands() -> None:
    assert text(with_object(a_little_of_all(new=True)), "exam.docx") == f"If {SHOWN} then"


def test_a_formula_of_words_older_editor_in_a_docx_is_written_out() -> None:
    assert text(with_object(a_little_of_all(new=False), "Equation.3"), "exam.docx") == f"If {SHOWN} then"


def test_a_formula_in_a_doc_is_written_out_in_the_place_of_its_picture() -> None:
    number = struct.pack("<HI", 0x6A03, 77)
    runs = [
        ("If ", b""),
        ("\x13 EMBED Equation.3 ", b""),
        ("\x14", number),
        ("\x01", b""),
        ("\x15", b""),
        (" then \x01\r", b""),
    ]
    data = word([(runs, 0, b"")], objects={77: a_little_of_all(new=False)})
    assert text(data, "exam.doc") == f"If  {SHOWN}  then [picture]"


def test_the_data_of_a_chart_in_a_doc_stands_behind_its_picture() -> None:
    runs = [
        ("Costs ", b""),
        ("\x13 EMBED MSGraph.Chart.8 \\s ", b""),
        ("\x14", struct.pack("<HI", 0x6A03, 77)),
        ("\x01", b""),
        ("\x15", b""),
        (" of a year\r", b""),
    ]
    data = word([(runs, 0, b"")], files={77: ("Workbook", datasheet("第一季度", wide=True))})
    assert text(data, "report.doc") == (
        "Costs [picture][embedded: MSGraph.Chart.8] of a year\n\n[sheet 'Datasheet']\n\n"
        "|  | 第一季度 |\n| --- | --- |\n| Rent | 12.5 |"
    )


def test_a_formula_on_a_slide_is_written_out() -> None:
    deck, file = pptx.Presentation(), io.BytesIO()
    holder = io.BytesIO(compound({"Equation Native": a_little_of_all(new=True)}))
    deck.slides.add_slide(deck.slide_layouts[6]).shapes.add_ole_object(holder, "Equation.DSMT4", 0, 0)
    deck.save(file)
    assert text(file.getvalue(), "talk.pptx") == SHOWN


def test_a_file_within_a_file_says_its_words_and_not_who_wrote_it() -> None:
    inner, file = pptx.Presentation(), io.BytesIO()
    inner.core_properties.author = "Ann Otter"
    inner.slides.add_slide(inner.slide_layouts[6]).shapes.add_textbox(0, 0, 9, 9).text_frame.text = "within"
    inner.save(file)
    assert text(file.getvalue(), "alone.pptx") == "within\n\n[author: Ann Otter]"
    outer = show([(slide(of_object(1)), b"")], objects=[("PowerPoint.Show.12", file.getvalue())])
    assert text(outer, "talk.ppt") == "[embedded: PowerPoint.Show.12]\n\nwithin"


def test_a_formula_that_cannot_be_read_is_named() -> None:
    """One in letters of a font that nobody knows; one that is cut off; one without an end of its templates."""
    f = Formula(new=True)
    unknown = f.stream(f.line(f.text("\uec00", OTHERS)))
    endless = f.stream(f.line(*[b"\3\0\1\0\0"] * 100))
    for formula in (unknown, a_little_of_all(new=True)[:50], endless, b""):
        assert text(with_object(formula), "exam.docx") == "If[picture][embedded: Equation.DSMT4]then"
