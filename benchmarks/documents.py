"""Small office documents as Markdown: a call of the warm server beside markitdown, warm, in one process of its own.

markitdown has no reader of mail: it gives the source back, packed parts and all. A mail is compared with its reading of
the HTML within, which the standard library takes out; beside that stands what giving the source back takes.

    python benchmarks/documents.py [--markitdown PYTHON] [--rounds 15]

PYTHON has markitdown installed; without it only our side is measured. Exit status 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import importlib
import io
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from samples_large import WORDS
from stdio import Server, Upstream, ours
from watch import Memory, tree_bytes, tree_cpu_s

from glm_mcp.media.worker_bound import at_once

LIMIT = 1.5  # times markitdown
PAUSE_S = 0.1  # before each: what threads of the other spin on is not to count
TOGETHER = 20
MB = 1_000_000

_THEIRS = """
import email, email.policy, io, json, sys, time
from markitdown import MarkItDown, StreamInfo
reader = MarkItDown(enable_plugins=False)
def convert(path, within):
    if not within:
        return reader.convert(path).text_content
    with open(path, "rb") as file:
        mail = email.message_from_binary_file(file, policy=email.policy.default)
    page = io.BytesIO(mail.get_body(("html",)).get_content().encode())
    return reader.convert_stream(page, stream_info=StreamInfo(extension=".html", charset="utf-8")).text_content
print(json.dumps("ready"), flush=True)
for line in sys.stdin:
    path, within = json.loads(line)
    began = time.perf_counter()
    text = convert(path, within)
    print(json.dumps([time.perf_counter() - began, len(text)]), flush=True)
