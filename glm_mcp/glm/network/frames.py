"""The objects that the data of an event holds: one as a rule; one a line, or glued to the next, as some servers write them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from glm_mcp.errors import Again, UpstreamError
from glm_mcp.glm.json_shape import VALUES_MAX, dict_of, too_deep, too_many_values
from glm_mcp.glm.network.refusals import FINE, object_in

BROKEN: dict[str, Any] = {"_broken": True}  # in the place of an object that is damaged
_NOTHING = {"null", "[]", '""'}  # as data of an event that only keeps the connection
_MARK, _DONE = "data:", "[DONE]"
_GLUED = 20  # events in one line
# Of an answer, in those of gateways and of the platform's older versions.
_ENVELOPES = ("data", "result", "response")
_DECODER = json.JSONDecoder()


def frames(data: bytes) -> list[dict[str, Any]]:
    """The objects of an event; BROKEN for one that is damaged. Raises UpstreamError for bytes that are no text."""
    text = text_in(data)
    if text in _NOTHING:
        return []
    if too_many_values(text):
        return [BROKEN]
    return objects_in(text) or list(_parted(text))


def text_in(data: bytes) -> str:
    """Raises UpstreamError for bytes that are no text."""
    try:
        return data.decode(json.detect_encoding(data))
    except UnicodeDecodeError as error:
        raise UpstreamError(
            "the answer holds bytes that are no text", "Call again.", again=Again.RETRY
        ) from error


def objects_in(text: str) -> list[dict[str, Any]]:
    """What a text holds: one object, or one a line, as some servers write a stream; empty where it is neither."""
    found = object_in(text)
    if found is not None:
        return [_bare(found)]
    if not 0 < text.count("\n") < VALUES_MAX:
        return []
    lines = [object_in(line) for line in text.split("\n") if line.strip() not in {"", _DONE}]
    return [] if None in lines else [_bare(line) for line in lines if line is not None]


def _bare(found: dict[str, Any]) -> dict[str, Any]:
    """The answer itself, where it stands in an object that says no more than that all is well."""
    if "choices" in found or found.get("error") or found.get("success") is False:
        return found
    if found.get("code") not in (None, *FINE):
        return found
    for name in _ENVELOPES:
        inner = dict_of(found.get(name))
        if isinstance(inner.get("choices"), list) or isinstance(inner.get("data"), list):
            return {"request_id": found.get("request_id"), **inner}
    return found


def _parted(text: str) -> Iterator[dict[str, Any]]:
    """The objects of events that stand in one line, each whole or cut where the next begins."""
    for _ in range(_GLUED):
        try:
            found, end = _DECODER.raw_decode(text)
        except (ValueError, RecursionError):
            found, end = BROKEN, text.find(_MARK)
        rest = text[end:].strip() if end >= 0 else ""
        if not isinstance(found, dict) or too_deep(found) or (rest and not rest.startswith(_MARK)):
            found = BROKEN
        yield found
        text = rest.removeprefix(_MARK).strip()
        if not text or text == _DONE or not rest.startswith(_MARK):
            return
