"""A path at which nothing is: the file that was meant, or names that are like it."""

from __future__ import annotations

import difflib
import os
import re
import unicodedata
from pathlib import Path

from glm_mcp.errors import ForbiddenPath, InvalidRequest, NotFound
from glm_mcp.media.formats import suffixes
from glm_mcp.sandbox import Sandbox

_TWINS = 16  # folders and the file, whose names are looked for in another form
_LISTED = 20_000  # names of a folder compared with one that is not there
# Characters with characters meanwhile, which takes a second where names repeat one letter.
_COMPARED = 4_000_000


def exists(path: Path, sandbox: Sandbox) -> bool:
    """Whether something readable is there; False without a look for what lies outside."""
    try:
        return sandbox.check(path).exists()
    except (OSError, ForbiddenPath, InvalidRequest):
        return False


def twin(path: Path, sandbox: Sandbox) -> Path | None:
    """The one file whose name, or whose folders' names, differ only as names do that were read off a screen: composed or
    not, odd spaces.

    macOS puts a narrow no-break space into the names of screenshots, and stores letters apart from their accents.
    """
    known, missing = path.parent, [path.name]
    while not exists(known, sandbox) and known != known.parent and len(missing) < _TWINS:
        missing.append(known.name)
        known = known.parent
    for name in reversed(missing):
        found = [name]
        if not exists(known / name, sandbox):
            wanted = _loosely(name)
            found = [n for n in _names(known / name, sandbox) if _loosely(n) == wanted]
        if len(found) != 1:
            return None
        known /= found[0]
    return known


def _loosely(name: str) -> str:
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", name))


def _names(path: Path, sandbox: Sandbox) -> list[str]:
    """What lies beside `path`, when that is a readable place; hidden names left out."""
    try:
        folder = sandbox.check(path).parent
        if not sandbox.contains(folder):
            return []
        with os.scandir(folder) as entries:
            listed = [entry.name for _, entry in zip(range(_LISTED), entries, strict=False)]
    except (OSError, ForbiddenPath, InvalidRequest):
        return []
    return [name for name in listed if not name.startswith(".")]


def not_there(text: str, sandbox: Sandbox, *, pattern: bool) -> NotFound:
    """The error for a path at which nothing is. Raises ForbiddenPath when it lies outside, whatever is there."""
    path = Path(text)
    if pattern:
        return NotFound(
            f"no file matches {_where_help(text, path, sandbox)}",
            "Check the pattern; hidden files, and links that lead out of its folder, do not match.",
        )
    sandbox.check(path)
    most = _COMPARED // max(len(path.name), 1) ** 2
    names = {name.casefold(): name for name in _names(path, sandbox)[:most]}
    near = difflib.get_close_matches(path.name.casefold(), names, 9, 0.6)
    close = [names[name] for name in near if _alike(path.stem, names[name])]
    close = [name for name in close if _is_told(path.with_name(name), sandbox)][:3]
    if close:
        hint = f"Did you mean {', '.join(str(path.with_name(name)) for name in close)}?"
    elif "," in text or "\n" in text:
        hint = "Several files are given as a list, each by itself."
    elif sandbox.contains(path.parent) and not exists(path.parent, sandbox):
        hint = "Its folder does not exist either: check the path."
    else:
        hint = "Check the path, or give an absolute one."
    return NotFound(f"there is no file {_where_help(text, path, sandbox)}", hint)


def _alike(stem: str, name: str) -> bool:
    """Whether two names are so without their suffixes too: of short ones these are most of what is compared."""
    return difflib.SequenceMatcher(None, stem.casefold(), Path(name).stem.casefold()).ratio() >= 0.5


def _is_told(path: Path, sandbox: Sandbox) -> bool:
    """Whether a name may be told to who did not know it: of no secret, and in hidden places of media alone."""
    media = path.suffix.lower() in (*suffixes("image"), *suffixes("video"), ".pdf")
    return sandbox.contains(path) and (media or not sandbox.is_hidden(path))


def _where_help(text: str, path: Path, sandbox: Sandbox) -> str:
    if sandbox.remote or path.is_absolute() or path.parts[:1] == ("~",):
        return text
    return f"{text} (working folder: {sandbox.cwd})"
