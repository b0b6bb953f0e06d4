"""What can be read besides calling: the models, this process's usage, and what earlier calls kept.

glm://models        every model card, as corrected by what the service did     glm://models/ID     one
glm://usage         requests, tokens, errors and time by model, and how each fares at the moment
glm://outputs       what is kept         glm://outputs/ID    a long result, a picture, drawn boxes
"""

from __future__ import annotations

import json
import mimetypes
import time
from dataclasses import asdict, dataclass
from typing import Any

from glm_mcp.errors import NotFound, TooLong
from glm_mcp.glm.client import GLMClient
from glm_mcp.outputs import Kept, Outputs, is_kept
from glm_mcp.registry import CARDS, CHAINS, Card, place

MODELS, USAGE, OUTPUTS = "glm://models", "glm://usage", "glm://outputs"
JSON = "application/json"
READ_BYTES = 16 * 1024 * 1024  # of one resource; more in one message would hold the server up


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the list of resources."""

    uri: str
    name: str
    title: str
    mime: str
    description: str = ""
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Resource:
    """What was read. `text` or `data`, by its type."""

    uri: str
    name: str
    mime: str
    text: str | None = None
    data: bytes | None = None


FIXED = (
    Entry(
        MODELS,
        "models",
        "GLM models",
        JSON,
        "Every model: abilities, limits, and whether your endpoint has it",
    ),
    Entry(
        USAGE, "usage", "Usage", JSON, "Requests, tokens, errors and time by model, since this server started"
    ),
    Entry(
        OUTPUTS, "outputs", "Kept results", JSON, "Long results and pictures of earlier calls, newest first"
    ),
)
TEMPLATES = (
    Entry(MODELS + "/{id}", "model", "A GLM model", JSON, "One model's abilities and limits"),
    Entry(OUTPUTS + "/{name}", "output", "A kept result", "", "A long result whole, or a picture"),
)


def mime_of(name: str) -> str:
    return (
        "text/markdown"
        if name.endswith(".md")
        else mimetypes.guess_type(name)[0] or "application/octet-stream"
    )


def listed(outputs: Outputs) -> list[Entry]:
    """What can be read now. Blocks."""
    return [*FIXED, *(Entry(k.uri, k.name, k.name, mime_of(k.name), size=k.size) for k in outputs.list())]


def read(uri: str, outputs: Outputs, usage: dict[str, Any], glm: GLMClient) -> Resource:
    """Raises NotFound for what is unknown or has expired, TooLong for what is read in pieces. Blocks."""
    if uri == MODELS:
        return _json(uri, "models", {"models": [_card(c, glm) for c in CARDS.values()], "chains": CHAINS})
    if uri.startswith(MODELS + "/"):
        card = CARDS.get(uri[len(MODELS) + 1 :])
        if card is None:
            raise NotFound(f"no model {uri[:100]}", f"Models: {', '.join(CARDS)}.")
        return _json(uri, card.id, _card(card, glm))
    if uri == USAGE:
        return _json(uri, "usage", usage)
    if uri == OUTPUTS:
        return _json(uri, "outputs", {"outputs": [_kept(k) for k in outputs.list()]})
    if not is_kept(uri):
        raise NotFound(
            f"no resource {uri[:100]}", "Resources are glm://models, glm://usage and glm://outputs/ID."
        )
    path, data = outputs.kept(uri)
    if len(data) > READ_BYTES:
        raise TooLong(
            f"{uri} has {len(data) / 1e6:.0f} MB, and at most {READ_BYTES >> 20} MB are sent at once",
            f'Read it in pieces: read_document(documents="{uri}", cursor="0").',
        )
    name = path.name.partition(".")[2]  # kept files are called ID.name
    mime = mime_of(name)
    if mime.startswith("text/") or mime == JSON:
        return Resource(uri, name, mime, text=data.decode("utf-8", "replace"))
    return Resource(uri, name, mime, data=data)


def complete(template: str, begun: str, outputs: Outputs) -> list[str]:
    """Values for a template's one variable. Blocks."""
    if template == TEMPLATES[0].uri:
        return [m for m in CARDS if m.startswith(begun)]
    if template == TEMPLATES[1].uri:
        return [k.id for k in outputs.list() if k.id.startswith(begun)]
    return []


def _json(uri: str, name: str, value: Any) -> Resource:
    return Resource(uri, name, JSON, text=json.dumps(value, ensure_ascii=False, indent=1))


def _card(card: Card, glm: GLMClient) -> dict[str, Any]:
    """A card as calls use it; `corrected`: what `doctor --live` found otherwise, with what this version expected."""
    where, shipped, used = place(card.id, glm.home), asdict(card), asdict(glm.findings.corrected(card))
    expected = {name: shipped[name] for name in used if used[name] != shipped[name]}
    gone = glm.findings.gone(card.id)
    marks: dict[str, Any] = {"expected": expected} if expected else {}
    marks |= {"gone": gone} if gone else {}
    return {
        **used,
        "tasks_left_out": sorted(card.tasks_left_out),
        "offered_at": where.name if where else None,
        **({"corrected": {"asked": glm.findings.asked, **marks}} if marks else {}),
    }


def _kept(kept: Kept) -> dict[str, Any]:
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(kept.modified))
    return {"uri": kept.uri, "name": kept.name, "bytes": kept.size, "made": when}
