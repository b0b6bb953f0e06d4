"""The look at what clients are told finds what it looks for."""

from __future__ import annotations

from support.cases import each
from support.plain_words import names_in


@each(
    ("text", "names"),
    [
        ("unsupported_media: a.docx is damaged: KeyError. Save it again.", ["KeyError"]),
        ("it could not be read (ValueError)", ["ValueError"]),
        ("upstream: PanicException in the reader", ["PanicException"]),
        ("network: httpx.ConnectTimeout, no: ReadError", ["ReadError"]),
        ("Traceback (most recent call last)", ["Traceback"]),
        ("rate_limited: Error 1302 of the service. Wait 10 s.", []),
        ("An exception to the rule, a warning and an error", []),
    ],
)
def test_the_name_of_an_exception_is_told_from_words(text: str, names: list[str]) -> None:
    assert names_in(text) == names
