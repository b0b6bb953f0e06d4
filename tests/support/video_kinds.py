"""One film of every container, all of the same six seconds."""

from __future__ import annotations

from support.films import Film, regular

SIX = regular(6)


# A phone's rate: still, then fast, then still again.
CHANGING = (0, 0.04, 0.08, 0.5, 2.0, 2.04, 2.08, 2.12, 4.0, 5.5, 5.54, 6.0)


KINDS: dict[str, Film] = {
    "a.mp4": Film(SIX),
    "a.mov": Film(SIX, form="mov"),
    "a.mkv": Film(SIX, form="matroska"),
    "a.webm": Film(SIX, form="webm", codec="libvpx-vp9"),
    "a.avi": Film(SIX, form="avi", codec="mpeg4"),
    "a.ts": Film(SIX, form="mpegts"),
    "a.mxf": Film(SIX, form="mxf", codec="mpeg2video"),
    "a.m2v": Film(SIX, form="mpeg2video", codec="mpeg2video"),
    "a.ivf": Film(SIX, form="ivf", codec="libvpx-vp9"),
    "a.gif": Film(regular(2), form="gif", codec="gif"),
    "longgop.mp4": Film(SIX, gop=1000),
    "longgop.mkv": Film(SIX, form="matroska", gop=1000),
    "changing.mp4": Film(CHANGING),
    "index-first.mp4": Film(SIX, mux=(("movflags", "faststart"),)),
    "fragmented.mp4": Film(SIX, mux=(("movflags", "frag_keyframe+empty_moov"),)),
    "live.webm": Film(SIX, form="webm", codec="libvpx-vp9", mux=(("live", "1"),)),  # no length, no index
    "begins-late.mkv": Film(tuple(5 + t for t in SIX), form="matroska"),
    "named-wrong.txt": Film(SIX),
}