"""


def sentences(count: int, seed: int) -> list[str]:
    pick = random.Random(seed)
    return [" ".join(pick.choices(WORDS, k=12)).capitalize() + "." for _ in range(count)]


def table(seed: int) -> list[list[str]]:
    pick = random.Random(seed)
    return [
        ["Item", "Quantity", "Price"],
        *([pick.choice(WORDS), str(pick.randrange(100)), f"{pick.random():.2f}"] for _ in range(12)),
    ]


def docx() -> bytes:
    """Five pages: headings, paragraphs, lists and a table on each."""
    made = importlib.import_module("support.made_documents")
    body = made.para("A report", "T")
    for page in range(5):
        said = sentences(16, page)
        body += made.para(f"Part {page}", "H1") + "".join(
            made.para(" ".join(said[i : i + 4])) for i in (0, 4, 8)
        )
        body += "".join(made.para(s, number=1) for s in said[12:]) + made.word_table(table(page))
    data: bytes = made.docx(body)
    return data


def pptx() -> bytes:
    """Ten slides with a list and notes, each second one with a table."""
    library: Any = importlib.import_module("pptx")
    inches: Any = importlib.import_module("pptx.util").Inches
    deck = library.Presentation()
    for number in range(10):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = f"Slide {number}"
        slide.placeholders[1].text_frame.text = "\n".join(sentences(5, number))
        slide.notes_slide.notes_text_frame.text = " ".join(sentences(3, number))
        if number % 2:
            rows = table(number)
            grid = slide.shapes.add_table(len(rows), 3, inches(1), inches(3), inches(6), inches(3)).table
            for y, row in enumerate(rows):
                for x, cell in enumerate(row):
                    grid.cell(y, x).text = cell
    out = io.BytesIO()
    deck.save(out)
    return out.getvalue()


def html(seed: int) -> str:
    said = sentences(16, seed)
    rows = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in table(seed))
    listed = "".join(f"<li>{s}</li>" for s in said[12:])
    paragraphs = "".join(f"<p>{' '.join(said[i : i + 4])}</p>" for i in (0, 4, 8))
    return f"<h1>Chapter {seed}</h1>{paragraphs}<ul>{listed}</ul><table>{rows}</table>"


def epub() -> bytes:
    """Five chapters of a page."""
    made = importlib.import_module("support.made_documents")
    chapters = {f"c{n}": html(n) for n in range(5)}
    data: bytes = made.epub(chapters, list(chapters))
    return data


def eml() -> bytes:
    """A mail of three pages, as text and as HTML."""
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "The report", "A <a@b.example>", "x@y.example"
    message["Date"] = "Mon, 02 Nov 2026 10:00:00 +0000"
    message.set_content("\n\n".join(" ".join(sentences(4, n)) for n in range(12)))
    message.add_alternative("".join(html(n) for n in range(3)), subtype="html")
    return bytes(message)


MAKERS: dict[str, Callable[[], bytes]] = {"docx": docx, "pptx": pptx, "epub": epub, "eml": eml}


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    with Upstream() as upstream:
        env = {
            **upstream.env,
            "GLM_ALLOWED_DIRS": str(folder),
            "GLM_LANG": "en",
            "XDG_CACHE_HOME": str(folder),
        }
        with ours(env) as server:
            yield server


@contextmanager
def markitdown(python: str) -> Iterator[tuple[Callable[..., float], int]]:
    """What converts (`within`: the HTML of a mail) and says how long it took, and its process."""
    with subprocess.Popen(
        [python, "-c", _THEIRS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline()
        asked, answers = process.stdin, process.stdout

        def convert(path: Path, *, within: bool = False) -> float:
            time.sleep(PAUSE_S)
            asked.write(json.dumps([str(path), within]) + "\n")
            asked.flush()
            seconds: float = json.loads(answers.readline())[0]
            return seconds

        try:
            yield convert, process.pid
        finally:
            process.kill()


def read(server: Server, path: Path) -> float:
    time.sleep(PAUSE_S)
    began = time.perf_counter()
    result = server.ask("tools/call", {"name": "read_document", "arguments": {"documents": str(path)}})
    assert not result.get("isError"), result
    return time.perf_counter() - began


def compare(folder: Path, python: str | None, rounds: int) -> int:
    """Alternating pairs, and the median of each side; the number of missed targets."""
    missed = 0
    with serving(folder) as server:
        for kind in MAKERS:
            path = folder / f"sample.{kind}"
            first = read(server, path)
            if python is None:
                own = statistics.median(read(server, path) for _ in range(rounds))
                print(f"     {kind}: {own * 1000:.0f} ms, the first {first * 1000:.0f} ms")
                continue
            within = kind == "eml"
            with markitdown(python) as (convert, pid):
                convert(path, within=within)
                before = tree_cpu_s(server.process.pid), tree_cpu_s(pid)
                pairs = [(read(server, path), convert(path, within=within)) for _ in range(rounds)]
                after = tree_cpu_s(server.process.pid), tree_cpu_s(pid)
            worked = [(b - a) * 1000 / rounds for a, b in zip(before, after, strict=True)]
            own, theirs = (statistics.median(p[i] for p in pairs) for i in (0, 1))
            good = own <= LIMIT * theirs
            missed += not good
            print(
                f"{'ok  ' if good else 'MISS'} {kind}: {own / theirs:.2f} × markitdown (target ≤ {LIMIT}); {own * 1000:.0f} "
                f"ms beside {theirs * 1000:.0f} ms, of computing {worked[0]:.0f} beside {worked[1]:.0f}, the first {first * 1000:.0f} ms"
            )
            if within:
                with markitdown(python) as (convert, _):
                    source = statistics.median(convert(path) for _ in range(rounds))
                print(f"     {kind}: {source * 1000:.0f} ms to give its source back")
    return missed


def together(folder: Path) -> int:
    """Many documents at once; the number of missed targets."""
    for number in range(TOGETHER):
        (folder / f"copy{number}.epub").write_bytes(epub())
    with serving(folder) as server:
        read(server, folder / "sample.epub")
        before = tree_bytes(server.process.pid)
        began = time.perf_counter()
        with Memory(server.process.pid) as used:
            asked = {
                server.send("tools/call", {"name": "read_document", "arguments": {"documents": str(path)}})
                for path in folder.glob("copy*.epub")
            }
            while asked:
                asked.discard(server.receive().get("id", 0))
        took = time.perf_counter() - began
    workers = used.processes - 2  # the server and the process it forks from
    good = workers <= at_once(0)
    print(
        f"{'ok  ' if good else 'MISS'} {TOGETHER} at once: {workers} workers at a time (target ≤ {at_once(0)}), {took:.2f} s, "
        f"{(used.peak - before) / MB:.0f} MB above {before / MB:.0f} MB of the server and the process it forks from"
    )
    return not good


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--markitdown", metavar="PYTHON")
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="glm-mcp-benchmark-") as name:
        folder = Path(name)
        for kind, make in MAKERS.items():
            (folder / f"sample.{kind}").write_bytes(make())
        missed = compare(folder, given.markitdown, given.rounds) + together(folder)
    print(f"\n{missed} missed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
