"""Standard output that takes whatever is said, and says at the end what became of it."""

from __future__ import annotations

import io
import os
import sys


class Stdout(io.TextIOWrapper):
    """Raises nothing: once nobody reads on, or a disk is full, the rest goes nowhere. `why`: of the latter."""

    why = ""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError as error:
            self._lost(error)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            self._lost(error)

    def _lost(self, error: OSError) -> None:
        if not isinstance(error, BrokenPipeError):  # a reader such as `head` has had enough
            self.why = str(error.strerror)
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())


def unwritten() -> str:
    """Why standard output did not take all that was said."""
    if sys.stdout:
        sys.stdout.flush()
    return sys.stdout.why if isinstance(sys.stdout, Stdout) else ""


def patient() -> None:
    """From now on standard output is one."""
    given = sys.stdout
    if isinstance(given, io.TextIOWrapper):
        # A terminal's encoding may lack a character of an answer.
        sys.stdout = Stdout(
            given.buffer,
            given.encoding,
            "replace",
            line_buffering=given.line_buffering,
            write_through=given.write_through,
        )
