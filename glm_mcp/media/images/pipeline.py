"""One image file into the pictures that are sent: whole, tiles, frames of an animation, or pages. Blocking.

The same `make` runs in a thread for ordinary files and as `image_job` in a child process for the others.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, BinaryIO

from PIL import Image, ImageFile

from glm_mcp.errors import InvalidRequest, NotFound, UnsupportedMedia
from glm_mcp.glm.messages import Image as Part
from glm_mcp.media.colours.said import TRANSFER
from glm_mcp.media.images import decode, deep, encode, heif, metadata, multiframe, other, tiff, tiling
from glm_mcp.media.images.cutting import canvas_of, cut, is_tiled, look_at, note_shrinking
from glm_mcp.media.images.decode import Damaged
from glm_mcp.media.images.flatten import flattener
from glm_mcp.media.images.options import Options
from glm_mcp.media.images.rare import bands, cursor, jxl, photoshop, pixmap, qoi, raw
from glm_mcp.media.types import Picture

_SCREEN_PIXELS = 3840 * 2160
_ANIMATED = frozenset(("GIF", "WEBP", "AVIF", "PNG"))
_JPEGS = frozenset(("JPEG", "MPO"))  # MPO: a camera's, whose second picture is the same scene
# Of which every form is known here: what is refused is damaged.
_FEW_FORMS = frozenset(("png", "jpeg", "gif", "webp"))
_TRUNCATED = "file is truncated: the missing part is grey or black"
_DAMAGED = "file is damaged: parts may be missing or wrong"


def image_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """`make` in a child process. A file that Pillow refuses goes to the other library, or is read a second time with
    what is missing left grey or black.
    """
    notes: list[str] = []
    read = file.read()
    data, options = _known(read, Options.of(params), notes)
    deeper = options.kind == "jp2" and deep.overflows(data)
    try:
        made = (deeper and _by_other(data, options)) or make(data, options)
    except Damaged as first:
        # Pillow ends a Targa picture where a run of equal pixels goes on in the next row, as many programs write it.
        made = (options.kind == "tga" and _by_other(data, options)) or _tolerantly(data, options, first)
    if options.kind == "psd" and photoshop.is_without_picture(read) and _of_two_colours(made):
        made = _small_preview(read, options)
    return pack(with_notes(made, notes))


def _small_preview(data: bytes, options: Options) -> list[Picture]:
    """Of a Photoshop file without the picture of its layers. Raises UnsupportedMedia."""
    found = photoshop.preview(data)
    if found is None or options.fragment.xywh:
        raise UnsupportedMedia(
            f"{options.name} was saved without the picture of its layers",
            "Save it in Photoshop with Maximize Compatibility, or export it as PNG.",
        )
    jpeg, share = found
    made = make(jpeg, replace(options, kind="jpeg", units=share))
    made = [replace(picture, original=photoshop.size(data)) for picture in made]
    return with_notes(
        made, ["saved without the picture of its layers: shown as its small preview; export it as PNG"]
    )


def _known(data: bytes, options: Options, notes: list[str]) -> tuple[bytes, Options]:
    """A file that no library here takes, as one that they do. Adds to `notes`. Raises UnsupportedMedia."""
    if options.kind == "psd":
        return photoshop.simple(data), options
    if options.kind == "xpm":
        return pixmap.simple(data), options
    if options.kind == "qoi":
        return qoi.simple(data), options
    if options.kind == "cur":
        return cursor.as_icon(data), replace(options, kind="ico")
    if options.kind == "jxl" and jxl.is_animated(data):
        notes.append("an animation: its last picture is shown")
    if options.kind not in {"raw", "tiff"}:
        return data, options
    jpeg = raw.preview(data, options.kind)
    if jpeg:
        notes.append("a camera's raw picture: shown as the JPEG in it")
        return jpeg, replace(options, kind="jpeg")
    if options.kind == "raw":
        raise UnsupportedMedia(
            f"{options.name} is a camera's raw picture without a JPEG in it",
            "Export it as JPEG in the program that develops it.",
        )
    return data, options


def _by_other(data: bytes, options: Options) -> list[Picture] | None:
    """None where the other library refuses it too, or a page or a moment of it is wanted. Raises MediaTooLarge,
    MissingExtra.
    """
    if options.fragment.page or options.fragment.t:
        return None
    notes: list[str] = []
    try:
        if options.kind == "tiff" and (jpeg := tiff.old_jpeg(data)):
            return make(jpeg, replace(options, kind="jpeg"))
        with decode.decoding(options.name):
            image = bands.read(data, options.name, notes) if options.kind == "tiff" else None
            image = image or other.read(data, options.name, options.kind)
            if image is None:
                return None
            return with_notes(cut(canvas_of(image, image.size, options, notes), options, notes), notes)
    except Damaged:
        return None


def _tolerantly(data: bytes, options: Options, first: Damaged) -> list[Picture]:
    """Raises UnsupportedMedia."""
    ImageFile.LOAD_TRUNCATED_IMAGES = True  # of the process: safe here, where it reads this one file
    why = "the file is damaged"
    if options.kind not in _FEW_FORMS or (options.kind == "jpeg" and not metadata.is_usual_jpeg(data)):
        why = "the file is damaged, or of a form that is not known here"
    try:
        pictures = make(data, options, damaged=True)
        if not nothing_left(pictures):
            cut_off = any(
                word in str(first).lower() for word in ("truncated", "eof", "not enough", "end of file")
            )
            return with_notes(pictures, [_TRUNCATED if cut_off else _DAMAGED])
        why = "the file is damaged and nothing of it is left"
    except Damaged:
        pass
    made = _by_other(data, options)
    if made is None:
        raise decode.unreadable(options.name, why) from first
    return made


def pack(pictures: Sequence[Picture]) -> tuple[dict[str, Any], list[bytes]]:
    """Pictures as a job's result: their bytes apart from what can be JSON."""
    bare = [asdict(replace(p, part=replace(p.part, data=None))) for p in pictures]
    return {"pictures": bare}, [p.part.data or b"" for p in pictures]


