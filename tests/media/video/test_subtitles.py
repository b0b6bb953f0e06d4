"""Subtitles as text: from sidecar files as people have them, and from tracks inside a video."""

from __future__ import annotations

import io
from typing import Any

import av
from support.cases import each
from support.films import Film, make, regular
from support.video_jobs import framed

from glm_mcp.media.video.subtitles import format_subtitles, parse_subtitles

SRT = """\ufeff1\r
00:00:01,000 --> 00:00:02,500\r
<i>Hello</i> {\\an8}there\r
\r
2\r
00:00:04,000 --> 00:00:06,000 X1:10 X2:20\r
Two\r
lines &amp; more\r
"""

VTT = """WEBVTT - a title
Kind: captions

NOTE a remark
over two lines

intro
00:01.000 --> 00:02.500 align:start position:0%
<v Anna>Hello <c.yellow>there</c>

1:00:04.000 --> 1:00:06.000
Late

STYLE
::cue { color: red }
"""


ASS = """[Script Info]
ScriptType: v4.00+

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:04.00,0:00:06.00,Default,Bo,0,0,0,,{\\i1}Two{\\i0}, with a comma\\Nlines
Comment: 0,0:00:02.00,0:00:03.00,Default,,0,0,0,,not shown
Dialogue: Marked=0,0:00:01.00,0:00:02.50,Sign,,0,0,0,,{\\pos(1,2)\\p1}m 0 0 l 100 0{\\p0}Hello there

[Fonts]
fontname: a.ttf
"""


SAMI = """<SAMI><HEAD><STYLE TYPE="text/css"><!-- P { margin: 8pt } .KRCC { lang: ko-KR } --></STYLE></HEAD>
<BODY>
<SYNC Start=1000><P Class=KRCC>
안녕<br><font color="#ffffff">하세요</font> &amp;
<SYNC Start=1000><P Class=ENCC>Hello
<SYNC Start="2500"><P Class=KRCC>&nbsp;
<sync start=4000><P Class=KRCC>둘
<SYNC Start=6000><P Class=KRCC>&nbsp;
</BODY></SAMI>
"""

TTML = """<?xml version="1.0"?>
<tt:tt xmlns:tt="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter" ttp:frameRate="25"
  ttp:tickRate="10000000"><tt:head><tt:styling><tt:style xml:id="p"/></tt:styling></tt:head><tt:body><tt:div>
<tt:p xml:id="a" begin="00:00:01.000" end="00:00:02.500">
   <tt:span tts:color="white">Hello</tt:span>
   there</tt:p>
<tt:p begin="40000000t" dur="2s">Two<tt:br/>lines &lt;b&gt;</tt:p>
<tt:p begin="00:00:08:05" end="500f">Frames</tt:p><tt:p>without a time</tt:p>
<tt:p begin="1:00.5" end="61.5">Songs</tt:p>
</tt:div></tt:body></tt:tt>
"""


