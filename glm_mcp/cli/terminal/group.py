"""The command as a whole: how it fails, and its language."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, TextIO

import click

from glm_mcp.cli.terminal.cells import cells, padded, paragraphs
from glm_mcp.cli.terminal.screen import painted, room
from glm_mcp.cli.terminal.stdout import unwritten
from glm_mcp.errors import ConfigError, GLMError, InvalidRequest
from glm_mcp.installation import runnable
from glm_mcp.tools.words import chinese

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130
_HEADS = {"Options": "选项", "Commands": "命令", "Arguments": "参数", "Usage: ": "用法："}
GAP = 2
_LANG = re.compile(r"""^\s*(?:export\s+)?GLM_LANG\s*=\s*["']?(zh|en)\b""", re.MULTILINE | re.IGNORECASE)


@cache
def language() -> chinese.Lang:
    """GLM_LANG of the environment, else of the user's settings file, else the system's language."""
    given = os.environ.get("GLM_LANG", "")
    if not given:
        from glm_mcp.settings_file import file_of, text_of

        with suppress(OSError, UnicodeDecodeError):
            text = text_of(file_of())
            given = (_LANG.findall(text) or [""])[-1]
    return chinese.chosen(given.strip().lower() or None)


def say(text: str, *, err: bool = False) -> None:
    """Lines of ours, in the language of whoever reads them and fitted to their terminal."""
    lines = [line[: len(line) - len(line.lstrip())] + here(line.strip()) for line in text.split("\n")]
    click.echo(paragraphs("\n".join(lines), room(sys.stderr if err else sys.stdout)), err=err)


def here(text: str) -> str:
    """The text in the language of whoever reads it."""
    return chinese.said(text, language())


def labelled(label: str, text: str) -> str:
    """A label and what stands behind it, both as `here`."""
    return f"{here(label)}{'：' if language() == 'zh' else ': '}{here(text)}"


def joined(facts: Sequence[str]) -> str:
    """Facts in one line, each as `here`."""
    return ("；" if language() == "zh" else "; ").join(map(here, facts))


def show_error(error: GLMError) -> None:
    """On stderr, its kind in a colour."""
    said = runnable(str(chinese.error_said(error, language())))
    click.echo(fitted_error(said, sys.stderr), err=True, color=True)


def fitted_error(text: str, stream: TextIO) -> str:
    """An error as it is shown there: its kind in a colour, its lines fitted."""
    kind, colon, rest = paragraphs(text, room(stream)).partition(":")
    return painted(kind + colon, "red", stream) + rest


class Group(click.Group):
    """Errors of ours as one line and exit status 1; an interruption without a traceback; in Chinese where that is set."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = super().get_command(ctx, cmd_name)
        # The library cuts a sentence in the list of commands.
        if found and found.help and not found.short_help:
            found.short_help = " ".join(found.help.split()).partition(". ")[0].rstrip(".")
        return found

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except GLMError as error:
            show_error(error)
            ctx.exit(EXIT_FAILED)
        except KeyboardInterrupt:
            ctx.exit(EXIT_INTERRUPTED)

    def main(
        self, args: Sequence[str] | None = None, prog_name: str | None = None, *_: Any, **more: Any
    ) -> Any:
        given = list(sys.argv[1:] if args is None else args)
        zh = language() == "zh"
        if zh:
            click.Context.formatter_class = ChineseHelp
            if {"-h", "--help"} & set(given):
                translate(self)
        try:
            _only_characters(given)
            code = super().main(given, prog_name, standalone_mode=False, **more)
        except GLMError as error:
            show_error(error)
            code = EXIT_USAGE
        except click.Abort:
            say("Aborted.", err=True)
            code = EXIT_FAILED
        except click.ClickException as error:
            _show_usage(error)
            code = error.exit_code
        if why := unwritten():
            show_error(
                ConfigError(f"standard output cannot be written ({why})", "Write it to another place.")
            )
            code = EXIT_FAILED
        sys.exit(code if isinstance(code, int) else 0)


def _only_characters(arguments: Sequence[str]) -> None:
    """Raises InvalidRequest for bytes that are no text: a name that only the file system knows cannot be told to anybody."""
    for place, argument in enumerate(arguments, 1):
        if any("\ud800" <= c <= "\udfff" for c in argument):
            shown = argument.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            raise InvalidRequest(
                f"argument {place} is not UTF-8: {shown[:80]}",
                "Write it in UTF-8. A file with such a name is found by a pattern such as images='*.png', or renamed.",
            )


def _show_usage(error: click.ClickException) -> None:
    """What is wrong with the command line, and how the command is used; its help where nothing was given."""
    context = getattr(error, "ctx", None)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        if language() == "zh":
            translate(error.ctx.command)
        click.echo(error.ctx.get_help(), err=True)
        return
    if context is not None:
        click.echo(context.get_usage(), err=True)
        say(f"Try '{context.command_path} --help' for help.\n", err=True)
    first, *more = error.format_message().split("\n")
    click.echo(
        paragraphs("\n".join([labelled("Error", first), *map(here, more)]), room(sys.stderr)), err=True
    )


def translate(command: click.Command) -> None:
    """The help of a command, of its options and of what it holds, in Chinese."""
    if command.help:
        parts = command.help.split("\n\n")
        command.help = "\n\n".join(p if p.startswith("\b") else chinese.in_chinese(p) for p in parts)
        command.short_help = command.help.partition("。")[0].partition("\n\n")[0]
    for option in command.params:
        if isinstance(option, click.Option) and option.help:
            option.help = chinese.in_chinese(option.help)
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            found = command.get_command(click.Context(command), name)
            if found:
                translate(found)


class ChineseHelp(click.HelpFormatter):
    """Headings in Chinese, and columns counted as a terminal shows them."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, args, prefix or "用法：")

    def write_heading(self, heading: str) -> None:
        self.write(f"{' ' * self.current_indent}{_HEADS.get(heading, heading)}：\n")

    def write_text(self, text: str) -> None:
        room = self.width - self.current_indent
        shown = []
        for paragraph in text.split("\n\n"):
            verbatim = paragraph.removeprefix("\b").strip("\n")
            fitted = verbatim if paragraph.startswith("\b") else paragraphs(" ".join(paragraph.split()), room)
            shown.append(
                "".join(f"{' ' * self.current_indent}{line.strip()}\n" for line in fitted.split("\n"))
            )
        self.write("\n".join(shown))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = GAP) -> None:
        rows = list(rows)
        first = min(max((cells(r[0]) for r in rows), default=0), col_max) + col_spacing
        indent = " " * self.current_indent
        for name, text in rows:
            shown = chinese.in_chinese(text).replace("[default: ", "[默认：").replace("[required]", "[必填]")
            lines = paragraphs(shown, max(self.width - first - self.current_indent, 20)).split("\n")
            heads = [name] if cells(name) <= first - col_spacing else [name, ""]
            if len(heads) > 1:
                self.write(f"{indent}{name}\n")
            for place, line in enumerate(lines):
                head = heads[-1] if place == 0 else ""
                self.write(f"{indent}{padded(head, first)}{line}".rstrip() + "\n")
