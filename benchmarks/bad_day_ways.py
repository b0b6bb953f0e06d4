"""Four ways to get through a bad day at the service: one try, three blind tries, this server, and one that knows the weather.

Each way is asked for one call at a time and says whether it was answered; `oracle` works out what could have been.
"""

from __future__ import annotations

import base64
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx
from mcp import Client
from PIL import Image

from glm_mcp.server.app import App, Folders, build
from glm_mcp.settings import Settings
from glm_mcp.simulator import Simulator, Weather
from glm_mcp.simulator.models import MODELS

DEADLINE_S = 55.0
EVERY_S = 3.0
GRACE_S = 3.0  # beyond the deadline, on a busy machine
# The free models that can do a tool's job, in this server's order.
ABLE = {
    "chat": ("glm-4.7-flash", "glm-4.6v-flash", "glm-4-flash-250414"),
    "picture": ("glm-4.6v-flash", "glm-4.1v-thinking-flash", "glm-4v-flash"),
    "drawing": ("cogview-3-flash",),
}
TOOLS = {"chat": "chat", "picture": "describe_image", "drawing": "generate_image"}
SIZE = "512x512"  # painting larger ones would busy the machine
STEP_S = 0.05  # how closely the one that knows the weather looks

Ask = Callable[[int], Awaitable[bool]]


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), "#3366cc").save(out, "PNG")
    return out.getvalue()


@asynccontextmanager
async def tries(sim: Simulator, kind: str, waits: tuple[float, ...]) -> AsyncIterator[Ask]:
    """The first model alone, tried once and again after each of `waits` seconds, whatever the answer was."""
    model = ABLE[kind][0]
    path = "/images/generations" if kind == "drawing" else "/chat/completions"
    headers = {"Authorization": f"Bearer {sim.key}"}

    def body(number: int) -> dict[str, object]:
        if kind == "drawing":
            return {"model": model, "prompt": f"a hill, number {number}", "size": SIZE}
        text = {"type": "text", "text": f"what is this, number {number}?"}
        image = {"type": "image_url", "image_url": {"url": base64.b64encode(picture()).decode()}}
        content = [image, text] if kind == "picture" else text["text"]
        messages = [{"role": "user", "content": content}]
        return {"model": model, "messages": messages, "thinking": {"type": "disabled"}}

    async with httpx.AsyncClient(timeout=DEADLINE_S, verify=False) as http:  # noqa: S501 - plain HTTP on loopback

        async def one(number: int) -> bool:
            response = await http.post(sim.url + path, json=body(number), headers=headers)
            said = response.json()
            if response.status_code != 200 or "error" in said:
                return False
            if kind == "drawing":
                return (await http.get(said["data"][0]["url"])).status_code == 200
            return bool(said["choices"][0]["message"]["content"])

        async def ask(number: int) -> bool:
            with anyio.move_on_after(DEADLINE_S):
                for wait in (0.0, *waits):
                    await anyio.sleep(wait)
                    try:
                        if await one(number):
                            return True
                    except httpx.HTTPError:
                        continue
            return False

        yield ask


@asynccontextmanager
async def ours(sim: Simulator, kind: str, folder: Path, left: list[str]) -> AsyncIterator[Ask]:
    """The server of this package, by way of an MCP client; `left` hears of places that are still held at the end."""
    home = folder / "home"
    folders = Folders(home / "work", home, folder / "temp", folder / "cache", folder / "data")
    folders.cwd.mkdir(parents=True)
    folders.temp.mkdir()
    shot = folders.cwd / "shot.png"
    shot.write_bytes(picture())
    settings = Settings(_env_file=None, GLM_API_KEY=sim.key, GLM_BASE_URL=sim.url, GLM_LANG="en")
    app = App(settings, folders=folders)

    async with Client(build(app)) as client:

        async def ask(number: int) -> bool:
            given = {
                "chat": {"prompt": f"hello, number {number}"},
                "picture": {"images": str(shot), "prompt": f"what is this, number {number}?"},
                "drawing": {"prompt": f"a hill, number {number}", "size": SIZE},
            }[kind]
            with anyio.move_on_after(DEADLINE_S + GRACE_S) as scope:
                result = await client.call_tool(TOOLS[kind], given)
            if scope.cancelled_caught:
                left.append(f"{TOOLS[kind]} had no end within {DEADLINE_S + GRACE_S:g} s")
                return False
            facts = (result.meta or {}).get("glm", {})
            return not result.is_error and not facts.get("partial")

        yield ask
        held = {model: app.glm.limiter(model).running for model in ABLE[kind]}
        left += [f"{places} places of {model} are held" for model, places in held.items() if places]


def oracle(weather: Weather, kind: str, calls: int) -> list[float | None]:
    """Seconds until each call is answered by one that sees the spells: it asks only where it is calm, within each
    model's number of calls at once, first come, first served; None where no answer fits the deadline.
    """
    ends: dict[str, list[float]] = {model: [] for model in ABLE[kind]}
    found: list[float | None] = []
    for number in range(calls):
        arrived = number * EVERY_S
        best: tuple[float, str] | None = None
        for model, busy in ends.items():
            end = _earliest(weather, model, busy, arrived)
            if end is not None and (best is None or end < best[0]):
                best = end, model
        found.append(None if best is None else best[0] - arrived)
        if best is not None:
            ends[best[1]].append(best[0])
    return found


def _earliest(weather: Weather, model: str, busy: list[float], arrived: float) -> float | None:
    """When the first answer of this model that could have been begun after `arrived` is complete."""
    t = arrived
    while t < arrived + DEADLINE_S:
        spell = weather.state(model, t)
        if spell.overloaded:
            t = spell.until
        elif sum(end > t for end in busy) >= MODELS[model].concurrency:
            t += STEP_S
        else:
            met = weather.fate(model, t)
            end = t + met.delay_s + met.seconds
            return end if end <= arrived + DEADLINE_S else None
    return None


async def warm(folder: Path) -> None:
    """Loads what the first call of a process loads."""
    with Simulator() as sim:
        for kind, tool in TOOLS.items():
            async with ours(sim, kind, folder / kind, []) as ask:
                if not await ask(0):
                    raise RuntimeError(f"{tool} fails without any weather")
