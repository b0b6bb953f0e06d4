"""The command line of `glm-mcp call`: words, name=value, JSON and standard input become the arguments of a tool."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import IO, Any

import click

from glm_mcp.cli.terminal.group import say
from glm_mcp.errors import InvalidRequest
from glm_mcp.tools.arguments import Arg

STDIN = "-"
MAX_TEXT = 20_000_000  # bytes; no prompt has as many
MAX_FILE = 2_000_000_000
_PIECE = 1 << 20
_FOLDER = "glm-mcp-stdin-"
_STALE_S = 86_400.0  # no call takes as long
# Windows has not both.
SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
PATIENCE_S = 2.0  # before somebody is told that standard input is waited for
_NAMED = re.compile(r"([A-Za-z_][\w-]*)=(.*)", re.DOTALL)
_SOURCE = re.compile(
    r"(?:[a-z]{2,}:|[a-z]:[\\/]|[@~/\\]|\.{1,2}[/\\]).*|clipboard|.*\*.*|\S*\.\w{1,5}(?:#\S*)?", re.IGNORECASE
)


class Stdin(ExitStack):
    """What is piped in, read when it is asked for. A file made of it lasts until the block ends."""

    @property
    def piped(self) -> bool:
        """Whether a file or a pipe stands there: what a program starts with neither is not waited for."""
        try:
            mode = os.fstat(sys.stdin.fileno()).st_mode if sys.stdin else 0
        except (OSError, ValueError):
            return False
        return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)

    def text(self) -> str:
        """Raises InvalidRequest for what is no text, or too long for one."""
        said = io.BytesIO()
        self._read_into(said, MAX_TEXT)
        try:
            return said.getvalue().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise InvalidRequest(
                "standard input is not UTF-8 text", "Save it to a file and name that: files=FILE."
            ) from None

    def file(self) -> str:
        """A file with the same bytes. Raises InvalidRequest where there are none, or too many."""
        _sweep()
        folder = Path(self.enter_context(tempfile.TemporaryDirectory(prefix=_FOLDER)))
        for number in SIGNALS:  # of which Python would end at once, and leave it there
            signal.signal(number, partial(_leave, folder))
        path = folder / "stdin"
        try:
            with path.open("wb") as file:
                size = self._read_into(file, MAX_FILE)
        except OSError as error:
            raise InvalidRequest(
                f"standard input cannot be kept for the call ({error.strerror})",
                "Set TMPDIR to a folder with room, or name a file instead.",
            ) from None
        if not size:
            raise InvalidRequest("standard input is empty", "Pipe a file into it, or name one.")
        return str(path)

    def _read_into(self, file: IO[bytes], maximum: int) -> int:
        """How many bytes there were; a piece at a time, since Python makes room for as many as it is asked to read."""
        said = "… reading standard input; Ctrl-D ends it (</dev/null: there is none)"
        waiting = threading.Timer(PATIENCE_S, lambda: say(said, err=True))
        waiting.daemon = True
        waiting.start()
        size = 0
        try:
            while piece := sys.stdin.buffer.read(_PIECE):
                size += len(piece)
                if size > maximum:
                    raise InvalidRequest(
                        f"standard input is longer than {maximum // 1_000_000:,} MB", "Send less."
                    )
                file.write(piece)
        finally:
            waiting.cancel()
        return size


def _sweep() -> None:
    """Takes away what calls of this user that were killed have left."""
    oldest = time.time() - _STALE_S
    for left in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*"):
        with suppress(OSError):  # gone, or another's
            info = left.lstat()
            own = sys.platform == "win32" or info.st_uid == os.getuid()
            if own and stat.S_ISDIR(info.st_mode) and info.st_mtime < oldest:
                shutil.rmtree(left)


def _leave(folder: Path, number: int, _: object) -> None:
    """Ends as the signal does, wherever the process is, and takes the folder along."""
    shutil.rmtree(folder, ignore_errors=True)
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)


def given_arguments(
    rows: Sequence[Arg], words: Sequence[str], as_json: str | None, stdin: Stdin
) -> dict[str, Any]:
    """The arguments of a call. `rows`: those that the tool has.

    The first argument takes the words without a name: all of them joined where it is a text; where it is a file, the
    files that come first, and `prompt` takes the words after them, or all where it has its files by name. `-`, and
    what is piped in where the first argument has nothing, is standard input. Raises UsageError, InvalidRequest.
    """
    given = _object(as_json)
    bare: list[str] = []
    for word in words:
        named = _NAMED.fullmatch(word)
        if named:
            _add(given, named[1], named[2])
        else:
            bare.append(word)
    first = rows[0]
    taken = any(name in given for name in (first.name, *first.also))
    if "path" in first.also:
        _files_first(given, first, bare, taken=taken, piped=stdin.piped)
    elif bare or (not taken and stdin.piped):
        text = " ".join(word for word in bare if word != STDIN)
        if STDIN in bare or stdin.piped:
            text = "\n\n".join(part for part in (text, stdin.text()) if part)
        _once(given, first.name, text)
    for row in rows:
        _from_stdin(given, row, stdin)
    return given


def _files_first(given: dict[str, Any], first: Arg, bare: Sequence[str], *, taken: bool, piped: bool) -> None:
    """`taken`: the first argument has its files, and words that are none are the prompt."""
    many = first.kind == "texts"
    files: list[str] = []
    for word in bare:
        if not _is_source(word) or (files and not many):
            break
        files.append(word)
    words = list(bare[len(files) :])
    if not files and not taken:
        # The tool says what is wrong with a first word that is no file.
        files, words = ([STDIN], words) if piped else (words[:1], words[1:])
    if files:
        _once(given, first.name, files if many and len(files) > 1 else files[0])
    if words:
        _once(given, "prompt", " ".join(words))


def _is_source(word: str) -> bool:
    if word == STDIN or _SOURCE.fullmatch(word):
        return True
    try:
        return Path(word).exists()
    except (OSError, ValueError):
        return False


def _from_stdin(given: dict[str, Any], row: Arg, stdin: Stdin) -> None:
    for name in (row.name, *row.also):
        value = given.get(name)
        read = stdin.file if "path" in row.also else stdin.text
        if value == STDIN:
            given[name] = read()
        elif isinstance(value, list) and STDIN in value:
            given[name] = [read() if item == STDIN else item for item in value]


def _once(given: dict[str, Any], name: str, value: Any) -> None:
    if name in given:
        raise click.UsageError(f"{name} is given twice: by its name, and by words without one")
    given[name] = value


def _add(given: dict[str, Any], name: str, value: str) -> None:
    """A name given again makes a list."""
    if name in given:
        before = given[name]
        given[name] = [*(before if isinstance(before, list) else [before]), value]
    else:
        given[name] = value


def _object(as_json: str | None) -> dict[str, Any]:
    if as_json is None:
        return {}
    try:
        read = json.loads(as_json)
    except ValueError as error:
        raise click.UsageError(f"--json is not JSON: {error}") from None
    if not isinstance(read, dict):
        raise click.UsageError('--json must be an object: {"prompt": "..."}')
    return read
