"""Opening a video file, or saying why not. Runs in the worker process.

Only known containers are opened, and nothing but the given file is read: a playlist that calls itself a video
would otherwise make the library open other files and addresses.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, BinaryIO

from glm_mcp.errors import MissingExtra, UnsupportedMedia

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

# Demuxers by FFmpeg's names; the audio ones are there to say "only sound" instead of "no video file".
_VIDEO = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,gif,mpegts,mpeg,flv,asf,ogg,ivf,mxf,dv,rm,mpegvideo"
_AUDIO = "mp3,wav,flac,aac,amr,aiff,caf,ac3"
_OPTIONS = {"format_whitelist": f"{_VIDEO},{_AUDIO}", "protocol_whitelist": "none"}
_EBML = b"\x1aE\xdf\xa3"  # how Matroska and WebM begin
_LOCKED = re.compile(rb"\x50\x35.{1,8}\x47\xe1\x81", re.DOTALL)  # how a track is encrypted, and by what
# What the head of a Windows Media film has where it needs a licence, in the three forms that its protection took.
_LICENSED = (
    b"\xfb\xb3\x11\x22\x23\xbd\xd2\x11\xb4\xb7\0\xa0\xc9\x55\xfc\x6e",
    b"\x14\xe6\x8a\x29\x22\x26\x17\x4c\xb9\x35\xda\xe0\x7e\xe9\x28\x9c",
    b"\x33\x85\x05\x43\x81\x69\xe6\x49\x9b\x74\xad\x12\xcb\x86\xd5\x8c",
)
_ASF = b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"  # how Windows Media begins
_HEAD = 1 << 20  # bytes, among which a file names its tracks
_STILLS = 10  # times as many frames has the film beside them
TEXT_TRACKS = frozenset({"mov_text", "subrip", "srt", "webvtt", "ass", "ssa", "text"})

JOINED = "Join the pieces in their order, the one with the index first (init.mp4, then 1.m4s, 2.m4s …), into one file."
AGAIN = "Play it in a player; if it plays, save it again as MP4 (H.264) and call again."


def library() -> Any:
    """The `av` package, silent. Raises: MissingExtra."""
    try:
        import av
        import av.logging
    except ImportError as error:
        raise MissingExtra("video", "reading a video") from error
    av.logging.set_level(None)
    return av


def library_errors() -> tuple[type[Exception], ...]:
    """What the library raises at damaged or odd data: its own errors, and Python's from where it meets a value that it
    has no name for.
    """
    return (library().error.FFmpegError, ValueError, IndexError, OverflowError, NotImplementedError)


def open_container(file: BinaryIO, name: str) -> InputContainer:
    """Raises: UnsupportedMedia, which says whether the file is damaged or no video at all; MissingExtra."""
    av = library()
    file.seek(0)
    first = file.read(12)
    if first.startswith(_ASF) and says_encrypted(file):
        raise encrypted(name)  # the library would make noise of it
    file.seek(0)
    # From PyAV 19 on bytes that are no UTF-8 come as lone surrogates, and nothing can be asked for.
    odd = {"metadata_errors": "surrogateescape"} if int(av.__version__.partition(".")[0]) < 19 else {}
    try:
        opened: InputContainer = av.open(file, mode="r", container_options=dict(_OPTIONS), **odd)
    except library_errors() as error:
        raise _unopened(file, first, name) from error
    return opened


def video_streams(container: InputContainer, name: str) -> list[VideoStream]:
    """The video proper, not the cover picture of a song, best guess first: the default one, then the largest, but not the
    few stills in full size that a phone keeps beside the film of a moving picture.

    Raises: UnsupportedMedia when there is none that can be decoded.
    """
    films = [s for s in container.streams.video if not is_marked(s, "attached_pic")]
    known = [s for s in films if codec(s)]
    if known:
        most = max(s.frames for s in known)  # 0 where the file does not count them

        def likely(stream: VideoStream) -> tuple[bool, bool, int]:
            moves = stream.frames * _STILLS >= most
            return is_marked(stream, "default"), moves, stream.width * stream.height

        return sorted(known, key=likely, reverse=True)
    if films:
        raise UnsupportedMedia(f"{name} holds video in a format that is not known here", AGAIN)
    if container.streams.audio:
        raise UnsupportedMedia(
            f"{name} holds only sound, no pictures",
            "The models here see and do not hear: send a video, or a transcript as text.",
        )
    raise UnsupportedMedia(f"{name} holds no video", AGAIN)


def codec(stream: Any) -> str:
    """The codec's name as FFmpeg has it; "" for a track that nothing here decodes."""
    context = stream.codec_context
    return str(context.name) if context is not None else ""


