"""What the format tests share: what the model got, decoded, each piece with the words before it; and its colours."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from PIL import Image
from support.toolkit import chats, parts

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


def chats_done(sim: Simulator) -> list[Received]:
    """The requests that were answered."""
    return [r for r in chats(sim) if r.status == 200]


def said(request: Received) -> str:
    """All text that the model got."""
    return request.text


def put(path: Path, data: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def near(pixel: tuple[int, int, int], wanted: tuple[int, int, int], most: int = 12) -> bool:
    return all(abs(a - b) <= most for a, b in zip(pixel, wanted, strict=True))


def timed(request: Received) -> list[tuple[float, Got]]:
    """The frames of a video with the time, in seconds, that stands before each."""
    found: list[tuple[float, Got]] = []
    for got in pictures(request):
        mark = re.search(r"\[(?:(\d+):)?(\d+):(\d+\.\d+)\]$", got.said)
        assert mark, got.said
        found.append((int(mark[1] or 0) * 3600 + int(mark[2]) * 60 + float(mark[3]), got))
    return found


def film_of(request: Received) -> bytes:
    """The one video of a request, as a data URL."""
    (part,) = [p for p in parts(request) if p["type"] == "video_url"]
    head, _, coded = part["video_url"]["url"].partition(",")
    assert head.startswith("data:video/")
    return base64.b64decode(coded, validate=True)


def shades(spans: Sequence[tuple[float, int]], fps: int = 10, size: tuple[int, int] = (320, 192)) -> bytes:
    """A video of plain gray pictures: (seconds, shade 0-255 of a wide stripe) one after another; shade 0 is all black."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream: Any = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.options = {"preset": "ultrafast"}
        for seconds, shade in spans:
            image = Image.new("RGB", size)
            image.paste((shade, shade, shade), (0, 0, size[0], size[1] * 3 // 4))
            for _ in range(round(seconds * fps)):
                container.mux(stream.encode(av.VideoFrame.from_image(image)))  # type: ignore[no-untyped-call]
        container.mux(stream.encode(None))
    return out.getvalue()
