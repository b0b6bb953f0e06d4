"""The colours of a film arrive as a screen shows them, in frames and re-encoded, whatever the film stores them as."""

from __future__ import annotations

import io
import itertools
from typing import Any

import av
import pytest
from PIL import Image
from support.cases import each
from support.video_jobs import framed, packed

BT709, BT2020, PQ, HLG, FULL = 1, 9, 16, 18, 2
GREEN = (20, 200, 90)


def film(
    colour: tuple[int, int, int], *, matrix: int = BT709, transfer: int = 1, reach: int = 1, side: int = 320
) -> bytes:
    """Two seconds of one colour. `reach`: limited (1) or full (2)."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        video: Any = container.add_stream("libx264", rate=10)
        video.width, video.height, video.pix_fmt = side, side, "yuv420p"
        video.options = {"preset": "ultrafast", "crf": "4"}
        context = video.codec_context
        context.colorspace, context.color_trc, context.color_range = matrix, transfer, reach
        image = Image.new("RGB", (side, side), colour)
        for _ in range(20):
            frame: Any = av.VideoFrame.from_image(image)  # type: ignore[no-untyped-call]
            container.mux(
                video.encode(frame.reformat(format="yuv420p", dst_colorspace=matrix, dst_color_range=reach))
            )
        container.mux(video.encode(None))
    return out.getvalue()


def near(got: Any, wanted: tuple[int, int, int], off: int = 6) -> bool:
    return all(abs(a - b) <= off for a, b in zip(got, wanted, strict=True))


def shown(data: bytes) -> Any:
    _, (blob, *_) = framed(data, max_frames=2)
    image = Image.open(io.BytesIO(blob))
    return image.getpixel((image.width // 2, image.height // 2))


def re_encoded(data: bytes) -> Any:
    """By a reader that knows no marks: BT.601, of a limited range."""
    _, (blob,) = packed(data, start=0.3)
    with av.open(io.BytesIO(blob), "r") as container:
        frame: Any = next(container.decode(video=0))
        plain = frame.reformat(format="rgb24", src_colorspace=5, src_color_range=1)
        return plain.to_image().getpixel((frame.width // 2, frame.height // 2))


@each("reach", [1, FULL])
@each("matrix", [5, BT709])
def test_colours_stay_what_they_are(matrix: int, reach: int) -> None:
    data = film(GREEN, matrix=matrix, reach=reach)
    assert near(shown(data), GREEN)
    assert near(re_encoded(data), GREEN)


# White of paper, 203 cd/m², and the red of BT.709 as bright, by ST 2084 and BT.2100 in the colours of BT.2020.
@pytest.mark.parametrize(
    ("transfer", "white", "red"),
    [(PQ, (148, 148, 148), (136, 83, 56)), (HLG, (191, 191, 191), (181, 68, 33))],
)
def test_an_hdr_film_is_shown_in_the_colours_of_an_ordinary_screen(
    transfer: int, white: tuple[int, int, int], red: tuple[int, int, int]
) -> None:
    for read in (shown, re_encoded):
        assert min(read(film(white, matrix=BT2020, transfer=transfer))) > 185
        brightest, *rest = read(film(red, matrix=BT2020, transfer=transfer))
        assert brightest > 190
        assert max(rest) < 60


def test_what_is_brighter_than_white_in_an_hdr_film_is_not_lost_in_it() -> None:
    grays = [shown(film((code,) * 3, matrix=BT2020, transfer=PQ))[0] for code in (60, 120, 148, 170, 190)]
    assert all(brighter - darker >= 5 for darker, brighter in itertools.pairwise(grays))
