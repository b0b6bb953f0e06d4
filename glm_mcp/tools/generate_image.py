"""generate_image: a picture from words, saved where the user wants it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from math import ceil, floor, log, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from glm_mcp.errors import (
    ConfigError,
    GLMError,
    InvalidRequest,
    MediaTooLarge,
    NetworkError,
    TimedOut,
    UnsupportedMedia,
    UpstreamError,
)
from glm_mcp.glm.calls import Job
from glm_mcp.media.detect import detect
from glm_mcp.media.images.prepare import finish_image
from glm_mcp.media.sources.download import download
from glm_mcp.registry import PIXELS_MAX, SIDE_MAX, SIDE_MIN, SIDE_STEP, SIZES
from glm_mcp.threads import in_thread
from glm_mcp.tools.arguments import MODEL, Arg
from glm_mcp.tools.base import Deps, Link, Tool, ToolResult

if TYPE_CHECKING:
    from glm_mcp.media.images.convert import Finished

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
MEGAPIXEL = 1024 * 1024  # about what the service draws best
DOWNLOAD_TRIES = 3
OWN = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp"}  # what a service may draw in


@dataclass(frozen=True, slots=True)
class Size:
    """What is asked of the API, and what is then made of it (None: nothing)."""

    api: tuple[int, int]
    final: tuple[int, int] | None


def plan_size(text: str | None) -> Size:
    """The API's size for WxH, a ratio, or nothing.

    Raises InvalidRequest with the forms that are understood.
    """
    word = (text or "").strip().lower()
    if word in {"", "auto"}:
        return Size((1024, 1024), None)
    side = re.fullmatch(r"(\d{3,5})(?:\.0)?(?:\s*px)?", word)
    word = f"{side[1]}x{side[1]}" if side else word
    word = {"square": "1:1", "landscape": "16:9", "portrait": "9:16", "wide": "16:9", "tall": "9:16"}.get(
        word, word
    )
    forms = (
        f"It may be one of {', '.join(SIZES)}, another WxH up to {SIDE_ASKED_MAX}, or a ratio such as 16:9."
    )
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)\s*([x×*,:/])\s*(\d{1,9}(?:\.\d{1,9})?)(?:\s*px)?", word)
    if not found:
        raise InvalidRequest(f"generate_image: size is {text!r}", forms)
    first, mark, second = float(found[1]), found[2], float(found[3])
    if mark in ":/" or max(first, second) < 25:  # 16x9 is a shape, 32x32 an icon
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
    wanted = width * scale, height * scale
    down, up = (
        [min(SIDE_MAX, max(SIDE_MIN, step(s / SIDE_STEP) * SIDE_STEP)) for s in wanted]
        for step in (floor, ceil)
    )
    legal = [(w, h) for w in {down[0], up[0]} for h in {down[1], up[1]} if w * h <= PIXELS_MAX]

    def unfit(size: tuple[int, int]) -> tuple[bool, float, int]:
        small = size[0] < wanted[0] or size[1] < wanted[1]
        return small, abs(log(size[0] * height / (size[1] * width))), -size[0] * size[1]

    return min(legal, key=unfit)


def _ratio(ratio: float) -> tuple[int, int]:
    """A recommended size when one has that shape, else one of about a megapixel."""
    for size in SIZES:
        width, height = map(int, size.split("x"))
        if abs(width / height / ratio - 1) < 0.02:
            return width, height
    sides = range(SIDE_MIN, SIDE_MAX + 1, SIDE_STEP)
    legal = [(w, h) for w in sides for h in sides if w * h <= PIXELS_MAX]
    return min(legal, key=lambda s: (round(abs(log(s[0] / s[1] / ratio)), 3), abs(s[0] * s[1] - MEGAPIXEL)))


async def run(deps: Deps, args: dict[str, Any]) -> ToolResult:
    prompt = args["prompt"].strip()
    if not prompt:
        raise InvalidRequest("generate_image: prompt is empty", "Say what to draw.")
    size = plan_size(args.get("size"))
    # Where it goes is settled before anything is asked for: a picture that cannot be saved is a picture lost.
    output = args.get("output", "").strip().strip("'\"`")
    target = await in_thread(_target, deps, output, prompt)
    body: dict[str, Any] = {"prompt": prompt, "size": f"{size.api[0]}x{size.api[1]}"}
    if args.get("quality"):
        body["quality"] = args["quality"]
    deps.progress.say("drawing")
    drawing = await deps.glm.generate_image(
        body, Job("image", deps.deadline, model=args.get("model")), deps.progress
    )
    deps.progress.say("downloading the picture")
    data = drawing.data if drawing.url is None else await _fetched(deps, drawing.url)
    data = data or b""
    if detect(data).family != "image":
        raise UpstreamError(
            "what the service drew is not a picture", "Call again.", request_id=drawing.request_id
        )
    shown = bool(args.get("preview", True)) and deps.client.previews
    finished = await _finished(data, output, target, size, drawing.url, preview=shown)
    try:
        saved = await in_thread(_save, deps, output, target, finished)
    except ConfigError as error:
        error.hint = f"{_made(drawing.url)} {error.hint}" if drawing.url else error.hint
        raise
    data, drawn = saved.data, saved.size
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
    previews = []
    if shown:
        previews = [(finished.preview, "image/jpeg")]
    elif args.get("preview"):
        # A host that does not show pictures writes them into the prompt as text, and cuts the result.
        notes.append("no preview: this host is not known to show pictures")
    meta = {
        "model": drawing.model,
        "request_id": drawing.request_id,
        "s": round(drawing.seconds, 2),
        "size": f"{drawn[0]}x{drawn[1]}",
    }
    facts = {
        "path": saved.said,
        "url": drawing.url,
        "mime_type": saved.link.mime,
        "attempts": drawing.attempts,
        **meta,
    }
    return ToolResult(
        "",
        head=saved.said,
        notes=["[" + " · ".join(notes) + "]"],
        meta=meta,
        data=facts,
        links=[saved.link],
        previews=previews,
    )


@dataclass(frozen=True, slots=True)
class Saved:
    """A written picture: `said` is the first line of the result, `size` in pixels."""

    said: str
    link: Link
    data: bytes
    size: tuple[int, int]


def _target(deps: Deps, output: str, prompt: str) -> Path:
    """The file to write. Raises InvalidRequest, ForbiddenPath, ConfigError when that cannot be."""
    from glm_mcp.media.images.convert import FORMATS

    default = _name(prompt) + ".png"
    if not deps.client.local and not output:
        return Path(default)
    target = deps.outputs.destination(output or None, default, sandbox=deps.sandbox)
    if _looks_like_suffix(target.suffix) and target.suffix.lower() not in FORMATS:
        raise InvalidRequest(
            f"generate_image: pictures cannot be saved as '{target.suffix}'",
            f"The suffix of output may be {', '.join(FORMATS)}.",
        )
    folder = target.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise ConfigError(
            f"{target.name} cannot be written to {target.parent}",
            "Give another output, or set GLM_OUTPUT_DIR to a folder that can be written.",
        )
    return target if _looks_like_suffix(target.suffix) else target.with_name(target.name + ".png")


def _looks_like_suffix(suffix: str) -> bool:
    return re.fullmatch(r"\.[A-Za-z0-9]{1,5}", suffix) is not None


async def _finished(
    data: bytes, output: str, target: Path, size: Size, url: str | None, *, preview: bool
) -> Finished:
    """In the format that `output` names, else in the one it came in; its address stays told when that fails."""
    from glm_mcp.media.images.convert import Wanted

    named = target.suffix.lower() if output.lower().endswith(target.suffix.lower()) else ""
    wanted = Wanted(
        "the picture that the service drew",
        named,
        size.final,
        PREVIEW_SIDE if preview else 0,
        10 * size.api[0] * size.api[1],
    )
    try:
        return await finish_image(data, wanted)
    except (UnsupportedMedia, MediaTooLarge) as error:
        error.hint = f"{_made(url)} {error.hint}" if url else error.hint
        raise


def _save(deps: Deps, output: str, target: Path, finished: Finished) -> Saved:
    data, mime = finished.data, finished.mime
    if not output.lower().endswith(target.suffix.lower()):
        target = target.with_suffix(finished.suffix)
    if not deps.client.local:
        uri = f"glm://outputs/{deps.outputs.keep(data, target.suffix.lower(), name=target.name)}"
        return Saved(uri, Link(uri, target.name, mime), data, finished.size)
    path = deps.outputs.write(target, data, sandbox=deps.sandbox if output else None)
    return Saved(str(path), Link(path.as_uri(), path.name, mime), data, finished.size)


async def _fetched(deps: Deps, url: str) -> bytes:
    """The picture's bytes; the URL stays valid for 30 days, so that a failure here loses nothing."""
    for tries in range(1, DOWNLOAD_TRIES + 1):
        left = deps.deadline - anyio.current_time()
        try:
            data, _, _ = await download(
                url, max_bytes=IMAGE_BYTES, timeout_s=max(0.5, left), own_host=deps.sandbox.own_host
            )
        except GLMError as error:
            if tries < DOWNLOAD_TRIES and isinstance(error, NetworkError) and left > 1:
                continue
            if isinstance(error, NetworkError | TimedOut):
                error.hint = f"{_made(url)} {error.hint}"
            else:
                error.hint = "The service's own address of the picture leads to none: call again for another."
            raise
        return data
    raise AssertionError  # the loop returns or raises


def _made(url: str) -> str:
    return f"The picture was made and is kept for 30 days at {url} . Download it there."


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
