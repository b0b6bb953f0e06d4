"""analyze_video: whole where the service takes it, else as frames with their times."""

from __future__ import annotations

import base64
import io
import itertools
import os
import re
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from PIL import Image
from support.cases import each
from support.connect import Connect
from support.films import Film, make, read_mark, regular
from support.paths import SAMPLES
from support.toolkit import (
    call,
    chats,
    fail,
    kinds,
    last,
    links,
    parts,
    say,
    text_of,
    words,
)

from glm_mcp.server.app import Folders
from glm_mcp.simulator import Fault, Received, Reply, Simulator, Switches
from glm_mcp.tools.analyze_video import times_in
from glm_mcp.tools.tasks import VIDEO

pytestmark = pytest.mark.anyio

URL = "https://example.com/a/film.mp4"
# One scene a second, so that every second is worth a frame.
SCENES = Film(regular(6, 10), size=(320, 192), cuts=(10, 20, 30, 40, 50))


@pytest.fixture
def film(folders: Folders) -> Path:
    path = folders.cwd / "film.mp4"
    path.write_bytes(make(SCENES))
    return path


def frame_times(request: Received) -> list[float]:
    """Seconds of the marks before the pictures."""
    content = parts(request)
    found = []
    for mark, picture in itertools.pairwise(content):
        if picture["type"] == "image_url":
            minutes, seconds = re.fullmatch(r"\[(\d+):([\d.]+)\]", mark["text"]).groups()  # type: ignore[union-attr]
            found.append(int(minutes) * 60 + float(seconds))
    return found


def frame_numbers(request: Received) -> list[int]:
    urls = [p["image_url"]["url"] for p in parts(request) if p["type"] == "image_url"]
    return [read_mark(base64.b64decode(u.rpartition(",")[2])) for u in urls]


async def test_a_video_goes_whole_where_the_service_takes_bytes(
    connect: Connect, sim: Simulator, film: Path
) -> None:
    sim.switches = Switches(data_url_videos="accept")
    async with connect() as client:
        text = await say(client, "analyze_video", video="film.mp4", prompt="What happens?")
    assert kinds(last(sim)) == ["video_url", "text"]
    assert parts(last(sim))[0]["video_url"]["url"].startswith("data:video/mp4;base64,")
    assert last(sim).media[0].size == film.stat().st_size
    assert words(last(sim)) == "What happens?"
    assert "0:00–0:06 sent whole" in text


async def test_frames_go_where_the_service_refuses_bytes_and_two_films_say_so_for_all(
    connect: Connect, sim: Simulator, film: Path
) -> None:
    sim.switches = Switches(data_url_videos="refuse")
    (film.parent / "other.mp4").write_bytes(make(Film(regular(8))))
    async with connect() as client:
        text = await say(client, "analyze_video", video="film.mp4", prompt="What happens?")
        await say(client, "analyze_video", video="other.mp4", prompt="And here?")
        await say(client, "analyze_video", video="film.mp4", prompt="Again?")
    assert [r.status for r in sim.received] == [400, 200, 400, 200, 200]
    assert kinds(sim.received[0]) == kinds(sim.received[2]) == ["video_url", "text"]
    first, second = sim.received[1], sim.received[4]
    assert "video_url" not in kinds(first) + kinds(second)
    assert frame_times(first) == frame_times(second)
    assert re.search(r"\d+ frames of 0:00–0:06 read, the video has 0:06", text)


async def test_each_frame_follows_its_own_time_and_the_prompt_comes_last(
    connect: Connect, sim: Simulator, film: Path
) -> None:
    async with connect() as client:
        await say(client, "analyze_video", video="film.mp4", prompt="What happens?", max_frames=6)
    assert len(sim.received) == 1
    times, numbers = frame_times(last(sim)), frame_numbers(last(sim))
    assert len(times) == 6
    assert times == sorted(times)
    assert numbers == [round(t * 10) for t in times]
    assert (
        parts(last(sim))[0]["text"]
        == "These are 6 frames of a video, 0:00–0:06, each after its time in the video."
    )
    assert words(last(sim)) == "What happens?"


