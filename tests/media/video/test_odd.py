"""Videos that are damaged in odd places, long ones, tight limits: frames or a plain word, within the time."""

from __future__ import annotations

import io
import itertools
import re
import struct
import time
from fractions import Fraction
from typing import Any

import av
import pytest
from av.sidedata.sidedata import Type
from PIL import Image
from support.cases import each
from support.films import Film, make, read_mark, regular
from support.pictures import grain, photo
from support.video_jobs import framed, packed, shots

from glm_mcp.errors import InvalidRequest, MediaTooLarge, UnsupportedMedia
from glm_mcp.media.detect import detect
from glm_mcp.media.formats import KINDS
from glm_mcp.media.types import Source
from glm_mcp.media.video.contact_sheet import contact_sheet
from glm_mcp.media.video.frames import jpeg
from glm_mcp.media.video.prepare import VideoFile
from glm_mcp.media.video.reader import VideoReader
from glm_mcp.media.video.sampling import Look, choose
from glm_mcp.media.video.subtitles import parse_subtitles
from glm_mcp.media.video.transcode import sendable
from glm_mcp.registry import CARDS

pytestmark = pytest.mark.extreme

SHORT = Film(regular(6))
CARD = CARDS["glm-4.6v-flash"]


# ── Opening ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_video_in_an_unknown_format_is_refused_as_that() -> None:
    data = make(SHORT).replace(b"avc1", b"zzz1")
    with pytest.raises(UnsupportedMedia, match="film holds video in a format that is not known here"):
        framed(data)


def test_an_encrypted_video_is_said_to_be_one() -> None:
    key = "76a6c65c5ea762046bd749a2e632ccbb"
    mux = (("encryption_scheme", "cenc-aes-ctr"), ("encryption_key", key), ("encryption_kid", key))
    for read in (framed, packed):
        with pytest.raises(UnsupportedMedia, match="film is encrypted: its pictures need a key") as raised:
            read(make(Film(regular(3), mux=mux)))
        assert "copy without protection" in (raised.value.hint or "")


def test_a_film_under_a_licence_is_said_to_be_one() -> None:
    bought = make(Film(regular(2), mux=(("movflags", "faststart"),))).replace(b"avc1", b"drmi")
    windows = make(Film(regular(2), form="asf", codec="mpeg4"))
    header = bytes.fromhex("14e68a292226174cb935dae07ee9289c")  # "extended content encryption"
    for data in (bought, windows[:30] + header + windows[30:]):
        with pytest.raises(UnsupportedMedia, match="film is encrypted: its pictures need a key"):
            framed(data)
    assert framed(windows)[0]["frames"]


def test_an_encrypted_webm_is_said_to_be_one() -> None:
    out = io.BytesIO()
    film = make(Film(regular(2), form="webm", codec="libvpx-vp9"))
    with av.open(io.BytesIO(film), "r") as clear, av.open(out, "w", format="webm") as locked:
        track = locked.add_stream_from_template(clear.streams.video[0])
        for packet in clear.demux(video=0):
            if packet.size:
                scrambled = av.Packet(bytes(value ^ 0xFF for value in bytes(packet)))
                scrambled.pts, scrambled.dts, scrambled.time_base = packet.pts, packet.dts, packet.time_base
                scrambled.stream = track
                locked.mux(scrambled)
    # In the place of its language: by what it is encrypted.
    language = b"\x22\xb5\x9c\x83und"
    assert language in out.getvalue()
    data = out.getvalue().replace(language, b"\x50\x35\x84\x47\xe1\x81\x05")
    with pytest.raises(UnsupportedMedia, match="film is encrypted: its pictures need a key"):
        framed(data)
    with pytest.raises(UnsupportedMedia, match="no frame of film could be decoded"):
        framed(out.getvalue())


