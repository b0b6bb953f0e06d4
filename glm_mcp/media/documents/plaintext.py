"""Text and source code in any encoding, and the formats that are text: HTML, CSV, JSON, notebooks, mail, RTF."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from glm_mcp.errors import UnsupportedMedia
from glm_mcp.media.charset import decode
from glm_mcp.media.documents.eml import read_mail
from glm_mcp.media.documents.html import decode_html, html_markdown
from glm_mcp.media.documents.markdown import read_csv
from glm_mcp.media.documents.notebook import fenced, is_notebook, read_notebook
from glm_mcp.media.documents.pages import clean_text, one_text
from glm_mcp.media.documents.rtf import rtf_text
from glm_mcp.media.documents.web.feed import is_feed, read_feed

# Suffix to the word that Markdown readers know.
_LANGUAGES = {
    **{
        suffix: suffix
        for suffix in [
            "c",
            "css",
            "cs",
            "cpp",
            "dart",
            "diff",
            "go",
            "groovy",
            "html",
            "ini",
            "java",
            "jsx",
            "json",
            "json5",
            "lua",
            "php",
            "proto",
            "r",
            "scala",
            "scss",
            "sql",
            "svelte",
            "swift",
            "tex",
            "toml",
            "tsx",
            "vue",
            "xml",
            "yaml",
            "zig",
        ]
    },
    "py": "python",
    "pyi": "python",
    "pyw": "python",
    "js": "javascript",
    "mjs": "javascript",
    "cjs": "javascript",
    "ts": "typescript",
    "mts": "typescript",
    "rb": "ruby",
    "rs": "rust",
    "kt": "kotlin",
    "kts": "kotlin",
    "pl": "perl",
    "sh": "bash",
    "bash": "bash",
    "zsh": "bash",
    "fish": "fish",
    "ps1": "powershell",
    "bat": "batch",
    "cmd": "batch",
    "h": "c",
    "cc": "cpp",
    "cxx": "cpp",
    "hpp": "cpp",
    "hh": "cpp",
    "cu": "cpp",
    "m": "objectivec",
    "mm": "objectivec",
    "yml": "yaml",
    "cfg": "ini",
    "conf": "ini",
    "properties": "ini",
    "patch": "diff",
    "hs": "haskell",
    "ex": "elixir",
    "exs": "elixir",
    "erl": "erlang",
    "jl": "julia",
    "ml": "ocaml",
    "clj": "clojure",
    "vb": "vbnet",
    "f90": "fortran",
    "asm": "asm",
    "s": "asm",
    "sol": "solidity",
    "tf": "hcl",
    "gradle": "groovy",
    "graphql": "graphql",
    "nix": "nix",
    "xsl": "xml",
    "xsd": "xml",
    "plist": "xml",
    "svg": "xml",
    "less": "less",
    "sass": "sass",
    "v": "verilog",
    "vhd": "vhdl",
    "jsonl": "json",
    "ndjson": "json",
    "geojson": "json",
    "srt": "",
    "vtt": "",
    "log": "",
}
_NAMES = {
    "dockerfile": "dockerfile",
    "makefile": "makefile",
    "cmakelists.txt": "cmake",
    "jenkinsfile": "groovy",
    "gemfile": "ruby",
}
_MARKDOWN = {"md", "markdown", "mdx", "mkd", "rst", "adoc", "org"}
_HTML_HEAD = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_MAIL_HEAD = re.compile(
    rb"(?:^(?:Return-Path|Received|From|To|Subject|Date|Message-ID|MIME-Version|Delivered-To|X-[\w-]+|[\w-]+):[^\n]*\n(?:[ \t][^\n]*\n)*){3}",
    re.IGNORECASE | re.MULTILINE,
)
_LONG_LINE = 2000


def text_job(file: BinaryIO, params: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Reads `params["pages"]` (parts) of a text, decoded by `params["encoding"]` when given.

    Raises UnsupportedMedia, InvalidRequest, MissingExtra.
    """
    name, spec, encoding = params["name"], params.get("pages"), params.get("encoding")
    data = file.read()
    suffix = PurePosixPath(name.replace("\\", "/")).suffix.lower().lstrip(".")
    if data[:5] == b"{\\rtf":
        return one_text("rtf", rtf_text(data), spec, name), []
    if suffix in ("eml", "mht", "mhtml") or (suffix in ("", "txt") and _is_mail(data)):
        return read_mail(data, spec, name, encoding), []
    decoded = (
        decode_html(data, name, encoding)
        if suffix in ("html", "htm", "xhtml", "xht")
        else decode(data, name, encoding)
    )
    notes = [decoded.note] if decoded.note else []
    if (
        suffix not in _LANGUAGES
        and suffix not in _MARKDOWN
        and suffix not in ("html", "htm", "xhtml")
        and _HTML_HEAD.match(decoded.text[:4096])
    ):
        suffix = "html"
        decoded = decode_html(data, name, encoding)
        notes = [decoded.note] if decoded.note else []
    return _by_kind(decoded.text, suffix, spec, name, notes), []


