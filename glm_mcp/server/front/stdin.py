"""Standard input and output, whose descriptors are the protocol's alone from the first byte to the last, whoever takes the
lines.
"""

from __future__ import annotations

import os
import sys
import threading

from glm_mcp.server.front import patient, record
from glm_mcp.server.front.answers import Answers
from glm_mcp.server.front.conditions import Place, place_of
from glm_mcp.server.front.lines import Lines, Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Line = bytes | bytearray

_CHUNK = 1 << 16
_WAITING_BYTES = 4 << 20  # of lines before somebody takes them
_LINE_BYTES = 1_000  # of a short one


class Stdin:
    """The lines of stdin. Until somebody takes them, those with a recorded answer are answered, and all wait.

    `place`: where the record lies or is to lie; None where none is kept. `record`: what lay there. `said`: own id → what
    was said for it.
    `parent`: the process that had started this one when the first line came. `descriptor`, `output`: of stdin and stdout.
    """

    def __init__(self, place: Place | None = None, answers: Answers | None = None) -> None:
        """Takes the descriptor: whatever else reads stdin, a child or a library, finds it empty."""
        self.place = place
        self.record = answers.record if answers else None
        self.said: dict[str, str] = answers.said if answers else {}
        self.parent: int | None = None
        self._answers = answers
        self._lock = threading.Lock()
        self._waiting: list[Line] = []
        self._bytes, self._taken = 0, threading.Event()
        self._ended = False
        self._take: Callable[[Line | None], None] | None = None
        self._refuse: Callable[[bytes], None] = self._write
        self.descriptor, self.output = os.dup(0), os.dup(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        threading.Thread(target=self._read, name="stdin", daemon=True).start()

    def take(
        self, take: Callable[[Line | None], None], refuse: Callable[[bytes], None]
    ) -> tuple[list[Line], bool]:
        """From now on each line goes to `take`, in the thread that reads, and None at the end; the answer to one that is not
        read goes to `refuse`. Returns the lines that have come, and whether the end has.
        """
        with self._lock:
            self._take, self._refuse = take, refuse
            self._taken.set()
            lines, self._waiting = self._waiting, []
            return lines, self._ended

    def _read(self) -> None:
        lines = Lines()
        try:
            while chunk := patient.read(self.descriptor, _CHUNK):
                if self.parent is None:
                    self.parent = os.getppid()
                for line in lines.feed(chunk):
                    self._on_line(line)
                if self._bytes > _WAITING_BYTES:
                    self._taken.wait()
            for line in lines.end():
                self._on_line(line)
        except OSError:  # as the end
            pass
        self._on_end()

    def _on_line(self, line: Line) -> None:
        with self._lock:
            take, refuse = self._take, self._refuse
            if take is None and not isinstance(line, Refusal):
                self._waiting.append(self._answered(line))
                self._bytes += len(line) + _LINE_BYTES
                return
        if isinstance(line, Refusal):
            refuse(line)
        elif take is not None:
            take(line)

    def _answered(self, line: Line) -> Line:
        """The line as the real server is to get it, after its answer was given, if there is one."""
        found = self._answers.answer(line.decode("utf-8", "replace")) if self._answers else None
        if found is None:
            return line
        answer, replay = found
        try:
            self._write(answer.encode() + b"\n")
        except OSError:  # nobody reads: the real server's to find
            self._answers = None
            return line
        return replay.encode()

    def _write(self, line: bytes) -> None:
        patient.write(self.output, line)

    def _on_end(self) -> None:
        with self._lock:
            self._ended = True
            take = self._take
            # With everything said that there was to say, nothing is left to load for.
            if take is None and self._answers and not self._answers.waits:
                os._exit(0)
        if take is not None:
            take(None)


def early(arguments: list[str]) -> Stdin | None:
    """Stdin with the answers that were recorded under today's conditions; None: there are none, or a person sits there."""
    if sys.stdin is None or sys.stdout is None or os.isatty(0):
        return None
    place = place_of(arguments)
    if place is None:
        return None
    found = record.read(place.file, place.digest)
    try:
        return Stdin(place, Answers(found, place.kept) if found else None)
    except RuntimeError:  # no thread may be started: the server finds it too, and can say so
        return None
