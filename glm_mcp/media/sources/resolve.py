"""An argument string to sources: paths, URLs, data, the clipboard, kept results, patterns, media fragments.

`resolve_source` knows every way to name a source; what it yields passed the guards and fits what is wanted.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from glm_mcp.errors import ForbiddenPath, ForbiddenURL, GLMError, InvalidRequest, UnsupportedMedia
from glm_mcp.glm.threads import in_thread
from glm_mcp.media.detect import detect, is_media, is_media_kind
from glm_mcp.media.formats import RECORD, Want, check_fits, named
from glm_mcp.media.kept.outputs import Outputs, is_kept
from glm_mcp.media.kept.uploads import SCHEME as UPLOADED
from glm_mcp.media.kept.uploads import Uploads, is_upload
from glm_mcp.media.sources.clipboard import read_clipboard
from glm_mcp.media.sources.data_url import looks_like_base64, read_base64, read_data_url
from glm_mcp.media.sources.fragment import split_fragment
from glm_mcp.media.sources.letting_in import admitted, check_size, closed_where_refused, fitting
from glm_mcp.media.sources.pasted import tidy
from glm_mcp.media.sources.paths import check_number, find_files
from glm_mcp.media.sources.urls import parse_public_url
from glm_mcp.media.types import LEAVABLE, Fragment, Source
from glm_mcp.sandbox import Sandbox
from glm_mcp.secret_paths import PATH_MAX, hidden

_LIVE = re.compile(r"(?:rtsps?|rtmp[a-z]*|rtp|udp|srt|mms|hls|webrtc|whep|ndi):", re.IGNORECASE)
_SCHEME = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]+://|(?:blob|javascript|about|view-source|mailto|ftp|content):", re.IGNORECASE
)
_VIDEO_PAGES = (
    ".youtube.com",
    ".youtu.be",
    ".bilibili.com",
    ".b23.tv",
    ".vimeo.com",
    ".tiktok.com",
    ".douyin.com",
    ".youku.com",
)
# What a chat window shows in the place of what was pasted: it leads nowhere.
_MARK = re.compile(
    r"\[(?:pasted )?(?:image|picture|screenshot|photo|file|video|document|pdf)(?: ?#? ?\d+)?\]"
    r"|(?:image|picture|screenshot|photo)(?: ?#? ?\d+)?",
    re.IGNORECASE,
)
_ITEM = re.compile(r"\A(?:[-*•]|\d+[.)])\s+")  # before a line of a list
_LINES = 50
_LINE_CHARS = 2_000
_PATH_CHARS = 4 * PATH_MAX  # as escapes for an address, or with braces, a path takes more than itself


@dataclass(frozen=True, slots=True)
class _Terms:
    """On what terms sources are let in: what is wanted, from where, how large."""

    want: Want
    sandbox: Sandbox
    max_bytes: int


async def resolve_source(
    argument: str,
    want: Want,
    *,
    sandbox: Sandbox,
    outputs: Outputs,
    max_bytes: int,
    left_out: list[GLMError] | None = None,
    env: Mapping[str, str] = os.environ,
    platform: str = sys.platform,
) -> list[Source]:
    """The sources that an argument names: one, or for a pattern or copied files up to 50, in natural order.

    Each local file is open (`Source.close`), of a known kind, not empty, at most `max_bytes`, and fits `want`; a URL
    is checked but not fetched. `left_out`: takes what is wrong with single files of a pattern, as long as one is
    right; without it they are errors. `env`, `platform`: where the clipboard is.
    Raises NotFound, ForbiddenPath, ForbiddenURL, InvalidRequest, UnsupportedMedia, MediaTooLarge, TimedOut.
    """
    text, terms = tidy(argument), _Terms(want, sandbox, max_bytes)
    lines = await in_thread(_lines, text, sandbox) if "\n" in text else []
    if lines:
        return await _resolve_all(lines, terms, outputs, left_out)
    if text.lower() == "clipboard":
        if sandbox.remote:
            raise ForbiddenPath(
                "the clipboard is not read over HTTP", "Send the picture as a data: URL or base64."
            )
        held = await read_clipboard(env, platform, max_bytes)
        if isinstance(held, bytes):
            return [await in_thread(_of_bytes, held, "clipboard", Fragment(), terms)]
        check_number(len(held))
        return await in_thread(_open_all, held, Fragment(), terms)
    return await in_thread(_resolve, text, terms, outputs, left_out)


async def _resolve_all(
    lines: list[str], terms: _Terms, outputs: Outputs, left_out: list[GLMError] | None
) -> list[Source]:
    sources: list[Source] = []
    try:
        for line in lines:
            sources += await in_thread(_resolve, tidy(line), terms, outputs, left_out)
            check_number(len(sources))
    except BaseException:
        _close(sources)
        raise
    return sources


def _lines(text: str, sandbox: Sandbox) -> list[str]:
    """The sources of an argument that names one a line; none where it is no such list."""
    if text[:5].lower() == "data:" or looks_like_base64(text) or _is_file(text, sandbox):
        return []
    if len(text) > _LINES * _LINE_CHARS:
        return []
    lines = [_ITEM.sub("", line.strip(), count=1) for line in text.splitlines() if line.strip()]
    named = all(len(line) < _LINE_CHARS and re.search(r"[./\\]", line) for line in lines)
    return lines if named and 1 < len(lines) <= _LINES else []


def _resolve(text: str, terms: _Terms, outputs: Outputs, left_out: list[GLMError] | None) -> list[Source]:
    start = text[:40].lower()
    if _MARK.fullmatch(text) and not _is_file(text, terms.sandbox):
        raise _only_a_mark(text, terms.sandbox)
    if start.startswith("data:"):
        base, fragment = split_fragment(text)
        return [_of_bytes(read_data_url(base, terms.max_bytes), "pasted", fragment, terms)]
    if is_kept(text):
        return [_of_kept(text, terms, outputs)]
    if is_upload(text):
        return [_of_upload(text, terms, outputs.uploads)]
    if re.match(r"https?:", start):
        return [_of_url(text, terms)]
    _refuse_scheme(start)
    coded = text.rpartition("#")[0] or text
    data_of = read_base64(coded, terms.max_bytes)
    if data_of is not None and not _is_file(text, terms.sandbox):
        return [_of_bytes(data_of, "pasted", split_fragment(text)[1], terms)]
    if looks_like_base64(coded):
        raise UnsupportedMedia(
            f"the argument of {len(text)} characters is base64 of no picture, video or document, or is cut short",
            "Send it whole, as a data: URL that names its type, or save it to a file and pass that.",
        )
    if len(text) > _PATH_CHARS:
        raise InvalidRequest(f"a path of {len(text)} characters is too long", "Check the path.")
    files = find_files(text, terms.sandbox)
    skip: tuple[type[GLMError], ...] = ()
    if files.matched and left_out is not None:
        skip = LEAVABLE
    elif files.loose:
        skip = (UnsupportedMedia, ForbiddenPath)
    return _open_all(
        list(files.paths), files.fragment, terms, matched=files.matched, skip=skip, left_out=left_out
    )


def _only_a_mark(text: str, sandbox: Sandbox) -> InvalidRequest:
    here = "Pass clipboard while what was pasted is still in it, or save it to a file and pass its path."
    far = "Send the picture itself, as a data: URL or base64."
    return InvalidRequest(
        f"{text} is how the chat shows something that was pasted; no file has that name",
        far if sandbox.remote else here,
    )


def _refuse_scheme(start: str) -> None:
    """Raises for an address that is neither a file's nor of the web."""
    if _LIVE.match(start):
        raise UnsupportedMedia("live streams are not read", RECORD)
    if _SCHEME.match(start) and not start.startswith("file:"):
        raise ForbiddenURL(
            f"addresses that begin with {start.partition(':')[0]}: are not fetched",
            "Give an http(s) address, a path, a data: URL, or download the file first.",
        )