async def test_start_and_end_choose_a_part_in_the_originals_times(
    connect: Connect, sim: Simulator, film: Path
) -> None:
    async with connect() as client:
        text = await say(client, "analyze_video", video="film.mp4", start="0:02", end=4, max_frames=4)
        await say(client, "analyze_video", video="film.mp4#t=2,4", max_frames=4)
        late = await fail(client, "analyze_video", video="film.mp4", start=60)
        swapped = await fail(client, "analyze_video", video="film.mp4", start=4, end=2)
    first, second = sim.received[:2]
    assert all(2 <= t <= 4 for t in frame_times(first))
    assert frame_times(first) == frame_times(second)
    assert "4 frames of 0:02–0:04 read, the video has 0:06" in text
    assert "is beyond the end" in late
    assert "0:06" in late
    assert "start 4 s is not before end 2 s" in swapped


async def test_a_whole_part_is_told_where_it_begins(connect: Connect, sim: Simulator, film: Path) -> None:
    sim.switches = Switches(data_url_videos="accept")
    async with connect() as client:
        text = await say(client, "analyze_video", video="film.mp4", prompt="Then?", start=3, end=5)
        await say(client, "analyze_video", video="film.mp4", prompt="然后呢？", start=3, end=5)
    assert last(sim).media[0].duration_s == pytest.approx(2, abs=0.3)
    english, chinese = (words(r) for r in sim.received)
    assert english == "Then?\n\nThis clip begins at 0:03.0 of the original; give times of the original."
    assert "从原片的 0:03.0 开始" in chinese
    assert "0:03–0:05" in text


@pytest.mark.parametrize("task", list(VIDEO))
async def test_each_task_has_its_words_after_the_prompt_in_both_languages(
    connect: Connect, sim: Simulator, film: Path, task: str
) -> None:
    sim.switches = Switches(data_url_videos="accept")
    async with connect() as client:
        await say(client, "analyze_video", video="film.mp4", task=task, prompt="Only people.", end=2)
        await say(client, "analyze_video", video="film.mp4", task=task, prompt="只看人物。", end=2)
    english, chinese = sim.received
    assert words(english) == f"Only people.\n\n{VIDEO[task]['en']}"
    assert words(chinese) == f"只看人物。\n\n{VIDEO[task]['zh']}"
    if task in {"timeline", "keyframes", "storyboard", "teardown"}:
        assert "以下是一段视频 0:00–0:02 的" in parts(chinese)[0]["text"]
    else:
        assert kinds(english) == ["video_url", "text"]


async def test_without_prompt_and_task_a_summary_is_asked_for(
    connect: Connect, sim: Simulator, film: Path
) -> None:
    sim.switches = Switches(data_url_videos="accept")
    async with connect(GLM_LANG="zh") as client:
        await say(client, "analyze_video", video="film.mp4")
    assert words(last(sim)) == f"{VIDEO['summary']['zh']} 请用中文回答。"


async def test_a_teardown_looks_closely_at_the_first_three_seconds(
    connect: Connect, sim: Simulator, film: Path
) -> None:
    async with connect() as client:
        await say(client, "analyze_video", video="film.mp4", task="teardown")
    times = frame_times(last(sim))
    assert sum(t <= 3 for t in times) > sum(t > 3 for t in times)


async def test_keyframes_are_saved_full_size_with_a_contact_sheet(
    connect: Connect, sim: Simulator, folders: Folders, film: Path
) -> None:
    sim.queue(Reply(text="0:01.0: the first\n- 0:04.5: the second\n9:59: beyond the end"))
    async with connect() as client:
        result = await call(client, "analyze_video", video="film.mp4", task="keyframes")
    lines = text_of(result).splitlines()
    assert lines[0].startswith("0:01.0 ")
    stills = [Path(line.split(" ", 1)[1]) for line in lines[:2]]
    assert [p.name for p in stills] == ["film-0-01.0.jpg", "film-0-04.5.jpg"]
    for path, number in zip(stills, (10, 45), strict=True):
        assert path.parent == folders.cwd / "glm-output"
        with Image.open(path) as opened:
            assert opened.size == (320, 192)
            assert read_mark(opened.copy()) == number
    sheet = Path(lines[2].removeprefix("Contact sheet: "))
    assert folders.cache in sheet.parents
    with Image.open(sheet) as opened:
        assert opened.width > 320
    assert len(links(result)) == 3
    assert "the first" in text_of(result)
    assert "1 of 3 key frames named left out: not within 0:00–0:06" in lines[-1]


