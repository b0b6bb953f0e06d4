"""What people start by hand: each prompt becomes one request to the agent, which names the tool to call. Slash
commands in some clients.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from glm_mcp.errors import GLMError, InvalidRequest
from glm_mcp.media.formats import Want, suffixes
from glm_mcp.sandbox import Sandbox
from glm_mcp.text import one_line, plain

WORDS = 24  # of the last argument, for a client that gives one word an argument and drops the rest
_MORE = "word"  # how the arguments are called that take them

MAX_VALUES = 100  # of the protocol, for one completion
ARGUMENT_CHARS = 10_000  # of one argument: a path, an address, a question
_LOOKED_AT = 2_000  # entries of one folder
_WORD = re.compile(r"""(?<!\S)(?:"([^"]*)"|'([^']*)')(?!\S)|\S+""")


@dataclass(frozen=True, slots=True)
class Argument:
    """`kind`: of which files its completion speaks; `values`: what it may be, where that is a list."""

    name: str
    description: str
    required: bool = True
    kind: Want | None = None
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prompt:
    """`text` has {argument} places; `extra` is added for each optional argument that was given."""

    name: str
    title: str
    description: str
    tool: str
    arguments: tuple[Argument, ...]
    text: str
    extra: tuple[tuple[str, str], ...] = ()


_IMAGE = Argument("image", "Path or URL of the picture, or clipboard", kind="image")

PROMPTS: dict[str, Prompt] = {
    p.name: p
    for p in (
        Prompt(
            "screenshot-to-code",
            "Screenshot to code",
            "Rebuild a screenshot as code",
            "describe_image",
            (
                _IMAGE,
                Argument(
                    "framework",
                    "html (default), react, vue, svelte, swiftui, flutter",
                    required=False,
                    values=("html", "react", "vue", "svelte", "swiftui", "flutter"),
                ),
            ),
            'Call describe_image with images="{image}" and task="ui_to_code". The whole code is in the file that the result names: read it there, and put it into this project where it fits.',
            (("framework", "Turn it into {framework} code, in the style of this project."),),
        ),
        Prompt(
            "ocr",
            "Text of a picture",
            "Write out all text of a picture, word for word",
            "describe_image",
            (_IMAGE,),
            'Call describe_image with images="{image}" and task="ocr". Give me the text exactly as it comes, [unreadable] marks too.',
        ),
        Prompt(
            "chart-to-table",
            "Chart to table",
            "Read the data of a chart into a table",
            "describe_image",
            (Argument("image", "Path or URL of the chart, or clipboard", kind="image"),),
            'Call describe_image with images="{image}" and task="chart". Show me the table; keep the ~ before estimated values.',
        ),
        Prompt(
            "compare-screens",
            "Compare two screens",
            "List every difference between two screenshots",
            "describe_image",
            (
                Argument("before", "Path or URL of the first picture", kind="image"),
                Argument("after", "Path or URL of the second picture", kind="image"),
            ),
            'Call describe_image with images=["{before}", "{after}"] and task="compare". List the differences, those that look unintended first.',
        ),
        Prompt(
            "explain-error",
            "Explain an error screenshot",
            "Say what an error on a screenshot means and how to mend it",
            "describe_image",
            (Argument("image", "Path or URL of the screenshot, or clipboard", kind="image"),),
            'Call describe_image with images="{image}" and task="error". Then look in this project for the cause, and propose the mend.',
        ),
        Prompt(
            "video-timeline",
            "Timeline of a video",
            "List what happens in a video, with times",
            "analyze_video",
            (Argument("video", "Path or URL of the video", kind="video"),),
            'Call analyze_video with video="{video}" and task="timeline". Show me the timeline, and what part of the video was looked at.',
        ),
        Prompt(
            "ask-document",
            "Question a document",
            "Answer from a document, with the pages",
            "read_document",
            (
                Argument("document", "Path or URL of the document", kind="document"),
                Argument("question", "What you want to know; without it, a summary", required=False),
            ),
            'Call read_document with documents="{document}". Give the pages that the answer rests on; say so when the document does not tell.',
            (("question", "Its prompt, and what I want to know: {question}"), ("", 'Its task is "summary".')),
        ),
        Prompt(
            "picture-to-prompt",
            "Picture to prompt",
            "Write the prompt that would draw a picture like this one",
            "describe_image",
            (_IMAGE,),
            'Call describe_image with images="{image}" and task="image_to_prompt". Show me the prompt; draw it with generate_image only if I ask.',
        ),
    )
}


def offered(tools: Sequence[str]) -> list[Prompt]:
    """The prompts whose tool is."""
    return [p for p in PROMPTS.values() if p.tool in tools]


