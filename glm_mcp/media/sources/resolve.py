"""An argument string to sources: paths, URLs, data, the clipboard, kept results, patterns, media fragments.

resolve_source(argument, want) every way to name a source; what it yields passed the guards and fits `want`
check_fits(source, want)  whether it is a picture, video or document; which tool takes it if not
"""

from __future__ import annotations

import mimetypes
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import IO, Literal
from urllib.parse import unquote

from glm_mcp.errors import (
    ForbiddenPath,
    ForbiddenURL,
    GLMError,
    InvalidRequest,
    MediaTooLarge,
    UnsupportedMedia,
)
from glm_mcp.media.formats import is_media, sniff_bytes, sniff_file
from glm_mcp.media.sources.clipboard import read_clipboard
from glm_mcp.media.sources.data_url import looks_like_base64, read_base64, read_data_url
from glm_mcp.media.sources.fragment import split_fragment
from glm_mcp.media.sources.paths import find_files
from glm_mcp.media.sources.urls import parse_public_url
from glm_mcp.media.types import LEAVABLE, Family, Fragment, Source
from glm_mcp.outputs import SCHEME, Outputs
from glm_mcp.sandbox import Sandbox
from glm_mcp.secret_paths import holds_private_key
from glm_mcp.threads import in_thread

Want = Literal["image", "video", "document", "any"]

