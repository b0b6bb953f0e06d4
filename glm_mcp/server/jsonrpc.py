"""A line of stdin, or the body of a request, as a message, or as the answer to one that cannot be read, for which its
sender would wait.
"""

from __future__ import annotations

import codecs
import json
from typing import Any

from mcp.shared.message import SessionMessage
from mcp.types import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    PARSE_ERROR,
    ErrorData,
    JSONRPCError,
    JSONRPCNotification,
    JSONRPCRequest,
    jsonrpc_message_adapter,
)
from pydantic import ValidationError
from pydantic_core import from_json

_PIECE = 1 << 18  # bytes that are mended in one go: meanwhile no other thread runs
_MARK, _FEW = "\N{REPLACEMENT CHARACTER}", 1_000  # of wrong bytes; each mark takes three


def read(line: bytes | bytearray) -> SessionMessage | JSONRPCError | None:
    """What a line says; None for an empty one.

    Read first and looked at then: the SDK does both at once, in more than twice the time for 20 MB.
    """
    if not line or line.isspace():
        return None
    try:
        whole = _values(line)
    except ValueError as error:
        return _unread(line, str(error))
    try:
        message = jsonrpc_message_adapter.validate_python(whole, by_name=False)
    except ValidationError:
        return _refused(INVALID_REQUEST, "not a JSON-RPC 2.0 message (batches are not taken)", whole)
    if isinstance(message, JSONRPCNotification) and "id" in whole:
        return _refused(INVALID_REQUEST, "an id is a whole number or a text; give the request one", whole)
    if isinstance(message, JSONRPCRequest) and message.method == "tools/call" and message.params is not None:
        given = message.params.get("arguments")
        arguments = _object(given) if isinstance(given, str) else given
        if not isinstance(arguments, dict | None):
            said = 'arguments is an object, such as {"prompt": "hello"}'
            return _refused(INVALID_PARAMS, said, whole)
        if arguments is not given:
            message.params["arguments"] = arguments
    return SessionMessage(message)


def utf8(line: bytes | bytearray) -> bytes | bytearray:
    """The line; a text with a few bytes that are no UTF-8 is one, with a mark in the place of each."""
    if line.isascii():
        return line
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    mended = list[bytes]()
    wrong = 0
    for at in range(0, len(line), _PIECE):
        part = line[at : at + _PIECE]
        text = decoder.decode(part, final=at + _PIECE >= len(line))
        mended.append(text.encode())
        wrong += text.count(_MARK) - part.count(_MARK.encode())
        if wrong > _FEW:
            return line
    return b"".join(mended) if wrong else line


def _object(text: str) -> Any:
    """What some clients send as the text of an object, as their model wrote it."""
    try:
        return from_json(text) if text.strip() else {}
    except ValueError:
        return text


def _values(line: bytes | bytearray) -> Any:
    try:
        return from_json(line)
    except ValueError:
        return from_json(utf8(line))


def _unread(line: bytes | bytearray, why: str) -> JSONRPCError:
    said = f"not JSON: {why}"
    if "hex escape" in said:
        said += " (\\ud800 to \\udfff stand for a character in pairs alone)"
    try:
        # Python reads half a surrogate pair and deep nesting: enough to tell whose answer this is.
        whole = json.loads(utf8(line))
    except (ValueError, RecursionError):
        whole = None
    return _refused(PARSE_ERROR, said, whole)


def _refused(code: int, said: str, message: Any) -> JSONRPCError:
    # What has an id and no method is the client's answer to a request of ours.
    ident = message.get("id") if isinstance(message, dict) and "method" in message else None
    known = type(ident) is int or (isinstance(ident, str) and ident.isascii())
    return JSONRPCError(jsonrpc="2.0", id=ident if known else None, error=ErrorData(code=code, message=said))
