"""What any answer of the service becomes: a kind, a cause, a mend, and nothing that should not be shown."""

from __future__ import annotations

import itertools
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cases import each
from support.codes import ROWS
from support.paths import ROOT

from glm_mcp import errors
from glm_mcp.errors import (
    Again,
    AuthError,
    ConfigError,
    GLMError,
    InvalidRequest,
    MediaTooLarge,
    MissingExtra,
    QuotaError,
    RateLimited,
    UpstreamError,
)
from glm_mcp.glm.error_codes import CODES, from_response
from glm_mcp.text import clean

KINDS = set(
    re.findall(
        r"\w+",
        """config auth quota rate_limited overloaded upstream network timeout content_blocked invalid_request too_long
        unsupported_media media_too_large not_found forbidden_path forbidden_url missing_extra internal""",
    )
)


def test_the_table_holds_every_code_and_no_other() -> None:
    assert {code for code, _, _ in ROWS} == set(CODES)


@each(("code", "kind", "again"), ROWS)
def test_the_code_decides_whatever_the_status(code: str, kind: str, again: str) -> None:
    for status, form in itertools.product((200, 400, 401, 429, 500), (code, int(code))):
        error = from_response(status, form, "说明")
        assert (error.kind, str(error.again), error.code) == (kind, again, code), (status, form)
        assert "说明" in str(error)
        assert f"code {code}" in str(error)


@each("code", list(CODES))
def test_every_code_has_a_cause_and_a_mend_in_words(code: str) -> None:
    error = from_response(400, code, "")
    assert error.message
    assert error.hint.endswith(".")
    assert re.match(rf"{error.kind}: .+ \(code {code}\)\. [A-Z].+", str(error))


def test_the_tree_has_one_class_for_each_kind() -> None:
    found = [cls.kind for cls in GLMError.__subclasses__()]
    assert sorted(found) == sorted(KINDS)
    assert all(f"{cls.__name__} " in (errors.__doc__ or "") for cls in GLMError.__subclasses__())


@each(
    ("status", "kind", "again"),
    [
        (301, ConfigError, Again.NEVER),
        (400, InvalidRequest, Again.NEVER),
        (401, AuthError, Again.NEVER),
        (402, QuotaError, Again.GONE),
        (403, AuthError, Again.NEVER),
        (404, ConfigError, Again.GONE),
        (405, ConfigError, Again.NEVER),
        (413, MediaTooLarge, Again.NEVER),
        (418, InvalidRequest, Again.NEVER),
        (429, RateLimited, Again.RETRY),
        (434, AuthError, Again.NEVER),
        (435, MediaTooLarge, Again.NEVER),
        (500, UpstreamError, Again.RETRY),
        (502, UpstreamError, Again.RETRY),
        (599, UpstreamError, Again.RETRY),
        (200, UpstreamError, Again.RETRY),
    ],
)
def test_the_status_decides_where_no_code_is_known(status: int, kind: type[GLMError], again: Again) -> None:
    for code in (None, "", "9999", 9999, "no_such_thing"):
        error = from_response(status, code, "words")
        assert (type(error), error.again) == (kind, again), code
        assert error.hint
        assert f"HTTP {status}" in str(error)
        assert (error.code or "") == str(code or "")


@each("code", ["1210", "1214"])
@each(
    ("said", "kind", "again"),
    [
        ("modelCode：不存在", "invalid_request", Again.GONE),
        ("模型不存在，请检查模型代码", "invalid_request", Again.GONE),
        ("输入过长", "too_long", Again.NEXT),
        ("图片数量超过限制", "invalid_request", Again.NEXT),
        ("图片大小超过限制", "media_too_large", Again.NEXT),
        ("视频大小超过限制", "media_too_large", Again.NEXT),
        ("image size exceeds the limit", "media_too_large", Again.NEXT),
        ("temperature：限制数值范围[0,1]", "invalid_request", Again.NEVER),
        ("图片输入格式/解析错误", "invalid_request", Again.NEVER),
    ],
)
def test_a_refused_parameter_is_read_by_its_words(code: str, said: str, kind: str, again: Again) -> None:
    error = from_response(400, code, said)
    assert (error.kind, error.again) == (kind, again)
    assert said in str(error)


