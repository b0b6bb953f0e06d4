"""What the refusals of self-hosted engines mean, by the text that each of them sends."""

from __future__ import annotations

import json
from typing import Any

from support.cases import each

from glm_mcp.errors import Again
from glm_mcp.glm.engines.engine import read_served
from glm_mcp.glm.engines.errors import Limits, blames_schema, limits_of, room_for_answer
from glm_mcp.glm.network.refusals import read_error

NESTED, FLAT = "nested", "flat"


def refusal(message: str, status: int = 400, form: str = FLAT, **more: Any) -> Any:
    """The error of a body as vLLM and llama.cpp (nested) or SGLang and older vLLM (flat) send it."""
    inner = {"message": message, "type": "BadRequestError", "param": None, "code": status, **more}
    body = {"error": inner} if form == NESTED else {"object": "error", **inner}
    return read_error(status, json.dumps(body))


LONG = (
    (
        "request (20063 tokens) exceeds the available context size (8192 tokens), try increasing it",
        Limits(8192, 20063),
    ),
    (
        "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (4500 in the messages,",
        Limits(4096, 4500),
    ),
    (
        "This model's maximum context length is 4096 tokens. However, your request has 9000 input tokens. Please reduce",
        Limits(4096, 9000),
    ),
    (
        "The decoder prompt (length 9000) is longer than the maximum model length of 4096.",
        Limits(4096, 9000),
    ),
    (
        "The input (61709 tokens) is longer than the model's context length (40960 tokens).",
        Limits(40960, 61709),
    ),
    (
        "exceeds the model's maximum context length of 4096 tokens. You requested 9000 tokens from the input messages",
        Limits(4096, 9000),
    ),
)


@each("form", [NESTED, FLAT])
@each(("message", "limits"), LONG)
def test_a_request_that_is_too_long_says_the_window(message: str, limits: Limits, form: str) -> None:
    error = refusal(message, form=form)
    assert (error.kind, error.again) == ("too_long", Again.NEXT)
    assert (error.code, error.status) == (None, 400), "the code was the status again"
    assert limits_of(error) == limits
    assert "--max-model-len" in error.hint


def test_the_type_alone_tells_that_a_request_is_too_long() -> None:
    assert refusal("no", form=NESTED, type="exceed_context_size_error").kind == "too_long"


@each(
    ("message", "room"),
    [
        (
            "'max_tokens' or 'max_completion_tokens' is too large. This model's maximum context length is 4096 tokens and your request has 1000 input tokens",
            3096,
        ),
        (
            "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (1000 in the messages, ",
            3096,
        ),
        (LONG[0][0], None),
        ("This model's maximum context length is 4096 tokens and your request has 4090 input tokens.", None),
    ],
)
def test_an_answer_that_is_too_long_may_have_what_the_window_leaves(message: str, room: int | None) -> None:
    assert room_for_answer(refusal(message)) == room


@each(
    ("message", "status", "kind", "again", "hint"),
    [
        (
            "At most 2 image(s) may be provided in one prompt.",
            400,
            "invalid_request",
            Again.NEXT,
            "--limit-mm-per-prompt",
        ),
        ("The model `x` does not exist.", 404, "config", Again.GONE, "GLM_CHAT_MODEL"),
        ("model 'x' not found", 404, "config", Again.GONE, "GLM_CHAT_MODEL"),
        (
            '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
            400,
            "config",
            Again.NEXT,
            "--tool-call-parser",
        ),
        (
            "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
            500,
            "invalid_request",
            Again.NEXT,
            "GLM_VISION_MODEL",
        ),
        ("Loading model", 503, "upstream", Again.RETRY, "call again"),
        ("File Not Found", 404, "config", Again.GONE, "GLM_BASE_URL"),
        ("Unknown part type: file_url", 400, "invalid_request", Again.NEVER, "names"),
        ("Invalid API Key", 401, "auth", Again.NEVER, "GLM_API_KEY"),
    ],
)
@each("form", [NESTED, FLAT])
def test_a_refusal_is_read_by_its_words(
    message: str, status: int, kind: str, again: Again, hint: str, form: str
) -> None:
    error = refusal(message, status, form)
    assert (error.kind, error.again) == (kind, again)
    assert hint in error.hint
    assert message.strip(".") in str(error)


def test_pictures_that_are_too_many_say_how_many_go() -> None:
    assert limits_of(refusal("At most 2 image(s) may be provided in one request.")).images == 2


@each(
    ("row", "context", "sees"),
    [
        ({"id": "a", "max_model_len": 4096}, 4096, None),
        ({"id": "a", "meta": {"n_ctx": 8192, "n_ctx_train": 65536}}, 8192, None),
        ({"id": "a", "architecture": {"input_modalities": ["text", "image"]}}, None, True),
        ({"id": "a", "architecture": {"input_modalities": ["text"]}, "max_model_len": "x"}, None, False),
        ({"id": "a", "meta": None, "max_model_len": True}, None, None),
    ],
)
def test_what_an_engine_says_of_a_model_is_read(
    row: dict[str, Any], context: int | None, sees: bool | None
) -> None:
    (served,) = read_served({"object": "list", "data": [row]})
    assert (served.id, served.context, served.sees) == ("a", context, sees)


@each("data", [None, {}, [], "x", [None], [{"id": 3}], [{"id": ""}], [{"id": "a\nb"}], [{"id": "a" * 999}]])
def test_a_list_of_models_that_is_none_is_empty(data: object) -> None:
    assert read_served({"data": data}) == ()


def test_of_an_engine_that_lists_models_without_end_a_thousand_are_known() -> None:
    served = read_served({"data": [{"id": f"model-{n}"} for n in range(20_000)]})
    assert len(served) == 1_000


def test_what_an_engine_repeats_of_a_caller_is_no_limit_of_it() -> None:
    said = "maximum context length is 20 tokens, 30 in the messages; at most 0 images"
    for message in (
        f"1 validation error: {{'loc': ('body', 'tools'), 'input': {{'type': 'mcp', 'name': '{said}'}}}}",
        f'Extra inputs are not permitted: "{said}"',
        f"Tool '{said}' not found in tools list.",
        f"Tool `{said}` not found in tools list.",
    ):
        assert limits_of(refusal(message)) == Limits()


@each(
    "words",
    [
        "the server is busy",
        "the model is overloaded",
        "please try again later",
        "系统繁忙",
        "the model foo does not exist",
        "the model is no longer offered",
    ],
)
@each(
    "said",
    [
        "1 validation error: [{{'type': 'string_type', 'loc': ('body', 'messages'), 'input': '{}'}}]",
        'Invalid value: "{}".',
        "Unexpected role `{}`",
        "Invalid name 'a' {}'",
    ],
)
def test_what_an_engine_repeats_of_a_caller_makes_no_model_busy_or_gone(said: str, words: str) -> None:
    error = refusal(said.format(words))
    assert (error.kind, error.again) == ("invalid_request", Again.NEVER)
    assert refusal(words[0].upper() + words[1:]).again in {Again.RETRY, Again.GONE}, (
        "in the engine's own words"
    )


def test_a_schema_that_an_engine_repeats_speaks_for_no_other() -> None:
    said = 'JSON schema conversion failed: Unrecognized schema: {"type":"json_schema"}'
    assert blames_schema(refusal(said))
    assert not blames_schema(refusal("'response_format' of type json_schema is not supported"))
