"""One picture file into the pieces that are sent: whole, tiles, frames of an animation, or pages. Blocking.

The same `make` runs in a thread for ordinary files and as `image_job` in a child process for the others.
"""

from __future__ import annotations

import io
from dataclasses import asdict, replace
from typing import Any, BinaryIO

from PIL import Image, ImageFile

from glm_mcp.errors import InvalidRequest, NotFound
from glm_mcp.media.detect import detect
from glm_mcp.media.images import decode, encode, metadata, multiframe, tiling
from glm_mcp.media.images.cutting import Made, Options, Piece, cut, finish, look_at, region_of
from glm_mcp.media.images.decode import Damaged

SCREEN_PIXELS = 3840 * 2160
_SEVERAL = {
    "gif",
    "webp",
    "avif",
    "png",
    "jpeg",
    "tiff",
    "jp2",
}  # kinds that may hold several pictures to be shown


def image_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """`make` in a child process; a damaged file is read a second time with what is missing left grey or black."""
    options = Options(**params)
    data = file.read()
    try:
        pieces, notes = make(data, options)
    except Damaged as first:
        ImageFile.LOAD_TRUNCATED_IMAGES = True  # of the process: safe here, where it reads this one file
        try:
            pieces, notes = make(data, options)
        except Damaged as second:
            raise decode.unreadable(options.name, "the file is damaged") from second
        if nothing_left(pieces):
            raise decode.unreadable(options.name, "the file is damaged and nothing of it is left") from first
        cut = any(word in str(first).lower() for word in ("truncated", "eof", "not enough", "end of file"))
        notes.insert(
            0,
            "file is truncated: the missing part is grey or black"
            if cut
            else "file is damaged: parts may be missing or wrong",
        )
    return pack(pieces, notes)


def pack(pieces: list[Piece], notes: list[str]) -> tuple[dict[str, Any], list[bytes]]:
    facts = [asdict(replace(piece, data=b"")) for piece in pieces]
    for fact in facts:
        del fact["data"]
    return {"pieces": facts, "notes": notes}, [piece.data for piece in pieces]


def unpack(facts: dict[str, Any], blobs: list[bytes]) -> Made:
    raw = zip(facts["pieces"], blobs, strict=True)
    pieces = [Piece(data=blob, **{**fact, "original": tuple(fact["original"])}) for fact, blob in raw]
    return pieces, list(facts["notes"])


def nothing_left(pieces: list[Piece]) -> bool:
    return all(encode.one_colour(Image.open(io.BytesIO(piece.data)).convert("RGB")) for piece in pieces)


def make(data: bytes, options: Options) -> Made:
    """The pieces of a raster picture and notes for a careful reader.

    Raises UnsupportedMedia, MediaTooLarge, MissingExtra, InvalidRequest, NotFound; Damaged when a tolerant second
    reading may still show something.
    """
    kind = detect(data).name
    image = decode.open_lazily(data, options.name)
    count = decode.count_frames(data, options.name) if kind in _SEVERAL else 1
    if kind == "tiff":
        return multiframe.pages(image, count, options)
    if image.format in {"ICO", "ICNS"}:
        with decode.decoding(options.name):
            image.load()  # the largest of its pictures; only now its size is sure
    if image.format == "MPO":
        count = 1  # the second picture of a camera is the same scene
    if options.page not in {None, "1"}:
        raise NotFound(f"{options.name} has no page {options.page}: it is one picture", "Leave #page= out.")
    if count > 1:
        return multiframe.animation(image, count, options)
    if options.t is not None:
        raise InvalidRequest(f"{options.name} is not animated", "Leave #t= out.")
    return _still(data, image, kind, options)


