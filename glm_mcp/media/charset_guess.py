"""Which encoding bytes are in that are not UTF-8 and say nothing of it.

The guess for East Asian encodings is ours: general detectors take four characters of GBK for Korean, and a fixed
order takes Shift-JIS and Big5 for GB 18030, which decodes nearly everything. Each encoding keeps its frequent
characters in a zone of its own, and the share of byte pairs in that zone tells them apart. chardet tells the others.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence

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


# The codec that is scored and decoded with, and the name that people know; Python's own shift_jis lacks what Windows adds.
_EAST = {
    "gb18030": "gb18030",
    "big5hkscs": "big5",
    "cp932": "shift_jis",
    "euc_jp": "euc-jp",
    "cp949": "euc-kr",
}
# The other encodings that files are still found in, by whether their letters are Latin.
_LATIN = ("cp1252", "cp1250", "cp1254", "cp1257", "iso8859-2", "mac-roman", "cp850", "cp852")
_OTHER = ("cp1251", "cp1253", "cp1255", "cp1256", "cp874", "koi8-r", "koi8-u", "cp866")
# Windows-1252 of languages whose letters the others write with the same bytes: enough for a few of them in a text.
_WESTERN = set("äöüßéèêëàâáãåæçñíìîïóòôõøúùûýÿœÄÖÜÉÈÊËÀÂÁÃÅÆÇÑÍÌÎÏÓÒÔÕØÚÙÛŒ…’‘“”„–—«»°§€£©®™·•¿¡ªº½¼²³±×\xa0")
_FEW = 4
_NAMES = 16_384  # bytes of names that an encoding is guessed from


def utf16(sample: bytes) -> str | None:
    """UTF-16 without its mark: zero bytes on one side only, or units that are nearly all everyday characters."""
    if len(sample) < 4 or len(sample) % 2:
        return None
    sample = sample[: len(sample) // 2 * 2]
    units = len(sample) // 2
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    best = max(("utf-16-le", "utf-16-be"), key=lambda e: _everyday(sample, e))
    if max(even, odd) > units * 0.2 and min(even, odd) < units * 0.05 and _everyday(sample, best) > 0.7:
        return best
    # Pairs of other encodings can look like rare Chinese characters, never like the commonest ones.
    printable = len(re.findall(rb"[ -~]", sample))
    text = sample.decode(best, "replace")
    common = sum("\u3041" <= c <= "\u30fe" for c in text)
    if printable < 0.7 * len(sample):  # two letters of ASCII make a Chinese character
        common += sum(c in _SIMPLIFIED or c in _TRADITIONAL for c in text)
    return best if units >= 3 and _everyday(sample, best) > 0.95 and common > 0.15 * units else None


def _everyday(sample: bytes, encoding: str) -> float:
    text = sample.decode(encoding, "replace")
    usual = re.findall("[\t\n\r -~\u3000-\u30ff\u4e00-\u9fa5\uff01-\uff5e\u2010-\u2026]", text)
    return len(usual) / max(len(text), 1)


def guess(sample: bytes) -> tuple[str, str]:
    """(codec, the name shown) of a text that is not UTF-8."""
    scores = {codec: _score(sample, codec) for codec in _EAST}
    best = max(scores, key=lambda e: scores[e])
    if scores[best] > 1.3:
        return best, _EAST[best]
    western = [c for c in sample.decode("cp1252", "replace") if c > "\x7f"]
    latin = _is_latin(sample)
    few = latin and len(western) < _FEW
    if _WESTERN.issuperset(western) and (few or not any(c.isalpha() for c in western)):
        return "cp1252", "cp1252"
    detected = _chardet(sample, _LATIN if latin else (*_LATIN, *_OTHER))
    if latin or _reads_well(sample.decode(detected, "replace")):
        return detected, detected
    if scores[best]:
        return best, _EAST[best]
    return ("gb18030", "gb18030") if _is_rare_chinese(sample) else (detected, detected)


def guess_of_names(names: Sequence[bytes]) -> str:
    """The codec of the names of files in one archive, which are short: "cp437" where no other alphabet than Latin is seen."""
    sample = b"\n".join(names)[:_NAMES]
    if all(valid(name, "utf-8") for name in names):
        return "utf-8"
    codec, _ = guess(sample)
    return codec if codec in _EAST or codec == "cp866" else "cp437"


def _is_latin(sample: bytes) -> bool:
    """Whether the bytes beyond ASCII stand for letters in words of Latin ones. In words of other scripts there are none,
    or they are second halves of East Asian characters, which is one byte in seven.
    """
    words = b"".join(w for w in re.findall(rb"[A-Za-z\x80-\xff]+", sample) if not w.isascii())
    plain = len(re.findall(rb"[A-Za-z]", words))
    return plain > 0.35 * (len(words) - plain)


def _reads_well(text: str) -> bool:
    """Whether these are words of an alphabet other than Latin: not of small letters with capitals in them, nor of signs."""
    beyond = [c for c in text if c > "\x7f" and not c.isspace()]
    words = [w for w in re.findall(r"[^\W\d_]+", text) if not w.isascii()]
    sane = [w for w in words if w.islower() or w.isupper() or w.istitle() or w.lower() == w.upper()]
    signs = sum(not (c.isalpha() or c in "«»“”„–—…№’") for c in beyond)
    latin = sum("\xc0" <= c <= "\u024f" for c in beyond)
    return len(sane) >= 0.9 * len(words) and signs <= 0.1 * len(beyond) and latin <= 0.1 * len(beyond)


def valid(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except (UnicodeDecodeError, ValueError):
        return False
    return True


def _chardet(sample: bytes, encodings: Sequence[str]) -> str:
    import chardet

    detected = chardet.detect(sample, include_encodings=encodings, compat_names=False)["encoding"] or ""
    detected = detected.lower()
    return detected if detected in encodings else "cp1252" if valid(sample, "cp1252") else "latin-1"


def _is_rare_chinese(sample: bytes) -> bool:
    """Pairs without a rest, all of them Chinese: rare characters that no zone or list knows."""
    try:
        text = sample.decode("gb18030")
    except UnicodeDecodeError:
        return False
    return all(
        "\u4e00" <= c <= "\u9fa5" or "\u3000" <= c <= "\u3011" or c < "\x7f" or c in "，。：；！？（）、"
        for c in text
    )


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
