"""Frames out of videos of many kinds: the right ones, at the right times, upright."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image
from support.cases import each
from support.films import Film, flip_bits, make, only_sound, read_mark, regular
from support.video_jobs import framed, read, shots

from glm_mcp.errors import InvalidRequest, UnsupportedMedia
from glm_mcp.media.video.clocks import began_anew
from glm_mcp.media.video.reader import VideoReader

SHORT = regular(6)
KINDS = {
    "mp4": Film(SHORT),
    "mov": Film(SHORT, form="mov"),
    "mkv": Film(SHORT, form="matroska"),
    "webm": Film(SHORT, form="webm", codec="libvpx-vp9"),
    "webm without length or index": Film(SHORT, form="webm", codec="libvpx-vp9", mux=(("live", "1"),)),
    "avi": Film(SHORT, form="avi", codec="mpeg4"),
    "ts": Film(SHORT, form="mpegts"),
    "fragmented mp4": Film(SHORT, mux=(("movflags", "frag_keyframe+empty_moov"),)),
    "gif": Film(regular(2), form="gif", codec="gif"),
    "one key frame": Film(SHORT, gop=600),
    "changing rate": Film((0, 0.04, 0.5, 2.0, 2.04, 2.08, 5.0, 5.5)),
    "with sound": Film(SHORT, sound=True),
}


def times_of(facts: dict[str, Any]) -> list[float]:
    return [frame["time"] for frame in facts["frames"]]


@each("kind", KINDS)
def test_the_frame_shown_at_each_asked_moment_comes_with_its_own_time(kind: str) -> None:
    film = KINDS[kind]
    last = film.times[-1]
    asked = [0.0, last * 0.21, last * 0.5 + 0.01, last * 0.52, last * 0.93, last]
    got = shots(make(film), asked).asked
    shown = {t: max(i for i, at in enumerate(film.times) if at <= t + 0.002) for t in asked}
    assert set(got) == set(asked)
    for t in asked:
        number = read_mark(got[t].jpeg)
        assert number == shown[t]
        assert abs(got[t].time - film.times[number]) < 0.011  # a GIF counts hundredths


@each("kind", KINDS)
def test_a_given_number_of_frames_is_spread_evenly_from_first_to_last(kind: str) -> None:
    film = KINDS[kind]
    facts, blobs = framed(make(film), max_frames=4)
    times = times_of(facts)
    assert read_mark(blobs[0]) == 0
    assert read_mark(blobs[-1]) == len(film.times) - 1
    assert times == sorted(set(times))
    if kind != "changing rate":
        third = film.times[-1] / 3
        assert [round(t / third) for t in times] == [0, 1, 2, 3]


@each("kind", KINDS)
def test_a_part_gives_frames_of_that_part_only(kind: str) -> None:
    film = KINDS[kind]
    start, end = film.times[-1] * 0.4, film.times[-1] * 0.7
    facts, blobs = framed(make(film), start=start, end=end)
    assert facts["start"] == start
    assert facts["end"] == end
    shown_first = max(at for at in film.times if at <= start + 0.002)
    for at, blob in zip(times_of(facts), blobs, strict=True):
        assert shown_first - 0.011 <= at <= end + 0.011
        assert abs(film.times[read_mark(blob)] - at) < 0.011


@each("kind", KINDS)
def test_the_probe_knows_length_and_size(kind: str) -> None:
    film = KINDS[kind]
    with VideoReader(io.BytesIO(make(film)), "film") as reader:
        facts = reader.facts
    assert abs(facts.duration - (film.times[-1] + 0.04)) <= 1
    assert (facts.width, facts.height) == film.size
    assert facts.has_sound == film.sound
    assert facts.whole
    assert facts.notes == ()


@each(("degrees", "corner"), [(90, (0, -1)), (-90, (-1, 0)), (180, (-1, -1)), (0, (0, 0))])
def test_a_turned_video_comes_upright(degrees: int, corner: tuple[int, int]) -> None:
    """The first bar is white in frame 32768 alone, so the film's dark upper half tells where its top went."""
    (shot,) = shots(make(Film(regular(0.4), rotate=degrees)), [0.0], side=None).shots
    picture = Image.open(io.BytesIO(shot.jpeg)).convert("L")
    lying = degrees in {90, -90}
    assert picture.size == ((192, 320) if lying else (320, 192))
    assert (shot.width, shot.height) == picture.size
    # Stored: the upper half is black (16), the lower one gray. Counterclockwise by 90 puts the top on the left.
    where = {0: (160, 20), 90: (20, 160), -90: (172, 160), 180: (160, 172)}[degrees]
    assert picture.getpixel(where) < 40  # type: ignore[operator]
    opposite = (picture.width - 1 - where[0], picture.height - 1 - where[1])
    assert picture.getpixel(opposite) > 60  # type: ignore[operator]


