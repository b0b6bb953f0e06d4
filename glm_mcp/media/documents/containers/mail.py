"""What one mail says, whatever it was kept in, and how that is handed back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from glm_mcp.media.documents.common.shown import PagesShown, marked, why_shown
from glm_mcp.media.documents.pages import LeftOut, one_text
from glm_mcp.media.documents.web.along import Along, pages_of, parts_of

_TEXT = "the text"


@dataclass(slots=True)
class Mail:
    """What one mail says: its bodies in order, what is attached to it by name, the attached that is text, whole, and the
    pictures that count.
    """

    head: list[str]
    bodies: list[str] = field(default_factory=list)
    attached: list[str] = field(default_factory=list)
    within: list[str] = field(default_factory=list)
    pictures: list[Along] = field(default_factory=list)

    def markdown(self) -> str:
        listed = "\n".join(["Attachments:", "", *self.attached]) if self.attached else ""
        return "\n\n".join(filter(None, ["\n".join(self.head), *self.bodies, listed, *self.within]))

    def why(self, name: str, left_out: LeftOut, place: str = _TEXT) -> str:
        """As of `why_shown`. The head and the names of what is attached are no words beside a picture."""
        if not self.pictures:
            return ""
        _, shown = parts_of({1: self.pictures}, name, left_out, place)
        return why_shown("\n".join((*self.bodies, *self.within)), shown[1])

    def facts(self, kind: str, spec: str | None, name: str) -> dict[str, Any]:
        """The facts of a reading job. Raises InvalidRequest (pages)."""
        left_out = LeftOut()
        why = self.why(name, left_out)
        return marked(one_text(kind, self.markdown(), spec, name, left_out.notes()), why)

    def shown(self, name: str, left_out: LeftOut) -> PagesShown:
        """As of `pages_shown`."""
        return pages_of({1: self.pictures}, "", name, left_out)
