"""What `doctor` says of the models at a server of somebody's own: which it serves, and which of them each tool asks."""

from __future__ import annotations

from glm_mcp.cli.service import Finding, note, ok
from glm_mcp.glm.client import GLMClient
from glm_mcp.settings import Settings

_SET = "Set it to an id that the server serves."


async def at_engine(settings: Settings) -> Finding:
    """What there is to say of the models that a server lists at /models."""
    client = GLMClient(settings)
    try:
        await client.meet()
    finally:
        await client.transport.close()
    served = client.engine.served if client.engine else ()
    named = {"GLM_CHAT_MODEL": settings.chat_model, "GLM_VISION_MODEL": settings.vision_model}
    missing = ", ".join(name for name, model in named.items() if not model)
    if not served:
        if missing:
            return note(
                "models",
                f"the server lists none, and {missing} not set",
                "Set them to the ids that it serves.",
            )
        return note("models", f"the server lists none; {', '.join(map(str, named.values()))} are asked")
    said = client.engine.names().rstrip(". ") if client.engine else ""
    ids = {s.id for s in served}
    absent = [f"{name}={model}" for name, model in named.items() if model and model not in ids]
    if absent:  # llama.cpp answers to any name
        return note("models", f"{said}; {', '.join(absent)} not among them", _SET)
    chosen = {tool: client.models(role)[0] for tool, role in (("text", "chat"), ("pictures", "vision"))}
    windows = [f"{card.id} for {tool}, {card.context:,} tokens" for tool, card in chosen.items()]
    blind = chosen["pictures"].id
    if any(s.id == blind and s.sees is False for s in served):
        blind_tools = "describe_image and analyze_video will not work"
        mend = "Serve a model that sees and name it in GLM_VISION_MODEL."
        return note("models", f"{said}; none sees: {blind_tools}", mend)
    return ok("models", f"{said}; asked: {'; '.join(windows)}")
