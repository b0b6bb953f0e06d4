"""describe_image: anything about one or several pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from glm_mcp.errors import GLMError, InvalidRequest
from glm_mcp.glm.calls import Answer
from glm_mcp.glm.messages import Image, Message, Part, Text
from glm_mcp.media.images.prepare import prepare_images
from glm_mcp.media.types import Fragment, Picture, Source
from glm_mcp.tools import saving
from glm_mcp.tools.arguments import COMMON, MODEL, Arg
from glm_mcp.tools.ask import Question, ask, result
from glm_mcp.tools.base import Deps, Tool, ToolResult
from glm_mcp.tools.boxes import parse_boxes, to_pixels
from glm_mcp.tools.language import language
from glm_mcp.tools.map_reduce import add, each
from glm_mcp.tools.pixels import draw, in_pixels, same
from glm_mcp.tools.sources import fetch, is_remote, missed, origin, resolve
from glm_mcp.tools.tasks import IMAGE, instruction

ARGS = (
    Arg(
        "images",
        "texts",
        "Paths, globs, URLs, data URLs, base64 or clipboard",
        required=True,
        also=(
            "image",
            "image_source",
            "image_path",
            "path",
            "paths",
            "url",
            "urls",
            "file",
            "files",
            "source",
            "picture",
        ),
    ),
    Arg(
        "prompt",
        "text",
        "A question; for locate: what to find",
        also=("question", "query", "message", "text"),
    ),
    Arg("task", "text", choices=tuple(IMAGE)),
    *COMMON,
    MODEL,
)
IMAGES_MAX = 50  # the platform's limit for one call
EXACT = {"locate", "ui_action"}


async def run(deps: Deps, args: dict[str, Any]) -> ToolResult:
    prompt, task = args.get("prompt", "").strip(), args.get("task")
    lang = language(prompt, deps.settings)
    words = (
        instruction(IMAGE, task, prompt, lang) if task else prompt or instruction(IMAGE, "describe", "", lang)
    )
    if task == "locate" and not prompt:
        raise InvalidRequest("describe_image: task=locate without a prompt", "Say in prompt what to find.")
    found: list[Source] = []
    left_out: list[GLMError] = []
    try:
        for argument in args["images"]:
            found += await resolve(deps, argument, "image", left_out)
        if len(found) > IMAGES_MAX:
            raise InvalidRequest(
                f"describe_image: {len(found)} pictures", f"At most {IMAGES_MAX} in one call."
            )
        if task == "compare" and len(found) < 2:
            raise InvalidRequest(
                "describe_image: task=compare with one picture", "Give two or more pictures."
            )
        unread = len(left_out)
        # A click point is of the whole screen: it is never cut into parts.
        pictures = await _prepared(
            deps, args, found, left_out, here=task == "locate", tiles=task != "ui_action"
        )
        if left_out and not pictures:
            raise left_out[0]
        if task == "compare" and len(found) - (len(left_out) - unread) < 2:
            raise left_out[-1]
        told = [*missed(left_out), *(note for source in found for note in origin(source))]
        if told:
            pictures[0] = replace(pictures[0], notes=(*pictures[0].notes, *told))
        if task == "locate":
            return await _locate(deps, args, words, pictures)
        card = deps.glm.models("vision", args.get("model"))[0]
        if args.get("model") and card.images == 1 and len(pictures) > 1:
            return await _one_by_one(deps, args, words, pictures, task)
        answer = await ask(deps, args, _question(pictures, words, task or "describe", exact=task in EXACT))
        notes = _notes(pictures)
        if task == "ui_to_code":
            return await _code(deps, args, answer, found[0], notes)
        if not args.get("json"):
            answer.text += await in_pixels(deps, answer.text, pictures, found)
        return result(deps, args, answer, notes)
    finally:
        for source in found:
            source.close()


async def _prepared(
    deps: Deps,
    args: dict[str, Any],
    found: Sequence[Source],
    left_out: list[GLMError],
    *,
    here: bool,
    tiles: bool,
) -> list[Picture]:
    """All pictures ready to send. A URL goes to the service as it is, unless a part of it or its size is needed `here`."""
    card = deps.glm.models("vision", args.get("model"))[0]
    local: list[Source] = []
    as_is: dict[int, Picture] = {}
    for n, source in enumerate(found):
        remote = is_remote(source)
        if remote and not here and source.fragment == Fragment():
            as_is[n] = Picture(Image(source.name, url=source.url), 0, 0, (0, 0))
        else:
            local.append(await fetch(deps, source, "image") if remote else source)
    deps.progress.say(f"preparing {local[0].name if len(local) == 1 else f'{len(local)} pictures'}")
    if card.images == 1 and len(local) > 1:
        groups = [await prepare_images([source], card, tiles=tiles, left_out=left_out) for source in local]
    elif len(local) == len(found):
        return await prepare_images(local, card, tiles=tiles, left_out=left_out)
    else:
        share = replace(card, images=max(1, (card.images - len(as_is)) // max(1, len(local))))
        budget = card.body_bytes // max(1, len(local))
        groups = [
            await prepare_images([source], share, tiles=tiles, budget=budget, left_out=left_out)
            for source in local
        ]
    rest = iter(groups)
    return [p for n in range(len(found)) for p in ([as_is[n]] if n in as_is else next(rest))]


def _question(pictures: Sequence[Picture], words: str, task: str, *, exact: bool = False) -> Question:
    parts: list[Part] = []
    # Addresses alone go as the vendor's samples have them: pictures, then the text.
    labels = _labels(pictures) if any(p.width for p in pictures) else [""] * len(pictures)
    for picture, label in zip(pictures, labels, strict=True):
        parts += [Text(f"[{label}]"), picture.part] if label else [picture.part]
    return Question((Message("user", (*parts, Text(words))),), "vision", task=task, exact=exact)


def _labels(pictures: Sequence[Picture]) -> list[str]:
    """What each of several pictures is called: its name when they differ, and which part of it; one alone, nothing."""
    several = len({p.part.name for p in pictures}) > 1
    if len(pictures) == 1:
        return [""]
    return [", ".join(filter(None, (p.part.name if several else "", p.label))) for p in pictures]


def _notes(pictures: Sequence[Picture]) -> list[str]:
    notes = list(dict.fromkeys(n for p in pictures for n in p.notes))
    if len(pictures) > 1:
        notes.insert(0, f"{len(pictures)} pictures sent")
    return notes


async def _one_by_one(
    deps: Deps, args: dict[str, Any], words: str, pictures: Sequence[Picture], task: str | None
) -> ToolResult:
    """For a model that takes one picture: one call each, the answers joined under their names."""
    if task == "compare":
        raise InvalidRequest(
            f"{args['model']} takes one picture a call and cannot compare",
            "Leave model out, or name glm-4.6v-flash.",
        )
    answers = await each(deps, args, [_question([p], words, task or "describe") for p in pictures])
    whole = answers[0]
    whole.text = "\n\n".join(
        f"[{label or p.part.name}]\n{a.text}"
        for label, p, a in zip(_labels(pictures), pictures, answers, strict=True)
    )
    add(whole, answers[1:])
    whole.notes.append(f"{len(pictures)} pictures, one call each: {whole.model} takes one at a time")
    return result(deps, args, whole, _notes(pictures)[1:])


def _overlap(one: Picture, other: Picture) -> bool:
    """Whether these are two parts of one picture: frames and pages are of one name too, but lie at one place."""
    return (
        one.part.name == other.part.name
        and one.original == other.original
        and (one.left, one.top) != (other.left, other.top)
    )


async def _locate(deps: Deps, args: dict[str, Any], words: str, pictures: Sequence[Picture]) -> ToolResult:
    """Boxes in pixels of the original picture, and a copy with them drawn. Each picture (or part of a tall one) is its own call."""
    plain = {k: v for k, v in args.items() if k != "json"}
    if len(pictures) == 1:
        answers = [await ask(deps, plain, _question(pictures, words, "locate", exact=True))]
    else:
        answers = await each(deps, plain, [_question([p], words, "locate", exact=True) for p in pictures])
    lines: list[str] = []
    links = []
    unread = 0
    items: list[dict[str, Any]] = []
    seen: list[tuple[Picture, list[int]]] = []
    for label, picture, answer in zip(_labels(pictures), pictures, answers, strict=True):
        name = label or picture.part.name
        boxes = parse_boxes(answer.text)
        if (
            not boxes
            and re.search(r"\d", answer.text)
            and answer.text.strip() not in {"[]", "```json\n[]\n```"}
        ):
            unread += 1
            lines.append(f"({name}: no box could be read from: {answer.text.strip()[:200]})")
        if len(pictures) > 1 and boxes:
            lines.append(f"{name}:")
        for box in boxes:
            left, top, right, bottom = to_pixels(box, picture)
            if any(
                same([left, top, right, bottom], px)
                for part, px in seen
                if part is not picture and _overlap(part, picture)
            ):
                continue  # seen already in the part before, which overlaps this one
            seen.append((picture, [left, top, right, bottom]))
            centre = ((left + right) // 2, (top + bottom) // 2)
            width, height = picture.original
            norm = [
                round(v * 1000 / side)
                for v, side in zip((left, top, right, bottom), (width, height) * 2, strict=True)
            ]
            number = len(items) + 1
            lines.append(
                f"{number}. {box.label or args['prompt']}: [{left}, {top}, {right}, {bottom}] px, centre ({centre[0]}, {centre[1]}), 0-1000 {norm}"
            )
            items.append(
                {
                    "label": box.label,
                    "picture": name,
                    "box_px": [left, top, right, bottom],
                    "centre_px": list(centre),
                    "box_1000": norm,
                }
            )
        if boxes and picture.part.data:
            said, drawn = await draw(deps, picture, boxes)
            links += drawn
            lines.append(f"Drawn: {said}")
    first = answers[0]
    add(first, answers[1:])
    finished = result(deps, args, replace(first, text="\n".join(lines)), _notes(pictures))
    size = pictures[0].original
    finished.head = f"{len(items)} found" + (
        f" in {size[0]}x{size[1]} px" if len({p.original for p in pictures}) == 1 else ""
    )
    if unread and not items:
        finished.head += ": the answer could not be read, see below"
    finished.links = links
    finished.data |= {"count": len(items), "items": items}
    return finished


async def _code(
    deps: Deps, args: dict[str, Any], answer: Answer, source: Source, notes: list[str]
) -> ToolResult:
    """The code saved whole as a file; its text follows as far as the budget allows."""
    block = re.search(r"```([A-Za-z]*)[^\n]*\n(.*?)(?:\n```|\Z)", answer.text, re.DOTALL)
    code = block[2] if block else answer.text
    kind = (block[1] if block else "").lower()
    suffix = {
        "": ".html",
        "jsx": ".jsx",
        "tsx": ".tsx",
        "react": ".jsx",
        "vue": ".vue",
        "javascript": ".js",
        "js": ".js",
        "css": ".css",
    }.get(kind, ".html")
    stem = (
        re.sub(r"[^\w-]+", "-", source.name.rpartition("/")[2].partition(".")[0])[:40].strip("-") or "screen"
    )
    if answer.partial or answer.finish == "length":
        notes = [*notes, "the code is NOT complete"]
    said, links = await saving.save(deps, stem + suffix, code.encode())
    finished = result(deps, args, answer, notes)
    finished.head, finished.links = (f"Saved: {said}" if links else f"The code is {said}"), links
    if links:
        finished.data["path"] = said
    return finished


TOOL = Tool(
    "describe_image",
    "Look at images",
    "See pictures: describe, OCR, tables, charts, UI to code, compare, locate with pixel boxes, explain an error screenshot. Any format and size; tall screenshots are tiled.",
    ARGS,
    run,
    hint="image, screenshot, photo, picture, OCR, vision, diagram, chart, coordinates",
)
