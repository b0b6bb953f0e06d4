"""Which recorded answer belongs to a message. Only requests whose whole form is known get one: what the real server would
refuse, or what it might take another way, is never answered here.
"""

from __future__ import annotations

import json
import time

from glm_mcp.server.front.conditions import kept_state
from glm_mcp.server.front.record import START

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MODERN = "2026-07-28"
RESOURCES = "resources/list"
LONGEST = 16_000  # characters of a message that is looked at
SAID_MAX = 48_000  # bytes of all answers: what a pipe takes (Linux: 64 KiB) though nobody reads from it
OWN_ID = "glm-mcp front "  # no client's; the real server gets what was answered here under such ids

_PREFIX = "io.modelcontextprotocol/"
_VERSION, _INFO, _CAPABILITIES = (
    _PREFIX + "protocolVersion",
    _PREFIX + "clientInfo",
    _PREFIX + "clientCapabilities",
)
_LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
_FIELDS = {"jsonrpc", "id", "method", "params"}
_IDENTITY = {"name", "version", "title", "description", "websiteUrl"}
_TREES = ("roots", "sampling", "elicitation", "tasks", "experimental", "extensions")


class Odd(ValueError):
    """A message after which nothing more is answered here."""


class Answers:
    """The recorded answers, for one session's messages in their order. `said`: own id → the answer behind its id."""

    def __init__(self, record: dict[str, Any], kept: str) -> None:
        self.said: dict[str, str] = {}
        self.record = record
        self.waits = False  # whether a request was left to the real server
        self._kept = kept
        self._era: str | None = None
        self._client = ""
        self._bytes = 0
        self._over = False

    def answer(self, line: str) -> tuple[str, str] | None:
        """The answer to a message, and the message as the real server is to get it; None: left to the real server."""
        if self._over or not line.strip():
            return None
        try:
            message = _read(line)
            found = self._found(message) if "id" in message else None
            size = len(found or "")
        # Also of an odd record.
        except (Odd, ValueError, RecursionError, LookupError, TypeError, AttributeError):
            self._over = self.waits = True
            return None
        if found is None or self._bytes + size > SAID_MAX:
            self.waits = self.waits or "id" in message
            return None
        self._bytes += size
        own = f"{OWN_ID}{len(self.said)}"
        self.said[own] = found
        return START + json.dumps(message["id"]) + found, json.dumps({**message, "id": own}) + "\n"

    def _found(self, message: dict[str, Any]) -> str | None:
        method, params = message["method"], message.get("params", {})
        if method == "initialize":
            if self._era is not None or not _is_handshake(params):
                raise Odd
            self._era, self._client = params["protocolVersion"], params["clientInfo"]["name"]
            if self._era == MODERN or self._era not in self.record["eras"]:
                raise Odd
        elif _VERSION in params.get("_meta", {}):
            if self._era not in (None, MODERN):
                raise Odd
            if not _is_envelope(params["_meta"]):
                raise Odd
            self._era, self._client = MODERN, params["_meta"][_INFO]["name"]
        elif self._era in (None, MODERN):
            raise Odd
        if method != "initialize" and not _is_plain(params):
            return None
        if method == RESOURCES:
            return self._resources()
        splitting = self.record["splitting"]
        splits = self._client.strip().lower().startswith(tuple(splitting["starts"]))
        found: str | None = (splitting if splits else self.record)["eras"][self._era].get(method)
        return found

    def _resources(self) -> str | None:
        listed, now = self.record.get("resources"), time.time()
        state = kept_state(self._kept) if listed else None
        if not listed or state is None or state[0] != listed["state"] or now < listed["since"]:
            return None
        if listed["until"] is not None and now >= listed["until"]:
            return None
        found: str | None = listed["eras"].get(self._era)
        return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Odd  # of a name that stands twice, readers choose differently
    return found


def _no_number(_: str) -> float:
    raise Odd


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_number)


def _read(line: str) -> dict[str, Any]:
    """A request or a notification of plain form. Raises Odd, ValueError."""
    # An escape may spell a name, or half a character; DEL is written in two ways.
    if len(line) > LONGEST or not line.isascii() or "\\" in line or "\x7f" in line:
        raise Odd
    message = _DECODER.decode(line)
    if type(message) is not dict or not message.keys() <= _FIELDS or message.get("jsonrpc") != "2.0":
        raise Odd
    params = message.get("params", {})
    if type(message.get("method")) is not str or type(params) is not dict:
        raise Odd
    if type(params.get("_meta", {})) is not dict:
        raise Odd
    if "id" in message:
        ident = message["id"]
        if not (type(ident) is str or (type(ident) is int and abs(ident) < 2**53)):
            raise Odd
    return message


def _is_handshake(params: dict[str, Any]) -> bool:
    return (
        params.keys() == {"protocolVersion", "capabilities", "clientInfo"}
        and type(params["protocolVersion"]) is str
        and _is_client(params["clientInfo"])
        and _are_capabilities(params["capabilities"])
    )


def _is_envelope(meta: dict[str, Any]) -> bool:
    return (
        meta[_VERSION] == MODERN
        and _is_client(meta.get(_INFO))
        and _are_capabilities(meta.get(_CAPABILITIES))
        and meta.get(_PREFIX + "logLevel", "debug") in _LEVELS
    )


def _is_plain(params: dict[str, Any]) -> bool:
    """Whether the parameters of a list ask for nothing but the list."""
    if not params.keys() <= {"_meta"}:
        return False
    known = {_VERSION, _INFO, _CAPABILITIES, _PREFIX + "logLevel"}
    for name, value in params.get("_meta", {}).items():
        if name == "progressToken":
            if type(value) not in (int, str):
                return False
        elif name not in known and (name.startswith(_PREFIX) or type(value) is not str):
            return False
    return True


def _is_client(info: Any) -> bool:
    return (
        type(info) is dict
        and {"name", "version"} <= info.keys() <= _IDENTITY
        and all(type(value) is str for value in info.values())
    )


def _are_capabilities(value: Any) -> bool:
    if type(value) is not dict:
        return False
    for name, one in value.items():
        if name == "roots" and type(one) is dict and type(one.get("listChanged")) is bool and len(one) == 1:
            continue
        if name not in _TREES or not _is_tree(one):
            return False
    return True


def _is_tree(value: Any) -> bool:
    """Objects in objects and nothing else: no field of any known type could be wrong in them."""
    return type(value) is dict and all(_is_tree(one) for one in value.values())
