"""What fonts say of their letters and the parser does not take: boxes several times as tall as the letters, as that
of Cambria with its mathematical signs, for which it takes lines for written one over the other and leaves all but the
last out; a range of a font's map in which more than the last byte changes, for which it leaves out all that are listed with
it, and gives other letters for theirs; and characters beyond 16 bits (😀, 𠮷), which it leaves out, among them the letters of Word's formulas (𝑥).
"""

from __future__ import annotations

import bisect
import functools
import re
import unicodedata
import zlib
from collections.abc import Callable

from glm_mcp.media.documents.page.objects import packed, packed_places, unpacked, with_objects

_NUMBER = rb"-?\d{1,9}(?:\.\d{0,12})?"
_BOX = re.compile(rb"/FontBBox\s*\[(\s*%b\s+(%b)\s+%b\s+(%b)\s*)\]" % ((_NUMBER,) * 4))
_STREAM = re.compile(rb"stream\r?\n(?=[\x48\x58\x68\x78])")
_MATH = rb"<\s*(D835)\s*(D[C-F][0-9A-F]{2})\s*>"
_LETTER = re.compile(_MATH, re.IGNORECASE)
_RANGE = re.compile(rb"<([0-9A-F]{2,4})>\s*<([0-9A-F]{2,4})>\s*" + _MATH, re.IGNORECASE)
_END = re.compile(rb"endbf(char|range)")
_COUNT = re.compile(rb"\d{1,9}(?=\s+\Z)")
_MOST_ROWS = 500  # of a list; programs write a hundred
_CHAR_ROW = re.compile(rb"<[0-9A-F\s]*>\s*<[0-9A-F\s]*>", re.IGNORECASE)
_CODE = re.compile(rb"<([0-9A-F]{4})>", re.IGNORECASE)
_RANGE_ROW = re.compile(
    rb"<([0-9A-F]{4})>\s*<([0-9A-F]{4})>\s*<([0-9A-F]{4})>"  # what can be parted; a row may have others
    rb"|<[0-9A-F\s]*>\s*<[0-9A-F\s]*>\s*(?:<[0-9A-F\s]*>|\[[^\[\]]{0,8000}\])",
    re.IGNORECASE,
)
_HEAD = re.compile(rb"(\d{1,9})\s+0\s+obj\b(?:(?!\bobj\b).){0,500}\Z", re.DOTALL)
_FAR = re.compile(rb"D[89AB][0-9A-F]{2}\s*D[C-F][0-9A-F]{2}", re.IGNORECASE)
_MEANING = re.compile(rb"<(?:\s*[0-9A-F]{4}){2,40}\s*>", re.IGNORECASE)
_STAND_IN = 0x800  # from the halves of such a character to two for private use, which the parser hands on
_PAIR = re.compile("([\ue000-\ue3ff]) ?([\ue400-\ue7ff])")  # the parser may take the first for a word
_UNSHOWN = 0xE0000  # from here on tags, selectors and private use
# Which look like meanings.
_LONG_CODES = re.compile(rb"begincodespacerange\s*<[0-9A-F\s]{5,}>", re.IGNORECASE)
_MAP = 500_000  # bytes of a font's map
_MAPS, _LOOKED_AT = 2_000_000, 50_000_000  # and of all that are changed, or looked through
_LONG = 256  # letters of a range
_PLAIN = {0xDC00 + n: unicodedata.normalize("NFKC", chr(0x1D400 + n)) for n in range(0x400)}
_TALL = 2000  # thousandths of a letter's size; most fonts have 1200
_USUAL = (b"0 -200 999 900", b"0 0 9 900")  # the second fits wherever a taller one stood
_NONE = (b"0 0 0 0",)
_RISES, _FALLS = 500, -1000  # of letters, unlike the signs of a font of large brackets
_AROUND = 600  # bytes of what else is said of a font


def with_plain_fonts(data: bytes) -> bytes:
    """The file without such boxes and letters; the same object where it has none."""
    if b"/Encrypt" not in data:
        data = _with_plain_maps(with_objects(data, _packed(data)))
    return _BOX.sub(_low, data)


