"""Pictures that are more work than their header says: read in a process of their own, and the server stays as small as it was."""

from __future__ import annotations

import io
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageCms
from support.cases import each
from support.pictures import photo, save
from support.processes import Stdio, environment, said

from glm_mcp.simulator import Simulator

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="what a process holds is read from /proc"),
    pytest.mark.extreme,
]

GROWN_MB = (
    120  # of the server; each of these took from twice to ten times as much where the server read it itself
)


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def second_frame_of_another_size() -> bytes:
    """A first frame of one pixel and a second of 79 million."""
    frames = [
        b"\x21\xf9\4\4\x0a\0\0\0\x2c" + struct.pack("<HHHHB", 0, 0, *size, 0) + b"\2\2\x44\1\0"
        for size in ((1, 1), (65_535, 1_200))
    ]
    return (
        b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff" + b"".join(frames) + b";"
    )


def jpeg_of_many_scans() -> bytes:
    whole = save(photo(400, 400).convert("L"), "JPEG", progressive=True)
    end = whole.rfind(b"\xff\xd9")
    last = whole.rfind(b"\xff\xda")
    return whole[:end] + whole[last:end] * 100 + whole[end:]


def profile_of_many_steps() -> bytes:
    """WebP, whose profile is of sRGB with one more tag, of processing elements."""
    plain = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    return save(Image.new("RGB", (64, 64), "red"), "WEBP", icc_profile=bytes(plain) + b"mpet\0\0\0\0")


def png_of_many_bytes() -> bytes:
    whole = save(Image.new("RGB", (64, 64), "red"), "PNG")
    return whole[:33] + chunk(b"prVt", bytes(24_500_000)) + whole[33:]


def png_of_many_pieces() -> bytes:
    whole = save(Image.new("RGB", (64, 64), "red"), "PNG")
    data = zlib.compress(bytes(64 * 193), 0) + bytes(100_000)
    return whole[:33] + b"".join(chunk(b"IDAT", bytes([byte])) for byte in data) + chunk(b"IEND", b"")


CASES: dict[str, Callable[[], bytes]] = {
    "grows.gif": second_frame_of_another_size,
    "scans.jpg": jpeg_of_many_scans,
    "steps.webp": profile_of_many_steps,
    "large.png": png_of_many_bytes,
    "pieces.png": png_of_many_pieces,
    "numbers.pgm": lambda: b"P2\n700 700\n255\n" + b"1 " * 490_000,
    "runs.qoi": lambda: (
        b"qoif"
        + struct.pack(">IIBB", 3_000, 3_000, 3, 0)
        + b"\xfd" * (9_000_000 // 62 + 1)
        + b"\0" * 7
        + b"\1"
    ),
}


def most_mb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()


@each("name", CASES)
def test_a_picture_of_more_work_than_its_header_says_is_read_in_a_process_of_its_own(
    name: str, sim: Simulator, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(CASES[name]())
    small = tmp_path / "small.png"
    small.write_bytes(save(Image.new("RGB", (64, 64), "red"), "PNG"))
    with Stdio(environment(tmp_path / "home", sim), tmp_path) as server:
        server.initialize()
        assert "I received 1 image" in said(server.call("describe_image", {"images": str(small)}))
        before = most_mb(server.popen.pid)
        result = server.call("describe_image", {"images": str(tmp_path / name)})
        assert children(server.popen.pid), "the process that readers are forked from"
        assert most_mb(server.popen.pid) < before + GROWN_MB
    assert not result.get("isError") or said(result).startswith(("media_too_large: ", "unsupported_media: "))


def test_an_animation_is_still_shown_by_its_frames(sim: Simulator, tmp_path: Path) -> None:
    out = io.BytesIO()
    frames = [Image.new("RGB", (80, 60), colour) for colour in ("red", "green", "blue")]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=200)
    (tmp_path / "a.gif").write_bytes(out.getvalue())
    with Stdio(environment(tmp_path / "home", sim), tmp_path) as server:
        server.initialize()
        assert "I received 3 images" in said(server.call("describe_image", {"images": "a.gif"}))
