"""Whether bytes are text in some encoding, and which kind of text."""

from __future__ import annotations

import codecs
import re

from glm_mcp.media.charset import MARKS, is_binary
from glm_mcp.media.charset_guess import utf16
from glm_mcp.media.formats import KINDS, UNKNOWN, Kind, named

_LOOKED_AT = 16_384  # bytes; enough of any text to know it
_MAIL = re.compile(r"(?:[A-Za-z][A-Za-z0-9-]*:[^\n]*\n(?:[ \t][^\n]*\n){0,50}){2}", re.MULTILINE)
_MAIL_NAMES = re.compile(
    r"^(?:from|to|subject|date|received|message-id|mime-version|return-path|delivered-to):",
    re.IGNORECASE | re.MULTILINE,
)
# A web page in one file, as office programs save it under any of their suffixes.
_ARCHIVE = re.compile(
    r"MIME-Version: 1\.0[^\n]*\n(?:[^\n]+\n){0,5}?Content-Type: multipart/related", re.IGNORECASE
)
_BITMAP = re.compile(
    r"\s*(?:/\*[^*]{0,2000}\*/\s*)?#define\s+\w{0,200}width\s+\d+\s+#define\s+\w{0,200}height\s+\d+\s[^{]{0,500}_bits\[\]\s*=\s*\{"
)
_BLANKS, _TAG = re.compile("[\ufeff \t\r\n]+"), re.compile(r"<([A-Za-z][\w.:-]*)")
_FEED = re.compile(r"(?:rss|(?:\w+:)?(?:feed|rdf))\Z")
_FEED_SPACES = ("http://www.w3.org/2005/Atom", "http://purl.org/rss/1.0/", "http://purl.org/atom/")
_NOTEBOOK = re.compile(r'\s*\{\s*"(?:cells|metadata|nbformat|worksheets)')
_CELLS = ('"cells"', '"cell_type"'), ('"worksheets"', '"nbformat"')


_MAILBOX = re.compile(r"From \S+(?: at \S+)? +\w{3} \w{3} +\d.{5,40}\r?\n>?[A-Za-z][\w-]*:")
# An OpenDocument file that is one XML file.
_FLAT = re.compile(
    r"office:mimetype=[\"']application/vnd\.oasis\.opendocument\.(text|spreadsheet|presentation|graphics)\b"
)
_FLAT_KINDS = {"text": "odt", "spreadsheet": "ods", "presentation": "odp", "graphics": "odg"}


