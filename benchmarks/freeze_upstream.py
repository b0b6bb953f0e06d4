"""A service that answers with what is too large, by the first word of the path: a process of its own, for freeze.py."""

from __future__ import annotations

import base64
import itertools
import json
import random
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MB = 1_000_000
Pieces = Iterator[bytes]


def event(content: str, **more: object) -> bytes:
    choice = {"index": 0, "delta": {"role": "assistant", "content": content, **more}}
    return b"data: " + json.dumps({"choices": [choice]}, ensure_ascii=False).encode() + b"\n\n"


def drawing_of_definitions() -> Pieces:
    """What is no picture, and begins with a megabyte of definitions."""
    body = b"<!--" + b"a" * 17_000 + b"-->" + b"<!>" * MB
    yield json.dumps({"data": [{"b64_json": base64.b64encode(body).decode()}]}).encode()


END = b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'


def hello() -> Pieces:
    yield event("Hello.") + END


def slow() -> Pieces:
    """Silent for a while, so that pings are counted beside a call that has nothing to do."""
    time.sleep(1.5)
    yield event("Hello.") + END


def one_event_of_62_mb() -> Pieces:
    yield b'data: {"choices": [{"delta": {"content": "'
    for _ in range(62):
        yield b"x" * MB
    yield b'"}}]}\n\n' + END


def one_event_of_11_mb() -> Pieces:
    yield event("wörd " * (11 * MB // 6)) + END


def answer_of_21_mb() -> Pieces:
    yield b'{"choices": [{"message": {"content": "'
    for _ in range(21):
        yield b"x" * MB
    yield b'"}, "finish_reason": "stop"}]}'


def answer_of_15_mb_of_values() -> Pieces:
    yield b'{"choices": [' + b"{}," * 5 * MB
    yield b"{}]}"


def packed_kilobytes() -> Pieces:
    """A gigabyte of an answer, packed."""
    packer = zlib.compressobj(wbits=31)
    for _ in range(1_000):
        yield packer.compress(b"x" * MB)
    yield packer.flush()


def packed_blank_lines() -> Pieces:
    """60 MB of lines that say nothing, packed."""
    packer = zlib.compressobj(wbits=31)
    yield packer.compress(b"\n" * 60 * MB) + packer.flush()


def many_boxes() -> Pieces:
    for n in range(0, 15_000, 100):
        yield event("".join(f'[{(n + k) % 900}, {k}], {{"label": "thing", "bbox_2d": [{k}, 1, {k + 9}, 99]}}, ' for k in range(100)))  # fmt: skip
    yield END


def unseen_letters() -> Pieces:
    for _ in range(2_000):
        yield event("a\u200b\u200eb\u0628\u200d" * 300)
    yield END


def chinese_letters() -> Pieces:
    for n in range(1_900):
        yield event("你好" * 1_000 + f"{n} 个")
    yield END


def calls_as_text() -> Pieces:
    for words in ("<tool_call>a", " " * MB, "b", "<arg_key>" * 100_000):
        yield event(words)
    yield END


def whole_calls_as_text() -> Pieces:
    yield event("<tool_call>look<arg_key>a</arg_key><arg_value>1</arg_value></tool_call>" * 55_000) + END


def names_of_calls() -> Pieces:
    for n in range(900):
        yield event("", tool_calls=[{"index": n, "function": {"name": "l" * 11_000, "arguments": "{}"}}])
    yield END


def nested_braces() -> Pieces:
    yield event("{" * 39 * (MB // 10)) + END


def nearly_marks() -> Pieces:
    for _ in range(40):
        yield b"".join(event("<|aa|>" * 330 + "x") for _ in range(50))
    yield END


def calls_in_pieces() -> Pieces:
    for _ in range(300):
        piece = {"index": 0, "function": {"name": "look", "arguments": '{"a": "}'}}
        yield b"".join(event("", tool_calls=[piece]) for _ in range(300))
    yield END


def thoughts_in_pieces() -> Pieces:
    for _ in range(1_000):
        yield b'data:{"choices":[{"delta":{"reasoning_content":"ab"}}]}\n\n' * 1_000
    yield event("Hello.") + END


def event_of_empty_lines() -> Pieces:
    for _ in range(19):
        yield b"data:\n" * 100_000
    yield b"\n" + END


def endless_words() -> Pieces:
    for n in range(30_000):
        yield b"".join(event(f" word{n}x{k}") for k in range(40))
    yield END


_R = random.Random(1)
_asked = itertools.count()


def long_and_cut() -> Pieces:
    """Millions of letters that nobody sees, cut off; another try is answered."""
    if next(_asked) % 2:
        time.sleep(0.5)
        yield event("Hello.") + END
        return
    for _ in range(39):
        yield event("".join(f"{_R.randrange(9_999)}\u200b\u200ea\u0628" for _ in range(12_000)))


def twice_packed() -> Pieces:
    yield b"data: " + json.dumps("[" + "[]," * 3 * MB + "0]").encode() + b"\n\n" + END


def refusal_of_9_mb() -> Pieces:
    yield b"data: " + json.dumps({"error": {"message": "[" + "[]," * 3 * MB + "0]"}}).encode() + b"\n\n" + END


def marks_of_turns() -> Pieces:
    yield event("`<|user|>\n" * 390_000) + END


def arguments_of_values() -> Pieces:
    given = json.dumps('{"a":[' + "[]," * 13 * (MB // 10) + "0]}")
    yield event("", tool_calls=[{"index": 0, "function": {"name": "look", "arguments": given}}]) + END


ANSWERS: dict[str, Callable[[], Pieces]] = {
    f.__name__: f
    for f in (
        *(hello, slow, one_event_of_62_mb, one_event_of_11_mb, answer_of_21_mb, answer_of_15_mb_of_values),
        *(packed_kilobytes, packed_blank_lines, many_boxes, unseen_letters, chinese_letters),
        *(calls_as_text, whole_calls_as_text, names_of_calls, calls_in_pieces, endless_words),
        *(thoughts_in_pieces, event_of_empty_lines, nested_braces, nearly_marks, drawing_of_definitions),
        *(long_and_cut, twice_packed, refusal_of_9_mb, marks_of_turns, arguments_of_values),
    )
}
_WHOLE = ("answer_of_21_mb", "answer_of_15_mb_of_values", "drawing_of_definitions")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"  # the end of an answer is the end of its connection

    def do_POST(self) -> None:
        left = int(self.headers["Content-Length"])
        while left:
            left -= len(self.rfile.read(min(left, 1 << 20)))
        name = self.path.split("/")[1]
        self.send_response(200)
        self.send_header("Content-Type", "application/json" if name in _WHOLE else "text/event-stream")
        if name.startswith("packed_"):
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        try:
            for piece in ANSWERS[name]():
                self.wfile.write(piece)
        except (BrokenPipeError, ConnectionResetError):  # nobody wants more of it
            pass

    def log_message(self, *args: object) -> None:
        """Nothing is said."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()
