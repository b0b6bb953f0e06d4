"""A browser without a window, driven over a pipe by its own protocol (Chrome DevTools)."""

from __future__ import annotations

import base64
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support import canary
from support.team_programs import needed

LIMIT_S = 20.0
# The browser reads from its descriptor 3 and writes to 4.
START = """import fcntl, os, sys
pipes = [fcntl.fcntl(int(n), fcntl.F_DUPFD, 10) for n in sys.argv[1:3]]
for number, pipe in zip((3, 4), pipes): os.dup2(pipe, number)
os.execv(sys.argv[3], sys.argv[3:])"""
KEYS = {"Tab": 9, "Enter": 13, " ": 32}


class Browser:
    """One page of a browser. What its console says, refusals of the page's own policy among it, is in `said`."""

    def __init__(self, write: int, read: int) -> None:
        self._write, self._read = write, read
        self._buffer = b""
        self._last = 0
        self._events: list[dict[str, Any]] = []
        self._session: str | None = None
        self.said: list[str] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            found = self._next()
            if found.get("id") == self._last:
                assert "error" not in found, (method, found["error"])
                return dict(found["result"])
            self._heard(found)

    def open(self, url: str) -> None:
        self._loads("Page.navigate", url=url)

    def _loads(self, method: str, **params: Any) -> None:
        """Asks for what loads a page, and waits until it is there."""
        self._events.clear()
        self.ask(method, **params)
        end = time.monotonic() + LIMIT_S
        while not any(e["method"] == "Page.loadEventFired" for e in self._events):
            assert time.monotonic() < end, "the page did not load in time"
            self._heard(self._next())

    def look(self, width: int, height: int, *, dark: bool = False) -> None:
        """The size of the window, and whether the system is dark."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])

    def speaks(self, accepts: str) -> None:
        self.ask("Network.setExtraHTTPHeaders", headers={"Accept-Language": accepts})

    def run(self, script: str) -> Any:
        """What an expression gives."""
        found = self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def press(self, key: str, *, loads: bool = False) -> None:
        about = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": KEYS[key]}
        text = {"text": "\r"} if key == "Enter" else {}
        if loads:
            self._loads("Input.dispatchKeyEvent", type="keyDown", **about, **text)
        else:
            self.ask("Input.dispatchKeyEvent", type="keyDown", **about, **text)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **about)

    def type(self, text: str) -> None:
        self.ask("Input.insertText", text=text)

    def heard_by_readers(self) -> list[tuple[str, str]]:
        """What a screen reader is told: role and name of each thing that has either."""
        nodes = self.ask("Accessibility.getFullAXTree")["nodes"]
        told = [n for n in nodes if not n["ignored"]]
        return [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in told]

    def picture(self, path: Path) -> None:
        """The whole page."""
        found = self.ask("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(found["data"]))

    def _next(self) -> dict[str, Any]:
        end = time.monotonic() + LIMIT_S
        while b"\0" not in self._buffer:
            left = end - time.monotonic()
            assert left > 0, "the browser did not answer in time"
            if select.select([self._read], [], [], left)[0]:
                piece = os.read(self._read, 1 << 20)
                assert piece, "the browser has gone"
                self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\0")
        return dict(json.loads(line))

    def _heard(self, event: dict[str, Any]) -> None:
        self._events.append(event)
        if event["method"] == "Log.entryAdded":
            self.said.append(event["params"]["entry"]["text"])
        if event["method"] == "Runtime.consoleAPICalled":
            self.said.append(json.dumps(event["params"]["args"]))


@contextmanager
def browser() -> Iterator[Browser]:
    """A fresh one, with a profile of its own."""
    program = needed("chromium")
    reads, we_write = os.pipe()
    we_read, writes = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        options = [
            *("--headless=new", "--remote-debugging-pipe", f"--user-data-dir={folder}/profile"),
            *("--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--no-proxy-server"),
        ]
        command = [sys.executable, "-c", START, str(reads), str(writes), program, *options]
        process = subprocess.Popen(
            command,
            pass_fds=(reads, writes),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": folder},
        )
        os.close(reads)
        os.close(writes)
        try:
            made = Browser(we_write, we_read)
            yield made
            canary.saw("console of a browser", "\n".join(made.said))
        finally:
            process.kill()
            process.wait(LIMIT_S)
            os.close(we_write)
            os.close(we_read)
