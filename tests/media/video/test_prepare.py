"""A video for a model: the file itself, a smaller one, or frames; parts, stills, times, the contact sheet."""

from __future__ import annotations

import io
import itertools
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import av
import pytest
from PIL import Image
from support.cases import each
from support.films import Film, flip_bits, make, only_sound, read_mark, regular

from glm_mcp.errors import InvalidRequest, UnsupportedMedia
from glm_mcp.media.formats import KINDS
from glm_mcp.media.types import Clip, Fragment, Source
from glm_mcp.media.video import orientation
from glm_mcp.media.video.contact_sheet import contact_sheet, grid
from glm_mcp.media.video.prepare import VideoFile
from glm_mcp.media.video.sampling import Look, alike, budget, choose, even_parts, evenly, head
from glm_mcp.media.video.timecode import parse_time, span, stamp
from glm_mcp.media.video.transcode import plan, sendable, watchable
from glm_mcp.registry import CARDS, Card

CARD = CARDS["glm-4.6v-flash"]
MB = 1024 * 1024
SHORT = Film(regular(6))


def source(data: bytes, **more: Any) -> Source:
    return Source(more.pop("name", "film.mp4"), KINDS["mp4"], len(data), data=data, **more)


async def prepare(
    data: bytes | Source,
    *,
    card: Card = CARD,
    max_bytes: int = 0,
    max_frames: int | None = None,
    **part: Any,
) -> list[Clip]:
    video = VideoFile(data if isinstance(data, Source) else source(data), **part)
    with anyio.fail_after(60):
        return await video.prepare(card, max_bytes=max_bytes, max_frames=max_frames)


async def framed(data: bytes | Source, **more: Any) -> Clip:
    (clip,) = await prepare(data, **more)
    assert clip.video is None
    return clip


async def whole(data: bytes | Source, **more: Any) -> Clip:
    """Where one file can be had; else as frames."""
    (clip,) = await prepare(data, **{"max_bytes": 8 * MB, **more})
    return clip


def opened(clip: Clip) -> tuple[list[float], list[Image.Image]]:
    """Times and pictures of a whole video that would be sent."""
    assert clip.video is not None
    assert clip.video.data is not None
    with av.open(io.BytesIO(clip.video.data), "r") as container:
        frames = list(container.decode(video=0))
        return [float(f.time) for f in frames], [orientation.upright(f, "", 1.0) for f in frames]


@pytest.mark.anyio
@each(("form", "mime"), [("mp4", "video/mp4"), ("mov", "video/quicktime"), ("matroska", "video/x-matroska")])
async def test_a_small_whole_video_goes_untouched(form: str, mime: str) -> None:
    data = make(Film(regular(6), form=form, sound=True))
    clip = await whole(data)
    assert clip.video is not None
    assert clip.video.data == data
    assert clip.video.mime == mime
    assert (clip.start, round(clip.end), round(clip.duration)) == (0, 6, 6)
    assert "sound was not heard" in clip.notes
    assert clip.frames == ()


@pytest.mark.anyio
@each(
    "film",
    [
        Film(regular(6), form="webm", codec="libvpx-vp9"),
        Film(regular(6), form="avi", codec="mpeg4"),
        Film(regular(2), form="gif", codec="gif"),
        Film(regular(6), form="mpegts"),
    ],
    ids=lambda film: film.form,
)
async def test_a_container_that_the_service_does_not_take_becomes_mp4(film: Film) -> None:
    clip = await whole(make(film))
    assert clip.video is not None
    assert clip.video.mime == "video/mp4"
    times, pictures = opened(clip)
    assert all(later > earlier for earlier, later in itertools.pairwise(times))
    for at, picture in zip(times, pictures, strict=True):
        assert abs(read_mark(picture) / 25 - at) < 0.08
    assert "re-encoded" in " ".join(clip.notes)