@each("code", ["1213", "1305", "9999", None])
def test_no_other_code_is_read_by_its_words(code: str | None) -> None:
    assert from_response(400, code, "modelCode：不存在").again is from_response(400, code, "").again


def test_a_wait_that_the_service_asks_for_is_part_of_the_mend() -> None:
    assert "asks to wait 3,600 s" in from_response(429, "1302", "", retry_after=3600).hint
    assert "wait" not in from_response(500, None, "", retry_after=0).hint


def test_a_missing_part_names_the_command_that_installs_it() -> None:
    hint = MissingExtra("video", "reading a video").hint
    assert sys.executable in hint
    assert f"-e '{ROOT}[video]'" in hint, "the clone's own, no name that anybody could publish"


def test_what_a_program_gets_leaves_out_what_is_unknown() -> None:
    assert from_response(400, "1214", "bad", request_id="r1").as_meta() == {
        "kind": "invalid_request",
        "message": "a field is invalid: bad",
        "hint": "Change the argument that the message names and call again.",
        "code": "1214",
        "request_id": "r1",
    }
    assert set(GLMError("x").as_meta()) == {"kind", "message"}


@each(
    ("text", "shown"),
    [
        ("<html><head><style>p{}</style></head><body><h1>502 Bad</h1></body></html>", "502 Bad"),
        ("<script>steal()</script>hello", "hello"),
        ("<style>never closed and long", ""),
        ("a\x00b\x1b[31mc\r\n\td", "a b [31mc d"),
        ("half \ud83d of it", "half of it"),
        ("the key 0123456789abcdef0123456789abcdef.AbCdEfGhIjKl is bad", "the key [key] is bad"),
        ("sk-cp-abcdefgh12345678 is bad", "[key] is bad"),
        ("got Bearer abc.def here", "got [key] here"),
        (None, "None"),
        ({"a": [1]}, "{'a': [1]}"),
        ("限制数值范围[1,1024]", "限制数值范围[1,1024]"),
        ("x" * 400, "x" * 299 + "…"),
    ],
)
def test_a_foreign_text_becomes_one_clean_line(text: object, shown: str) -> None:
    assert clean(text) == shown


@given(st.text(), st.integers(1, 400))
def test_a_clean_text_is_short_printable_and_stays_as_it_is(text: str, limit: int) -> None:
    found = clean(text, limit)
    assert len(found) <= limit
    assert found.isprintable()
    assert found.encode().decode() == found


@given(
    st.integers(100, 999),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()),
    st.none() | st.text() | st.dictionaries(st.text(), st.integers()) | st.binary(),
    st.none() | st.text(),
    st.none() | st.floats(0, 1e9),
)
def test_any_answer_becomes_an_error_with_a_mend(
    status: int, code: object, text: object, request_id: str | None, wait: float | None
) -> None:
    error = from_response(status, code, text, request_id=request_id, retry_after=wait)
    assert error.kind in KINDS
    assert error.hint
    assert len(str(error)) < 1_200
    assert str(error).isprintable()
    assert str(error).encode()


@pytest.mark.timeout(5)
@each("piece", ["<script>", "<", "<style ", "Bearer ", "0123456789abcdef.", "sk-", " \n"])
def test_a_hostile_body_takes_no_time(piece: str) -> None:
    assert len(clean(piece * 100_000)) <= 300


def test_an_error_said_with_more_is_a_new_one_of_its_kind_that_knows_the_rest() -> None:
    first = RateLimited(
        "busy", "Call again.", code="1302", request_id="r-1", again=Again.RETRY, attempts=[{"model": "m"}]
    )
    more = first.but(message="busy; 2 of 3 parts are done", partial="two parts")
    assert (type(more), more.code, more.again) == (RateLimited, "1302", Again.RETRY)
    assert more.attempts == ({"model": "m"},)
    assert str(more) == "rate_limited: busy; 2 of 3 parts are done (code 1302, request id r-1). Call again."
    assert more.partial == "two parts"
    assert (first.message, first.partial) == ("busy", None)
    assert str(MissingExtra("video", "film.mp4").but(hint="Ask.")).endswith("which is not installed. Ask.")
