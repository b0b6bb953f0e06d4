"""DOCX and PPTX beyond plain text: formulas, pictures, page furniture, diagrams; and parts of them that are broken."""

from __future__ import annotations

import io
from typing import Any

import pytest
from support.cases import each
from support.jobs import document_job
from support.made_documents import W, docx, para, zipped

from glm_mcp.errors import InvalidRequest, UnsupportedMedia

pptx: Any = pytest.importorskip("pptx")


def pages(data: bytes, **params: Any) -> list[list[Any]]:
    facts, _ = document_job(io.BytesIO(data), {"name": "file", **params})
    return [list(row) for row in facts["pages"]]


def text(data: bytes) -> str:
    return str(pages(data)[0][2])


def run(words: str) -> str:
    return f"<m:r><m:t>{words}</m:t></m:r>"


X, TWO, AT = f"<m:e>{run('x')}</m:e>", f"<m:sup>{run('2')}</m:sup>", f"<m:sub>{run('i')}</m:sub>"
BRACES = f'<m:d><m:dPr><m:begChr m:val="{{"/><m:endChr m:val="}}"/></m:dPr>{X}</m:d>'
CELL = f"<m:e>{run('a')}</m:e><m:e>{run('b')}</m:e>"


@each(
    ("formula", "line"),
    [
        (f"<m:sSub>{X}{AT}</m:sSub>", "x_(i)"),
        (f"<m:sSubSup>{X}{AT}{TWO}</m:sSubSup>", "x_(i)^(2)"),
        (f"<m:rad><m:deg/>{X}</m:rad>", "sqrt(x)"),
        (f"<m:rad><m:deg>{run('3')}</m:deg>{X}</m:rad>", "root{3}(x)"),
        (f'<m:nary><m:naryPr><m:chr m:val="∑"/></m:naryPr>{AT}{TWO}{X}</m:nary>', "∑_(i)^(2) x"),
        (f"<m:nary><m:naryPr/><m:sub/><m:sup/>{X}</m:nary>", "∫ x"),
        (f"<m:d>{CELL}</m:d>", "(a|b)"),
        (f'<m:d><m:dPr><m:sepChr m:val=";"/></m:dPr>{CELL}</m:d>', "(a;b)"),
        (f"<m:d><m:e>{BRACES}</m:e></m:d>", "({x})"),
        (f"<m:m><m:mPr/><m:mr>{CELL}</m:mr><m:mr>{CELL}</m:mr></m:m>", "[a, b; a, b]"),
        (f"<m:func><m:fName>{run('sin')}</m:fName>{X}</m:func>", "sin x"),
        (f"<m:func><m:fName>{run('sin')}</m:fName><m:e><m:d>{X}</m:d></m:e></m:func>", "sin(x)"),
        ("<m:box><m:e>" * 60 + run("x") + "</m:e></m:box>" * 60, "x"),
    ],
)
def test_a_formula_of_word_is_written_in_a_line(formula: str, line: str) -> None:
    assert text(docx(f"<w:p><m:oMath>{formula}</m:oMath></w:p>")) == line


def r(words: str) -> str:
    return f"<w:r><w:t>{words}</w:t></w:r>"


RUBY = f"<w:r><w:ruby><w:rubyPr/><w:rt>{r('とう')}{r('きょう')}</w:rt><w:rubyBase>{r('東京')}</w:rubyBase></w:ruby></w:r>"


@each(
    ("body", "line"),
    [
        (f'{r("Page ")}<w:fldSimple w:instr="PAGE">{r("7")}</w:fldSimple>{r(" of 9")}', "Page 7 of 9"),
        (f'<w:bdo w:val="rtl"><w:dir w:val="ltr">{r("שלום")}</w:dir>{r(" one")}</w:bdo>', "שלום one"),
        (f"{RUBY}{r('へ')}", "東京(とうきょう)へ"),
        (
            f'<w:fldSimple w:instr="REF x">{RUBY}<m:oMath>{run("x")}</m:oMath></w:fldSimple>',
            "東京(とうきょう) x",
        ),
    ],
)
def test_the_words_of_fields_of_directions_and_of_ruby_stay_in_their_line(body: str, line: str) -> None:
    assert text(docx(f"<w:p>{body}</w:p>")) == line


