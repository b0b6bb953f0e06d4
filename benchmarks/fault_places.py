"""What stands in for the service where the simulator cannot misbehave so: no listener, no name, no TLS, a proxy."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from fault_rows import Row

from glm_mcp.simulator import Simulator

NO_NAME = "no-such-host.invalid"
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@contextlib.contextmanager
def listening(answer: Callable[[socket.socket], None], met: list[str]) -> Iterator[int]:
    """A port at which each connection is given to `answer`, in a thread, and noted in `met`."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while not over.is_set():
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                with peer, contextlib.suppress(OSError):
                    peer.settimeout(5)
                    met.append("connection")
                    answer(peer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        over.set()
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def _refuse(peer: socket.socket) -> None:
    peer.recv(4096)
    peer.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")


def _plain(peer: socket.socket) -> None:
    peer.recv(4096)
    peer.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def _cut(peer: socket.socket) -> None:
    peer.recv(1)


def _mute(peer: socket.socket) -> None:
    peer.settimeout(60)
    while peer.recv(4096):
        pass


def _greet(folder: Path) -> Callable[[socket.socket], None]:
    """Speaks TLS with a certificate that nobody signed."""
    key, certificate = folder / "key.pem", folder / "cert.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    openssl = shutil.which("openssl") or "openssl"
    made = [openssl, *command.split()[1:], "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def greet(peer: socket.socket) -> None:
        with contextlib.suppress(ssl.SSLError), context.wrap_socket(peer, server_side=True) as safe:
            safe.recv(1)

    return greet


@contextlib.contextmanager
def _closed() -> Iterator[int]:
    """A port at which nobody listens, tried, and kept from others meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            raise OSError(f"somebody listens at {port}")
        yield port


@contextlib.contextmanager
def service(
    row: Row, simulator: Simulator, folder: Path
) -> Iterator[tuple[dict[str, str], list[str] | None]]:
    """The environment that leads to the service, or to what stands in its place with the connections that it had."""
    base, more, met = simulator.url, dict.fromkeys((*PROXIES, *map(str.lower, PROXIES)), ""), list[str]()
    counted = True
    stand_ins = {"no tls": _plain, "cut tls": _cut, "mute tls": _mute, "proxy": _refuse}
    with contextlib.ExitStack() as stack:
        if row.way == "bad tls":
            port = stack.enter_context(listening(_greet(folder), met))
        elif row.way in stand_ins:
            port = stack.enter_context(listening(stand_ins[row.way], met))
        elif row.way in {"closed", "no proxy"}:
            port, counted = stack.enter_context(_closed()), False
        if row.way == "closed":
            base = f"http://127.0.0.1:{port}/api/paas/v4"
        elif row.way == "no name":
            with contextlib.suppress(socket.gaierror):
                socket.getaddrinfo(NO_NAME, 443)
                raise OSError(f"{NO_NAME} is known here")
            base, counted = f"https://{NO_NAME}/api/paas/v4", False
        elif row.way in {"no tls", "bad tls", "cut tls", "mute tls"}:
            base = f"https://127.0.0.1:{port}/api/paas/v4"
        elif row.way in {"proxy", "no proxy"}:
            base = "https://glm.invalid/api/paas/v4"
            more["HTTPS_PROXY"] = more["https_proxy"] = f"http://127.0.0.1:{port}"
        yield (
            {"GLM_BASE_URL": base, "GLM_API_KEY": simulator.key, **more},
            met if row.way and counted else None,
        )