def test_a_file_of_subtitles_alone_holds_no_video() -> None:
    words = ((1.0, 2.0, "Hello"),)
    out = io.BytesIO()
    whole = io.BytesIO(make(Film(regular(3), form="matroska", subtitles=words, subtitle_codec="subrip")))
    with av.open(whole, "r") as film, av.open(out, "w", format="matroska") as copy:
        kept = film.streams.subtitles[0]
        made = copy.add_stream_from_template(kept)
        for packet in film.demux(kept):
            if packet.dts is not None:
                packet.stream = made
                copy.mux(packet)
    with pytest.raises(UnsupportedMedia, match="film holds no video"):
        framed(out.getvalue())


def test_what_comes_before_the_first_key_frame_is_no_damage() -> None:
    film = Film(regular(8), form="webm", codec="libvpx", gop=50, mux=(("cluster_time_limit", "500"),))
    whole = make(film)
    first, second = list(re.finditer(rb"\x1f\x43\xb6\x75", whole))[:2]
    data = whole[: first.start()] + whole[second.start() :]
    for facts in (packed(data)[0], framed(data)[0]):
        assert not any("damaged" in note for note in facts["notes"])


def test_an_index_that_cannot_be_read_is_told_from_one_that_is_missing() -> None:
    first = make(Film(regular(6), mux=(("movflags", "faststart"),)))
    with pytest.raises(UnsupportedMedia, match="damaged: its index cannot be read"):
        framed(first[: first.index(b"moov") + 1000])
    box = b"\0\0\0\x18ftypisom\0\0\x02\0isommp41"
    long = b"\0\0\0\1mdat" + (24).to_bytes(8, "big") + bytes(8)
    with pytest.raises(UnsupportedMedia, match="damaged: no index"):
        framed(box + long + b"\0\0\0\2free")


def test_pieces_of_a_stream_are_told_to_be_joined() -> None:
    whole = make(Film(regular(4), gop=25, mux=(("movflags", "frag_keyframe+empty_moov+default_base_moof"),)))
    start = whole.index(b"moof") - 4
    index, piece = whole[:start], whole[start : whole.index(b"moof", start + 8) - 4]
    with pytest.raises(
        UnsupportedMedia, match=r"film is the index of a stream, without its pictures\. Join the pieces"
    ):
        framed(index)
    for begin in (b"", b"\0\0\0\x14stypmsdh\0\0\0\0msdh"):
        assert detect(begin + piece, "1.m4s").name == "mp4"
        with pytest.raises(UnsupportedMedia, match=r"film is a piece of a stream.*Join the pieces"):
            framed(begin + piece)
    assert framed(index + piece)[0]["frames"]


@each("data", [b"\x1aE\xdf\xa3" + bytes(40), b"RIFF\x10\0\0\0AVI LIST", b"GIF89a"])
def test_a_file_cut_off_in_its_head_is_damaged(data: bytes) -> None:
    with pytest.raises(UnsupportedMedia, match="film is damaged: it breaks off before its first frame"):
        framed(data)


def test_a_video_of_too_large_frames_is_refused_before_it_is_decoded() -> None:
    data = bytearray(make(Film(regular(0.4), form="gif", codec="gif")))
    data[6:10] = struct.pack("<HH", 9000, 9000)
    with pytest.raises(MediaTooLarge, match="film has frames of 9000x9000 pixels"):
        framed(bytes(data))


# ── Damage ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_frames_without_a_time_follow_the_one_before() -> None:
    head = re.compile(rb"(\x00\x00\x01\xe0..)\x80[\x80\xc0]", re.DOTALL)
    count = itertools.count()

    def untimed(found: re.Match[bytes]) -> bytes:
        """Every other picture without its time, as some recorders write them."""
        return found[1] + b"\x80\x00" if next(count) % 2 else found[0]

    data = head.sub(untimed, make(Film(regular(6), form="mpegts")))
    assert next(count) > 100
    taken = shots(data, [0.1, 1.0, 3.0, 5.9]).shots
    assert len(taken) == 4
    for shot in taken:
        assert shot.time == pytest.approx(read_mark(shot.jpeg) / 25, abs=0.05)


