"""One small file of every format that the tests can make, and the samples: what the damage tests start from."""

from __future__ import annotations

import functools
import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace

from PIL import Image, ImageCms
from support.document_kinds import KINDS as DOCUMENTS
from support.films import Film, make, only_sound, regular
from support.image_kinds import FORMATS as PICTURES
from support.made_documents import docx, lines, mail, noise, odt, para, pdf, word_table, zipped
from support.made_word import plain, word
from support.ole import ole
from support.paths import DATA, SAMPLES
from support.pictures import corners, exif, photo, save, screenshot
from support.video_kinds import KINDS as VIDEOS

TOOLS = {"image": "describe_image", "video": "analyze_video", "document": "read_document"}
ARGUMENTS = {"image": "images", "video": "video", "document": "documents"}
SRT = "1\n00:00:00,000 --> 00:00:01,000\n<i>Hello</i> 世界\n\n2\n00:00:01,500 --> 00:00:02,000\nagain\n"


@dataclass(frozen=True)
class Specimen:
    """`want`: image, video or document."""

    name: str
    want: str
    build: Callable[[], bytes]

    @property
    def data(self) -> bytes:
        return _built(self.build)


@functools.cache
def _built(build: Callable[[], bytes]) -> bytes:
    return build()


def frames(kind: str) -> bytes:
    several = [corners(60, 40), photo(60, 40, 2), corners(60, 40).rotate(180)]
    return save(several[0], kind, save_all=True, append_images=several[1:])


def profiled() -> bytes:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    return save(corners().convert("CMYK"), "JPEG", icc_profile=profile, exif=exif(6))


def palette() -> bytes:
    return save(corners().convert("P"), "PNG", transparency=3)


def deep() -> bytes:
    return save(Image.linear_gradient("L").resize((64, 64)).convert("I;16"), "PNG")


def floats() -> bytes:
    return save(Image.linear_gradient("L").resize((64, 64)).convert("F"), "TIFF")


def packed(mode: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=f"w:{mode}") as archive:  # type: ignore[call-overload]
        entry = tarfile.TarInfo("a.txt")
        entry.size = 5
        archive.addfile(entry, io.BytesIO(b"hello"))
    return out.getvalue()


def drawing() -> bytes:
    return (
        b'<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40" viewBox="0 0 60 40"><defs>'
        b'<linearGradient id="g"><stop offset="0" stop-color="red"/></linearGradient><filter id="f">'
        b'<feGaussianBlur stdDeviation="2"/></filter><pattern id="p" width="4" height="4"><rect width="2" height="2"/>'
        b'</pattern></defs><g transform="scale(1.5) rotate(10)"><rect width="9" height="9" fill="url(#g)" '
        b'filter="url(#f)"/><path d="M0 0L10 10C1 2 3 4 5 6z" fill="url(#p)" stroke-dasharray="1 2"/>'
        b'<text x="3" y="9" font-size="8">Hi</text><use href="#g"/></g></svg>'
    )


def notebook() -> bytes:
    picture = "iVBORw0KGgo="
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": ["one\n"]},
        {"output_type": "display_data", "data": {"image/png": picture, "text/plain": ["<Figure>"]}},
        {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["\u001b[31mTrace\u001b[0m"]},
    ]
    cells = [
        {"cell_type": "markdown", "source": ["# Study"]},
        {"cell_type": "code", "source": "print(1)", "outputs": outputs, "execution_count": 1},
        {"cell_type": "raw", "source": "raw"},
    ]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}).encode()


def book() -> bytes:
    rows = "<table:table-row><table:table-cell office:value-type='float' office:value='1'><text:p>1</text:p></table:table-cell></table:table-row>"
    return odt(f"<table:table table:name='S'>{rows}</table:table>", kind="spreadsheet")


def slides() -> bytes:
    return odt("<draw:page draw:name='One'><draw:frame><draw:text-box><text:p>Words</text:p></draw:text-box></draw:frame></draw:page>", kind="presentation")  # fmt: skip


def old(stream: str) -> bytes:
    """A file of the container of Office 97, as far as anybody looks at it."""
    return ole([stream, "\x05SummaryInformation"])


