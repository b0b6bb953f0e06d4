"""OpenDocument: numbers, looks, formulas, readings, what slides share, and files that are one XML file."""

from __future__ import annotations

import io
from typing import Any

from support.cases import each
from support.jobs import document_job
from support.made_documents import odt, zipped

NAMES = (
    " ".join(
        f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{long}:1.0"'
        for short, long in (
            ("office", "office"),
            ("text", "text"),
            ("style", "style"),
            ("table", "table"),
            ("draw", "drawing"),
            ("presentation", "presentation"),
            ("fo", "xsl-fo-compatible"),
        )
    )
    + ' xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:math="http://www.w3.org/1998/Math/MathML"'
)
FRACTION = "<math:mrow><math:mi>E</math:mi><math:mo>=</math:mo><math:mfrac><math:mi>a</math:mi><math:mi>b</math:mi></math:mfrac></math:mrow>"
LEVELS = (
    '<text:list-style style:name="L"><text:list-level-style-number text:level="1" style:num-format="1" style:num-prefix="§ " text:start-value="7"/>'
    '<text:list-level-style-number text:level="2" style:num-format="1" style:num-prefix="§ " text:display-levels="2"/>'
    '<text:list-level-style-number text:level="3" style:num-format="a" style:num-suffix=")"/></text:list-style>'
)
OUTLINE = (
    '<text:outline-style style:name="O"><text:outline-level-style text:level="1" style:num-format="1" style:num-suffix="."/>'
    '<text:outline-level-style text:level="2" style:num-format="1" text:display-levels="2"/></text:outline-style>'
)
LOOKS = "".join(
    f'<style:style style:name="{name}" style:family="text"><style:text-properties {properties}/></style:style>'
    for name, properties in (
        ("B", 'fo:font-weight="bold"'),
        ("S", 'style:text-line-through-style="solid"'),
        ("U", 'style:text-position="super 58%"'),
        ("D", 'style:text-position="-33% 58%"'),
    )
)


def file(body: str, kind: str = "text", master: str = "") -> bytes:
    """All of it in one XML file."""
    return (
        f'<?xml version="1.0"?><office:document {NAMES} office:mimetype="application/vnd.oasis.opendocument.{kind}">'
        f"<office:styles>{OUTLINE}</office:styles><office:automatic-styles>{LEVELS}{LOOKS}</office:automatic-styles>"
        f"<office:master-styles>{master}</office:master-styles>"
        f"<office:body><office:{kind}>{body}</office:{kind}></office:body></office:document>"
    ).encode()


def read(data: bytes) -> dict[str, Any]:
    return document_job(io.BytesIO(data), {"name": "file"})[0]


def item(text: str, inner: str = "") -> str:
    return f"<text:list-item><text:p>{text}</text:p>{inner}</text:list-item>"


def listed(items: str, more: str = "") -> str:
    return f'<text:list text:style-name="L"{more}>{items}</text:list>'


def test_lists_and_headings_have_the_numbers_that_their_styles_write() -> None:
    deep = listed(item("deeper", listed(item("deepest"))) + item("next"))
    body = (
        '<text:h text:outline-level="1">Scope</text:h><text:h text:outline-level="2">Terms</text:h>'
        + listed(item("seven", deep))
        + "<text:p>Prose.</text:p>"
        + listed(item("eight"), ' text:continue-numbering="true"')
        + listed(item("anew"))
        + '<text:h text:outline-level="2">Fees</text:h><text:h text:outline-level="1">End</text:h>'
        + '<text:h text:outline-level="1" text:is-list-header="true">Annex</text:h>'
    )
    assert read(file(body))["pages"][0][2].replace("\n\n", "\n").split("\n") == [
        *("# 1. Scope", "## 1.1 Terms", "§ 7 seven", "  § 7.1 deeper", "    a) deepest", "  § 7.2 next"),
        *("Prose.", "§ 8 eight", "§ 7 anew", "## 1.2 Fees", "# 2. End", "# Annex"),
    ]


def test_an_empty_item_of_a_list_has_its_number_as_rows_of_a_form_have() -> None:
    assert read(file(listed(item("") + item("eight"))))["pages"][0][2].split("\n") == ["§ 7", "§ 8 eight"]


