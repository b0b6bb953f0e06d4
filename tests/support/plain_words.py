"""The look at what a client of the tests is told. An error: in words, without the name of an exception; `internal` only
where a test provokes a defect, which it says by the mark `defect`. A closing line: of facts and notes that have their Chinese.
"""

from __future__ import annotations

import builtins
import functools
import re
from collections.abc import Iterator

import pytest

from glm_mcp.tools.words.chinese import in_chinese

_RAISED = {
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
}
_NAME = re.compile(r"\b(?:[A-Z][a-z0-9]+)*[A-Z][a-z]+(?:Error|Exception|Warning)\b|\bTraceback\b")

_QUANTITY = re.compile(r"[\d.,]+ (?:s|KB)|.*\+ [\d,]+ token")

_told: list[str] = []
_closing: list[str] = []


def told(text: str) -> None:
    """A client was told of a failure."""
    _told.append(text)


def closed(text: str) -> None:
    """A client was given a result."""
    last = text.rstrip().rpartition("\n")[2]
    if last.startswith("[") and last.endswith("]"):
        _closing.append(last[1:-1])


def english_in(line: str) -> list[str]:
    """What a closing line says in English and has no Chinese; what has no blank is a name."""
    return [fact for fact in line.split(" · ") if _is_english(fact)]


@functools.cache
def _is_english(fact: str) -> bool:
    if " " not in fact or _QUANTITY.fullmatch(fact) or re.search("[\u4e00-\u9fff]", fact):
        return False
    return in_chinese(fact) == fact


def names_in(text: str) -> list[str]:
    """What looks like the name of an exception."""
    return [word for word in re.findall(r"\w+", text) if word in _RAISED or _NAME.fullmatch(word)]


@pytest.fixture(autouse=True)
def plainly_told(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails the test in which an error spoke of an exception, or of a defect that nobody provoked, or a note has no Chinese."""
    yield
    lines = _closing.copy()
    _closing.clear()
    assert [fact for line in lines for fact in english_in(line)] == []
    texts = _told.copy()
    _told.clear()
    provoked = request.node.get_closest_marker("defect") is not None
    for text in texts:
        assert not names_in(text), text
        assert provoked or not text.startswith("internal: "), text
