"""What the refusals of self-hosted engines mean. They have no business codes: an int that repeats the HTTP status, a
`type` of their own, and words, which differ between vLLM, SGLang, llama.cpp, Ollama and LM Studio.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from glm_mcp.errors import Again, ConfigError, GLMError, InvalidRequest, TooLong
from glm_mcp.glm.messages import ChatRequest, Dialect

_WINDOW = (
    "Send less: fewer pages or files, a shorter history, or a part of the text; or serve the model with a longer window "
    "(vLLM --max-model-len, SGLang --context-length, llama.cpp -c, which its slots share, OLLAMA_CONTEXT_LENGTH)."
)
_FEWER = "Send fewer, or start vLLM with --limit-mm-per-prompt '{\"image\": 50}'."
_NAMES = (
    "Set GLM_CHAT_MODEL or GLM_VISION_MODEL to an id that the engine serves; `glm-mcp doctor` lists them."
)
_SEES = "Set GLM_VISION_MODEL to a model that sees; llama.cpp needs its --mmproj file as well."
_PARSER = (
    "Start vLLM with --enable-auto-tool-choice and --tool-call-parser, SGLang with --tool-call-parser, llama.cpp with "
    "--jinja; or leave functions out."
)

Row = tuple[type[GLMError], Again, str, str]
_ROWS: tuple[tuple[str, Row], ...] = (
    (
        (
            r"exceed_context_size|context_length_exceeded|available context size|maximum context length|model's context length"
            r"|maximum model length|context length of only|exceeds the maximum allowed (?:input )?length"
        ),
        (
            TooLong,
            Again.NEXT,
            "the request is longer than the window that the engine gives the model",
            _WINDOW,
        ),
    ),
    (
        r"at most \d+ (?:image|video)|limit.mm.per.prompt",
        (InvalidRequest, Again.NEXT, "the engine takes fewer pictures in a call", _FEWER),
    ),
    (
        r"enable-auto-tool-choice|tool-call-parser|requires --jinja",
        (ConfigError, Again.NEXT, "the engine was started without function calls", _PARSER),
    ),
    (
        (
            r"not a multimodal model|image input is not supported|does not support (?:image|multimodal|vision)"
            r"|missing data required for image input|provide the mmproj"
        ),
        (InvalidRequest, Again.NEXT, "the model sees no pictures as the engine serves it", _SEES),
    ),
    (
        r"model_not_found|\bmodel\b.{0,200}\b(?:does not exist|not found|not loaded)|no models? loaded",
        (ConfigError, Again.GONE, "the engine does not serve this model", _NAMES),
    ),
)
_COMPILED = [(re.compile(words, re.IGNORECASE | re.DOTALL), row) for words, row in _ROWS]


# Where a refusal may begin to repeat what a caller wrote: that makes no model busy, or gone, for others.
_QUOTATION = re.compile(r"""[{\["`]|(?<!\w)'""")


def unquoted(said: str) -> str:
    """The words of a refusal before the first that may be a caller's."""
    return _QUOTATION.split(said, maxsplit=1)[0]


def by_words(kind: str, said: str, *, missing: bool) -> Row | None:
    """What an engine's refusal means, by what it calls it and its words; None where its status has to do. `missing`: that
    says already that something is not there.
    """
    row, own = row_of(_COMPILED, f"{kind} {said}"), row_of(_COMPILED, f"{kind} {unquoted(said)}")
    # What holds for the one call alone may stand behind the name of a field.
    return row if row and (row[1] is Again.NEXT or missing or row is own) else own


def row_of(rows: Iterable[tuple[re.Pattern[str], Row]], said: str) -> Row | None:
    """The first whose words were said; None where these tell nothing."""
    return next((row for words, row in rows if words.search(said)), None)


# Figures in the refusals. Each pattern seen in the engines' own text.
_CONTEXT = re.compile(
    r"(?:context size \(|maximum context length (?:is|of) |context length \(|maximum model length of "
    r"|context length of only )(\d{2,9})"
)
_PROMPT = re.compile(
    r"request \((\d{1,9}) tokens|\b(\d{1,9}) in the messages|has (\d{1,9}) input tokens|input \((\d{1,9}) tokens"
    r"|\(length (\d{1,9})\)|\b(\d{1,9}) tokens from the input"
)
_IMAGES = re.compile(r"at most (\d{1,4}) image", re.IGNORECASE)
_ANSWER_MINIMUM = 16  # tokens; with less room than that an answer is none


@dataclass(frozen=True, slots=True)
class Limits:
    """What an engine's refusal said that it takes: tokens of window (and of the request that was refused), pictures."""

    context: int | None = None
    prompt: int | None = None
    images: int | None = None


# Where an engine begins to repeat what a caller wrote, who must set no limit for others; names of fields stand in quotes.
_REPEATS = re.compile(r"""[{\["]|(?<!\w)(['`])(?!\w+\1)""")


def _own_words(error: GLMError) -> str:
    return _REPEATS.split(error.message, maxsplit=1)[0]


def limits_of(error: GLMError) -> Limits:
    own = _own_words(error)
    context, prompt, images = (p.search(own) for p in (_CONTEXT, _PROMPT, _IMAGES))
    return Limits(
        int(context[1]) if context and error.kind == "too_long" else None,
        int(next(g for g in prompt.groups() if g)) if prompt else None,
        int(images[1]) if images else None,
    )


def room_for_answer(error: GLMError) -> int | None:
    """The max_tokens with which the same request may pass; None where the request alone fills the window."""
    said = limits_of(error)
    if said.context is None or said.prompt is None:
        return None
    room = said.context - said.prompt
    return room if room >= _ANSWER_MINIMUM else None


# Fields that a request can do without; an engine that does not know one names it.
_OPTIONAL = ("chat_template_kwargs", "thinking", "reasoning_effort", "stream_options", "tool_choice")
_SCHEMA = re.compile(r"json_schema|schema|grammar|response_format|guided|structured output", re.IGNORECASE)
_SHAPE = frozenset({400, 422, 500, 501})  # SGLang answers 500 to a grammar that it cannot make


def blames_schema(error: GLMError) -> bool:
    """Whether the caller's own schema was refused, and not schemas as such: the next one may pass."""
    named = re.search(r"response_format|json_schema", _own_words(error))
    return bool(_SCHEMA.search(error.message)) and not named


def after_refusal(dialect: Dialect, error: GLMError, request: ChatRequest) -> Dialect | None:
    """The dialect to try after an engine refused a request's shape; None where no change of it helps."""
    if error.status not in _SHAPE or error.kind not in {"invalid_request", "upstream"}:
        return None
    if request.json_mode and _SCHEMA.search(error.message):
        if request.schema is not None and dialect.json_schema:
            return replace(dialect, json_schema=False)
        if dialect.json_mode:
            return replace(dialect, json_mode=False)
    for name in _OPTIONAL:
        if name not in dialect.left_out and re.search(rf"\b{name}\b", error.message):
            return replace(dialect, left_out=dialect.left_out | {name})
    return None