def test_pixels_that_are_not_square_are_made_square() -> None:
    facts, (blob,) = framed(make(Film(regular(0.4), sar=(2, 1))), max_frames=1)
    assert Image.open(io.BytesIO(blob)).size == (640, 192)
    assert (facts["facts"]["width"], facts["facts"]["height"]) == (640, 192)


def test_pixels_wider_than_any_are_square() -> None:
    facts, _ = framed(make(Film(regular(0.4), sar=(300, 1))), max_frames=1)
    square, _ = framed(make(Film(regular(0.4))), max_frames=1)
    assert facts["facts"]["width"] == square["facts"]["width"]


def test_an_hdr_video_is_read_and_said_to_be_one() -> None:
    facts, blobs = framed(make(Film(SHORT, hdr=True)), max_frames=2)
    assert len(blobs) == 2
    assert any(note.startswith("HDR") for note in facts["notes"])


def test_frames_are_shrunk_to_the_side_and_never_enlarged() -> None:
    data = make(Film(SHORT))
    assert shots(data, [1.0], side=160).shots[0].width == 160
    assert shots(data, [1.0], side=4000).shots[0].width == 320


def test_frames_keep_within_the_byte_budget() -> None:
    _, blobs = framed(make(Film(SHORT)), max_frames=10, part_bytes=30_000)
    assert len(blobs) == 10
    assert sum(map(len, blobs)) <= 30_000


def test_scene_beginnings_are_found_and_the_budget_is_kept() -> None:
    film = Film(regular(20), cuts=(110, 240, 390), gop=250)
    facts, _ = framed(make(film))
    assert 4 <= len(facts["frames"]) <= 12
    for cut in (110, 240, 390):
        assert any(0 <= at - film.times[cut] < 0.45 for at in times_of(facts))
    assert facts["notes"] == []


@pytest.mark.parametrize(
    ("look", "note"),
    [("black", "the picture is black throughout"), ("static", "the picture does not change")],
)
def test_a_video_without_any_change_gives_one_or_two_frames_and_says_so(look: str, note: str) -> None:
    facts, blobs = framed(make(Film(regular(8), look=look)))
    assert 1 <= len(blobs) <= 2
    assert note in facts["notes"]


def test_the_first_seconds_are_looked_at_closely_when_asked() -> None:
    facts, _ = framed(make(Film(regular(20))), dense_head=True, max_frames=12)
    early = [at for at in times_of(facts) if at < 3]
    assert len(early) >= 6
    assert max(times_of(facts)) > 19
    assert len(facts["frames"]) <= 12


CUT_OFF = {
    "mp4 with its index first": Film(regular(20), mux=(("movflags", "faststart"),)),
    "mp4 with one key frame": Film(regular(20), gop=1000, mux=(("movflags", "faststart"),)),
    "mp4 with sound": Film(regular(20), sound=True, mux=(("movflags", "faststart"),)),
    "mkv": Film(regular(20), form="matroska"),
}


@each("kind", CUT_OFF)
@pytest.mark.extreme
def test_a_cut_off_file_is_read_as_far_as_it_goes(kind: str) -> None:
    data = make(CUT_OFF[kind])
    facts, blobs = framed(data[: int(len(data) * 0.6)], max_frames=6)
    assert not facts["facts"]["whole"]
    assert 8 < facts["facts"]["duration"] < 16
    assert len(blobs) == 6
    assert all(abs(read_mark(blob) / 25 - at) < 0.05 for blob, at in zip(blobs, times_of(facts), strict=True))
    assert facts["facts"]["duration"] - times_of(facts)[-1] < 0.3
    assert any(n.startswith("damaged: readable up to ") and " s of 20.0" in n for n in facts["notes"])


def test_a_file_with_flipped_bits_gives_the_frames_it_has() -> None:
    data = flip_bits(make(Film(regular(20), form="mpegts")), (0.2, 0.35, 0.5, 0.51, 0.8))
    facts, blobs = framed(data, max_frames=8)
    assert len(blobs) >= 5
    right = sum(abs(read_mark(b) / 25 - at) < 0.05 for b, at in zip(blobs, times_of(facts), strict=True))
    assert right >= len(blobs) - 3


def test_sound_alone_is_refused_as_such() -> None:
    with pytest.raises(UnsupportedMedia, match="only sound"):
        framed(only_sound())


def test_an_mp4_without_its_index_is_refused_as_damaged() -> None:
    data = make(Film(SHORT))
    with pytest.raises(UnsupportedMedia, match="damaged: no index"):
        framed(data[: data.index(b"moov") - 8])


@each(
    "data",
    [
        b"",
        b"hello",
        bytes(range(256)) * 40,
        b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
    ],
)
def test_what_is_no_video_is_refused(data: bytes) -> None:
    with pytest.raises(UnsupportedMedia):
        framed(data)


