"""Text that was found apart from a page's, put into that where it belongs."""

from __future__ import annotations

import itertools
import re
import unicodedata

BREAKS = ("\r", "\n", "\x02", "\ufffe")  # of lines, and of words at the end of one
_CONTEXT = (24, 16, 10, 6, 4)  # letters before a text by which its place is found
_AROUND = 3 * _CONTEXT[0]  # characters, some of which are none
_REST = re.compile(r"(?:[^\w\n]|_)*(?=\n|\Z)")  # of a line, without a letter


class _Folded(dict[int, str]):
    # For `translate`: one small letter for each, and nothing for what is no letter or digit.
    def __missing__(self, code: int) -> str:
        self[code] = chr(code).casefold()[0] if chr(code).isalnum() else ""
        return self[code]


_FOLDED, _SIGN = _Folded(), re.compile(r"[^\W_]")


def folded(text: str) -> str:
    """Its letters and digits, small, each as it is."""
    return text.translate(_FOLDED)


def solid(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def bare(text: str) -> str:
    return "".join(c for c in solid(text) if c.isalnum())


def put(written: str, before: str, text: str, after: str, done: int) -> tuple[str, int]:
    """`written` with the text after what stands before it, or else in front of what stands after it; at the end where
    neither is found; with where it ends. `done`: where the last one does. `before`, `after`: the page to its ends.
    """
    letters, start = folded(written), len(folded(written[:done]))
    known, follows = bare(before[-_AROUND:]), bare(after[:_AROUND])
    said, rest = folded(before), folded(after)
    for context in (known[-length:] for length in _CONTEXT[:2] if known):
        number, all_ = said.count(context), letters.count(context)
        if number and number + rest.count(context) == all_:  # both readers have it as often
            end = len(context.join(letters.split(context)[:number])) + len(context)
            return _put_at(written, _behind(written, end, before), text)
    if found := _found(letters, [known[-length:] for length in _CONTEXT], start):
        return _put_at(written, _behind(written, found[1], before), text)
    if found := _found(letters, [follows[:length] for length in _CONTEXT], start):
        at = _place(written, found[0])
        gap = "\n\n" if after[:1] in BREAKS else " " if after[:1].isspace() else ""
        return f"{written[:at]}{text.strip()}{gap}{written[at:]}", at + len(text.strip())
    return f"{written}\n\n{text.strip()}", done


def _found(letters: str, contexts: list[str], start: int) -> tuple[int, int] | None:
    """Where one of them stands: of those alike, as forms and lists have, the first that does not end before `start`."""
    for some in (contexts[:2], contexts[2:]):
        for context, since in [*((c, start) for c in some), *((c, 0) for c in some)]:
            at = letters.find(context, max(0, since - len(context))) if context else -1
            if at >= 0:
                return at, at + len(context)
    return None


def _place(written: str, number: int) -> int:
    """Of a letter or digit, by its number from 0."""
    return next(itertools.islice(_SIGN.finditer(written), number, None)).start()


def _behind(written: str, number: int, before: str) -> int:
    """The place after so many letters and digits, with the vowel signs and marks that end `before`, which stands there."""
    at = _place(written, number - 1) + 1
    while unicodedata.category(written[at : at + 1] or " ").startswith("M"):
        at += 1
    marks = before.rstrip()
    for mark in marks[len(marks.rstrip(":;,.)")) :]:
        at += written[at : at + 1] == mark
    return at


def _put_at(written: str, at: int, text: str) -> tuple[str, int]:
    # What stands between the two belongs to both.
    while text[:1] and text[0] == written[at : at + 1] and not text[0].isspace():
        text, at = text[1:], at + 1
    is_row = written.startswith("|", written.rfind("\n", 0, at) + 1)
    own = text.strip().replace("|", "\\|" if is_row else "|")
    if text[:1] in BREAKS:
        if (rest := _REST.match(written, at)) and not is_row:
            return f"{written[: rest.end()]}\n\n{own}{written[rest.end() :]}", rest.end() + 2 + len(own)
        while written[at : at + 1] and not (written[at].isalnum() or written[at].isspace()):
            at += 1
    gap = " " if text[:1].isspace() else ""
    after = " " if own[-1:].isascii() and written[at : at + 1].isalnum() else ""
    return f"{written[:at]}{gap}{own}{after}{written[at:]}", at + len(gap) + len(own)
