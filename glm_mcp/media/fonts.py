"""A font that this computer has, for drawings and labels. Reads file names, opens the one chosen. Blocking."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from PIL import ImageFont

_MAX_FILES = 20_000  # looked at, however large the folders are
_MAX_OPENED = 20  # files that are no fonts after all, before it is given up
_SANS = ("arial", "helvetica", "liberationsans", "dejavusans", "notosans", "segoeui", "roboto", "opensans", "ubuntu", "freesans")  # fmt: skip
_MONO = ("couriernew", "cour", "menlo", "liberationmono", "dejavusansmono", "notosansmono", "ubuntumono", "freemono")  # fmt: skip
_CJK = ("notosanscjk", "notosanssc", "sourcehansans", "wqy", "pingfang", "msyh", "hiragino", "stheiti", "simhei", "simsun", "droidsansfallback")  # fmt: skip
_NO_LETTERS = re.compile("emoji|symbol|icon|awesome|ding|math|braille|music|lastresort|webdings|marlett")
_IS_CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")


class Font(NamedTuple):
    file: str
    family: str


def system_folders() -> list[Path]:
    if sys.platform == "win32":
        return [Path(os.environ.get("SYSTEMROOT", r"C:\Windows"), "Fonts")]
    try:
        home = [Path.home()]
    except RuntimeError:  # a user without an entry
        home = []
    if sys.platform == "darwin":
        return [Path("/System/Library/Fonts"), Path("/Library/Fonts"), *(h / "Library/Fonts" for h in home)]
    system = ["/usr/share/fonts", "/usr/local/share/fonts", "/run/current-system/sw/share/X11/fonts"]
    return [Path(p) for p in system] + [h / p for h in home for p in (".local/share/fonts", ".fonts")]


def font_files(folders: list[Path]) -> list[str]:
    """The font files of the folders, the plainest first."""
    files = list(islice(_files(folders), _MAX_FILES))
    return sorted(files, key=lambda file: (bool(_NO_LETTERS.search(_stem(file))), len(_stem(file)), file))


def is_cjk(text: str) -> bool:
    """Whether Chinese, Japanese or Korean is in it."""
    return _IS_CJK.search(text) is not None


def choose(text: str, folders: list[Path]) -> tuple[Font, Font] | None:
    """The font for this text and one of equal widths (the same where there is none); None where there is no font."""
    files = font_files(folders)
    plain = _best(files, (_CJK + _SANS) if is_cjk(text) else _SANS)
    if plain is None:
        return None
    mono = [file for file in files if _stem(file).startswith(_MONO)]
    return plain, _best(mono, _MONO) or plain


def _files(folders: list[Path]) -> Iterator[str]:
    for folder in folders:
        for where, _, names in os.walk(folder):
            yield from (str(Path(where, n)) for n in names if n.lower().endswith((".ttf", ".otf", ".ttc")))


def _stem(file: str) -> str:
    return re.sub(r"[^a-z0-9]|regular", "", Path(file).stem.lower())


def _best(files: list[str], wanted: tuple[str, ...]) -> Font | None:
    def rank(file: str) -> tuple[bool, bool, int, int, str]:
        stem = _stem(file)
        at = next((n for n, start in enumerate(wanted) if stem.startswith(start)), len(wanted))
        # "NotoSansArabic" and "ArialNarrow" only where there is nothing plainer; names of CJK fonts have endings.
        other = at == len(wanted) or (stem != wanted[at] and wanted[at] not in _CJK)
        return bool(_NO_LETTERS.search(stem)), other, at, len(stem), file

    for file in sorted(files, key=rank)[:_MAX_OPENED]:
        try:
            family = ImageFont.truetype(file).getname()[0]
        except (OSError, ImportError, ValueError):
            continue
        if family:
            return Font(file, family)
    return None
