"""Videos of every kind, from a file through analyze_video to the model: whole or as frames, at the times they claim."""

from __future__ import annotations

import hashlib
import io
import itertools
import re
from dataclasses import replace
from pathlib import Path

import av
import pytest
from PIL import Image
from support.cases import each
from support.connect import Connect
from support.films import Film, flip_bits, make, read_mark, regular
from support.formats import chats_done, film_of, pictures, put, said, shades, timed
from support.toolkit import call as called
from support.toolkit import chats, fail, kinds, last, links, say, text_of, words
from support.video_kinds import KINDS, SIX

from glm_mcp.server.app import Folders
from glm_mcp.simulator import Fault, Received, Reply, Simulator, Switches
from glm_mcp.tools.sources import sidecars

pytestmark = pytest.mark.anyio

WHOLE = Switches(data_url_videos="accept")


def exact(film: Film, request: Received) -> list[float]:
    """The times of the frames, after checking that each shows what the film shows then."""
    found = timed(request)
    for at, got in found:
        number = read_mark(got.image)
        assert abs(film.times[number] - film.times[0] - at) < 0.011, (at, number)  # two digits are written
    times = [at for at, _ in found]
    assert all(a < b for a, b in itertools.pairwise(times))
    return times


def decoded(data: bytes) -> tuple[list[float], list[Image.Image]]:
    with av.open(io.BytesIO(data), "r") as container:
        frames = list(container.decode(video=0))
        return [float(f.time or 0) for f in frames], [f.to_image() for f in frames]  # type: ignore[no-untyped-call]


# ── Frames ──────────────────────────────────────────────────────────────────────────────────────────────────────


@each("name", KINDS)
async def test_frames_of_every_kind_carry_the_time_at_which_they_are_shown(
    connect: Connect, sim: Simulator, folders: Folders, name: str
) -> None:
    film = KINDS[name]
    put(folders.cwd / name, make(film))
    async with connect() as client:
        text = await say(client, "analyze_video", video=name, prompt="What happens?", max_frames=5)
    (request,) = chats(sim)
    times = exact(film, request)
    assert 4 <= len(times) <= 5 if name == "changing.mp4" else len(times) == 5
    assert times[0] == 0
    assert film.times[-1] - film.times[0] - times[-1] < 0.1
    assert "damaged" not in text
    assert {m.form for m in request.media} == {"raw"}
    assert [g.image.size for g in pictures(request)] == [(320, 192)] * len(times)
    assert words(request).endswith("What happens?")
    assert f"{len(times)} frames of 0:00–0:0" in text
    assert "sound" not in text.splitlines()[-1]


