"""The control surface, for a test or a demo that drives a simulator in another process.

Only a simulator bound to loopback has it, and a browser page cannot use it: a request with an Origin is refused, and so
is one by a name of the page's own, which may lead here too.
"""

import asyncio
import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from glm_mcp.simulator.exchange import JSON, Exchange, parse
from glm_mcp.simulator.faults import Send
from glm_mcp.simulator.models import MODELS
from glm_mcp.simulator.script import from_json
from glm_mcp.simulator.shapes import dumps
from glm_mcp.simulator.state import State
from glm_mcp.simulator.switches import Switches
from glm_mcp.simulator.weather import Weather

PREFIX = "/_simulator/"
_HERE = re.compile(r"(?:localhost|127(?:\.\d+){3}|\[::1\])(?::\d+)?", re.IGNORECASE)


def _clear(state: State, _: Any) -> Any:
    state.clear()
    return {"ok": True}


def _queue(state: State, body: Any) -> Any:
    items = [from_json(item) for item in (body if isinstance(body, list) else [body])]
    state.queue(*items)
    return {"queued": len(items)}


def _web(state: State, body: Any) -> Any:
    """URL → base64, or URL → {"base64": ..., "type": ...}."""
    pages = {}
    for url, page in body.items():
        text, kind = (page, "") if isinstance(page, str) else (page["base64"], page.get("type", ""))
        pages[url] = (base64.b64decode(text, validate=True), kind)
    state.web.update(pages)
    return {"pages": len(state.web)}


def _switches(state: State, body: Any) -> Any:
    """Some switches, the rest as they are."""
    Switches.from_json(body)
    state.switches = Switches.from_json({**asdict(state.switches), **body})
    return asdict(state.switches)


def _weather(state: State, body: Any) -> Any:
    """{"name": a preset, "seed": 0, "scale": 1} from now on; null for none."""
    state.weather = None if body is None else Weather.preset(**body)
    return _weather_now(state)


def _weather_now(state: State) -> Any:
    """The seconds it has lasted, and which models are overloaded; null without weather."""
    weather, t = state.weather, state.weather_s
    if weather is None:
        return None
    return {"seconds": t, "overloaded": [name for name in MODELS if weather.state(name, t).overloaded]}


_ACTIONS: dict[tuple[str, str], Callable[[State, Any], Any]] = {
    ("GET", "health"): lambda state, _: {
        "status": "ok",
        "simulator": True,
        "received": len(state.ledger.entries()),
    },
    ("GET", "received"): lambda state, _: [asdict(entry) for entry in state.ledger.entries()],
    ("DELETE", "received"): _clear,
    ("POST", "queue"): _queue,
    ("POST", "web"): _web,
    ("POST", "switches"): _switches,
    ("POST", "weather"): _weather,
    ("GET", "weather"): lambda state, _: _weather_now(state),
}


async def handle(exchange: Exchange, state: State) -> None:
    """Answer a control request: 200, 400 with what is wrong, 403 for a browser, 404."""
    raw = await exchange.body()
    action = _ACTIONS.get((exchange.method, exchange.path.removeprefix(PREFIX)))
    status, answer = 200, None
    if exchange.header("origin") or not _HERE.fullmatch(exchange.header("host")):
        status, answer = 403, {"error": "not for browsers"}
    elif action is None:
        status, answer = 404, {"error": f"there are {[' '.join(names) for names in _ACTIONS]}"}
    else:
        body = await parse(raw) if raw else None
        try:
            answer = await asyncio.to_thread(action, state, body)
        except (ValueError, TypeError, KeyError, AttributeError, binascii.Error) as error:
            status, answer = 400, {"error": str(error)}
    await exchange.give(status, [Send(dumps(answer))], JSON)
