"""HTTP as cheap as it can be made, so that what is measured is the server: a client over plain streams, and an upstream
that says the same words to everybody.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

HERE = Path(__file__).parent
TOKEN = "a-token-of-the-benchmark"  # noqa: S105 - of a server that lives for seconds
MODERN = "2026-07-28"
LIMIT_S = 60.0

_META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "benchmark", "version": "1"},
}


class Client:
    """One connection to a server. `version` MODERN, or an older one whose session has to be begun."""

    def __init__(self, port: int, version: str = MODERN) -> None:
        self.port, self.version = port, version
        self.session = ""
        self._ids = 0
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def begin(self) -> Self:
        info = {"name": "benchmark", "version": "1"}
        asked = {"protocolVersion": self.version, "capabilities": {}, "clientInfo": info}
        await self.ask("server/discover" if self.version == MODERN else "initialize", asked)
        return self

    async def chat(self, prompt: str, **more: Any) -> dict[str, Any]:
        found = await self.ask("tools/call", {"name": "chat", "arguments": {"prompt": prompt, **more}})
        assert not found.get("isError"), found
        return found

    async def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        await self.send(method, params)
        async with asyncio.timeout(LIMIT_S):
            answer = json.loads(await self._answer())
        assert "result" in answer, answer
        found: dict[str, Any] = answer["result"]
        return found

    async def send(self, method: str, params: dict[str, Any], *, ident: bool = True) -> int:
        """Sends a request, or a notification; its id."""
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 26)
        self._ids += 1
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
        message |= {"id": self._ids} if ident else {}
        headers = f"Authorization: Bearer {TOKEN}\r\nAccept: application/json, text/event-stream\r\n"
        if self.version == MODERN:
            params["_meta"] = _META
            headers += f"MCP-Protocol-Version: {MODERN}\r\nMcp-Method: {method}\r\n"
            headers += f"Mcp-Name: {params['name']}\r\n" if "name" in params else ""
        elif self.session:
            headers += f"Mcp-Session-Id: {self.session}\r\nMCP-Protocol-Version: {self.version}\r\n"
        body = json.dumps(message).encode()
        head = f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n{headers}Content-Type: application/json\r\n"
        self._writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        await self._writer.drain()
        return self._ids

    async def _answer(self) -> bytes:
        assert self._reader
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        if "mcp-session-id" in fields:
            start = head.lower().index("mcp-session-id: ") + len("mcp-session-id: ")
            self.session = head[start:].split("\r\n", 1)[0]
        if "content-length" in fields:
            body = await self._reader.readexactly(int(fields["content-length"]))
        else:
            body = b""
            while size := int(await self._reader.readline(), 16):
                body += (await self._reader.readexactly(size + 2))[:-2]
            await self._reader.readline()
        assert head.split(" ", 2)[1] == "200", (head, body)
        if fields["content-type"].startswith("application/json"):
            return body
        return next(line[6:] for line in reversed(body.splitlines()) if line.startswith(b"data: "))

    async def end(self) -> None:
        """Ends its session, of an older version."""
        assert self._reader
        assert self._writer
        self._writer.write(
            f"DELETE /mcp HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nAuthorization: Bearer {TOKEN}\r\n"
            f"Mcp-Session-Id: {self.session}\r\nMCP-Protocol-Version: {self.version}\r\n\r\n".encode()
        )
        await self._answer()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


class HTTPServer:
    """A server over HTTP in a process of its own, which says its address unless `port` is given."""

    def __init__(self, command: list[str], env: dict[str, str], port: int = 0) -> None:
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            command, env={**os.environ, **env}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        self.port = port
        assert self.process.stderr
        while not self.port:
            line = self.process.stderr.readline()
            assert line, "the server did not start"
            if "serves at http://" in line:
                self.port = int(line.rpartition("/mcp")[0].rpartition(":")[2])

    async def opened(self, version: str = MODERN) -> Client:
        """A client of it, once it takes connections."""
        while True:
            try:
                return await Client(self.port, version).begin()
            except OSError:
                await asyncio.sleep(0.02)

    def cpu_s(self) -> float:
        """The CPU time that it has used (Linux)."""
        words = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def handles(self) -> int:
        """How many files and sockets it has open (Linux)."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


def ours(env: dict[str, str]) -> HTTPServer:
    given = {"GLM_HTTP_TOKEN": TOKEN, "GLM_MAX_CONCURRENCY": "1000", **env}
    return HTTPServer([sys.executable, "-m", "glm_mcp", "serve", "--http", "--port", "0"], given)


def bare(env: dict[str, str], port: int) -> HTTPServer:
    return HTTPServer([sys.executable, str(HERE / "bare_server.py")], {**env, "BARE_PORT": str(port)}, port)


class Canned:
    """The upstream, in a process of its own: each chat is answered after `first_byte_s`."""

    def __init__(self, first_byte_s: float = 0.0) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "http_wire.py"), str(first_byte_s)], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        self.url = f"http://127.0.0.1:{self.process.stdout.readline().strip()}/v1"

    @property
    def env(self) -> dict[str, str]:
        return {
            "GLM_BASE_URL": self.url,
            "GLM_API_KEY": "a.key",
            "GLM_CHAT_MODEL": "glm-4.7-flash",
            "BARE_URL": self.url,
            "BARE_KEY": "a.key",
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


def _frame(**choice: Any) -> bytes:
    data = json.dumps({"id": "1", "model": "glm-4.7-flash", "choices": [{"index": 0, **choice}]})
    event = f"data: {data}\n\n".encode()
    return b"%x\r\n%s\r\n" % (len(event), event)


_WORDS = b"".join(
    (_frame(delta={"role": "assistant", "content": "Hello "}), _frame(delta={"content": "there."}))
)
_REST = _frame(delta={}, finish_reason="stop") + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


class _Upstream(asyncio.Protocol):
    """Reads requests with a Content-Length and answers each with the same."""

    def __init__(self, first_byte_s: float) -> None:
        self.first_byte_s = first_byte_s
        self.buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self.buffer[:end]).lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        if len(self.buffer) < end + 4 + length:
            return
        del self.buffer[: end + 4 + length]
        if head.startswith(b"get "):  # which engine this is
            self.transport.write(b"HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n")
            return
        asyncio.get_running_loop().call_later(self.first_byte_s, self._say)

    def _say(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(_HEAD + _WORDS + _REST)


async def _serve(first_byte_s: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Upstream(first_byte_s), "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1])))
