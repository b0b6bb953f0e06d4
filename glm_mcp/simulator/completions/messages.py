"""The conversation of a chat request: roles, turns, texts, tool calls and their replies."""

from dataclasses import dataclass, field
from typing import Any

from glm_mcp.simulator.completions.parts import Item, check_items, read_part
from glm_mcp.simulator.errors import Refusal, bad_value
from glm_mcp.simulator.models import Model
from glm_mcp.simulator.switches import Switches

_ROLES = ("system", "user", "assistant", "tool")
_CALLS = ("function", "web_search", "retrieval")


@dataclass
class Conversation:
    """What the messages hold: each turn's role and text, the media, and the texts of the user alone."""

    turns: list[tuple[str, str]] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)

    @property
    def user_texts(self) -> list[str]:
        return [text for role, text in self.turns if role == "user"]

    @property
    def flat(self) -> str:
        return "\n".join(f"{role}\n{text}" for role, text in self.turns)


def read_messages(body: dict[str, Any], model: Model, switches: Switches) -> Conversation:
    """The conversation. Raises Refusal: 1213 messages or a prompt are missing, 1214 roles, turns and shapes, 1210
    parts.
    """
    messages = body.get("messages")
    if messages is None:
        raise Refusal("1213", "messages")
    if not isinstance(messages, list) or not messages:
        raise bad_value("messages")
    talk = Conversation()
    pending: set[str] = set()
    for message in messages:
        if not isinstance(message, dict) or message.get("role") not in _ROLES:
            raise bad_value("messages")
        role = message["role"]
        _check_role(role, talk, model, switches)
        if role == "assistant":
            pending = _assistant(message, talk, model)
        elif role == "tool":
            _tool(message, talk, pending)
        else:
            _content(message, talk, model)
    if not any(role == "user" for role, _ in talk.turns):
        raise bad_value("messages")
    check_items(talk.items, model, switches)
    return talk


def _check_role(role: str, talk: Conversation, model: Model, switches: Switches) -> None:
    if role == "tool" and not model.tool_role and switches.vision_tool_role == "refuse":
        raise bad_value("messages")
    if role == "system" and model.id == "glm-4v-flash" and switches.system_on_4v_flash == "refuse":
        raise bad_value("messages")
    if switches.same_role_turns == "refuse" and role != "tool" and talk.turns and talk.turns[-1][0] == role:
        raise bad_value("messages")


def _content(message: dict[str, Any], talk: Conversation, model: Model) -> None:
    """A system or user turn; an empty one is a prompt not received."""
    role, content = message["role"], message.get("content")
    if content is None:
        raise Refusal("1213", "prompt")
    text = _text(content, talk, model, media=role == "user")
    if not text.strip():
        raise Refusal("1213", "prompt")
    talk.turns.append((role, text))


def _text(content: Any, talk: Conversation, model: Model, *, media: bool) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise bad_value("messages")
    texts = []
    for part in content:
        found = read_part(part, model, media=media)
        if isinstance(found, str):
            texts.append(found)
        else:
            talk.items.append(found)
    return "\n".join(texts)


def _assistant(message: dict[str, Any], talk: Conversation, model: Model) -> set[str]:
    """An assistant's turn; the ids of the calls it made, which tool messages may answer."""
    calls, content = message.get("tool_calls"), message.get("content")
    if not isinstance(message.get("reasoning_content", ""), str | None):
        raise bad_value("messages")
    if calls is not None and not isinstance(calls, list):
        raise bad_value("messages")
    if not content and not calls:
        raise bad_value("messages")
    text = "" if content is None else _text(content, talk, model, media=False)
    ids: set[str] = set()
    for call in calls or []:
        ids.add(_call(call))
        text += f"\n{call['function']['name']}({call['function']['arguments']})"
    talk.turns.append(("assistant", text))
    return ids


def _call(call: Any) -> str:
    if not isinstance(call, dict) or not isinstance(call.get("id"), str) or call.get("type") not in _CALLS:
        raise bad_value("messages")
    function = call.get("function")
    if not isinstance(function, dict) or not all(
        isinstance(function.get(name), str) for name in ("name", "arguments")
    ):
        raise bad_value("messages")
    return str(call["id"])


def _tool(message: dict[str, Any], talk: Conversation, pending: set[str]) -> None:
    """A tool's reply, which must answer a call of the assistant's turn before it, once."""
    if not isinstance(message.get("content"), str) or message.get("tool_call_id") not in pending:
        raise bad_value("messages")
    pending.discard(message["tool_call_id"])
    talk.turns.append(("tool", message["content"]))