_TYPES = mimetypes.MimeTypes()  # Python's own table, without the machine's files
_LIVE = re.compile(r"(?:rtsps?|rtmp[a-z]*|rtp|udp|srt|mms|hls|webrtc|whep|ndi):", re.IGNORECASE)
_SCHEME = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]+://|(?:blob|javascript|about|view-source|mailto|ftp|content):", re.IGNORECASE
)
_VIDEO_PAGES = (
    "youtube.com",
    "youtu.be",
    "bilibili.com",
    "b23.tv",
    "vimeo.com",
    "tiktok.com",
    "douyin.com",
    "youku.com",
)
_PLAYLISTS = ("application/vnd.apple.mpegurl", "application/dash+xml")
_RECORD = "Record a piece of it into a file first (for instance with ffmpeg) and pass that."
_QUOTES = ('"', "'", "`", "“”", "‘’", "<>")  # as models wrap paths
_SCAN = 1 << 20  # bytes of a text looked at in one go
_NAMED = {
    "image": ("a picture", "Use describe_image for it."),
    "video": ("a video", "Use analyze_video for it."),
    "audio": ("a sound file", "No tool here takes sound: pass a transcript."),
    "document": ("a document", "Use read_document for it."),
    "text": ("text", "Use read_document for it."),
}
_WANTED = {
    "image": ("image",),
    "video": ("video",),
    "document": ("document", "text"),
    "any": ("image", "video", "document", "text"),
}


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

    Each local file is open (`Source.close`), sniffed, not empty, at most `max_bytes`, and fits `want`; a URL is checked
    but not fetched. `left_out`: takes what is wrong with single files of a pattern, as long as one is right; without it
    they are errors. `env`, `platform`: where the clipboard is.
    Raises NotFound, ForbiddenPath, ForbiddenURL, InvalidRequest, UnsupportedMedia, MediaTooLarge, TimedOut.
    """
    text = tidy(argument)
    if text.lower() == "clipboard":
        if sandbox.remote:
            raise ForbiddenPath(
                "the clipboard is not read over HTTP", "Send the picture as a data: URL or base64."
            )
        held = await read_clipboard(env, platform, max_bytes)
        if isinstance(held, bytes):
            return [_of_bytes(held, "clipboard", Fragment(), want, max_bytes)]
        return await in_thread(_open_all, held, Fragment(), want, sandbox, max_bytes)
    return await in_thread(_resolve, text, want, sandbox, outputs, max_bytes, left_out)


def tidy(argument: str) -> str:
    """An argument without what wraps it: white space, and one pair of quotes, backticks or angle brackets."""
    text = argument.strip()
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest(
            "the source holds half a character (a lone surrogate)", "Check the path."
        ) from error
    for pair in _QUOTES:
        if len(text) > 1 and text[0] == pair[0] and text[-1] == pair[-1]:
            text = text[1:-1].strip()
            break
    if not text:
        raise InvalidRequest(
            "an empty source was given", "Give a path, an http(s) or data: URL, base64, or `clipboard`."
        )
    return text


def check_fits(family: Family, mime: str, name: str, want: Want) -> None:
    """Raises UnsupportedMedia when a file of this kind is not what is wanted; says what it is and which tool takes it."""
    if mime in _PLAYLISTS and want in ("video", "any"):
        raise UnsupportedMedia(f"{name} is a list of stream parts, and live streams are not read", _RECORD)
    if family in _WANTED[want] or (want == "video" and mime == "image/gif"):
        return
    if family == "unknown":
        archive = mime in (
            "application/zip",
            "application/gzip",
            "application/x-7z-compressed",
            "application/x-tar",
        )
        archive = (
            archive or "compress" in mime or "rar" in mime or "zip" in mime or mime == "application/zstd"
        )
        raise UnsupportedMedia(
            f"{name} is {'an archive' if archive else 'of a kind that no tool here reads'} ({mime})",
            "Unpack it and pass the files in it." if archive else "Convert it to a usual format first.",
        )
    what, tool = _NAMED[family]
    if want == "any":
        raise UnsupportedMedia(f"{name} is {what} ({mime})", tool)
    if want == "document" and family == "image":
        tool = 'Use describe_image with task "ocr" for the text in it.'
    wanted = {"image": "a picture", "video": "a video", "document": "a document"}[want]
    claimed = guess(name)[0]
    lies = (
        f"; its name says {_NAMED[claimed][0]}, its bytes do not"
        if claimed in _WANTED[want] and claimed != family
        else ""
    )
    raise UnsupportedMedia(f"{name} is {what} ({mime}), not {wanted}{lies}", tool)


def guess(name: str) -> tuple[Family, str]:
    """(family, mime) that a name claims; ("unknown", "") when it claims nothing."""
    mime = _TYPES.guess_type(name)[0] or ""
    top = mime.partition("/")[0]
    tops: dict[str, Family] = {"image": "image", "video": "video", "audio": "audio", "text": "text"}
    if top in tops:
        return tops[top], mime
    office = ("pdf", "msword", "officedocument", "opendocument", "ms-excel", "ms-powerpoint", "epub", "rtf")
    if any(word in mime for word in office):
        return "document", mime
    return ("text", mime) if mime in ("application/json", "application/xml") else ("unknown", mime)


def _resolve(
    text: str,
    want: Want,
    sandbox: Sandbox,
    outputs: Outputs,
    max_bytes: int,
    left_out: list[GLMError] | None,
) -> list[Source]:
    start = text[:40].lower()
    if start.startswith("data:"):
        base, fragment = split_fragment(text)
        return [_of_bytes(read_data_url(base, max_bytes), "", fragment, want, max_bytes)]
    if start.startswith(SCHEME):
        base, fragment = split_fragment(text)
        path, data = outputs.kept(base.split("#")[0])
        name = path.name.partition(".")[2]
        source = _of_bytes(data, name, fragment, want, max_bytes)
        return [Source(name, source.family, source.mime, source.size, fragment, data=data, path=path)]
    if re.match(r"https?:", start):
        return [_of_url(text, want, sandbox)]
    if _LIVE.match(start):
        raise UnsupportedMedia("live streams are not read", _RECORD)
    if _SCHEME.match(start) and not start.startswith("file:"):
        scheme = start.partition(":")[0]
        raise ForbiddenURL(
            f"addresses that begin with {scheme}: are not fetched",
            "Give an http(s) address, a path, a data: URL, or download the file first.",
        )
    coded = text.rpartition("#")[0] or text
    data_of = read_base64(coded, max_bytes)
    if data_of is not None and not _is_file(text, sandbox):
        return [_of_bytes(data_of, "", split_fragment(text)[1], want, max_bytes)]
    if looks_like_base64(coded):
        raise UnsupportedMedia(
            f"the argument of {len(text)} characters is base64 of no picture, video or document, or is cut short",
            "Send it whole, as a data: URL that names its type, or save it to a file and pass the path.",
        )
    found = find_files(text, sandbox)
    skip: tuple[type[GLMError], ...] = ()
    if found.matched and left_out is not None:
        skip = LEAVABLE
    elif found.loose:
        skip = (UnsupportedMedia, ForbiddenPath)
    return _open_all(
        list(found.paths),
        found.fragment,
        want,
        sandbox,
        max_bytes,
        matched=found.matched,
        skip=skip,
        left_out=left_out,
    )


def _is_file(text: str, sandbox: Sandbox) -> bool:
    try:
        return len(text) < 1024 and sandbox.contains(Path(text)) and sandbox.check(Path(text)).is_file()
    except OSError:
        return False


def _of_bytes(data: bytes, name: str, fragment: Fragment, want: Want, max_bytes: int) -> Source:
    """A source of bytes that came without a file; without a name it is called by what it is."""
    family, mime = sniff_bytes(data, name)
    if not PurePosixPath(name).suffix:
        suffix = (
            {"image/heic": ".heic", "image/webp": ".webp"}.get(mime) or _TYPES.guess_extension(mime) or ""
        )
        name = (name or "pasted") + suffix
    _check_size(len(data), name, max_bytes)
    check_fits(family, mime, name, want)
    return Source(name, family, mime, len(data), fragment, data=data)


def _of_url(text: str, want: Want, sandbox: Sandbox) -> Source:
    base, fragment = split_fragment(text)
    url = parse_public_url(base.split("#")[0].replace(" ", "%20"), own_host=sandbox.own_host)
    path = unquote(url.target.partition("?")[0])
    name = PurePosixPath(path).name or url.host
    if want in ("video", "any"):
        if path.lower().endswith((".m3u8", ".mpd")):
            raise UnsupportedMedia(
                f"{name} is a list of stream parts, and live streams are not read", _RECORD
            )
        if want == "video" and any(
            url.host == site or url.host.endswith("." + site) for site in _VIDEO_PAGES
        ):
            raise UnsupportedMedia(
                f"{url.host} shows videos on web pages, and a page is not a video file",
                "Download the video first (for instance with yt-dlp) and pass its path.",
            )
    family, mime = guess(name)
    return Source("".join(c for c in name if c.isprintable()), family, mime, 0, fragment, url=str(url))


def _open_all(
    paths: list[Path],
    fragment: Fragment,
    want: Want,
    sandbox: Sandbox,
    max_bytes: int,
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
                sources.append(_open(path, name, fragment, want, sandbox, max_bytes, matched=matched))
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


def _open(
    path: Path,
    name: str,
    fragment: Fragment,
    want: Want,
    sandbox: Sandbox,
    max_bytes: int,
    *,
    matched: bool,
) -> Source:
    file, resolved, size = sandbox.open(path, suited=is_media)
    name = "".join(c if c.isprintable() else "?" for c in name)  # it is shown, and sent as JSON
    try:
        _check_size(size, name, max_bytes)
        family, mime = sniff_file(file, name)
        check_fits(family, mime, name, want)
        if family == "text":
            _refuse_keys(file, name)
    except BaseException:
        file.close()
        raise
    return Source(name, family, mime, size, fragment, path=resolved, handle=file, matched=matched)


def _check_size(size: int, name: str, max_bytes: int) -> None:
    if size == 0:
        raise UnsupportedMedia(f"{name} is empty (0 bytes)", "Check that it was written completely.")
    if size > max_bytes:
        raise MediaTooLarge(
            f"{name} is {_megabytes(size)}, more than the {_megabytes(max_bytes)} taken",
            "Send a part of it, or a smaller version.",
        )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size} bytes"


def _refuse_keys(file: IO[bytes], name: str) -> None:
    """Raises ForbiddenPath for a text that holds a private key. Leaves the file at its start."""
    file.seek(0)
    kept, found = b"", False
    while not found and (chunk := file.read(_SCAN)):
        piece = kept + chunk
        plain = piece.replace(b"\0", b"")  # UTF-16 of ASCII is ASCII and zeros
        found = holds_private_key(plain.decode("latin-1"))
        kept = piece[-256:]
    file.seek(0)
    if found:
        raise ForbiddenPath(
            f"{name} holds a private key, and these are never read",
            "Take the key out of a copy, and pass that.",
        )
