"""What can be read besides calling: the models, this process's usage, and what earlier calls kept.

glm://models        every model card, as corrected by what the service did     glm://models/ID     one
glm://usage         requests, tokens, errors and time by model, and how each fares at the moment
glm://outputs       what is kept         glm://outputs/ID    a long result, a picture, drawn boxes
file:///…           on this machine: a file to which a result had a link
"""

from __future__ import annotations

import base64
import json
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote

from mcp import types

from glm_mcp.errors import NotFound, TooLong
from glm_mcp.glm.client import GLMClient
from glm_mcp.media.detect import detect_file
from glm_mcp.media.kept.outputs import Kept, Outputs, is_kept, not_made
from glm_mcp.media.sources.letting_in import closed_where_refused, refuse_secrets
from glm_mcp.media.sources.paths import file_url_path
from glm_mcp.registry import CARDS, CHAINS, Card, place
from glm_mcp.sandbox import Sandbox
from glm_mcp.secret_texts import holds_secret, secret_in
from glm_mcp.text import plain
from glm_mcp.tools.saving import mime_of

MODELS, USAGE, OUTPUTS = "glm://models", "glm://usage", "glm://outputs"
JSON = "application/json"
READ_BYTES = 4 * 1024 * 1024  # of one resource; more in one message would hold the server up
_MADE = frozenset({"image", "text"})  # families of what tools make
LISTED = 1_000  # kept results, the newest; a longer list would too


FIXED = (
    types.Resource(
        uri=MODELS,
        name="models",
        title="GLM models",
        description="Every model: abilities, limits, and whether your endpoint has it",
        mime_type=JSON,
    ),
    types.Resource(
        uri=USAGE,
        name="usage",
        title="Usage",
        description="Requests, tokens, errors and time by model, since this server started",
        mime_type=JSON,
    ),
    types.Resource(
        uri=OUTPUTS,
        name="outputs",
        title="Kept results",
        description="Long results and pictures of earlier calls, newest first",
        mime_type=JSON,
    ),
)
TEMPLATES = (
    types.ResourceTemplate(
        uri_template=MODELS + "/{id}",
        name="model",
        title="A GLM model",
        description="One model's abilities and limits",
        mime_type=JSON,
    ),
    types.ResourceTemplate(
        uri_template=OUTPUTS + "/{name}",
        name="output",
        title="A kept result",
        description="A long result whole, or a picture",
    ),
)
Contents = types.TextResourceContents | types.BlobResourceContents


def listed(outputs: Outputs) -> list[types.Resource]:
    """What can be read now. Blocks."""
    kept = (
        types.Resource(uri=k.uri, name=k.name, title=k.name, mime_type=mime_of(k.name), size=k.size)
        for k in outputs.list()[:LISTED]
    )
    return [*FIXED, *kept]


def read(
    uri: str, outputs: Outputs, usage: dict[str, Any], glm: GLMClient, sandbox: Sandbox | None
) -> Contents:
    """`sandbox`: None for a caller of another machine, to whom no file has a link. Raises NotFound for what is unknown or has
    expired, TooLong for what is read in pieces. Blocks.
    """
    if uri == MODELS:
        return _json(uri, {"models": [_card(c, glm) for c in CARDS.values()], "chains": CHAINS})
    if uri.startswith(MODELS + "/"):
        card = CARDS.get(uri[len(MODELS) + 1 :])
        if card is None:
            raise NotFound(f"no model {uri[:100]}", f"Models: {', '.join(CARDS)}.")
        return _json(uri, _card(card, glm))
    if uri == USAGE:
        return _json(uri, usage)
    if uri == OUTPUTS:
        return _json(uri, {"outputs": [_kept(k) for k in outputs.list()[:LISTED]]})
    if is_kept(uri):
        path, file = outputs.open(uri)
    elif sandbox is not None and is_file(uri):
        return linked(uri, outputs, sandbox)
    else:
        raise NotFound(
            f"no resource {uri[:100]}", "Resources are glm://models, glm://usage and glm://outputs/ID."
        )
    return _contents(uri, path, file)


def is_file(uri: str) -> bool:
    return uri[:5].lower() == "file:"


def linked(uri: str, outputs: Outputs, sandbox: Sandbox) -> Contents:
    """The file of this machine that the link of a result leads to: a picture or code. In the folder of results may lie what
    no call made. Raises NotFound, ForbiddenPath, TooLong. Blocks.
    """
    path, file = outputs.open_link(Path(unquote(file_url_path(uri))), sandbox=sandbox)
    with closed_where_refused(file):
        if detect_file(file, path.name).family not in _MADE:
            raise not_made(path)
        size = min(os.fstat(file.fileno()).st_size, READ_BYTES)
        allowed = sandbox.allows_by_name(path)
        refuse_secrets(file, size, path.name, allowed=allowed)
    found = _contents(uri, path, file)
    # Once more as it goes out: without letters that nobody sees.
    text = found.text if isinstance(found, types.TextResourceContents) else ""
    if said := secret_in(text, allowed=allowed):
        raise holds_secret(path.name, said)
    return found


def read_linked(uri: str, outputs: Outputs, sandbox: Sandbox) -> dict[str, Any]:
    """`linked` as the result of a request, as JSON."""
    found = types.ReadResourceResult(contents=[linked(uri, outputs, sandbox)])
    return found.model_dump(mode="json", by_alias=True, exclude_none=True)


def _contents(uri: str, path: Path, file: IO[bytes]) -> Contents:
    """What a file holds, as text or as bytes; closes it. Raises TooLong. Blocks."""
    with file:
        data = file.read(READ_BYTES + 1)
        size = os.fstat(file.fileno()).st_size
    if size > READ_BYTES:
        raise TooLong(
            f"{uri} has {size / 1e6:.0f} MB, and at most {READ_BYTES >> 20} MB are sent at once",
            f'Read a text in pieces: read_document(documents="{uri}", cursor="0"). A picture is where its result said.',
        )
    # Kept files are called ID.name.
    mime = mime_of(path.name.partition(".")[2] if is_kept(uri) else path.name)
    if mime.startswith("text/") or mime == JSON:
        text = plain(data.decode("utf-8", "replace"))
        return types.TextResourceContents(uri=uri, mime_type=mime, text=text)
    return types.BlobResourceContents(uri=uri, mime_type=mime, blob=base64.b64encode(data).decode("ascii"))


def complete(template: str, begun: str, outputs: Outputs) -> list[str]:
    """Values for a template's one variable. Blocks."""
    if template == TEMPLATES[0].uri_template:
        return [m for m in CARDS if m.startswith(begun)]
    if template == TEMPLATES[1].uri_template:
        return [k.id for k in outputs.list() if k.id.startswith(begun)]
    return []


def _json(uri: str, value: Any) -> Contents:
    text = plain(json.dumps(value, ensure_ascii=False, indent=1))
    return types.TextResourceContents(uri=uri, mime_type=JSON, text=text)


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