@each(
    ("text", "cues"),
    [
        (SAMI, [(1.0, 2.5, "안녕\n하세요 &"), (1.0, 2.5, "Hello"), (4.0, 6.0, "둘")]),
        (
            TTML,
            [
                (1.0, 2.5, "Hello there"),
                (4.0, 6.0, "Two\nlines <b>"),
                (8.2, 20.0, "Frames"),
                (60.5, 61.5, "Songs"),
            ],
        ),
        ("<SAMI><BODY>\n", []),
        ("<SAMI><SYNC Start=1000>A<SYNC Start=1000>B", [(1, 1, "A"), (1, 1, "B")]),
        ("<tt><p>A</p><p begin='soon' end='1s'>B</p></tt>", []),
        # YouTube's
        (
            "0:00:01.000,0:00:02.500\nHello\nthere\n\n0:01:04.000,0:01:06.000\nTwo\n",
            [(1, 2.5, "Hello\nthere"), (64, 66, "Two")],
        ),
        (ASS, [(1.0, 2.5, "Hello there"), (4.0, 6.0, "Two, with a comma\nlines")]),
        (SRT, [(1.0, 2.5, "Hello there"), (4.0, 6.0, "Two\nlines & more")]),
        (VTT, [(1.0, 2.5, "Hello there"), (3604.0, 3606.0, "Late")]),
        ("", []),
        ("no cue at all\n\n12\n", []),
        # no blank lines between the blocks
        ("1\n00:00:01,0 --> 00:00:02,0\nA\n2\n00:00:03,0 --> 00:00:04,0\nB\n", [(1, 2, "A"), (3, 4, "B")]),
        # a number that is said
        (
            "1\n00:00:01,0 --> 00:00:02,0\n42\n\n2\n00:00:03,0 --> 00:00:04,0\nB\n",
            [(1, 2, "42"), (3, 4, "B")],
        ),
        # out of order, an empty cue, an end before its start, a point for a comma
        (
            "00:00:05.5 --> 00:00:04.0\nB\n\n00:00:01.25 --> 00:00:02.0\nA\n\n00:00:08.0 --> 00:00:09.0\n\n",
            [(1.25, 2, "A"), (5.5, 5.5, "B")],
        ),
        # a number that is no letter's, and longer than any that Python reads
        (f"00:00:01,0 --> 00:00:02,0\nA&#66; &#{'9' * 5000};\n", [(1, 2, f"AB &#{'9' * 5000};")]),
        # each end of a line written twice over; a blank line after each line
        (
            "1\r\r\n00:00:01,0 --> 00:00:02,0\r\r\nA\r\r\nB\r\r\n\r\r\n2\r\r\n00:00:03,0 --> 00:00:04,0\r\r\nC",
            [(1, 2, "A\nB"), (3, 4, "C")],
        ),
        (
            "1\n\n00:00:01,0 --> 00:00:02,0\n\nA\n\n42\n\n\n2\n\n00:00:03,0 --> 00:00:04,0\n\nC\n",
            [(1, 2, "A\n42"), (3, 4, "C")],
        ),
        # a number that is said, and no numbers of cues
        ("00:00:01,0 --> 00:00:02,0\n42\n\n00:00:03,0 --> 00:00:04,0\nB\n", [(1, 2, "42"), (3, 4, "B")]),
        # a beginning before the film's, and a time that is none
        (
            "-00:00:01,0 --> 00:00:02,0\nA\n\n2\nsoon --> 00:00:03,0\nX\n\n3\n00:00:05,0 --> 00:00:06,0\nB\n",
            [(0, 2, "A"), (5, 6, "B")],
        ),
        # lines of an ASS file that are set in
        (ASS.replace("\n", "\n "), [(1.0, 2.5, "Hello there"), (4.0, 6.0, "Two, with a comma\nlines")]),
        # an arrow and a formula that are text
        ("00:00:01,0 --> 00:00:02,0\na --> b, 1 < 2 > 0\n", [(1, 2, "a --> b, 1 < 2 > 0")]),
    ],
)
def test_cues_are_found_in_what_people_call_subtitles(text: str, cues: list[Any]) -> None:
    assert parse_subtitles(text) == cues


def test_rolling_captions_are_given_once() -> None:
    text = (
        "WEBVTT\n\n00:01.000 --> 00:03.000\nfirst line\n\n"
        "00:03.000 --> 00:05.000\nfirst line\nsecond line\n\n"
        "00:05.000 --> 00:07.000\nsecond line\n\n00:20.000 --> 00:22.000\nfirst line\n"
    )
    assert [cue[2] for cue in parse_subtitles(text)] == ["first line", "second line", "first line"]


def test_words_that_are_said_again_among_others_are_kept() -> None:
    text = (
        "1\n00:00:01,0 --> 00:00:02,9\nI know.\n\n2\n00:00:03,0 --> 00:00:04,0\nNo, no,\nI know.\n\n"
        "3\n00:00:04,0 --> 00:00:05,0\nNo, no,\n"
    )
    assert [cue[2] for cue in parse_subtitles(text)] == ["I know.", "No, no,\nI know.", "No, no,"]


def test_lines_carry_their_times_and_only_the_part_asked_for() -> None:
    cues = [(1.0, 2.5, "one"), (4.0, 6.0, "two\nlines"), (3700.0, 3701.0, "three")]
    assert format_subtitles(cues, 0, 4000) == (
        "[0:01–0:02] one\n[0:04–0:06] two lines\n[1:01:40–1:01:41] three",
        "",
    )
    assert format_subtitles(cues, 5, 60) == ("[0:04–0:06] two lines", "")
    assert format_subtitles(cues, 10, 20) == ("", "")


def test_a_long_text_is_cut_and_says_where_to_read_on() -> None:
    cues = [(float(i), i + 1.0, "words " * 10) for i in range(100)]
    text, note = format_subtitles(cues, 0, 100, maximum=1000)
    assert len(text) <= 1000
    assert text.endswith("words")
    assert "subtitles are given up to 0:" in note


@each(
    ("form", "codec"),
    [
        ("mp4", "mov_text"),
        ("mov", "mov_text"),
        ("matroska", "subrip"),
        ("matroska", "ass"),
        ("matroska", "webvtt"),
    ],
)
def test_a_track_inside_the_video_is_read(form: str, codec: str) -> None:
    words = ((1.0, 2.5, "Hello, you"), (4.0, 6.0, "Second"))
    film = Film(regular(8), form=form, subtitles=words, subtitle_codec=codec)
    facts, blobs = framed(make(film), subtitles=True, max_frames=2)
    assert facts["subtitles"] == "[0:01–0:02] Hello, you\n[0:04–0:06] Second"
    assert "subtitles come from the track inside the video" in facts["notes"]
    assert len(blobs) == 2
    facts, _ = framed(make(film), subtitles=True, max_frames=1, start=3, end=5)
    assert facts["subtitles"] == "[0:04–0:06] Second"


