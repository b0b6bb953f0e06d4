"""Text, source code and JSON in any encoding."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from glm_mcp.media.charset import declaration, decode
from glm_mcp.media.documents.common.cards import card_text
from glm_mcp.media.documents.markdown import fenced
from glm_mcp.media.documents.pages import clean_text, one_text

# The word that Markdown readers know for a language, and the suffixes of its files.
_OTHER_SUFFIXES = {
    "asm": "s",
    "bash": "sh zsh",
    "batch": "bat cmd",
    "c": "h",
    "clojure": "clj",
    "cpp": "cc cxx hpp hh cu",
    "diff": "patch",
    "elixir": "ex exs",
    "erlang": "erl",
    "fortran": "f90",
    "groovy": "gradle",
    "haskell": "hs",
    "hcl": "tf",
    "ini": "cfg conf properties",
    "javascript": "js mjs cjs",
    "json": "jsonl ndjson geojson",
    "julia": "jl",
    "kotlin": "kt kts",
    "objectivec": "m mm",
    "ocaml": "ml",
    "perl": "pl",
    "powershell": "ps1",
    "python": "py pyi pyw",
    "ruby": "rb",
    "rust": "rs",
    "solidity": "sol",
    "typescript": "ts mts",
    "vbnet": "vb",
    "verilog": "v",
    "vhdl": "vhd",
    "xml": "xsl xsd plist svg",
    "yaml": "yml",
}
_OWN_SUFFIX = (
    "asm bash c cpp cs css dart diff fish go graphql groovy html ini java json json5 jsx less lua nix php proto r sass "
    "scala scss sql svelte swift tex toml tsx vue xml yaml zig"
)
_LANGUAGES = {s: s for s in _OWN_SUFFIX.split()} | {
    suffix: word for word, suffixes in _OTHER_SUFFIXES.items() for suffix in suffixes.split()
}
_NAMES = {
    "dockerfile": "dockerfile",
    "makefile": "makefile",
    "cmakelists.txt": "cmake",
    "jenkinsfile": "groovy",
    "gemfile": "ruby",
}
_LONG_LINE = 2000
# Of JSON. A text that nothing closes goes to the end, so that nothing is gone through twice.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[{}\[\],]|[^"{}\[\],]+', re.DOTALL)


def text_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Reads `params["pages"]` (parts) of a text, decoded by `params["encoding"]` when given.

    Raises UnsupportedMedia, InvalidRequest.
    """
    name, spec, kind = params["name"], params.get("pages"), params["kind"]
    data = file.read()
    decoded = decode(data, name, params.get("encoding"), declared=declaration(data))
    text, notes = decoded.text, [decoded.note] if decoded.note else []
    suffix = PurePosixPath(name.replace("\\", "/")).suffix.lower().lstrip(".")
    language = _LANGUAGES.get(suffix, _NAMES.get(PurePosixPath(name).name.lower()))
    if kind == "json" or (not suffix and _is_json(text)):
        return one_text("json", fenced(_spread(text), "json"), spec, name, notes), []
    if kind == "markdown":
        return one_text("markdown", text, spec, name, notes), []
    if language:
        shown = "jsonl" if suffix in ("jsonl", "ndjson") else "code"
        return one_text(shown, fenced(clean_text(text), language), spec, name, notes), []
    if not text.strip():
        notes = [*notes, "the file is empty"]
    return one_text("text", card_text(text), spec, name, notes), []


def _is_json(text: str) -> bool:
    import json

    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _spread(text: str) -> str:
    """JSON in one long line broken into lines, two levels deep, so that it can be read in parts; numbers stay as written."""
    if max(map(len, text.split("\n")), default=0) < _LONG_LINE:
        return text
    out: list[str] = []
    depth = 0
    for token in _TOKEN.finditer(text):
        piece = token[0]
        if piece in ("}", "]"):
            depth -= 1
        out.append("\n" + " " * depth + piece if piece in ("}", "]") and depth < 3 else piece)
        if piece in ("{", "["):
            depth += 1
        if (piece in ("{", "[") and depth <= 3) or (piece == "," and depth <= 3):
            out.append("\n" + " " * depth)
    return "".join(out)