def unpack(facts: dict[str, Any], blobs: Sequence[bytes]) -> list[Picture]:
    """The pictures that `pack` was given."""
    return [
        Picture(
            **{
                **bare,
                "part": Part(**{**bare["part"], "data": data}),
                "original": tuple(bare["original"]),
                "notes": tuple(bare["notes"]),
            }
        )
        for bare, data in zip(facts["pictures"], blobs, strict=True)
    ]


def with_notes(pictures: Sequence[Picture], notes: Sequence[str]) -> list[Picture]:
    """The notes put before those of the first picture."""
    first, *rest = pictures
    return [replace(first, notes=(*notes, *first.notes)), *rest]


def nothing_left(pictures: Sequence[Picture]) -> bool:
    return all(encode.one_colour(Image.open(io.BytesIO(p.part.data or b"")).convert("RGB")) for p in pictures)


def _of_two_colours(pictures: Sequence[Picture]) -> bool:
    """White, or the words of Photoshop that there is no picture, white on black."""
    seen = (Image.open(io.BytesIO(p.part.data or b"")).convert("RGB") for p in pictures)
    return all(image.getcolors(2) is not None for image in seen)


def make(data: bytes, options: Options, *, damaged: bool = False) -> list[Picture]:
    """The pictures of a raster file; notes for a careful reader are on the first.

    `damaged`: only a tolerant reading accepts it, so that it is written anew, never sent as it is.

    Raises UnsupportedMedia, MediaTooLarge, MissingExtra, InvalidRequest, NotFound, ConfigError; Damaged when a tolerant
    second reading may still show something.
    """
    image = decode.open_lazily(data, options.name, options.kind)
    notes: list[str] = []
    if image.format == "TIFF":
        return with_notes(multiframe.pages(data, image, options, notes), notes)
    # Other files are one picture, whatever else they hold.
    count = decode.count_frames(data, options.name, options.kind) if image.format in _ANIMATED else 1
    if image.format in {"ICO", "ICNS", "CUR"}:
        with decode.decoding(options.name):
            image.load()  # the largest of its images; only now its size is sure
            if image.format == "ICNS":
                _complete(image)
    page = options.fragment.page
    if page not in {None, "1"}:
        raise NotFound(f"{options.name} has no page {page}: it is one picture", "Leave #page= out.")
    if count > 1:
        return with_notes(multiframe.animation(data, image, count, options, notes), notes)
    if options.fragment.t is not None:
        raise InvalidRequest(f"{options.name} is not animated", "Leave #t= out.")
    return with_notes(_still(data, image, options, notes, damaged=damaged), notes)


def _complete(icon: Any) -> None:
    """Gives a loaded icon of macOS the palette of its image, and what of it is transparent, which Pillow leaves behind."""
    chosen = icon.icns.getimage()
    icon.palette = chosen.palette
    if "transparency" in chosen.info:
        icon.info["transparency"] = chosen.info["transparency"]


