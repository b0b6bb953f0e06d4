"""Proxies on this machine: SOCKS5 and HTTP, that lead every host to one server, and some that are none."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class LocalProxy:
    """`kind`: http, socks5, mute (hears and says nothing), shut (hangs up). `asked`: "host:port" of every way asked for."""

    kind: str
    target: int
    login: tuple[str, str] | None = None
    port: int = 0
    asked: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"


@contextmanager
def local_proxy(kind: str, target: int = 0, login: tuple[str, str] | None = None) -> Iterator[LocalProxy]:
    """A proxy in threads whose every way leads to `target`, a port of this machine."""
    proxy = LocalProxy(kind, target, login)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.settimeout(20)
            with contextlib.suppress(OSError):
                _serve(self.request, proxy)

    class Listener(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Listener(("127.0.0.1", 0), Handler) as server:
        proxy.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.over.set()
            server.shutdown()
            thread.join(10)


def _serve(client: socket.socket, proxy: LocalProxy) -> None:
    if proxy.kind == "socks5":
        _socks5(client, proxy)
    elif proxy.kind == "http":
        _http(client, proxy)
    else:
        proxy.asked.append(repr(client.recv(4096)[:8]))
        if proxy.kind == "mute":
            proxy.over.wait(30)


def _exactly(client: socket.socket, size: int) -> bytes:
    data = client.recv(size, socket.MSG_WAITALL)
    if len(data) < size:
        raise ConnectionError("cut short")
    return data


def _socks5(client: socket.socket, proxy: LocalProxy) -> None:
    """RFC 1928, with the login of RFC 1929."""
    version, count = _exactly(client, 2)
    if version != 5:
        return
    methods = _exactly(client, count)
    method = 2 if proxy.login else 0
    if method not in methods:
        client.sendall(b"\x05\xff")
        return
    client.sendall(bytes([5, method]))
    if proxy.login:
        user = _exactly(client, _exactly(client, 2)[1])
        password = _exactly(client, _exactly(client, 1)[0])
        right = (user.decode(), password.decode()) == proxy.login
        client.sendall(bytes([1, 0 if right else 1]))
        if not right:
            return
    kind = _exactly(client, 4)[3]
    if kind == 3:
        host = _exactly(client, _exactly(client, 1)[0]).decode()
    else:
        family, size = (socket.AF_INET, 4) if kind == 1 else (socket.AF_INET6, 16)
        host = socket.inet_ntop(family, _exactly(client, size))
    (port,) = struct.unpack(">H", _exactly(client, 2))
    proxy.asked.append(f"{host}:{port}")
    client.sendall(b"\x05\x00\x00\x01" + bytes(6))
    _splice(client, proxy.target)


def _http(client: socket.socket, proxy: LocalProxy) -> None:
    head = b""
    while b"\r\n\r\n" not in head:
        piece = client.recv(4096)
        head += piece
        if not piece or not head[:1].isalpha():
            return
    method, url, _ = head.decode("latin-1").split(" ", 2)
    place, _, path = url.removeprefix("http://").partition("/")
    proxy.asked.append(place)
    if method == "CONNECT":
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        _splice(client, proxy.target)
    else:
        rest = head[head.index(url.encode()) + len(url) :]
        _splice(client, proxy.target, f"{method} /{path}".encode() + rest)


def _splice(client: socket.socket, target: int, first: bytes = b"") -> None:
    with socket.create_connection(("127.0.0.1", target), 10) as server:
        server.sendall(first)
        back = threading.Thread(target=_pump, args=(server, client), daemon=True)
        back.start()
        _pump(client, server)
        back.join(20)


def _pump(source: socket.socket, sink: Any) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65_536):
            sink.sendall(piece)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
