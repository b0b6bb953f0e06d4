"""What the format tests share: what the model got, decoded, each piece with the words before it; and its colours."""

from __future__ import annotations

import base64
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from toolkit import chats, parts

from glm_mcp.simulator import Received, Simulator


@dataclass(frozen=True)
class Got:
    """A picture as it arrived. `said`: the text between it and the picture before."""

    said: str
    data: bytes
    image: Image.Image

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    def pixel(self, x: int, y: int) -> tuple[int, int, int]:
        found: Any = self.image.convert("RGB").getpixel((x, y))
        return (found[0], found[1], found[2])


def pictures(request: Received) -> list[Got]:
    """All pictures of the last message in order. Each must be what the service takes: PNG or JPEG, named rightly."""
    found: list[Got] = []
    said: list[str] = []
    for part in parts(request):
        if part["type"] == "text":
            said.append(part["text"])
            continue
        if part["type"] != "image_url":
            continue
        _, comma, coded = part["image_url"]["url"].rpartition(",")
        data = base64.b64decode(coded or comma, validate=True)
        image = Image.open(io.BytesIO(data))
        image.load()
        assert image.format in {"PNG", "JPEG"}
        found.append(Got("\n".join(said), data, image))
        said = []
    assert [(m.width, m.height) for m in request.media] == [g.image.size for g in found]
    return found


def one_picture(sim: Simulator) -> Got:
    """The only picture of the only request."""
    requests = chats(sim)
    assert [r.status for r in requests] == [200]
    (got,) = pictures(requests[0])
    return got


def all_pictures(sim: Simulator) -> list[Got]:
    """The pictures of all answered requests, in order of arrival."""
    return [got for request in chats(sim) if request.status == 200 for got in pictures(request)]


def said(request: Received) -> str:
    """All text that the model got."""
    return request.text


def put(path: Path, data: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def near(pixel: tuple[int, int, int], wanted: tuple[int, int, int], most: int = 12) -> bool:
    return all(abs(a - b) <= most for a, b in zip(pixel, wanted, strict=True))
