"""describe_image: anything about one or several images."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from glm_mcp.errors import InvalidRequest
from glm_mcp.glm.calls import Answer
from glm_mcp.glm.messages import Image, Message, Part, Text
from glm_mcp.glm.threads import in_thread
from glm_mcp.media.images.prepare import prepare_images
from glm_mcp.media.types import Fragment, Picture, Source
from glm_mcp.tools import saving
from glm_mcp.tools.arguments import ASKED, AnswerArgs, Arg
from glm_mcp.tools.ask import Question, ask, result
from glm_mcp.tools.base import Deps, Link, Tool, ToolResult
from glm_mcp.tools.boxes import located, unplaced
from glm_mcp.tools.locate import Item, annotated_copy, in_pixels, unseen
from glm_mcp.tools.map_reduce import each, together
from glm_mcp.tools.sources import Opened, fetched_all, opened, origin, pictured
from glm_mcp.tools.structured import first_fence
from glm_mcp.tools.tasks import IMAGE, instruction, language


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageArgs(AnswerArgs):
    images: Annotated[
        tuple[str, ...],
        Arg(
            "texts",
            "Paths, globs, URLs, data URLs, base64 or clipboard",
            far="URLs, data URLs, base64 or glm://files/ID",
            also=(
                *("image", "image_source", "image_path", "path", "paths", "url", "urls"),
                *("file", "files", "source", "picture", "screenshot"),
            ),
        ),
    ]
    prompt: Annotated[
        str,
        Arg(
            "text",
            "A question; for locate: what to find",
            also=(*ASKED, "instructions", "text"),
            long=True,
        ),
    ] = ""
    task: Annotated[str | None, Arg("text", choices=tuple(IMAGE))] = None


IMAGES_MAX = 50  # the platform's limit for one call
EXACT = {"locate", "ui_action"}
_OWN_FORM = {"locate", "ui_to_code"}  # boxes, or a file of code, whatever form is asked for
_TOGETHER = {"compare", "ui_to_code", "ui_action"}  # what needs all pictures in one call
CODE = {  # the language of a code block → the suffix of its file
    "jsx": ".jsx",
    "tsx": ".tsx",
    "react": ".jsx",
    "vue": ".vue",
    "javascript": ".js",
    "js": ".js",
    "css": ".css",
}


async def run(deps: Deps, args: ImageArgs) -> ToolResult:
    prompt, task = args.prompt.strip(), args.task
    lang = language(prompt, deps.settings)
    words = instruction(IMAGE, task or "describe", prompt, lang) if task or not prompt else prompt
    if task == "locate" and not prompt:
        raise InvalidRequest("describe_image: task=locate without a prompt", "Say in prompt what to find.")
    async with opened(deps, args.images, "image") as held:
        pictures = pictured(deps, await _prepared(deps, args, held))
        notes = [*(n for p in pictures for n in p.notes), *held.missed()]
        notes = list(dict.fromkeys(notes + [n for source in held.sources for n in origin(source)]))
        if args.json and task in _OWN_FORM:
            args = replace(args, json=None)
            notes.append(f"json was not used: task={task} has a form of its own")
        if task == "locate":
            return await _locate(deps, args, words, pictures, notes)
        card = deps.glm.models("vision", args.model)[0]
        alone = bool(args.model) or not deps.glm.fetches  # no other model stands in
        if alone and card.images == 1 and len(pictures) > 1:
            return await _one_by_one(deps, args, words, pictures, notes)
        try:
            answer = await ask(
                deps, args, _question(pictures, words, task or "describe", exact=task in EXACT)
            )
        except InvalidRequest as error:
            if error.about != "number" or len(pictures) < 2 or args.json or task in _TOGETHER:
                raise
            return await _one_by_one(deps, args, words, pictures, notes, refused=True)
        notes = _sent(pictures) + notes
        if task == "ui_to_code":
            return await _code(deps, args, answer, held.sources[0], notes)
        if not args.json:
            answer.text += await in_pixels(
                deps, answer.text, pictures, held.sources, asked=task in {"ui_action", "inspect"}
            )
        return result(deps, args, answer, notes)


async def _prepared(deps: Deps, args: ImageArgs, held: Opened) -> list[Picture]:
    """All images, ready to send. Raises InvalidRequest when they are too many, or too few for the task; what is wrong
    with the files of a pattern when none of them is left.
    """
    count, unreadable = len(held.sources), len(held.left_out)
    if count > IMAGES_MAX:
        raise InvalidRequest(f"describe_image: {count} pictures", f"At most {IMAGES_MAX} in one call.")
    if args.task == "compare" and count < 2:
        raise InvalidRequest("describe_image: task=compare with one picture", "Give two or more pictures.")
    pictures = await _each_prepared(deps, args, held)
    if held.left_out and not pictures:
        raise held.left_out[0]
    if args.task == "compare" and count - (len(held.left_out) - unreadable) < 2:
        raise held.left_out[-1]
    return pictures


async def _each_prepared(deps: Deps, args: ImageArgs, held: Opened) -> list[Picture]:
    """A URL goes to the service as it is, unless a part of it or its size is needed here."""
    card = deps.glm.models("vision", args.model)[0]
    tiles = args.task != "ui_action"  # a click point is of the whole screen: it is never cut into parts
    taken: list[Source] = []
    as_is: dict[int, Picture] = {}
    for n, source in enumerate(held.sources):
        if source.is_remote and deps.glm.fetches and args.task != "locate" and source.fragment == Fragment():
            as_is[n] = Picture(Image(source.name, url=source.url), 0, 0, (0, 0))
        else:
            taken.append(source)
    local = [source async for source in fetched_all(deps, taken, "image")]
    deps.progress.say(f"preparing {local[0].name if len(local) == 1 else f'{len(local)} pictures'}")
    left_out = held.left_out
    if not as_is and (card.images != 1 or len(local) == 1):
        return await prepare_images(local, card, tiles=tiles, left_out=left_out)
    share, budget = card, None  # a model that takes one image gets each in a call of its own
    if card.images != 1:
        share = replace(card, images=max(1, (card.images - len(as_is)) // max(1, len(local))))
        budget = card.body_bytes // max(1, len(local))
    ready = iter(
        [
            await prepare_images([source], share, tiles=tiles, budget=budget, left_out=left_out)
            for source in local
        ]
    )
    return [p for n in range(len(held.sources)) for p in ([as_is[n]] if n in as_is else next(ready))]


def _question(pictures: Sequence[Picture], words: str, task: str, *, exact: bool = False) -> Question:
    parts: list[Part] = []
    # Addresses alone go as the vendor's samples have them: images, then the text.
    labels = _labels(pictures) if any(p.width for p in pictures) else [""] * len(pictures)
    for picture, label in zip(pictures, labels, strict=True):
        parts += [Text(f"[{label}]"), picture.part] if label else [picture.part]
    return Question((Message("user", (*parts, Text(words))),), "vision", task=task, exact=exact)


def _labels(pictures: Sequence[Picture], said: Callable[[str], str] = str) -> list[str]:
    """What each of several images is called: its name when they differ, and which part of it, as `said` puts that into
    words; one alone, nothing.
    """
    several = len({p.part.name for p in pictures}) > 1
    if len(pictures) == 1:
        return [""]
    return [", ".join(filter(None, (p.part.name if several else "", said(p.label)))) for p in pictures]


def _sent(pictures: Sequence[Picture]) -> list[str]:
    return [f"{len(pictures)} pictures sent"] if len(pictures) > 1 else []


async def _one_by_one(
    deps: Deps,
    args: ImageArgs,
    words: str,
    pictures: Sequence[Picture],
    notes: list[str],
    *,
    refused: bool = False,
) -> ToolResult:
    """For a model that takes one image, or refused several: one call each, the answers joined under their names."""
    if args.task == "compare":
        raise InvalidRequest(
            f"{args.model or 'the model'} takes one picture a call and cannot compare",
            "Leave model out, or name glm-4.6v-flash.",
        )
    names = [label or p.part.name for label, p in zip(_labels(pictures, deps.said), pictures, strict=True)]
    asked = [
        replace(_question([p], words, args.task or "describe"), about=name)
        for name, p in zip(names, pictures, strict=True)
    ]
    answers = await each(deps, args, asked)
    whole = together(answers)
    whole.text = "\n\n".join(f"[{name}]\n{a.text}" for name, a in zip(names, answers, strict=True))
    why = "together they were too many" if refused else f"{whole.model} takes one at a time"
    whole.notes.append(f"{len(pictures)} pictures, one call each: {why}")
    return result(deps, args, whole, notes)


# Words or numbers in the place of boxes, which an empty list is not: the thing may be there, and only its place be missing.
_SAYS = re.compile(r"\d|\A(?!.*\[\s*\]).*\w", re.DOTALL)


async def _locate(
    deps: Deps, args: ImageArgs, words: str, pictures: Sequence[Picture], notes: list[str]
) -> ToolResult:
    """Boxes in pixels of the original image, and a copy with them drawn. Each image (or part of a tall one) is its
    own call.
    """
    names = [label or p.part.name for label, p in zip(_labels(pictures, deps.said), pictures, strict=True)]
    questions = [
        replace(_question([p], words, "locate", exact=True), about=f"{name}, 0-1000 of its sides")
        for name, p in zip(names, pictures, strict=True)
    ]
    answers = await each(deps, args, questions) if len(questions) > 1 else [await ask(deps, args, *questions)]
    lines: list[str] = []
    links: list[Link] = []
    items: list[Item] = []
    beside: dict[tuple[str, tuple[int, int]], list[Item]] = {}
    data: list[dict[str, Any]] = []
    unread = misplaced = False
    for name, picture, answer in zip(names, pictures, answers, strict=True):
        boxes = await in_thread(located, answer.text)
        outside = await in_thread(unplaced, answer.text)
        notes = notes + outside
        if not boxes and outside:
            misplaced = True
            lines.append(deps.said(f"({name}: no place for: {answer.text.strip()[:200]})"))
        elif not boxes and _SAYS.search(answer.text):
            unread = True
            said = answer.text.strip()[:200]
            lines.append(deps.said(f"({name}: no box could be read from: {said})"))
        if len(pictures) > 1 and boxes:
            lines.append(f"{name}:")
        # Only parts of one image overlap.
        parts = beside.setdefault((picture.part.name, picture.original), [])
        for item in await in_thread(unseen, picture, boxes, parts):
            items.append(item)
            lines.append(item.line(len(items), args.prompt, deps.said("centre")))
            data.append(item.data(name))
        if boxes and picture.part.data:
            said, drawn = await annotated_copy(deps, picture, boxes)
            links += drawn
            lines.append(said)
    first = together(answers)
    finished = result(deps, args, replace(first, text="\n".join(lines)), _sent(pictures) + notes)
    size = pictures[0].original
    alike = len({p.original for p in pictures}) == 1
    found = f"{len(items)} found in {size[0]}x{size[1]} px" if alike else f"{len(items)} found"
    finished.head = deps.said(found)
    if misplaced and not items:
        finished.head = deps.said(f"{found}: no box could be placed, see below")
    elif unread and not items:
        finished.head = deps.said(f"{found}: the answer could not be read, see below")
    finished.links = links
    finished.data |= {"count": len(items), "items": data}
    return finished


_CODE_IN = re.compile(r"<\w|[{};]\s*$", re.MULTILINE)


async def _code(deps: Deps, args: ImageArgs, answer: Answer, source: Source, notes: list[str]) -> ToolResult:
    """The code saved whole as a file; its text follows as far as the budget allows."""
    fence = first_fence(answer.text)
    code, kind = (fence.body, fence.language.lower()) if fence else (answer.text, "")
    if answer.cut:
        notes = [*notes, "the code is NOT complete"]
    elif not (fence or _CODE_IN.search(code)):
        notes = [*notes, "the answer has no code: its words are in the file"]
    name = saving.stem_of_source(source.name, "screen") + CODE.get(kind, ".html")
    said, links = await saving.save(deps, name, code.encode())
    finished = result(deps, args, answer, notes)
    finished.head = deps.said(f"Saved: {said}" if links else f"The code is {said}")
    finished.links = links
    if links:
        finished.data["path"] = said
    return finished


TOOL = Tool(
    "describe_image",
    "Look at images",
    "See pictures: describe, OCR, tables, charts, UI to code, compare, locate with pixel boxes, explain an error screenshot. Any format and size; tall screenshots are tiled.",
    ImageArgs,
    run,
    hint="image, screenshot, photo, picture, OCR, vision, diagram, chart, coordinates",
)
