"""Where a reader of RTF stands: the part that its words go to, and what holds for them."""

from __future__ import annotations

from dataclasses import dataclass, field

from glm_mcp.media.documents.richtext.writer import Writer


@dataclass(slots=True)
class Part:
    """A group whose end means something. `kind`: as in APART, IN_LINE, or "formula". `start`: the pieces of the line
    before it and the blocks; of a field: the instructions before its own.
    """

    kind: str
    writer: Writer
    start: tuple[int, int] = (0, 0)
    after: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """What a group inherits and its end restores."""

    skip: bool = False  # its text is not of the document
    dead: bool = False  # nor is anything in it
    after: int = 1  # characters that stand in for a \u, for readers that lack it
    codec: str = "cp1252"
    fonts: bool = False  # inside the font table
    part: Part = field(default_factory=lambda: Part("", Writer()))
    deleted: bool = False
    struck: bool = False
    script: str = ""  # "^" or "~" around what stands high or low
    aside: bool = False  # at the head or the foot of pages
    symbols: str = ""  # the symbol font that it is set in