def _still(
    data: bytes, image: Image.Image, options: Options, notes: list[str], *, damaged: bool
) -> list[Picture]:
    orient = decode.orientation(image)
    original = decode.turned(image.size, orient)
    left, top, right, bottom = region = options.region(original)
    whole = options.fragment.xywh is None and not is_tiled(right - left, bottom - top, options)
    if not damaged and metadata.has_wrong_sum(data):
        notes.append(_DAMAGED)
    elif whole and not damaged and orient == 1 and max(original) <= options.side:
        untouched = _untouched(data, image, options)
        if untouched:
            note_shrinking(options.units, notes, text=True)
            return [untouched]
    # A HEIC of more pixels than a screen has comes from a camera, said or not; decoded whole it takes three times its size.
    large_heif = image.format == "HEIF" and image.width * image.height > _SCREEN_PIXELS
    camera = orient != 1 or decode.is_from_camera(image) or large_heif
    with decode.decoding(options.name):
        if whole and image.format in _JPEGS:
            image, camera = _drafted(data, image, region, orient, camera, options)
        elif whole and camera and image.format == "HEIF":
            image = heif.smaller(data, image, tiling.whole(region, side=options.side, photo=True).size)
        image = decode.turn(deep.load(data, image, notes), orient)
    canvas = canvas_of(image, original, options, notes, photo=camera)
    return cut(canvas, options, notes)


def _untouched(data: bytes, image: Image.Image, options: Options) -> Picture | None:
    """A PNG or JPEG as it is but for its metadata, when it decodes, fits and hides nothing. Loads a PNG."""
    plain = None if TRANSFER in image.info else metadata.plain(data)
    if plain is None or not plain.simple or len(plain.data) > min(options.limit, options.budget):
        return None
    size = image.size
    with decode.decoding(options.name):
        if plain.mime == "image/jpeg":
            image = decode.open_lazily(data, options.name, options.kind)
            eighth = max(1, image.width // 8), max(1, image.height // 8)
            image.draft(image.mode, eighth)  # all bytes read, few pixels made
        image.load()
    if not _opaque(image):
        return None
    return Picture(Part(options.name, data=plain.data, mime=plain.mime), *size, size, scale=options.units)


def _drafted(
    data: bytes, image: Image.Image, region: tiling.Region, orient: int, camera: bool, options: Options
) -> tuple[Image.Image, bool]:
    """A JPEG decoded hardly larger than it is sent, and whether it is known for a photo.

    Most are photos, which are sent smaller than graphics; so it is decoded at their size first, and looked at there.
    """

    def scaled(image: Image.Image, *, photo: bool) -> Image.Image:
        # A tenth less is not seen, and a photo of 4032 pixels is then read at half its size.
        size = tiling.whole(region, side=options.side, photo=photo).size
        share = 0.9 if photo else 1.0
        least = max(1, int(size[0] * share)), max(1, int(size[1] * share))
        image.draft(image.mode, decode.turned(least, orient))
        return image

    whole = image.size
    image = scaled(image, photo=True)
    image.load()
    if camera or image.size == whole:
        return image, camera
    if encode.is_photo(look_at(image, flattener(image)[0]), equal_share=encode.SURELY):
        return image, True
    return scaled(decode.open_lazily(data, options.name, options.kind), photo=False), False


def is_plain_work(data: bytes, image: Image.Image, options: Options) -> bool:
    """Whether an opened, not yet decoded image is as much work as its header says: each frame of an animation may be of
    any size, a JPEG may go through its pixels a thousand times, a profile may take as many steps for each colour.
    """
    if image.format in _JPEGS:
        return metadata.scans(data) <= metadata.SCANS and not _has_many_steps(image)
    with decode.decoding(options.name):
        # On a copy: one that breaks off after its first frame leaves the reader unusable.
        again = decode.open_lazily(data, options.name, options.kind)
        return not getattr(again, "is_animated", False) and not _has_many_steps(image)


def _has_many_steps(image: Image.Image) -> bool:
    # The one kind of a profile's tags that has any number of them.
    return b"mpet" in (image.info.get("icc_profile") or b"")


def decoded_pixels(image: Image.Image, options: Options) -> int:
    """How many pixels an opened, not yet decoded image takes in memory while `make` works on it, where that is plain work."""
    pixels = image.width * image.height
    region = (0, 0, *image.size)
    cut_up = options.fragment.xywh is not None or is_tiled(*image.size, options)
    if image.format not in _JPEGS or cut_up or image.info.get("progressive"):
        return pixels
    width, height = tiling.whole(region, side=options.side, photo=False).size
    step = max(1, min(image.width // width, image.height // height, 8))
    return pixels // (1 << (step.bit_length() - 1)) ** 2


def _opaque(image: Image.Image) -> bool:
    """Whether the transparency that the image has the means for is nowhere used."""
    if image.mode in {"RGB", "L", "P"}:
        return "transparency" not in image.info
    if image.mode in {"RGBA", "LA"}:
        low: Any = image.getchannel("A").getextrema()[0]
        return bool(low == 255)
    return False
