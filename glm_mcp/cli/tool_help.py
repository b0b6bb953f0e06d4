"""What a tool takes, for a person: `call TOOL --help`, and all that the server has: `list`."""

from __future__ import annotations

import json
from dataclasses import MISSING, fields
from typing import Any

import anyio
import click

from glm_mcp.cli.terminal.cells import padded, paragraphs, wrapped
from glm_mcp.cli.terminal.group import here, language, say
from glm_mcp.cli.terminal.screen import painted, width
from glm_mcp.server import inprocess
from glm_mcp.server.app import TOOLS, App
from glm_mcp.settings import Settings
from glm_mcp.tools.arguments import Arg, arguments_of
from glm_mcp.tools.values import KINDS

# What an argument is when it is not given, where that is decided in the call.
UNSET = {
    "model": "chosen by the tool",
    "thinking": "GLM_THINKING, else false",
    "json": "false",
    "max_tokens": "the model's",
    "temperature": "the model's",
    "max_frames": "by length and scenes",
    "max_chars": "what the client takes",
    "size": "1024x1024",
    "quality": "standard",
    "encoding": "found out",
    "pages": "all",
    "end": "the end",
    "start": "the beginning",
    "preview": "where it can be shown",
    "output": "a name from the prompt",
}
TITLES = {"tools": "Tools", "prompts": "Prompts", "resources": "Resources", "kept outputs": "Kept outputs"}
EXAMPLES: dict[str, tuple[str, ...]] = {
    "chat": (
        "glm-mcp call chat Write a haiku about rain",
        "git diff | glm-mcp call chat Review this change:",
        "glm-mcp call chat Explain this file files=main.py thinking=true",
    ),
    "describe_image": (
        "glm-mcp call describe_image shot.png Say what the dialog wants",
        "glm-mcp call describe_image shot.png task=ocr",
        "glm-mcp call describe_image shot.png task=locate prompt='red button' --open",
    ),
    "analyze_video": (
        "glm-mcp call analyze_video clip.mp4",
        "glm-mcp call analyze_video clip.mp4 task=timeline start=0:02 end=0:05",
    ),
    "read_document": (
        "glm-mcp call read_document report.pdf",
        "glm-mcp call read_document report.pdf pages=1-2 Say what was sold",
        "cat report.pdf | glm-mcp call read_document -",
    ),
    "generate_image": (
        "glm-mcp call generate_image A lighthouse at dusk, watercolour size=16:9 --open",
        "glm-mcp call generate_image prompt='a round icon of a fox' output=fox.png",
    ),
}
HANGING = 6  # columns before what belongs to an entry


def tool_help(name: str) -> str:
    tool = TOOLS[name]
    rows = arguments_of(tool.args)
    defaults = {f.name: f.default for f in fields(tool.args)}
    lines = [
        here(f"Usage: glm-mcp call {name} {_words(rows)} [name=value]..."),
        "",
        paragraphs(here(tool.description), width()),
        "",
    ]
    lines.append(_takes(rows[0]))
    size = 2 + max(len(a.name) for a in rows)
    for arg in rows:
        text = paragraphs(_facts(arg, defaults[arg.name]), max(width() - size - 2, 20))
        head, *more = text.splitlines()
        lines.append("  " + painted(padded(arg.name, size), "bold") + head)
        lines += [" " * (size + 2) + line for line in more]
    lines += ["", here("Examples:"), *(f"  {line}" for line in EXAMPLES[name])]
    last = "A name given twice makes a list; --json '{…}' gives all of them; - is standard input."
    lines += ["", paragraphs(here(last), width())]
    return "\n".join(lines)


def _words(rows: tuple[Arg, ...]) -> str:
    first = rows[0].name.upper()
    if "path" not in rows[0].also:
        return f"{first}..."
    return f"{first}{'...' * (rows[0].kind == 'texts')} [PROMPT...]"


def _takes(first: Arg) -> str:
    if "path" in first.also:
        return here(f"Arguments; {first.name} takes the files that come first, prompt the words after them:")
    return here(f"Arguments; {first.name} takes the words that have no name:")


def _facts(arg: Arg, default: Any) -> str:
    """What it is for, what it may be, what it is when it is not given."""
    facts = [here(arg.doc)] if arg.doc else []
    if arg.choices:
        facts.append(here(f"One of {', '.join(arg.choices)}"))
    elif not (arg.doc and arg.kind in {"thinking", "json"}):  # which say their values themselves
        kind = here(KINDS[arg.kind].words)
        facts.append(kind if language() == "zh" else kind[0].upper() + kind[1:])
    if default is MISSING:
        facts.append(here("Required"))
    elif default not in (None, "", ()):
        facts.append(here(f"Default: {here(str(default))}"))
    elif arg.name in UNSET:
        facts.append(here(f"Default: {here(UNSET[arg.name])}"))
    else:
        facts.append(here("Optional"))
    return "。".join(facts) + "。" if language() == "zh" else ". ".join(facts) + "."


async def offered(settings: Settings) -> dict[str, list[dict[str, str]]]:
    """Tools, prompts, resources and kept outputs, as a client is told of them."""
    async with inprocess.in_memory(App(settings)) as client:
        return await inprocess.offered(client)


def show_list(settings: Settings, *, as_json: bool) -> None:
    found = anyio.run(offered, settings)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=1))
        return
    for title, entries in found.items():
        click.echo(painted(here(TITLES[title]), "bold"))
        for entry in entries:
            first, *more = wrapped(entry["signature"], width() - HANGING)
            click.echo("\n".join([f"  {first}", *(" " * HANGING + line for line in more)]))
            if entry["about"]:
                click.echo(paragraphs(here(entry["about"]), width(), " " * HANGING))
        if not entries:
            say("  none")
    say("\nglm-mcp call TOOL --help tells more of a tool.")