@pytest.mark.anyio
@each(
    "film",
    [
        Film(regular(30), form="avi", codec="mpeg4", gop=1),
        Film(regular(6), form="ivf", codec="libvpx"),
        Film(regular(6), form="mxf", codec="mpeg2video"),
    ],
    ids=lambda film: film.form,
)
async def test_a_film_that_is_read_from_its_start_to_its_end_is_re_encoded_whole(film: Film) -> None:
    data = make(film)
    clip = await whole(data)
    assert not [note for note in clip.notes if "damaged" in note]
    times, pictures = opened(clip)
    assert abs(times[-1] - film.times[-1]) < 0.1
    for at, picture in zip(times[::20], pictures[::20], strict=True):
        assert abs(read_mark(picture) / 25 - at) < 0.08


@pytest.mark.anyio
async def test_a_part_of_a_whole_video_is_cut_out_and_keeps_the_originals_times() -> None:
    clip = await whole(make(Film(regular(20), gop=250)), start=7.0, end=12.0)
    assert (clip.start, clip.end, clip.duration) == (7.0, 12.0, 20.0)
    times, pictures = opened(clip)
    assert abs(times[-1] - 5) < 0.1
    assert abs(read_mark(pictures[0]) / 25 - 7) < 0.05
    assert abs(read_mark(pictures[-1]) / 25 - 12) < 0.15


