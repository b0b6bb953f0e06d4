"""The routes of a simulated engine, and its answers: thoughts under its own name, JSON held to a schema."""

import asyncio
import json
from dataclasses import replace
from typing import Any

from glm_mcp.simulator.completions.answers import Answer, Question, compose, scripted
from glm_mcp.simulator.engine import rules
from glm_mcp.simulator.engine.mode import Engine, Refused, listed
from glm_mcp.simulator.exchange import JSON, SSE, Exchange
from glm_mcp.simulator.faults import Send, before_first_byte, body_steps, content_type, stream_steps
from glm_mcp.simulator.pictures.samples import sample
from glm_mcp.simulator.script import Fault, Reply
from glm_mcp.simulator.shapes import chunks, dumps, new_id, whole
from glm_mcp.simulator.state import State

PREFIX = "/v1/"


async def refuse(exchange: Exchange, engine: Engine, refused: Refused) -> None:
    exchange.entry.code = str(refused.status)
    await exchange.give(refused.status, [Send(dumps(refused.body(engine)))], JSON)


async def ask(
    exchange: Exchange, body: Any, engine: Engine, state: State
) -> tuple[Question, Fault | Reply | None] | None:
    """A request for the chat, past every rule, with what was scripted for it; None where it was answered already."""
    path = exchange.path.removeprefix(PREFIX)
    if path == "models" and exchange.method == "GET":
        await exchange.give(200, [Send(dumps(listed(engine)))], JSON)
        return None
    if path != "chat/completions" or exchange.method != "POST":
        await refuse(exchange, engine, Refused(404, "File Not Found", "not_found_error"))
        return None
    try:
        question = await _question(exchange, body, engine)
    except Refused as refused:
        await refuse(exchange, engine, refused)
        return None
    item = state.next_script(exchange.path, exchange.entry.model, {m.kind for m in question.media})
    if isinstance(item, Fault) and item.kind == "error":
        exchange.entry.fault = item.kind
        await refuse(exchange, engine, Refused(item.status or 500, item.message or "simulated"))
        return None
    return question, item


async def _question(exchange: Exchange, body: Any, engine: Engine) -> Question:
    model = rules.model_of(rules.check(body, engine))
    talk, media = await asyncio.to_thread(rules.read, body, model, engine)
    exchange.entry.media, exchange.entry.text = media, "\n".join(talk.user_texts)
    prompt = rules.measure(talk, media, body, engine)
    kwargs = body.get("chat_template_kwargs") or {}
    if engine.effort:  # such a template takes no other word for it
        thinks = kwargs.get("reasoning_effort") != "low"
    else:
        thinks = kwargs.get("enable_thinking") is not False
    name, created = new_id()
    return Question(
        model=model,
        body={**body, "thinking": {"type": "enabled" if thinks else "disabled"}},
        talk=talk,
        functions=[f["function"] for f in body.get("tools") or []],
        media=media,
        prompt_tokens=prompt,
        cached_tokens=0,
        id=f"chatcmpl-{name}",
        created=created,
        named=model.id,
    )


async def answer(
    exchange: Exchange, question: Question, item: Fault | Reply | None, engine: Engine, state: State
) -> None:
    """The answer in the engine's shape, with the scripted reply or the fault that meets it."""
    fault = item if isinstance(item, Fault) else None
    said = scripted(item, question) if isinstance(item, Reply) else _composed(question, state)
    if said.reasoning and engine.thoughts is None:
        said = replace(said, content=f"<think>{said.reasoning}</think>{said.content}", reasoning="")
    seconds = state.switches.first_byte_s + said.delay_s + before_first_byte(fault, stream=question.stream)
    if seconds and not await exchange.connection.pause(seconds):
        await exchange.stop("hang")
        return
    if not question.stream:
        await exchange.give(200, body_steps(fault, dumps(whole(said, question))), content_type(fault, JSON))
        return
    events = [_renamed(c, engine) for c in chunks(said, question, state.switches.chunk_chars)]
    steps = stream_steps(fault, events, state.switches.chunk_s)
    await exchange.give(200, steps, content_type(fault, SSE))


def _composed(question: Question, state: State) -> Answer:
    """What the model says; held to JSON, it says as little as the grammar lets it, as weights that learnt nothing do."""
    said = compose(question, call_tools=state.switches.call_tools)
    form = question.body.get("response_format") or {}
    if form.get("type") == "json_schema":
        return replace(said, content=json.dumps(sample(form["json_schema"]["schema"])))
    return replace(said, content="{}") if form.get("type") == "json_object" else said


def _renamed(chunk: dict[str, Any], engine: Engine) -> dict[str, Any]:
    """A chunk with the thoughts under the engine's name for them."""
    for choice in chunk.get("choices", ()):
        delta = choice.get("delta", {})
        if engine.thoughts and "reasoning_content" in delta:
            delta[engine.thoughts] = delta.pop("reasoning_content")
    return chunk
