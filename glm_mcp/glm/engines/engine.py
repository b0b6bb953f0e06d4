"""A self-hosted engine behind GLM_BASE_URL: the models that it serves, and the limits that its refusals told."""

from __future__ import annotations

import re
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any, Self

import anyio

from glm_mcp.errors import ConfigError, GLMError
from glm_mcp.glm.calls import Inline
from glm_mcp.glm.engines.errors import Limits, limits_of
from glm_mcp.glm.json_shape import dict_of
from glm_mcp.glm.learnt.names import MODELS
from glm_mcp.glm.messages import ChatRequest, File, Image, Message, Video
from glm_mcp.glm.network.transport import Transport
from glm_mcp.registry import CHAINS, Card, card, sees

MODELS_S = 3.0  # for the list of models; an engine has it at hand
NAMED = 8  # models in a message
SERVED = 1_000  # models that are known of one engine; each call goes through them
LONGEST_ID = 200  # characters; it stands in requests and messages
ASK_AGAIN_S = 30.0  # after a list that did not come
_NO_CHAT = re.compile(r"embed|rerank|whisper|tts|asr|speech", re.IGNORECASE)
_DRAWS = ("cogview", "glm-image")


@dataclass(frozen=True, slots=True)
class Served:
    """A model that an engine serves: its id, its window in tokens and whether it sees, where the engine says so."""

    id: str
    context: int | None = None
    sees: bool | None = None


def read_served(listed: dict[str, Any]) -> tuple[Served, ...]:
    """The models of a `/v1/models`: `max_model_len` of vLLM and SGLang, `meta` and `architecture` of llama.cpp."""
    rows = listed.get("data")
    found: list[Served] = []
    for row in rows[:SERVED] if isinstance(rows, list) else ():
        ident = row.get("id") if isinstance(row, dict) else None
        if not isinstance(ident, str) or not 0 < len(ident) <= LONGEST_ID or not ident.isprintable():
            continue
        meta, architecture = (dict_of(row.get(name)) for name in ("meta", "architecture"))
        window = row.get("max_model_len") or meta.get("n_ctx")
        inputs = architecture.get("input_modalities")
        found.append(
            Served(
                ident,
                window if type(window) is int and window > 0 else None,
                "image" in inputs if isinstance(inputs, list) else None,
            )
        )
    return tuple(found)


@dataclass(slots=True, eq=False)
class _List:
    """Of the models that it serves, and when it is to be asked for."""

    served: tuple[Served, ...] = ()
    ask_at: float = 0.0
    asking: anyio.Lock = field(default_factory=anyio.Lock)


