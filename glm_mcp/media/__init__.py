"""One source in, content parts out: pictures, videos and documents made ready for the models.

`media.image`, `media.video` and so on are imported at first use: a server that was only asked for its list starts without them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from glm_mcp.media import boxes, document, encoding, fetch, image, sheet, source, times, video, worker

_LAZY = frozenset(
    {"boxes", "document", "encoding", "fetch", "image", "sheet", "source", "times", "video", "worker"}
)


def __getattr__(name: str) -> ModuleType:
    if name not in _LAZY:
        raise AttributeError(name)
    return import_module(f"glm_mcp.media.{name}")


__all__ = ["boxes", "document", "encoding", "fetch", "image", "sheet", "source", "times", "video", "worker"]
