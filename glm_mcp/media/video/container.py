"""Opening a video file, or saying why not. Runs in the worker process.

Only known containers are opened, and nothing but the given file is read: a playlist that calls itself a video
would otherwise make the library open other files and addresses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

from glm_mcp.errors import MissingExtra, UnsupportedMedia

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

# Demuxers by FFmpeg's names; the audio ones are there to say "only sound" instead of "no video file".
_VIDEO = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,gif,mpegts,mpeg,flv,asf,ogg,ivf,mxf,dv,rm"
_AUDIO = "mp3,wav,flac,aac,amr,aiff,caf,ac3"
_OPTIONS = {"format_whitelist": f"{_VIDEO},{_AUDIO}", "protocol_whitelist": "none"}

AGAIN = "Play it in a player; if it plays, save it again as MP4 (H.264) and call again."


def open_container(file: BinaryIO, name: str) -> InputContainer:
    """Raises: UnsupportedMedia, which says whether the file is damaged or no video at all; MissingExtra."""
    av = library()
    file.seek(0)
    first = file.read(12)
    file.seek(0)
    try:
        opened: InputContainer = av.open(
            file, mode="r", container_options=dict(_OPTIONS), metadata_errors="replace"
        )
    except (av.error.FFmpegError, ValueError) as error:
        raise _unopened(file, first, name) from error
    return opened


def pick_stream(container: InputContainer, name: str) -> VideoStream:
    """The video proper: not the cover picture of a song; of several the default one, then the largest.

    Raises: UnsupportedMedia when there is none, or none that can be decoded.
    """
    from av.stream import Disposition

    films = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    known = [s for s in films if s.codec_context is not None]
    if known:
        return max(known, key=lambda s: (bool(s.disposition & Disposition.default), s.width * s.height))
    if films:
        raise UnsupportedMedia(f"{name} holds video in a format that is not known here", AGAIN)
    if container.streams.audio:
        raise UnsupportedMedia(
            f"{name} holds only sound, no pictures",
            "The models here see and do not hear: send a video, or a transcript as text.",
        )
    raise UnsupportedMedia(f"{name} holds no video", AGAIN)


def library() -> Any:
    """The `av` package, silent. Raises: MissingExtra."""
    try:
        import av
        import av.logging
    except ImportError as error:
        raise MissingExtra("video", "reading a video") from error
    av.logging.set_level(None)
    return av


def _unopened(file: BinaryIO, first: bytes, name: str) -> UnsupportedMedia:
    """Why the library would not open it."""
    if first[4:8] in {b"ftyp", b"mdat", b"moov", b"wide", b"free", b"skip"}:
        boxes = _boxes(file)
        if b"moov" not in boxes:
            return UnsupportedMedia(
                f"{name} is damaged: no index (its moov box is missing; the recording or download was cut off)",
                "Download or record it again; the pictures cannot be found without the index.",
            )
        return UnsupportedMedia(f"{name} is damaged: its index cannot be read", AGAIN)
    if first[:4] == b"\x1aE\xdf\xa3" or first[:4] in {b"RIFF", b"GIF8"}:
        return UnsupportedMedia(f"{name} is damaged: it breaks off before its first frame", AGAIN)
    return UnsupportedMedia(
        f"{name} is not a video that can be read here", "Send MP4, MOV, MKV, WebM, AVI, MPEG or GIF."
    )


def _boxes(file: BinaryIO) -> set[bytes]:
    """Names of the boxes at the top of an MP4 or MOV file."""
    found: set[bytes] = set()
    at = 0
    while len(found) < 64:
        file.seek(at)
        start = file.read(16)
        if len(start) < 8:
            break
        size = int.from_bytes(start[:4], "big")
        found.add(start[4:8])
        if size == 1 and len(start) == 16:
            size = int.from_bytes(start[8:], "big")
        if size < 8:
            break
        at += size
    return found
