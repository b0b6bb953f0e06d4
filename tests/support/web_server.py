"""A small web server that misbehaves in every way, for downloads."""

from __future__ import annotations

import contextlib
import gzip
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


PUBLIC = "93.184.216.34"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        seen = {name.lower(): value for name, value in self.headers.items()}
        self.server.seen.append({"path": self.path, **seen})
        name = self.path.partition("?")[0].strip("/")
        packed = {
            "bomb": gzip.compress(bytes(50_000_000)) if name == "bomb" else b"",
            "gzip": gzip.compress(PNG),
            "parts": gzip.compress(PNG[:9]) + gzip.compress(b"") + gzip.compress(PNG[9:]) + bytes(99),
            "torn": gzip.compress(bytes(range(256)) * 9)[:-20],
            "damaged": b"not gzip at all",
        }
        if name.isdecimal():
            self.answer(int(name), b"no")
        elif name.startswith("to/"):
            target = unquote(self.path.removeprefix("/to/"))
            self.answer(302, b"", Location=target if "//" in target else f"/{target}")
        elif name in packed:
            self.answer(200, packed[name], Content_Encoding="gzip")
        elif name.startswith("coding/"):
            self.answer(200, PNG, Content_Encoding=unquote(name.removeprefix("coding/")))
        elif name == "brotli":
            self.answer(200, b"x", Content_Encoding="br")
        elif name == "empty":
            self.answer(200, b"")
        elif name in ("hang", "slow", "drip", "endless", "claims", "short"):
            self.misbehave(name)
        elif name == "large.pdf":
            self.answer(200, b"%PDF-1.4\n".ljust(8 << 20))
        elif name.endswith(".txt"):
            self.answer(200, self.server.words, Content_Type="text/plain")
        else:
            self.answer(200, PNG, Content_Type="image/png", Set_Cookie="a=b")

    def misbehave(self, how: str) -> None:
        self.close_connection = True
        if how == "hang":
            self.server.release.wait(20)
            return
        self.send_response(200)
        if how in ("short", "claims"):
            self.send_header("Content-Length", "1000" if how == "short" else str(10**15))
        self.end_headers()
        self.wfile.write(b"begin")
        self.wfile.flush()
        if how in ("slow", "claims"):
            self.server.release.wait(20)
        if how == "drip":
            with contextlib.suppress(OSError):
                while not self.server.release.wait(0.05):
                    self.wfile.write(b".")
        if how == "endless":
            with contextlib.suppress(OSError):
                for _ in range(10_000):
                    self.wfile.write(bytes(65_536))

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """Listens on a free port until it is closed; `seen` holds the headers and path of each request.

    `words`: what every address that ends in .txt gives.
    """

    def __init__(self, context: ssl.SSLContext | None = None, words: bytes = b"words") -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.words = words
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.release = threading.Event()  # lets hanging answers end
        self.seen: list[dict[str, str]] = []
        self.port = int(self.server_address[1])
        self.host = f"127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.serve_forever, args=(0.05,))
        self.thread.start()

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is part of the tests."""

    def close(self) -> None:
        self.release.set()
        self.shutdown()
        self.thread.join(10)
        self.server_close()
