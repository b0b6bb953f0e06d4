"""POST /chat/completions: every rule in order, then the answer as a body or a stream."""

import asyncio
from dataclasses import replace
from typing import Any

from glm_mcp.simulator.completions import tokens
from glm_mcp.simulator.completions.answers import Answer, Question, compose, scripted
from glm_mcp.simulator.completions.messages import Conversation, read_messages
from glm_mcp.simulator.completions.toolrules import check_tools
from glm_mcp.simulator.completions.wrong_answers import other_answer
from glm_mcp.simulator.errors import Refusal
from glm_mcp.simulator.exchange import JSON, SSE, Exchange
from glm_mcp.simulator.faults import before_first_byte, body_steps, content_type, stream_steps
from glm_mcp.simulator.fields import check_fields, find_model
from glm_mcp.simulator.models import Model
from glm_mcp.simulator.pictures.media import inspect
from glm_mcp.simulator.received import Media
from glm_mcp.simulator.script import Fault, Reply
from glm_mcp.simulator.shapes import chunks, dumps, new_id, usage, whole
from glm_mcp.simulator.state import State

# Texts longer than this are counted in a thread.
_INLINE = 200_000


async def read_question(exchange: Exchange, body: dict[str, Any], model: Model, state: State) -> Question:
    """The request, past every rule. The model's place is taken on the way and left with `exchange.release`. Raises
    Refusal: the first rule that is broken.
    """
    switches, entry = state.switches, exchange.entry
    check_fields(body, model, switches)
    functions = check_tools(body, model, switches)
    talk = read_messages(body, model, switches)
    entry.text = "\n".join(talk.user_texts)
    await state.enter(model, entry)
    exchange.release = lambda: state.leave(model, entry)
    if talk.items:
        entry.media = await asyncio.to_thread(inspect, talk.items, model, switches, state.web)
    flat = talk.flat
    if functions:
        flat = dumps(body["tools"]).decode() + "\n" + flat
    flat = "\n".join([*(item.sha256 for item in entry.media), flat])
    if len(flat) > _INLINE:
        cost, cached = await asyncio.to_thread(_measure, flat, talk, entry.media, model, state)
    else:
        cost, cached = _measure(flat, talk, entry.media, model, state)
    _check_room(cost, body, model)
    if any(word in text for word in switches.sensitive_words for _, text in talk.turns):
        raise Refusal("1301")
    state.claim(body.get("request_id"))
    name, created = new_id()
    return Question(
        model=model,
        body=body,
        talk=talk,
        functions=functions,
        media=entry.media,
        prompt_tokens=sum(cost),
        cached_tokens=cached,
        id=name,
        created=created,
        named=switches.routing.get(body["model"], body["model"]),
    )


def _measure(
    flat: str, talk: Conversation, media: list[Media], model: Model, state: State
) -> tuple[tuple[int, int], int]:
    """Prompt tokens without the films and of the films, and how many of them were seen before."""
    prompt = tokens.count(flat) if not media else tokens.count(talk.flat)
    films = sum(tokens.film(item.duration_s) for item in media if item.kind == "video")
    for item in media:
        if item.kind == "image":
            prompt += model.image_tokens or tokens.image(item.width, item.height)
        elif item.kind == "file":
            prompt += tokens.FILE_TOKENS
    cached = state.prefixes.hit(model.id, flat) if model.usage_details else 0
    return (prompt, films), min(cached, max(prompt + films - 2, 0))


def _check_room(cost: tuple[int, int], body: dict[str, Any], model: Model) -> None:
    """A prompt must leave room for the answer; a film was seen to be taken beside the default of max_tokens. Raises
    Refusal: 1261, or 1210 on the model that has words of its own for it.
    """
    prompt = sum(cost)
    if model.most_input is not None and prompt > model.most_input:
        raise Refusal("1210", message="输入过长")
    room = model.context - int(body.get("max_tokens") or model.default_max_tokens)
    if cost[0] > room or prompt > model.context:
        raise Refusal("1261")


async def answer(exchange: Exchange, question: Question, item: Fault | Reply | None, state: State) -> None:
    """Answer a question, with the scripted reply or the fault that meets it."""
    switches = state.switches
    fault = item if isinstance(item, Fault) else None
    if isinstance(item, Reply) and item.answered_as:
        question = replace(question, named=item.answered_as)
    said = _say(question, item, state)
    seconds = switches.first_byte_s + said.delay_s + before_first_byte(fault, stream=question.stream)
    if seconds and not await exchange.connection.pause(seconds):
        await exchange.stop("hang")
        return
    exchange.entry.tokens = int(usage(said, question).get("completion_tokens", 0))
    if question.stream:
        steps = stream_steps(fault, chunks(said, question, switches.chunk_chars), switches.chunk_s)
    else:
        steps = body_steps(fault, dumps(whole(said, question)))
    await exchange.give(200, steps, content_type(fault, SSE if question.stream else JSON))


def _say(question: Question, item: Fault | Reply | None, state: State) -> Answer:
    if isinstance(item, Reply):
        return scripted(item, question)
    said = compose(question, call_tools=state.switches.call_tools)
    return said if item is None else other_answer(item, said, question, state.switches.chunk_chars)


def endpoint_rules(body: dict[str, Any], key: str, endpoint: str, state: State) -> Model:
    """The model of a chat request, as far as this key may use it on this endpoint. Raises Refusal: as `find_model`; on
    the coding endpoint 1210 for media and 1311 for vision models; 1113 for a coding key on the general one.
    """
    switches = state.switches
    if endpoint == "coding" and _has_media(body):
        raise Refusal("1210")
    model = find_model(body, "chat", switches.routing)
    if endpoint == "coding" and model.vision:
        raise Refusal("1311")
    free = model.id == "glm-4.7-flash" and switches.coding_key_free_flash
    if endpoint == "general" and key in switches.coding_keys and not free:
        raise Refusal("1113")
    return model


def _has_media(body: dict[str, Any]) -> bool:
    messages = body.get("messages")
    return isinstance(messages, list) and any(
        isinstance(part, dict) and part.get("type") != "text"
        for message in messages
        if isinstance(message, dict) and isinstance(message.get("content"), list)
        for part in message["content"]
    )
