"""Lines on stdin that no server can take: each is answered, under its own id where that can be told."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCError, JSONRPCRequest
from support.cases import each
from support.processes import Process, Stdio, environment

from glm_mcp.server.jsonrpc import read

PARSE_ERROR, INVALID_REQUEST, INVALID_PARAMS = -32700, -32600, -32602
CALL = '{"jsonrpc": "2.0", "id": %s, "method": "tools/call", "params": {"name": "chat", "arguments": {"prompt": %s}}}'


def answered(line: str) -> dict[str, Any] | None:
    """The error that a line is answered with; None when it is read, or empty."""
    found = read(line.encode("utf-8", "surrogatepass"))
    return dict(json.loads(found.model_dump_json())) if isinstance(found, JSONRPCError) else None


def test_a_request_that_cannot_be_read_is_answered_and_the_next_one_works(tmp_path: Path) -> None:
    with Stdio(environment(tmp_path / "home", GLM_SIMULATE="1"), tmp_path) as server:
        server.initialize()
        server.write(CALL % (70, r'"half \ud83d"'))
        half = server.answer(70)["error"]
        server.write("this is no JSON")
        server.write("")
        server.write('{"jsonrpc": "2.0", "id": 71, "method": "ping", "params": [1]}')
        params = server.answer(71)["error"]
        assert server.request("ping")["result"] == {}
    assert half["code"] == PARSE_ERROR
    assert r"\ud800 to \udfff stand for a character in pairs alone" in half["message"]
    assert params["code"] == INVALID_REQUEST
    unknown = [m for m in server.heard if "error" in m]
    assert [(m["id"], m["error"]["code"]) for m in unknown] == [(None, PARSE_ERROR)]


@each("command", [("serve",), ("connect", "http://127.0.0.1:9")])
def test_a_byte_order_mark_in_front_of_a_message_is_none_of_it(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    with Stdio(environment(tmp_path / "home", GLM_SIMULATE="1"), tmp_path, *command) as server:
        server.write('\ufeff{"jsonrpc": "2.0", "id": 5, "method": "ping"}')
        assert server.answer(5)["result"] == {}


def test_a_host_that_reads_no_answers_to_its_nonsense_can_still_end_it(tmp_path: Path) -> None:
    read, write = os.pipe()
    with Process(environment(tmp_path / "home"), tmp_path, stdout=write) as process:
        os.close(write)
        assert process.popen.stdin
        process.popen.stdin.write("nonsense\n" * 3_000)
        process.end()  # about a second, and the time to start
        assert process.popen.returncode == 0
    os.close(read)


@each(
    ("line", "ident", "code"),
    [
        (CALL % ('"a-1"', r'"\udc00"'), "a-1", PARSE_ERROR),
        (CALL % (5, "[" * 400 + "]" * 400), 5, PARSE_ERROR),
        (CALL % (r'"\ud800"', '""'), None, PARSE_ERROR),
        (CALL % (6, '"cut off'), None, PARSE_ERROR),
        ("[" * 100_000, None, PARSE_ERROR),
        ('{"jsonrpc": "1.0", "id": 7, "method": "ping"}', 7, INVALID_REQUEST),
        ('[{"jsonrpc": "2.0", "id": 8, "method": "ping"}]', None, INVALID_REQUEST),
        ('{"jsonrpc": "2.0", "id": true, "method": 1}', None, INVALID_REQUEST),
        ('{"jsonrpc": "2.0", "id": true, "method": "ping"}', None, INVALID_REQUEST),
        ('{"jsonrpc": "2.0", "id": null, "method": "ping"}', None, INVALID_REQUEST),
        ('{"jsonrpc": "2.0", "id": 1.5, "method": "ping"}', None, INVALID_REQUEST),
        ('{"jsonrpc": "2.0", "id": [1], "method": "ping"}', None, INVALID_REQUEST),
        # An answer to a request of ours: its id is ours, and no request of the host's.
        ('{"jsonrpc": "2.0", "id": 9, "result": [1]}', None, INVALID_REQUEST),
    ],
)
def test_the_answer_has_the_id_of_the_request_where_that_can_be_told(
    line: str, ident: object, code: int
) -> None:
    found = answered(line)
    assert found
    assert (found["id"], found["error"]["code"]) == (ident, code)


@given(st.text() | st.recursive(st.none() | st.text(), st.lists).map(json.dumps))
@example("\x1c")
@example("\u3000")
@pytest.mark.extreme
def test_any_other_line_is_answered_unless_it_is_empty(line: str) -> None:
    found = answered(line)
    # Of blanks those that JSON and a terminal know: the wide ones and the separators of records are nonsense like any other.
    assert (found is None) == (not line.encode().strip())
    assert found is None or found["id"] is None


@each("text", ['{"prompt": "hi"}', ' {"prompt":"hi"}\n'])
def test_arguments_that_come_as_the_text_of_an_object_are_one(text: str) -> None:
    line = CALL.replace('{"prompt": %s}', "%s") % (1, json.dumps(text))
    found = read(line.encode())
    assert isinstance(found, SessionMessage)
    assert isinstance(found.message, JSONRPCRequest)
    assert found.message.params == {"name": "chat", "arguments": {"prompt": "hi"}}


@each("given", ['"hi"', '"[1]"', "[]", "5", "true", r'"{\"prompt\""'])
def test_arguments_that_are_no_object_are_refused_in_words(given: str) -> None:
    error = answered(CALL.replace('{"prompt": %s}', "%s") % (1, given))
    assert error is not None
    assert (error["id"], error["error"]["code"]) == (1, INVALID_PARAMS)
    assert error["error"]["message"].startswith("arguments is an object")