@each(("start", "end"), [(7.0, None), (None, 60.0), (5.0, 4.0), (2.0, 2.0), (-1.0, None)])
def test_a_part_that_is_not_there_is_refused(start: float | None, end: float | None) -> None:
    with pytest.raises(InvalidRequest):
        framed(make(Film(SHORT)), start=start, end=end)


def test_the_refusal_of_a_part_names_the_length() -> None:
    with pytest.raises(InvalidRequest, match=r"6\.00 s"):
        framed(make(Film(SHORT)), start=7)


@pytest.mark.extreme
def test_an_hour_is_read_within_a_bounded_number_of_frames() -> None:
    film = Film(tuple(float(i) for i in range(3600)), size=(160, 96), gop=10)
    data = make(film)
    facts, blobs = framed(data, max_frames=12)
    assert len(blobs) == 12
    assert all(read_mark(blob) == round(at) for blob, at in zip(blobs, times_of(facts), strict=True))
    result, blobs = read(data)
    times = [at for part in result["parts"] for at in times_of(part)]
    assert [40 <= len(part["frames"]) <= 50 for part in result["parts"]] == [True] * 4
    assert max(times) > 3500
    assert all(read_mark(blob) == round(at) for blob, at in zip(blobs, times, strict=True))


def test_no_frame_of_a_short_video_is_decoded_twice() -> None:
    film = Film(regular(20), cuts=(110, 240, 390), gop=250)
    result, _ = read(make(film))
    assert result["decoded"] <= len(film.times) + 1  # the first one, to find out what the video is


@each("form", ["mp4", "avi"])
def test_frames_are_whole_where_the_file_is_wrong_about_its_key_frames(form: str) -> None:
    data = make(Film(regular(20), codec="mpeg4", gop=250, form=form))
    if form == "mp4":
        data = data.replace(b"stss", b"free")  # then each frame is one
    else:
        index = data.rindex(b"idx1") + 8
        flags = bytearray(data[index:])
        flags[4::16] = b"\x10" * len(flags[4::16])
        data = data[:index] + bytes(flags)
    facts, blobs = framed(data, max_frames=6)
    assert len(blobs) == 6
    assert all(abs(read_mark(b) / 25 - at) < 0.01 for b, at in zip(blobs, times_of(facts), strict=True))


def test_a_second_job_on_the_same_file_probes_nothing() -> None:
    film = Film(regular(20), gop=250)
    first, blobs = read(make(film), max_frames=3)
    second, again = read(make(film), max_frames=3, facts=first["facts"])
    assert second["decoded"] == first["decoded"] - 1
    assert (second["facts"], again) == (first["facts"], blobs)


@pytest.mark.extreme
def test_the_key_frames_of_a_long_video_are_not_decoded_a_second_time() -> None:
    film = Film(regular(60), size=(1280, 720), gop=50)
    facts, blobs = framed(make(film))
    assert len(blobs) == 16
    assert facts["decoded"] <= 4 * 16 + 1  # so many looks, and the first frame
    assert all(abs(read_mark(b) / 25 - at) < 0.01 for b, at in zip(blobs, times_of(facts), strict=True))


def test_a_short_time_limit_gives_what_was_reached_and_says_so() -> None:
    data = make(Film(regular(60), gop=100_000))
    facts, blobs = framed(data, max_frames=50, frames_time=0.01)
    assert 1 <= len(blobs) < 50
    assert any("time" in note for note in facts["notes"])
    assert all(abs(read_mark(b) / 25 - at) < 0.05 for b, at in zip(blobs, times_of(facts), strict=True))


@each(("form", "codec"), [("mpegts", "libx264"), ("vob", "mpeg2video"), ("mpeg", "mpeg2video")])
def test_a_film_whose_clock_begins_anew_is_said_to_be_seen_in_part(form: str, codec: str) -> None:
    one = make(Film(SHORT, form=form, codec=codec))
    facts, _ = framed(one + one)
    (said,) = (note for note in facts["notes"] if "clock" in note)
    assert "not all of it was seen" in said
    assert "ffmpeg -i FILE -c copy" in said
    assert not [note for note in framed(one)[0]["notes"] if "clock" in note]


def test_a_clock_that_is_full_or_damaged_in_one_place_does_not_begin_anew() -> None:
    def broadcast(*clocks: float) -> bytes:
        ticks = ((round(c * 90_000) % (1 << 33)) << 7 for c in clocks)
        return b"".join(b"\x47\1\0\x20\xb7\x10" + t.to_bytes(5, "big") + bytes(177) for t in ticks)

    def after(*clocks: float) -> float | None:
        return began_anew(io.BytesIO(broadcast(*clocks)), "mpegts")

    hours = (1 << 33) / 90_000
    assert after(*range(20)) is None
    assert after(*(hours - 10 + n for n in range(20))) is None
    assert after(*range(10), 5000, *range(10, 20)) is None
    assert after(*range(10), 0, *range(10, 20)) is None
    assert after(*range(10), *range(10)) == pytest.approx(8, abs=2)