@each(
    ("body", "text"),
    [
        (
            (
                'Now <text:span text:style-name="B">bold</text:span>, <text:span text:style-name="S">gone</text:span>, '
                'H<text:span text:style-name="D">2</text:span>O, m<text:span text:style-name="U">2</text:span>'
            ),
            "Now **bold**, ~~gone~~, H~2~O, m^2^",
        ),
        (
            "<text:ruby><text:ruby-base>漢字</text:ruby-base><text:ruby-text>かんじ</text:ruby-text></text:ruby>",
            "漢字(かんじ)",
        ),
        (
            f"So <draw:frame><draw:object><math:math>{FRACTION}</math:math></draw:object></draw:frame> holds",
            "So  E = (a)/(b)  holds",
        ),
        ('<text:a xlink:href="https://example.com/a b">here</text:a>', "[here](https://example.com/a%20b)"),
    ],
)
def test_the_runs_of_a_paragraph_keep_what_they_mean(body: str, text: str) -> None:
    assert read(file(f"<text:p>{body}</text:p>"))["pages"][0][2] == text


def test_a_formula_that_is_an_object_of_its_own_is_read() -> None:
    frame = '<text:p>So <draw:frame><draw:object xlink:href="./Object 1"/></draw:frame> holds</text:p>'
    whole: dict[str, str | bytes] = {
        "mimetype": "application/vnd.oasis.opendocument.text",
        "content.xml": file(frame),
        "Object 1/content.xml": f'<math:math xmlns:math="http://www.w3.org/1998/Math/MathML">{FRACTION}</math:math>',
    }
    assert read(zipped(whole))["pages"][0][2] == "So  E = (a)/(b)  holds"


def test_what_was_deleted_with_tracking_is_left_out_and_told() -> None:
    gone = "<text:tracked-changes><text:changed-region><text:deletion><text:p>gone</text:p></text:deletion></text:changed-region></text:tracked-changes>"
    facts = read(file(f"{gone}<text:p>kept</text:p>"))
    assert facts["pages"][0][2] == "kept"
    assert facts["notes"] == ["left out, words whose deletion is tracked: the text"]


def test_the_footer_and_the_words_behind_slides_are_told_once() -> None:
    box = "<draw:frame><draw:text-box><text:p>{}</text:p></draw:text-box></draw:frame>"
    master = f'<style:master-page style:name="M">{box.format("Confidential")}<draw:frame presentation:class="title"><draw:text-box><text:p>to fill in</text:p></draw:text-box></draw:frame></style:master-page>'
    slide = f'<draw:page draw:master-page-name="M" presentation:use-footer-name="f">{box.format("Words")}</draw:page>'
    body = f'<presentation:footer-decl presentation:name="f">Company</presentation:footer-decl>{slide}{slide}'
    facts = read(file(body, "presentation", master))
    assert facts["kind"] == "odp"
    assert [row[2] for row in facts["pages"]] == [
        "Words\n\n[page footer: Company]\n\n[slide master: Confidential]",
        "Words",
    ]


def test_signs_of_a_symbol_font_are_the_letters_that_they_show() -> None:
    styles = "".join(
        f'<style:style style:name="{name}" style:family="text"><style:text-properties style:font-name="{font}"/></style:style>'
        for name, font in (("S", "Symbol1"), ("W", "Wingdings"), ("X", "Webdings"))
    )
    spans = "".join(
        f'<text:span text:style-name="{style}">{sign}</text:span> '
        for style, sign in (("S", "\uf062"), ("W", "\uf0fc"), ("X", "\uf021"))
    )
    assert read(file(f"{styles}<text:p>{spans}</text:p>"))["pages"][0][2] == "β ✓ \uf021"


def test_a_footer_that_is_written_behind_slides_is_told_where_it_shows() -> None:
    frame = (
        '<draw:frame presentation:class="{}"><draw:text-box><text:p>{}</text:p></draw:text-box></draw:frame>'
    )
    master = f'<style:master-page style:name="M">{frame.format("footer", "Confidential")}{frame.format("page-number", "7")}</style:master-page>'
    off = '<style:style style:name="off"><style:drawing-page-properties presentation:display-footer="false"/></style:style>'
    slide = '<draw:page draw:master-page-name="M" draw:style-name="{}"/>'
    facts = read(file(off + slide.format("off") + slide.format("on"), "presentation", master))
    assert [row[2] for row in facts["pages"]] == ["", "[slide master: Confidential]"]


