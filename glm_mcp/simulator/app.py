"""The simulated service as an ASGI application: routes, then authentication, rules, faults, answer."""

import logging
from typing import Any

from glm_mcp.simulator import control
from glm_mcp.simulator.auth import authorise
from glm_mcp.simulator.completions import chat
from glm_mcp.simulator.engine import answer as engines
from glm_mcp.simulator.errors import Refusal, gateway_page
from glm_mcp.simulator.exchange import HTML, JSON, Exchange, Message, Receive, Sender, parse
from glm_mcp.simulator.faults import Send, broken_200
from glm_mcp.simulator.models import PAID
from glm_mcp.simulator.pictures import images
from glm_mcp.simulator.script import Fault, Reply
from glm_mcp.simulator.shapes import dumps
from glm_mcp.simulator.state import State

_LOG = logging.getLogger("glm_mcp.simulator")

ENDPOINTS = {"/api/paas/v4": "general", "/api/coding/paas/v4": "coding"}
# endpoint path → the method it takes
_ROUTES = {"/chat/completions": "POST", "/images/generations": "POST", "/models": "GET"}
# What a fault may put in place of any answer.
_INSTEAD = {"error", "gone", "html", "body", "refuse", "hang", "error_in_200", "flat_error_in_200"}


class App:
    """One request in, one answer out. Whatever fails in here is answered as the service's own 500."""

    def __init__(self, state: State) -> None:
        self.state = state

    async def __call__(self, scope: Message, receive: Receive, send: Sender) -> None:
        if scope["type"] != "http":
            return
        exchange = Exchange(scope, receive, send, self.state.ledger)
        if self.state.control and exchange.path.startswith(control.PREFIX):
            await control.handle(exchange, self.state)
            return
        try:
            await self._answer(exchange)
        except Exception:  # noqa: BLE001 - the one outer boundary, which logs it
            _LOG.exception("the simulator failed on %s %s", exchange.method, exchange.path)
            if exchange.entry.status is None:
                await exchange.refuse(Refusal("500"), self._language(exchange))
        finally:
            exchange.finish()

    def _language(self, exchange: Exchange) -> str:
        if self.state.switches.language != "auto":
            return self.state.switches.language
        return "en" if exchange.header("accept-language").lower().startswith("en") else "zh"

    async def _answer(self, exchange: Exchange) -> None:
        raw = await exchange.body()
        body = await parse(raw) if raw else None
        if isinstance(body, dict):
            exchange.entry.body = body
            exchange.entry.model = body["model"] if isinstance(body.get("model"), str) else ""
        switches = self.state.switches
        self.state.ledger.add(exchange.entry, switches.keep, whole=switches.whole_bodies)
        if raw is None:
            if not exchange.connection.gone.is_set():
                await exchange.page(413)
            return
        engine = self.state.engine
        if engine is not None and exchange.path.startswith(engines.PREFIX):
            asked = await engines.ask(exchange, body, engine, self.state)
            if asked and not await self._instead(exchange, asked[1]):
                await engines.answer(exchange, *asked, engine, self.state)
            return
        endpoint, path = _split(exchange.path)
        method = _ROUTES.get(path) if endpoint else None
        if method == "POST" and exchange.method == "POST":
            await self._call(exchange, body, endpoint, path)
        elif method == "GET" and exchange.method == "GET":
            await self._models(exchange)
        elif exchange.path.startswith(images.FILES) and exchange.method == "GET":
            if not await self._instead(exchange, self.state.next_script(exchange.path, "")):
                await images.give_file(exchange, self.state)
        else:
            # A POST to a path that is no API reaches a static site, which allows none.
            await exchange.page(405 if method or (exchange.method == "POST" and not endpoint) else 404)

    async def _models(self, exchange: Exchange) -> None:
        """Paid text models only: the free ones answer although they are not listed."""
        try:
            authorise(exchange.header("authorization"), self._keys())
        except Refusal as refusal:
            await exchange.refuse(refusal, self._language(exchange))
            return
        if await self._instead(exchange, self.state.next_script(exchange.path, "")):
            return
        listed = [
            {"id": name, "object": "model", "created": 1_760_000_000, "owned_by": "z-ai"} for name in PAID
        ]
        await exchange.give(200, [Send(dumps({"object": "list", "data": listed}))], JSON)

    def _keys(self) -> tuple[str, ...]:
        return (*self.state.keys, *self.state.switches.coding_keys)

    async def _call(self, exchange: Exchange, body: Any, endpoint: str, path: str) -> None:
        """A chat or image request: it is refused by the first rule it breaks, else a fault or an answer meets it."""
        state, model_name = self.state, exchange.entry.model
        try:
            key = authorise(exchange.header("authorization"), self._keys())
            _check_json(body, exchange.header("content-type"))
            if path == "/chat/completions":
                model = chat.endpoint_rules(body, key, endpoint, state)
                question = await chat.read_question(exchange, body, model, state)
            else:
                model = images.endpoint_rules(body, key, endpoint, state)
                order = await images.read_order(exchange, body, model, state)
        except Refusal as refusal:
            await exchange.refuse(refusal, self._language(exchange))
            return
        media = {item.kind for item in exchange.entry.media}
        item = state.next_script(exchange.path, model_name, media) or state.fate(model.id)
        if isinstance(item, Fault):
            exchange.entry.fault = item.kind
        if await self._instead(exchange, item):
            return
        if path == "/chat/completions":
            await chat.answer(exchange, question, item, state)
        else:
            await images.answer(exchange, body, order, item if isinstance(item, Fault) else None, state)

    async def _instead(self, exchange: Exchange, item: Fault | Reply | None) -> bool:
        """Play a fault that takes the place of an answer; False when there is none."""
        if not isinstance(item, Fault) or item.kind not in _INSTEAD:
            return False
        language = item.language or self._language(exchange)
        if item.delay_s and not await exchange.connection.pause(item.delay_s):
            await exchange.stop("hang")
        elif item.kind in {"refuse", "hang"}:
            await exchange.stop("reset" if item.kind == "refuse" else "hang")
        elif item.kind == "gone" and item.code != "404":
            words = "modelCode：不存在" if item.code == "1214" else None
            await exchange.refuse(Refusal(item.code or "1211", message=item.message or words), language)
        elif item.kind in {"html", "gone"}:
            status = item.status or (404 if item.kind == "gone" else 502)
            await exchange.give(status, [Send(gateway_page(status))], HTML)
        elif item.kind == "body":
            data = (item.message or "").encode("utf-8", "surrogateescape")
            await exchange.give(item.status or 200, [Send(data)], item.content_type)
        elif item.kind == "error":
            refusal = Refusal(item.code or "500", "simulated", message=item.message, status=item.status)
            headers = {"retry-after": item.retry_after} if item.retry_after is not None else None
            await exchange.refuse(refusal, language, headers=headers)
        else:
            exchange.entry.code = item.code or "1000"
            await exchange.give(200, [Send(broken_200(item, language))], JSON)
        return True


def _check_json(body: Any, content_type: str) -> None:
    if not isinstance(body, dict) or not content_type.lower().startswith(JSON):
        raise Refusal("1210")


def _split(path: str) -> tuple[str, str]:
    """`general` or `coding`, and the path below that base; empty when it is below neither."""
    for base, endpoint in ENDPOINTS.items():
        if path.startswith(base + "/"):
            return endpoint, path[len(base) :]
    return "", path