def _with_plain_maps(data: bytes) -> bytes:
    """Fonts' maps lead to x where they led to 𝑥, and to a pair of `as_meant` where to another such character, and have ranges
    that the parser takes. A changed map is in its place if it has room there, else at the file's end.
    """
    pieces, done, room, looked_at = [], 0, _MAPS, 0
    anew: dict[int, bytes] = {}
    for stream in _STREAM.finditer(data):
        start = stream.end()
        if start < done or b"CIDInit" not in unpacked(data, start, 100, 500)[0]:
            continue
        map_, end, is_whole = unpacked(data, start, _MAP, _MAP)
        looked_at += len(map_)
        if looked_at > _LOOKED_AT:
            break
        if not is_whole or len(map_) > room or (plain := _plain_map(map_)) is None:
            continue
        room -= len(map_)
        if len(plain) <= end - start:
            pieces += [data[done:start], plain.ljust(end - start)]
            done = end
        elif number := _HEAD.search(data, max(0, stream.start() - 600), stream.start()):
            anew[int(number[1])] = b"<</Length %d/Filter/FlateDecode>>stream\n%b\nendstream" % (
                len(plain),
                plain,
            )
    return with_objects(b"".join([*pieces, data[done:]]) if pieces else data, anew)


def _plain_map(map_: bytes) -> bytes | None:
    """It changed and packed; None where it has nothing to change."""
    parts = _with_plain_lists(map_)
    if parts == map_ and not _FAR.search(map_):
        return None
    before, *ranges = parts.split(b"beginbfrange")
    parted = [part.partition(b"endbfrange") for part in ranges]
    listed = b"".join(b"beginbfrange" + _RANGE.sub(_listed, own) + end + rest for own, end, rest in parted)
    plain = _LETTER.sub(_plain, before + listed)
    return zlib.compress(plain if _LONG_CODES.search(plain) else _MEANING.sub(_stood_in, plain), 9)


def _with_plain_lists(map_: bytes) -> bytes:
    """A map whose lists have ranges that the parser takes, and their number before them."""
    pieces, done, room = [], 0, _MAP
    within = functools.partial(_within_a_byte, functools.cache(lambda: _first_codes(map_)))
    for end in _END.finditer(map_):
        ranges, begin = end[1] == b"range", b"beginbf" + end[1]
        before, found, rows = map_[done : end.start()].rpartition(begin)
        own = _RANGE_ROW.sub(within, rows, _MOST_ROWS) if ranges and room > 0 else rows
        room -= len(own) - len(rows)
        count = len((_RANGE_ROW if ranges else _CHAR_ROW).findall(own))
        said = _COUNT.search(before, max(0, len(before) - 20)) if found else None
        if said and int(said[0]) != count:
            before = b"%b%d%b" % (before[: said.start()], count, before[said.end() :])
        pieces += [before, found, own, end[0]]
        done = end.end()
    return b"".join([*pieces, map_[done:]])


def _first_codes(map_: bytes) -> list[int]:
    """Those that rows of it begin with, in order."""
    found, done = set[int](), 0
    for end in _END.finditer(map_):
        row = _RANGE_ROW if end[1] == b"range" else _CHAR_ROW
        rows = map_[done : end.start()].rpartition(b"beginbf" + end[1])[2]
        found |= {int(code[1], 16) for each in row.finditer(rows) if (code := _CODE.match(each[0]))}
        done = end.end()
    return sorted(found)


def _within_a_byte(first_codes: Callable[[], list[int]], match: re.Match[bytes]) -> bytes:
    """A range as one for each first byte of its codes and of what they mean, up to the next of the codes that have a row of
    their own: Ghostscript wrote 47FF for 4700.
    """
    if match[1] is None:
        return match[0]
    low, high, means = (int(digits, 16) for digits in match.groups())
    if high >> 8 != low >> 8:
        codes = first_codes()
        after = bisect.bisect_right(codes, low)
        high = min(high, codes[after] - 1) if after < len(codes) else high
    parts = list[bytes]()
    while low <= high:
        last = min(high - low, 0xFF - (low & 0xFF), 0xFF - (means & 0xFF))
        parts.append(b"<%04X><%04X><%04X>" % (low, low + last, means))
        low, means = low + last + 1, (means + last + 1) & 0xFFFF
    return b"\n".join(parts) if len(parts) > 1 else match[0]


