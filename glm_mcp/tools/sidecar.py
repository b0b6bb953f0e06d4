"""The subtitle file that lies beside a local video."""

from __future__ import annotations

import re
from pathlib import Path

from glm_mcp.errors import GLMError
from glm_mcp.media.charset import decode
from glm_mcp.media.types import Source
from glm_mcp.threads import in_thread
from glm_mcp.tools.base import Deps
from glm_mcp.tools.sources import resolve

SIDECAR_BYTES = 5_000_000  # of a subtitle file; a film's has 100 kB
# After the video's own name.
SIDECAR = re.compile(r"(\.[a-z]{2,3}(?:-[a-z]{2,4})?)?\.(?:srt|vtt)", re.IGNORECASE)


async def subtitles_beside(deps: Deps, source: Source) -> str | None:
    """The text of a subtitle file beside a local video, where it may be read."""
    if source.path is None:
        return None
    for beside in await in_thread(_beside, source.path):
        try:
            found = await resolve(deps, str(beside), "any")
        except GLMError:
            continue
        try:
            if found[0].size > SIDECAR_BYTES:
                continue
            data = await in_thread(found[0].read)
            return decode(data, beside.name).text
        except GLMError:
            continue
        finally:
            found[0].close()
    return None


def _beside(video: Path) -> list[Path]:
    """Subtitle files of a video: its name, perhaps a language, and the suffix; the plainest name first."""
    try:
        names = [p for p in video.parent.iterdir() if p.name.casefold().startswith(video.stem.casefold())]
    except OSError:
        return []
    fit = [p for p in names if SIDECAR.fullmatch(p.name[len(video.stem) :])]
    return sorted(fit, key=lambda p: (len(p.name), p.name.casefold()))
