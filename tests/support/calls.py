"""Calls of the client as the tests of it make them: short waits, a limit on every one, the simulator behind it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx

from glm_mcp.glm.calls import Answer, Drawing, Inline, Job
from glm_mcp.glm.client import GLMClient
from glm_mcp.glm.messages import ChatRequest, Image, Message, Part, Text
from glm_mcp.glm.network.transport import Transport
from glm_mcp.glm.policy import Pace
from glm_mcp.glm.progress import Progress
from glm_mcp.settings import Settings
from glm_mcp.simulator import Simulator, Switches

T, L, V6, V1, V4, C3 = (
    "glm-4.7-flash",
    "glm-4-flash-250414",
    "glm-4.6v-flash",
    "glm-4.1v-thinking-flash",
    "glm-4v-flash",
    "cogview-3-flash",
)
_CHANCE = random.Random(1)
PACE = Pace(waits=(0.01, 0.05), rest=(0.05, 0.2))
KEY = "0123456789abcdef0123456789abcdef.CanaryCanary1234"


@asynccontextmanager
async def client_of(
    sim: Simulator | None = None,
    *,
    transport: Transport | None = None,
    pace: Pace = PACE,
    chance: Callable[[], float] = _CHANCE.random,
    **variables: Any,
) -> AsyncIterator[GLMClient]:
    """A client of the simulator, or of the transport given."""
    given = {"GLM_API_KEY": KEY, "GLM_BASE_URL": "http://127.0.0.1:1/api/paas/v4"}
    if sim is not None:
        given = {"GLM_API_KEY": sim.key, "GLM_BASE_URL": sim.url}
    client = GLMClient(
        Settings(_env_file=None, **(given | variables)), transport=transport, pace=pace, chance=chance
    )
    try:
        async with client.sharing():
            yield client
    finally:
        with anyio.CancelScope(shield=True):
            await client.transport.close()


def answering(handler: Callable[[httpx.Request], httpx.Response]) -> Transport:
    """A transport whose network is a function. What it answers has not been read yet, as from a network."""

    def answer(request: httpx.Request) -> httpx.Response:
        made = handler(request)
        if not made.is_stream_consumed:
            return made
        return httpx.Response(made.status_code, headers=made.headers, stream=httpx.ByteStream(made.content))

    return Transport(httpx.MockTransport(answer))


def spoken(text: str, *parts: Part) -> tuple[Message, ...]:
    return (Message("user", (*parts, Text(text)) if parts else text),)


async def ask(
    client: GLMClient,
    text: str = "hello",
    *parts: Part,
    messages: tuple[Message, ...] | None = None,
    within: float = 10,
    role: str = "",
    model: str | None = None,
    task: str | None = None,
    free_text: bool = True,
    inline: Inline | None = None,
    progress: Progress | None = None,
    **wishes: Any,
) -> Answer:
    """One chat, with `within` seconds for it; the test fails when it takes longer than that and a little."""
    request = ChatRequest(messages or spoken(text, *parts), **wishes)
    with anyio.fail_after(within + 5):
        job = Job(
            role or ("vision" if request.media() else "chat"),
            anyio.current_time() + within,
            model=model,
            task=task,
            free_text=free_text,
            inline=inline,
        )
        return await client.chat(request, job, progress or Progress())


async def draw(
    client: GLMClient, prompt: str = "a hill", *, within: float = 10, model: str | None = None
) -> Drawing:
    with anyio.fail_after(within + 5):
        job = Job("image", anyio.current_time() + within, model=model)
        return await client.generate_image({"prompt": prompt}, job, Progress())


def fresh(simulator: Simulator) -> Simulator:
    """A simulator of several tests, as new."""
    simulator.clear()
    simulator.switches = Switches()
    return simulator


def models_asked(sim: Simulator) -> list[str]:
    """The model of each request, in order of arrival."""
    return [r.model for r in sim.received]


def counted(sim: Simulator) -> dict[str, int]:
    return dict(Counter(models_asked(sim)))


def png(width: int = 20, height: int = 10, colour: str = "red") -> Image:
    import io

    from PIL import Image as Pillow

    out = io.BytesIO()
    Pillow.new("RGB", (width, height), colour).save(out, "PNG")
    return Image("a.png", data=out.getvalue(), mime="image/png")
