"""What the refusal of a request teaches about how one is written for its model: 1210 by its words."""

from __future__ import annotations

import re
from dataclasses import replace

from glm_mcp.errors import GLMError
from glm_mcp.glm.messages import ChatRequest, Dialect, Image, Video

_MAX_TOKENS = re.compile(r"\[\s*1\s*,\s*(\d{1,9})\s*\]")
_ALWAYS_THINKS = re.compile(r"始终思考|不支持关闭思考|reasoning_effort")
_NAMES_NOTHING = re.compile(r"check the documentation|请检查文档")  # the words of a 1210 without a reason
_FILM = re.compile(r"视频|video", re.IGNORECASE)


def after_refusal(
    dialect: Dialect, error: GLMError, request: ChatRequest, *, clamped: bool = False
) -> Dialect | None:
    """The dialect to try after a refusal of a request's shape; None where no change of it helps. Each change is made once.
    `clamped`: max_tokens was, in this call: a service may name fewer each time, by the hundred thousand.
    """
    if error.code not in {"1210", "1213", "1214", "1215"}:
        return None
    said = error.message
    if dialect.tool_role and any(m.role == "tool" for m in request.messages):
        return replace(dialect, tool_role=False)
    limit = _MAX_TOKENS.search(said)
    if limit and not clamped and 0 < int(limit[1]) < (dialect.maximum_tokens or float("inf")):
        return replace(dialect, maximum_tokens=int(limit[1]))
    if always_thinks(error) and not dialect.effort:
        return replace(dialect, effort=True)
    if request.json_mode and dialect.json_mode and ("response_format" in said or _NAMES_NOTHING.search(said)):
        return replace(dialect, json_mode=False)
    return None


def always_thinks(error: GLMError) -> bool:
    """Whether a refusal says that the model's thinking cannot be switched off."""
    return bool(_ALWAYS_THINKS.search(error.message))


def names_film(error: GLMError) -> bool:
    """Whether a refusal is about the film of a request that has one."""
    if error.status == 413 or error.code == "1261":
        return True
    return error.code in {"1210", "1213", "1214"} and bool(_FILM.search(error.message))


def refused_image_form(error: GLMError, request: ChatRequest) -> bool:
    """Whether other bytes of the same picture may pass: a 1210 that names no other field."""
    has_bytes = any(isinstance(p, Image) and p.data for p in request.media())
    has_film = any(isinstance(p, Video) for p in request.media())
    return error.code == "1210" and has_bytes and not has_film
