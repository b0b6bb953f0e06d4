"""The look at every error that a client of the tests is told: in words, without the name of an exception; `internal` only
where a test provokes a defect, which it says by the mark `defect`.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterator

import pytest

_RAISED = {
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
}
_NAME = re.compile(r"\b(?:[A-Z][a-z0-9]+)*[A-Z][a-z]+(?:Error|Exception|Warning)\b|\bTraceback\b")

_told: list[str] = []


def told(text: str) -> None:
    """A client was told of a failure."""
    _told.append(text)


def names_in(text: str) -> list[str]:
    """What looks like the name of an exception."""
    return [word for word in re.findall(r"\w+", text) if word in _RAISED or _NAME.fullmatch(word)]


@pytest.fixture(autouse=True)
def plainly_told(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails the test in which an error spoke of an exception, or of a defect that nobody provoked."""
    yield
    texts = _told.copy()
    _told.clear()
    provoked = request.node.get_closest_marker("defect") is not None
    for text in texts:
        assert not names_in(text), text
        assert provoked or not text.startswith("internal: "), text
