"""Everything that can go wrong at the service, one row each: what was asked, how long it took, what was said, what follows.

    python benchmarks/faults.py [--only WORD] [--deadline 20]

Each row is a server of its own over stdio, with its real waits between tries. A row is bad when the call passed its
deadline, when a failure came as a success, when the kind or the number of requests is not the one asked for, when the
server died, or when the next call failed. Exit status 1 when there is a bad row.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent))
from stdio import Server, ours

from glm_mcp.simulator import Fault, Reply, Simulator

TEXT = "One sentence that the model wrote, and a second one."  # 13 tokens or so at the simulator
TOKENS = len(TEXT) // 4
GRACE_S = 1.5  # over the deadline: the server's own half second, and a busy machine
HANGING_S = 4.0  # the deadline of a row that is expected to reach it
AT_ONCE = 6
MODEL = "glm-4.7-flash"
UNREACHED = "http://127.0.0.1:1/api/paas/v4"


@dataclass(frozen=True)
class Row:
    """`want`: ok, partial, or the kind of the error. `least`, `most`: requests. `says`: a word of the text.

    `way`: what stands in for the service where the simulator cannot misbehave so.
    """

    name: str
    want: str
    least: int
    most: int
    fault: Fault | None = None
    says: str = ""
    asked: str = ""  # retried, waited, failed at once
    tool: str = "chat"
    way: str = ""


@dataclass(frozen=True)
class Seen:
    """What came of a row; `limit` is the deadline that it had."""

    limit: float
    kind: str
    requests: int
    seconds: float
    text: str
    lost: int
    next_works: bool
    alive: bool


def codes() -> Iterator[Row]:
    """Every business code of the platform's table, with the class that is asked for."""
    classes = {
        "auth": "401 1000 1001 1002 1003 1004 1005 1100 1110 1111 1112 1121 1220",
        "quota": "1113 1309 1311 1313 1314 1315",
        "quota waited": "1304 1308 1310 1316 1317 1318 1319 1320 1321",
        "upstream retried": "500 1120 1200 1230 1234",
        "upstream": "1702 1703",
        "invalid_request": "1210 1211 1212 1213 1214 1215 1221 1222 1231",
        "too_long": "1261",
        "content_blocked": "1300 1301",
        "rate_limited retried": "1302 1303 1701",
        "overloaded retried": "1305",
    }
    for row, names in classes.items():
        kind, _, asked = row.partition(" ")
        tries = 3 if asked == "retried" else 1
        for code in names.split():
            fault = Fault("error", code=code, times=0)
            says = "reset time" if asked == "waited" else f"code {code}"
            yield Row(f"code {code}", kind, tries, tries, fault, says, asked or "failed at once")
    yield Row("code 1312, in no table", "upstream", 3, 3, Fault("error", code="1312", status=500, times=0))


def waits() -> Iterator[Row]:
    """429 with and without Retry-After."""
    limited = Fault("error", code="1302", times=0)
    yield Row("429 once, then well", "ok", 2, 2, replace(limited, times=1))
    for value, want, least, most in (
        ("1", "ok", 2, 2),
        ("0", "ok", 2, 2),
        ("Wed, 21 Oct 2015 07:28:00 GMT", "ok", 2, 2),  # long past: our own wait
        ("-5", "ok", 2, 2),
        ("soon", "ok", 2, 2),
        ("nan", "ok", 2, 2),
        ("inf", "ok", 2, 2),
        ("1e400", "ok", 2, 2),
        ("99999999999", "rate_limited", 1, 1),
        ("Fri, 31 Dec 9999 23:59:59 GMT", "rate_limited", 1, 1),
        ("3600", "rate_limited", 1, 1),
    ):
        fault = replace(limited, times=1, retry_after=value)
        says = "asks to wait" if want != "ok" else ""
        yield Row(f"429, Retry-After: {value}", want, least, most, fault, says)
    for status in (500, 502, 503, 504, 529):
        page = Fault("html", status=status, times=0)
        yield Row(f"HTTP {status} and no code", "upstream", 3, 3, page, f"HTTP {status}")
        yield Row(f"HTTP {status} and no code, once", "ok", 2, 2, replace(page, times=1))
    yield Row("HTTP 429 and no code", "rate_limited", 3, 3, replace(page, status=429), "HTTP 429")


def network() -> Iterator[Row]:
    yield Row("connection refused", "network", 0, 0, says="was not reached", way="closed")
    yield Row("name not found", "network", 0, 0, says="was not found", way="no name")
    yield Row("proxy refuses", "network", 0, 0, says="proxy", way="proxy")
    yield Row("proxy not there", "network", 0, 0, says="not reached", way="no proxy")
    yield Row("no TLS at the other end", "network", 0, 0, says="does not speak TLS", way="no tls")
    yield Row("TLS with an unknown certificate", "network", 0, 0, says="secure connection", way="bad tls")
    yield Row("TLS cut in the greeting", "network", 0, 0, says="", way="cut tls")
    for kind in ("refuse", "reset", "close"):
        name = {"refuse": "reset before headers", "reset": "reset mid-body", "close": "closed mid-body"}[kind]
        yield Row(name, "network", 3, 3, Fault(kind, times=0), "broke")
        yield Row(f"{name}, once", "ok", 2, 2, Fault(kind))