def decode_head(head: bytes) -> str | None:
    """The beginning of a text, decoded well enough to look at; None for what is no text. `head` may end in the middle
    of a character. Legacy encodings come out as Latin-1: their ASCII part is right.
    """
    for mark, encoding in MARKS:
        if head.startswith(mark):
            return head[len(mark) :].decode(encoding, "replace")
    wide = _utf16_without_mark(head)
    if wide:
        return head.decode(wide, "replace")
    if not head or is_binary(head):
        # Chinese and Japanese in UTF-16 have few zeros, and low bytes of any value.
        wide = "" if b"\0\0\0" in head else utf16(head[: len(head) // 2 * 2]) or ""
        return head.decode(wide, "replace") if wide else None
    head = head.replace(b"\0", b"")
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return head.decode("latin-1")


def text_kind(head: bytes, name: str = "") -> Kind | None:
    """The kind of a text, or of a drawing written as one, by its beginning, then by its name; None when it is no text."""
    text = decode_head(head[:_LOOKED_AT])
    if text is None:
        # A mail may bring its files as they are.
        said = decode_head(re.split(rb"\r?\n\r?\n", head[:_LOOKED_AT], maxsplit=1)[0])
        return KINDS["mail"] if said and _is_mail(f"{said}\n") else None
    claimed = named(name)
    # What the bytes may say better.
    free = claimed.family != "text" or claimed.name in ("text", "xml", "html", "feed", "mail")
    root = root_element(text if len(head) <= _LOOKED_AT else decode_head(head) or text) or ""
    if free and _FEED.match(root) and (root == "rss" or any(space in text for space in _FEED_SPACES)):
        return KINDS["feed"]
    by_root = _by_root(root, text) or _drawn(text)
    if by_root:
        return KINDS[by_root]
    if _MAILBOX.match(text):
        return KINDS["mbox"]
    if text.startswith("#EXTM3U"):
        return KINDS["hls"]
    if text.startswith("WEBVTT"):
        return KINDS["vtt"]
    if _NOTEBOOK.match(text) and any(all(word in text for word in words) for words in _CELLS):
        return KINDS["ipynb"]
    if free and (root in ("html", "head", "body") or re.match(r"\s*<!doctype html", text, re.IGNORECASE)):
        return KINDS["html"]
    if claimed.family == "text" and claimed.name != "text":
        return claimed
    if _is_mail(text):
        return KINDS["mail"]
    if claimed.name in ("xls", "xlsx") and re.search("[\t,;]", text.partition("\n")[0]):
        return KINDS["csv"]
    if claimed is UNKNOWN and text.lstrip().startswith("<?xml"):
        return KINDS["xml"]
    return KINDS["text"]


def _is_mail(text: str) -> bool:
    is_letter = _MAIL.match(text.replace("\r\n", "\n")) and len(_MAIL_NAMES.findall(text[:8000])) >= 3
    return bool(is_letter or _ARCHIVE.match(text))


def _drawn(text: str) -> str:
    """A picture that is written as source code."""
    return "xpm" if text.startswith("/* XPM */") else "xbm" if _BITMAP.match(text) else ""


def _by_root(root: str, text: str) -> str:
    """The kind of what is one XML file, by its first element; "" for what that does not tell."""
    if root == "office:document" and (said := _FLAT.search(text)):
        return _FLAT_KINDS[said[1]]
    if root.endswith("workbook") and "urn:schemas-microsoft-com:office:spreadsheet" in text:
        return "xml2003"
    if root == "w:worddocument" or (root == "pkg:package" and "/word/" in text):
        return "docx"
    return {
        "svg": "svg",
        "mpd": "dash",
        "fictionbook": "html",
        "en-export": "evernote",
        "mxfile": "drawio",
        "mxgraphmodel": "drawio",
    }.get(root.rpartition(":")[2], "")


def is_undecided(head: bytes) -> bool:
    """Whether this beginning of a text ends before its first element: in a comment, or in a list of definitions."""
    text = decode_head(head)
    return text is not None and root_element(text) is None


def _utf16_without_mark(head: bytes) -> str:
    """UTF-16 of mostly ASCII text has a zero in every second byte."""
    if len(head) < 8 or b"\0" not in head:
        return ""
    even, odd = head[0::2], head[1::2]
    for zeros, letters, encoding in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if zeros.count(0) <= 0.6 * len(zeros):
            continue
        # A dash (U+2013) has the byte of a control character, but no zero beside it.
        alone = bytes(low for high, low in zip(zeros, letters, strict=False) if high == 0)
        if not is_binary(alone) and b"\0" not in alone:
            return encoding
    return ""


def root_element(text: str) -> str | None:
    """Name of the first element of an XML or HTML text, lower case; "" when it does not begin with markup, None when
    the text ends before it.
    """
    at = 0
    while True:
        blanks = _BLANKS.match(text, at)
        at = blanks.end() if blanks else at
        if not text.startswith("<", at):
            return ""
        if text.startswith("<!--", at):
            end = text.find("-->", at + 4)
            step = 3
        elif text.startswith("<?", at):
            end = text.find("?>", at + 2)
            step = 2
        elif text.startswith("<!", at):
            # A document type may have its own definitions in brackets.
            end = text.find(">", at)
            bracket = text.find("[", at, max(at, end))
            if bracket > -1:
                end = text.find("]>", bracket) + 1 or -1
            step = 1
        else:
            tag = _TAG.match(text, at)
            return tag[1].lower() if tag else ""
        if end < 0:
            return None
        at = end + step