def text_tracks(container: InputContainer, file: BinaryIO) -> list[Any]:
    """The tracks of subtitles that hold words. WebVTT as Matroska has it is unknown to the library: words as they are."""
    at = file.tell()
    file.seek(0)
    words = TEXT_TRACKS | {""} if b"S_TEXT/WEBVTT" in file.read(_HEAD) else TEXT_TRACKS
    file.seek(at)
    return [s for s in container.streams.subtitles if codec(s) in words]


def is_marked(stream: Any, disposition: str) -> bool:
    """Whether the file gives the stream this disposition: default, forced, attached_pic …"""
    from av.stream import Disposition

    try:
        return bool(stream.disposition & Disposition[disposition])
    except ValueError:  # a disposition newer than the library's list
        return False


def says_encrypted(file: BinaryIO) -> bool:
    """Whether the index of an MP4 or the head of a WebM or of a Windows Media film, where it is at its start, names a track
    that needs a key. "drmi": of a film that was bought from Apple.
    """
    file.seek(0)
    head = file.read(_HEAD)
    if head.startswith(_ASF):
        return any(mark in head for mark in _LICENSED)
    return b"encv" in head or b"drmi" in head or (head.startswith(_EBML) and _LOCKED.search(head) is not None)


def encrypted(name: str) -> UnsupportedMedia:
    return UnsupportedMedia(
        f"{name} is encrypted: its pictures need a key that is not in the file",
        "Send a copy without protection, or record what is on the screen while it plays.",
    )


def _unopened(file: BinaryIO, first: bytes, name: str) -> UnsupportedMedia:
    """Why the library would not open it."""
    if first[4:8] in {b"ftyp", b"styp", b"sidx", b"moof", b"mdat", b"moov", b"wide", b"free", b"skip"}:
        boxes = boxes_of(file)
        if b"moof" in boxes and b"moov" not in boxes:
            return UnsupportedMedia(
                f"{name} is a piece of a stream, without what says how to read it", JOINED
            )
        if b"moov" not in boxes:
            return UnsupportedMedia(
                f"{name} is damaged: no index (its moov box is missing; the recording or download was cut off)",
                "Download or record it again; the pictures cannot be found without the index.",
            )
        if says_encrypted(file):
            return encrypted(name)
        return UnsupportedMedia(f"{name} is damaged: its index cannot be read", AGAIN)
    if first[:4] == _EBML or first[:4] in {b"RIFF", b"GIF8"}:
        return UnsupportedMedia(f"{name} is damaged: it breaks off before its first frame", AGAIN)
    return UnsupportedMedia(
        f"{name} is not a video that can be read here", "Send MP4, MOV, MKV, WebM, AVI, MPEG or GIF."
    )


def boxes_of(file: BinaryIO) -> set[bytes]:
    """Names of the boxes at the top of an MP4 or MOV file."""
    names: set[bytes] = set()
    at = 0
    while len(names) < 64:
        file.seek(at)
        start = file.read(16)
        if len(start) < 8:
            break
        size = int.from_bytes(start[:4], "big")
        names.add(start[4:8])
        if size == 1 and len(start) == 16:
            size = int.from_bytes(start[8:], "big")
        if size < 8:
            break
        at += size
    return names