def slow() -> Iterator[Row]:
    yield Row("first byte after 2 s", "ok", 1, 1, Fault("slow_first_byte", seconds=0.5))
    yield Row(
        "first byte after the deadline", "timeout", 1, 1, Fault("slow_first_byte", seconds=600, times=0)
    )
    yield Row("one byte a second", "timeout", 1, 1, Fault("trickle", seconds=1, times=0))
    yield Row("hang before headers", "timeout", 1, 1, Fault("hang", times=0))
    yield Row("hang mid-stream", "partial", 1, 1, Fault("hang_mid", chunks=2, times=0), "not complete")


def damage() -> Iterator[Row]:
    for kind, name in (
        ("glued_frames", "glued frames"),
        ("truncated_frame", "truncated JSON"),
        ("wrong_content_type", "wrong content type"),
        ("no_finish", "no finish_reason"),
        ("no_end", "neither finish_reason nor [DONE]"),
        ("empty_choices", "empty choices"),
        ("reasoning_only", "only reasoning"),
        ("network_error", "finish_reason network_error"),
        ("invalid_utf8", "invalid UTF-8"),
        ("error_frame", "error frame mid-stream (1234)"),
    ):
        fault = Fault(kind, times=0)  # type: ignore[arg-type]  # a literal
        yield Row(name, "upstream", 3, 3, fault)
        yield Row(f"{name}, once", "ok", 2, 2, replace(fault, times=1))
    yield Row("error inside 200 (1000)", "auth", 1, 1, Fault("error_in_200", code="1000", times=0))
    yield Row("error inside 200 (1302), once", "ok", 2, 2, Fault("error_in_200", code="1302"))
    yield Row("flat error inside 200", "auth", 1, 1, Fault("flat_error_in_200", times=0))
    yield Row("missing [DONE]", "ok", 1, 1, Fault("no_done"))
    yield Row("one more frame with empty choices", "ok", 1, 1, Fault("extra_empty_choices"))
    yield Row("duplicate chunks", "ok", 1, 1, Fault("duplicate_chunks"))
    yield Row("a leaked </think>", "ok", 1, 1, Fault("think_leak"))
    yield Row("10 MB in one frame", "ok", 1, 1, Fault("big_frame"))
    yield Row("sensitive mid-stream", "content_blocked", 1, 1, Fault("sensitive_mid"), "discarded")
    full = Fault("context_exceeded")
    yield Row("model_context_window_exceeded", "ok", 1, 1, full, "cut off by the model's window")


def pictures() -> Iterator[Row]:
    draw = "generate_image"
    yield Row(
        "picture made, answer lost", "network", 1, 1, Fault("image_lost"), "not asked for twice", "", draw
    )
    yield Row("picture's address not found", "not_found", 1, 9, Fault("image_404"), "", "", draw)
    yield Row("picture's address gives a text", "upstream", 1, 1, Fault("image_not_image"), "", "", draw)
    yield Row("picture's address leads on", "ok", 1, 9, Fault("image_redirect"), "", "", draw)
    inside = Fault("image_redirect", location="http://169.254.169.254/latest/meta-data")
    yield Row("picture's address leads inside", "forbidden_url", 1, 9, inside, "", "", draw)


def rows() -> list[Row]:
    return [*codes(), *waits(), *network(), *slow(), *damage(), *pictures()]


def judge(row: Row, seen: Seen) -> list[str]:
    """What is wrong with a row; empty when it is as it should be."""
    wrong = []
    if seen.seconds > seen.limit + GRACE_S:
        wrong.append(f"{seen.seconds:.1f} s passed the deadline")
    if seen.kind != row.want:
        wrong.append(f"{row.want} was to come")
    if not row.least <= seen.requests <= row.most:
        wrong.append(f"{row.least} to {row.most} requests were to go out")
    if row.says and row.says not in seen.text:
        wrong.append(f"does not say '{row.says}'")
    if seen.kind not in {"ok", "partial"} and not seen.text.startswith(f"{seen.kind}: "):
        wrong.append("no sentence of ours")
    if not seen.alive:
        wrong.append("the server died")
    if not seen.next_works:
        wrong.append("the next call failed")
    return wrong


def kind_of(result: dict[str, Any]) -> tuple[str, str]:
    """(ok, partial or the error's kind; the text) of a result as it is on the wire."""
    text = "\n".join(b["text"] for b in result["content"] if b["type"] == "text")
    facts = (result.get("_meta") or {}).get("glm", {})
    if result.get("isError"):
        return str(facts.get("error", {}).get("kind", "no kind")), text
    return "partial" if facts.get("partial") else "ok", text