@each(
    ("code", "shown"),
    [
        (r"EQ \f(1,2)", r"[formula: EQ \f(1,2)]"),
        (r"eq \o\ac(○,12)", "(12)"),
        (r'EQ \* jc2 \* "Font:宋体" \o\ad(\s\up 9(pīn),拼)', "拼(pīn)"),
        ("MACROBUTTON NoMacro [type a name]", "[type a name]"),
        ("PAGE", ""),
    ],
)
@each("result", ["", '<w:r><w:fldChar w:fldCharType="separate"/></w:r>'])
def test_a_field_of_word_whose_words_lie_in_its_instruction_shows_them(
    code: str, shown: str, result: str
) -> None:
    begin, end = (f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>' for kind in ("begin", "end"))
    field = f"{begin}<w:r><w:instrText> {code} </w:instrText></w:r>{result}{end}"
    assert text(docx(f"<w:p>{r('See')}{field}{r('here')}</w:p>")) == f"See{shown}here"


def test_what_stands_high_or_low_in_a_docx_is_marked_and_a_footnote_keeps_its_own_mark() -> None:
    def placed(words: str, place: str) -> str:
        return f'<w:r><w:rPr><w:vertAlign w:val="{place}"/></w:rPr>{words}</w:r>'

    note = placed('<w:footnoteReference w:id="2"/>', "superscript")
    plain = '<w:r><w:footnoteReference w:id="2"/></w:r>'
    high, low = placed("<w:t>6</w:t>", "superscript"), placed("<w:t>2</w:t>", "subscript")
    notes = f'<w:footnotes {W}><w:footnote w:id="2">{para("the note")}</w:footnote></w:footnotes>'
    body = f"<w:p>{r('10')}{high}{plain}{r(' H')}{low}{r('O')}{note}</w:p>"
    read = text(docx(body, {"word/footnotes.xml": notes}))
    assert read.partition("\n")[0] == "10^6^[^1] H~2~O[^1]"


@pytest.mark.parametrize(("state", "mark"), [("1", "[x]"), ("0", "[ ]")])
def test_a_check_box_of_word_shows_whether_it_is_ticked(state: str, mark: str) -> None:
    w14 = "http://schemas.microsoft.com/office/word/2010/wordml"
    box = (
        f'<w:sdt><w:sdtPr><w14:checkbox xmlns:w14="{w14}"><w14:checked w14:val="{state}"/></w14:checkbox></w:sdtPr>'
        f"<w:sdtContent>{r('☐')}</w:sdtContent></w:sdt>"
    )
    assert text(docx(f"<w:p>{box}{r(' Paid')}</w:p>")) == f"{mark} Paid"


def test_a_drop_down_of_word_says_what_else_could_be_chosen() -> None:
    items = '<w:listItem w:displayText="Choose one" w:value=""/><w:listItem w:displayText="Low" w:value="1"/><w:listItem w:value="High"/>'
    control = f"<w:sdt><w:sdtPr><w:dropDownList>{items}</w:dropDownList></w:sdtPr><w:sdtContent>{{}}</w:sdtContent></w:sdt>"
    assert (
        text(docx(f"<w:p>{r('Level: ')}{control.format(r('Low'))}</w:p>"))
        == "Level: Low [choices: Low, High]"
    )
    assert text(docx(control.format(para("High")))) == "High\n\n[choices: Low, High]"


def test_a_text_field_of_word_that_nobody_filled_in_shows_its_usual_text() -> None:
    begin = '<w:r><w:fldChar w:fldCharType="begin"><w:ffData><w:textInput><w:default w:val="your name"/></w:textInput></w:ffData></w:fldChar></w:r>'
    end = '<w:r><w:fldChar w:fldCharType="end"/></w:r>'
    result = f'<w:r><w:fldChar w:fldCharType="separate"/></w:r>{r("Ann")}'
    assert text(docx(f"<w:p>{begin}{end}</w:p>")) == "your name"
    assert text(docx(f"<w:p>{begin}{result}{end}</w:p>")) == "Ann"


def test_a_docx_with_the_mark_of_a_comment_that_it_does_not_hold_is_read() -> None:
    mark = '<w:r><w:commentReference w:id="0"/></w:r>'
    assert text(docx(f"<w:p>{r('Words')}{mark}</w:p>")) == "Words"


def test_a_picture_in_a_docx_is_named_by_its_alternative_text() -> None:
    spaces = (
        'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" '
        'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
        'xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/picture" '
        'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
    )
    drawing = (
        '<w:p><w:r><w:drawing><wp:inline {}><wp:docPr id="1" name="a" descr="{}"/><a:graphic><a:graphicData><pic:pic>'
        '<pic:blipFill><a:blip r:embed="img"/></pic:blipFill></pic:pic></a:graphicData></a:graphic></wp:inline></w:drawing></w:r></w:p>'
    )
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/image"
    related = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="img" Type="{kind}" Target="media/a.png"/></Relationships>'
    )
    more: dict[str, str | bytes] = {"word/_rels/document.xml.rels": related, "word/media/a.png": b"png"}
    body = drawing.format(spaces, "the  logo") + drawing.format(spaces, "")
    assert text(docx(body, more)) == "[picture: the logo]\n\n[picture]"


