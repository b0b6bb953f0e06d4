"""Records of answers: made by a first start, and changed so that it shows who answers."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

from support.processes import Stdio, until

MODERN = "2026-07-28"
LISTS = ("tools/list", "prompts/list", "resources/templates/list", "resources/list")


def envelope(name: str = "a-client") -> dict[str, Any]:
    prefix = "io.modelcontextprotocol/"
    return {
        "_meta": {
            prefix + "protocolVersion": MODERN,
            prefix + "clientInfo": {"name": name, "version": "1"},
            prefix + "clientCapabilities": {},
        }
    }


def session(version: str, name: str = "a-client") -> list[dict[str, Any]]:
    """The messages with which a client of a protocol version begins: everything that may be recorded."""
    if version == MODERN:
        asked = [(method, envelope(name)) for method in ("server/discover", *LISTS)]
    else:
        about = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": name, "version": "1"}}
        asked = [("initialize", about), ("ping", {}), *((method, {}) for method in LISTS)]
    messages = [
        {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        for number, (method, params) in enumerate(asked, 1)
    ]
    if version != MODERN:
        messages.insert(1, {"jsonrpc": "2.0", "method": "notifications/initialized"})
    return messages


def files(home: Path) -> list[Path]:
    return sorted((home / ".cache" / "glm-mcp" / "start").glob("*.json"))


def record(env: dict[str, str], cwd: Path, *args: str) -> Path:
    """A first start under these conditions; the file that it has recorded."""
    home = Path(env["HOME"])
    before = set(files(home))
    with Stdio(env, cwd, *args) as server:
        server.initialize()
        until(lambda: set(files(home)) - before)
    (made,) = set(files(home)) - before
    return made


def content(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_bytes().partition(b"\n")[2])
    return found


def mark(file: Path, *, check: bool = True) -> None:
    """Changes every answer of a record so that it shows. `check`: with a checksum that fits."""
    body = (
        file.read_bytes().partition(b"\n")[2].replace(b'\\"result\\":{', b'\\"result\\":{\\"marked\\":true,')
    )
    assert b"marked" in body
    file.write_bytes(b"%08x\n%s" % (zlib.crc32(body) ^ (not check), body))


def stuck(folder: Path) -> dict[str, str]:
    """With the variables given back nothing of the program but what answers first is ever loaded."""
    never = folder / "never"
    never.mkdir()
    (never / "click.py").write_text("import time\n\ntime.sleep(600)\n", encoding="utf-8")
    return {"PYTHONPATH": str(never)}


def lines(messages: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(m) + "\n" for m in messages)


_ABOUT = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}


def request(ident: Any, method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": ident, "method": method, "params": params}


OPEN = request(1, "initialize", **_ABOUT)
ODD = {
    "nothing at all": "",
    "a list before the handshake": lines([request(1, "tools/list"), OPEN, request(2, "tools/list")]),
    "a ping before the handshake": lines([request(1, "ping"), OPEN]),
    "two handshakes": lines([OPEN, request(2, "initialize", **_ABOUT), request(3, "tools/list")]),
    "a version that nobody knows": lines([request(1, "initialize", **{**_ABOUT, "protocolVersion": "1"})]),
    "the newest version by handshake": lines([request(1, "initialize", **{**_ABOUT, "protocolVersion": MODERN})]),
    "a handshake that lacks its client": lines([request(1, "initialize", protocolVersion="2025-06-18"), OPEN]),
    "both eras, the older first": lines([OPEN, request(2, "tools/list", **envelope()), request(3, "ping")]),
    "both eras, the newer first": lines([request(1, "tools/list", **envelope()), {**OPEN, "id": 2}]),
    "half an envelope": lines([request(1, "tools/list", _meta={"io.modelcontextprotocol/protocolVersion": MODERN})]),
    "a batch": f"[{json.dumps(OPEN)}]\n" + lines([OPEN, request(2, "ping")]),
    "no JSON between": lines([OPEN]) + "nonsense\n\n" + lines([request(2, "tools/list")]),
    "a name twice": lines([OPEN]) + '{"jsonrpc": "2.0", "id": 2, "method": "ping", "method": "tools/list"}\n',
    "half a character": lines([OPEN]) + '{"jsonrpc": "2.0", "id": "\\ud800", "method": "ping"}\n',
    "other letters": json.dumps(request("中文", "initialize", **_ABOUT), ensure_ascii=False) + "\n",
    "ids of every kind": lines([OPEN, *(request(n, "ping") for n in (0, -1, 2**60, 1.5, True, None, "", "1", "a b"))]),
    "one id for everything": lines([OPEN, request(1, "tools/list"), request(1, "ping"), request(1, "prompts/list")]),
    "a cursor": lines([OPEN, request(2, "tools/list", cursor="x"), request(3, "tools/list", cursor=None)]),
    "progress asked for": lines([OPEN, request(2, "tools/list", _meta={"progressToken": 0}), request(3, "ping", x=1)]),
    "unknown requests": lines([OPEN, request(2, "no/such"), request(3, "logging/setLevel", level="info")]),
    "an answer nobody asked for": lines([OPEN, {"jsonrpc": "2.0", "id": 9, "result": {}}, request(2, "ping")]),
    "another end of line": lines([OPEN, request(2, "tools/list"), request(3, "ping")]).replace("\n", "\r\n"),
    "no end of line": lines([OPEN, request(2, "tools/list")]).rstrip("\n"),
    "a long message": lines([OPEN, request(2, "tools/call", name="x" * 300_000), request(3, "tools/list")]),
}  # fmt: skip
