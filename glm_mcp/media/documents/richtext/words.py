"""The words of RTF that mean something for its text, from the format's description (version 1.9.1)."""

from __future__ import annotations

import re

_STYLES = 1_000_000  # characters in which the styles stand

TOKEN = re.compile(
    r"\\(?P<word>[a-zA-Z]{1,32})(?P<number>-?\d{1,10})? ?|\\'(?P<hex>[0-9a-fA-F]{2})|\\(?P<sign>[^a-zA-Z])|(?P<brace>[{}])|(?P<text>[^\\{}]+)",
    re.DOTALL,
)


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Groups in which nothing is of the document, pictures and text boxes neither: tables of fonts and styles, data of
# objects, and what stands there once more for older readers.
DEAD = _set(
    "fonttbl colortbl stylesheet info themedata colorschememapping datastore listtable listoverridetable revtbl rsidtbl "
    "generator xmlnstbl latentstyles filetbl mmathPr bkmkstart bkmkend pn pntxta pntxtb atnid atnicn atndate atnref "
    "atrfstart atrfend atntime atnparent nonshppict shprslt mmathPict nonesttables objdata objname userprops template "
    "datafield formfield ffname ffdeftext ffentrymcr ffexitmcr ffhelptext ffstattext ffformat ffl blipuid panose "
    "falt ftnsep ftnsepc ftncn aftnsep aftnsepc aftncn mctrlPr mrPr mfPr mradPr msSupPr msSubPr msSubSupPr mdPr mdegHide"
)
# Groups for newer readers that hold text all the same.
KEPT = _set("moMath moMathPara")
# Groups whose text is taken as a whole: it goes elsewhere, or means something else.
APART = {
    **dict.fromkeys(("header", "headerl", "headerr", "headerf"), "header"),
    **dict.fromkeys(("footer", "footerl", "footerr", "footerf"), "footer"),
    **dict.fromkeys(("shptxt", "dptxbxtext"), "box"),
    **{w: w for w in ("footnote", "annotation", "atnauthor", "fldinst", "objclass", "sn", "sv")},
    **dict.fromkeys(("listtext", "pntext"), "listtext"),
}
# Groups whose end means something and whose text stays in its line.
IN_LINE = {"pict": "picture", "fldrslt": "result", "field": "field", "nesttableprops": "inner table"}
PROPERTIES = _set("mnaryPr mlimLowPr maccPr")  # of formulas: of them only the signs count
# What stands before and after the parts of a formula.
FORMULA = {
    "mnum": ("(", ")"),
    "mden": ("/(", ")"),
    "msup": ("^(", ")"),
    "msub": ("_(", ")"),
    "mdeg": ("root ", " "),
    "mrad": ("√(", ")"),
    "mlim": (" (", ")"),
    "mchr": ("", ""),
}
SIGNS = {
    **dict.fromkeys(("par", "sect", "page", "line", "column"), "\n"),
    **dict.fromkeys(("emspace", "enspace", "qmspace"), " "),
    "tab": "\t",
    "bullet": "•",
    "emdash": "—",
    "endash": "–",
    "lquote": "‘",
    "rquote": "’",
    "ldblquote": "“",
    "rdblquote": "”",
}
# fmt: off
# \fcharset to code page; from 77 to 89 those of the Mac.
CHARSETS = {
    77: "mac_roman", 78: "cp932", 79: "cp949", 80: "gb18030", 81: "big5hkscs", 84: "mac_arabic", 85: "mac_greek",
    86: "mac_turkish", 87: "cp874", 88: "mac_latin2", 89: "mac_cyrillic",
    128: "cp932", 129: "cp949", 130: "johab", 134: "gb18030", 136: "big5hkscs", 161: "cp1253", 162: "cp1254",
    163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250",
}
_PAGES = {
    936: "gb18030", 950: "big5hkscs", 1361: "johab", 65001: "utf-8",
    10000: "mac_roman", 10001: "cp932", 10002: "big5hkscs", 10003: "cp949", 10004: "mac_arabic", 10006: "mac_greek",
    10007: "mac_cyrillic", 10008: "gb18030", 10010: "mac_romanian", 10021: "cp874", 10029: "mac_latin2",
    10079: "mac_iceland", 10081: "mac_turkish", 10082: "mac_croatian",
}
# fmt: on
# What a file says of its letters instead of a number.
SETS = {"mac": "mac_roman", "pc": "cp437", "pca": "cp850"}


def code_page(number: int | None) -> str:
    if number in _PAGES:
        return _PAGES[number]
    try:
        b"a".decode(f"cp{number}")
    except LookupError:
        return "cp1252"
    return f"cp{number}"


_INFORMATION = re.compile(r"\{\\(title|subject|author|keywords|doccomm)\b ?((?:[^{}\\]|\\[^{}]|\\[{}])*)\}")
_FROM_INFO = 20_000  # characters of the group


def information(source: str) -> list[tuple[str, str]]:
    """What the file says of itself: a word for what it is, and an RTF that holds the text."""
    at = source.find("{\\info")
    if at < 0:
        return []
    page = re.search(r"\\ansicpg\d{1,5}", source[:at])
    group = source[at : at + _FROM_INFO]
    head = f"{{\\rtf1{page[0] if page else ''} "
    return [
        ("description" if word == "doccomm" else word, f"{head}{text}}}")
        for word, text in _INFORMATION.findall(group)
    ]


def heading_styles(source: str) -> dict[int, int]:
    """By the numbers of the styles that are named as Word's headings, their levels: old programs say no more."""
    named = re.finditer(r"\{\\s(\d{1,4})\\[^{}]{0,400}?\bheading ([1-6]);\}", source[:_STYLES])
    return {int(style[1]): int(style[2]) for style in named}