PICTURED = (
    'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/picture" '
    'xmlns:wpg="http://schemas.microsoft.com/office/word/2010/wordprocessingGroup" '
    'xmlns:wne="http://schemas.microsoft.com/office/word/2006/wordml"'
)


def drawn(within: str, alt: str = "") -> str:
    return (
        f'<w:p><w:r><w:drawing><wp:inline {PICTURED}><wp:docPr id="1" name="a" descr="{alt}"/><a:graphic>'
        f"<a:graphicData>{within}</a:graphicData></a:graphic></wp:inline></w:drawing></w:r></w:p>"
    )


def test_a_picture_in_a_docx_is_named_by_what_its_writer_said_not_by_its_file() -> None:
    named = '<pic:pic><pic:nvPicPr><pic:cNvPr id="2" name="p" descr="{}"/></pic:nvPicPr></pic:pic>'
    assert text(docx(drawn(named.format("IMG_1.jpg"), "The moon"))) == "[picture: The moon]"
    assert text(docx(drawn(named.format("IMG_1.jpg")))) == "[picture: IMG_1.jpg]"
    for folders in (r"C:\Users\Ann\AppData\Temp\\", r"\\server\home\\", "D:/My Pictures/"):
        assert text(docx(drawn(named.format(f"{folders}IMG_1.jpg")))) == "[picture: IMG_1.jpg]"
    assert text(docx(drawn("", r"and\or: D:\a"))) == r"[drawing: and\or: D:\a]"
    group = f"<wpg:wgp>{named.format('Sun')}{named.format('Moon')}</wpg:wgp>"
    assert text(docx(drawn(group, "Sky"))) == "[picture: Sun][picture: Moon][drawing: Sky]"


def test_a_text_box_of_the_first_form_of_drawings_is_read() -> None:
    box = f"<wp:txbx><wne:txbxContent>{para('in the box')}</wne:txbxContent></wp:txbx>"
    assert text(docx(drawn(box))) == "in the box"


def test_a_comment_on_a_part_of_a_word_stands_behind_the_word() -> None:
    comments = f'<w:comments {W}><w:comment w:id="1" w:author="Ann">{para("why?")}</w:comment></w:comments>'
    mark = '<w:r><w:commentReference w:id="1"/></w:r>'
    body = f"<w:p><w:r><w:t>It is her</w:t></w:r>{mark}<w:r><w:t>e and now</w:t></w:r></w:p>"
    body += f"<w:p><w:r><w:t>本合同</w:t></w:r>{mark}<w:r><w:t>自签字之日起生效</w:t></w:r></w:p>"
    assert text(docx(body, {"word/comments.xml": comments})) == (
        "It is here [comment, Ann: why?] and now\n\n本合同 [comment, Ann: why?]自签字之日起生效"
    )


def test_a_comment_on_what_was_deleted_is_read_at_the_end() -> None:
    comments = "".join(
        f'<w:comment w:id="{n}" w:author="Ann">{para(words)}</w:comment>'
        for n, words in ((1, "on what stays"), (2, "on what went"))
    )
    mark = '<w:r><w:commentReference w:id="{}"/></w:r>'
    body = f"<w:p>{r('Kept')}{mark.format(1)}<w:del>{mark.format(2)}</w:del></w:p>{para('Last')}"
    assert text(docx(body, {"word/comments.xml": f"<w:comments {W}>{comments}</w:comments>"})) == (
        "Kept [comment, Ann: on what stays]\n\nLast\n\n[comment, Ann: on what went]"
    )


