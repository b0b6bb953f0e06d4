"""generate_image: an image from words, saved where the user wants it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import ceil, floor, log, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import anyio

from glm_mcp.errors import (
    ConfigError,
    ForbiddenPath,
    ForbiddenURL,
    InvalidRequest,
    MediaTooLarge,
    NetworkError,
    NotFound,
    Overloaded,
    TimedOut,
    UnsupportedMedia,
    UpstreamError,
)
from glm_mcp.glm.calls import Drawing, Job
from glm_mcp.glm.threads import in_thread
from glm_mcp.media.detect import detect
from glm_mcp.media.images.prepare import finish_image
from glm_mcp.media.kept.outputs import SCHEME
from glm_mcp.media.sources.download import download
from glm_mcp.media.sources.pasted import new_file
from glm_mcp.media.sources.urls import host_of
from glm_mcp.registry import PIXELS_MAX, SIDE_MAX, SIDE_MIN, SIDE_STEP, SIZES
from glm_mcp.tools import saving
from glm_mcp.tools.arguments import Arg, ModelArgs
from glm_mcp.tools.base import Deps, Link, Tool, ToolResult, noted

if TYPE_CHECKING:
    from glm_mcp.media.images.convert import Finished


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawArgs(ModelArgs):
    prompt: Annotated[str, Arg("text", "What to draw", also=("description", "text", "query"), long=True)]
    size: Annotated[
        str | None,
        Arg(
            "size",
            "1024x1024 (default), WxH or a ratio such as 16:9",
            also=("aspect_ratio", "ratio", "resolution", "dimensions"),
        ),
    ] = None
    quality: Annotated[str | None, Arg("text", choices=("standard", "hd"))] = None
    output: Annotated[
        str,
        Arg(
            "text",
            "File or folder; the suffix sets the format",
            far=None,
            also=("output_path", "path", "file", "filename", "save_path"),
        ),
    ] = ""
    preview: Annotated[bool | None, Arg("flag", "Show a small copy")] = None


IMAGE_BYTES = 30 * 1024 * 1024  # of one generated image; real ones are under 5 MB
SIDE_ASKED_MAX = 8192  # beyond this, scaling up makes only a larger file
PREVIEW_SIDE = 512
_DREW = "the picture that the service drew"
_LOST = "The service's own address of the picture leads to none: call again for another."
MEGAPIXEL = 1024 * 1024  # about what the service draws best
DOWNLOAD_TRIES = 3
DOWNLOAD_PAUSE_S = 0.5  # after the first of them
DOWNLOAD_SILENT_S = 8.0  # after which another connection is tried
LARGER_MAX = 10  # times the pixels asked for; a service that draws more than that drew something else


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
    pair = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)\s*([x×*,:/])\s*(\d{1,9}(?:\.\d{1,9})?)(?:\s*px)?", word)
    if not pair:
        raise InvalidRequest(f"generate_image: size is {text!r}", forms)
    first, mark, second = float(pair[1]), pair[2], float(pair[3])
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


async def run(deps: Deps, args: DrawArgs) -> ToolResult:
    prompt = args.prompt.strip()
    if not prompt:
        raise InvalidRequest("generate_image: prompt is empty", "Say what to draw.")
    size = plan_size(args.size)
    # Where it goes is settled before anything is asked for: an image that cannot be saved is an image lost.
    output = new_file(args.output)
    target = await in_thread(_target, deps, output, prompt)
    body: dict[str, Any] = {"prompt": prompt, "size": f"{size.api[0]}x{size.api[1]}"}
    if args.quality:
        body["quality"] = args.quality
    deps.progress.say("drawing")
    job = Job("image", deps.deadline, model=args.model)
    drawing = await deps.glm.generate_image(body, job, deps.progress)
    previewed = args.preview is not False and deps.client.previews
    try:
        with anyio.fail_at(deps.finish_by):
            data = await _fetched(deps, drawing)
            finished = await _finished(drawing, data, output, target, size, preview=previewed)
    except TimeoutError:
        raise TimedOut(
            "the time of this call was over before the picture was saved", _made(drawing)
        ) from None
    try:
        said, link = await in_thread(_save, deps, output, target, finished)
    except (ConfigError, ForbiddenPath, InvalidRequest) as error:
        raise error.but(hint=_made(drawing, error.hint)) from error
    meta: dict[str, Any] = {
        "model": drawing.model,
        "request_id": drawing.request_id,
        "s": round(drawing.seconds, 2),
        "size": f"{finished.size[0]}x{finished.size[1]}",
    }
    notes = _notes(deps, args, drawing, finished, size)
    facts = {"path": said, "url": drawing.url, "mime_type": link.mime, "attempts": drawing.attempts, **meta}
    facts["notes"] = notes
    return ToolResult(
        "",
        head=said,
        notes=[noted(deps, notes, _facts(deps, drawing, finished))],
        meta=meta | ({"attempts": drawing.attempts[-6:]} if len(drawing.attempts) > 1 else {}),
        data={k: v for k, v in facts.items() if v is not None},
        links=[link],
        previews=[(finished.preview, "image/jpeg")] if previewed else [],
    )


def _facts(deps: Deps, drawing: Drawing, finished: Finished) -> list[str]:
    """What the closing line begins with."""
    width, height = finished.size
    kilobytes = f"{len(finished.data) / 1024:,.0f} KB"
    facts = [drawing.model, f"{width}x{height}", kilobytes, f"{drawing.seconds:.1f} s"]
    return facts + [deps.said("SIMULATED")] * deps.settings.simulate


def _notes(deps: Deps, args: DrawArgs, drawing: Drawing, finished: Finished, size: Size) -> list[str]:
    """What a careful reader must know of the picture."""
    width, height = finished.size
    notes: list[str] = []
    asked = f"{size.api[0]}x{size.api[1]}"
    if finished.size != (size.final or size.api):
        notes.append(f"the service drew {width}x{height} instead of {asked}")
    elif size.final:
        notes.append(f"drawn at {asked}, then scaled and cropped")
    notes += [*drawing.notes, "the service puts an 'AI generated' mark on it"]
    if args.preview and not deps.client.previews:
        # A client that does not show images writes them into the prompt as text, and cuts the result.
        notes.append("no preview: this host is not known to show pictures")
    return notes


async def _finished(
    drawing: Drawing, data: bytes, output: str, target: Path, size: Size, *, preview: bool
) -> Finished:
    """The image in the format that `output` names, else in the one it came in.

    Raises UpstreamError for what is no image, UnsupportedMedia for one that is not whole, MediaTooLarge for one far
    larger than was asked for: with its address.
    """
    from glm_mcp.media.images.convert import Wanted

    if not await _is_picture(data):
        raise UpstreamError(
            "what the service drew is not a picture", _made(drawing), request_id=drawing.request_id
        )
    wanted = Wanted(
        _DREW,
        target.suffix.lower() if saving.names_format(output, target) else "",
        size.final,
        PREVIEW_SIDE if preview else 0,
        LARGER_MAX * size.api[0] * size.api[1],
    )
    try:
        return await finish_image(data, wanted)
    except (UnsupportedMedia, MediaTooLarge) as error:
        raise error.but(hint=_made(drawing, error.hint), request_id=drawing.request_id) from error


def _target(deps: Deps, output: str, prompt: str) -> Path:
    if not deps.client.local and not output:
        return Path(saving.default_name(prompt))
    return saving.settled(deps.outputs, deps.sandbox, output, prompt)


def _save(deps: Deps, output: str, target: Path, finished: Finished) -> tuple[str, Link]:
    """Writes it; where `output` names no format, under the suffix of the one it has. Gives what to say, and its link."""
    data, mime = finished.data, finished.mime
    if not saving.names_format(output, target):
        target = target.with_suffix(finished.suffix)
    if not deps.client.local:
        ident = deps.outputs.keep(data, target.suffix.lower(), name=target.name)
        return saving.kept(deps, ident), Link(SCHEME + ident, target.name, mime)
    path = deps.outputs.write(target, data, sandbox=deps.sandbox)
    return str(path), Link(path.as_uri(), path.name, mime)


async def _fetched(deps: Deps, drawing: Drawing) -> bytes:
    """The image's bytes; an address stays valid for 30 days, so that a failure here loses nothing."""
    if drawing.data is not None:
        deps.room.download(len(drawing.data))
        return drawing.data
    deps.progress.say("downloading the picture")
    url = drawing.url or ""
    tries = 0
    while True:
        tries += 1
        left = max(0.5, deps.deadline - anyio.current_time())
        try:
            body, _, _ = await download(
                url,
                max_bytes=IMAGE_BYTES,
                timeout_s=left,
                silent_s=min(DOWNLOAD_SILENT_S, left / DOWNLOAD_TRIES),
                own_host=host_of(deps.glm.home.url),
                counted=deps.room.download,
            )
            data = body if isinstance(body, bytes) else await in_thread(body.read)
            if tries == DOWNLOAD_TRIES or await _is_picture(data):
                return data
        except (NetworkError, NotFound, TimedOut) as error:
            if tries == DOWNLOAD_TRIES or deps.deadline - anyio.current_time() < tries:
                raise error.but(hint=_LOST if isinstance(error, NotFound) else _made(drawing)) from error
        except (MediaTooLarge, Overloaded) as error:
            raise error.but(hint=_made(drawing)) from error
        except (ForbiddenURL, UnsupportedMedia) as error:
            raise error.but(hint=_LOST) from error
        await anyio.sleep(DOWNLOAD_PAUSE_S * tries)  # it may not be everywhere at once


async def _is_picture(data: bytes) -> bool:
    return (await in_thread(detect, data)).family == "image"


def _made(drawing: Drawing, then: str = "") -> str:
    """`then`: what else helps."""
    if not drawing.url:
        return "The picture was made, but without an address: call again for another."
    if then:
        return f"The picture was made and is kept for 30 days at {drawing.url} . Download it there. {then}"
    return f"The picture was made and is kept for 30 days at {drawing.url} . Download it there."


TOOL = Tool(
    "generate_image",
    "Generate an image",
    "Draw a picture from words (CogView) and save it to a file. The first line of the answer is the path. 5-20 s. A visible 'AI generated' mark stays on it.",
    DrawArgs,
    run,
    reads_only=False,
    far="Draw a picture from words (CogView). The answer links to it. 5-20 s. A visible 'AI generated' mark stays on it.",
    hint="draw, illustration, icon, logo, background, picture from text, CogView",
)
