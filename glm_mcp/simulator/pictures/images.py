"""POST /images/generations and the files it makes."""

import asyncio
import base64
import re
from typing import Any

from glm_mcp.simulator.errors import Refusal, bad_value
from glm_mcp.simulator.exchange import HTML, JSON, Exchange
from glm_mcp.simulator.faults import Send, before_first_byte, body_steps, content_type
from glm_mcp.simulator.fields import check_ids, find_model
from glm_mcp.simulator.models import Model
from glm_mcp.simulator.pictures.painting import paint
from glm_mcp.simulator.script import Fault
from glm_mcp.simulator.shapes import dumps, new_id
from glm_mcp.simulator.state import State
from glm_mcp.simulator.switches import Switches

FILES = "/files/cogview/"
DEFAULT_SIZE = "1024x1024"
SIZES = (DEFAULT_SIZE, "768x1344", "864x1152", "1344x768", "1152x864", "1440x720", "720x1440")
# Custom sizes, in pixels: the vendor's image page.
SIDE = (512, 2_048)
STEP = 16
AREA = 2**21
# Bytes without which a picture's pixels cannot be decoded.
_HOLE = 256


def read_size(value: Any, switches: Switches) -> tuple[int, int]:
    """Width and height. Raises Refusal: 1214 for no WxH, or one the service cannot make."""
    if value is None:
        value = DEFAULT_SIZE
    match = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", value) if isinstance(value, str) else None
    if match is None:
        raise bad_value("size")
    width, height = int(match[1]), int(match[2])
    if value not in SIZES:
        fits = all(SIDE[0] <= side <= SIDE[1] and side % STEP == 0 for side in (width, height))
        if not fits or width * height > AREA or switches.custom_image_sizes == "refuse":
            raise bad_value("size")
    return width, height


def endpoint_rules(body: dict[str, Any], key: str, endpoint: str, state: State) -> Model:
    """As for chat: 1210 on the coding endpoint, 1113 for a coding key."""
    if endpoint == "coding":
        raise Refusal("1210")
    model = find_model(body, "image", state.switches.routing)
    if key in state.switches.coding_keys:
        raise Refusal("1113")
    return model


async def read_order(
    exchange: Exchange, body: dict[str, Any], model: Model, state: State
) -> tuple[str, tuple[int, int]]:
    """Prompt and size, past every rule; the model's place is taken. Raises Refusal: the first rule that is broken."""
    check_ids(body)
    prompt = body.get("prompt")
    if prompt is None or prompt == "":
        raise Refusal("1213", "prompt")
    if not isinstance(prompt, str):
        raise bad_value("prompt")
    if not prompt.strip():
        raise Refusal("1213", "prompt")
    exchange.entry.text = prompt
    size = read_size(body.get("size"), state.switches)
    if body.get("quality", "standard") not in ("standard", "hd"):
        raise bad_value("quality")
    if body.get("quality") == "hd" and state.switches.hd_images == "refuse":
        raise bad_value("quality")
    if not isinstance(body.get("watermark_enabled", True), bool):
        raise bad_value("watermark_enabled")
    await state.enter(model, exchange.entry)
    exchange.release = lambda: state.leave(model, exchange.entry)
    if any(word in prompt for word in state.switches.sensitive_words):
        raise Refusal("1301")
    state.claim(body.get("request_id"))
    return prompt, size


async def answer(
    exchange: Exchange,
    body: dict[str, Any],
    order: tuple[str, tuple[int, int]],
    fault: Fault | None,
    state: State,
) -> None:
    """Paint the picture, keep it, and answer with its URL."""
    prompt, size = order
    data = await asyncio.to_thread(paint, prompt, size)
    name, created = new_id()
    file = f"{name}_0.png"
    state.keep_file(file, data, fault)
    b64 = fault is not None and fault.kind == "image_b64"
    place = f"http://{exchange.header('host')}{FILES}{file}"
    reply = {
        "created": created,
        "data": [{"b64_json": base64.b64encode(data).decode()} if b64 else {"url": place}],
        "id": name,
        "request_id": body.get("request_id") or name,
        "content_filter": [{"role": "assistant", "level": 3}],
    }
    seconds = state.switches.first_byte_s + before_first_byte(fault, stream=False)
    if not await exchange.connection.pause(seconds):
        await exchange.stop("hang")
        return
    await exchange.give(200, body_steps(fault, dumps(reply)), content_type(fault, JSON))


async def give_file(exchange: Exchange, state: State) -> None:
    """A made picture, without authentication; or what the fault of its request put in its place."""
    name = exchange.path.removeprefix(FILES)
    kept = state.files.get(name.removeprefix("moved-"))
    if kept is None:
        await exchange.page(404)
        return
    data, fault = kept
    kind = fault.kind if fault is not None else ""
    if kind == "image_404":
        await exchange.page(404)
    elif kind == "image_not_image":
        await exchange.give(200, [Send(b"This is no image.\n")], "image/png")
    elif kind == "image_cut":
        await exchange.give(200, [Send(data[: len(data) // 2])], "image/png")
    elif kind == "image_garbled":
        half = len(data) // 2
        await exchange.give(200, [Send(data[:half] + bytes(_HOLE) + data[half + _HOLE :])], "image/png")
    elif fault is not None and kind == "image_redirect" and not name.startswith("moved-"):
        place = fault.location or f"http://{exchange.header('host')}{FILES}moved-{name}"
        await exchange.give(302, [Send(b"")], HTML, {"location": place})
    else:
        await exchange.give(200, [Send(data)], "image/png")
