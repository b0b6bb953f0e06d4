"""A counting check: every text of an office file is in what is read from it, or a note says that it was left out."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from xml.etree import ElementTree as ET

from support.cases import each
from support.document_kinds import KINDS, letter
from support.jobs import document_job
from support.made_documents import W, docx, para, presentation, word_table, workbook
from support.paths import DATA

from glm_mcp.media.documents.word.written_numbers import written

# The parts that a reader of the file sees.
PARTS = re.compile(
    r"word/(?:document\d*|header\d*|footer\d*|footnotes|endnotes|comments)\.xml"
    r"|ppt/(?:slides|notesSlides|charts|diagrams)/(?:slide|notesSlide|chart|data)\d+\.xml"
    r"|xl/(?:sharedStrings|drawings/drawing\d+|charts/chart\d+|comments\d*|comments/comment\d+)\.xml"
)
UNSHOWN = ("moveFrom", "del", "rPh")  # what was moved away or deleted, and readings above East Asian words


def local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def texts(element: ET.Element) -> Iterator[str]:
    if local(element) in UNSHOWN:
        return
    if local(element) == "Fallback" and element.tag.startswith("{http://schemas.openxmlformats.org/markup"):
        return  # the same once more, for older programs
    if any(local(e) == "ph" and e.get("type") == "sldNum" for e in element.iter()) and local(element) == "sp":
        return  # the number of the slide
    if local(element) == "t" and element.text:
        yield element.text
    for child in element:
        yield from texts(child)


def solid(text: str) -> str:
    """Without what Markdown adds or a table escapes."""
    return re.sub(r"[\s\\*_`~^|]|<br>", "", text)


def lost(data: bytes) -> list[str]:
    facts, _ = document_job(io.BytesIO(data), {"name": "file"})
    read = solid("\n".join(row[2] for row in facts["pages"]))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {n: archive.read(n) for n in archive.namelist() if PARTS.fullmatch(n.replace("\\", "/"))}
    whole = b"".join(parts.values())
    for name in [n for n in parts if n.endswith("notes.xml")]:
        if f"{name.removeprefix('word/').removesuffix('s.xml')}Reference".encode() not in whole:
            del parts[name]  # notes without a mark, which Word does not show
    held = [text for part in parts.values() for text in texts(ET.fromstring(part))]  # noqa: S314 - made by these tests
    assert held or facts["pages"]
    gone = [text for text in held if solid(text) and solid(text) not in read]
    return [] if any(note.startswith("left out") for note in facts["notes"]) and not gone else gone


def rich() -> bytes:
    """A DOCX with a text of its own in each place that can hold one."""
    box = f"<w:pict><v:shape xmlns:v='urn:schemas-microsoft-com:vml'><v:textbox><w:txbxContent>{para('in a box')}</w:txbxContent></v:textbox></v:shape></w:pict>"
    table = word_table([["cell one", "cell two"]])
    nested = (
        f"<w:tbl><w:tr><w:tc>{table}{para('below it')}</w:tc><w:tc>{para('beside it')}</w:tc></w:tr></w:tbl>"
    )
    control = f"<w:sdt><w:sdtContent>{para('in a control')}</w:sdtContent></w:sdt>"
    inserted = "<w:p><w:ins><w:r><w:t>inserted</w:t></w:r></w:ins><w:moveTo><w:r><w:t>moved here</w:t></w:r></w:moveTo></w:p>"
    moved = "<w:p><w:moveFrom><w:r><w:t>moved away</w:t></w:r></w:moveFrom></w:p>"
    field = (
        '<w:p><w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>PAGE</w:instrText></w:r>'
        '<w:r><w:fldChar w:fldCharType="separate"/></w:r><w:r><w:t>result 12</w:t></w:r>'
        '<w:r><w:fldChar w:fldCharType="end"/></w:r></w:p>'
    )
    notes = (
        '<w:p><w:r><w:t>noted</w:t><w:footnoteReference w:id="1"/><w:commentReference w:id="4"/></w:r></w:p>'
    )
    body = f"<w:p><w:r>{box}</w:r></w:p>{nested}{control}{inserted}{moved}{field}{notes}{para('a point', number=1)}"
    return docx(
        body,
        {
            "word/comments.xml": f'<w:comments {W}><w:comment w:id="4" w:author="Ann">{para("a remark")}</w:comment></w:comments>',
            "word/header2.xml": f"<w:hdr {W}>{para('at the top')}</w:hdr>",
            "word/footer1.xml": f"<w:ftr {W}>{word_table([['left', 'right']])}</w:ftr>",
        },
    )


MADE: dict[str, Callable[[], bytes]] = {
    "rich.docx": rich,
    "letter.docx": letter,
    "deck.pptx": presentation,
    "book.xlsx": workbook,
    **{name: build for name, (build, _) in KINDS.items() if name.endswith((".docx", ".pptx", ".xlsx"))},
    **{path.name: path.read_bytes for path in sorted((DATA / "cases").glob("*.???x"))},
}


@each("name", MADE)
def test_every_text_of_an_office_file_is_read_or_said_to_be_left_out(name: str) -> None:
    assert lost(MADE[name]()) == []


@each(
    ("form", "numbers"),
    [
        ("decimal", ["1", "2", "27", "3999"]),
        ("decimalZero", ["01", "02", "27", "3999"]),
        ("lowerLetter", ["a", "b", "aa", None]),
        ("upperRoman", ["I", "II", "XXVII", "MMMCMXCIX"]),
        ("ordinal", ["1st", "2nd", "27th", "3999th"]),
        ("chineseCounting", ["一", "二", "二十七", "三千九百九十九"]),
        ("decimalEnclosedCircle", ["①", "②", "27", "3999"]),
        ("russianLower", ["а", "б", None, None]),
        ("russianUpper", ["А", "Б", None, None]),
        ("cardinalText", ["One", "Two", "Twenty-seven", "3999"]),
        ("ordinalText", ["First", "Second", "Twenty-seventh", "3999"]),
        ("001", ["001", "002", "027", "3999"]),
        ("ideographTraditional", ["甲", "乙", None, None]),
        ("ideographZodiacTraditional", ["甲子", "乙丑", "庚寅", None]),
        ("chineseLegalSimplified", ["壹", "贰", "贰拾柒", "叁仟玖佰玖拾玖"]),
        ("japaneseCounting", ["一", "二", "二十七", "三千九百九十九"]),
        ("koreanCounting", ["일", "이", "이십칠", "삼천구백구십구"]),
        ("thaiNumbers", ["๑", "๒", "๒๗", "๓๙๙๙"]),
        ("hebrew1", ["א", "ב", "כז", None]),
        ("unheardOf", ["1", "2", "27", "3999"]),
    ],
)
def test_numbers_are_written_in_the_scripts_that_word_knows(form: str, numbers: list[str | None]) -> None:
    for number, text in zip((1, 2, 27, 3999), numbers, strict=True):
        if text is not None:
            assert written(number, form) == text


def test_numbers_of_a_word_list_are_words_in_an_english_document_alone() -> None:
    newer = '<w:numFmt w:val="custom" w:format="001, 002, 003, ..."/>'
    numbering = (
        f'<w:numbering {W} xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006">'
        '<w:abstractNum w:abstractNumId="7">'
        '<w:lvl w:ilvl="0"><w:numFmt w:val="cardinalText"/><w:lvlText w:val="ARTICLE %1."/></w:lvl>'
        f'<w:lvl w:ilvl="1"><mc:AlternateContent><mc:Choice Requires="w14">{newer}</mc:Choice>'
        '<mc:Fallback><w:numFmt w:val="decimal"/></mc:Fallback></mc:AlternateContent><w:lvlText w:val="%2"/></w:lvl>'
        '</w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="7"/></w:num></w:numbering>'
    )
    body = para("Terms", number=1) + para("Fees", number=1) + para("Due dates", number=1, level=1)
    for language, second in (("en-US", "Two"), ("fr-FR", "2")):
        run = f'<w:rPr><w:lang w:val="{language}"/></w:rPr>'
        styles = f"<w:styles {W}><w:docDefaults><w:rPrDefault>{run}</w:rPrDefault></w:docDefaults></w:styles>"
        parts = {"word/numbering.xml": numbering, "word/styles.xml": styles}
        facts, _ = document_job(io.BytesIO(docx(body, parts)), {"name": "a.docx"})
        assert facts["pages"][0][2].endswith(f"ARTICLE {second}. Fees\n  001 Due dates")


def test_sections_of_a_contract_have_the_numbers_of_their_articles_as_digits() -> None:
    numbering = (
        f'<w:numbering {W}><w:abstractNum w:abstractNumId="7">'
        '<w:lvl w:ilvl="0"><w:numFmt w:val="upperRoman"/><w:lvlText w:val="Article %1."/></w:lvl>'
        '<w:lvl w:ilvl="1"><w:numFmt w:val="decimalZero"/><w:isLgl/><w:lvlText w:val="Section %1.%2"/></w:lvl>'
        '</w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="7"/></w:num></w:numbering>'
    )
    body = para("Terms", number=1) + para("Fees", number=1) + para("Due dates", number=1, level=1)
    facts, _ = document_job(io.BytesIO(docx(body, {"word/numbering.xml": numbering})), {"name": "a.docx"})
    assert facts["pages"][0][2] == "Article I. Terms\nArticle II. Fees\n  Section 2.01 Due dates"


def test_an_empty_paragraph_has_its_number_as_rows_of_a_form_have_unless_it_is_deleted() -> None:
    def numbered(text: str = "", look: str = "") -> str:
        words = f"<w:r><w:t>{text}</w:t></w:r>" if text else ""
        return f'<w:p><w:pPr><w:numPr><w:numId w:val="2"/></w:numPr>{look}</w:pPr>{words}</w:p>'

    rows = [[f"<w:tc>{numbered()}</w:tc>", name] for name in ("Fire extinguisher", "First aid")]
    gone = numbered(look="<w:rPr><w:del/></w:rPr>")
    bullet = '<w:p><w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:p>'
    data = docx(word_table([["No.", "What"], *rows]) + gone + numbered("Smoke alarm") + bullet + para("End"))
    facts, _ = document_job(io.BytesIO(data), {"name": "a.docx"})
    assert facts["pages"][0][2].split("\n") == [
        *("| No. | What |", "| --- | --- |", "| 1. | Fire extinguisher |", "| 2. | First aid |"),
        *("", "3. Smoke alarm", "", "End"),
    ]


def test_numbering_goes_on_after_prose_over_levels_and_restarts_where_it_is_told_to() -> None:
    def level(n: int, text: str, form: str = "decimal", more: str = "") -> str:
        return f'<w:lvl w:ilvl="{n}"><w:start w:val="1"/><w:numFmt w:val="{form}"/>{more}<w:lvlText w:val="{text}"/></w:lvl>'

    heading = '<w:pStyle w:val="H1"/>'
    numbering = (
        f'<w:numbering {W}><w:abstractNum w:abstractNumId="7">'
        f"{level(0, '%1', more=heading)}{level(1, '%1.%2')}{level(2, '(%3)', 'lowerLetter')}</w:abstractNum>"
        '<w:num w:numId="1"><w:abstractNumId w:val="7"/></w:num>'
        '<w:num w:numId="2"><w:abstractNumId w:val="7"/><w:lvlOverride w:ilvl="1"><w:startOverride w:val="5"/></w:lvlOverride></w:num>'
        "</w:numbering>"
    )
    styles = (
        f'<w:styles {W}><w:style w:type="paragraph" w:styleId="H1"><w:name w:val="heading 1"/>'
        '<w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:style></w:styles>'
    )
    body = (
        para("Scope", "H1")
        + para("first", number=1, level=1)
        + para("Some prose.")
        + para("second", number=1, level=1)
    )
    body += para("a point", number=1, level=2) + para("another", number=1, level=2) + para("Invoices", "H1")
    body += (
        para("anew", number=1, level=1)
        + para("from five", number=2, level=1)
        + para("six", number=2, level=1)
    )
    facts, _ = document_job(
        io.BytesIO(docx(body, {"word/numbering.xml": numbering, "word/styles.xml": styles})),
        {"name": "a.docx"},
    )
    assert facts["pages"][0][2].split("\n") == [
        *(
            "# 1 Scope",
            "",
            "  1.1 first",
            "",
            "Some prose.",
            "",
            "  1.2 second",
            "    (a) a point",
            "    (b) another",
        ),
        *("", "# 2 Invoices", "", "  2.1 anew", "  2.5 from five", "  2.6 six"),
    ]
