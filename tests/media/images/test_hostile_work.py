"""Pictures that are more work than their header says: read in a process of their own, and the server stays as small as it was."""

from __future__ import annotations

import base64
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


def jpeg_of_many_pieces() -> bytes:
    whole = save(Image.new("RGB", (64, 64), "red"), "JPEG")
    return whole[:2] + b"\xff\xfe\0\2" * 2_000_000 + whole[2:]


def gif_of_many_pieces() -> bytes:
    frame = b"\x21\xf9\4\x08\0\0\0\0\x2c" + struct.pack("<HHHHB", 0, 0, 16, 16, 0) + b"\2\1\1\0"
    return b"GIF89a" + struct.pack("<HHBBB", 16, 16, 0x80, 0, 0) + bytes(6) + frame * 500_000 + b";"


# AVIF that says 64 x 64 pixels in its head, and holds 10,000 x 10,000 of one colour.
_MORE_PIXELS = (
    "c-muNU{FXasVqn=%S>Yc0uY^>nP!-qnV9D5Xy^nKdYzkElE?r7iWw<6MNl?FL1uCZ0~+8f$SlbPvlxL`E;A=T8N_h`@fjhajKT~I"
    "Y(UJQk(rs723IQu<fJk|d5L8PhR*pp`Cz-UG7E|dfV6jJL2^Ej7Rf9wNQK(x0L20YnH8BJ0cH*k4j{#oSZ3(lD9-~D5>C#~DauRE"
    "sQ{YH%fQwE6cW!Y$c6a{=r9&Wre+qPtE6*N5=(>_xVYuNr}NLTUBo2C%VE^WBYeiaz4h*8Uz0<}4lpnToIj;`e2QZM`?^=pcLaWJ"
    "Tk&|q=4q2yM87SwSpQ^yz>S~9Z_174H~yJgr0y#F>_qVLe4bVvEx+(%>mpP*W!SDsh)8{(w%g`sf9R(T%kCyB{+beW{*+6!LyiB-"
    "Un>vruJrtqqgs~GtG~uXz`y=ST-+RXMT3UARTjK_r45^tTo&@5_*Lw)I8f-u>*;;h6DJjPp5dtX{=Y+c!oAy#dknl;mpO?trSG7H"
    "nc2jdDSTm8so&i%58oXKNqe?`PhH8^DR&EMu02_^LI22BC5sL6(ZAo#%nM$4`1*F{xehb-wn@|leOx;;W&fY;`8sdzzcM>io9uF6"
    "s07MrK#vAAaRHr8We=DgpR)h#iMh)^JYlo;*nd~|ivA|2rzYp)1o!N1Y8bwj(I?8R!cQ427JISA>Uf*N1pvPCEB^"
)


def avif_of_more_pixels() -> bytes:
    return zlib.decompress(base64.b85decode(_MORE_PIXELS))


CASES: dict[str, Callable[[], bytes]] = {
    "grows.gif": second_frame_of_another_size,
    "scans.jpg": jpeg_of_many_scans,
    "steps.webp": profile_of_many_steps,
    "large.png": png_of_many_bytes,
    "pieces.png": png_of_many_pieces,
    "pieces.jpg": jpeg_of_many_pieces,
    "pieces.gif": gif_of_many_pieces,
    "more.avif": avif_of_more_pixels,
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