def test_a_workbook_that_is_one_xml_file_shows_its_cells() -> None:
    cell = '<table:table-cell office:value-type="percentage" office:value="0.256"><text:p>25.6%</text:p></table:table-cell>'
    facts = read(
        file(
            f'<table:table table:name="S"><table:table-row>{cell}</table:table-row></table:table>',
            "spreadsheet",
        )
    )
    assert facts["kind"] == "ods"
    assert "| 25.6% |" in facts["pages"][0][2]


def test_a_table_within_a_cell_stands_where_it_stands() -> None:
    inner = "<table:table><table:table-row><table:table-cell><text:p>in</text:p></table:table-cell></table:table-row></table:table>"
    cell = f"<table:table-cell><text:p>above</text:p>{inner}<text:p>below</text:p></table:table-cell>"
    data = odt(f"<table:table><table:table-row>{cell}</table:table-row></table:table>")
    assert read(data)["pages"][0][2] == "| above<br>in<br>below |\n| --- |"


def test_a_chart_is_read_whatever_else_stands_in_the_place_that_names_it() -> None:
    frame = '<text:p><draw:frame><draw:object xlink:href="./Object 1"><text:p/></draw:object></draw:frame></text:p>'
    table = "<table:table><table:table-row><table:table-cell><text:p>North</text:p></table:table-cell></table:table-row></table:table>"
    chart = f'<office:document-content {NAMES} xmlns:chart="urn:oasis:names:tc:opendocument:xmlns:chart:1.0"><chart:chart>{table}</chart:chart></office:document-content>'
    whole: dict[str, str | bytes] = {
        "mimetype": "application/vnd.oasis.opendocument.text",
        "content.xml": file(frame),
        "Object 1/content.xml": chart,
    }
    assert "Chart:\n\n| North |" in read(zipped(whole))["pages"][0][2]


CONTROLS = """<office:forms xmlns:form="f" xmlns:svg="s"><form:form><form:text form:id="a" form:current-value="typed"/>
<form:checkbox form:id="b" form:label="agreed" form:current-state="checked"/><form:radio form:id="c" form:label="no"/>
<form:listbox form:id="d"><form:option form:label="red"/><form:option form:label="green" form:current-selected="true"/></form:listbox>
<form:password form:id="e" form:current-value="hush"/><form:button form:id="f" form:label="Send"/></form:form></office:forms>"""


def test_what_is_typed_ticked_and_chosen_in_a_form_is_read() -> None:
    drawn = "".join(f'<draw:control draw:control="{number}"/>' for number in "abcdef")
    (row,) = read(file(f"{CONTROLS}<text:p>Form: {drawn}</text:p>"))["pages"]
    assert " ".join(row[2].split()) == "Form: typed [x] agreed [ ] no green [choices: red, green] Send"
    (row,) = read(file(f"{CONTROLS}<draw:page>{drawn}</draw:page>", "presentation"))["pages"]
    assert row[2].split("\n\n") == ["typed", "[x] agreed", "[ ] no", "green [choices: red, green]", "Send"]


def test_a_form_and_a_hint_on_a_sheet_are_read() -> None:
    rules = (
        '<table:content-validations><table:content-validation table:name="v"><table:help-message table:title="Colour">'
        "<text:p>red or green</text:p></table:help-message></table:content-validation></table:content-validations>"
    )
    cell = '<table:table-cell table:content-validation-name="v"><text:p>red</text:p></table:table-cell>'
    shapes = '<table:shapes><draw:control draw:control="b"/></table:shapes>'
    sheet = f'<table:table table:name="S">{CONTROLS}{shapes}<table:table-row>{cell}{cell}</table:table-row></table:table>'
    (row,) = read(file(rules + sheet, "spreadsheet"))["pages"]
    assert row[2].endswith(
        "| red | red |\n| --- | --- |\n\n[x] agreed\n\nComments:\n\n- A1, hint: Colour: red or green"
    )


def test_what_a_drawing_shows_is_read_where_it_says_so() -> None:
    group = "<draw:g><desc>two boats</desc><draw:rect><title>a boat</title><text:p>Otter</text:p></draw:rect></draw:g>"
    assert (
        read(file(f"<text:p>See{group}</text:p>"))["pages"][0][2]
        == "See\n\nOtter\n\n[drawing: a boat]\n\n[drawing: two boats]"
    )
    assert read(file(f"<draw:page>{group}</draw:page>", "presentation"))["pages"][0][2].startswith(
        "Otter\n\n[drawing: a boat]"
    )
