"""An image into the bytes that a model gets: PNG for graphics, JPEG for photos. Blocking."""

from __future__ import annotations

from PIL import Image, ImageChops, ImageStat

from glm_mcp.errors import MediaTooLarge
from glm_mcp.media.raster import Encoded, jpeg, jpeg_within, png

# A PNG up to this size goes as it is; a larger one must be worth its bytes beside a JPEG.
_PNG_FREE = 1_500_000
_SMALL = 256 * 1024  # pixels: of so small an image nothing need be lost, whatever it shows
_GRAPHIC_QUALITIES = (90, 80, 70)
_PHOTO_QUALITIES = (85, 75, 65)
SURELY = 0.3  # for `is_photo` of a reduced image: photos have 0.04 to 0.15 there, pages of text 0.5 to 0.8


def is_photo(image: Image.Image, *, equal_share: float = 0.5) -> bool:
    """Whether an RGB or L image is a photo rather than flat graphics (a screenshot, a scan of text, a chart).

    Looked at in full-size samples: in graphics most pixels equal their right neighbour, in photos few do
    (`equal_share` at most).
    """
    width, height = image.size
    side = 128
    equal = seen = 0
    for row in range(4):
        for column in range(4):
            left = max(0, (width - side) * column // 3)
            top = max(0, (height - side) * row // 3)
            sample = image.crop((left, top, min(width, left + side), min(height, top + side)))
            if sample.width < 2:
                continue
            a = sample.crop((0, 0, sample.width - 1, sample.height))
            b = sample.crop((1, 0, sample.width, sample.height))
            bands = ImageChops.difference(a, b).split()
            largest = bands[0]
            for band in bands[1:]:
                largest = ImageChops.lighter(largest, band)
            histogram = largest.histogram()
            equal += histogram[0]
            seen += sum(histogram)
    return seen > 0 and equal < equal_share * seen


def encode(image: Image.Image, *, limit: int, photo: bool, name: str) -> Encoded:
    """An RGB or L image as PNG (graphics) or JPEG (photos) of at most `limit` bytes, shrunk when nothing else helps.

    Raises MediaTooLarge when even a tiny image does not fit, ConfigError.
    """
    qualities = _PHOTO_QUALITIES if photo else _GRAPHIC_QUALITIES
    if not photo or image.width * image.height <= _SMALL:
        lossless = png(image)
        if len(lossless.data) <= min(limit, _PNG_FREE):
            return lossless
        if len(lossless.data) <= limit:
            lossy = jpeg(image, qualities[0], sharp=not photo)
            return lossless if len(lossless.data) <= 1.5 * len(lossy.data) else lossy
    made = jpeg_within(image, limit, qualities=qualities, sharp=not photo)
    if len(made.data) > limit:
        raise MediaTooLarge(
            f"{name} does not fit into the room that is left in the request", "Send fewer pictures at once."
        )
    return made


def one_colour(image: Image.Image) -> bool:
    """Whether every pixel is the same: what a tolerant decoder makes of a file of which nothing is left."""
    return all(low == high for low, high in ImageStat.Stat(image).extrema)
