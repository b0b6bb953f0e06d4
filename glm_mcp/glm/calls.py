"""What a call to GLM is for and what comes of it; `chat_call` and `draw_call` are its two kinds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

from glm_mcp.errors import GLMError
from glm_mcp.glm.messages import Part
from glm_mcp.glm.stream import Usage
from glm_mcp.registry import Card, Endpoint

Inline = Callable[[Part], Awaitable[Part]]
OnEvent = Callable[[dict[str, Any]], None]
Post = Callable[[Endpoint, str, bytes, OnEvent], Awaitable[str | None]]
Cut = Literal["max_tokens", "window", "repetition", "service", "deadline"]


@dataclass(frozen=True, slots=True)
class Job:
    """What a call is for. `deadline`: on anyio's clock. `free_text`: a part of the answer is worth returning.
    `inline`: turns a picture's URL into bytes when the service cannot fetch it.
    """

    role: str
    deadline: float
    model: str | None = None
    task: str | None = None
    free_text: bool = True
    inline: Inline | None = None


@dataclass(slots=True)
class Answer:
    """A finished (or, at the deadline, partial) answer and how it came about. Seconds; `attempts` one dict a try.

    `model`: the one that was asked; `answered_as`: what the service says answered, where that is another. `cut`: why it
    is not complete.
    """

    text: str
    model: str
    reasoning: str = ""
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    finish: str | None = None
    usage: Usage = field(default_factory=Usage)
    request_id: str | None = None
    answered_as: str | None = None
    cut: Cut | None = None
    partial: bool = False
    seconds: float = 0.0
    attempts: list[dict[str, Any]] = field(default_factory=list)
    fallback: str | None = None
    extras: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Drawing:
    """A generated picture: its URL at the service, or its bytes where the service sends them."""

    url: str | None
    model: str
    request_id: str | None
    data: bytes | None = None
    seconds: float = 0.0
    attempts: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


T_co = TypeVar("T_co", covariant=True)


class Work(Protocol[T_co]):
    """One kind of call: how to try it once, and how to change a refused request so that it may pass."""

    beside: bool
    """Whether a second model may be asked beside a silent one."""

    async def attempt(self, card: Card, where: Endpoint, on_begin: Callable[[], None]) -> T_co:
        """One try; `on_begin` is called when the answer begins to arrive."""

    async def adjust_request(self, error: GLMError, card: Card) -> GLMError | None:
        """None where the request was changed for this model after its refusal, so that it may pass now; else what the
        refusal means for the call.
        """

    def weight(self, card: Card) -> tuple[int, int]:
        """Tokens and bytes of media that a request has for a model."""
