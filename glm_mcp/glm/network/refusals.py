"""What a body says that holds no answer: the service's errors in every shape, and those of what stands before it."""

from __future__ import annotations

import codecs
import json
from typing import Any

from glm_mcp.errors import GLMError
from glm_mcp.glm.engines.gateways import unpacked
from glm_mcp.glm.error_codes import from_response
from glm_mcp.glm.json_shape import DEEPEST, SMALL, too_deep, too_many_values
from glm_mcp.text import whole


def raise_if_error(event: dict[str, Any], status: int = 200, retry_after: float | None = None) -> None:
    """Raises GLMError when a body is an error in any of the shapes seen: nested, flat, or `success: false`."""
    inner = event.get("error")
    if isinstance(inner, list) and inner:
        inner = inner[0]
    if isinstance(inner, dict) and inner.get("code") in FINE and (event.get("choices") or not _said(inner)):
        inner = None  # it says that there is none
    if inner:
        found = inner if isinstance(inner, dict) else {"message": inner}
    elif (
        event.get("success") is False
        or (status >= 400 and not event.keys().isdisjoint({"code", "msg", "message", "detail"}))
        or ("choices" not in event and "data" not in event and event.get("code") not in (None, *FINE))
    ):
        found = event
    else:
        return
    request_id = (
        text_of(event.get("request_id")) or text_of(found.get("request_id")) or text_of(event.get("id"))
    )
    said = _said(found)
    said = said[:SMALL] if isinstance(said, str) else said  # a refusal in another is short
    packed = object_in(said) if isinstance(said, str) else None
    if packed and isinstance(packed.get("error"), dict):  # a gateway hands on what it was answered
        found = packed["error"]
        said = found.get("message") or ""
    code = found.get("code")
    if isinstance(said, str) and (parts := unpacked(said)):
        code, said, request_id = parts[0], parts[1], request_id or parts[2]
    raise from_response(
        status,
        code,
        said,
        request_id=request_id,
        retry_after=retry_after,
        sort=text_of(found.get("type")),
    )


FINE = (0, 200, "0", "200")  # as a code
_SAID = ("message", "msg", "detail", "errmsg", "error_msg", "resultMsg")


def _said(found: dict[str, Any]) -> Any:
    return next((found[name] for name in _SAID if found.get(name)), "")


def told_in(event: dict[str, Any]) -> GLMError | None:
    """What an object says in words that has no other sign of a refusal. In a stream others may follow it."""
    said = _said(event)
    ident = text_of(event.get("request_id")) or text_of(event.get("id"))
    code = event.get("code", event.get("errcode"))
    if not isinstance(said, str) or not said or code in FINE:
        return None
    return from_response(200, code, said, request_id=ident)


def decoded(body: bytes) -> str:
    """A refusal as text: in UTF-8, or as its mark or its zero bytes say; what is none of these is taken for Chinese. Its
    last character may be cut.
    """
    try:
        return codecs.getincrementaldecoder(json.detect_encoding(body))().decode(body)
    except UnicodeDecodeError:
        return body.decode("gb18030", "replace")


def object_in(text: str) -> dict[str, Any] | None:
    """The object of a JSON text, in the forms it comes in: as the data of an event, packed twice, alone in a list. `text` has
    no more values than are read; what is packed in it is looked at here.
    """
    if text.startswith("data:"):
        text = text.removeprefix("data:").partition("\n")[0]
    try:
        found = json.loads(text)
        if isinstance(found, str):
            found = None if too_many_values(found) else json.loads(found)
    except (ValueError, RecursionError):
        return None
    if text.count("[") + text.count("{") > DEEPEST and too_deep(found):
        return None
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    return found if isinstance(found, dict) else None


def read_error(
    status: int, body: str, *, request_id: str | None = None, retry_after: float | None = None
) -> GLMError:
    """The error for a whole refused response; any body: JSON in any of its shapes, HTML, nothing."""
    event = object_in(body)
    if event is not None:
        try:
            raise_if_error(event, status, retry_after)
        except GLMError as error:
            error.request_id = error.request_id or request_id
            return error
    return from_response(status, None, body, request_id=request_id, retry_after=retry_after)


def text_of(value: Any) -> str:
    return whole(str(value)) if isinstance(value, str | int) else ""