def scan() -> bytes:
    return pdf([noise(0, 0, 595, 842), lines(["Some words on a page."] * 20)])


def letter() -> bytes:
    body = para("Title", "T") + para("One", number=1) + word_table([["A", "B"], ["1", "2"]])
    return docx(body + para("End", "H2"))


SHORT = regular(0.8)
_FILMS = {name: replace(film, times=SHORT) for name, film in VIDEOS.items() if not name.startswith("longgop")}
_FILMS |= {
    "sound.mp4": Film(SHORT, sound=True, rotate=90),
    "words.mkv": Film(
        SHORT, form="matroska", subtitles=((0, 1, "Hello"),), subtitle_codec="subrip", sound=True
    ),
    "words.mp4": Film(SHORT, subtitles=((0, 1, "Hello"),)),
    "a.flv": Film(SHORT, form="flv"),
    "a.wmv": Film(SHORT, form="asf", codec="mpeg4"),
    "a.mpg": Film(SHORT, form="mpeg", codec="mpeg4"),
    "a.3gp": Film(SHORT, form="3gp"),
}
_PICTURES: dict[str, Callable[[], bytes]] = {
    **PICTURES,
    "animated.gif": lambda: frames("GIF"),
    "animated.webp": lambda: frames("WEBP"),
    "animated.png": lambda: frames("PNG"),
    "animated.avif": lambda: frames("AVIF"),
    "pages.tif": lambda: frames("TIFF"),
    "profiled.jpg": profiled,
    "palette.png": palette,
    "deep.png": deep,
    "floats.tif": floats,
    "gray-alpha.png": lambda: save(corners().convert("LA"), "PNG"),
    "bits.bmp": lambda: save(corners().convert("1"), "BMP"),
    "icon.icns": lambda: save(corners(64, 64), "ICNS"),
    "a.pcx": lambda: save(corners(), "PCX"),
    "rich.svg": drawing,
    "rich.svgz": lambda: gzip.compress(drawing()),
    "tall.png": lambda: save(screenshot(400, 2400), "PNG"),
    "photo.jpg": (SAMPLES / "photo.jpg").read_bytes,
    "chart.png": (SAMPLES / "chart.png").read_bytes,
}
_DOCUMENTS: dict[str, Callable[[], bytes]] = {
    **{name: build for name, (build, _) in DOCUMENTS.items()},
    "report-sample.pdf": (SAMPLES / "report.pdf").read_bytes,
    "scan.pdf": scan,
    **{n: (DATA / n).read_bytes for n in ("encrypted-rc4.pdf", "locked-for-editing.pdf", "excel97.xls")},
    "rich.docx": letter,
    "rich.ipynb": notebook,
    "book.ods": book,
    "slides.odp": slides,
    "mail.eml": lambda: mail(html=True),
    "old.xls": lambda: old("Workbook"),
    "old.doc": lambda: word([plain("Report", 1), plain("Words of old")]),
    "letter.msg": lambda: old("__properties_version1.0"),
    "subtitles.srt": SRT.encode,
    "subtitles.vtt": lambda: b"WEBVTT\n\n" + SRT.replace(",", ".").encode(),
    "wide.txt": lambda: "说明 text\n".encode("utf-16"),
    "pack.zip": lambda: zipped({"a.txt": "hello"}),
    "pack.tar.gz": lambda: packed("gz"),
    "pack.tar": lambda: packed(""),
    "pack.gz": lambda: gzip.compress(b"hello"),
    "pack.7z": lambda: b"7z\xbc\xaf\x27\x1c\0\4" + bytes(60),
}
_VIDEOS: dict[str, Callable[[], bytes]] = {
    **{name: functools.partial(make, film) for name, film in _FILMS.items()},
    "clip.mp4": (SAMPLES / "clip.mp4").read_bytes,
    "song.m4a": only_sound,
}
SPECIMENS = {
    f"{want}-{name}": Specimen(name, want, build)
    for want, kinds in (("image", _PICTURES), ("video", _VIDEOS), ("document", _DOCUMENTS))
    for name, build in kinds.items()
}


def members(data: bytes) -> dict[str, bytes]:
    """What is in a zip file."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}
