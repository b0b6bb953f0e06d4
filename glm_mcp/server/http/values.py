"""Bodies of more values than a message may have are refused before they are read as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glm_mcp.json_shape import MESSAGE_VALUES, Shape
from glm_mcp.server.pipes import TOO_MANY

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BoundedValues:
    """Counts the values of a body while it comes; the application behind it gets the body whole, or never."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        shape = Shape(MESSAGE_VALUES)
        held: list[Message] = []
        while not held or held[-1].get("more_body"):
            held.append(await receive())
            shape.feed(held[-1].get("body", b""))
            if shape.too_many:
                from starlette.responses import JSONResponse

                error = {"code": -32600, "message": f"a message {TOO_MANY}"}
                refused = JSONResponse({"jsonrpc": "2.0", "id": None, "error": error}, 413)
                await refused(scope, receive, send)
                return

        async def again() -> Message:
            return held.pop(0) if held else await receive()

        await self.app(scope, again, send)
