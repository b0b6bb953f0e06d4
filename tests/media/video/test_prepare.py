"""A video for a model: the file itself, a smaller one, or frames; parts, stills, times, the contact sheet."""

from __future__ import annotations

import io
import itertools
import sys
from pathlib import Path
from typing import Any

import anyio
import av
import pytest
from PIL import Image
from support.films import Film, flip_bits, make, only_sound, read_mark, regular

from glm_mcp.errors import InvalidRequest, UnsupportedMedia
from glm_mcp.media.formats import KINDS
from glm_mcp.media.types import Clip, Fragment, Source
from glm_mcp.media.video import orientation
from glm_mcp.media.video.contact_sheet import grid, sheet
from glm_mcp.media.video.prepare import plan_parts, prepare_video, probe, still, stills
from glm_mcp.media.video.timecode import (
    Look,
    alike,
    budget,
    choose,
    even_parts,
    evenly,
    head,
    parse_time,
    span,
    stamp,
)
from glm_mcp.media.video.transcode import plan, sendable, watchable
from glm_mcp.registry import CARDS

CARD = CARDS["glm-4.6v-flash"]
MB = 1024 * 1024
SHORT = Film(regular(6))


def source(data: bytes, **more: Any) -> Source:
    return Source(more.pop("name", "film.mp4"), KINDS["mp4"], len(data), data=data, **more)


async def prepare(data: bytes | Source, **more: Any) -> Clip:
    given = {"whole": False, "max_bytes": 8 * MB, "start": None, "end": None, "max_frames": None, **more}
    with anyio.fail_after(30):
        return await prepare_video(data if isinstance(data, Source) else source(data), CARD, **given)


def opened(clip: Clip) -> tuple[list[float], list[Image.Image]]:
    """Times and pictures of a whole video that would be sent."""
    assert clip.video is not None
    assert clip.video.data is not None
    with av.open(io.BytesIO(clip.video.data), "r") as container:
        frames = list(container.decode(video=0))
        return [float(f.time) for f in frames], [orientation.picture(f, "", 1.0) for f in frames]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("form", "mime"), [("mp4", "video/mp4"), ("mov", "video/quicktime"), ("matroska", "video/x-matroska")]
)
async def test_a_small_whole_video_goes_untouched(form: str, mime: str) -> None:
    data = make(Film(regular(6), form=form, sound=True))
    clip = await prepare(data, whole=True)
    assert clip.video is not None
    assert clip.video.data == data
    assert clip.video.mime == mime
    assert (clip.start, round(clip.end), round(clip.duration)) == (0, 6, 6)
    assert clip.has_sound
    assert "sound was not heard" in clip.notes
    assert clip.frames == ()