def _is_file(text: str, sandbox: Sandbox) -> bool:
    try:
        return len(text) < 1024 and sandbox.check(Path(text)).is_file()
    except (OSError, ForbiddenPath, InvalidRequest):
        return False


def _of_kept(text: str, terms: _Terms, outputs: Outputs) -> Source:
    """A kept result, which may be large and named a hundred times in a call: opened, and not held."""
    base, fragment = split_fragment(text)
    path, file = outputs.open(base.split("#")[0])
    name, size = path.name.partition(".")[2], os.fstat(file.fileno()).st_size
    with closed_where_refused(file):
        kind = fitting(file, size, name, terms.want, terms.max_bytes)
    return Source(name, kind, size, fragment, path=path, handle=file, kept=True)


def _of_bytes(data: bytes, stem: str, fragment: Fragment, terms: _Terms) -> Source:
    """A source of bytes that came without a file. `stem`: of its name, to which what it is adds the suffix."""
    kind = detect(data)
    name = stem + (kind.suffixes[0] if kind.suffixes else "")
    check_size(len(data), name, terms.max_bytes)
    check_fits(kind, len(data), name, terms.want)
    return Source(name, kind, len(data), fragment, data=data)


def _of_upload(text: str, terms: _Terms, uploads: Uploads) -> Source:
    """An uploaded file by `glm://files/ID`, or with the subtitles that go with it `glm://files/ID?subtitles=ID`."""
    base, fragment = split_fragment(text)
    ident, _, more = base.split("#")[0].partition("?")
    beside = more.removeprefix("subtitles=")
    file, upload = uploads.open(ident)
    with closed_where_refused(file):
        kind = admitted(file, upload.size, upload.name, terms.want, terms.max_bytes)
    along = UPLOADED + beside if beside != more else ""
    return Source(upload.name, kind, upload.size, fragment, handle=file, beside=along)


