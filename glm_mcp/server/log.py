"""Logging to stderr. Stdout belongs to the protocol.

The handlers of `logging` and the hook of `warnings` belong to the process: `configure` sets them, and a command calls it,
never an application.
"""

from __future__ import annotations

import copy
import functools
import json
import logging
import select
import sys
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

from glm_mcp.server.front import patient
from glm_mcp.text import clean, without_any_secret

LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("text", "json")
LINE_CHARS = 2_000
PIECE_BYTES = getattr(select, "PIPE_BUF", 512)  # of a record, which a pipe takes at once
PATIENCE_MS = 100  # for whoever reads the records, before they are left out
REQUEST = ContextVar("request", default="")  # id of the HTTP request that a record belongs to


class _Plain(logging.Formatter):
    """One line a record, cleaned of anything that looks like a key; a traceback only at debug level. `content`: with the
    words of an exception, which may quote a prompt or a file.
    """

    def __init__(self, *, tracebacks: bool, content: bool) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s", "%H:%M:%S")
        self.tracebacks, self.content = tracebacks, content

    def format(self, record: logging.LogRecord) -> str:
        info, bare = record.exc_info, copy.copy(record)
        bare.exc_info = bare.exc_text = bare.stack_info = None
        line = _line(super().format(bare))
        if ident := REQUEST.get():
            line += f" [request {ident}]"
        if info and self.tracebacks:
            line += "\n" + _trace(info, content=self.content)
        elif info and info[0]:
            line += " [--log-level debug shows where]"
        return line


class _Handler(logging.StreamHandler["TextIO | _Unread"]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """A record that cannot be written. The library would print its words, whole and with a trace."""
        with suppress(OSError, ValueError):
            self.stream.write(f"a record of {record.name} could not be written{self.terminator}")


class _Unread:
    """Stderr where it is a pipe, of which a host need not read anything: what finds no room there is left out, so that no
    call waits for it; a record of the log's own form says how much.
    """

    def __init__(self, stream: TextIO, room: Callable[[int, int], bool], form: logging.Formatter) -> None:
        self._stream, self._room, self._form = stream, room, form
        self._left_out, self._torn = 0, ""

    def write(self, text: str) -> None:
        if self._left_out:
            said = f"records left out here, as stderr was not read: {self._left_out}"
            about = {"name": __name__, "levelno": logging.WARNING, "levelname": "WARNING", "msg": said}
            text = f"{self._torn}{self._form.format(logging.makeLogRecord(about))}\n{text}"
        data = text.encode(self._stream.encoding, "backslashreplace")
        for start in range(0, len(data), PIECE_BYTES):
            piece = data[start : start + PIECE_BYTES]
            if not self._room(len(piece), 0 if self._left_out else PATIENCE_MS):
                self._left_out += 1
                self._torn = "\n" if start else self._torn
                return
            patient.write(self._stream.fileno(), piece)
        self._left_out, self._torn = 0, ""

    def flush(self) -> None:
        self._stream.flush()


def _stderr(form: logging.Formatter) -> TextIO | _Unread:
    try:
        room = patient.room(sys.stderr.fileno())
    except (OSError, ValueError, AttributeError):  # closed, none, or no file
        return sys.stderr
    return _Unread(sys.stderr, room, form) if room else sys.stderr


class _JSON(_Plain):
    """One JSON object a record, cleaned as `_Plain` is, with what `extra={"facts": ...}` gave it by name."""

    def format(self, record: logging.LogRecord) -> str:
        facts: dict[str, Any] = getattr(record, "facts", {})
        shown: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _line(record.getMessage()),
        }
        if ident := REQUEST.get():
            shown["request"] = ident
        shown |= {name: _line(v) if isinstance(v, str) else v for name, v in facts.items()}
        info = record.exc_info
        if info and self.tracebacks:
            shown["traceback"] = _trace(info, content=self.content)
        return json.dumps(shown, ensure_ascii=False)


def _line(text: str) -> str:
    return clean(without_any_secret(text), LINE_CHARS)


def _trace(info: Any, *, content: bool) -> str:
    """Where it happened, and the kind of each error in the chain."""
    lines: list[str] = []
    whole = traceback.TracebackException(*info)
    for part in _chain(whole):
        lines += ["Traceback (most recent call last):", *part.stack.format()]
        lines += part.format_exception_only() if content else [_kind(part)]
    text = without_any_secret("\n".join(line.rstrip("\n") for line in lines))
    return "\n".join(_indented(part) for part in text.splitlines())


def _kind(part: traceback.TracebackException) -> str:
    if sys.version_info >= (3, 13):
        return (part.exc_type_str or "error").rpartition(".")[2]
    return getattr(part.exc_type, "__name__", "error")


def _chain(error: traceback.TracebackException) -> list[traceback.TracebackException]:
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    inner = [p for e in error.exceptions or [] for p in _chain(e)]
    return [*(_chain(before) if before else []), *inner, error]


def _indented(line: str) -> str:
    return line[: len(line) - len(line.lstrip())] + clean(line, LINE_CHARS)


def configure(level: str = "warning", form: str = "text", *, content: bool = False) -> None:
    """Sends this package's and the protocol library's records, and the warnings of libraries, to stderr. `content`:
    whether the words of exceptions and warnings, which may quote a prompt or a file, go along.
    """
    formatter = (_JSON if form == "json" else _Plain)(tracebacks=level == "debug", content=content)
    handler = _Handler(_stderr(formatter))
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    warnings.showwarning = functools.partial(_warned, content=content)
    root.setLevel(logging.ERROR if level == "error" else logging.WARNING)
    logging.getLogger("glm_mcp").setLevel(level.upper())
    if not content:
        # They repeat, a record for each word, what a client says of a trace that its call belongs to.
        for name in ("opentelemetry.trace", "opentelemetry.baggage"):
            logging.getLogger(name).setLevel(logging.ERROR)
    if level == "debug":
        # The HTTP libraries log headers at this level; a key travels in one.
        for name in ("httpx", "httpcore", "httpx2"):
            logging.getLogger(name).setLevel(logging.WARNING)


def _warned(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,  # noqa: ARG001 - as above
    line: str | None = None,  # noqa: ARG001 - as above
    *,
    content: bool,
) -> None:
    """A library's warning as a record."""
    words = f": {message}" if content else ""
    logging.getLogger("py.warnings").warning("%s at %s:%s%s", category.__name__, filename, lineno, words)
