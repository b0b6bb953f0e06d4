"""Logging to stderr. Stdout belongs to the protocol."""

from __future__ import annotations

import logging
import sys

from glm_mcp.errors import clean

LEVELS = ("debug", "info", "warning", "error")
SHORTEST = (
    8  # a "secret" such as EMPTY, which some servers of one's own want, is a word that may stand anywhere
)
_hidden: set[str] = set()


def hide(*secrets: str | None) -> None:
    """Keeps these out of what is logged or said of an error from now on, whatever they look like."""
    _hidden.update(s for s in secrets if s and len(s) >= SHORTEST)


def without_secrets(text: str) -> str:
    for secret in _hidden:
        text = text.replace(secret, "[key]")
    return text


class _Plain(logging.Formatter):
    """One line a record, cleaned of anything that looks like a key; a traceback only at debug level."""

    def __init__(self, *, tracebacks: bool) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s", "%H:%M:%S")
        self.tracebacks = tracebacks

    def format(self, record: logging.LogRecord) -> str:
        info, record.exc_info = record.exc_info, None
        line = clean(without_secrets(super().format(record)), 2000)
        record.exc_info = info
        if info and self.tracebacks:
            trace = without_secrets(self.formatException(info))
            line += "\n" + "\n".join(_indented(part) for part in trace.splitlines())
        elif info and info[0]:
            line += f" [{info[0].__name__}; --log-level debug shows where]"
        return line


def _indented(line: str) -> str:
    return line[: len(line) - len(line.lstrip())] + clean(line, 2000)


def configure(level: str = "warning") -> None:
    """Sends this package's and the protocol library's records to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Plain(tracebacks=level == "debug"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.ERROR if level == "error" else logging.WARNING)
    logging.getLogger("glm_mcp").setLevel(level.upper())
    if level == "debug":
        # The HTTP libraries log headers at this level; a key travels in one.
        for name in ("httpx", "httpcore", "httpx2"):
            logging.getLogger(name).setLevel(logging.WARNING)
