"""How many words of other projects' documents arrive, beside markitdown, by format.

    python benchmarks/corpora.py DIR [--missing]

DIR holds the repositories of docling and markitdown (either alone will do), at any depth. A document counts when its
expected Markdown is there: docling's `tests/data/FORMAT/sources/NAME` with `groundtruth/NAME.md`, markitdown's
`tests/test_files/NAME.pdf` with `expected_outputs/NAME.md`. `--missing` shows which words of
each document do not arrive. Exit status 1 when the words of all are below 0.93, or those of
a format below markitdown's, where that is installed.
"""

from __future__ import annotations

import argparse
import contextlib
import html
import importlib
import re
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from glm_mcp.errors import GLMError
from glm_mcp.media.documents.read import read_document
from glm_mcp.media.kept.outputs import Outputs
from glm_mcp.media.sources.resolve import resolve_source
from glm_mcp.sandbox import Sandbox

TARGET = 0.93
SLACK = 0.0005  # a difference that no one sees in the table
DOCUMENT_S = 120.0
BYTES = 200_000_000  # of one document
# What docling reads by a model or a schema of its own, so that its truth is no Markdown of the text.
_BY_MODELS = {"ocr", "webp", "md_deepseek", "ebcdic", "boxnote", "jats", "uspto", "xbrl", "latex", "asciidoc"}
# Word and PowerPoint before 2007, which the server refuses with what to do.
_REFUSED = {"doc", "ppt"}


@dataclass
class Format:
    """Shares of words, one a document that has words."""

    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def documents(folder: Path) -> Iterator[tuple[str, Path, Path]]:
    """(format, document, its expected Markdown)."""
    for truth in sorted(folder.glob("**/tests/data/*/groundtruth/**/*.md")):
        root = next(p for p in truth.parents if p.name == "groundtruth")
        named = root.parent / "sources" / truth.relative_to(root).with_suffix("")
        if root.parent.name in _BY_MODELS | _REFUSED:
            continue
        sources = [named, named.with_name(f"{named.name}.{root.parent.name}")]
        source = next((s for s in sources if s.suffix and s.is_file()), None)
        if source is not None:
            yield source.suffix[1:].lower(), source, truth
    for truth in sorted(folder.glob("**/tests/test_files/expected_outputs/*.md")):
        source = truth.parent.parent / f"{truth.stem}.pdf"
        if source.is_file():
            yield "pdf", source, truth


def words(markdown: str) -> Counter[str]:
    """The words without the marks of Markdown: comments, addresses of links and pictures, embedded data."""
    text = re.sub(r"<!--.*?-->", " ", markdown, flags=re.DOTALL)
    text = re.sub(r"\]\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*(?:\s+\"[^\"]*\")?\)", "] ", text)
    text = re.sub(r"</?[a-zA-Z][^<>]*>", " ", text)
    text = html.unescape(text.replace("\\", ""))
    return Counter(re.findall(r"\w+", text.casefold().replace("_", " ")))


def recall(expected: Counter[str], text: str) -> float:
    """The share of the expected words that are there, each as often as it is expected."""
    return (expected & words(text)).total() / expected.total()


async def ours(path: Path, sandbox: Sandbox, outputs: Outputs) -> str:
    """The document as a caller gets it: every page, sheet or slide with its label."""
    with anyio.fail_after(DOCUMENT_S):
        (source,) = await resolve_source(
            str(path), "document", sandbox=sandbox, outputs=outputs, max_bytes=BYTES
        )
        try:
            document = await read_document(source)
        finally:
            source.close()
    return "\n".join(f"{page.label}\n{page.text}" for page in document.pages)


def markitdown() -> Callable[[Path], str] | None:
    try:
        module = importlib.import_module("markitdown")
    except ImportError:
        return None
    converter = module.MarkItDown()
    return lambda path: str(converter.convert(str(path)).markdown)


def theirs(convert: Callable[[Path], str], path: Path) -> str:
    """An empty text where it fails, which it does with errors of many libraries."""
    with contextlib.suppress(Exception):
        return convert(path)
    return ""


async def measure(folder: Path, missing: bool) -> dict[str, Format]:
    formats: dict[str, Format] = {}
    convert = markitdown()
    with tempfile.TemporaryDirectory() as kept:
        empty = Path(kept)
        outputs = Outputs(folder=None, cwd=None, data=empty, cache=empty)
        sandbox = Sandbox(cwd=empty, home=empty, temp=empty, allowed=[folder])
        for kind, path, truth in documents(folder):
            expected = words(truth.read_text(encoding="utf-8"))
            if not expected:
                continue
            row = formats.setdefault(kind, Format())
            text = ""
            try:
                text = await ours(path, sandbox, outputs)
            except (GLMError, TimeoutError) as error:
                row.notes.append(f"not read: {path.name}: {error}")
            row.ours.append(recall(expected, text))
            if missing and row.ours[-1] < 1:
                lost = " ".join(w for w, _ in (expected - words(text)).most_common(20))
                row.notes.append(f"{row.ours[-1]:.3f} {kind} {path.name}: {lost}")
            if convert is not None:
                row.theirs.append(recall(expected, theirs(convert, path)))
    return formats


def report(formats: dict[str, Format]) -> int:
    """Prints the table; how many targets are missed."""
    missed = 0
    print(f"{'format':8} {'documents':>9} {'ours':>7} {'markitdown':>13}")
    for kind, row in sorted(formats.items()):
        mine = statistics.fmean(row.ours)
        beside = statistics.fmean(row.theirs) if row.theirs else None
        below = beside is not None and mine < beside - SLACK
        missed += below
        other = "not installed" if beside is None else f"{beside:.3f}"
        print(f"{kind:8} {len(row.ours):9} {mine:7.3f} {other:>13}{'  MISS' if below else ''}")
    everything = [share for row in formats.values() for share in row.ours]
    whole = statistics.fmean(everything)
    others = [share for row in formats.values() for share in row.theirs]
    other = f"{statistics.fmean(others):.3f}" if others else "not installed"
    missed += whole < TARGET
    print(f"{'all':8} {len(everything):9} {whole:7.3f} {other:>13}{'  MISS' if whole < TARGET else ''}")
    for row in formats.values():
        print("\n".join(row.notes), end="\n" * bool(row.notes))
    return missed


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where the repositories are")
    parser.add_argument("--missing", action="store_true", help="show the words that do not arrive")
    wanted = parser.parse_args()
    formats = anyio.run(measure, wanted.folder.resolve(), wanted.missing)
    if not formats:
        print("no documents with an expected Markdown were found there")
        sys.exit(2)
    sys.exit(1 if report(formats) else 0)


if __name__ == "__main__":
    main()
