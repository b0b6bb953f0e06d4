"""analyze_video: anything about a video, whole where the service takes it, as timed frames where it does not."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import anyio

from glm_mcp.errors import GLMError, InvalidRequest
from glm_mcp.glm.messages import Message, Part, Text, Video
from glm_mcp.media.types import Clip, Frame, Source
from glm_mcp.media.video.contact_sheet import make_sheet
from glm_mcp.media.video.prepare import plan_parts, prepare_video, stills
from glm_mcp.media.video.timecode import even_parts, parse_time, stamp
from glm_mcp.tools import saving
from glm_mcp.tools.arguments import COMMON, MODEL, Arg
from glm_mcp.tools.ask import Question, ask, result
from glm_mcp.tools.base import Deps, Tool, ToolResult
from glm_mcp.tools.language import Lang, language
from glm_mcp.tools.map_reduce import combined
from glm_mcp.tools.sidecar import subtitles_beside
from glm_mcp.tools.sources import fetch, is_remote, origin, resolve
from glm_mcp.tools.tasks import VIDEO, instruction

ARGS = (
    Arg(
        "video",
        "text",
        "Path or URL",
        required=True,
        also=("video_url", "video_source", "video_path", "path", "url", "file", "source", "videos"),
    ),
    Arg("prompt", "text", also=("question", "query", "message", "text")),
    Arg("task", "text", choices=tuple(VIDEO)),
    Arg("start", "time", "Seconds or m:ss", also=("from", "start_time", "start_s")),
    Arg("end", "time", also=("to", "end_time", "end_s")),
    Arg("max_frames", "integer", least=1, most=800, also=("frames", "num_frames")),
    *COMMON,
    MODEL,
)
# Their answers are lists of times or need the frames at hand: pictures with their times beside them serve better than a film.
FRAMED = {"timeline", "keyframes", "storyboard", "teardown"}
SHEETED = {"timeline", "keyframes", "storyboard"}
EXACT = {"timeline", "keyframes"}
STILLS_MAX = 12


async def run(deps: Deps, args: dict[str, Any]) -> ToolResult:
    prompt, task = args.get("prompt", "").strip(), args.get("task")
    lang = language(prompt, deps.settings)
    words = (
        instruction(VIDEO, task, prompt, lang) if task else prompt or instruction(VIDEO, "summary", "", lang)
    )
    start = parse_time(args["start"]) if "start" in args else None
    end = parse_time(args["end"]) if "end" in args else None
    found = await resolve(deps, args["video"], "video")
    source = found[0]
    try:
        if len(found) > 1:
            raise InvalidRequest(
                f"analyze_video: {len(found)} files fit", "It reads one video a call; name one."
            )
        remote = is_remote(source)
        if (
            remote
            and task not in FRAMED
            and not (start or end or args.get("max_frames"))
            and source.fragment.t is None
        ):
            try:
                answer = await ask(deps, args, _whole(Video(source.name, url=source.url), words, task))
                notes = ["the service read the video by its address", *origin(source)]
                return result(deps, args, answer, notes)
            except InvalidRequest as error:
                if error.code != "1210":
                    raise
                deps.progress.say("the service cannot fetch the video: downloading it here")
        if remote:
            source = await fetch(deps, source, "video")
        return await _local(deps, args, source, words, lang, (start, end))
    finally:
        for opened in (*found, source):
            opened.close()


async def _local(
    deps: Deps,
    args: dict[str, Any],
    source: Source,
    words: str,
    lang: Lang,
    span: tuple[float | None, float | None],
) -> ToolResult:
    task, most = args.get("task"), args.get("max_frames")
    start, end = span
    card = deps.glm.models("vision", args.get("model"))[0]
    sidecar = await subtitles_beside(deps, source)
    deps.progress.say(f"preparing {source.name}")
    whole = task not in FRAMED and most is None and not deps.glm.refused_films.takes_none(card.id)
    if whole:
        limit = min(int(deps.settings.max_video_mb * 1024 * 1024), card.body_bytes * 3 // 4)
        clip = await prepare_video(
            source, card, whole=True, max_bytes=limit, start=start, end=end, max_frames=None, sidecar=sidecar
        )
        if clip.video is not None:
            try:
                answer = await ask(
                    deps,
                    args,
                    _whole(
                        clip.video, _with_subtitles(clip, words, lang), task, offset=clip.start, lang=lang
                    ),
                )
                return result(
                    deps,
                    args,
                    answer,
                    [
                        f"{stamp(clip.start)}–{stamp(clip.end)} sent whole",
                        *clip.notes,
                        *origin(source),
                    ],
                )
            except GLMError as error:
                if error.about != "film":
                    raise
                deps.glm.refused_films.add(card.id, _digest(clip.video))
                deps.progress.say("the service refused the film whole: sending frames")
        elif clip.frames and len(even_parts(clip.duration, clip.start, clip.end)) == 1:
            return await _of_frames(deps, args, source, words, lang, [clip])
    return await _framed(deps, args, source, words, lang, (start, end), sidecar)


def _digest(film: Video) -> str:
    return hashlib.sha256(film.data or (film.url or "").encode()).hexdigest()


async def _framed(
    deps: Deps,
    args: dict[str, Any],
    source: Source,
    words: str,
    lang: Lang,
    span: tuple[float | None, float | None],
    sidecar: str | None,
) -> ToolResult:
    task, most = args.get("task"), args.get("max_frames")
    card = deps.glm.models("vision", args.get("model"))[0]
    stretches = await plan_parts(source, *span, max_frames=most)
    clips: list[Clip] = []
    for n, (start, end, count) in enumerate(stretches):
        deps.progress.say(
            f"taking frames of {source.name}"
            + (f", part {n + 1} of {len(stretches)}" if len(stretches) > 1 else "")
        )
        clips.append(
            await prepare_video(
                source,
                card,
                whole=False,
                max_bytes=0,
                start=start,
                end=end,
                max_frames=count if most is not None else None,
                dense_head=task == "teardown" and n == 0,
                sidecar=sidecar,
            )
        )
    return await _of_frames(deps, args, source, words, lang, clips)


async def _of_frames(
    deps: Deps, args: dict[str, Any], source: Source, words: str, lang: Lang, clips: list[Clip]
) -> ToolResult:
    task = args.get("task")
    exact = task in EXACT
    questions = [_question(c, _with_subtitles(c, words, lang), task, lang, exact=exact) for c in clips]
    if len(questions) == 1:
        answer = await ask(deps, args, questions[0])
    else:
        answer = await combined(deps, args, questions, words, lang)
    frames = [f for c in clips for f in c.frames]
    first, last = clips[0], clips[-1]
    notes = [
        f"{len(frames)} frames of {stamp(first.start)}–{stamp(last.end)} read, the video has {stamp(first.duration)}"
    ]
    # What each clip says of its own coverage is in the line above.
    notes += [n for c in clips for n in c.notes if not re.match(r"\d+ frames? of ", n)] + origin(source)
    moments: list[float] = []
    if task == "keyframes":
        named = times_in(answer.text)
        moments = [t for t in named if first.start - 1 <= t <= last.end + 1]
        if len(moments) < len(named):
            span = f"{stamp(first.start)}–{stamp(last.end)}"
            notes.append(
                f"{len(named) - len(moments)} of {len(named)} key frames named left out: not within {span}"
            )
        if len(moments) > STILLS_MAX:
            notes.append(f"the first {STILLS_MAX} of {len(moments)} key frames saved")
    finished = result(deps, args, answer, list(dict.fromkeys(notes)))
    await _kept(deps, finished, source, moments[:STILLS_MAX], frames if task in SHEETED else [])
    return finished


async def _kept(
    deps: Deps, finished: ToolResult, source: Source, moments: list[float], frames: list[Frame]
) -> None:
    """The key frames at these moments, full-size, and the contact sheet of these frames: the answer is there already,
    and is not lost when a file cannot be made.
    """
    heads: list[str] = []
    with anyio.move_on_at(deps.deadline) as time:
        try:
            await _files(deps, finished, source, moments, frames, heads)
        except GLMError as error:
            heads.append(f"Not all files could be made: {error.message}")
    if time.cancelled_caught:
        heads.append("Not all files could be made before the deadline")
    if heads:
        finished.head = "\n".join(heads)
        finished.data["files"] = heads


async def _files(
    deps: Deps,
    finished: ToolResult,
    source: Source,
    moments: list[float],
    frames: list[Frame],
    heads: list[str],
) -> None:
    stem = (
        re.sub(r"[^\w-]+", "-", source.name.rpartition("/")[2].rpartition(".")[0])[:40].strip("-") or "video"
    )
    if moments:
        got = await stills(source, moments)
        if len(got) < len(moments):
            heads.append(
                f"{len(moments) - len(got)} of {len(moments)} key frames could not be read from the file"
            )
        for moment, data in got:
            said, links = await saving.save(deps, f"{stem}-{stamp(moment, 1).replace(':', '-')}.jpg", data)
            heads.append(f"{stamp(moment, 1)} {said}")
            finished.links += links
    if frames:
        said, links = await saving.keep(deps, f"{stem}-sheet.jpg", await make_sheet(frames))
        heads.append(f"Contact sheet: {said}")
        finished.links += links


def times_in(text: str) -> list[float]:
    """The time that each line of an answer starts with, in seconds, in order."""
    found: list[float] = []
    for line in text.splitlines():
        mark = re.match(
            r"[\s\-*•#>\d.)、]*?[`\[(（“\"*]*(\d{1,2}(?::\d{1,2}){1,2}(?:\.\d+)?|\d+(?:\.\d+)?\s*(?:s|秒))",
            line,
        )
        if not mark:
            continue
        try:
            moment = parse_time(mark[1].replace("秒", "s").replace(" ", ""))
        except InvalidRequest:
            continue  # the model's slip, such as 1:75
        if moment not in found:
            found.append(moment)
    return found


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
    return Question((Message("user", (*parts, Text(words))),), "vision", task=task or "video", exact=exact)


def _with_subtitles(clip: Clip, words: str, lang: Lang) -> str:
    if not clip.subtitles:
        return words
    return f"{'视频字幕' if lang == 'zh' else 'Subtitles of the video'}:\n{clip.subtitles}\n\n{words}"


TOOL = Tool(
    "analyze_video",
    "Watch a video",
    "Watch a video file or URL: summary, timeline, key frames, storyboard, questions. Any length and format; read as timed frames when too large. Sound is not heard; live streams are refused.",
    ARGS,
    run,
    hint="video, screen recording, movie, clip, mp4, timeline, frames",
)