def _still(data: bytes, image: Image.Image, kind: str, options: Options) -> Made:
    orient = decode.orientation(image)
    original = decode.turned(image.size, orient)
    region = region_of(original, options)
    long = options.tiles and options.most > 1 and tiling.is_long(region[2] - region[0], region[3] - region[1])
    plain = None
    if options.xywh is None and orient == 1 and not long and max(original) <= options.side:
        plain = metadata.plain(data)
    if plain and plain.simple and len(plain.data) <= min(options.limit, options.budget):
        with decode.decoding(options.name):
            if plain.mime == "image/jpeg":
                image.draft(
                    image.mode, (max(1, original[0] // 8), max(1, original[1] // 8))
                )  # all bytes read, few pixels made
            image.load()
        if (image.mode in {"RGB", "L"} and "transparency" not in image.info) or _opaque(image):
            return [Piece(plain.data, plain.mime, *original, original)], []
        if plain.mime == "image/jpeg":
            image = decode.open_lazily(data, options.name)
    # A HEIC of more pixels than a screen has comes from a camera, said or not; decoded whole it takes three times its size.
    camera = (
        orient != 1 or _from_camera(image) or (kind == "heic" and image.width * image.height > SCREEN_PIXELS)
    )
    with decode.decoding(options.name):
        if kind == "jpeg" and not long and options.xywh is None:
            image, camera = _drafted(data, image, region, orient, camera, options)
        if kind == "heic" and camera and not long and options.xywh is None:
            image = decode.smaller_heif(data, image, tiling.whole(region, side=options.side, photo=True).size)
        image.load()
        image = decode.turn(image, orient)
        factor = image.width / original[0]
    flatten, notes = decode.flattener(image)
    with decode.decoding(options.name):
        photo = camera or encode.is_photo(look_at(image, flatten))
    wanted = cut(lambda: image, flatten, region, original, photo, options)
    return finish(wanted, notes, options, factor=factor)


def _drafted(
    data: bytes, image: Image.Image, region: tiling.Region, orient: int, camera: bool, options: Options
) -> tuple[Image.Image, bool]:
    """A JPEG decoded hardly larger than it is sent, and whether it is known for a photo.

    Most are photos, which are sent smaller than graphics; so it is decoded at their size first, and looked at there.
    """

    def scaled(picture: Image.Image, *, photo: bool) -> Image.Image:
        # A tenth less is not seen, and a photo of 4032 pixels is then read at half its size.
        size = tiling.whole(region, side=options.side, photo=photo).size
        share = 0.9 if photo else 1.0
        picture.draft(
            picture.mode, decode.turned((max(1, int(size[0] * share)), max(1, int(size[1] * share))), orient)
        )
        return picture

    whole = image.size
    image = scaled(image, photo=True)
    image.load()
    if camera or image.size == whole:
        return image, camera
    if encode.is_photo(look_at(image, decode.flattener(image)[0]), equal_share=encode.SURELY):
        return image, True
    return scaled(decode.open_lazily(data, options.name), photo=False), False


def decoded_pixels(image: Image.Image, kind: str, frames: int, options: Options) -> int:
    """How many pixels an opened, not yet decoded picture takes in memory while `make` works on it."""
    pixels = image.width * image.height * frames
    region = (0, 0, *image.size)
    cut = options.xywh is not None or (options.tiles and options.most > 1 and tiling.is_long(*image.size))
    if kind != "jpeg" or cut or image.info.get("progressive"):
        return pixels
    width, height = tiling.whole(region, side=options.side, photo=False).size
    step = max(1, min(image.width // width, image.height // height, 8))
    return pixels // (1 << (step.bit_length() - 1)) ** 2


def _opaque(image: Image.Image) -> bool:
    """Whether the transparency a PNG has the means for is nowhere used: it may go as it is."""
    if image.mode == "P" and "transparency" not in image.info:
        return True
    if image.mode in {"RGBA", "LA"}:
        low: Any = image.getchannel("A").getextrema()[0]
        return bool(low == 255)
    return False


def _from_camera(image: Image.Image) -> bool:
    try:
        return bool(image.getexif().get(0x010F))  # Make
    except Exception:  # noqa: BLE001 - EXIF of any kind of brokenness tells nothing
        return False
