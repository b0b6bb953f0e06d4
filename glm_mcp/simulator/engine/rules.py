"""What an engine takes: its model's name, the parts of messages, fields, and how much of them."""

import json
from dataclasses import replace
from typing import Any

from glm_mcp.simulator.completions import tokens
from glm_mcp.simulator.completions.messages import Conversation, read_messages
from glm_mcp.simulator.engine.mode import Engine, Refused, too_long
from glm_mcp.simulator.errors import Refusal
from glm_mcp.simulator.models import MODELS, Model
from glm_mcp.simulator.pictures.media import inspect
from glm_mcp.simulator.received import Media
from glm_mcp.simulator.switches import Switches

# What open weights take and the platform's own rules would refuse.
LENIENT = Switches(
    mixing="accept",
    vision_tool_role="accept",
    system_on_4v_flash="accept",
    raw_base64_images="accept",
    max_images=10_000,
    longest_film_s=1e9,
    strict_sampling=False,
    response_format="ignore",
)
IMAGE_TOKENS = 300


def model_of(name: str) -> Model:
    """The simulated weights under an engine's own name."""
    return replace(MODELS["glm-4.6v-flash"], id=name, tool_role=True, tools="function", json_object=True)


def check(body: Any, engine: Engine) -> str:
    """The model's name. Raises Refused for a body that the engine refuses before it reads the messages."""
    if not isinstance(body, dict) or not isinstance(body.get("messages"), list):
        raise Refused(400, "Field required: messages")
    name = body.get("model")
    if engine.program == "vllm" and name not in engine.models:
        raise Refused(404, f"The model `{name}` does not exist.")
    for field in engine.unknown:
        if field in body:
            raise Refused(400, f"Unrecognized request argument supplied: {field}")
    if body.get("tools") and not engine.functions:
        said = {
            "vllm": '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
            "sglang": "Tools are given, but the server was started without --tool-call-parser",
            "llama.cpp": "tools param requires --jinja flag",
        }
        raise Refused(400, said[engine.program])
    _check_form(body.get("response_format"), engine)
    return str(name) if engine.program == "vllm" else engine.models[0]


def _check_form(form: Any, engine: Engine) -> None:
    kind = form.get("type") if isinstance(form, dict) else None
    if kind is None:
        return
    allowed = {
        "schema": {"text", "json_object", "json_schema"},
        "object": {"text", "json_object"},
        "none": {"text"},
    }
    if kind not in allowed[engine.json]:
        raise Refused(400, f"response_format.type: '{kind}' is not supported")
    schema = form.get("json_schema", {}).get("schema") if kind == "json_schema" else {}
    if not isinstance(schema, dict) or "pattern" in json.dumps(schema):
        raise Refused(400, "The provided JSON schema contains features not supported by xgrammar.")


def read(body: dict[str, Any], model: Model, engine: Engine) -> tuple[Conversation, list[Media]]:
    """The messages and the facts of their media. Blocking: decodes every picture. Raises Refused: a part that the
    engine does not take, or too many of them.
    """
    pictures = 0
    for message in body["messages"]:
        content = message.get("content") if isinstance(message, dict) else None
        for part in content if isinstance(content, list) else ():
            _check_part(part, engine)
            pictures += part.get("type") == "image_url"
    if pictures > engine.images:
        raise Refused(400, f"At most {engine.images} image(s) may be provided in one prompt.")
    try:
        talk = read_messages(body, model, LENIENT)
        return talk, inspect(talk.items, model, LENIENT, {})
    except Refusal as refusal:
        raise Refused(400, f"Failed to load image or audio file ({refusal.code})") from refusal


def _check_part(part: Any, engine: Engine) -> None:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind == "text":
        return
    if kind not in {"image_url", "video_url"}:
        unknown = (
            "unsupported content[].type" if engine.program == "llama.cpp" else f"Unknown part type: {kind}"
        )
        raise Refused(400, unknown)
    url = str(part.get(kind, {}).get("url", ""))
    if url.startswith(("http://", "https://", "file://")):
        raise Refused(500, "error: cannot make GET request")
    if not engine.sees:
        raise Refused(
            500 if engine.program == "llama.cpp" else 400,
            "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"
            if engine.program == "llama.cpp"
            else "This model is not a multimodal model",
        )
    if kind == "video_url" and not engine.takes_films:
        raise Refused(400, "Failed to load image or audio file")
    if engine.program == "vllm" and not url.startswith("data:"):
        raise Refused(400, "The URL must be either a HTTP, data or file URL.")


def measure(talk: Conversation, media: list[Media], body: dict[str, Any], engine: Engine) -> int:
    """Tokens of the prompt. Raises Refused where it, or it and the answer, are too long."""
    films = sum(tokens.film(item.duration_s) for item in media if item.kind == "video")
    pictures = sum(IMAGE_TOKENS for item in media if item.kind == "image")
    prompt = tokens.count(talk.flat) + pictures + films
    answer = body.get("max_tokens")
    wanted = answer if isinstance(answer, int) and engine.program != "llama.cpp" else None
    if prompt + (wanted or 1) > engine.context:
        raise too_long(engine, prompt, wanted)
    return prompt