@pytest.mark.anyio
async def test_a_changing_frame_rate_is_re_encoded_with_rising_timestamps() -> None:
    film = Film((0, 0.01, 0.02, 0.03, 0.5, 2.0, 2.001, 2.002, 5.0, 5.5))
    clip = await whole(make(film), start=0.0, end=5.4)
    times, pictures = opened(clip)
    assert all(later > earlier for earlier, later in itertools.pairwise(times))
    assert abs(times[-1] - 5.4) < 0.2
    assert read_mark(pictures[len(pictures) // 4]) in {4, 5}


@pytest.mark.anyio
async def test_a_turned_video_is_upright_after_re_encoding() -> None:
    clip = await whole(make(Film(regular(3), rotate=90)), start=0.0, end=2.0)
    assert (clip.width, clip.height) == (192, 320)
    assert opened(clip)[1][0].size == (192, 320)


@pytest.mark.anyio
@pytest.mark.extreme
async def test_a_video_over_the_limit_is_made_to_fit() -> None:
    data = make(Film(regular(10), size=(960, 540), gop=1))
    limit = 250_000
    assert len(data) > limit
    clip = await whole(data, max_bytes=limit)
    assert clip.video is not None
    assert clip.video.data is not None
    assert len(clip.video.data) <= limit
    assert abs(opened(clip)[0][-1] - 10) < 0.2


@pytest.mark.anyio
async def test_what_cannot_be_watchable_in_the_limit_goes_as_frames_and_says_why() -> None:
    clip = await whole(make(Film(regular(60))), max_bytes=100_000)
    assert clip.video is None
    assert clip.frames
    assert clip.notes[0].startswith("sent as frames: 0.1 MB cannot hold 1:00")


@pytest.mark.anyio
async def test_a_damaged_video_is_re_encoded_as_far_as_it_decodes() -> None:
    data = flip_bits(make(Film(regular(12), form="mpegts")), (0.3, 0.5, 0.52))
    clip = await whole(data)
    assert clip.video is not None
    assert len(opened(clip)[0]) > 60


@pytest.mark.anyio
async def test_frames_carry_their_labels_and_exact_times() -> None:
    clip = await framed(make(SHORT), max_frames=4)
    assert len(clip.frames) == 4
    for frame in clip.frames:
        assert frame.picture.label == stamp(frame.time, 2)
        assert frame.picture.part.mime == "image/jpeg"
        assert abs(read_mark(frame.picture.part.data or b"") / 25 - frame.time) < 0.01
        assert frame.picture.original == (320, 192)
    assert clip.notes == ()


@pytest.mark.anyio
async def test_more_frames_than_a_model_takes_are_not_sent_and_that_is_said() -> None:
    clip = await framed(make(SHORT), max_frames=40, card=replace(CARD, images=10))
    assert len(clip.frames) == 10
    assert "the model takes 10 of the 40 frames asked for in one call" in clip.notes


@pytest.mark.anyio
async def test_a_part_longer_than_the_model_takes_whole_goes_as_frames_and_says_why() -> None:
    brief = replace(CARD, video_seconds=4.0)
    clip = await whole(make(SHORT), card=brief)
    assert clip.video is None
    assert clip.notes[0] == "sent as frames: the model takes at most 4 s whole, this has 0:06"
    assert (await whole(make(SHORT), card=brief, start=1.0, end=4.5)).video is not None
    assert CARDS["glm-4.1v-thinking-flash"].video_seconds == 40


@pytest.mark.anyio
async def test_frames_after_a_whole_video_are_of_the_same_part_and_come_without_a_second_probe() -> None:
    video = VideoFile(source(make(Film(regular(20), gop=250))), start=3.0, end=9.0)
    with anyio.fail_after(60):
        (sent,) = await video.prepare(CARD, max_bytes=8 * MB)
        (clip,) = await video.prepare(CARD)
        ((at, data),) = await video.stills([4.0])
    assert sent.video is not None
    assert (clip.start, clip.end, clip.duration) == (sent.start, sent.end, sent.duration)
    assert all(3 <= frame.time <= 9 for frame in clip.frames)
    assert (at, read_mark(data)) == (4.0, 100)


@pytest.mark.anyio
async def test_the_fragment_of_a_source_counts_where_no_times_are_given() -> None:
    film = source(make(SHORT), fragment=Fragment(t=(2.0, 4.0)))
    clip = await framed(film)
    assert (clip.start, clip.end) == (2.0, 4.0)
    clip = await framed(film, start=1.0)
    assert (clip.start, round(clip.end)) == (1.0, 6)


@pytest.mark.anyio
async def test_a_sidecar_is_given_for_the_part_and_wins_over_the_track() -> None:
    film = Film(regular(8), subtitles=((1.0, 2.0, "inside"),))
    assert (await framed(make(film))).subtitles == "[0:01–0:02] inside"
    sidecar = "1\n00:00:05,000 --> 00:00:06,000\nbeside\n\n2\n00:00:01,000 --> 00:00:02,000\nearly\n"
    clip = await whole(make(film), sidecar=sidecar, start=4.0, end=8.0)
    assert clip.subtitles == "[0:05–0:06] beside"


@pytest.mark.anyio
@each(
    "wrong",
    [
        {"start": 9.0},
        {"end": 90.0},
        {"start": 4.0, "end": 3.0},
        {"start": -1.0},
        {"start": 9.0, "max_bytes": MB},
    ],
)
async def test_a_part_that_is_not_there_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        await framed(make(SHORT), **wrong)


@pytest.mark.anyio
async def test_files_that_are_no_video_are_refused_by_name() -> None:
    with pytest.raises(UnsupportedMedia, match=r"talk\.mp4 holds only sound"):
        await prepare(source(only_sound(), name="talk.mp4"))
    with pytest.raises(UnsupportedMedia, match=r"film\.mp4 is not a video"):
        await whole(b"plain text")


@pytest.mark.anyio
async def test_stills_are_full_size_and_in_the_order_asked() -> None:
    film = VideoFile(source(make(Film(regular(6), size=(1280, 720), gop=250))))
    with anyio.fail_after(60):
        taken = await film.stills([4.02, 1.0, 99.0, 1.0])
    assert [round(at, 2) for at, _ in taken] == [4.0, 1.0, 5.96, 1.0]
    for at, data in taken:
        assert Image.open(io.BytesIO(data)).size == (1280, 720)
        assert abs(read_mark(data) / 25 - at) < 0.01
    assert await film.stills([]) == []


@pytest.mark.anyio
async def test_two_parts_of_one_opened_file_are_read_at_once(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(make(Film(regular(20))))
    with path.open("rb") as handle:
        film = Source("film.mp4", KINDS["mp4"], path.stat().st_size, path=path, handle=handle)
        clips: dict[float, Clip] = {}

        async def read(start: float) -> None:
            clips[start] = await framed(film, start=start, end=start + 5, max_frames=5)

        async with anyio.create_task_group() as tasks:
            for start in (0.0, 10.0):
                tasks.start_soon(read, start)
    for start, clip in clips.items():
        for frame in clip.frames:
            assert start - 0.05 <= frame.time <= start + 5
            assert abs(read_mark(frame.picture.part.data or b"") / 25 - frame.time) < 0.01


@pytest.mark.anyio
async def test_more_frames_than_one_call_takes_come_in_parts_of_equal_length() -> None:
    words = ((1.5, 2.0, "first"), (4.0, 4.5, "last"))
    clips = await prepare(make(Film(regular(6), subtitles=words)), start=1.0, end=5.0, max_frames=120)
    assert [(c.start, c.end) for c in clips] == [
        (1.0, pytest.approx(1 + 4 / 3)),
        (pytest.approx(1 + 4 / 3), pytest.approx(1 + 8 / 3)),
        (pytest.approx(1 + 8 / 3), 5.0),
    ]
    assert all(c.start - 0.04 <= f.time <= c.end for c in clips for f in c.frames)
    assert [c.subtitles for c in clips] == ["[0:01–0:02] first", "", "[0:04–0:04] last"]


@pytest.mark.anyio
async def test_the_end_of_a_cut_off_video_is_where_it_can_be_read() -> None:
    data = make(Film(regular(20), form="matroska"))
    clip = await framed(data[: int(len(data) * 0.6)], start=2.0, end=19.0)
    assert clip.start == 2.0
    assert 8 < clip.end < 16
    assert any("damaged" in note for note in clip.notes)


@pytest.mark.anyio
async def test_a_contact_sheet_shows_every_frame() -> None:
    clip = await framed(make(SHORT), max_frames=7)
    page = Image.open(io.BytesIO(contact_sheet(clip.frames)))
    assert page.format == "JPEG"
    columns, cell = grid(7, 320 / 192)
    assert page.width <= 1600
    assert page.height >= (7 // columns) * cell[1]
    first = page.convert("L").crop((6, 6, 6 + cell[0], 6 + cell[1]))
    assert read_mark(first) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="the address space is limited on Linux alone")
@pytest.mark.anyio
async def test_a_full_hd_video_is_read_within_the_memory_limit() -> None:
    film = make(Film(regular(2, 10), size=(1920, 1088), codec="libx264"))
    clip = await whole(film, start=0.0, end=1.5)
    assert clip.video is not None
    assert (await framed(film)).frames


# Pure decisions


@each(
    ("given", "seconds"),
    [
        (12, 12),
        (12.5, 12.5),
        ("12.5", 12.5),
        (" 7 ", 7),
        ("1:02", 62),
        ("0:01:02.5", 62.5),
        ("1:00:00", 3600),
        ("90:00", 5400),
        ("90s", 90),
        ("1m30s", 90),
        ("1h2m3s", 3723),
        ("2min", 120),
        ("250ms", 0.25),
        ("1m 30s", 90),
        ("0", 0),
    ],
)
def test_times_are_read_in_every_common_form(given: object, seconds: float) -> None:
    assert parse_time(given) == seconds


@each(
    "wrong",
    [
        "",
        "abc",
        "1:75",
        "-3",
        -3,
        True,
        None,
        "1:2:3:4",
        float("nan"),
        "s",
        "1m30",
        [],
        "9" * 400 + ":00",
        "9" * 5_000 + ":00",
    ],
)
def test_anything_else_is_refused_with_the_forms(wrong: object) -> None:
    with pytest.raises(InvalidRequest, match="1m30s"):
        parse_time(wrong)


@each(
    ("seconds", "digits", "text"),
    [(12.4, 2, "0:12.40"), (59.999, 2, "1:00.00"), (59.999, 0, "0:59"), (3661, 0, "1:01:01"), (0, 0, "0:00")],
)
def test_times_are_written_as_people_do(seconds: float, digits: int, text: str) -> None:
    assert stamp(seconds, digits) == text


def test_a_rounded_end_is_taken_as_the_end() -> None:
    assert span(29.6, None, 30.0, "x") == (0.0, 29.6)
    assert span(29.6, 3.0, None, "x") == (3.0, 29.6)


def test_the_frame_budget_grows_with_length_up_to_fifty() -> None:
    assert [budget(s) for s in (5, 30, 45, 170, 600, 3600)] == [12, 12, 16, 20, 30, 50]


@each("length", [1, 30, 599, 601, 1200, 3600, 40_000])
@each("max_frames", [None, 1, 12, 50, 51, 200])
def test_parts_cover_the_range_with_at_most_fifty_frames_each(length: float, max_frames: int | None) -> None:
    parts = even_parts(7, 7 + length, max_frames)
    assert parts[0].start == 7
    assert parts[-1].end == 7 + length
    assert all(a.end == b.start for a, b in itertools.pairwise(parts))
    assert all(1 <= part.frames <= 50 for part in parts)
    if max_frames is None:
        assert len(parts) == 1 if length <= 600 else 2 <= len(parts) <= 4
    else:
        assert sum(part.frames for part in parts) == max_frames


def test_even_times_hold_both_ends() -> None:
    assert evenly(0, 10, 3) == [0, 5, 10]
    assert evenly(4, 10, 1) == [7]


def test_the_opening_takes_at_most_half_of_the_frames() -> None:
    times, rest = head(10, 100, 12)
    assert (len(times), rest) == (6, 13)
    assert times[0] == 10
    assert head(0, 2, 12)[1] == 2


def looks(*shades: int) -> list[Look]:
    return [Look(float(i), bytes([shade]) * 2304) for i, shade in enumerate(shades)]


@each(
    ("shades", "count", "times"),
    [
        ((100, 100, 100, 200, 200), 5, [0, 3]),  # repetitions go
        ((0, 0, 100, 0, 200), 5, [2, 4]),  # black goes
        ((0, 0, 0), 5, [0, 2]),  # unless there is nothing else
        ((100, 100, 100), 1, [0]),
        ((100, 110, 120, 200, 210, 90, 100, 110), 4, [0, 3, 5, 7]),  # the two cuts and both ends
        ((), 5, []),
    ],
)
def test_looks_are_chosen_by_what_they_show(shades: tuple[int, ...], count: int, times: list[float]) -> None:
    assert choose(looks(*shades), count) == times


def test_a_small_change_in_one_place_is_not_a_repetition() -> None:
    page = bytes([200]) * 2304
    typed = page[:1000] + bytes([150]) + page[1001:]
    assert alike(page, page)
    assert not alike(page, typed)


@each(
    ("duration", "size", "able"),
    [(60, 8 * MB, True), (400, 8 * MB, True), (3600, 8 * MB, False), (20, 100_000, False), (0, MB, False)],
)
def test_watchable_is_a_matter_of_bits_a_second(duration: float, size: int, able: bool) -> None:
    assert watchable(duration, size) is able


def test_a_tight_limit_gets_a_smaller_picture_and_a_lower_rate() -> None:
    assert plan(20, 8 * MB, 30).side == 854
    assert plan(20, 8 * MB, 30).fps == 15
    assert plan(400, 8 * MB, 30).side == 640
    assert plan(20, 8 * MB, 12).fps == 12


@each(
    ("first", "mime"),
    [
        (b"\0\0\0\x18ftypisom", "video/mp4"),
        (b"\0\0\0\x14ftypqt  ", "video/quicktime"),
        (b"\0\0\0\x18ftypheic", ""),
        (b"\x1aE\xdf\xa3\x01\0\0\0B\x82\x88matroska", "video/x-matroska"),
        (b"\x1aE\xdf\xa3\x01\0\0\0B\x82\x84webm", ""),
        (b"GIF89a", ""),
        (b"RIFF....AVI ", ""),
    ],
)
def test_the_containers_that_the_service_takes_are_told_by_their_bytes(first: bytes, mime: str) -> None:
    assert sendable(first) == mime