def test_an_index_with_one_wrong_entry_costs_what_follows_it_and_not_the_call() -> None:
    data = bytearray(make(Film(regular(6), mux=(("movflags", "faststart"),))))
    data[data.index(b"stsz") + 16 + 4 * 80] = 45  # the length of frame 80
    facts, blobs = framed(bytes(data), start=0.1, end=2.0, max_frames=2)
    assert [read_mark(blob) for blob in blobs] == [2, 50]
    assert facts["notes"] == ["damaged: readable up to 3.3 s of 6.0 s"]


def test_a_file_that_cannot_be_searched_is_read_from_its_start() -> None:
    data = bytearray(make(Film(regular(6), form="avi", codec="mpeg4")))
    start, end = data.index(b"JUNK", 4000), data.index(b"movi") + 1200
    data[start:end] = bytes(end - start)
    assert [round(shot.time) for shot in shots(bytes(data), [1.0, 3.0, 5.0]).shots] == [1, 3, 5]


def test_a_frame_that_takes_too_long_is_given_up_for_the_one_reached() -> None:
    with VideoReader(io.BytesIO(make(Film(regular(6), gop=1000))), "film") as reel:
        found = reel.show(5.0, deadline=time.monotonic() - 1)
    assert found is not None
    assert found[1] < 1