async def test_a_video_that_the_service_refuses_goes_as_frames_and_the_next_one_whole_again(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    film = Film(SIX, sound=True)
    put(folders.cwd / "a.mp4", make(film))
    put(folders.cwd / "b.mp4", make(Film(regular(3))))
    sim.queue(Fault("error", code="1210", message="视频输入格式/解析错误", media="video"))
    async with connect() as client:
        first = await say(client, "analyze_video", video="a.mp4", prompt="What?")
        await say(client, "analyze_video", video="a.mp4", prompt="And then?")
        await say(client, "analyze_video", video="b.mp4", prompt="What?")
    assert [(r.status, kinds(r)[0]) for r in chats(sim)] == [
        (400, "video_url"),
        (200, "text"),
        (200, "text"),  # the same film is not tried again
        (200, "video_url"),
    ]
    assert hashlib.sha256(film_of(chats(sim)[0])).digest() == hashlib.sha256(make(film)).digest()
    times = exact(film, chats(sim)[1])
    assert 6 <= len(times) <= 12
    assert "sound was not heard" in first
    assert "the service refused the video whole (1210)" in first


async def test_two_different_films_refused_turn_the_process_to_frames(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    sim.switches = Switches(data_url_videos="refuse")
    for number in (2, 3, 4):
        put(folders.cwd / f"{number}.mp4", make(Film(regular(number))))
    async with connect() as client:
        for number in (2, 3, 4):
            await say(client, "analyze_video", video=f"{number}.mp4", prompt="What?")
    assert [kinds(r)[0] for r in chats(sim)] == ["video_url", "text", "video_url", "text", "text"]


@each(("degrees", "dark"), [(90, (20, 160)), (-90, (172, 160)), (180, (160, 172))])
async def test_a_turned_video_is_upright_in_frames_and_re_encoded(
    connect: Connect, sim: Simulator, folders: Folders, degrees: int, dark: tuple[int, int]
) -> None:
    sim.switches = WHOLE
    put(folders.cwd / "phone.mp4", make(Film(regular(2), rotate=degrees)))
    async with connect() as client:
        await say(client, "analyze_video", video="phone.mp4", max_frames=1)
        await say(client, "analyze_video", video="phone.mp4", start="0.2", end="1")
    framed, whole = chats(sim)
    size = (320, 192) if degrees == 180 else (192, 320)
    image = pictures(framed)[0].image.convert("L")
    again = decoded(film_of(whole))[1][0].convert("L")
    assert (image.size, again.size) == (size, size)
    for shown in (image, again):
        # The film's upper half is dark but for its marks, the lower one gray.
        across = (shown.width - 1 - dark[0], shown.height - 1 - dark[1])
        assert shown.getpixel(across) > 60  # type: ignore[operator]


async def test_start_end_and_number_of_frames_are_kept_and_times_are_those_of_the_original(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    film = Film(regular(20), gop=250)
    put(folders.cwd / "a.mp4", make(film))
    async with connect() as client:
        text = await say(client, "analyze_video", video="a.mp4", start="0:07", end=12.5, max_frames=4)
        await say(client, "analyze_video", video="a.mp4#t=15,18", max_frames=3)
    part, fragment = chats(sim)
    assert exact(film, part) == pytest.approx([7, 8.84, 10.68, 12.48], abs=0.05)
    assert exact(film, fragment) == pytest.approx([15, 16.5, 18], abs=0.05)
    assert "4 frames of 0:07–0:12 read, the video has 0:20" in text
    assert "0:07–0:12" in said(part)


async def test_more_frames_than_a_call_takes_are_read_in_parts_and_combined(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    film = Film(regular(8))
    put(folders.cwd / "a.mp4", make(film))
    async with connect() as client:
        text = await say(client, "analyze_video", video="a.mp4", prompt="Count.", max_frames=120)
    *parts, joined = chats_done(sim)
    times = sorted(t for part in parts for t in exact(film, part))
    assert [len(part.media) for part in parts] == [40, 40, 40]
    assert (times[0], len(set(times))) == (0, 118)  # neighbours share the frame at their border
    assert times[-1] == pytest.approx(7.96, abs=0.01)
    assert joined.media == []
    assert all(f"[part {n}]" in said(joined) for n in (1, 2, 3))
    assert "read in 3 parts" in text


async def test_a_long_video_is_read_in_parts_of_at_most_fifty_frames(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    sim.switches = Switches(data_url_videos="refuse")
    film = Film(tuple(range(700)), size=(160, 96), gop=50)
    put(folders.cwd / "long.mp4", make(film))
    async with connect() as client:
        text = await say(client, "analyze_video", 50, video="long.mp4", prompt="What happens?")
    *parts, joined = chats_done(sim)
    spans = sorted((times[0], times[-1]) for times in (exact(film, part) for part in parts))
    assert len(parts) == 2
    assert all(30 <= len(part.media) <= 50 for part in parts)
    assert spans[0][0] == 0
    assert spans[0][1] <= spans[1][0] + 1
    assert spans[1][1] >= 690
    assert "What happens?" in said(joined)
    assert "the video has 11:" in text


async def test_repetitions_and_black_pictures_are_left_out(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    put(folders.cwd / "slides.mp4", shades([(2, 0), (4, 80), (3, 0), (4, 160), (3, 160), (4, 240)]))
    put(folders.cwd / "dark.mp4", shades([(6, 0)]))
    put(folders.cwd / "still.mp4", shades([(6, 120)]))
    async with connect() as client:
        await say(client, "analyze_video", video="slides.mp4", task="timeline")
        dark = await say(client, "analyze_video", video="dark.mp4", task="timeline")
        still = await say(client, "analyze_video", video="still.mp4", task="timeline")
    slides, *rest = chats(sim)
    found = timed(slides)
    assert [round(got.pixel(160, 60)[0] / 80) for _, got in found] == [1, 2, 3]
    starts = [(2, 6), (9, 16), (16, 20)]
    assert all(a <= at + 0.01 and at < b for (at, _), (a, b) in zip(found, starts, strict=True))
    assert all(1 <= len(r.media) <= 2 for r in rest)
    assert "the picture is black throughout" in dark
    assert "the picture does not change" in still


async def test_a_teardown_looks_closely_at_the_first_three_seconds(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    film = Film(regular(20))
    put(folders.cwd / "ad.mp4", make(film))
    async with connect() as client:
        await say(client, "analyze_video", video="ad.mp4", task="teardown")
    times = exact(film, last(sim))
    opening = [t for t in times if t < 3]
    assert len(opening) >= 6
    assert max(b - a for a, b in itertools.pairwise(opening)) <= 0.6
    assert times[-1] > 17
    assert len(times) > len(opening)


# ── Whole ───────────────────────────────────────────────────────────────────────────────────────────────────────


@each("name", ["a.mp4", "a.mov", "a.mkv"])
async def test_a_small_video_goes_whole_byte_for_byte_where_the_service_takes_it(
    connect: Connect, sim: Simulator, folders: Folders, name: str
) -> None:
    sim.switches = WHOLE
    data = make(replace(KINDS[name], sound=True))
    put(folders.cwd / name, data)
    async with connect() as client:
        text = await say(client, "analyze_video", video=name)
    assert "sound was not heard" in text
    (request,) = chats(sim)
    (media,) = request.media
    assert (media.kind, media.form, media.format) == ("video", "data", name[2:])
    assert media.sha256 == hashlib.sha256(data).hexdigest()
    assert media.duration_s == pytest.approx(6, abs=0.1)
    assert "0:00–0:06 sent whole" in text
    assert kinds(request) == ["video_url", "text"]


@each("name", ["a.webm", "a.avi", "a.gif", "a.ts"])
async def test_a_container_that_the_service_does_not_take_arrives_as_mp4_with_the_same_moments(
    connect: Connect, sim: Simulator, folders: Folders, name: str
) -> None:
    sim.switches = WHOLE
    film = KINDS[name]
    put(folders.cwd / name, make(film))
    async with connect() as client:
        text = await say(client, "analyze_video", video=name)
    (request,) = chats(sim)
    assert request.media[0].format == "mp4"
    times, frames = decoded(film_of(request))
    assert abs(times[-1] - film.times[-1]) < 0.15
    assert all(abs(read_mark(f) / 25 - t) < 0.08 for t, f in zip(times, frames, strict=True))
    assert "re-encoded" in text


async def test_a_part_of_a_whole_video_is_cut_out_and_told_where_it_began(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    sim.switches = WHOLE
    put(folders.cwd / "a.mp4", make(Film(regular(20), gop=250)))
    async with connect() as client:
        text = await say(client, "analyze_video", video="a.mp4", prompt="What?", start="7", end="12")
    times, frames = decoded(film_of(last(sim)))
    assert times[-1] == pytest.approx(5, abs=0.15)
    assert read_mark(frames[0]) / 25 == pytest.approx(7, abs=0.05)
    assert read_mark(frames[-1]) / 25 == pytest.approx(12, abs=0.15)
    assert "This clip begins at 0:07.0 of the original" in words(last(sim))
    assert "0:07–0:12 sent whole" in text


async def test_a_changing_frame_rate_is_re_encoded_with_its_moments_in_place(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    sim.switches = WHOLE
    film = Film((0, 0.001, 0.002, 0.003, 0.5, 2.0, 2.001, 2.002, 5.0, 5.5))
    put(folders.cwd / "screen.mp4", make(film))
    async with connect() as client:
        await say(client, "analyze_video", video="screen.mp4", start="0", end="5.4")
    times, frames = decoded(film_of(last(sim)))
    assert all(a < b for a, b in itertools.pairwise(times))
    assert times[-1] == pytest.approx(5.4, abs=0.2)
    for at, frame in zip(times, frames, strict=True):
        assert film.times[read_mark(frame)] <= at + 0.1
    assert read_mark(frames[len(frames) // 2]) in {5, 6, 7}


@pytest.mark.extreme
async def test_a_video_over_the_limit_is_made_to_fit_or_goes_as_frames_and_says_why(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    sim.switches = WHOLE
    data = make(Film(regular(8), size=(960, 544), gop=1))
    put(folders.cwd / "a.mp4", data)
    long = Film(regular(60, 5), size=(960, 544), gop=1)
    put(folders.cwd / "b.mp4", make(long))
    async with connect(GLM_MAX_VIDEO_MB="0.2") as client:
        await say(client, "analyze_video", video="a.mp4")
        text = await say(client, "analyze_video", video="b.mp4")
    fitted, framed = chats(sim)
    assert len(data) > 0.2 * 1024 * 1024 > fitted.media[0].size
    assert decoded(film_of(fitted))[0][-1] == pytest.approx(8, abs=0.2)
    assert exact(long, framed)[-1] > 50
    assert "sent as frames: 0.2" in text


# ── Damaged ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_cut_off_video_is_used_as_far_as_it_goes_and_the_answer_says_so(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    film = Film(regular(20), mux=(("movflags", "faststart"),))
    data = make(film)
    put(folders.cwd / "cut.mp4", data[: int(len(data) * 0.6)])
    async with connect() as client:
        text = await say(client, "analyze_video", video="cut.mp4", max_frames=6)
    times = exact(film, last(sim))
    assert len(times) == 6
    assert 8 < times[-1] < 16
    assert re.search(r"damaged: readable up to \S+ s of 20\.0", text)


async def test_flipped_bits_cost_a_few_frames_and_not_the_call(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    sim.switches = WHOLE
    data = flip_bits(make(Film(regular(12), form="mpegts")), (0.3, 0.5, 0.52, 0.7))
    put(folders.cwd / "bits.ts", data)
    async with connect() as client:
        await say(client, "analyze_video", video="bits.ts", max_frames=6)
        await say(client, "analyze_video", video="bits.ts")
    framed, whole = chats(sim)
    assert len(timed(framed)) >= 4
    assert len(decoded(film_of(whole))[0]) > 60


# ── What is said ────────────────────────────────────────────────────────────────────────────────────────────────

CHINESE = "1\n00:00:01,000 --> 00:00:02,500\n<i>大家好，</i>欢迎来到今天的节目\n\n2\n00:00:04,000 --> 00:00:06,000\n我们再见\n"


@pytest.mark.parametrize(
    ("form", "codec"), [("mp4", "mov_text"), ("matroska", "subrip"), ("matroska", "ass"), ("mov", "mov_text")]
)
async def test_a_subtitle_track_reaches_the_model_as_text_with_its_times(
    connect: Connect, sim: Simulator, folders: Folders, form: str, codec: str
) -> None:
    lines = ((1.0, 2.5, "Hello, you"), (4.0, 5.5, "Goodbye"))
    put(folders.cwd / "a.video", make(Film(SIX, form=form, subtitles=lines, subtitle_codec=codec)))
    async with connect() as client:
        text = await say(client, "analyze_video", video="a.video", prompt="Who?", max_frames=2)
        await say(client, "analyze_video", video="a.video", prompt="Who?", max_frames=2, start="3")
    whole, part = chats(sim)
    assert "[0:01–0:02] Hello, you\n[0:04–0:05] Goodbye" in words(whole)
    assert "Hello" not in words(part)
    assert "[0:04–0:05] Goodbye" in words(part)
    assert "subtitles come from the track inside the video" in text


@each("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
async def test_a_subtitle_file_beside_the_video_is_read_in_any_encoding(
    connect: Connect, sim: Simulator, folders: Folders, encoding: str
) -> None:
    put(folders.cwd / "talk.mp4", make(Film(SIX)))
    put(folders.cwd / "talk.srt", CHINESE.encode(encoding))
    async with connect() as client:
        await say(client, "analyze_video", video="talk.mp4", prompt="Who?", max_frames=2)
    assert "[0:01–0:02] 大家好，欢迎来到今天的节目\n[0:04–0:06] 我们再见" in words(last(sim))


@pytest.mark.parametrize("name", ["talk.SRT", "Talk.srt", "talk.zh-CN.srt", "talk.eng.vtt"])
async def test_a_subtitle_file_is_found_by_its_usual_names(
    connect: Connect, sim: Simulator, folders: Folders, name: str
) -> None:
    put(folders.cwd / "talk.mp4", make(Film(SIX)))
    put(folders.cwd / name, CHINESE)
    put(folders.cwd / "talk2.srt", "1\n00:00:01,000 --> 00:00:02,500\nanother film\n")
    async with connect() as client:
        await say(client, "analyze_video", video="talk.mp4", prompt="Who?", max_frames=2)
    assert "大家好" in words(last(sim))
    assert "another film" not in words(last(sim))


def test_a_subtitle_file_belongs_to_a_video_by_its_name_and_a_language(tmp_path: Path) -> None:
    its = [
        "talk.srt",
        "talk.mp4.srt",
        "talk.zh_CN.srt",
        "talk.简体.ass",
        "talk.en-orig.vtt",
        "talk.en.sdh.srt",
    ]
    its += ["talk.zh-Hans-CN.srt", "talk.chs&eng.srt", "talk.es-419.vtt", "talk.forced.srt", "talk.中英.srt"]
    others = [
        "talk.part2.srt",
        "talk2.srt",
        "talk-2.srt",
        "talk.1.srt",
        "talk.chapter.srt",
        "talk.txt",
        "my talk.srt",
    ]
    for name in ["talk.mp4", *its, *others]:
        put(tmp_path / name, "")
    found = [path.name for path in sidecars(tmp_path / "talk.mp4")]
    assert sorted(found) == sorted(its)
    assert found[0] == "talk.srt"


async def test_a_vtt_beside_a_video_that_goes_whole_joins_it(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    sim.switches = WHOLE
    put(folders.cwd / "talk.mp4", make(Film(SIX)))
    put(folders.cwd / "talk.en.vtt", "WEBVTT\n\n00:01.000 --> 00:02.500\n<v Anna>Hello there\n")
    async with connect() as client:
        await say(client, "analyze_video", video="talk.mp4", prompt="Who?")
    assert kinds(last(sim)) == ["video_url", "text"]
    assert "[0:01–0:02] Hello there" in words(last(sim))


async def test_an_ass_file_beside_a_video_gives_what_is_said(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    put(folders.cwd / "talk.mp4", make(Film(SIX)))
    put(folders.cwd / "talk.ass", "[Events]\nDialogue: 0,0:00:01.00,0:00:02.50,D,,0,0,0,,{\\an8}Hello, you\n")
    async with connect() as client:
        await say(client, "analyze_video", video="talk.mp4", prompt="Who?", max_frames=2)
    assert "[0:01–0:02] Hello, you" in words(last(sim))


async def test_colours_that_were_brought_to_an_ordinary_screen_are_told(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    put(folders.cwd / "hdr.mp4", make(Film(regular(2), hdr=True)))
    async with connect() as client:
        text = await say(client, "analyze_video", video="hdr.mp4", max_frames=2)
    assert "HDR video: shown in the colours of an ordinary screen" in text


# ── Kept pictures ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_key_frames_are_saved_full_size_at_the_times_that_the_model_named(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    film = Film(SIX, size=(1280, 720))
    put(folders.cwd / "a.mp4", make(film))
    sim.queue(Reply("1. 0:01 - the start\n2. [0:03.4] - the middle\n- 5.2s: the end\n9:59 - nonsense"))
    async with connect() as client:
        result = await called(client, "analyze_video", video="a.mp4", task="keyframes")
    text = text_of(result)
    files = [Path(m[1]) for m in re.finditer(r"^0:0\d\.\d (\S+\.jpg)$", text, re.MULTILINE)]
    assert len(files) == 3
    for path, wanted in zip(files, (1.0, 3.4, 5.2), strict=True):
        with Image.open(path) as image:
            assert image.size == (1280, 720)
            assert read_mark(image) / 25 == pytest.approx(wanted, abs=0.03)
    assert [link.uri for link in links(result)][:3] == [path.as_uri() for path in files]
    assert max(g.image.width for g in pictures(last(sim))) == 1024


@each(("task", "sheets"), [("timeline", 1), ("keyframes", 1), ("storyboard", 1), ("teardown", 0)])
async def test_a_contact_sheet_is_kept_for_the_tasks_that_list_moments(
    connect: Connect, sim: Simulator, folders: Folders, task: str, sheets: int
) -> None:
    put(folders.cwd / "a.mp4", make(Film(SIX)))
    async with connect() as client:
        text = await say(client, "analyze_video", video="a.mp4", task=task)
    found = re.findall(r"Contact sheet: (\S+\.jpg)", text)
    assert len(found) == sheets
    for path in found:
        with Image.open(path) as image:
            assert image.width > 500
            assert image.height > 150


# ── By address ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_address_goes_to_the_service_as_it_is(connect: Connect, sim: Simulator) -> None:
    url = "https://films.example.com/a.mp4"
    sim.web[url] = (make(KINDS["a.mp4"]), "video/mp4")
    async with connect() as client:
        text = await say(client, "analyze_video", video=url)
    (request,) = chats(sim)
    assert (request.media[0].form, request.media[0].format) == ("url", "mp4")
    assert "the service read the video by its address" in text


async def test_what_the_service_cannot_fetch_is_downloaded_here_and_goes_as_frames(
    connect: Connect, sim: Simulator
) -> None:
    sim.switches = Switches(data_url_videos="refuse")
    film = KINDS["a.mp4"]
    # A file of the endpoint's own host: the one private address that may be fetched from.
    sim.keep_file("film.mp4", make(film), None)  # the service serves only what it made
    url = f"{sim.origin}/files/cogview/film.mp4"
    async with connect() as client:
        await say(client, "analyze_video", video=url, prompt="What?")
        await say(client, "analyze_video", video=url, task="timeline", start="2", end="4")
    assert [r.status for r in chats(sim)] == [400, 400, 200, 200]
    *_, whole, part = chats(sim)
    assert exact(film, whole)[-1] > 5
    times = exact(film, part)
    assert (times[0] >= 2, times[-1] <= 4) == (True, True)


async def test_an_address_that_nobody_may_fetch_is_refused_clearly_and_the_next_call_works(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    put(folders.cwd / "a.mp4", make(KINDS["a.mp4"]))
    async with connect() as client:
        refused = await fail(client, "analyze_video", video="http://10.0.0.7/a.mp4", task="timeline")
        page = await fail(client, "analyze_video", video="https://www.youtube.com/watch?v=abc")
        live = await fail(client, "analyze_video", video="rtsp://camera.example/1")
        await say(client, "analyze_video", video="a.mp4", max_frames=1)
    assert refused.startswith("forbidden_url: ")
    assert page.startswith("unsupported_media: ")
    assert live.startswith("unsupported_media: live streams are not read")
    assert len(chats(sim)) == 1
