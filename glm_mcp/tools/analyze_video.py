"""analyze_video: anything about a video, whole where the service takes it, as timed frames where it does not."""

from __future__ import annotations

import hashlib
import math
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Annotated

import anyio

from glm_mcp.errors import GLMError, InvalidRequest
from glm_mcp.glm.calls import Answer
from glm_mcp.glm.messages import Message, Part, Text, Video
from glm_mcp.glm.threads import in_thread
from glm_mcp.media.types import Clip, Frame, Source
from glm_mcp.media.video.contact_sheet import contact_sheet
from glm_mcp.media.video.prepare import VideoFile
from glm_mcp.media.video.timecode import parse_time, stamp
from glm_mcp.registry import Card
from glm_mcp.tools import saving
from glm_mcp.tools.arguments import ASKED, AnswerArgs, Arg
from glm_mcp.tools.ask import Question, ask, gave_way, gives_way_at, may_pass, result
from glm_mcp.tools.base import Deps, Tool, ToolResult
from glm_mcp.tools.map_reduce import combined
from glm_mcp.tools.sources import fetch, opened, origin, pictured, subtitles_beside
from glm_mcp.tools.tasks import VIDEO, instruction, language
from glm_mcp.tools.words.chinese import Lang

_LEAD = 200  # characters of a line in which its time is looked for
TIMES_MAX = 1_000  # of one answer; a few of them are used
_AT_START = re.compile(
    r"[\s\-*•#>\d.)、`\[(（“\"]*?(\d{1,2}(?::\d{1,2}){1,2}(?:\.\d{1,20})?|\d{1,9}(?:\.\d{1,20})?\s*(?:s|秒))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoArgs(AnswerArgs):
    video: Annotated[
        str,
        Arg(
            "text",
            "Path or URL",
            far="URL, data URL or glm://files/ID",
            also=("video_url", "video_source", "video_path", "path", "url", "file", "source", "videos"),
        ),
    ]
    prompt: Annotated[str, Arg("text", also=(*ASKED, "instructions", "text"), long=True)] = ""
    task: Annotated[str | None, Arg("text", choices=tuple(VIDEO))] = None
    start: Annotated[str | None, Arg("time", "Seconds or m:ss", also=("from", "start_time", "start_s"))] = (
        None
    )
    end: Annotated[str | None, Arg("time", also=("to", "end_time", "end_s"))] = None
    max_frames: Annotated[
        int | None, Arg("integer", also=("frames", "num_frames"), minimum=1, maximum=800)
    ] = None

    @property
    def span(self) -> tuple[float | None, float | None]:
        """Start and end in seconds. Raises InvalidRequest."""
        return (
            parse_time(self.start) if self.start is not None else None,
            parse_time(self.end) if self.end is not None else None,
        )


# Their answers are lists of times or need the frames at hand: images with their times beside them serve better than a video.
FRAMED = {"timeline", "keyframes", "storyboard", "teardown"}
SHEETED = {"timeline", "keyframes", "storyboard"}
EXACT = {"timeline", "keyframes"}
STILLS_MAX = 12


async def run(deps: Deps, args: VideoArgs) -> ToolResult:
    prompt, task = args.prompt.strip(), args.task
    lang = language(prompt, deps.settings)
    words = instruction(VIDEO, task or "summary", prompt, lang) if task or not prompt else prompt
    part = any(args.span)
    async with opened(deps, [args.video], "video") as held:
        if len(held.sources) > 1:
            raise InvalidRequest(
                f"analyze_video: {len(held.sources)} files fit", "It reads one video a call; name one."
            )
        source = held.sources[0]
        if not source.is_remote:
            return await _local(deps, args, source, words, lang)
        whole = task not in FRAMED and not part and args.max_frames is None
        if whole and deps.glm.fetches and source.fragment.t is None:
            try:
                answer = await ask(deps, args, _whole(Video(source.name, url=source.url), words, task))
                notes = ["the service read the video by its address", *origin(source)]
                return result(deps, args, answer, notes)
            except GLMError as error:
                if error.about != "film" and error.code != "1210":
                    raise
                deps.progress.say("the service cannot fetch the video: downloading it here")
        return await _local(deps, args, await fetch(deps, source, "video"), words, lang)


async def _local(deps: Deps, args: VideoArgs, source: Source, words: str, lang: Lang) -> ToolResult:
    """The video whole where the service takes it so, else as frames."""
    start, end = args.span
    card = deps.glm.models("vision", args.model)[0]
    name, sidecar = await subtitles_beside(deps, source) or ("", None)
    file = VideoFile(source, start=start, end=end, sidecar=sidecar, sidecar_name=name)
    deps.progress.say(f"preparing {source.name}")
    framed = args.task in FRAMED or args.max_frames is not None
    whole = not framed and not deps.glm.refused_films.takes_none(card.id, deps.outputs.owner)
    clips = await file.prepare(
        card,
        max_bytes=int(deps.settings.max_video_mb * 1024 * 1024) if whole else 0,
        max_frames=args.max_frames,
        dense_head=args.task == "teardown",
    )
    _hold(deps, clips)
    clip, refusal, started = clips[0], None, anyio.current_time()
    if clip.video is not None:
        try:
            return await _sent_whole(deps, args, source, clip, clip.video, card, words, lang)
        except GLMError as error:
            if error.about != "film":
                raise
            refusal = error
            deps.progress.say("sending the frames of the video instead of the whole")
        clips = await file.prepare(card)
        _hold(deps, clips)
    answer = await _from_frames(deps, args, words, lang, clips)
    if refusal is not None:
        answer.attempts = [*map(dict, refusal.attempts), *answer.attempts]
        answer.seconds = anyio.current_time() - started
        why = refusal.code or refusal.kind
        if may_pass(refusal):
            answer.notes.append(f"{card.id} did not take the video whole in time ({why})")
        else:
            answer.notes.append(f"the service refused the video whole ({why})")
    return await _finished(deps, args, source, file, clips, answer)


def _hold(deps: Deps, clips: list[Clip]) -> None:
    """What is sent of them, until the end of the call. Raises as `Room.draw`."""
    pictured(deps, [frame.picture for clip in clips for frame in clip.frames])
    deps.room.draw(sum(len(clip.video.data or b"") for clip in clips if clip.video))


async def _sent_whole(
    deps: Deps, args: VideoArgs, source: Source, clip: Clip, film: Video, card: Card, words: str, lang: Lang
) -> ToolResult:
    """The answer about the video in one piece. Raises GLMError, about "film" where its frames may pass."""
    digest = await in_thread(lambda: hashlib.sha256(film.data or b"").hexdigest())
    refused, owner = deps.glm.refused_films, deps.outputs.owner
    refusal = refused.refusal(card.id, owner, digest)
    if refusal is not None:
        raise refusal.but(attempts=())
    asked = _with_subtitles(clip, words, lang)
    question = _whole(film, asked, args.task, offset=clip.start, lang=lang)
    yields_at = _yields_at(deps, args, film)
    try:
        answer = await ask(deps, args, replace(question, yields_at=yields_at))
    except GLMError as error:
        if error.about == "film":
            refused.add(card.id, owner, digest, error)
        elif gave_way(deps, error, yields_at):
            raise error.but(about="film") from error
        raise
    notes = [f"{stamp(clip.start)}–{stamp(clip.end)} sent whole", *clip.notes, *origin(source)]
    return result(deps, args, answer, notes)


def _yields_at(deps: Deps, args: VideoArgs, film: Video) -> float:
    """When the frames of a film are sent that nobody has taken whole: where the first model alone takes it whole, and
    others its frames.
    """
    others = deps.glm.models("vision", args.model)[1:]
    takers = [c for c in others if c.video and c.video_data]
    whole = [c for c in takers if (film.seconds or 0) <= (c.video_seconds or math.inf)]
    if whole or not any(c.images > 1 for c in others):
        return math.inf
    return gives_way_at(deps)


async def _from_frames(deps: Deps, args: VideoArgs, words: str, lang: Lang, clips: list[Clip]) -> Answer:
    """One answer from the frames of all clips."""
    exact = args.task in EXACT
    questions = [_question(c, _with_subtitles(c, words, lang), args.task, lang, exact=exact) for c in clips]
    if len(questions) == 1:
        return await ask(deps, args, questions[0])
    return await combined(deps, args, questions, words, lang)


async def _finished(
    deps: Deps, args: VideoArgs, source: Source, file: VideoFile, clips: list[Clip], answer: Answer
) -> ToolResult:
    """The answer with what it covers, and the files that go with it."""
    task = args.task
    frames = [f for c in clips for f in c.frames]
    first, last = clips[0], clips[-1]
    covered = f"{stamp(first.start)}–{stamp(last.end)}"
    count, length = len(frames), stamp(first.duration)
    notes = [f"{count} frame{'s' if count > 1 else ''} of {covered} read, the video has {length}"]
    notes += [*(n for c in clips for n in c.notes), *origin(source)]
    moments: list[float] = []
    if task == "keyframes":
        named = await in_thread(times_in, answer.text)
        moments = [t for t in named if first.start - 1 <= t <= last.end + 1]
        if len(moments) < len(named):
            outside = f"{len(named) - len(moments)} of {len(named)} key frames named"
            notes.append(f"{outside} left out: not within {covered}")
        if not named:
            notes.append("the answer names no time: no key frame was saved")
        if len(moments) > STILLS_MAX:
            notes.append(f"the first {STILLS_MAX} of {len(moments)} key frames saved")
    finished = result(deps, args, answer, list(dict.fromkeys(notes)))
    sheet = frames if task in SHEETED else []
    heads: list[str] = []
    with anyio.move_on_at(deps.finish_by) as time:
        try:
            await _files(deps, finished, source.name, file, moments[:STILLS_MAX], sheet, heads)
        except GLMError as error:
            heads.append(deps.said(f"Not all files could be made: {error.message}"))
    if time.cancelled_caught:
        heads.append(deps.said("Not all files could be made before the deadline"))
    if heads:
        finished.head = "\n".join(heads)
        finished.data["files"] = heads
    return finished


async def _files(
    deps: Deps,
    finished: ToolResult,
    name: str,
    file: VideoFile,
    moments: list[float],
    frames: list[Frame],
    heads: list[str],
) -> None:
    """The key frames at these moments, full-size, and the contact sheet of these frames: the answer is there already,
    and is not lost when a file cannot be made.
    """
    stem = saving.stem_of_source(name, "video")
    if moments:
        readable = await file.stills(moments)
        if len(readable) < len(moments):
            lost = len(moments) - len(readable)
            heads.append(deps.said(f"{lost} of {len(moments)} key frames could not be read from the file"))
        for moment, data in readable:
            said, links = await saving.save(deps, f"{stem}-{stamp(moment, 1).replace(':', '-')}.jpg", data)
            heads.append(f"{stamp(moment, 1)} {said}")
            finished.links += links
    if frames:
        said, links = await saving.keep(deps, f"{stem}-sheet.jpg", await in_thread(contact_sheet, frames))
        heads.append(deps.said(f"Contact sheet: {said}"))
        finished.links += links


def times_in(text: str) -> list[float]:
    """The time that each line of an answer starts with, in seconds, in order, each once, at most `TIMES_MAX`."""
    times: dict[float, None] = {}
    for line in text.splitlines():
        mark = _AT_START.match(line[:_LEAD])
        if not mark:
            continue
        with suppress(InvalidRequest):  # the model's slip, such as 1:75
            times[parse_time(mark[1].replace("秒", "s").replace(" ", ""))] = None
        if len(times) == TIMES_MAX:
            break
    return list(times)


def _whole(video: Video, words: str, task: str | None, *, offset: float = 0.0, lang: Lang = "en") -> Question:
    if offset:
        words += (
            f"\n\n这段视频从原片的 {stamp(offset, 1)} 开始；请给出原片的时间。"
            if lang == "zh"
            else f"\n\nThis clip begins at {stamp(offset, 1)} of the original; give times of the original."
        )
    return Question((Message("user", (video, Text(words))),), "vision", task=task or "video")


def _question(clip: Clip, words: str, task: str | None, lang: Lang, *, exact: bool) -> Question:
    span = f"{stamp(clip.start)}–{stamp(clip.end)}"
    intro = (
        f"以下是一段视频 {span} 的 {len(clip.frames)} 帧画面，每帧前标有它在视频中的时间。"
        if lang == "zh"
        else f"These are {len(clip.frames)} frames of a video, {span}, each after its time in the video."
    )
    parts: list[Part] = [Text(intro)]
    for frame in clip.frames:
        parts += [Text(f"[{stamp(frame.time, 2)}]"), frame.picture.part]
    turn = Message("user", (*parts, Text(words)))
    return Question((turn,), "vision", task=task or "video", exact=exact, about=span)


def _with_subtitles(clip: Clip, words: str, lang: Lang) -> str:
    if not clip.subtitles:
        return words
    return f"{'视频字幕' if lang == 'zh' else 'Subtitles of the video'}:\n{clip.subtitles}\n\n{words}"


TOOL = Tool(
    "analyze_video",
    "Watch a video",
    "Watch a video file or URL: summary, timeline, key frames, storyboard, questions. Any length and format; read as timed frames when too large. Sound is not heard; live streams are refused.",
    VideoArgs,
    run,
    hint="video, screen recording, movie, clip, mp4, timeline, frames",
)
