"""RTF: what lies beside its running text, as Word, LibreOffice and pandoc write it."""

from __future__ import annotations

import io

from support.cases import each
from support.jobs import document_job

HEAD = rb"{\rtf1\ansi\deff0{\fonttbl{\f0 Arial;}}{\stylesheet{\s1\outlinelevel0 heading 1;}}"


def read(body: bytes) -> tuple[str, list[str]]:
    facts, _ = document_job(io.BytesIO(HEAD + body + b"}"), {"name": "a.rtf"})
    return facts["pages"][0][2], facts["notes"]


@each(
    ("body", "text"),
    [
        (rb"\pard\s1\outlinelevel0 Scope\par\pard Words", "# Scope\n\nWords"),
        (
            rb"{\stylesheet{\s254\b \sbasedon0 heading 2;}}\pard\s254\b Scope\par\pard Words",
            "## Scope\n\nWords",
        ),
        (
            rb"Text{\super\chftn{\*\footnote\pard \chftn a \b note\b0 .}} goes on{\footnote\ftnalt an end note}.",
            "Text[^1] goes on[^2].\n\n[^1]: a note.\n\n[^2]: an end note",
        ),
        (
            rb"{\header\pard Top {\field{\*\fldinst PAGE}{\fldrslt 12}}\par}{\footerl At the foot}{\headerf }Body",
            "Body\n\n[page header: Top 12]\n\n[page footer: At the foot]",
        ),
        (
            rb"A {\*\atrfstart 1}claim{\*\atrfend 1}{\*\atnid AB}{\*\atnauthor Ann B}\chatn{\*\annotation{\*\atndate 1}Is it so?} here",
            "A claim [comment, Ann B: Is it so?] here",
        ),
        (
            rb'See {\field{\*\fldinst{HYPERLINK "https://example.com/a"}}{\fldrslt{\ul the page}}} or {\field{\*\fldinst HYPERLINK \\l "b"}{\fldrslt below}}.',
            "See [the page](https://example.com/a) or below.",
        ),
        (
            rb"{\*\shppict{\pict{\*\picprop{\sp{\sn wzDescription}{\sv a red bus}}}\pngblip 89}}{\nonshppict{\pict\wmetafile8 01}} seen",
            "[picture: a red bus] seen",
        ),
        (
            rb"{\object\objemb{\*\objclass Excel.Sheet.8}{\*\objdata 0105}{\result{\pict\wmetafile8 01}}}",
            "[embedded: Excel.Sheet.8][picture]",
        ),
        (
            rb"Before {\shp{\*\shpinst{\sp{\sn shapeType}{\sv 202}}{\shptxt\pard in the box\par}}{\shprslt in the box}}after\par next",
            "Before after\n\nin the box\n\nnext",
        ),
        (
            rb"{\shp{\*\shpinst{\sp{\sn gtextUNICODE}{\sv DRAFT}}}}Body",
            "Body\n\nDRAFT",
        ),
        (
            rb"{\mmath{\*\moMath{\mr E=}{\mf{\mfPr{\mctrlPr x}}{\mnum{\mr a}}{\mden{\mr b}}}{\msSup{\me{\mr c}}{\msup{\mr 2}}}}{\mmathPict{\pict 01}}}",
            "E=(a)/(b)c^(2)",
        ),
        (
            rb"{\pard{\listtext 1.\tab}\ls1 one\par}{\pard\ilvl1{\listtext  a)\tab}\ls1\ilvl1 deeper\par}",
            "1. one\n\n  a) deeper",
        ),
        (
            rb"{\pard{\listtext \u61623\'3f\tab}\ls1 one\par{\listtext \u61607\'3f\tab}\ls2 two\par{\listtext \u61480\'3f\tab}\ls3 three\par}",
            "• one\n\n▪ two\n\n• three",
        ),
        (
            rb"H{\sub 2}O at 3 m{\super 2}, {\strike wrong }\strike\b too\b0\strike0  right",
            "H~2~O at 3 m^2^, ~~wrong~~ ~~too~~ right",
        ),
        (
            rb"{\field{\*\fldinst MACROBUTTON None type a name}} {\field{\*\fldinst { EQ \\o\\al(\\s\\up 11(kana),kanji)}}{\fldrslt {}}}",
            "type a name kanji(kana)",
        ),
        (
            rb"\pard\pn\pnlvlblt Bring tea.\par {\*\pn\pnlvlblt x}" + b"{\r\n\\generator A;}Go.",
            "Bring tea.\n\nGo.",
        ),
    ],
)
def test_what_lies_beside_the_running_text_of_an_rtf_is_read(body: bytes, text: str) -> None:
    assert read(body) == (text, [])


def test_cells_that_cover_several_places_of_an_rtf_stand_at_each() -> None:
    wide = rb"\trowd\cellx2000\clvmgf\cellx3000\intbl wide\cell tall\cell\row"
    split = rb"\trowd\cellx1000\cellx2000\clvmrg\cellx3000\intbl a\cell b\cell\cell\row"
    beside = rb"\trowd\clmgf\cellx1000\clmrg\cellx2000\cellx3000\intbl both\cell\cell c\cell\row"
    assert read(wide + split + beside + rb"\pard after")[0] == (
        "| wide | wide | tall |\n| --- | --- | --- |\n| a | b | tall |\n| both | both | c |\n\nafter"
    )


def test_a_table_within_a_cell_of_an_rtf_stands_in_that_cell() -> None:
    inner = rb"\pard\intbl\itap2 %s\nestcell{\*\nesttableprops\trowd\cellx900\nestrow}{\nonesttables\par}"
    cell = inner % b"one" + inner % b"two" + rb"\pard\intbl below\cell"
    body = rb"\trowd\cellx1000\cellx2000\pard\intbl left\cell" + cell + rb"\row\pard after"
    assert read(body)[0] == "| left | one / two<br>below |\n| --- | --- |\n\nafter"


def test_what_was_deleted_from_an_rtf_with_tracking_is_left_out_and_told() -> None:
    assert read(rb"kept {\deleted\revauthdel1 gone} {\revised new}") == (
        "kept  new",
        ["left out, words whose deletion is tracked: the text"],
    )


def test_what_the_file_says_of_itself_is_read() -> None:
    about = rb"{\info{\title The \u233?tude}{\author Ann \'d6}{\doccomm \{short\}}{\subject Words}{\keywords }{\creatim\yr2025}}"
    assert (
        read(about + rb"\pard Words\par")[0]
        == "Words\n\n[title: The étude]\n[author: Ann Ö]\n[description: {short}]"
    )


def test_signs_of_symbol_fonts_are_the_letters_that_they_show() -> None:
    fonts = (
        rb"{\fonttbl{\f0 Arial;}{\f3\fnil\fcharset2{\*\panose 05050102}Symbol;}{\f4\fcharset2 Wingdings;}"
        rb"{\f5\fcharset2 Webdings{\*\falt Marlett};}}"
    )
    facts, _ = document_job(
        io.BytesIO(rb"{\rtf1\ansi" + fonts + rb"\f0 a\'b7 {\f3 b\'b7} {\f4\'fc \u-3844?} {\f5 a}\plain c}"),
        {"name": "a.rtf"},
    )
    assert facts["pages"][0][2] == "a· β• ✓ ✓ c"
    assert facts["notes"] == ["left out, signs of the font Webdings: the text"]