def test_webvtt_in_matroska_is_read() -> None:
    words = ((1.0, 2.0, "Grüße"), (2.0, 3.0, "Zwei"))
    data = make(Film(regular(4), form="matroska", subtitles=words, subtitle_codec="subrip"))
    # The name of its form is two bytes longer, and the name of its language is left out for it.
    at = data.index(b"S_TEXT/UTF8") - 2
    language = data.rindex(b"\x22\xb5\x9c\x83und", 0, at)
    named = b"\x86\x8dS_TEXT/WEBVTT"
    between = data[language + 7 : at]
    data = data[:language] + between + b"\xec\x83\0\0\0" + named + data[at + 13 :]
    facts, _ = framed(data, subtitles=True, max_frames=1)
    assert facts["subtitles"] == "[0:01–0:02] Grüße\n[0:02–0:03] Zwei"
    assert "subtitles come from the track inside the video (eng)" in facts["notes"]


def captioned(film: Film, pairs: list[tuple[int, int]]) -> bytes:
    """The film, in MPEG-2, with two bytes of captions in each frame, whose highest bits make their ones odd."""
    said = [bytes(v | 0x80 * (v.bit_count() % 2 == 0) for v in pair) for pair in pairs]
    said += [b"\x80\x80"] * len(film.times)  # nothing
    first, *frames = make(film).split(b"\0\0\1\1")  # before the uppermost slice
    beside = (b"\0\0\1\xb2GA94\3\x41\xff\xfc" + two + b"\xff" for two in said)
    return first + b"".join(words + b"\0\0\1\1" + frame for words, frame in zip(beside, frames, strict=False))


def test_closed_captions_are_read_from_the_pictures() -> None:
    letters = [(ord(a), ord(b)) for a, b in ("He", "ll", "o!")]
    film = Film(regular(4), codec="mpeg2video", form="mpeg2video")
    # Loaded, put into the lowest line, shown with the frame at 1.0 s, taken off with the one at 2.0 s.
    pairs = [(0x14, 0x20), (0x14, 0x70), *letters, *[(0, 0)] * 20, (0x14, 0x2F), *[(0, 0)] * 24, (0x14, 0x2C)]
    data = captioned(film, pairs)
    facts, _ = framed(data, subtitles=True, max_frames=2)
    assert facts["subtitles"] == "[0:01–0:02] Hello!"
    assert "subtitles come from its closed captions" in facts["notes"]
    facts, _ = framed(data, subtitles=True, max_frames=2, start=1.5, end=1.8)
    assert facts["subtitles"] == "[0:01–0:01] Hello!"
    facts, _ = framed(captioned(film, []), subtitles=True, max_frames=2)
    assert (facts["subtitles"], facts["notes"]) == ("", [])


def test_one_of_several_tracks_is_said_to_be_that() -> None:
    data = make(Film(regular(4), form="matroska", subtitles=((1.0, 2.0, "Hello"),), subtitle_codec="subrip"))
    with (
        av.open(io.BytesIO(data), "r") as film,
        av.open(out := io.BytesIO(), "w", format="matroska") as twice,
    ):
        words = film.streams.subtitles[0]
        copies = [twice.add_stream_from_template(s) for s in (film.streams.video[0], words, words)]
        for packet in film.demux():
            for copy in copies[:1] if packet.stream.type == "video" else copies[1:]:
                again = av.Packet(bytes(packet))
                again.pts, again.dts, again.duration = packet.pts, packet.dts, packet.duration
                again.time_base, again.stream = packet.time_base, copy
                if packet.size:
                    twice.mux(again)
    facts, _ = framed(out.getvalue(), subtitles=True, max_frames=1)
    assert facts["subtitles"] == "[0:01–0:02] Hello"
    assert "subtitles come from the track inside the video, one of 2" in facts["notes"]


def test_a_language_that_is_no_text_does_no_harm() -> None:
    film = Film(regular(4), form="matroska", subtitles=((1.0, 2.0, "Hello"),), subtitle_codec="subrip")
    data = make(film)
    named = b"\x22\xb5\x9c\x83und"  # the element of Matroska, and its length
    assert named in data
    facts, _ = framed(data.replace(named, named[:4] + b"a\xffb"), subtitles=True, max_frames=1)
    assert facts["subtitles"] == "[0:01–0:02] Hello"
    assert "subtitles come from the track inside the video (a?b)" in facts["notes"]
