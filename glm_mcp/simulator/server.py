"""The simulator as an object: a server in a thread of its own, and what a test says to it."""

import ipaddress
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any, Self

from glm_mcp.simulator.received import Received
from glm_mcp.simulator.state import State
from glm_mcp.simulator.switches import Switches
from glm_mcp.simulator.weather import Weather

if TYPE_CHECKING:
    import uvicorn

    from glm_mcp.simulator.connection import Connection

DEFAULT_KEY = "simulator.local-key"
# Seconds a start and a stop may take before they count as failed.
_START_S = 10.0
_STOP_S = 5.0


class Simulator(State):
    """A local GLM service, for a `with` block. Its methods may be called from any thread but its own. Raises OSError:
    on start, when the port is taken; RuntimeError: on start, when the server did not come up.
    """

    def __init__(
        self,
        switches: Switches | None = None,
        keys: Sequence[str] = (DEFAULT_KEY,),
        port: int = 0,
        host: str = "127.0.0.1",
        weather: Weather | None = None,
        clock: Callable[[], float] = time.monotonic,
        *,
        control: bool = True,
    ) -> None:
        """`control`: whether every program of this machine may read what was received, and say what is answered."""
        may = control and _loopback(host)
        super().__init__(switches or Switches(), tuple(keys), control=may, clock=clock)
        self.weather = weather
        self._host, self._port = host, port
        self._connections: set[Connection] = set()
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen; returns when requests are answered."""
        import uvicorn

        from glm_mcp.simulator.app import App
        from glm_mcp.simulator.connection import protocol_class

        listener = _listen(self._host, self._port)
        self._port = listener.getsockname()[1]
        ready = threading.Event()
        config = uvicorn.Config(
            App(self),
            http=protocol_class(self._connections),
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=2,
        )
        self._server = _server(config, ready, self._connections)
        self._thread = threading.Thread(
            target=self._run, args=(self._server, listener, ready), name="glm-simulator", daemon=True
        )
        self._thread.start()
        if not ready.wait(_START_S) or not self._server.started:
            self.stop()
            raise RuntimeError("the simulator did not start")

    @staticmethod
    def _run(server: "uvicorn.Server", listener: socket.socket, ready: threading.Event) -> None:
        try:
            server.run(sockets=[listener])
        finally:
            listener.close()
            ready.set()

    def stop(self) -> None:
        """End every connection, hanging ones too, and the thread; again does nothing."""
        server, thread = self._server, self._thread
        self._server = self._thread = None
        if server is None or thread is None:
            return
        server.should_exit = True
        thread.join(_STOP_S)

    @property
    def origin(self) -> str:
        host = "127.0.0.1" if self._host in {"", "0.0.0.0"} else self._host  # noqa: S104 - compared, not bound
        return f"http://{f'[{host}]' if ':' in host else host}:{self._port}"

    @property
    def url(self) -> str:
        """The base URL of the general endpoint."""
        return f"{self.origin}/api/paas/v4"

    @property
    def coding_url(self) -> str:
        return f"{self.origin}/api/coding/paas/v4"

    @property
    def engine_url(self) -> str:
        """The base URL of the self-hosted engine; nothing answers there while `engine` is None."""
        return f"{self.origin}/v1"

    @property
    def control_url(self) -> str:
        return f"{self.origin}/_simulator"

    @property
    def key(self) -> str:
        return self.keys[0]

    @property
    def received(self) -> list[Received]:
        """Every request in order of arrival, file downloads included, control requests not."""
        return self.ledger.entries()

    def wait_received(self, number: int, timeout: float = 30) -> list[Received]:
        """Wait until `number` requests have arrived since the last `clear()`. Raises TimeoutError: they did not."""
        return self.ledger.wait_count(number, timeout)

    def wait(self, predicate: Callable[[list[Received]], object], timeout: float = 30) -> list[Received]:
        """Wait until `predicate(received)` is true; it is asked when a request arrives, takes its place, is answered,
        and ends. Raises TimeoutError: it never was.
        """
        return self.ledger.wait(predicate, timeout)


def _server(
    config: "uvicorn.Config", ready: threading.Event, connections: "set[Connection]"
) -> "uvicorn.Server":
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready.set()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            for connection in list(connections):
                connection.stop()
            await super().shutdown(sockets)

    return Server(config)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio turns Nagle's delay off only for a socket that says it is TCP.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(256)
    except OSError:
        listener.close()
        raise
    return listener


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def serve(
    host: str = "127.0.0.1",
    port: int = 0,
    switches: Switches | None = None,
    keys: Sequence[str] = (DEFAULT_KEY,),
    ready: Callable[[Simulator], None] | None = None,
    weather: Weather | None = None,
) -> None:
    """Run a simulator until SIGINT or SIGTERM; `ready` is called with it once it answers. Prints nothing.

    Without switches of its own it remembers long base64 texts by digest only, so that it can run for days.

    Raises OSError: the port is taken.
    """
    over = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the shape of a signal handler
        over.set()

    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with Simulator(switches or Switches(whole_bodies=False), keys, port, host, weather) as simulator:
            if ready is not None:
                ready(simulator)
            while not over.wait(0.5):  # a wait without end keeps signals from a Windows process
                pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