# ── Frames ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_frame_is_made_to_fit_by_quality_first_and_then_by_size() -> None:
    image = photo(800, 600)
    best, size = jpeg(image, 80, 1 << 30)
    assert size == (800, 600)
    lower, size = jpeg(image, 80, len(best) * 2 // 3)
    assert (size, len(lower) <= len(best) * 2 // 3) == ((800, 600), True)
    small, size = jpeg(image, 60, len(best) // 10)
    assert len(small) <= len(best) // 10
    assert size[0] < 800
    _, size = jpeg(image, 80, 10)
    assert max(size) <= 256


def test_a_long_video_is_looked_at_here_and_there() -> None:
    film = Film(tuple(2.5 * i for i in range(200)), (640, 352), "matroska", gop=10, cuts=(60, 140))
    facts, blobs = framed(make(film), images=6)
    assert 3 <= len(blobs) <= 6
    for frame, blob in zip(facts["frames"], blobs, strict=True):
        assert read_mark(blob) * 2.5 == pytest.approx(frame["time"], abs=0.1)


def test_a_long_video_that_goes_black_says_so() -> None:
    film = Film(tuple(2.5 * i for i in range(200)), (640, 352), "matroska", gop=1000, look="flash")
    facts, blobs = framed(make(film), images=6)
    assert len(blobs) == 1
    assert "the rest of this part is black" in facts["notes"]


def test_subtitles_after_the_part_asked_for_are_not_read() -> None:
    words = ((1.0, 2.0, "early"), (5.0, 6.0, "late"))
    facts, _ = framed(make(Film(regular(8), subtitles=words)), subtitles=True, end=3.0)
    assert facts["subtitles"] == "[0:01–0:02] early"


def test_no_more_cues_are_read_than_an_hour_could_show() -> None:
    text = "".join(
        f"{i // 3600:02}:{i // 60 % 60:02}:{i % 60:02},0 --> 99:00:00,0\nline {i}\n\n" for i in range(50_100)
    )
    assert len(parse_subtitles(text)) == 50_000  # what came is given, and the rest left unread


def test_a_first_and_a_last_look_are_kept_and_the_largest_gaps_filled() -> None:
    def look(at: float, shade: int) -> Look:
        return Look(at, bytes([shade]) * 2304)

    looks = [look(float(i), 60 + i * 5) for i in range(20)]
    assert choose(looks, 1) == [10.0]
    assert choose(looks, 3) == [0.0, pytest.approx(9.5, abs=0.5), 19.0]
    assert choose([look(1.0, 60), look(1.0, 120), look(1.0, 200)], 2) == [1.0, 1.0]


# ── Whole ───────────────────────────────────────────────────────────────────────────────────────────────────────


@each(
    ("first", "mime"),
    [
        (b"\0\0\0\x20moov", "video/quicktime"),
        (b"\0\0\0\x20mdat", "video/quicktime"),
        (b"\x1aE\xdf\xa3....webm", ""),
        (b"RIFF....AVI ", ""),
    ],
)
def test_what_the_service_takes_is_told_by_the_first_bytes(first: bytes, mime: str) -> None:
    assert sendable(first) == mime


def test_re_encoding_that_takes_too_long_is_given_up() -> None:
    facts, blobs = packed(make(Film(regular(6), form="avi", codec="mpeg4")), whole_time=1e-6)
    assert (facts["whole"], facts["reason"]) == (None, "re-encoding it would take too long")
    assert len(facts["parts"][0]["frames"]) == len(blobs)


def test_what_comes_out_too_large_is_squeezed_once_more() -> None:
    out = io.BytesIO()
    with av.open(out, "w", format="avi") as container:
        stream: Any = container.add_stream("mjpeg", rate=15)
        stream.width, stream.height, stream.pix_fmt = 320, 192, "yuvj420p"
        for seed in range(30):
            picture = grain(320, 192, 90, seed).convert("RGB")
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))  # type: ignore[no-untyped-call]
        container.mux(stream.encode(None))
    facts, (blob,) = packed(out.getvalue(), whole_bytes=36_000)
    assert facts["whole"]["mime"] == "video/mp4"
    assert len(blob) <= 36_000


def test_a_turned_video_of_an_odd_size_is_re_encoded_upright() -> None:
    facts, (blob,) = packed(make(Film(regular(2), size=(1000, 566), rotate=90)), start=1.0)
    assert (facts["whole"]["width"], facts["whole"]["height"]) == (484, 854)
    with av.open(io.BytesIO(blob), "r") as made:
        assert (made.streams.video[0].width, made.streams.video[0].height) == (484, 854)


@pytest.mark.anyio
async def test_a_subtitle_file_without_words_for_this_part_says_so() -> None:
    data = make(SHORT)
    film = Source("film.mp4", KINDS["mp4"], len(data), data=data)
    sidecar = "1\n00:00:01,0 --> 00:00:02,0\nearly\n"
    video = VideoFile(film, start=3.0, end=5.0, sidecar=sidecar)
    (clip,) = await video.prepare(CARD, max_frames=1)
    assert clip.subtitles == ""
    assert "the subtitle file has nothing for this part" in clip.notes
    with pytest.raises(InvalidRequest, match="51 stills were asked for"):
        await video.stills([float(i) for i in range(51)])


def test_a_contact_sheet_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        contact_sheet([])


# ── One odd thing never costs the film ──────────────────────────────────────────────────────────────────────────


def camera_film(orientation: int) -> bytes:
    """JPEGs with EXIF one after the other, as cameras and dash cams write them; a white upper half, a black lower one."""
    picture = Image.new("RGB", (160, 96))
    picture.paste("white", (0, 0, 160, 48))
    exif, jpeg_file, out = Image.Exif(), io.BytesIO(), io.BytesIO()
    exif[0x0112] = orientation
    picture.save(jpeg_file, "JPEG", exif=exif, subsampling=2)
    with av.open(out, "w", format="mov") as container:
        stream: Any = container.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuvj420p"
        for at in range(10):
            packet = av.Packet(jpeg_file.getvalue())
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, at, at, Fraction(1, 10)
            container.mux(packet)
    return out.getvalue()


@each(
    ("orientation", "size", "white"),
    [(1, (160, 96), (80, 10)), (6, (96, 160), (86, 80)), (8, (96, 160), (10, 80)), (3, (160, 96), (80, 86))],
)
def test_a_film_of_jpegs_with_exif_is_read_upright(
    orientation: int, size: tuple[int, int], white: tuple[int, int]
) -> None:
    data = camera_film(orientation)
    first = next(av.open(io.BytesIO(data), "r").decode(video=0))
    if "EXIF" not in Type.__members__:  # before PyAV 19
        with pytest.raises(ValueError, match="is not a valid Type"):
            _ = first.side_data  # what the library makes of a frame with EXIF
    (shot,) = shots(data, [0.5]).shots
    picture = Image.open(io.BytesIO(shot.jpeg)).convert("L")
    assert picture.size == size
    assert picture.getpixel(white) > 200  # type: ignore[operator]
    assert picture.getpixel((size[0] - 1 - white[0], size[1] - 1 - white[1])) < 50  # type: ignore[operator]


def test_that_a_video_has_more_tracks_than_the_one_that_was_read_is_told() -> None:
    out = io.BytesIO()
    with (
        av.open(io.BytesIO(make(Film(regular(3)))), "r") as film,
        av.open(out, "w", format="mp4") as both,
    ):
        kept = film.streams.video[0]
        tracks = [both.add_stream_from_template(kept) for _ in range(2)]
        for packet in film.demux(kept):
            if packet.dts is None:
                continue
            for track in tracks:
                again = av.Packet(bytes(packet))
                again.stream, again.time_base = track, packet.time_base
                again.pts, again.dts, again.is_keyframe = packet.pts, packet.dts, packet.is_keyframe
                both.mux(again)
    facts, _ = framed(out.getvalue(), max_frames=1)
    assert "one of its 2 video tracks was read" in facts["notes"]


def test_the_stills_that_a_phone_keeps_in_a_larger_track_are_not_taken_for_the_film() -> None:
    out = io.BytesIO()
    with (
        av.open(io.BytesIO(make(Film(regular(3)))), "r") as film,
        av.open(io.BytesIO(make(Film((0.0, 2.5), size=(640, 384)))), "r") as stills,
        av.open(out, "w", format="mp4") as both,
    ):
        kept = [source.streams.video[0] for source in (film, stills)]
        tracks = [both.add_stream_from_template(stream) for stream in kept]
        for source, stream, track in zip((film, stills), kept, tracks, strict=True):
            for packet in source.demux(stream):
                if packet.dts is None:
                    continue
                again = av.Packet(bytes(packet))
                again.stream, again.time_base = track, packet.time_base
                again.pts, again.dts, again.is_keyframe = packet.pts, packet.dts, packet.is_keyframe
                both.mux(again)
    facts, blobs = framed(out.getvalue(), max_frames=3)
    assert (facts["facts"]["width"], len(blobs)) == (320, 3)
    assert "one of its 2 video tracks was read" in facts["notes"]


def test_a_video_track_that_cannot_be_decoded_gives_way_to_the_next() -> None:
    out = io.BytesIO()
    with (
        av.open(io.BytesIO(make(Film(regular(3), form="matroska"))), "r") as film,
        av.open(out, "w", format="matroska") as both,
    ):
        kept = film.streams.video[0]
        bad, good = both.add_stream_from_template(kept), both.add_stream_from_template(kept)
        for packet in film.demux(kept):
            if packet.dts is None:
                continue
            broken = av.Packet(bytes(range(256)))
            broken.stream, broken.time_base = bad, packet.time_base
            broken.pts, broken.dts = packet.pts, packet.dts
            packet.stream = good
            both.mux([broken, packet])
    facts, (blob,) = framed(out.getvalue(), start=1.0, max_frames=1)
    assert read_mark(blob) == 50
    assert "a video track (h264) could not be decoded: another one was read" in facts["notes"]


def test_a_subtitle_track_of_an_unknown_kind_costs_only_itself() -> None:
    words = ((1.0, 2.0, "Hello"),)
    data = make(Film(regular(3), form="matroska", subtitles=words, subtitle_codec="ass"))
    odd = data.replace(b"S_TEXT/ASS", b"S_TEXT/XYZ")
    assert odd != data
    facts, blobs = framed(odd, subtitles=True, max_frames=2)
    assert (len(blobs), facts["subtitles"]) == (2, "")
    assert (
        "its subtitles are pictures, or of a kind that is not known here, and were not read separately"
        in facts["notes"]
    )
