"""What a shell offers after `glm-mcp call`: tools, their arguments, values, files."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import BashComplete, CompletionItem, add_completion_class, get_completion_class

if TYPE_CHECKING:
    from glm_mcp.tools.arguments import Arg

VARIABLE = "_GLM_MCP_COMPLETE"
SHELLS = ("bash", "zsh", "fish")
MOST = 200  # files offered


@add_completion_class
class _Bash(BashComplete):
    """Bash puts what it is offered into the line as it stands, and a stranger's file may be called `$(…).png`. The other
    shells quote by themselves.
    """

    source_template = re.sub(
        r"\bread\b", r"\g<0> -r", re.sub(r"\(\$value\)", '("$value")', BashComplete.source_template)
    )

    def format_completion(self, item: CompletionItem) -> str:
        return f"{item.type},{self._quoted(item.value)}"

    def _quoted(self, value: str) -> str:
        """As it must stand in the word that was begun, within its quotes where it has some."""
        begun = os.environ["COMP_WORDS"].split("\n")[int(os.environ["COMP_CWORD"]) :][:1]
        quote = begun[0][:1] if begun else ""
        if quote == "'":
            return value.replace("'", r"'\''")
        acts = r'[$`"\\!]' if quote == '"' else r"[^\w%+,./:=@~-]"
        return re.sub(acts, r"\\\g<0>", value)


def script(shell: str, command: click.Command) -> str:
    """What the shell is to read once."""
    made = get_completion_class(shell)
    assert made is not None  # noqa: S101 - one of SHELLS
    return made(command, {}, "glm-mcp", VARIABLE).source()


def tools(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:  # noqa: ARG001 - as click calls it
    from glm_mcp.server.app import TOOLS

    return [CompletionItem(t.name, help=t.title) for t in TOOLS.values() if t.name.startswith(begun)]


def arguments(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:  # noqa: ARG001 - as click calls it
    """Of the tool that stands before: names not yet given, the values of the one being written, files."""
    from glm_mcp.server.app import TOOLS
    from glm_mcp.tools.arguments import arguments_of

    tool = TOOLS.get(ctx.params.get("tool") or "")
    if tool is None:
        return []
    rows = {arg.name: arg for arg in arguments_of(tool.args)}
    before: Sequence[str] = ctx.params.get("arguments") or ()
    # bash takes name=value apart: what it asks for is the value alone.
    if begun == "=" and before:
        return _values(rows, before[-1], "", "")
    if len(before) > 1 and before[-1] == "=":
        return _values(rows, before[-2], begun, "")
    name, equals, value = begun.partition("=")
    if equals:
        return _values(rows, name, value, f"{name}=")
    given = {word.partition("=")[0] for word in before}
    items = [
        CompletionItem(f"{arg.name}=", help=arg.doc or None)
        for arg in rows.values()
        if arg.name.startswith(begun) and arg.name not in given
    ]
    first = next(iter(rows.values()))
    if "path" in first.also:
        items += _files(begun, "")
    return items


def _values(rows: Mapping[str, Arg], name: str, begun: str, prefix: str) -> list[CompletionItem]:
    arg = rows.get(name)
    if arg is None:
        return []
    if "path" in arg.also or arg.name == "output":
        return _files(begun, prefix)
    return [CompletionItem(prefix + value) for value in _choices(arg) if value.startswith(begun)]


def _choices(arg: Arg) -> tuple[str, ...]:
    if arg.name == "model":
        from glm_mcp.registry import CARDS

        return tuple(CARDS)
    if arg.choices:
        return arg.choices
    return {"flag": ("true", "false"), "thinking": ("true", "false", "show")}.get(arg.kind, ())


def _files(begun: str, prefix: str) -> list[CompletionItem]:
    """Files and folders that begin so, hidden ones only when asked for."""
    folder, slash, name = begun.rpartition("/")
    try:
        place = Path(folder + slash or ".").expanduser()
        entries = sorted(os.scandir(place), key=lambda e: e.name)
    except (OSError, RuntimeError):  # also of a user whom nobody knows
        return []
    found = [e for e in entries if e.name.startswith(name) and e.name.startswith(".") <= name.startswith(".")]
    # A line break in a name would be two answers.
    return [
        CompletionItem(f"{prefix}{folder}{slash}{e.name}{'/' * e.is_dir()}")
        for e in found[:MOST]
        if not re.search(r"[\x00-\x1f\x7f]", e.name)
    ]