async def test_a_film_that_goes_bad_after_the_answer_costs_the_key_frames_alone(
    connect: Connect, sim: Simulator, film: Path
) -> None:
    sim.queue(Reply(text="0:01.0: the first", delay_s=1))

    async def spoil() -> None:
        await anyio.to_thread.run_sync(sim.wait_received, 1)
        with film.open("r+b") as opened:
            opened.truncate(100)

    async with connect() as client, anyio.create_task_group() as group:
        group.start_soon(spoil)
        text = await say(client, "analyze_video", video="film.mp4", task="keyframes")
    assert text.startswith("Not all files could be made: ")
    assert "0:01.0: the first" in text


async def test_of_very_many_key_frames_the_first_are_saved_and_it_says_so(
    connect: Connect, sim: Simulator, film: Path
) -> None:
    sim.queue(Reply(text="\n".join(f"0:0{n / 4:.2f}: frame {n}" for n in range(20))))
    async with connect() as client:
        result = await call(client, "analyze_video", video="film.mp4", task="keyframes")
    assert len(re.findall(r"^0:\S+ /.*\.jpg$", text_of(result), re.MULTILINE)) == 12
    assert "the first 12 of 20 key frames saved" in text_of(result).splitlines()[-1]


async def test_key_frames_without_a_time_are_not_saved_and_it_says_so(
    connect: Connect, sim: Simulator, film: Path
) -> None:
    sim.queue(Reply(text="A ball is thrown, and then caught."))
    async with connect() as client:
        result = await call(client, "analyze_video", video="film.mp4", task="keyframes")
    assert "the answer names no time: no key frame was saved" in text_of(result).splitlines()[-1]
    assert [link.name for link in links(result)] == ["film-sheet.jpg"]


async def test_a_timeline_keeps_a_contact_sheet(connect: Connect, sim: Simulator, film: Path) -> None:
    async with connect() as client:
        result = await call(client, "analyze_video", video="film.mp4", task="timeline")
    assert text_of(result).startswith("Contact sheet: ")
    assert [link.name for link in links(result)] == ["film-sheet.jpg"]


async def test_half_a_timeline_is_an_error(connect: Connect, sim: Simulator, film: Path) -> None:
    sim.queue(Fault("hang_mid", chunks=2))
    async with connect(GLM_DEADLINE_S=2) as client:
        text = await fail(client, "analyze_video", video="film.mp4", task="timeline")
    assert text.startswith("timeout: ")


async def test_a_subtitle_file_beside_the_video_goes_along(
    connect: Connect, sim: Simulator, folders: Folders, film: Path
) -> None:
    (folders.cwd / "film.srt").write_text(
        "1\n00:00:01,000 --> 00:00:02,000\nWelcome aboard.\n\n2\n00:00:05,000 --> 00:00:05,500\nGoodbye.\n",
        encoding="utf-8",
    )
    async with connect() as client:
        text = await say(
            client, "analyze_video", video="film.mp4", prompt="What is said?", start=0, end=3, max_frames=2
        )
        await say(client, "analyze_video", video="film.mp4", prompt="说了什么？", max_frames=2)
    english, chinese = (words(r) for r in sim.received)
    assert english.startswith("Subtitles of the video:\n")
    assert "subtitles of film.srt sent along" in text.splitlines()[-1]
    assert "Welcome aboard." in english
    assert "Goodbye" not in english
    assert english.endswith("What is said?")
    assert chinese.startswith("视频字幕:\n")
    assert "Goodbye." in chinese