def lost(simulator: Simulator, kind: str, text: str) -> int:
    """Tokens of answers that were begun and did not reach the caller: at most this many."""
    begun = sum(r.status == 200 and r.path.endswith("/chat/completions") for r in simulator.received)
    reached = kind in {"ok", "partial"} or "What had arrived" in text
    return max(0, begun - reached) * TOKENS


def arguments(row: Row) -> dict[str, Any]:
    if row.tool == "generate_image":
        return {"prompt": "a hill", "size": "512x512"}
    return {"prompt": "hello", "model": MODEL}


def arm(simulator: Simulator, row: Row) -> None:
    if row.fault:
        simulator.queue(row.fault)
    simulator.queue(Reply(TEXT, times=0))


def asked(simulator: Simulator) -> int:
    return sum(r.path.endswith(("/chat/completions", "/images/generations")) for r in simulator.received)


@contextlib.contextmanager
def listening(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port at which each connection is given to `answer`, in a thread."""
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


def _cut(peer: socket.socket) -> None:
    peer.recv(1)


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
def service(row: Row, simulator: Simulator, folder: Path) -> Iterator[dict[str, str]]:
    """The environment that leads to the service, or to what stands in its place."""
    base, more = simulator.url, dict[str, str]()
    with contextlib.ExitStack() as stack:
        if row.way == "closed":
            base = UNREACHED
        elif row.way == "no name":
            base = "https://no-such-host.invalid/api/paas/v4"
        elif row.way == "no tls":
            base = simulator.url.replace("http://", "https://")
        elif row.way in {"bad tls", "cut tls"}:
            port = stack.enter_context(listening(_greet(folder) if row.way == "bad tls" else _cut))
            base = f"https://127.0.0.1:{port}/api/paas/v4"
        elif row.way in {"proxy", "no proxy"}:
            port = stack.enter_context(listening(_refuse)) if row.way == "proxy" else 1
            base, more = "https://glm.invalid/api/paas/v4", {"HTTPS_PROXY": f"http://127.0.0.1:{port}"}
        yield {"GLM_BASE_URL": base, "GLM_API_KEY": simulator.key, **more}


def measure(row: Row, deadline: float) -> Seen:
    """One row at a server process of its own."""
    folder = Path(tempfile.mkdtemp(prefix="glm-faults-"))
    limit = min(deadline, HANGING_S) if row.want in {"timeout", "partial"} else deadline
    try:
        with Simulator() as simulator, service(row, simulator, folder) as env:
            arm(simulator, row)
            own = {"HOME": str(folder), "GLM_OUTPUT_DIR": str(folder), "GLM_DEADLINE_S": str(limit)}
            with ours({**env, **own, "GLM_LANG": "en"}) as server:
                began = time.monotonic()
                kind, text = kind_of(_call(server, row))
                seconds = time.monotonic() - began
                found = asked(simulator), lost(simulator, kind, text)
                simulator.clear()
                following, again = kind_of(_call(server, row))
                # Where there is no service at all, the next call says so once more.
                works = following == "ok" or (bool(row.way) and (following, again) == (kind, text))
                alive = server.process.poll() is None and len(server.ask("tools/list")["tools"]) == 5
                return Seen(limit, kind, found[0], seconds, text, found[1], works, alive)
    except (RuntimeError, BrokenPipeError, OSError, subprocess.SubprocessError) as error:
        return Seen(limit, type(error).__name__, 0, 0, str(error), 0, next_works=False, alive=False)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _call(server: Server, row: Row) -> dict[str, Any]:
    return server.ask("tools/call", {"name": row.tool, "arguments": arguments(row)})


def _cell(text: str) -> str:
    line = " ".join(text.split()).replace("|", "\\|")
    return line if len(line) <= 110 else line[:109] + "…"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="", help="rows whose name holds this")
    parser.add_argument("--deadline", type=float, default=20.0)
    parser.add_argument("--json", action="store_true", help="print what was seen as JSON lines")
    given = parser.parse_args()
    chosen = [row for row in rows() if given.only in row.name]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda row: measure(row, given.deadline), chosen))
    bad = 0
    print("| | fault | asked | requests | s | kind | next call | tokens lost | text |")
    print("|---|---|---|---|---|---|---|---|---|")
    for row, seen in zip(chosen, found, strict=True):
        wrong = judge(row, seen)
        bad += bool(wrong)
        mark = f"**BAD: {'; '.join(wrong)}**" if wrong else "ok"
        print(
            f"| {mark} | {row.name} | {row.asked} | {seen.requests} | {seen.seconds:.1f} | {seen.kind} |"
            f" {'works' if seen.next_works else 'FAILS'} | {seen.lost} | {_cell(seen.text)} |"
        )
        if given.json:
            print(json.dumps(seen.__dict__, ensure_ascii=False), file=sys.stderr)
    print(f"\n{len(chosen)} rows, {bad} bad; {sum(s.lost for s in found)} tokens lost.")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
