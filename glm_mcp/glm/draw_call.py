"""One drawing: what is sent, what is changed after a refusal, and the picture in the answer."""

from __future__ import annotations

import binascii
import json
from collections.abc import Callable
from typing import Any

from glm_mcp.errors import Again, ConfigError, GLMError, Overloaded, TimedOut, UpstreamError
from glm_mcp.glm.calls import Drawing, Post
from glm_mcp.glm.error_codes import blocked
from glm_mcp.glm.network.refusals import raise_if_error, told_in
from glm_mcp.registry import SIZES, Card, Endpoint
from glm_mcp.text import ID_CHARS, clean, keyless

LOST = "The picture may have been made; it is not asked for twice. "

NO_DRAWING = frozenset({404, 405, 501})  # how an engine without POST /images/generations answers
NOT_DRAWN = "Set GLM_IMAGE_MODEL to a model that it draws with, or leave generate_image out with GLM_TOOLS."


def in_time(error: GLMError) -> GLMError:
    """Of a drawing that was asked for and not there at the deadline, that it may have been made."""
    if not isinstance(error, TimedOut) or not error.attempts:
        return error
    return error.but(
        hint=LOST + "Call again, or allow more time with GLM_DEADLINE_S and the client's own limit."
    )


class DrawCall:
    """The attempts of one picture. Never asked for twice: each picture that is made counts. `engine`: a self-hosted one is
    asked, which may have no drawing at all.
    """

    beside = False
    pauses = True
    to_fetch = False

    def __init__(self, post: Post, body: dict[str, Any], *, engine: bool = False) -> None:
        self.post, self.body, self.engine = post, dict(body), engine
        self.notes: list[str] = []

    def weight(self, card: Card) -> tuple[int, int]:  # noqa: ARG002 - the protocol's signature
        return len(str(self.body.get("prompt", ""))), 0

    async def attempt(self, card: Card, where: Endpoint, on_words: Callable[[], None]) -> Drawing:
        drawings: list[Drawing] = []

        def on_event(event: dict[str, Any]) -> None:
            on_words()
            drawings.append(_drawing(event, card))

        if not card.hd:
            self._without_hd()
        if not card.any_size:
            self._at_nearest_size()
        body = keyless(json.dumps({"model": card.id, **self.body}, ensure_ascii=False))
        try:
            await self.post(where, "/images/generations", body.encode(), on_event)
        except GLMError as error:
            if error.sent and error.code is None and not isinstance(error, Overloaded):
                raise error.but(again=Again.NEVER, hint=LOST + error.hint) from error
            raise
        if not drawings:
            raise UpstreamError("the service sent an empty answer", LOST + "Call again for another.")
        drawings[0].notes = self.notes
        return drawings[0]

    async def adjust_request(self, error: GLMError, card: Card) -> GLMError | None:
        """Without hd where quality is refused, at the nearest of the seven sizes where a size is. Each once."""
        if self.engine and error.status in NO_DRAWING:
            said = f"this server does not draw with {card.id}: {error.message}"
            return ConfigError(said, NOT_DRAWN, status=error.status, request_id=error.request_id)
        if error.code not in {"1210", "1214"}:
            return error
        said = error.message.lower()
        changed = ("quality" in said and self._without_hd()) or ("size" in said and self._at_nearest_size())
        return None if changed else error

    async def fetch(self) -> None:
        """A drawing needs nothing of elsewhere."""

    def _without_hd(self) -> bool:
        """Asks for standard quality; whether another was asked for."""
        quality = self.body.get("quality", "standard")
        if quality == "standard":
            return False
        self.body["quality"] = "standard"
        self.notes.append(f"quality {quality} was refused: drawn in standard")
        return True

    def _at_nearest_size(self) -> bool:
        """Asks for one of the seven sizes; whether another was asked for."""
        size = str(self.body.get("size") or "")
        if not size or size in SIZES:
            return False
        self.body["size"] = nearest_size(size)
        self.notes.append(f"the size {size} was refused: drawn at {self.body['size']}")
        return True


def nearest_size(size: str) -> str:
    """The one of the seven sizes whose proportions are nearest, by the ratio of the sides."""
    width, height = (int(side) for side in size.split("x"))

    def distance(name: str) -> float:
        wide, high = (int(side) for side in name.split("x"))
        return max(wide * height, width * high) / min(wide * height, width * high)

    return min(SIZES, key=distance)


def _drawing(event: dict[str, Any], card: Card) -> Drawing:
    if "_broken" in event:
        raise UpstreamError("the answer is not JSON", "Call again.")
    raise_if_error(event)
    data = event.get("data")
    first = data[0] if isinstance(data, list) and data and isinstance(data[0], dict) else {}
    ident = clean(event.get("request_id") or event.get("id") or "", ID_CHARS) or None
    url, packed = first.get("url"), first.get("b64_json")
    url = url.strip() if isinstance(url, str) else ""
    if url.startswith("data:"):
        packed, url = url, ""
    if isinstance(packed, str) and packed:
        packed = packed.rpartition(";base64,")[2]
        try:
            return Drawing(url or None, card.id, ident, data=binascii.a2b_base64(packed, strict_mode=True))
        except (binascii.Error, ValueError):
            if not url:
                raise UpstreamError(
                    "the picture in the answer is damaged", "Call again for another.", request_id=ident
                ) from None
    if url:
        return Drawing(url, card.id, ident)
    if event.get("content_filter"):
        raise blocked("the service's safety filter kept the picture back", ident)
    told = told_in(event)
    if told is not None and type(told) is not UpstreamError:  # its words are known ones
        raise told
    what = told.message if told else "the answer holds no picture"
    raise UpstreamError(what, "Call again.", request_id=ident)