@pytest.mark.skipif(os.name == "nt", reason="links as POSIX has them")
async def test_a_file_of_subtitles_beside_a_film_is_read_as_players_in_korea_have_it(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    (folders.cwd / "film.mp4").write_bytes(make(Film(regular(6))))
    cue = "<SAMI>\n<BODY>\n<SYNC Start=1000><P Class=KRCC>\n오늘은 날씨가 좋습니다<br>내일은 비가 옵니다\n<SYNC Start=3000><P Class=KRCC>&nbsp;\n</BODY></SAMI>\n"
    (folders.cwd / "film.smi").write_bytes(cue.encode("cp949"))
    async with connect() as client:
        text = await say(client, "analyze_video", video="film.mp4")
    assert "[0:01–0:03] 오늘은 날씨가 좋습니다 내일은 비가 옵니다" in words(last(sim))
    assert "subtitles of film.smi sent along" in text.splitlines()[-1]


async def test_the_track_of_a_film_is_read_where_the_file_beside_it_holds_no_subtitles(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    film = Film(regular(6), subtitles=((1.0, 3.0, "From the track"),))
    (folders.cwd / "film.mp4").write_bytes(make(film))
    (folders.cwd / "film.srt").write_text("{25}{75}Of another form\n", encoding="utf-8")
    async with connect() as client:
        text = await say(client, "analyze_video", video="film.mp4")
    assert "[0:01–0:03] From the track" in words(last(sim))
    assert "film.srt holds no subtitles of a form that is known here" in text.splitlines()[-1]


@each("key", ("aws_\u00adsecret_access_key", "aws_<i></i>secret_access_key", "aws&#95;secret_access_key"))
async def test_subtitles_whose_words_hold_a_login_once_they_are_plain_stay_here(
    key: str, connect: Connect, sim: Simulator, folders: Folders
) -> None:
    (folders.cwd / "film.mp4").write_bytes(make(Film(regular(6))))
    said = f"{key} = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY1"
    (folders.cwd / "film.srt").write_text(f"1\n00:00:00,000 --> 00:00:02,000\n{said}\n", encoding="utf-8")
    async with connect() as client:
        text = await say(client, "analyze_video", video="film.mp4")
    assert "EXAMPLEKEY" not in words(last(sim))
    hidden = "\u00ad" in key  # as a file whose bytes show it
    assert ("film.srt holds an AWS secret key, and was not read" in text.splitlines()[-1]) is not hidden


async def test_a_subtitle_link_that_leads_away_from_the_video_is_not_followed(
    connect: Connect, sim: Simulator, folders: Folders, film: Path
) -> None:
    (folders.home / "letters").mkdir()
    (folders.home / "letters/a.txt").write_text("1\n00:00:01,000 --> 00:00:02,000\nDear Ada.\n", "utf-8")
    (folders.cwd / "other.txt").write_text("1\n00:00:01,000 --> 00:00:02,000\nBeside it.\n", "utf-8")
    (folders.cwd / "film.srt").symlink_to(folders.home / "letters/a.txt")
    (folders.cwd / "film.en.srt").symlink_to(folders.cwd / "other.txt")
    async with connect() as client:
        text = await say(client, "analyze_video", video="film.mp4", max_frames=2)
    assert "Dear Ada" not in words(last(sim))
    assert "Beside it." in words(last(sim))
    assert "subtitles of film.en.srt sent along" in text.splitlines()[-1]


async def test_sound_that_is_not_heard_is_said(connect: Connect, sim: Simulator, folders: Folders) -> None:
    (folders.cwd / "loud.mp4").write_bytes(make(Film(regular(2, 10), sound=True)))
    (folders.cwd / "mute.mp4").write_bytes(make(Film(regular(2, 10))))
    async with connect() as client:
        loud = await say(client, "analyze_video", video="loud.mp4", max_frames=2)
        mute = await say(client, "analyze_video", video="mute.mp4", max_frames=2)
    assert "sound" in loud.splitlines()[-1]
    assert "sound" not in mute.splitlines()[-1]


async def test_an_address_goes_as_it_is(connect: Connect, sim: Simulator) -> None:
    sim.web[URL] = (make(SCENES), "video/mp4")
    async with connect() as client:
        text = await say(client, "analyze_video", video=URL, prompt="What happens?")
    assert parts(last(sim)) == [
        {"type": "video_url", "video_url": {"url": URL}},
        {"type": "text", "text": "What happens?"},
    ]
    assert "the service read the video by its address" in text


@each(
    ("address", "kind"),
    [
        ("https://example.com/live/stream.m3u8", "unsupported_media"),
        ("rtsp://camera.example.com/1", "unsupported_media"),
        ("https://www.youtube.com/watch?v=1", "unsupported_media"),
        ("http://127.0.0.1:9/a.mp4", "forbidden_url"),
        ("ftp://example.com/a.mp4", "forbidden_url"),
    ],
)
async def test_live_streams_pages_and_inner_addresses_are_refused(
    connect: Connect, sim: Simulator, address: str, kind: str
) -> None:
    async with connect() as client:
        text = await fail(client, "analyze_video", video=address)
    assert text.startswith(f"{kind}: ")
    assert not sim.received


async def test_a_long_video_is_read_in_parts_and_combined(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    (folders.cwd / "long.mp4").write_bytes(
        make(Film(regular(12, 10), size=(160, 96), cuts=tuple(range(10, 120, 10))))
    )
    async with connect() as client:
        text = await say(client, "analyze_video", video="long.mp4", prompt="Tell all.", max_frames=60)
        before = len(sim.received)
        await say(client, "analyze_video", video="long.mp4", prompt="Tell all.", max_frames=60)
    looked = [r for r in chats(sim)[:before] if r.media]
    assert len(looked) == 2
    assert sum(len(r.media) for r in looked) == 60
    combining = chats(sim)[before - 1]
    assert combining.model == "glm-4.7-flash"
    assert "These are the results from 2 parts" in words(combining)
    assert "Tell all." in words(combining)
    assert "read in 2 parts by glm-4.6v-flash, then combined" in text
    # The parts are kept: the same call asks only for the combining.
    assert [bool(r.media) for r in chats(sim)[before:]] == [False]


async def test_what_the_parts_of_a_long_video_say_is_not_lost_where_combining_them_fails(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    film = make(Film(regular(12, 10), size=(160, 96), cuts=tuple(range(10, 120, 10))))
    (folders.cwd / "long.mp4").write_bytes(film)
    sim.queue(Reply("A red ball.", times=2), Fault("error", code="1301", model="glm-4.7-flash"))
    async with connect() as client:
        text = await fail(client, "analyze_video", video="long.mp4", prompt="Tell all.", max_frames=60)
        before = len(sim.received)
        again = await say(client, "analyze_video", video="long.mp4", prompt="Tell all.", max_frames=60)
    assert text.startswith("content_blocked: ")
    assert "2 of 2 parts are done and kept" in text
    assert text.count("A red ball.") == 2
    assert "[0:00–" in text
    assert [bool(r.media) for r in chats(sim)[before:]] == [False]
    assert "then combined" in again


async def test_frames_go_where_the_only_model_for_the_whole_film_is_overloaded(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    (folders.cwd / "long.mp4").write_bytes(make(Film(regular(60, 2), size=(160, 96))))
    sim.queue(Fault("error", code="1305", model="glm-4.6v-flash", times=0))
    async with connect(GLM_DEADLINE_S="12") as client:
        text = await say(client, "analyze_video", video="long.mp4")
    assert "glm-4.6v-flash did not take the video whole in time (1305)" in text
    assert "frames of 0:00–1:00 read" in text
    assert "instead of glm-4.6v-flash (" in text
    assert last(sim).model == "glm-4.1v-thinking-flash"


async def test_a_film_that_is_being_answered_late_is_not_sent_again_as_frames(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    (folders.cwd / "long.mp4").write_bytes(make(Film(regular(60, 2), size=(160, 96))))
    sim.queue(Fault("slow_answer", seconds=4))
    async with connect(GLM_DEADLINE_S="9") as client:
        text = await say(client, "analyze_video", video="long.mp4")
    assert len(chats(sim)) == 1
    assert "0:00–1:00 sent whole" in text


async def test_what_is_no_video_names_the_tool_for_it(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    Image.new("RGB", (8, 8)).save(folders.cwd / "a.png")
    (folders.cwd / "broken.mp4").write_bytes(make(SCENES)[:400])
    (folders.cwd / "a.mp4").write_bytes(make(SCENES))
    (folders.cwd / "b.mp4").write_bytes(make(SCENES))
    async with connect() as client:
        picture = await fail(client, "analyze_video", video="a.png")
        broken = await fail(client, "analyze_video", video="broken.mp4")
        several = await fail(client, "analyze_video", video="[ab].mp4")
    assert picture.startswith("unsupported_media: a.png is a PNG picture")
    assert "describe_image" in picture
    assert broken.startswith("unsupported_media: ")
    assert "2 files fit. It reads one video a call; name one." in several
    assert not sim.received


async def test_the_sample_clip_is_read(connect: Connect, sim: Simulator) -> None:
    sim.switches = Switches(data_url_videos="accept")
    async with connect(GLM_ALLOWED_DIRS=str(SAMPLES)) as client:
        await say(client, "analyze_video", video=str(SAMPLES / "clip.mp4"))
    assert last(sim).media[0].kind == "video"


async def test_a_limit_of_nothing_sends_frames_at_once(connect: Connect, sim: Simulator, film: Path) -> None:
    async with connect(GLM_MAX_VIDEO_MB="0") as client:
        await say(client, "analyze_video", video="film.mp4")
    assert [r.status for r in sim.received] == [200]
    assert "video_url" not in kinds(last(sim))


@each(
    ("text", "times"),
    [
        ("0:05 - 0:10: a\n0:10–0:15: b", [5, 10]),
        ("- `0:01.5`: a\n* **1:02:03**: b", [1.5, 3723]),
        ("1. 0:07 a\n2) 0:09 b\n3、[0:11] c", [7, 9, 11]),
        ("3s: a\n4.5 秒：b", [3, 4.5]),
        ("时间 0:03\n（0:04）四", [4]),
        ("1:75 a slip\n0:08 fine", [8]),
        ("0:05 a\n0:05 again", [5]),
        ("99:00:00 beyond any video", [356400]),
        ("no times at all, 12 things", []),
    ],
)
async def test_times_are_read_from_the_beginnings_of_lines(text: str, times: list[float]) -> None:
    assert times_in(text) == times


async def test_a_frame_is_a_picture_that_decodes(connect: Connect, sim: Simulator, film: Path) -> None:
    async with connect() as client:
        await say(client, "analyze_video", video="film.mp4", max_frames=1)
    url = next(p["image_url"]["url"] for p in parts(last(sim)) if p["type"] == "image_url")
    with Image.open(io.BytesIO(base64.b64decode(url.rpartition(",")[2]))) as opened:
        assert opened.size == (320, 192)


async def test_a_video_that_nobody_can_fetch_is_a_clear_error(connect: Connect, sim: Simulator) -> None:
    async with connect() as client:
        text = await fail(client, "analyze_video", video=f"{sim.origin}/files/cogview/none.mp4")
    assert text.startswith("not_found: ")
    assert [r.status for r in sim.received] == [400, 404]


@pytest.mark.parametrize("by", ["address", "bytes"])
async def test_a_video_that_the_service_objects_to_is_not_sent_again_as_frames(
    connect: Connect, sim: Simulator, film: Path, by: str
) -> None:
    sim.switches = Switches(data_url_videos="accept")
    sim.web[URL] = (film.read_bytes(), "video/mp4")
    sim.queue(Fault("error", code="1301"))
    async with connect() as client:
        text = await fail(client, "analyze_video", video=URL if by == "address" else "film.mp4")
    assert text.startswith("content_blocked: ")
    assert len(sim.received) == 1


async def test_subtitles_in_an_old_encoding_are_read(
    connect: Connect, sim: Simulator, folders: Folders, film: Path
) -> None:
    cue = "1\n00:00:01,000 --> 00:00:02,000\n欢迎登机，请系好安全带。\n"
    (folders.cwd / "film.srt").write_bytes(cue.encode("gb18030"))
    async with connect() as client:
        await say(client, "analyze_video", video="film.mp4", prompt="What is said?", max_frames=2)
    assert "欢迎登机，请系好安全带。" in words(last(sim))
