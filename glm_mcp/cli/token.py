"""`glm-mcp token`: who may use `serve --http`. What a token is, and how the file is read, is in `server.http.tokens`."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glm_mcp.cli.terminal.cells import padded, paragraphs
from glm_mcp.cli.terminal.group import joined, say
from glm_mcp.cli.terminal.screen import room
from glm_mcp.errors import ConfigError, InvalidRequest, NotFound
from glm_mcp.installation import typed

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

    from glm_mcp.server.http.auth.tokens import Holder, Holders

HEAD = "Who may use `glm-mcp serve --http`: written by `glm-mcp token`, and read again whenever it changes."
NAME_CELLS = 21  # columns
UNITS = {"h": "hours", "d": "days", "w": "weeks"}
EXPIRES_IS = "a time to come: 30d, 12h, 8w, 2027-01-31, or 2027-01-31T18:00:00+01:00"
_COUNT = click.IntRange(1, 10**12)  # as LARGEST of the file's reader, which is loaded when it is needed


@click.group()
@click.option("--file", type=click.Path(path_type=Path, dir_okay=False), help="Instead of GLM_TOKENS_FILE.")
@click.pass_context
def token(ctx: click.Context, file: Path | None) -> None:
    """Say who may use `serve --http`: each person or program has a token of their own."""
    from glm_mcp.settings import load

    settings = load(ctx.obj["env_file"])
    ctx.obj = {**ctx.obj, "settings": settings, "file": file or settings.tokens_path}
    ctx.obj["line"] = shlex.join(["token", *(["--file", str(file)] if file else [])])


@token.command()
@click.argument("name")
@click.option("--tools", help="The tools that it may use, separated by commas; all without this.")
@click.option("--per-minute", type=_COUNT, help="Calls a minute.")
@click.option("--at-once", type=_COUNT, help="Calls at once; further ones wait.")
@click.option("--tokens-per-day", type=_COUNT, help="The models' tokens a day, in and out, from 00:00 UTC.")
@click.option("--expires", help="30d, 12h, 8w, or a date; never without this.")
@click.pass_context
def add(
    ctx: click.Context, /, name: str, tools: str | None, expires: str | None, **limits: int | None
) -> None:
    """Make a token for NAME and show it once."""
    import tomlkit

    from glm_mcp.server.http.answers import add_line
    from glm_mcp.server.http.auth.tokens import NAME, NAME_IS, digest, new_token

    if not NAME.fullmatch(name):
        raise InvalidRequest(f"{name!r} is no name for a token", f"It is {NAME_IS}.")
    now = datetime.now(UTC).replace(microsecond=0)
    value = new_token()
    row = tomlkit.table()
    row["sha256"], row["created"] = digest(value), now
    if expires is not None:
        row["expires"] = _moment(expires, now)
    if tools is not None:
        row["tools"] = _named(tools)
    for limit, number in limits.items():
        if number is not None:
            row[limit] = number

    line = ctx.obj["line"]

    def put(document: TOMLDocument, holders: Holders) -> None:
        if holders.named(name):
            raise InvalidRequest(
                f"{name} has a token already",
                f"Take it back first: {typed(f'{line} revoke {name}')}. Or choose another name.",
            )
        document.setdefault("tokens", tomlkit.table(is_super_table=True))[name] = row

    _change(ctx.obj["file"], put)
    click.echo(f"{value}\n")
    say("This is the token; it is shown this once. Whoever holds it adds the server to Claude Code with:")
    click.echo(add_line(ctx.obj["settings"], value))


@token.command("list")
@click.pass_context
def list_(ctx: click.Context) -> None:
    """Show who has a token, what it may do and until when. The tokens themselves are kept nowhere."""
    path = ctx.obj["file"]
    holders = list(_read(path)[1].by_hash.values())
    for holder in holders:
        facts = paragraphs(_facts(holder, datetime.now(UTC)), room(sys.stdout) - NAME_CELLS)
        click.echo(padded(holder.caller.name, NAME_CELLS) + facts.replace("\n", "\n" + " " * NAME_CELLS))
    if not holders:
        say(f"Nobody has a token in {path}. To give one: {typed(ctx.obj['line'] + ' add NAME')}")


@token.command()
@click.argument("name")
@click.pass_context
def revoke(ctx: click.Context, name: str) -> None:
    """Take the token of NAME back. A server that runs refuses it within a second."""
    line = ctx.obj["line"]

    def drop(document: TOMLDocument, holders: Holders) -> None:
        if not (holder := holders.named(name)):
            raise NotFound(f"nobody called {name!r} has a token", f"`{typed(line + ' list')}` shows who has.")
        del document["tokens"][holder.caller.name]

    _change(ctx.obj["file"], drop)
    say(f"The token of {name} is good for nothing from now on.")


def _named(tools: str) -> list[str]:
    from glm_mcp.settings import TOOLS

    names = tools.replace(",", " ").split()
    wrong = [n for n in names if n not in TOOLS]
    if wrong or not names:
        said = f"no tool is called {wrong[0]!r}" if wrong else "no tool is named"
        raise InvalidRequest(said, f"There are {', '.join(TOOLS)}.")
    return [t for t in TOOLS if t in names]


def _moment(text: str, now: datetime) -> datetime:
    span = re.fullmatch(r"(\d{1,5})([hdw])", text.strip().lower())
    try:
        found = (
            now + timedelta(**{UNITS[span[2]]: int(span[1])})
            if span
            else datetime.fromisoformat(text.strip())
        )
        found = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidRequest(f"--expires is {text!r}", f"It is {EXPIRES_IS}.") from None
    if found <= now:
        raise InvalidRequest(f"--expires is {text!r}, which is over", f"It is {EXPIRES_IS}.")
    return found


def _facts(holder: Holder, now: datetime) -> str:
    caller = holder.caller
    facts = [f"tools: {', '.join(sorted(caller.tools))}" if caller.tools else "all tools"]
    facts += [f"{caller.per_minute:,} calls a minute"] if caller.per_minute else []
    facts += [f"{caller.at_once:,} at once"] if caller.at_once else []
    facts += [f"{caller.tokens_per_day:,} tokens a day"] if caller.tokens_per_day else []
    if holder.created is not None:
        facts.append(f"since {datetime.fromtimestamp(holder.created, UTC):%Y-%m-%d}")
    if holder.expires is not None:
        until = datetime.fromtimestamp(holder.expires, UTC)
        when = f"{until:%Y-%m-%d %H:%M} UTC"
        facts.append(f"EXPIRED {when}" if until <= now else f"expires {when}")
    return joined(facts)


def _read(path: Path) -> tuple[str, Holders]:
    """What the file says, as text and as holders; nothing where there is none. Raises ConfigError."""
    from glm_mcp.server.http.auth.tokens import Holders, parse, read_text, unusable

    try:
        text = read_text(path)
        return text, parse(text)
    except FileNotFoundError:
        return "", Holders()
    except OSError as error:
        why = error.strerror or "it cannot be read"
    except RecursionError:
        why = "it is nested too deeply"
    except ValueError as error:
        why = str(error)
    raise unusable(path, why)


def _change(path: Path, change: Callable[[TOMLDocument, Holders], Any]) -> None:
    """Changes the file in one step: whoever reads it meanwhile reads the old one. Comments of others stay."""
    from glm_mcp.atomic_files import alone_in

    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with alone_in(path.resolve().parent):
            _rewrite(path, change)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written ({error.strerror})", "Give another --file, or set GLM_TOKENS_FILE."
        ) from None


def _rewrite(path: Path, change: Callable[[TOMLDocument, Holders], Any]) -> None:
    import tomlkit

    from glm_mcp.atomic_files import write_part
    from glm_mcp.server.http.auth.tokens import parse

    text, holders = _read(path)
    document = tomlkit.parse(text or f"# {HEAD}\n")
    change(document, holders)
    written = tomlkit.dumps(document)
    parse(written)
    part = write_part(path.resolve(), written.encode(), 0o600)
    try:
        if _read(path)[0] != text:  # a person's editor keeps to no lock
            raise ConfigError(f"{path} was changed by somebody else meanwhile", "Do it again.")
        part.replace(path.resolve())
    finally:
        part.unlink(missing_ok=True)
