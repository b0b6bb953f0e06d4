"""A text that comes in pieces, of which there may be millions."""

from __future__ import annotations

MOST = 2_000  # before they are put together: to let half a million go takes a tenth of a second


class Pieces:
    """`chars`: of all that came."""

    def __init__(self, text: str = "") -> None:
        self._pieces = [text]
        self.chars = len(text)

    def add(self, piece: str) -> None:
        if piece:
            self._pieces.append(piece)
            self.chars += len(piece)
        if len(self._pieces) > MOST:
            self._pieces = [self.whole()]

    def whole(self) -> str:
        return "".join(self._pieces)

    def end(self, size: int) -> str:
        """The last pieces, of at least so many characters where there are as many."""
        pieces, found = [], 0
        for piece in reversed(self._pieces):
            pieces.append(piece)
            found += len(piece)
            if found >= size:
                break
        return "".join(reversed(pieces))