def _of_url(text: str, terms: _Terms) -> Source:
    base, fragment = split_fragment(text)
    url = parse_public_url(base.split("#")[0].replace(" ", "%20"), own_host=terms.sandbox.own_host)
    path = unquote(url.target.partition("?")[0])
    name = PurePosixPath(path).name or url.host
    kind = named(name)
    if terms.want == "video" and kind.name in ("hls", "dash"):
        check_fits(kind, 0, name, terms.want)
    if terms.want == "video" and f".{url.host}".endswith(_VIDEO_PAGES):
        raise UnsupportedMedia(
            f"{url.host} shows videos on web pages, and a page is not a video file",
            "Download the video first (for instance with yt-dlp) and pass that file.",
        )
    return Source("".join(c for c in name if c.isprintable()), kind, 0, fragment, url=str(url))


def _open_all(
    paths: list[Path],
    fragment: Fragment,
    terms: _Terms,
    *,
    matched: bool = False,
    skip: tuple[type[GLMError], ...] = (),
    left_out: list[GLMError] | None = None,
) -> list[Source]:
    """The files opened. Those with an error of `skip` are left out, as long as one is not."""
    sources: list[Source] = []
    refused: list[GLMError] = []
    twice = len({path.name for path in paths}) < len(paths)
    try:
        for path in paths:
            name = f"{path.parent.name}/{path.name}" if twice else path.name
            try:
                sources.append(_open(path, name, fragment, terms, matched=matched))
            except skip as error:
                refused.append(error)
    except BaseException:
        _close(sources)
        raise
    if refused and not sources:
        raise refused[0]
    if left_out is not None:
        left_out += refused
    return sources


def _close(sources: list[Source]) -> None:
    for source in sources:
        source.close()


def _open(path: Path, name: str, fragment: Fragment, terms: _Terms, *, matched: bool) -> Source:
    file, resolved, size = terms.sandbox.open(path, suited=is_media)
    name = "".join(c if c.isprintable() else "?" for c in name)  # it is shown, and sent as JSON
    allowed = terms.sandbox.allows_by_name(resolved)
    with closed_where_refused(file):
        kind = admitted(file, size, name, terms.want, terms.max_bytes, allowed=allowed)
        # Its name too says what it is read as.
        if not is_media_kind(kind) and terms.sandbox.is_hidden(path):
            raise hidden(path)
    return Source(name, kind, size, fragment, path=resolved, handle=file, matched=matched, named=allowed)