def test_signs_that_are_typed_in_a_symbol_font_are_the_letters_that_they_show() -> None:
    def typed(sign: str, font: str) -> str:
        return (
            f'<w:r><w:rPr><w:rFonts w:ascii="{font}"/></w:rPr><w:t xml:space="preserve">{sign} </w:t></w:r>'
        )

    signs = (
        typed("\uf0a7\uf082\uf08c\uf0e8", "Wingdings")
        + typed("\uf062", "Symbol")
        + typed("\uf050", "Wingdings 2")
    )
    unknown = typed("\uf021", "Webdings") + typed("\uf8ff", "Icons of mine")
    facts, _ = document_job(io.BytesIO(docx(f"<w:p>{signs}{unknown}</w:p>")), {"name": "a.docx"})
    assert facts["pages"][0][2] == "▪②❶→ β ✓  \uf8ff"
    assert facts["notes"] == ["left out, signs of the font Webdings: paragraph 1"]


def test_signs_of_a_symbol_font_on_a_slide_are_the_letters_that_they_show() -> None:
    deck = pptx.Presentation()
    shape = deck.slides.add_slide(deck.slide_layouts[6]).shapes.add_textbox(0, 0, 9, 9)
    run = shape.text_frame.paragraphs[0].add_run()
    run.text, run.font.name = "\uf0fc done", "Wingdings"
    assert pages(saved(deck))[0][2] == "✓ done"


def test_a_page_number_alone_is_no_page_header() -> None:
    more = {
        "word/footer1.xml": f"<w:ftr {W}>{para('7')}</w:ftr>",
        "word/footer2.xml": f"<w:ftr {W}>{para('Draft')}</w:ftr>",
    }
    assert text(docx(para("Words"), more)) == "Words\n\n[page footer: Draft]"


def test_a_broken_part_of_a_docx_costs_only_itself() -> None:
    more = {"word/styles.xml": "<w:styles", "word/header1.xml": "<w:hdr", "word/numbering.xml": "no XML"}
    facts, _ = document_job(io.BytesIO(docx(para("Words", "H1"), more)), {"name": "file"})
    assert facts["pages"][0][2] == "Words"
    (note,) = facts["notes"]
    assert note == (
        "left out, parts whose XML is damaged: word/numbering.xml, word/styles.xml, word/header1.xml"
    )


def test_a_docx_without_its_text_or_with_a_broken_one_is_refused() -> None:
    with pytest.raises(UnsupportedMedia, match="file holds no text document"):
        text(zipped({"word/styles.xml": "<x/>"}))
    with pytest.raises(UnsupportedMedia, match="file is damaged: its main text cannot be read"):
        text(docx(para("Words"), {"word/document.xml": "<w:document"}))


def test_a_file_within_a_document_that_is_no_text_is_left_out_and_the_rest_read() -> None:
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    related = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="r9" Type="{office}/aFChunk" Target="chunk.bin"/></Relationships>'
    )
    body = f'<w:altChunk xmlns:r="{office}" r:id="r9"/>' + para("after")
    data = docx(body, {"word/_rels/document.xml.rels": related, "word/chunk.bin": bytes(range(256)) * 40})
    facts, _ = document_job(io.BytesIO(data), {"name": "a.docx"})
    assert facts["pages"][0][2] == "after"
    assert "files within the document that cannot be read" in facts["notes"][0]


def test_an_archive_under_a_password_says_so() -> None:
    data = docx(para("Words"))
    # The flags of each member, here and in the list.
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(signature)
        while at >= 0:
            data = data[: at + place] + bytes([data[at + place] | 1]) + data[at + place + 1 :]
            at = data.find(signature, at + 4)
    with pytest.raises(InvalidRequest, match="file is encrypted"):
        text(data)


# ── PPTX ────────────────────────────────────────────────────────────────────────────────────────────────────────


def saved(deck: Any) -> bytes:
    out = io.BytesIO()
    deck.save(out)
    return out.getvalue()


