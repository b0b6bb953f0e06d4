"""Whether bytes are text in some encoding, and which kind of text."""

from __future__ import annotations

import codecs
import re
from pathlib import PurePath

from glm_mcp.media.charset import utf16

_BOMS = (  # the longer first: the mark of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# C0 controls that texts hold: tab, line ends, form feed, escape (ISO-2022-JP, terminal colours), backspace, Ctrl-Z at an end.
_CONTROLS = frozenset(range(32)) - frozenset(b"\t\n\v\f\r\x1b\b\x1a")

_SUFFIXES = {
    ".html": "text/html",
    ".htm": "text/html",
    ".xhtml": "text/html",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".json": "application/json",
    ".ipynb": "application/x-ipynb+json",
    ".xml": "application/xml",
    ".eml": "message/rfc822",
    ".mht": "message/rfc822",
    ".mhtml": "message/rfc822",
    ".srt": "application/x-subrip",
    ".vtt": "text/vtt",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".mpd": "application/dash+xml",
}
_MAIL = re.compile(r"(?:[A-Za-z][A-Za-z0-9-]*:[^\n]*\n(?:[ \t][^\n]*\n){0,50}){2}", re.MULTILINE)
_MAIL_NAMES = re.compile(
    r"^(?:from|to|subject|date|received|message-id|mime-version|return-path|delivered-to):",
    re.IGNORECASE | re.MULTILINE,
)


def decode_head(head: bytes) -> str | None:
    """The beginning of a text, decoded well enough to look at; None for what is no text. `head` may end in the middle
    of a character. Legacy encodings come out as Latin-1: their ASCII part is right.
    """
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return head[len(mark) :].decode(encoding, "replace")
    wide = _utf16_without_mark(head)
    if wide:
        return head.decode(wide, "replace")
    if not head or any(byte in _CONTROLS for byte in head):
        # Chinese and Japanese in UTF-16 have few zeros, and low bytes of any value.
        wide = "" if b"\0\0\0" in head else utf16(head) or ""
        return head.decode(wide, "replace") if wide else None
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return head.decode("latin-1")


def text_mime(head: bytes, name: str = "") -> str:
    """The MIME type of a text by its first bytes, then its name; "" when it is no text. SVG is image/svg+xml."""
    text = decode_head(head)
    if text is None:
        return ""
    root = _root_element(text)
    if root.rpartition(":")[2] == "svg":
        return "image/svg+xml"
    if root == "mpd":
        return "application/dash+xml"
    if root == "html" or re.match(r"\s*<!doctype html", text, re.IGNORECASE):
        return "text/html"
    if text.startswith("#EXTM3U"):
        return "application/vnd.apple.mpegurl"
    if text.startswith("WEBVTT"):
        return "text/vtt"
    suffix = PurePath(name).suffix.lower()
    if suffix != ".json" and text.lstrip().startswith("{") and '"cells"' in text and '"cell_type"' in text:
        return "application/x-ipynb+json"
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    if _MAIL.match(text.replace("\r\n", "\n")) and len(_MAIL_NAMES.findall(text[:8000])) >= 3:
        return "message/rfc822"
    if text.lstrip().startswith("<?xml"):
        return "application/xml"
    return "text/plain"


def _utf16_without_mark(head: bytes) -> str:
    """UTF-16 of mostly ASCII text has a zero in every second byte."""
    if len(head) < 8 or b"\0" not in head:
        return ""
    even, odd = head[0::2], head[1::2]
    for zeros, letters, encoding in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if zeros.count(0) <= 0.6 * len(zeros):
            continue
        # A dash (U+2013) has the byte of a control character, but no zero beside it.
        if not any(high == 0 and low in _CONTROLS for high, low in zip(zeros, letters, strict=False)):
            return encoding
    return ""


def _root_element(text: str) -> str:
    """Name of the first element of an XML or HTML text, lower case; "" when it does not begin with markup."""
    at = 0
    while True:
        at += len(text) - at - len(text[at:].lstrip("\ufeff \t\r\n"))
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
            bracket, end = text.find("[", at), text.find(">", at)
            if -1 < bracket < end:
                end = text.find("]>", bracket) + 1 or -1
            step = 1
        else:
            found = re.compile(r"<([A-Za-z][\w.:-]*)").match(text, at)
            return found[1].lower() if found else ""
        if end < 0:
            return ""
        at = end + step