def arguments(prompt: Prompt, *, splits: bool) -> list[Argument]:
    """What a client is told. `splits`: it gives one word an argument, so that there must be one for each."""
    more = [Argument(f"{_MORE}{n}", "one more word", required=False) for n in range(2, WORDS + 1)]
    return [*prompt.arguments, *(more if splits else ())]


def _together(prompt: Prompt, given: dict[str, str]) -> dict[str, str]:
    """The arguments of a client that split what was typed at its blanks: the last takes the rest, quotes hold together."""
    names = [a.name for a in prompt.arguments]
    more = [f"{_MORE}{n}" for n in range(2, WORDS + 1)]
    quoted = any(given.get(n, "")[:1] in ('"', "'") and given[n][-1:] != given[n][:1] for n in names)
    if not quoted and not any(n in given for n in more):
        return given
    line = " ".join(word for n in (*names, *more) if (word := given.get(n, "")))
    found = list(_WORD.finditer(line))
    words = [m[1] or m[2] or m[0] for m in found[: len(names)]]
    if len(found) > len(names):
        words[-1] = line[found[len(names) - 1].start() :]
    unknown = {n: v for n, v in given.items() if n not in names and n not in more}
    return {**unknown, **dict(zip(names, words, strict=False))}


def write(prompt: Prompt, given: dict[str, str]) -> str:
    """The request to the agent. Raises InvalidRequest for a missing or unknown argument."""
    if any(len(value) > ARGUMENT_CHARS for value in given.values()):
        raise InvalidRequest(
            f"{prompt.name}: an argument has more than {ARGUMENT_CHARS:,} characters",
            "Put a long text into a file, and give its path.",
        )
    given = _together(prompt, given)
    names = [a.name for a in prompt.arguments]
    missing = [a.name for a in prompt.arguments if a.required and not given.get(a.name, "").strip()]
    unknown = [name for name in given if name not in names]
    if missing or unknown:
        what = f"{missing[0]} is missing" if missing else f"there is no argument {unknown[0][:40]!r}"
        raise InvalidRequest(f"{prompt.name}: {what}", f"Its arguments are: {', '.join(names)}.")
    # A quote in a path must not end the argument of the call; the replacement is done in one pass, so that braces stay.
    given = {a.name: (one_line if a.kind else plain)(given.get(a.name, "")).strip() for a in prompt.arguments}
    values = {n: given[n].replace('"', '\\"') for n in names}
    parts = [_filled(prompt.text, values)]
    optional = [(name, text) for name, text in prompt.extra if name and values[name]]
    parts += [_filled(text, {name: given[name]}) for name, text in optional]
    if not optional:
        parts += [text for name, text in prompt.extra if not name]
    return " ".join(parts)


def _filled(text: str, values: dict[str, str]) -> str:
    pieces = text.split("{")
    done = pieces[0]
    for piece in pieces[1:]:
        name, _, rest = piece.partition("}")
        done += values[name] + rest
    return done


def complete(prompt: Prompt, argument: str, begun: str, sandbox: Sandbox | None) -> list[str]:
    """What an argument that begins so may become. Files of the working folder; none without `sandbox` (over HTTP). Blocks."""
    wanted = next((a for a in prompt.arguments if a.name == argument), None)
    if wanted is None or len(begun) > ARGUMENT_CHARS:
        return []
    if wanted.values:
        return [v for v in wanted.values if v.startswith(begun.strip().lower())]
    if not wanted.kind or sandbox is None or not sandbox.working_folder_counts():
        return []
    return _files(sandbox, begun, suffixes(wanted.kind))


def _files(sandbox: Sandbox, begun: str, suffixes: tuple[str, ...]) -> list[str]:
    """Relative paths below the base folder that begin so: folders with a slash, files of these suffixes. Nothing hidden,
    nothing outside.
    """
    start, _, name = begun.replace("\\", "/").rpartition("/")
    if begun.startswith(("/", "~")):
        return []
    paths = []
    try:
        folder = sandbox.check(Path(start))
        below = folder.relative_to(sandbox.base()).parts
        if any(part.startswith(".") for part in (*below, *Path(start).parts)):
            return []
        with os.scandir(folder) as entries:
            for _, entry in zip(range(_LOOKED_AT), entries, strict=False):
                if entry.name.startswith(".") or not entry.name.lower().startswith(name.lower()):
                    continue
                if one_line(entry.name) != entry.name:  # it would act on the screen that offers it
                    continue
                shown = f"{start}/{entry.name}" if start else entry.name
                if Path(entry).is_dir():  # an entry itself raises for a link that leads to itself
                    paths.append(shown + "/")
                elif entry.name.lower().endswith(suffixes):
                    paths.append(shown)
    # ValueError: outside; RuntimeError: links in a circle.
    except (OSError, ValueError, RuntimeError, GLMError):
        return []
    # Files first: a folder is only on the way to one.
    return sorted(paths, key=lambda p: (p.endswith("/"), p.lower()))