def as_meant(text: str) -> str:
    """The text of a page with the characters beyond 16 bits in the place of what stood for them."""
    return _PAIR.sub(_met, text)


def _met(pair: re.Match[str]) -> str:
    halves = (ord(half) - _STAND_IN for half in pair.groups())
    letter = b"".join(half.to_bytes(2, "big") for half in halves).decode("utf-16-be")
    return letter if _is_shown(letter) else pair[0]


def _is_shown(letter: str) -> bool:
    return ord(letter) < _UNSHOWN and unicodedata.category(letter) != "Cn"


def _stood_in(meaning: re.Match[bytes]) -> bytes:
    said = bytes.fromhex(meaning[0][1:-1].decode()).decode("utf-16-be", "replace")
    far = [letter for letter in said if ord(letter) >= 0x10000]
    if not far or not all(map(_is_shown, far)):
        return meaning[0]
    raw = said.encode("utf-16-be")
    halves = [int.from_bytes(raw[i : i + 2], "big") for i in range(0, len(raw), 2)]
    return b"<%b>" % b"".join(b"%04X" % (n + _STAND_IN * (0xD800 <= n < 0xE000)) for n in halves)


def _letter(match: re.Match[bytes], after: int = 0) -> str:
    low = int(match[match.re.groups], 16)  # of two times 16 bits, of which D835 are the high ones
    return _PLAIN.get(low + after) or chr(0x1D400 + low - 0xDC00 + after)


def _plain(match: re.Match[bytes]) -> bytes:
    return _said(_letter(match))


def _listed(match: re.Match[bytes]) -> bytes:
    """A range; where its plain letters do not follow each other, each by itself."""
    count = int(match[2], 16) - int(match[1], 16) + 1
    if not 0 < count <= _LONG:
        return match[0]
    letters = [_letter(match, n) for n in range(count)]
    follow = all(ord(letter) == ord(letters[0]) + n for n, letter in enumerate(letters))
    means = _said(letters[0]) if follow else b"[%b]" % b"".join(map(_said, letters))
    return b"<%b> <%b> %b" % (match[1], match[2], means)


def _said(letter: str) -> bytes:
    return b"<%b>" % letter.encode("utf-16-be").hex().upper().encode()


def _packed(data: bytes) -> dict[int, bytes]:
    """The changed ones among packed objects, by their numbers."""
    changed = {}
    for head, objects in packed(data):
        if b"/FontBBox" in objects:
            for number, start, end in packed_places(head, objects):
                own = objects[start:end]
                if (low := _BOX.sub(_low, own)) != own:
                    changed[number] = low
    return changed


def _low(box: re.Match[bytes]) -> bytes:
    """Another box of the same length, where it was too tall: a usual one for letters that are said to rise and fall as usual,
    so that it is that of some signs. Else one that says nothing, for which the font's own file speaks.
    """
    if float(box[3]) - float(box[2]) <= _TALL:
        return box[0]
    before = box.string[max(0, box.start() - _AROUND) : box.start()].rpartition(b" obj")[2]
    own = before + box.string[box.end() : box.end() + _AROUND].partition(b"endobj")[0]
    rises, falls = (re.search(name + rb"\s+(%b)" % _NUMBER, own) for name in (b"/Ascent", b"/Descent"))
    usual = rises and falls and float(rises[1]) > _RISES and 0 >= float(falls[1]) > _FALLS
    told = next(one for one in (_USUAL if usual else _NONE) if len(one) <= len(box[1]))
    return box[0].replace(box[1], told.ljust(len(box[1])))
