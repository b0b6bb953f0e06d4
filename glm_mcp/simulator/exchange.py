"""One request and its answer on the wire: reads the body, plays the steps, keeps the record."""

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from glm_mcp.simulator.auth import key_id
from glm_mcp.simulator.connection import connection_of
from glm_mcp.simulator.errors import Refusal, gateway_page
from glm_mcp.simulator.faults import Endless, Pause, Send, Step, Stop
from glm_mcp.simulator.received import Ledger, Received
from glm_mcp.simulator.shapes import dumps

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Sender = Callable[[Message], Awaitable[None]]
JSON = "application/json"
SSE = "text/event-stream"
HTML = "text/html"
# A body beyond this is refused by the gateway; the largest legal one holds a few videos as base64.
MAX_BODY = 512 * 1024 * 1024
# A larger body is parsed in a thread.
_INLINE = 256 * 1024


class Exchange:
    """A request in hand. `release` is called when the answer's last bytes are about to go out."""

    def __init__(self, scope: Message, receive: Receive, send: Sender, ledger: Ledger) -> None:
        self.path: str = scope["path"]
        self.method: str = scope["method"]
        self.connection = connection_of(scope)
        self._headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        shown = dict(self._headers)
        if "authorization" in shown:
            shown["authorization"] = key_id(shown["authorization"])
        self.entry = Received(method=self.method, path=self.path, headers=shown)
        self.release: Callable[[], None] = lambda: None
        self._receive = receive
        self._send = send
        self._ledger = ledger

    def header(self, name: str) -> str:
        return str(self._headers.get(name, ""))

    async def body(self) -> bytes | None:
        """The whole body; None when the client went before its end, or when there is too much of it."""
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                return None
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > MAX_BODY:
                return None
            if not message.get("more_body"):
                # Uvicorn stops reading at a large body, and would see the client go only once it is answered.
                self.connection.transport.resume_reading()
                return b"".join(chunks)

    async def refuse(self, refusal: Refusal, language: str, *, headers: dict[str, str] | None = None) -> None:
        self.entry.code = refusal.code
        await self.give(refusal.status, [Send(dumps(refusal.body(language)))], JSON, headers)

    async def page(self, status: int) -> None:
        await self.give(status, [Send(gateway_page(status))], HTML)

    async def give(
        self,
        status: int,
        steps: Sequence[Step],
        content_type: str | None,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Play an answer; without a content type when that is None. A body that ends as it should is on record before
        its last bytes go out.
        """
        if self.connection.gone.is_set():
            self.finish()
            return
        self.entry.status = status
        self._ledger.touch()
        fields = {
            **({} if content_type is None else {"content-type": content_type}),
            "server": "nginx",
            "x-log-id": secrets.token_hex(8),
            **(headers or {}),
        }
        length = self._length(steps, content_type)
        if length is not None:
            fields["content-length"] = str(length)
        pairs = [
            (name.encode("latin-1"), line.encode("latin-1"))
            for name, value in fields.items()
            for line in value.split("\n")
        ]
        await self._send({"type": "http.response.start", "status": status, "headers": pairs})
        await self._play(steps)

    @staticmethod
    def _length(steps: Sequence[Step], content_type: str | None) -> int | None:
        """The length to announce; a body cut in its middle announces more than comes."""
        if content_type == SSE or any(isinstance(step, Endless) for step in steps):
            return None
        sent = sum(len(step.data) for step in steps if isinstance(step, Send))
        return sent * 2 + 2 if any(isinstance(step, Stop) for step in steps) else sent

    async def _play(self, steps: Sequence[Step]) -> None:
        last = len(steps) - 1
        if not steps or not isinstance(steps[-1], Send):
            last = -1
        for index, step in enumerate(steps):
            if isinstance(step, Pause):
                await self.connection.pause(step.seconds)
            elif isinstance(step, Stop):
                await self.stop(step.how)
                return
            elif isinstance(step, Endless):
                while await self.connection.pause(step.seconds):
                    await self._send({"type": "http.response.body", "body": step.data, "more_body": True})
            elif index == last:
                break
            else:
                await self._send({"type": "http.response.body", "body": step.data, "more_body": True})
            if self.connection.gone.is_set():
                self.finish()
                return
        self.finish()
        tail = steps[last].data if last >= 0 else b""  # type: ignore[union-attr]  # last is a Send
        await self._send({"type": "http.response.body", "body": tail})

    async def stop(self, how: str) -> None:
        """Cut the connection or say no more; the record ends when the connection does."""
        if how == "hang":
            await self.connection.gone.wait()
        else:
            await self.connection.end(reset=how == "reset")
        self.finish()

    def finish(self) -> None:
        """Close the record and give the model's place back; again does nothing."""
        release, self.release = self.release, lambda: None
        release()
        self._ledger.end(self.entry, disconnected=self.connection.left)


async def parse(raw: bytes) -> Any:
    """JSON, in a thread when it is large; None when it is none."""
    try:
        if len(raw) < _INLINE:
            return json.loads(raw)
        return await asyncio.to_thread(json.loads, raw)
    except (ValueError, RecursionError):
        return None
