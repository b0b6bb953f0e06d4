"""Files of several pictures: frames of an animation, pages of a TIFF. Blocking."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from PIL import Image

from glm_mcp.errors import InvalidRequest, MediaTooLarge, NotFound
from glm_mcp.media.images import decode, encode
from glm_mcp.media.images.cutting import Made, Options, Piece, cut, finish, look_at, region_of

FRAMES = 6  # enough to tell what happens; an animation is not a video
_FRAMES_READ = 5000
_WORK = 2_000 * decode.MP  # pixels of all frames together, about 20 s of decoding


def animation(image: Image.Image, count: int, options: Options) -> Made:
    orient = decode.orientation(image)
    original = decode.turned(image.size, orient)
    if count > _FRAMES_READ or count * image.width * image.height > _WORK:
        raise MediaTooLarge(
            f"{options.name} has {count} frames of {image.width} x {image.height} pixels",
            "Send it as a video (MP4) to analyze_video, or a smaller animation.",
        )
    region = region_of(original, options)
    starts, total = _times(image, count, options.name)
    chosen = choose_frames(starts, total, options.t, min(FRAMES, options.most))
    if not chosen:
        raise InvalidRequest(
            f"{options.name} lasts {total:.2f} s", "Name a time within it with #t=, in seconds."
        )
    pieces: list[Piece] = []
    notes: list[str] = []
    share = replace(options, budget=options.budget // len(chosen), tiles=False)
    for index in chosen:
        with decode.decoding(options.name):
            image.seek(index)
            frame = decode.turn(image.copy(), orient)
        flatten, _ = decode.flattener(frame)
        photo = encode.is_photo(look_at(frame, flatten))
        made, notes = finish(cut(lambda f=frame: f, flatten, region, original, photo, share), [], share)  # type: ignore[misc]
        pieces += [replace(p, label=f"frame at {starts[index]:.2f} s") for p in made]
    if len(chosen) < count:
        notes.insert(0, f"animation: {len(chosen)} of {count} frames")
    if len(starts) < count:
        notes.insert(0, f"file is truncated: only its first {len(starts)} frames are whole")
    return pieces, notes


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
        now += duration if duration > 10 or image.format == "AVIF" else 100.0
    return starts, now / 1000


def choose_frames(
    starts: list[float], total: float, t: tuple[float, float | None] | None, most: int
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
    if len(shown) <= most:
        return shown
    if most == 1:
        return [shown[0] if t is not None else shown[len(shown) // 2]]
    first, last = max(begin, starts[shown[0]]), starts[shown[-1]]
    targets = [first + (last - first) * k / (most - 1) for k in range(most)]
    return sorted(
        {max(i for i in shown if starts[i] <= target + 1e-9 or i == shown[0]) for target in targets}
    )


def pages(image: Image.Image, count: int, options: Options) -> Made:
    numbers = _real_pages(image, count, options.name)
    total = len(numbers)
    if options.t is not None:
        raise InvalidRequest(f"{options.name} is not animated", "Leave #t= out.")
    asked = parse_pages(options.page, total, options.name)
    chosen = asked[: options.most]
    share = replace(options, budget=options.budget // len(chosen), most=max(1, options.most // len(chosen)))
    pieces: list[Piece] = []
    notes: list[str] = []
    for page in chosen:
        with decode.decoding(options.name):
            image.seek(numbers[page - 1])
            decode.check_pixels(image, "tiff", options.name)
            image.load()
        flatten, said = decode.flattener(image)
        region = region_of(image.size, share)
        photo = encode.is_photo(look_at(image, flatten))
        made, said = finish(cut(lambda: image, flatten, region, image.size, photo, share), said, share)
        notes += [note for note in said if note not in notes]
        if total > 1:
            title = f"page {page} of {total}"
            made = [replace(p, label=f"{title}, {p.label}" if p.label else title) for p in made]
        pieces += made
    if len(chosen) < len(asked):
        notes.insert(0, f"{len(chosen)} of {total} pages; name others with #page=")
    return pieces, notes


def _real_pages(image: Image.Image, count: int, name: str) -> list[int]:
    """The frames of a TIFF that are pages, not smaller copies of one (NewSubfileType bit 0)."""
    pages = []
    for index in range(min(count, _FRAMES_READ)):
        with decode.decoding(name):
            image.seek(index)
        tags: Any = getattr(image, "tag_v2", {})
        if not int(tags.get(254, 0) or 0) & 1:
            pages.append(index)
    return pages or [0]


def parse_pages(text: str | None, total: int, name: str) -> list[int]:
    """Page numbers from 1, of "3", "2-4", "1,5" or "3-". Raises InvalidRequest, NotFound."""
    if not text:
        return list(range(1, total + 1))
    pages: list[int] = []
    for part in text.replace(" ", "").split(","):
        first, dash, last = part.partition("-")
        if not first.isdecimal() or (last and not last.isdecimal()):
            raise InvalidRequest(f"'{text}' are no page numbers", "Write them as 3, 2-4 or 1,5.")
        start = int(first)
        end = int(last) if last else total if dash else start
        if not 1 <= start <= end or start > total or (last and end > total):
            raise NotFound(f"{name} has no page {part}: it has {total}", f"Name pages from 1 to {total}.")
        pages += [n for n in range(start, end + 1) if n not in pages]
    return pages
