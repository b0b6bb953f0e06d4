"""Text as it may leave this process: without our keys, without what acts on a terminal, on one line where a line is meant."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from weakref import WeakSet

SHORTEST = 8  # a "key" such as EMPTY, which some servers of one's own want, is a word that may stand anywhere
CERTAIN = 24  # from here on no honest text holds it by chance; dummies such as "no-key-required" are shorter


class Redactor:
    """The secrets of one application, or of one call: they stand in nothing that is said while it is applied."""

    def __init__(self, *secrets: str | None) -> None:
        self._secrets: list[str] = []
        for secret in secrets:
            self.learn(secret)
        _alive.add(self)

    def learn(self, secret: str | None) -> None:
        """One more secret, also for the calls in which this redactor is applied already."""
        if secret and len(secret) >= SHORTEST:
            # As JSON has it too, with a backslash before its quotes. The longest first: one may begin another.
            written = (json.dumps(secret, ensure_ascii=bare)[1:-1] for bare in (True, False))
            self._secrets = sorted({*self._secrets, secret, *written}, key=len, reverse=True)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """In this task, in those that it starts, and in their threads."""
        token = _applied.set(self)
        try:
            yield
        finally:
            _applied.reset(token)

    def without(self, text: str, shortest: int) -> str:
        for secret in self._secrets:
            if len(secret) >= shortest:
                text = text.replace(secret, "[key]")
        return text

    def begun(self, text: str) -> int:
        """How many characters at the end of a text may be the beginning of a secret whose rest is still to come."""
        longest = 0
        for secret in self._secrets:
            if len(secret) >= CERTAIN:
                sizes = range(min(len(secret) - 1, len(text)), longest, -1)
                longest = next((n for n in sizes if text.endswith(secret[:n])), longest)
        return longest


_applied: ContextVar[Redactor | None] = ContextVar("glm_mcp_redactor", default=None)
# The one list for the whole process: its stderr, and what is said outside every call, belong to all applications in it.
_alive: WeakSet[Redactor] = WeakSet()


def without_secrets(text: str, shortest: int = SHORTEST) -> str:
    """For what we say ourselves. The secrets are those of the redactor that is applied, or of all where none is."""
    applied = _applied.get()
    return applied.without(text, shortest) if applied else without_any_secret(text, shortest)


def keyless(text: str) -> str:
    """For what a model or a document says: byte for byte but for our key."""
    return without_secrets(text, CERTAIN)


def without_any_secret(text: str, shortest: int = SHORTEST) -> str:
    """Without those of any application of this process: for what all of them write to."""
    for redactor in list(_alive):
        text = redactor.without(text, shortest)
    return text


# An unfinished script or style reaches to the end; without that, many of them would be searched for over and over.
_MARKUP = re.compile(r"<(script|style)\b.*?(?:</\1\s*>|\Z)|<[^>]{0,500}>", re.DOTALL | re.IGNORECASE)
_KEYS = re.compile(r"\b[0-9a-fA-F]{16,}\.[A-Za-z0-9]{8,}\b|\bsk-[\w-]{8,}|\bBearer\s+\S+")
_LOOKED_AT = 8_000  # characters; the reason stands at the start
ERROR_CHARS = 1_000  # of what an error says; a path alone may have thousands
ID_CHARS = 80  # of a request id; the service's have some 30


def clean(text: object, limit: int = 300) -> str:
    """One line of printable text from whatever a service sent: markup, control characters and key-like words removed."""
    # Keys first: a cut would leave the half of one, which nothing knows any more.
    known = without_secrets(str(text)[: 2 * _LOOKED_AT])[:_LOOKED_AT]
    seen = _without_hidden(known)
    if seen != known:  # what was taken out may have stood within one
        seen = without_secrets(seen)
    plain = _KEYS.sub("[key]", _MARKUP.sub(" ", seen))
    if not plain.isprintable():
        plain = "".join(c if c.isprintable() else " " for c in plain)
    return shortened(" ".join(plain.split()), limit)


# Escape sequences whole, so that no rest of them stays; then every other control character; then the overrides and
# isolates of direction, which show a text in another order than it has.
_ESCAPES = (
    r"\x1b[\]PX^_][^\x07\x1b\x9c]{0,2000}(?:\x07|\x1b\\|\x9c)"  # a title, a link: only when it ends
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|\x1b[ -/]*[0-~]?"
)
_CONTROLS = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
_TURNS = "[\u202a-\u202e\u2066-\u2069]"
_UNWANTED = re.compile(f"{_ESCAPES}|{_CONTROLS}|{_TURNS}")
_ACTS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_BREAKS = re.compile("\r\n|[\r\x0b\x0c\x85]")  # a new page or line: what stood apart must not be glued
_HALF = re.compile("[\ud800-\udfff]")  # no output can encode it; a file's name may hold one

# Letters that nobody sees, with which a text can speak to a model and to no reader: Default_Ignorable_Code_Point of
# Unicode 16 (DerivedCoreProperties.txt), but for the turns above. They go unless the text needs them.
_HIDDEN = (
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u2065\u206a-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_MARKS = "\u061c\u200e\u200f"  # of direction; between them a text may need one
# Arabic, Syriac and N'Ko, the scripts of India and their kin, Khmer, Mongolian, Javanese: letters that join.
_JOINING = (
    "\u0620-\u06ff\u0710-\u074f\u0750-\u077f\u07ca-\u07f5\u08a0-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u17b3\u17b6-\u17d3"
    "\u1820-\u18aa\u1b00-\u1b4b\ua980-\ua9c0\ufb50-\ufdff\ufe70-\ufefc\U00011000-\U000114df"
)
_EMOJI = (
    "\xa9\xae\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u25fe\u2600-\u27bf\u2934\u2935\u2b05-\u2b55"
    "\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
)
_IDEOGRAPHS = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_MONGOLIAN = "\u1820-\u18aa"
# These two are compiled where they are first used: most texts hold nothing of the kind, and each start would take 10 ms more.
_NEEDED = (
    f"(?<=[{_JOINING}])[\u200c\u200d](?=[{_JOINING}])"
    f"|(?:(?<=[{_EMOJI}])|(?<=[{_EMOJI}]\ufe0f))\u200d(?=[{_EMOJI}])"
    "|(?<=\U0001f3f4)[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,6}\U000e007f"  # the flag of a region
    f"|(?:(?<![{_HIDDEN}])|(?<=[{_EMOJI}]\ufe0f))[{_MARKS}]"
    # One variation selector, after what has variants. No ideograph has more of them than 32.
    f"|(?<=[{_EMOJI}])[\ufe0e\ufe0f]|(?<=[0-9#*])\ufe0f(?=\u20e3)"
    f"|(?<=[{_IDEOGRAPHS}])[\ufe00-\ufe02\U000e0100-\U000e011f]"
    "|(?<=[\u2200-\u22ff\u2a00-\u2aff\u3001\u3002\uff01\uff0c\uff0e\uff1a\uff1b\uff1f])[\ufe00\ufe01]"
    f"|(?<=[\u1000-\u109f])\ufe00|(?<=[{_MONGOLIAN}])[\u180b-\u180d\u180f]|(?<=[{_MONGOLIAN}])\u180e(?=[{_MONGOLIAN}])"
)
# A run of them that is not needed as it is; in emoji nearly every run is, and each look at one costs microseconds.
_HIDDEN_RUN = f"(?<![{_HIDDEN}])(?!(?:{_NEEDED})+(?![{_HIDDEN}]))[{_HIDDEN}]+"
_LEADING_HIDDEN = re.compile(f"\\A[{_HIDDEN}]+")
_HIDDEN_CHARACTER = re.compile(f"[{_HIDDEN}]")
_MARK = re.compile(f"[{_MARKS}]")
_RIGHT_TO_LEFT = re.compile(
    "[\u05be-\u05f4\u0620-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)


def _without_hidden(text: str, instead: Callable[[str], str] = lambda _: "") -> str:
    """Without the letters that nobody sees and the text does not need, or with something instead of each."""
    if text.isascii() or not _HIDDEN_CHARACTER.search(text):
        return text

    def kept(run: re.Match[str]) -> str:
        start, end = run.span()
        before = text[max(0, start - 2) : start]
        window, at, pieces = before + run[0] + text[end : end + 1], len(before), []
        for needed in re.compile(_NEEDED).finditer(window, at):
            pieces += [*map(instead, window[at : needed.start()]), needed[0]]
            at = needed.end()
        return "".join((*pieces, *map(instead, window[at : len(before) + len(run[0])])))

    text = re.sub(_HIDDEN_RUN, kept, text)
    if _MARK.search(text):
        # Marks of direction say nothing where all is written in one.
        text = "\n".join(
            line if _RIGHT_TO_LEFT.search(line) else _MARK.sub(lambda mark: instead(mark[0]), line)
            for line in text.split("\n")
        )
    return text


def plain(text: str) -> str:
    """A text of a model, a document or a web page as data: without control characters, terminal escapes, letters that
    nobody sees, or our key.

    Tabs and line breaks stay; a lone carriage return, which writes over a line, becomes a line break.
    """
    return keyless(_still(text))


_STEP = 100_000  # characters in one go: one look at megabytes would let no other thread run
_BORDER = 4_000  # at the end of a step, in which a place to cut is looked for
_BEGINS = re.compile("[\x1b\x9b](?=[^\x1b\x9b]*\\Z)")
_JOINED = re.compile(f"\r\n|.[{_HIDDEN}]|[{_HIDDEN}].", re.DOTALL)


def _still(text: str) -> str:
    if len(text) <= _STEP + _BORDER:
        return _still_at_once(text)
    pieces, at = [], 0
    while at < len(text):
        end = _border(text, at + _STEP) if at + _STEP < len(text) else len(text)
        pieces.append(_still_at_once(text[at:end]))
        at = end
    return "".join(pieces)


def _border(text: str, end: int) -> int:
    """Where a text can be cut so that both parts mean what they meant: after a line, else between letters that are
    seen, and not within an escape sequence.
    """
    start = end - _BORDER
    begun = _BEGINS.search(text, start, end)
    if begun and begun.start() > start:
        end = begun.start()
    line = text.rfind("\n", start, end) + 1
    if line:
        return line
    return next((at for at in range(end, start, -1) if not _JOINED.match(text, at - 1)), end)


def _still_at_once(text: str) -> str:
    if _ACTS.search(text):
        text = _HALF.sub("\ufffd", _UNWANTED.sub("", _BREAKS.sub("\n", text)))
    return _without_hidden(text)


def escaped(written: str) -> str:
    """JSON that `plain` would change, with the same content: such characters as JSON escapes."""
    return _without_hidden(_ACTS.sub(lambda match: _escape(match[0]), written), _escape)


def _escape(character: str) -> str:
    return json.dumps(character)[1:-1]


# What a piece of a text may end in that only the next one makes whole: an escape sequence, half a character, a return.
_OPEN = re.compile(
    f"(?:\x1b(?:\\[[0-?]{{0,30}}[ -/]{{0,5}})?|\x9b[0-?]{{0,30}}|[\ud800-\udbff]|\r|[{_HIDDEN}]{{1,40}})\\Z"
)

_OPEN_CHARS = 60  # that it has at most


class Pieces:
    """A text of a model that comes in pieces, made `plain` piece by piece: nothing of a key is given before it is known
    that it is none.
    """

    def __init__(self) -> None:
        self._unfinished = ""
        self._before = ""  # the last characters, on which it depends what the next ones mean
        self._held = ""

    def add(self, piece: str) -> str:
        """What can be said now; the rest is said with a later piece."""
        raw = self._unfinished + piece
        unfinished = _OPEN.search(raw, max(0, len(raw) - _OPEN_CHARS))
        end = unfinished.start() if unfinished else len(raw)
        self._unfinished = raw[end:]
        fresh = _still(self._before + whole(raw[:end]))[len(self._before) :]
        self._before = _LEADING_HIDDEN.sub("", (self._before + fresh)[-4:])
        # Keys last: what was taken out may have stood within one.
        text = keyless(self._held + fresh)
        redactors = [applied] if (applied := _applied.get()) else list(_alive)
        end = len(text) - max((redactor.begun(text) for redactor in redactors), default=0)
        self._held = text[end:]
        return text[:end]


def one_line(text: str) -> str:
    """The same on one line, for a sentence that names a file: a line break in its name says nothing of its own."""
    return " ".join(plain(text).splitlines())


def shortened(text: str, most: int) -> str:
    """At most so many characters of it, with a mark at the end where there were more."""
    return text if len(text) <= most else text[: most - 1] + "…"


def bearable(text: str) -> str:
    """What an error says, of a length that can be shown. Keys first: a cut would leave the half of one."""
    return shortened(without_secrets(text), ERROR_CHARS)


def whole(text: str) -> str:
    """The text with the halves of a character that came in two pieces joined; a half alone becomes a mark."""
    if text.isascii() or not _HALF.search(text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


_LONG_CODE = re.compile(r"&(?=#[0-9]{9})")


def unescaped(text: str) -> str:
    """Without the entities of HTML. A code of nine digits and more is no letter's, and Python reads none of thousands."""
    import html

    return html.unescape(_LONG_CODE.sub("&amp;", text))