def test_the_words_of_a_diagram_and_of_grouped_shapes_are_read_and_lines_say_nothing() -> None:
    from pptx.opc.constants import RELATIONSHIP_TYPE as KINDS
    from pptx.opc.package import Part
    from pptx.opc.packuri import PackURI
    from pptx.oxml import parse_xml

    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    a = "http://schemas.openxmlformats.org/drawingml/2006/main"
    d = "http://schemas.openxmlformats.org/drawingml/2006/diagram"
    points = "".join(
        f'<d:pt><d:t><a:p><a:r><a:rPr><a:sym typeface="Symbol"/></a:rPr><a:t>{w}</a:t></a:r></a:p></d:t></d:pt>'
        for w in ("Plan", "", "Do \uf0d8p")
    )
    model = f'<d:dataModel xmlns:d="{d}" xmlns:a="{a}"><d:ptLst>{points}</d:ptLst></d:dataModel>'
    part = Part(PackURI("/ppt/diagrams/data1.xml"), "application/xml", slide.part.package, model.encode())
    number = slide.part.relate_to(part, KINDS.DIAGRAM_DATA)
    slide.shapes.add_connector(1, 0, 0, 9, 9)
    p = "http://schemas.openxmlformats.org/presentationml/2006/main"
    r = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    frame = (
        f'<p:graphicFrame xmlns:p="{p}" xmlns:a="{a}" xmlns:r="{r}"><p:nvGraphicFramePr><p:cNvPr id="9" name="d"/>'
        "<p:cNvGraphicFramePr/><p:nvPr/></p:nvGraphicFramePr><p:xfrm/><a:graphic>"
        f'<a:graphicData uri="{d}"><d:relIds xmlns:d="{d}" r:dm="{number}"/></a:graphicData></a:graphic></p:graphicFrame>'
    )
    slide.shapes._spTree.append(parse_xml(frame))  # noqa: SLF001 - the library makes no diagrams
    inner = slide.shapes
    for depth in range(22):
        inner = inner.add_group_shape().shapes
        inner.add_textbox(0, 0, 9, 9).text_frame.text = f"depth {depth + 1}"
    slide.notes_slide.notes_text_frame.text = " "
    (row,) = pages(saved(deck))
    assert row[2].startswith("- Plan\n- Do ¬p\n\ndepth 1\n\ndepth 2\n\n")
    assert row[2].endswith("depth 22")


def test_a_slide_that_is_missing_is_named_and_the_others_are_read() -> None:
    import zipfile

    deck = pptx.Presentation()
    for words in ("One", "Two", "Three"):
        deck.slides.add_slide(deck.slide_layouts[5]).shapes.title.text = words
    whole = zipfile.ZipFile(io.BytesIO(saved(deck)))
    kept = {name: whole.read(name) for name in whole.namelist() if name != "ppt/slides/slide2.xml"}
    facts, _ = document_job(io.BytesIO(zipped(kept)), {"name": "file"})
    assert [row[2] for row in facts["pages"]] == ["# One", "", "# Three"]
    assert facts["notes"] == ["left out, slides that the file does not hold or that are damaged: slide 2"]


def test_a_pptx_without_any_slide_is_refused() -> None:
    with pytest.raises(UnsupportedMedia, match="file holds no slides that can be read"):
        pages(zipped({"ppt/presentation.xml": "<p/>"}))


def test_what_was_deleted_from_a_docx_with_tracking_is_left_out_and_told() -> None:
    gone = "<w:p><w:r><w:t>kept</w:t></w:r><w:del><w:r><w:delText>gone</w:delText></w:r></w:del></w:p>"
    facts, _ = document_job(io.BytesIO(docx(gone)), {"name": "a.docx"})
    assert facts["pages"][0][2] == "kept"
    assert facts["notes"] == ["left out, words whose deletion is tracked: paragraph 1"]


def test_the_descriptions_of_drawings_the_links_of_shapes_and_what_stands_high_are_read_on_slides() -> None:
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    box = slide.shapes.add_textbox(0, 0, 9, 9)
    box.text_frame.text = "see"
    mark = box.text_frame.paragraphs[0].add_run()
    mark.text = "1"
    mark.font._element.set("baseline", "30000")  # noqa: SLF001 - the library has no name for it
    box.click_action.hyperlink.address = "https://example.com/a"
    group = slide.shapes.add_group_shape()
    group.shapes.add_textbox(0, 0, 9, 9).text_frame.text = "inside"
    group._element.nvGrpSpPr.cNvPr.set("descr", "two  boats")  # noqa: SLF001 - as above
    (row,) = pages(saved(deck))
    assert row[2] == "see^1^\n\n(https://example.com/a)\n\ninside\n\n[drawing: two boats]"


def test_the_description_of_a_drawing_in_a_text_is_read() -> None:
    names = (
        'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" '
        'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape"'
    )
    box = f"<wps:wsp><wps:txbx><w:txbxContent>{para('inside')}</w:txbxContent></wps:txbx></wps:wsp>"
    drawing = (
        f'<w:drawing><wp:inline {names}><wp:docPr id="1" descr="two boats"/>{box}</wp:inline></w:drawing>'
    )
    (row,) = pages(docx(f"<w:p><w:r><w:t>See </w:t>{drawing}</w:r></w:p>"))
    assert row[2] == "See [drawing: two boats]\n\ninside"
