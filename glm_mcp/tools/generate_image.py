"""generate_image: a picture from words, saved where the user wants it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import sqrt
from typing import Any

import anyio

from glm_mcp import media
from glm_mcp.attempts import Job
from glm_mcp.errors import GLMError, InvalidRequest, NetworkError, UpstreamError
from glm_mcp.registry import PIXELS_MAX, SIDE_MAX, SIDE_MIN, SIDE_STEP, SIZES
from glm_mcp.tools.arguments import MODEL, Arg
from glm_mcp.tools.base import Deps, Link, Tool, ToolResult
from glm_mcp.tools.inputs import own_host

ARGS = (
    Arg("prompt", "text", "What to draw", required=True, also=("description", "text", "query")),
    Arg(
        "size",
        "text",
        "1024x1024 (default), WxH or a ratio such as 16:9",
        also=("aspect_ratio", "ratio", "resolution", "dimensions"),
    ),
    Arg("quality", "text", choices=("standard", "hd")),
    Arg(
        "output",
        "text",
        "File or folder; the suffix sets the format",
        also=("output_path", "path", "file", "filename", "save_path"),
    ),
    Arg("preview", "flag", "Show a small copy"),
    MODEL,
)
IMAGE_BYTES = 30 * 1024 * 1024  # of one generated picture; real ones are under 5 MB
SIDE_ASKED_MAX = 8192  # beyond this, scaling up makes only a larger file
PREVIEW_SIDE = 512
DOWNLOAD_TRIES = 3


@dataclass(frozen=True, slots=True)
class Size:
    """What is asked of the API, and what is then made of it (None: nothing)."""

    api: tuple[int, int]
    final: tuple[int, int] | None


def plan_size(text: str | None) -> Size:
    """The API's size for WxH, a ratio, or nothing.

    Raises InvalidRequest with the forms that are understood.
    """
    if not text or not text.strip():
        return Size((1024, 1024), None)
    word = text.strip().lower()
    word = {"square": "1:1", "landscape": "16:9", "portrait": "9:16", "wide": "16:9", "tall": "9:16"}.get(
        word, word
    )
    forms = (
        f"It may be one of {', '.join(SIZES)}, another WxH up to {SIDE_ASKED_MAX}, or a ratio such as 16:9."
    )
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([x×*,:/])\s*(\d+(?:\.\d+)?)(?:\s*px)?", word)
    if not found:
        raise InvalidRequest(f"generate_image: size is {text!r}", forms)
    first, mark, second = float(found[1]), found[2], float(found[3])
    if mark in ":/" or max(first, second) < 64:
        if not second > 0 or not 1 / 4 <= first / second <= 4:
            raise InvalidRequest(
                f"generate_image: the ratio {text} cannot be drawn", "Ratios from 1:4 to 4:1 can. " + forms
            )
        return Size(_ratio(first / second), None)
    width, height = round(first), round(second)
    if not (16 <= width <= SIDE_ASKED_MAX and 16 <= height <= SIDE_ASKED_MAX):
        raise InvalidRequest(f"generate_image: size is {text!r}", forms)
    legal = nearest(width, height)
    return Size(legal, None if legal == (width, height) else (width, height))


def nearest(width: int, height: int) -> tuple[int, int]:
    """The legal size whose shape is nearest, large enough where the limits allow, so that scaling mostly shrinks."""
    scale = max(1.0, SIDE_MIN / width, SIDE_MIN / height)
    scale = min(scale, SIDE_MAX / width, SIDE_MAX / height, sqrt(PIXELS_MAX / (width * height)))
    sides = [min(SIDE_MAX, max(SIDE_MIN, round(s * scale / SIDE_STEP) * SIDE_STEP)) for s in (width, height)]
    while sides[0] * sides[1] > PIXELS_MAX:
        larger = 0 if sides[0] >= sides[1] else 1
        sides[larger] -= SIDE_STEP
    return sides[0], sides[1]


def _ratio(ratio: float) -> tuple[int, int]:
    """A recommended size when one has that shape, else one of about a megapixel."""
    for size in SIZES:
        width, height = map(int, size.split("x"))
        if abs(width / height / ratio - 1) < 0.02:
            return width, height
    height_wanted = sqrt(1024 * 1024 / ratio)
    return nearest(round(height_wanted * ratio), round(height_wanted))


async def run(deps: Deps, args: dict[str, Any]) -> ToolResult:
    prompt = args["prompt"].strip()
    if not prompt:
        raise InvalidRequest("generate_image: prompt is empty", "Say what to draw.")
    size = plan_size(args.get("size"))
    suffix = _suffix(args.get("output"))
    # Where it goes is settled before anything is asked for: a picture that cannot be saved is a picture lost.
    target = await anyio.to_thread.run_sync(
        lambda: deps.outputs.destination(
            args.get("output"), _name(prompt) + (suffix or ".png"), sandbox=deps.sandbox
        )
    )
    body: dict[str, Any] = {"prompt": prompt, "size": f"{size.api[0]}x{size.api[1]}"}
    if args.get("quality"):
        body["quality"] = args["quality"]
    deps.progress.say("drawing")
    drawing = await deps.client.generate_image(
        body, Job("image", deps.deadline, model=args.get("model")), deps.progress
    )
    deps.progress.say("downloading the picture")
    data = await _fetched(deps, drawing.url)
    family, mime = media.source.sniff(data[:4096])
    if family != "image":
        raise UpstreamError(
            "what the service drew is not a picture", "Call again.", request_id=drawing.request_id
        )
    saved, data, mime, drawn = await anyio.to_thread.run_sync(_save, deps, target, data, mime, suffix, size)
    notes = [
        drawing.model,
        f"{drawn[0]}x{drawn[1]}",
        f"{len(data) / 1024:,.0f} KB",
        f"{drawing.seconds:.1f} s",
    ]
    if drawn != (size.final or size.api):
        notes.append(f"the service drew {drawn[0]}x{drawn[1]} instead of {size.api[0]}x{size.api[1]}")
    elif size.final:
        notes.append(f"drawn at {size.api[0]}x{size.api[1]}, then scaled and cropped")
    notes.append("the service puts an 'AI generated' mark on it")
    if deps.settings.simulate:
        notes.append("SIMULATED")
    uri, first = saved
    link = Link(uri, target.name if deps.host.local else uri.rpartition("/")[2], mime)
    link = Link(uri, first.rpartition("/")[2] if deps.host.local else link.name, mime)
    wants = args.get("preview")
    previews = []
    if wants or (wants is None and deps.host.previews):
        previews = [(await anyio.to_thread.run_sync(media.image.thumbnail, data, PREVIEW_SIDE), "image/jpeg")]
    meta = {
        "model": drawing.model,
        "request_id": drawing.request_id,
        "s": round(drawing.seconds, 2),
        "size": f"{drawn[0]}x{drawn[1]}",
    }
    facts = {"path": first, "url": drawing.url, "mime_type": mime, "attempts": drawing.attempts, **meta}
    return ToolResult(
        "",
        head=first,
        notes=["[" + " · ".join(notes) + "]"],
        meta=meta,
        data=facts,
        links=[link],
        previews=previews,
    )


def _save(
    deps: Deps, target: Any, data: bytes, mime: str, suffix: str | None, size: Size
) -> tuple[tuple[str, str], bytes, str, tuple[int, int]]:
    """Converts where needed and writes. Gives ((uri, what the first line says), bytes, type, size)."""
    from io import BytesIO

    from PIL import Image as Pillow

    own = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp"}.get(mime)
    with Pillow.open(BytesIO(data)) as opened:
        drawn = opened.size
    wanted = suffix or own or ".png"
    scaled = size.final if size.final and drawn != size.final else None
    if scaled or not _same(wanted, own):
        data = media.image.convert(data, wanted, size=scaled)
        mime = media.source.sniff(data[:4096])[1]
        drawn = scaled or drawn
    if not deps.host.local:
        uri = f"glm://outputs/{deps.outputs.keep(data, wanted)}"
        return (uri, uri), data, mime, drawn
    path = deps.outputs.write(target.with_suffix(wanted) if not suffix else target, data)
    return (path.as_uri(), str(path)), data, mime, drawn


def _same(wanted: str, own: str | None) -> bool:
    return wanted == own or {wanted, own} <= {".jpg", ".jpeg"}


async def _fetched(deps: Deps, url: str) -> bytes:
    """The picture's bytes; the URL stays valid for 30 days, so that a failure here loses nothing."""
    for tries in range(1, DOWNLOAD_TRIES + 1):
        left = deps.deadline - anyio.current_time()
        try:
            data, _, _ = await media.fetch.download(
                url, max_bytes=IMAGE_BYTES, timeout_s=max(0.5, left), own_host=own_host(deps)
            )
        except GLMError as error:
            if tries < DOWNLOAD_TRIES and isinstance(error, NetworkError) and left > 1:
                continue
            error.hint = (
                f"The picture was made and is kept for 30 days at {url} . Download it there. {error.hint}"
            )
            raise
        return data
    raise AssertionError  # the loop returns or raises


def _suffix(output: str | None) -> str | None:
    found = re.search(r"[^/\\](\.[A-Za-z0-9]{1,5})$", (output or "").strip().rstrip("'\""))
    return found[1].lower() if found else None


def _name(prompt: str) -> str:
    """A short file name from the prompt: letters of any script, digits and hyphens."""
    words = re.sub(r"[^\w]+", "-", prompt.lower(), flags=re.UNICODE).strip("-_")
    return words[:40].rstrip("-_") or "image"


TOOL = Tool(
    "generate_image",
    "Generate an image",
    "Draw a picture from words (CogView) and save it to a file. The first line of the answer is the path. 5-20 s. A visible 'AI generated' mark stays on it.",
    ARGS,
    run,
    reads_only=False,
    hint="draw, illustration, icon, logo, background, picture from text, CogView",
)