@pytest.mark.anyio
@pytest.mark.parametrize(
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
    clip = await prepare(make(film), whole=True)
    assert clip.video is not None
    assert clip.video.mime == "video/mp4"
    times, pictures = opened(clip)
    assert all(later > earlier for earlier, later in itertools.pairwise(times))
    for at, picture in zip(times, pictures, strict=True):
        assert abs(read_mark(picture) / 25 - at) < 0.08
    assert "re-encoded" in " ".join(clip.notes)


@pytest.mark.anyio
async def test_a_part_of_a_whole_video_is_cut_out_and_keeps_the_originals_times() -> None:
    clip = await prepare(make(Film(regular(20), gop=250)), whole=True, start=7.0, end=12.0)
    assert (clip.start, clip.end, clip.duration) == (7.0, 12.0, 20.0)
    times, pictures = opened(clip)
    assert abs(times[-1] - 5) < 0.1
    assert abs(read_mark(pictures[0]) / 25 - 7) < 0.05
    assert abs(read_mark(pictures[-1]) / 25 - 12) < 0.15


@pytest.mark.anyio
async def test_a_changing_frame_rate_is_re_encoded_with_rising_timestamps() -> None:
    film = Film((0, 0.01, 0.02, 0.03, 0.5, 2.0, 2.001, 2.002, 5.0, 5.5))
    clip = await prepare(make(film), whole=True, start=0.0, end=5.4)
    times, pictures = opened(clip)
    assert all(later > earlier for earlier, later in itertools.pairwise(times))
    assert abs(times[-1] - 5.4) < 0.2
    assert read_mark(pictures[len(pictures) // 4]) in {4, 5}


@pytest.mark.anyio
async def test_a_turned_video_is_upright_after_re_encoding() -> None:
    clip = await prepare(make(Film(regular(3), rotate=90)), whole=True, start=0.0, end=2.0)
    assert (clip.width, clip.height) == (192, 320)
    assert opened(clip)[1][0].size == (192, 320)


@pytest.mark.anyio
async def test_a_video_over_the_limit_is_made_to_fit() -> None:
    data = make(Film(regular(10), size=(960, 540), gop=1))
    limit = 250_000
    assert len(data) > limit
    clip = await prepare(data, whole=True, max_bytes=limit)
    assert clip.video is not None
    assert clip.video.data is not None
    assert len(clip.video.data) <= limit
    assert abs(opened(clip)[0][-1] - 10) < 0.2


@pytest.mark.anyio
async def test_what_cannot_be_watchable_in_the_limit_goes_as_frames_and_says_why() -> None:
    clip = await prepare(make(Film(regular(60))), whole=True, max_bytes=100_000)
    assert clip.video is None
    assert clip.frames
    assert clip.notes[0].startswith("sent as frames: 0.1 MB cannot hold 1:00")


@pytest.mark.anyio
async def test_a_damaged_video_is_re_encoded_as_far_as_it_decodes() -> None:
    data = flip_bits(make(Film(regular(12), form="mpegts")), (0.3, 0.5, 0.52))
    clip = await prepare(data, whole=True)
    assert clip.video is not None
    assert len(opened(clip)[0]) > 60


@pytest.mark.anyio
async def test_frames_carry_their_labels_and_exact_times() -> None:
    clip = await prepare(make(SHORT), max_frames=4)
    assert len(clip.frames) == 4
    for frame in clip.frames:
        assert frame.picture.label == stamp(frame.time, 2)
        assert frame.picture.part.mime == "image/jpeg"
        assert abs(read_mark(frame.picture.part.data or b"") / 25 - frame.time) < 0.01
        assert frame.picture.original == (320, 192)
    assert clip.notes == ("4 frames of 0:00–0:06 read",)


@pytest.mark.anyio
async def test_more_frames_than_a_call_takes_are_not_sent() -> None:
    clip = await prepare(make(SHORT), max_frames=80)
    assert len(clip.frames) == 50
    assert any("80 were asked for" in note for note in clip.notes)


@pytest.mark.anyio
async def test_the_fragment_of_a_source_counts_where_no_times_are_given() -> None:
    film = source(make(SHORT), fragment=Fragment(t=(2.0, 4.0)))
    clip = await prepare(film)
    assert (clip.start, clip.end) == (2.0, 4.0)
    clip = await prepare(film, start=1.0)
    assert (clip.start, round(clip.end)) == (1.0, 6)


@pytest.mark.anyio
async def test_a_sidecar_is_given_for_the_part_and_wins_over_the_track() -> None:
    film = Film(regular(8), subtitles=((1.0, 2.0, "inside"),))
    assert (await prepare(make(film))).subtitles == "[0:01–0:02] inside"
    sidecar = "1\n00:00:05,000 --> 00:00:06,000\nbeside\n\n2\n00:00:01,000 --> 00:00:02,000\nearly\n"
    clip = await prepare(make(film), sidecar=sidecar, start=4.0, end=8.0, whole=True)
    assert clip.subtitles == "[0:05–0:06] beside"


@pytest.mark.anyio
@pytest.mark.parametrize(
    "wrong",
    [
        {"start": 9.0},
        {"end": 90.0},
        {"start": 4.0, "end": 3.0},
        {"start": -1.0},
        {"max_frames": 0},
        {"start": 9.0, "whole": True},
    ],
)
async def test_a_part_that_is_not_there_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        await prepare(make(SHORT), **wrong)


@pytest.mark.anyio
async def test_files_that_are_no_video_are_refused_by_name() -> None:
    with pytest.raises(UnsupportedMedia, match=r"talk\.mp4 holds only sound"):
        await prepare(source(only_sound(), name="talk.mp4"))
    with pytest.raises(UnsupportedMedia, match=r"film\.mp4 is not a video"):
        await prepare(b"plain text", whole=True)
    with pytest.raises(UnsupportedMedia):
        with anyio.fail_after(30):
            await probe(source(b"plain text"))


@pytest.mark.anyio
async def test_a_public_address_is_passed_on_whole_but_never_cut() -> None:
    link = Source("film.mp4", KINDS["mp4"], 0, url="https://example.com/film.mp4")
    clip = await prepare(link, whole=True)
    assert clip.video is not None
    assert clip.video.url == link.url
    with pytest.raises(InvalidRequest):
        await prepare(link, whole=True, start=3.0)


@pytest.mark.anyio
async def test_stills_are_full_size_and_in_the_order_asked() -> None:
    film = source(make(Film(regular(6), size=(1280, 720), gop=250)))
    with anyio.fail_after(30):
        taken = await stills(film, [4.02, 1.0, 99.0, 1.0])
        alone = await still(film, 2.5)
    assert [round(at, 2) for at, _ in taken] == [4.0, 1.0, 5.96, 1.0]
    for at, data in taken:
        assert Image.open(io.BytesIO(data)).size == (1280, 720)
        assert abs(read_mark(data) / 25 - at) < 0.01
    assert read_mark(alone) == 62
    assert await stills(film, []) == []


@pytest.mark.anyio
async def test_two_parts_of_one_opened_file_are_read_at_once(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(make(Film(regular(20))))
    with path.open("rb") as handle:
        film = Source("film.mp4", KINDS["mp4"], path.stat().st_size, path=path, handle=handle)
        clips: dict[float, Clip] = {}

        async def read(start: float) -> None:
            clips[start] = await prepare(film, start=start, end=start + 5, max_frames=5)

        async with anyio.create_task_group() as tasks:
            for start in (0.0, 10.0):
                tasks.start_soon(read, start)
    for start, clip in clips.items():
        for frame in clip.frames:
            assert start - 0.05 <= frame.time <= start + 5
            assert abs(read_mark(frame.picture.part.data or b"") / 25 - frame.time) < 0.01


@pytest.mark.anyio
async def test_the_parts_of_a_video_follow_its_own_length() -> None:
    with anyio.fail_after(30):
        assert await plan_parts(source(make(SHORT))) == [(0.0, 6.0, 12)]
        assert await plan_parts(source(make(SHORT)), 1.0, 5.0, 120) == [
            (1.0, pytest.approx(1 + 4 / 3), 40),
            (pytest.approx(1 + 4 / 3), pytest.approx(1 + 8 / 3), 40),
            (pytest.approx(1 + 8 / 3), 5.0, 40),
        ]


@pytest.mark.anyio
async def test_the_parts_of_a_cut_off_video_end_where_it_can_be_read() -> None:
    data = make(Film(regular(20), form="matroska"))
    broken = source(data[: int(len(data) * 0.6)])
    with anyio.fail_after(30):
        ((start, end, _),) = await plan_parts(broken, 2.0, 19.0)
    assert start == 2.0
    assert 8 < end < 16
    clip = await prepare(broken, start=2.0, end=19.0)
    assert clip.end == end
    assert any("damaged" in note for note in clip.notes)


@pytest.mark.anyio
async def test_a_contact_sheet_shows_every_frame() -> None:
    clip = await prepare(make(SHORT), max_frames=7)
    page = Image.open(io.BytesIO(sheet(clip.frames)))
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
    clip = await prepare(film, whole=True, start=0.0, end=1.5)
    assert clip.video is not None
    assert (await prepare(film)).frames


# Pure decisions


@pytest.mark.parametrize(
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


@pytest.mark.parametrize(
    "wrong", ["", "abc", "1:75", "-3", -3, True, None, "1:2:3:4", float("nan"), "s", "1m30", []]
)
def test_anything_else_is_refused_with_the_forms(wrong: object) -> None:
    with pytest.raises(InvalidRequest, match="1m30s"):
        parse_time(wrong)


@pytest.mark.parametrize(
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


@pytest.mark.parametrize("length", [1, 30, 599, 601, 1200, 3600, 40_000])
@pytest.mark.parametrize("max_frames", [None, 1, 12, 50, 51, 200])
def test_parts_cover_the_range_with_at_most_fifty_frames_each(length: float, max_frames: int | None) -> None:
    got = even_parts(length, None, None, max_frames)
    assert got[0][0] == 0
    assert got[-1][1] == length
    assert all(a[1] == b[0] for a, b in itertools.pairwise(got))
    assert all(1 <= n <= 50 for _, _, n in got)
    if max_frames is None:
        assert len(got) == 1 if length <= 600 else 2 <= len(got) <= 4
    else:
        assert sum(n for _, _, n in got) == max_frames


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


@pytest.mark.parametrize(
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


@pytest.mark.parametrize(
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


@pytest.mark.parametrize(
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
