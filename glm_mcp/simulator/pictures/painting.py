"""A pleasant picture of the asked size: colours from the prompt, its words, and a mark that no model made it."""

import functools
import hashlib
import io
import textwrap

from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from glm_mcp.simulator.completions.tokens import HAN

MARK = "AI generated · simulator"
_SMALL = 96
# Fonts with Chinese characters, by the names common systems give them.
_HAN_FONTS = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansSC-Regular.otf",
    "wqy-microhei.ttc",
    "msyh.ttc",
    "simhei.ttf",
    "PingFang.ttc",
    "STHeiti Light.ttc",
)
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def paint(prompt: str, size: tuple[int, int]) -> bytes:
    """A PNG of `size`; the same prompt and size give the same picture."""
    seed = hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).digest()
    picture = _background(seed, size)
    draw = ImageDraw.Draw(picture, "RGBA")
    width, height = size
    points = max(18, min(size) // 22)
    font = _font(points, han=bool(HAN.search(prompt)))
    if font is None:
        words, font = f"{len(prompt)} characters, sha256 {seed.hex()[:8]}", _font(points, han=False)
    else:
        words = " ".join(prompt.split())[:240]
    text = "\n".join(textwrap.wrap(words, max(8, int(width / points / (1.1 if HAN.search(words) else 0.62)))))
    left, top, right, bottom = draw.multiline_textbbox(
        (width / 2, height / 2), text, font, "mm", align="center"
    )
    pad = points
    draw.rounded_rectangle((left - pad, top - pad, right + pad, bottom + pad), pad, fill=(0, 0, 0, 96))
    draw.multiline_text((width / 2, height / 2), text, (255, 255, 255, 255), font, "mm", align="center")
    small = _font(max(14, min(size) // 40), han=False)
    spot = (width - pad // 2, height - pad // 2)
    draw.text(spot, MARK, (255, 255, 255, 220), small, "rs", stroke_width=1, stroke_fill=(0, 0, 0, 160))
    facts = PngInfo()
    facts.add_text("Software", MARK)
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=1, pnginfo=facts)
    return out.getvalue()


def _background(seed: bytes, size: tuple[int, int]) -> Image.Image:
    """Three colours flowing into each other; made small, then enlarged, which is what makes it soft."""
    small = Image.new("RGB", (_SMALL, _SMALL), _tone(seed, 0))
    draw = ImageDraw.Draw(small)
    for index in range(1, 8):
        x, y = seed[index * 3] % _SMALL, seed[index * 3 + 1] % _SMALL
        radius = 10 + seed[index * 3 + 2] % 26
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=_tone(seed, index))
    tiny = small.resize((8, 8), Image.Resampling.BOX)
    return tiny.resize(size, Image.Resampling.BICUBIC)


def _tone(seed: bytes, index: int) -> tuple[int, int, int]:
    red, green, blue = seed[index], seed[index + 8], seed[index + 16]
    return 40 + red * 3 // 5, 40 + green * 3 // 5, 60 + blue * 3 // 5


@functools.lru_cache(maxsize=32)
def _font(points: int, *, han: bool) -> Font | None:
    """A font of this size; None when Chinese is wanted and no font on this machine has it."""
    if not han:
        return ImageFont.load_default(points)
    for name in _HAN_FONTS:
        try:
            return ImageFont.truetype(name, points)
        except OSError:
            continue
    return None