def needs_worker(head: bytes, name: str, size: int) -> bool:
    """Whether reading this text may take long enough, or be hostile enough, to need a process of its own."""
    suffix = PurePosixPath(name.replace("\\", "/")).suffix.lower()
    plain = suffix in (".txt", ".md", ".log", *(f".{s}" for s in _LANGUAGES if s != "html"))
    return size > 1_000_000 or not (plain or suffix in (".csv", ".tsv")) or head[:5] == b"{\\rtf"


def _is_mail(data: bytes) -> bool:
    found = _MAIL_HEAD.match(data[:8192])
    return (
        bool(found)
        and len(
            re.findall(
                rb"^(?:From|To|Subject|Date|Received|Message-ID):", data[:8192], re.IGNORECASE | re.MULTILINE
            )
        )
        >= 3
    )


def _by_kind(text: str, suffix: str, spec: str | None, name: str, notes: list[str]) -> dict[str, Any]:
    if suffix in ("html", "htm", "xhtml", "xht"):
        return one_text("html", html_markdown(text, what="reading HTML"), spec, name, notes)
    if suffix in ("csv", "tsv", "tab"):
        return read_csv(text, name, spec, notes)
    if suffix in ("", "xml", "rss", "atom", "rdf") and is_feed(text):
        return read_feed(text, spec, name)
    if suffix == "ipynb" or (suffix in ("", "json") and is_notebook(text)):
        return read_notebook(text, spec, name)
    if suffix in ("json", "geojson") or (not suffix and _is_json(text)):
        return one_text("json", fenced(_spread(text), "json"), spec, name, notes)
    if suffix in _MARKDOWN:
        return one_text("markdown", text, spec, name, notes)
    language = _LANGUAGES.get(suffix, _NAMES.get(PurePosixPath(name).name.lower()))
    if language:
        kind = "jsonl" if suffix in ("jsonl", "ndjson") else "code"
        return one_text(kind, fenced(clean_text(text), language), spec, name, notes)
    if not text.strip():
        notes = [*notes, "the file is empty"]
    return one_text("text", text, spec, name, notes)


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
    for token in re.finditer(r'"(?:[^"\\]|\\.)*"|[{}\[\],]|[^"{}\[\],]+|"', text, re.DOTALL):
        piece = token[0]
        if piece in ("}", "]"):
            depth -= 1
        out.append("\n" + " " * depth + piece if piece in ("}", "]") and depth < 3 else piece)
        if piece in ("{", "["):
            depth += 1
        if (piece in ("{", "[") and depth <= 3) or (piece == "," and depth <= 3):
            out.append("\n" + " " * depth)
    return "".join(out)


def refuse_media(head: bytes, name: str) -> None:
    """Raises UnsupportedMedia for bytes that are a picture, sound or video: another tool reads those."""
    for magic, tool in (
        (b"\x89PNG\r\n", "describe_image"),
        (b"\xff\xd8\xff", "describe_image"),
        (b"GIF8", "describe_image"),
        (b"RIFF", "describe_image or analyze_video"),
        (b"II*\x00", "describe_image"),
        (b"MM\x00*", "describe_image"),
        (b"\x1aE\xdf\xa3", "analyze_video"),
    ):
        if head.startswith(magic):
            raise UnsupportedMedia(f"{name} is not a document", f"Send it to {tool}.")
    if head[4:8] == b"ftyp":
        raise UnsupportedMedia(f"{name} is not a document", "Send it to describe_image or analyze_video.")
