"""Server-sent events, put together from pieces of any size."""

from __future__ import annotations

from collections.abc import Iterator

MARK = b"\xef\xbb\xbf"  # of the byte order, which may stand before the first line


class Events:
    """Reads one stream. `pending`: bytes of the event that has begun and not ended."""

    def __init__(self) -> None:
        self.pending = 0
        self._data = bytearray()  # of this event, a line break before each line; there may be millions
        self._line = bytearray()  # as far as it has come
        self._before = MARK  # what may stand before the next line
        self._returned = False  # the last piece ended with a CR, to which a LF may belong

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The data of each event that ends in this piece. What else an event may have (its type, its id) nobody here
        reads.
        """
        if self._returned and piece:
            piece = piece.removeprefix(b"\n")
        self._returned = piece.endswith(b"\r")
        for part in piece.splitlines(keepends=True):
            self.pending += len(part)
            self._line += part
            if part[-1] not in b"\r\n":
                return
            line = self._line.rstrip(b"\r\n").removeprefix(self._before)
            self._line.clear()
            self._before = b""
            if line:
                name, _, value = line.partition(b":")
                if name == b"data":
                    self._data += b"\n" + value.removeprefix(b" ")
                continue
            data = bytes(self._data[1:])
            self._data.clear()
            self.pending = 0
            if data:
                yield data

    def rest(self) -> bytes:
        """The data of the event in which the body ended: some servers leave out its empty line. Of a line that was cut before
        any data its beginning, which is none.
        """
        cut = bytes(self._line)
        return next(self.feed(b"\n\n"), b"") or cut.partition(b":")[0]
