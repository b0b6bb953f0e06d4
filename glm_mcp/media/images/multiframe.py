"""Files of several images: frames of an animation, pages of a TIFF. Blocking."""

from __future__ import annotations

from dataclasses import replace

from PIL import Image

from glm_mcp.errors import InvalidRequest, MediaTooLarge, NotFound
from glm_mcp.media.images import decode, deep, tiff
from glm_mcp.media.images.cutting import canvas_of, cut
from glm_mcp.media.images.options import Options
from glm_mcp.media.images.tiling import MP
from glm_mcp.media.types import Picture

FRAMES = 6  # enough to tell what happens; an animation is not a video
_FRAMES_READ = 5000
_WORK = 2_000 * MP  # pixels of all frames together, about 20 s of decoding


def animation(
    data: bytes, image: Image.Image, count: int, options: Options, notes: list[str]
) -> list[Picture]:
    """Frames spread over the time asked for. Adds to `notes`. Raises MediaTooLarge, InvalidRequest, Damaged."""
    orient = decode.orientation(image)
    original = decode.turned(image.size, orient)
    if count > _FRAMES_READ or count * image.width * image.height > _WORK:
        raise MediaTooLarge(
            f"{options.name} has {count} frames of {image.width} x {image.height} pixels",
            "Send it as a video (MP4) to analyze_video, or a smaller animation.",
        )
    options.region(original)  # refused before all frames are read
    starts, total = _times(image, count, options.name)
    chosen = choose_frames(starts, total, options.fragment.t, min(FRAMES, options.max_parts))
    if not chosen:
        raise InvalidRequest(
            f"{options.name} lasts {total:.2f} s", "Name a time within it with #t=, in seconds."
        )
    if len(starts) < count:
        notes.append(f"file is truncated: only its first {len(starts)} frames are whole")
    moving = count - _stands_in(image)
    if len(chosen) < moving:
        notes.append(f"animation: {len(chosen)} of {moving} frames")
    pictures: list[Picture] = []
    share = replace(options, budget=options.budget // len(chosen), tiles=False)
    # Opened anew: Pillow loses the palette of an animated PNG when it goes back, and shows all of it black.
    image = decode.open_lazily(data, options.name, options.kind)
    for index in chosen:
        with decode.decoding(options.name):
            image.seek(index)
            frame = decode.turn(image.copy(), orient)
        made = _cut(frame, share, notes)
        pictures += [replace(p, label=f"frame at {starts[index]:.2f} s") for p in made]
    return pictures


def _cut(image: Image.Image, options: Options, notes: list[str]) -> list[Picture]:
    """What is said of several is said once."""
    said: list[str] = []
    size = (image.width, round(image.height * options.pixel))
    pictures = cut(canvas_of(image, size, options, said), options, said)
    notes += [note for note in said if note not in notes]
    return pictures


def _stands_in(image: Image.Image) -> bool:
    """Whether the first picture is no frame, but for viewers that know no animated PNG."""
    return bool(getattr(image, "default_image", False))


def _times(image: Image.Image, count: int, name: str) -> tuple[list[float], float]:
    """Start of each readable frame and their length together, in seconds.

    Frames of 10 ms or less last 100, as in browsers. A damaged file ends before its first broken frame.
    """
    starts, now = [], 0.0
    for index in range(count):
        try:
            with decode.decoding(name):
                image.seek(index)
                image.load()
        except decode.Damaged:
            if index == 0:
                raise
            break
        duration = float(image.info.get("duration") or 0)
        starts.append(now / 1000)
        if index > 0 or not _stands_in(image):
            now += duration if duration > 10 or image.format == "AVIF" else 100.0
    return starts, now / 1000


def choose_frames(
    starts: list[float], total: float, t: tuple[float, float | None] | None, max_frames: int
) -> list[int]:
    """Frames spread evenly over the time asked for (`t`, seconds), first and last among them; none when outside."""
    begin, end = t if t is not None else (0.0, None)
    end = total if end is None else min(end, total)
    if not 0 <= begin < total or end < begin:
        return []
    ends = [*starts[1:], total]
    shown = [i for i, start in enumerate(starts) if start <= end and ends[i] > begin]
    if end > begin:
        shown = [i for i in shown if starts[i] < end] or shown[:1]
    if len(shown) <= max_frames:
        return shown
    if max_frames == 1:
        return [shown[0] if t is not None else shown[len(shown) // 2]]
    first, last = max(begin, starts[shown[0]]), starts[shown[-1]]
    targets = [first + (last - first) * k / (max_frames - 1) for k in range(max_frames)]
    return sorted(
        {max(i for i in shown if starts[i] <= target + 1e-9 or i == shown[0]) for target in targets}
    )


def pages(data: bytes, image: Image.Image, options: Options, notes: list[str]) -> list[Picture]:
    """Pages of a TIFF. Adds to `notes`. Raises InvalidRequest, NotFound, MediaTooLarge, Damaged."""
    places, whole = tiff.pages(data)
    total = len(places)
    if not whole:
        notes.append(f"file is truncated: only its first {total:,} page{'s' * (total > 1)} can be reached")
    if options.fragment.t is not None:
        raise InvalidRequest(f"{options.name} is not animated", "Leave #t= out.")
    asked = parse_pages(options.fragment.page, total, options.name)
    chosen = asked[: options.max_parts]
    if len(chosen) < len(asked):
        notes.append(f"{len(chosen)} of {total} pages; name others with #page=")
    share = replace(
        options,
        budget=options.budget // len(chosen),
        max_parts=max(1, options.max_parts // len(chosen)),
    )
    pictures: list[Picture] = []
    for page in chosen:
        place = places[page - 1]
        with decode.decoding(options.name):
            if total > 1:
                image = tiff.opened(tiff.Page(data, place))
                decode.check_pixels(image, options.name)
            pixel = tiff.pixel_height(image)
            shown = deep.load(data, image, notes, page=place)
            pixel = max(1, round(shown.height * pixel)) / shown.height
        made = _cut(shown, replace(share, pixel=pixel), notes)
        if total > 1:
            title = f"page {page} of {total}"
            made = [replace(p, label=f"{title}, {p.label}" if p.label else title) for p in made]
        pictures += made
    return pictures


def parse_pages(text: str | None, total: int, name: str) -> list[int]:
    """Page numbers from 1, of "3", "2-4", "1,5" or "3-". Raises InvalidRequest, NotFound."""
    if not text:
        return list(range(1, total + 1))
    pages: dict[int, None] = {}
    for part in text.replace(" ", "").split(","):
        first, dash, last = part.partition("-")
        if not first.isdecimal() or (last and not last.isdecimal()):
            raise InvalidRequest(f"'{text}' are no page numbers", "Write them as 3, 2-4 or 1,5.")
        start = int(first)
        end = int(last) if last else total if dash else start
        if not 1 <= start <= end or start > total or (last and end > total):
            raise NotFound(f"{name} has no page {part}: it has {total}", f"Name pages from 1 to {total}.")
        pages |= dict.fromkeys(range(start, end + 1))
    return list(pages)
