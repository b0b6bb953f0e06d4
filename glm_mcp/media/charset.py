"""Text out of bytes in any encoding: byte-order mark, strict UTF-8, the text's own word, then a guess that says so."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass

from glm_mcp.errors import InvalidRequest, UnsupportedMedia
from glm_mcp.media.charset_guess import guess, utf16, valid

_SAMPLE = 64 * 1024  # bytes looked at before anything is decoded
_GUESSED = 16 * 1024  # bytes that an encoding is guessed from: lines that hold more than ASCII
_EXAMPLES = "utf-8, gb18030, big5, shift_jis, euc-kr, utf-16, windows-1252, latin-1"

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark is its beginning
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Names in documents that mean a larger set than they say.
_EASTERN = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
_WIDER = {**_EASTERN, "iso8859-1": "cp1252", "ascii": "cp1252"}
_OF_SEVEN_BITS = ("utf-7", "hz", "iso2022_kr")  # whose bytes are ASCII too
_KOREAN, _JAPANESE = ("iso2022_kr", "iso-2022-kr"), ("iso2022_jp_2", "iso-2022-jp")  # codec, and name shown
# What web pages and mails call encodings that Python knows by other names; hyphens are written as underscores here.
_MEANT = {
    **dict.fromkeys(("x_sjis", "windows_31j", "cswindows31j"), "cp932"),
    **dict.fromkeys(("x_gbk", "gb_2312", "gb_2312_80", "csgb2312", "x_gb2312", "x_euc_cn"), "gbk"),
    **dict.fromkeys(("x_x_big5", "cn_big5"), "big5"),
    "gb18030_2022": "gb18030",
    **dict.fromkeys(("x_euc_jp", "cseucpkdfmtjapanese", "eucjp_ms", "eucjp_win", "cp51932"), "euc_jp"),
    "iso_2022_jp_ms": "iso2022_jp_ext",
    **dict.fromkeys(
        (
            "windows_949",
            "x_windows_949",
            "x_euc_kr",
            "ks_c_5601_1989",
            "ksc_5601",
            "csksc56011987",
            "cseuckr",
        ),
        "cp949",
    ),
    **dict.fromkeys(("windows_874", "dos_874"), "cp874"),
    **dict.fromkeys(("iso_8859_8_i", "iso_8859_8_e", "csiso88598i", "logical", "visual"), "iso8859_8"),
    **dict.fromkeys(("iso_8859_6_i", "iso_8859_6_e", "csiso88596i"), "iso8859_6"),
    **dict.fromkeys(("x_mac_roman", "csmacintosh", "mac"), "mac_roman"),
    **dict.fromkeys(("x_mac_cyrillic", "x_mac_ukrainian"), "mac_cyrillic"),
    **dict.fromkeys(("koi8_ru", "koi8", "koi"), "koi8_u"),
    **dict.fromkeys(("unicode_1_1_utf_8", "x_unicode20utf8"), "utf_8"),
    **{f"x_cp125{n}": f"cp125{n}" for n in range(9)},
}


def _meant(name: str) -> codecs.CodecInfo | None:
    known = _MEANT.get(name.replace("-", "_"))
    return codecs.lookup(known) if known else None


codecs.register(_meant)  # of the process: so the library for mails knows them too

# What XML and HTML say of themselves at their beginning. Possessive: no second look at a page of blanks.
IN_XML = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*+=\s*+["']([\w:.-]{1,40})""", re.IGNORECASE)
IN_META = re.compile(rb"""<meta[^>]{0,200}?charset\s*+=\s*+["']?\s*+([\w:.-]{1,40})""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Decoded:
    """`note` says what a careful reader must know: a guess, characters lost; "" for what is certain."""

    text: str
    encoding: str
    note: str = ""


def decode(data: bytes, name: str, encoding: str | None = None, *, declared: str | None = None) -> Decoded:
    """The text of a file. `encoding`: the caller's word, overrules all; `declared`: the file's own word, believed
    unless the bytes contradict it.

    Raises InvalidRequest for an encoding nobody knows, UnsupportedMedia for bytes that are no text.
    """
    if encoding:
        return _as_named(data, name, encoding)
    for mark, marked in MARKS:
        if data.startswith(mark):
            return _loose(data[len(mark) :], marked, "")
    own = _known(declared)
    if own in _OF_SEVEN_BITS and valid(data, own):
        return Decoded(data.decode(own), own)
    if b"\x1b$" in data[:_SAMPLE]:
        # The Japanese one takes Korean for ASCII.
        for codec, shown in (_KOREAN, _JAPANESE) if b"\x1b$)C" in data[:_SAMPLE] else (_JAPANESE,):
            if valid(data, codec):
                return Decoded(data.decode(codec), shown, _guess_note(shown))
    if b"\0" not in data and valid(data, "utf-8"):
        _refuse_binary(data, name)
        return Decoded(data.decode("utf-8"), "utf-8")
    if own and own not in ("utf-8", "utf-16") and valid(data, own):
        return Decoded(data.decode(own), own)
    wide = utf16(data[:_SAMPLE])
    if wide:
        return _loose(data, wide, _guess_note(wide))
    _refuse_binary(data, name)
    zeros = data.count(0)
    decoded = _by_lines(data.replace(b"\0", b""))
    if not zeros:
        return decoded
    zeros_note = f"{zeros} NUL character{'s' if zeros > 1 else ''} left out"
    return Decoded(decoded.text, decoded.encoding, _both(decoded.note, zeros_note))


def _guess_note(encoding: str) -> str:
    return f"decoded as {encoding} (guessed)"


def _both(*notes: str) -> str:
    return "; ".join(filter(None, notes))


def declaration(data: bytes) -> str | None:
    """The encoding that a text in XML or HTML names at its beginning; None where it names none."""
    head = data[:8192]
    if not head.lstrip().startswith(b"<"):
        return None
    match = next((m for m in (pattern.search(head) for pattern in (IN_XML, IN_META)) if m), None)
    return match[1].decode("ascii") if match else None


def _as_named(data: bytes, name: str, encoding: str) -> Decoded:
    known = _known(encoding, widen=_EASTERN)
    if known is None:
        raise InvalidRequest(f"encoding='{encoding[:40]}' is not known", f"Use a name such as {_EXAMPLES}.")
    for mark, marked in MARKS:
        if data.startswith(mark) and marked.startswith(known):
            return _loose(data[len(mark) :], marked, "")
    decoded = _loose(data, known, "")
    if len(decoded.text) > 20 and decoded.text.count("\ufffd") > len(decoded.text) // 2:
        raise InvalidRequest(f"{name} is not written in {encoding}", "Leave encoding out to have it guessed.")
    return decoded


def _known(encoding: str | None, widen: dict[str, str] | None = None) -> str | None:
    if not encoding or len(encoding) > 40:
        return None
    try:
        # Refuses what is no text (hex).
        b"a\xff".decode(encoding.strip(), "replace")
        canonical = codecs.lookup(encoding.strip()).name
    except (LookupError, ValueError):
        return None
    if canonical == "punycode":  # of names alone; it gives something for any text
        return None
    return (_WIDER if widen is None else widen).get(canonical, canonical)


def _loose(data: bytes, encoding: str, note: str) -> Decoded:
    """Decoded with U+FFFD for what is wrong; the note counts it."""
    text = data.decode(encoding, "replace")
    lost = text.count("\ufffd") - (data.count(b"\xef\xbf\xbd") if encoding == "utf-8" else 0)
    if lost > 0:
        lost_note = f"{lost} character{'s' if lost > 1 else ''} could not be decoded as {encoding}"
        note = _both(note, lost_note)
    return Decoded(text, encoding, note)


def is_binary(sample: bytes) -> bool:
    """Whether these bytes hold control characters that no text has: one in fifty, or of zeros (which fixed columns and
    lists for programs have, and logs after a power cut, in runs) one in eight.
    """
    single = re.sub(rb"\0+", b"\0", sample.rstrip(b"\0") if sample[:1] != b"\0" else sample)
    zeros = single.count(0)
    if b"\x1b$)C" in single:  # Korean of seven bits, which shifts in and out
        single = re.sub(rb"[\x0e\x0f\x1b]", b" ", single)
    strange = len(re.findall(rb"[\x01-\x06\x0e-\x19\x1c-\x1f]", single))
    return (
        strange > max(2, len(single) // 50)
        or zeros > max(1, len(single) // 8)
        or 5 * (strange + zeros) > len(single)
    )


def _refuse_binary(data: bytes, name: str) -> None:
    if is_binary(data[:_SAMPLE]):
        raise UnsupportedMedia(
            f"{name} is not text: its bytes are binary data of a kind that is not read here",
            "Convert it to PDF, DOCX, XLSX, HTML or text; if it is text in an unusual encoding, pass encoding=….",
        )


def _by_lines(data: bytes) -> Decoded:
    """UTF-8 with a few wrong bytes, another encoding throughout, or a log that several programs wrote to: lines in
    UTF-8 and lines in one other encoding.
    """
    if valid(data, "utf-8"):
        return Decoded(data.decode("utf-8"), "utf-8")
    beyond = [line for line in data.split(b"\n") if not line.isascii()]
    foreign = [line for line in beyond if not _mostly_utf8(line)]
    ours = len(beyond) - len(foreign)
    if len(foreign) * 50 < ours or (len(foreign) < 3 and _mostly_utf8(data[:_SAMPLE])):
        return _loose(data, "utf-8", "")
    codec, shown = guess(_first(foreign))
    guess_note = f"decoded as {shown} (guessed: pass encoding=… if it reads wrong)"
    if ours < 2 or ours * 10 < len(beyond):
        return Decoded((whole := _loose(data, codec, guess_note)).text, shown, whole.note)
    lines = [_loose(line, "utf-8" if _mostly_utf8(line) else codec, "") for line in data.split(b"\n")]
    lost = sum(line.text.count("\ufffd") for line in lines if line.note)
    note = f"{len(foreign)} lines {guess_note}, the others as utf-8"
    lost_note = f"{lost} character{'s' if lost > 1 else ''} could not be decoded" if lost else ""
    return Decoded("\n".join(line.text for line in lines), "utf-8", _both(note, lost_note))


def _first(lines: Sequence[bytes]) -> bytes:
    """The first of the lines, as many as a guess is made from; a longer one is cut at a border of words."""
    kept, size = [], 0
    for line in lines:
        kept.append(line)
        size += len(line)
        if size > _GUESSED:
            break
    sample = b"\n".join(kept)
    return sample if len(sample) <= 2 * _GUESSED else sample[: max(sample.rfind(b" ", 0, _GUESSED), _GUESSED)]


def _mostly_utf8(sample: bytes) -> bool:
    text = sample.decode("utf-8", "replace")
    lost = text.count("\ufffd")
    return not lost or sum(c > "\x7f" for c in text) - lost > 10 * lost
