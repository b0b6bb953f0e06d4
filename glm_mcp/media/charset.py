"""Text out of bytes in any encoding: byte-order mark, strict UTF-8, then a guess that says so.

The guess for East Asian encodings is ours: general detectors take four characters of GBK for Korean, and a fixed
order takes Shift-JIS and Big5 for GB 18030, which decodes nearly everything. Each encoding keeps its frequent
characters in a zone of its own, and the share of byte pairs in that zone tells them apart.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from glm_mcp.errors import InvalidRequest, UnsupportedMedia

_SAMPLE = 256 * 1024  # bytes looked at for a guess
_EXAMPLES = "utf-8, gb18030, big5, shift_jis, euc-kr, utf-16, windows-1252, latin-1"

_MARKS = (
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
_WESTERN = set("äöüßéèêëàâáãåæçñíìîïóòôõøúùûýÿœÄÖÜÉÈÊËÀÂÁÃÅÆÇÑÍÌÎÏÓÒÔÕØÚÙÛŒ…’‘“”„–—«»°§€£©®™·•¿¡ªº½¼²³±×\xa0")


@dataclass(frozen=True, slots=True)
class Decoded:
    """`note` says what a careful reader must know: a guess, characters lost; "" for what is certain."""

    text: str
    encoding: str
    note: str = ""


def decode(data: bytes, name: str, encoding: str | None = None, *, declared: str | None = None) -> Decoded:
    """The text of a file. `encoding`: the caller's word, overrules all; `declared`: the file's own word, checked.

    Raises InvalidRequest for an encoding nobody knows, UnsupportedMedia for bytes that are no text.
    """
    if encoding:
        return _as_told(data, name, encoding)
    for mark, marked in _MARKS:
        if data.startswith(mark):
            return _loose(data[len(mark) :], marked, "")
    if b"\x1b$" in data[:_SAMPLE] and _valid(data, "iso2022_jp_2"):
        return Decoded(data.decode("iso2022_jp_2"), "iso-2022-jp", "decoded as iso-2022-jp (guessed)")
    if b"\x00" not in data[:_SAMPLE] and _valid(data, "utf-8"):
        _refuse_binary(data, name)
        return Decoded(data.decode("utf-8"), "utf-8")
    own = _known(declared)
    if own and own not in ("utf-8", "utf-16") and _valid(data, own):
        return Decoded(data.decode(own), own)
    sample = data[:_SAMPLE]
    wide = utf16(sample)
    if wide:
        return _loose(data, wide, f"decoded as {wide} (guessed)")
    _refuse_binary(sample, name)
    if _mostly_utf8(sample):
        return _loose(data, "utf-8", "")
    guess = _guess(sample)
    return _loose(data, guess, f"decoded as {guess} (guessed; pass encoding=… if it reads wrong)")


def _as_told(data: bytes, name: str, encoding: str) -> Decoded:
    known = _known(encoding, widen=_EASTERN)
    if known is None:
        raise InvalidRequest(f"encoding='{encoding[:40]}' is not known", f"Use a name such as {_EXAMPLES}.")
    for mark, marked in _MARKS:
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
        b"a\xff".decode(
            encoding.strip(), "replace"
        )  # refuses what is no text (hex) or cannot replace (punycode)
        canonical = codecs.lookup(encoding.strip()).name
    except (LookupError, ValueError):
        return None
    return (_WIDER if widen is None else widen).get(canonical, canonical)


def _valid(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except (UnicodeDecodeError, ValueError):
        return False
    return True


def _loose(data: bytes, encoding: str, note: str) -> Decoded:
    """Decoded with U+FFFD for what is wrong; the note counts it."""
    text = data.decode(encoding, "replace")
    lost = text.count("\ufffd") - (data.count(b"\xef\xbf\xbd") if encoding == "utf-8" else 0)
    if lost > 0:
        said = f"{lost} character{'s' if lost > 1 else ''} could not be decoded as {encoding}"
        note = f"{note}; {said}" if note else said
    return Decoded(text, encoding, note)


def _refuse_binary(data: bytes, name: str) -> None:
    """Raises UnsupportedMedia when the bytes are no text: control characters nobody writes."""
    sample = data[:_SAMPLE]
    strange = len(re.findall(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f]", sample))
    if strange > max(2, len(sample) // 50) or b"\x00\x00\x00" in sample:
        raise UnsupportedMedia(
            f"{name} is not text: its bytes are binary data of a kind that is not read here",
            "Convert it to PDF, DOCX, XLSX, HTML or text; if it is text in an unusual encoding, pass encoding=….",
        )


def utf16(sample: bytes) -> str | None:
    """UTF-16 without its mark: zero bytes on one side only, or units that are nearly all everyday characters."""
    if len(sample) < 4 or (len(sample) % 2 and len(sample) < _SAMPLE):
        return None
    sample = sample[: len(sample) // 2 * 2]
    units = len(sample) // 2
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    best = max(("utf-16-le", "utf-16-be"), key=lambda e: _everyday(sample, e))
    if max(even, odd) > units * 0.2 and min(even, odd) < units * 0.05 and _everyday(sample, best) > 0.7:
        return best
    # Pairs of other encodings can look like rare Chinese characters, never like the commonest ones.
    text = sample.decode(best, "replace")
    common = sum(c in _SIMPLIFIED or c in _TRADITIONAL or "\u3041" <= c <= "\u30fe" for c in text)
    return best if units >= 3 and _everyday(sample, best) > 0.95 and common > 0.15 * units else None


def _everyday(sample: bytes, encoding: str) -> float:
    text = sample.decode(encoding, "replace")
    usual = re.findall("[\t\n\r -~\u3000-\u30ff\u4e00-\u9fa5\uff01-\uff5e\u2010-\u2026]", text)
    return len(usual) / max(len(text), 1)


def _mostly_utf8(sample: bytes) -> bool:
    """UTF-8 with a few wrong bytes, as logs have."""
    text = sample.decode("utf-8", "replace")
    good = sum(1 for c in text if c > "\x7f" and c != "\ufffd")
    return good > 10 * text.count("\ufffd")


# The commonest characters; in running text they are a third of all, in a wrong decoding next to none.
_SIMPLIFIED = set(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运测试你好谢您页表单价客户订姓名号"
)
_TRADITIONAL = set(
    "的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於著下自之年過發後作裡用道行所然家種事成方多經麼去法學如都同現當沒動面起看定天分還進好小部其些主樣理心她本前開但因只從想實日軍者意無力它與長把機十民第公此已工使情明性知全三又關點正業外將兩高間由問很最重並物手應戰向頭文體政美相見被利什二等產或新己制身果加西斯月話合回特代內信表化老給世位次度門任常先海通教兒原東聲提立及比員解水名真論處走義各入幾口認條平系氣題活爾更別打女變四神總何電數安少報才結反受目太量再感建務做接必場件計管期市直德資命山金指克許統區保至隊形社便空決治展馬科司五基眼書非則聽白卻界達光放強即像難且權思王象完設式色路記南品住告類求據程北邊死張該交規萬取拉格望覺術領共確傳師觀清今切院讓識候帶導爭運測試謝您頁單價客戶訂姓名號"
)
_HANGUL = set(
    "이다는에의을를가하고은한로기지사도리나자어그시대아라인서으일수만있정것해들제게주전보부장과적상성공구여면원스니었했조동세안명금유경관"
)


_EAST = {
    "gb18030": "gb18030",
    "big5hkscs": "big5",
    "cp932": "shift_jis",
    "euc_jp": "euc-jp",
    "cp949": "euc-kr",
}


def _guess(sample: bytes) -> str:
    scores = {encoding: _score(sample, encoding) for encoding in _EAST}
    best = max(scores, key=lambda e: scores[e])
    if scores[best] > 1.3:
        return _EAST[best]
    cyrillic = _cyrillic(sample)
    if cyrillic:
        return cyrillic
    if scores[best] > 0:
        return _EAST[best]
    return _single_byte(sample)


def _cyrillic(sample: bytes) -> str | None:
    """Windows-1251 or KOI8-R: the wrong one of the two turns capitals round, and other scripts mix them."""
    for encoding in ("cp1251", "koi8_r"):
        # Whole words: a Western text has its few high letters among ASCII ones.
        words = [
            w
            for w in re.findall(r"[^\s!-@\[-`{-~\xa0«»—–“”„…№]+", sample.decode(encoding, "replace"))
            if not w.isascii()
        ]
        usual = [w for w in words if re.fullmatch("[А-ЯЁІЇЄЎ]?[а-яёіїєўґ]+|[А-ЯЁІЇЄЎ]+", w)]
        if words and len(usual) >= 0.9 * len(words) and sum(map(len, usual)) >= 4:
            return encoding.replace("_", "-")
    return None


def _score(sample: bytes, encoding: str) -> float:
    """0 for "no", else up to 2: the share of characters in the frequent zone plus the share of commonest ones."""
    text = codecs.getincrementaldecoder(encoding)("replace").decode(sample)
    wide = [c for c in text if c > "\x7f"]
    wrong = text.count("\ufffd")
    if not wide or wrong * 100 > len(wide):
        return 0.0
    zone = sum(_in_zone(c, encoding) for c in wide) / len(wide)
    if zone < 0.75:
        return 0.0
    kana = sum("\u3041" <= c <= "\u30fe" for c in wide) / len(wide)
    if encoding in ("cp932", "euc_jp"):
        # Japanese without kana exists only in very short strings; those are Chinese more often.
        return zone + min(2 * kana, 1.0)
    common = {"gb18030": _SIMPLIFIED, "big5hkscs": _TRADITIONAL, "cp949": _HANGUL}[encoding]
    return zone + sum(c in common for c in wide) / len(wide) - kana


def _in_zone(char: str, encoding: str) -> bool:
    """Whether the character lies where this encoding keeps its everyday characters."""
    if "\u3000" <= char <= "\u3011" or "\uff01" <= char <= "\uff5e" or char in "—…“”‘’·\xa0×°":
        return True
    try:
        code = char.encode(encoding)
    except UnicodeEncodeError:
        return False
    if len(code) != 2:
        return False
    lead, trail = code
    match encoding:
        case "gb18030":
            return 0xB0 <= lead <= 0xD7 and trail >= 0xA1
        case "big5hkscs":
            return 0xA4 <= lead <= 0xC6
        case "cp932":
            return (0x82 <= lead <= 0x83) or 0x88 <= lead <= 0x97
        case "euc_jp":
            return lead in (0xA4, 0xA5) or 0xB0 <= lead <= 0xCF
        case _:
            return 0xB0 <= lead <= 0xC8 and trail >= 0xA1


_NOT_HERE = [
    *(
        "gb18030",
        "gbk",
        "gb2312",
        "hz",
        "big5",
        "big5hkscs",
        "cp950",
        "cp932",
        "shift_jis",
        "shift_jis_2004",
        "shift_jisx0213",
    ),
    *(
        "euc_jp",
        "euc_jis_2004",
        "euc_jisx0213",
        "cp949",
        "euc_kr",
        "johab",
        "utf_16",
        "utf_16_le",
        "utf_16_be",
        "utf_32",
    ),
    *("utf_32_le", "utf_32_be", "utf_7"),
]


def _single_byte(sample: bytes) -> str:
    """The code page of a text in one byte a character: Western when its letters say so, else the detector's word."""
    western = sample.decode("cp1252", "replace")
    high = [c for c in western if c > "\x7f"]
    letters = sum(c.isalpha() for c in western)
    if (
        sum(c in _WESTERN for c in high) >= 0.95 * len(high)
        and sum(c.isalpha() for c in high) < 0.4 * letters
    ):
        return "cp1252"
    try:
        rare = sample.decode("gb18030")
    except UnicodeDecodeError:
        rare = ""
    # Pairs without a rest, all of them Chinese: rare characters that no zone or list knows.
    if rare and all(
        "\u4e00" <= c <= "\u9fa5" or "\u3000" <= c <= "\u3011" or c < "\x7f" or c in "，。：；！？（）、"
        for c in rare
    ):
        return "gb18030"
    from charset_normalizer import from_bytes

    # The East Asian encodings were weighed above; left in, they win as half-width katakana.
    found = from_bytes(sample[: 64 * 1024], cp_exclusion=_NOT_HERE).best()
    if found is None:
        return "cp1252" if "\ufffd" not in western else "latin-1"
    return found.encoding.replace("_", "-") if _known(found.encoding) else "latin-1"
