"""Logging to stderr. Stdout belongs to the protocol."""

from __future__ import annotations

import logging
import sys

from glm_mcp.errors import clean

LEVELS = ("debug", "info", "warning", "error")


class _Plain(logging.Formatter):
    """One line a record, cleaned of anything that looks like a key; a traceback only at debug level."""

    def __init__(self, *, tracebacks: bool) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s", "%H:%M:%S")
        self.tracebacks = tracebacks

    def format(self, record: logging.LogRecord) -> str:
        info, record.exc_info = record.exc_info, None
        line = clean(super().format(record), 2000)
        record.exc_info = info
        if info and self.tracebacks:
            line += "\n" + "\n".join(clean(part, 2000) for part in self.formatException(info).splitlines())
        elif info and info[0]:
            line += f" [{info[0].__name__}; --log-level debug shows where]"
        return line


def configure(level: str = "warning") -> None:
    """Sends this package's and the protocol library's records to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Plain(tracebacks=level == "debug"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("glm_mcp").setLevel(level.upper())
    if level == "debug":
        # The HTTP libraries log headers at this level; a key travels in one.
        for name in ("httpx", "httpcore", "httpx2"):
            logging.getLogger(name).setLevel(logging.WARNING)
