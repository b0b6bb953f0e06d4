"""Three model APIs on loopback that ask for one tool call after another and keep what they were given.

They know just enough of each API to drive a real host: streamed answers with a tool call, then a closing text.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

Call = tuple[str, dict[str, Any]]
Events = Iterator[tuple[str, dict[str, Any]]]
DONE = "All five were called."


class Model:
    """`name_of` makes the host's name of a tool from ours and what the request lists."""

    def __init__(self, calls: list[Call], answer: Callable[[Model, dict[str, Any]], Events]) -> None:
        self.calls = calls
        self.answer = answer
        self.requests: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"model": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def keep(self, body: dict[str, Any]) -> None:
        with self._lock:
            self.requests.append(body)

    def next(self, answered: int) -> Call | None:
        """The call to ask for when so many were answered."""
        return self.calls[answered] if answered < len(self.calls) else None


class _Handler(BaseHTTPRequestHandler):
    model: Model

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's signature
        pass

    def do_GET(self) -> None:
        self._send(
            200, "application/json", b'{"data": [{"id": "mock", "object": "model"}], "object": "list"}'
        )

    def do_HEAD(self) -> None:
        self._send(200, "text/plain", b"")

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "count_tokens" in self.path:
            self._send(200, "application/json", b'{"input_tokens": 10}')
            return
        body = json.loads(raw or b"{}")
        self.model.keep(body)
        frames = [
            (f"event: {name}\n" if name else "") + f"data: {json.dumps(data)}\n\n"
            for name, data in self.model.answer(self.model, body)
        ]
        ending = "" if "/messages" in self.path else "data: [DONE]\n\n"
        self._send(200, "text/event-stream", ("".join(frames) + ending).encode())

    def _send(self, status: int, kind: str, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


# Anthropic Messages, as Claude Code speaks it


def messages_results(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The tool results in a request."""
    contents = [m["content"] for m in body.get("messages", []) if isinstance(m.get("content"), list)]
    return [block for content in contents for block in content if block.get("type") == "tool_result"]


def messages(model: Model, body: dict[str, Any]) -> Events:
    call = model.next(len(messages_results(body))) if body.get("tools") else None
    usage = {"input_tokens": 1, "output_tokens": 1}
    start = {"id": "msg_1", "type": "message", "role": "assistant", "model": body.get("model", "mock")}
    yield (
        "message_start",
        {
            "type": "message_start",
            "message": {**start, "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage},
        },
    )
    if call:
        name, arguments = call
        block = {"type": "tool_use", "id": f"toolu_{name}", "name": f"mcp__glm__{name}", "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(arguments)}
    else:
        block = {"type": "text", "text": ""}
        delta = {"type": "text_delta", "text": DONE}
    yield "content_block_start", {"type": "content_block_start", "index": 0, "content_block": block}
    yield "content_block_delta", {"type": "content_block_delta", "index": 0, "delta": delta}
    yield "content_block_stop", {"type": "content_block_stop", "index": 0}
    reason = {"stop_reason": "tool_use" if call else "end_turn", "stop_sequence": None}
    yield "message_delta", {"type": "message_delta", "delta": reason, "usage": {"output_tokens": 1}}
    yield "message_stop", {"type": "message_stop"}


# OpenAI chat completions, as Cline, OpenCode and Qwen Code speak it


def chat_results(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [m for m in body.get("messages", []) if m.get("role") == "tool"]


def chat(model: Model, body: dict[str, Any]) -> Events:
    call = model.next(len(chat_results(body)))
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "mock"}
    if call:
        name, arguments = call
        listed = [t["function"]["name"] for t in body.get("tools", []) if "function" in t]
        full = next((n for n in listed if "glm" in n and n.endswith(name)), name)
        function = {"name": full, "arguments": json.dumps(arguments)}
        delta: dict[str, Any] = {
            "role": "assistant",
            "tool_calls": [{"index": 0, "id": f"call_{name}", "type": "function", "function": function}],
        }
    else:
        delta = {"role": "assistant", "content": DONE}
    yield "", {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    reason = "tool_calls" if call else "stop"
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    yield "", {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}], "usage": usage}


# OpenAI responses, as Codex speaks it


def responses_results(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [i for i in body.get("input", []) if i.get("type") == "function_call_output"]


def responses(model: Model, body: dict[str, Any]) -> Events:
    call = model.next(len(responses_results(body)))
    yield "response.created", {"type": "response.created", "response": {"id": "resp_1"}}
    item: dict[str, Any]
    if call:
        name, arguments = call
        item = {
            "type": "function_call",
            "id": f"fc_{name}",
            "call_id": f"call_{name}",
            "name": name,
            "namespace": "mcp__glm",
            "arguments": json.dumps(arguments),
        }
    else:
        content = [{"type": "output_text", "text": DONE}]
        item = {"type": "message", "id": "msg_1", "role": "assistant", "content": content}
    yield "response.output_item.done", {"type": "response.output_item.done", "output_index": 0, "item": item}
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    yield (
        "response.completed",
        {"type": "response.completed", "response": {"id": "resp_1", "usage": usage, "output": [item]}},
    )