class Engine:
    """What this process knows of one engine. Never sends it an address: it would fetch it from inside the network."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._list = _List()
        self._limits: dict[str, Limits] = {}
        self._shares: dict[str, float] = {}

    def for_call(self) -> Self:
        """The same for one call, whose text alone decides how many tokens of a window we count for it."""
        made = copy(self)
        made._shares = {}  # noqa: SLF001 - its own class
        return made

    @property
    def served(self) -> tuple[Served, ...]:
        return self._list.served

    async def meet(self, transport: Transport, key: str | None) -> None:
        """Asks once what it serves. One that does not say is used by the names in the settings."""
        known = self._list
        if known.served or anyio.current_time() < known.ask_at:
            return
        async with known.asking:
            if known.served or anyio.current_time() < known.ask_at:
                return
            answers: list[dict[str, Any]] = []
            try:
                with anyio.move_on_after(MODELS_S):
                    await transport.post(f"{self.url}/models", key, None, answers.append)
            except GLMError:
                answers.clear()
            known.served = read_served(answers[0]) if answers else ()
            known.ask_at = anyio.current_time() + ASK_AGAIN_S

    def models(self, role: str, named: str | None) -> list[Card]:
        """The one model for a role (chat, document, vision, image): the one named, else what it serves.

        Raises ConfigError where a model that draws is wanted and none is named.
        """
        model = named or self._first(role)
        if model is None and role == "image":
            raise ConfigError(
                f"no model that draws is known at {self.url}",
                "Set GLM_IMAGE_MODEL to a model that this server draws with (POST /images/generations); without one, leave generate_image out with GLM_TOOLS.",
            )
        return [self.card(model or CHAINS[role][0], role)]

    def card(self, model: str, role: str = "") -> Card:
        """A model's card with what the engine said of it."""
        own = next((s for s in self.served if s.id == model), Served(model))
        if not role and own.sees:
            role = "vision"
        found = card(model, compatible=True, role=role)
        limits = self._limits.get(model, Limits())
        context = own.context or found.context  # the engine knows better than we, either way
        if limits.context is not None:
            context = min(context, limits.context)
        context = max(1, int(context * self._shares.get(model, 1.0)))
        room = max(1, min(found.default_tokens, context // 4))  # of a small window, for the answer
        images = min(found.images, max(1, (context - room) // found.image_tokens))
        if limits.images is not None:
            images = min(images, limits.images)
        if (context, images) == (found.context, found.images):
            return found
        return replace(found, context=context, images=images, default_tokens=room)

    def learn(self, model: str, error: GLMError, size: int) -> bool:
        """Keeps what a refusal said that the engine takes; whether anything of it is new. `size`: tokens of the refused
        request as we count them, which may be fewer than the engine's own: that share of the window is left to this call.
        """
        said, known = limits_of(error), self._limits.get(model, Limits())
        context, share = said.context, size / said.prompt if said.context and said.prompt else 1.0
        fewer = 0 < share < self._shares.get(model, 1.0)
        if fewer:
            self._shares[model] = share
        less_context = context is not None and (known.context is None or context < known.context)
        if model not in self._limits and len(self._limits) >= MODELS:
            del self._limits[next(iter(self._limits))]  # a caller may name any
        less_images = said.images is not None and (known.images is None or said.images < known.images)
        self._limits[model] = Limits(
            context if less_context else known.context, None, said.images if less_images else known.images
        )
        return fewer or less_context or less_images

    def names(self) -> str:
        """A sentence that names what is served, the first few; empty where nobody knows."""
        shown = ", ".join(s.id for s in self.served[:NAMED]) + ", …" * (len(self.served) > NAMED)
        return f"It serves {shown}. " if shown else ""

    def _first(self, role: str) -> str | None:
        names = [s for s in self.served if not _NO_CHAT.search(s.id)]
        draws = [s.id for s in names if s.id.rpartition("/")[2].lower().startswith(_DRAWS)]
        if role == "image":
            return draws[0] if draws else None
        able = [s for s in names if s.id not in draws]
        chain = CHAINS[role]
        seeing = [s for s in able if (sees(s.id) if s.sees is None else s.sees)]
        wanted = seeing if role == "vision" else [s for s in able if not sees(s.id)]
        ours = [s for s in able if s.id.rpartition("/")[2].lower() in chain]
        for group in (ours, wanted, able):
            if group:
                return group[0].id
        return None


async def with_bytes(
    request: ChatRequest, inline: Inline | None, *, of: tuple[type, ...] = (Image, Video, File)
) -> ChatRequest:
    """The request with what stands behind the addresses of these parts in their place.

    Raises GLMError: as the download does.
    """
    messages: list[Message] = []
    for message in request.messages:
        content = message.content
        if isinstance(content, tuple) and any(_is_address(p, of) for p in content):
            if inline is None:
                raise ConfigError("an address cannot be sent to this server", "Give the file itself.")
            content = tuple([await inline(p) if _is_address(p, of) else p for p in content])
        messages.append(replace(message, content=content))
    return replace(request, messages=tuple(messages))


def _is_address(part: object, of: tuple[type, ...]) -> bool:
    return isinstance(part, of) and getattr(part, "url", None) is not None
