"""Pictures, video and documents: what arrives, how much memory and time it takes, whether the event loop stands still.

    python benchmarks/media.py [--samples FOLDER] [--ocr-python PYTHON] [--rounds 5] [--only fidelity,time,loop,memory]

Linux. The first run makes some gigabytes of samples in FOLDER. Targets are in benchmarks/README.md. Exit status 1 when
one is missed.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import importlib
import io
import itertools
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import av
import samples_large as made
from mcp import Client
from PIL import Image
from stdio import Server, Upstream, ours
from watch import Memory, Ticks

from glm_mcp.media.images.prepare import prepare_images
from glm_mcp.media.kept.outputs import Outputs
from glm_mcp.media.sources.resolve import resolve_source
from glm_mcp.media.video.sampling import evenly
from glm_mcp.media.video.timecode import parse_time
from glm_mcp.registry import CARDS
from glm_mcp.sandbox import Sandbox
from glm_mcp.server.app import App, Folders
from glm_mcp.server.inprocess import in_memory, text_of
from glm_mcp.settings import Settings
from glm_mcp.simulator import Received, Simulator, Switches

HERE = Path(__file__).resolve().parent
MB = 1_000_000
READ = "What does it say?"
PHOTOS = 8


@dataclass
class Report:
    """Prints what was measured against its target, and counts what is missed."""

    missed: int = 0
    lines: list[str] = field(default_factory=list)

    def most(self, what: str, value: float, limit: float, unit: str = "") -> None:
        self._say(value <= limit, f"{what}: {value:.3f}{unit} (target ≤ {limit:g}{unit})")

    def least(self, what: str, value: float, limit: float) -> None:
        self._say(value >= limit, f"{what}: {value:.4f} (target ≥ {limit:g})")

    def _say(self, good: bool, words: str) -> None:
        self.missed += not good
        print(f"{'ok  ' if good else 'MISS'} {words}", flush=True)

    def failed(self, words: str) -> None:
        self._say(False, words)


# ── Servers ─────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def scratch() -> Iterator[Path]:
    """An empty folder: what an earlier call has kept must not answer for the next."""
    folder = Path(tempfile.mkdtemp(prefix="glm-mcp-benchmark-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def connected(url: str, key: str, samples: Path) -> AsyncIterator[Client]:
    """A client of the server in this process and event loop."""
    with scratch() as folder:
        settings = Settings.model_validate(
            {
                "GLM_API_KEY": key,
                "GLM_BASE_URL": url,
                "GLM_LANG": "en",
                "GLM_ALLOWED_DIRS": str(samples),
                "GLM_MAX_CONCURRENCY": 8,
            }
        )
        for name in ("work", "temp", "cache", "data"):
            (folder / name).mkdir()
        folders = Folders(folder / "work", folder, folder / "temp", folder / "cache", folder / "data")
        async with in_memory(App(settings, folders=folders)) as client:
            yield client


@contextmanager
def serving(upstream: Upstream, samples: Path) -> Iterator[Server]:
    """The server in a process of its own, as hosts start it."""
    with scratch() as folder:
        env = {**upstream.env, "GLM_ALLOWED_DIRS": str(samples), "GLM_DEADLINE_S": "300", "GLM_LANG": "en"}
        env |= {"XDG_CACHE_HOME": str(folder), "XDG_DATA_HOME": str(folder), "GLM_MAX_CONCURRENCY": "8"}
        with ours(env) as server:
            yield server


def ask(server: Server, tool: str, **arguments: Any) -> str:
    result = server.ask("tools/call", {"name": tool, "arguments": arguments})
    text = "\n".join(block["text"] for block in result["content"] if block["type"] == "text")
    assert not result.get("isError"), text
    return text


async def say(client: Client, tool: str, arguments: dict[str, Any]) -> str:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, text_of(result)
    return text_of(result)


# ── Fidelity: what the simulator received ───────────────────────────────────────────────────────────────────────


async def fidelity(samples: Path, ocr_python: str, report: Report) -> None:
    print("\nFidelity, of what the simulator received")
    with Simulator(switches=Switches(concurrency=1000)) as simulator:
        async with connected(simulator.url, simulator.key, samples) as client:
            await say(client, "describe_image", {"images": str(samples / "tall.png"), "prompt": READ})
            legible(simulator.received, samples, ocr_python, report)
            for film in films(samples):
                simulator.clear()
                await film_times(client, simulator, film, report)
            for name in [n for n in made.MAKERS if n.startswith("table.")]:
                simulator.clear()
                await say(client, "read_document", {"documents": str(samples / name), "prompt": READ})
                whole_table(name, simulator.received, report)
            simulator.clear()
            sample = samples / "report.pdf"
            shutil.copy(HERE.parent / "glm_mcp" / "samples" / "report.pdf", sample)
            await say(client, "read_document", {"documents": str(sample), "prompt": READ})
            own_sample(simulator.received, report)


def parts_of(request: Received) -> list[dict[str, Any]]:
    content = request.body["messages"][-1]["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def bytes_of(part: dict[str, Any]) -> bytes:
    return base64.b64decode(part["image_url"]["url"].rpartition(",")[2])


def legible(received: list[Received], samples: Path, ocr_python: str, report: Report) -> None:
    pictures = [bytes_of(p) for r in received for p in parts_of(r) if p["type"] == "image_url"]
    with scratch() as folder:
        paths = []
        for n, data in enumerate(pictures):
            paths.append(folder / f"{n:02d}")
            paths[-1].write_bytes(data)
        sent, original = (
            _recall(made.tall_lines(), _ocr(ocr_python, group)) for group in (paths, [samples / "tall.png"])
        )
    print(f"     1080×24000 screenshot, text of {made.TALL_FONT} px: {len(pictures)} pictures received")
    if sent is None or original is None:
        report.failed("OCR recall: not measured")
        return
    print(f"     OCR recall of the original itself: {original:.4f}")
    report.least("OCR recall of the pictures received", sent, 0.95)


def _ocr(python: str, paths: list[Path]) -> list[str] | None:
    done = subprocess.run(
        [python, str(HERE / "ocr.py"), *map(str, paths)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(f"     no OCR: {done.stderr.strip().splitlines()[-1]}; name another Python with --ocr-python")
        return None
    # Spaces are where OCR is least sure, and nobody needs them to read.
    return ["".join(line.split()) for page in json.loads(done.stdout) for line in page]


def _recall(lines: list[str], read: list[str] | None) -> float | None:
    """The share of all words that were read, each in its own line: one that has the line's first or last word, both numbers."""
    if read is None:
        return None
    right = total = 0
    for line in lines:
        words = line.split()
        near = [r for r in read if r.startswith(words[0]) or r.endswith(words[-1])]
        right += max((sum(word in r for word in words) for r in near), default=0)
        total += len(words)
    return right / total


@dataclass(frozen=True)
class Film:
    """A film to ask frames of, and the time of each of its frames."""

    name: str
    path: Path
    times: tuple[float, ...]
    frame_s: float


def films(samples: Path) -> list[Film]:
    makers = importlib.import_module("support.films")
    hour = tuple(n / made.FILM_FPS for n in range(made.FILM_FPS * made.FILM_SECONDS))
    found = [Film("one hour, 360p, H.264", samples / "hour.mp4", hour, 1 / made.FILM_FPS)]
    even = makers.regular(60)
    uneven = tuple(sum((0.02, 0.08, 0.05)[i % 3] for i in range(n)) for n in range(900))
    for name, film in {
        "one minute, key frames 10 s apart": makers.Film(even, gop=250),
        "one minute, MKV, rotated": makers.Film(even, form="matroska", gop=100),
        "VP9 in WebM": makers.Film(makers.regular(20), form="webm", codec="libvpx-vp9", gop=100),
        "45 s, uneven frame rate": makers.Film(uneven, gop=60),
    }.items():
        path = samples / f"{re.sub(r'[^a-z0-9]+', '-', name.lower())}.{film.form[:3]}"
        if not path.exists():
            path.write_bytes(makers.make(film))
        gaps = [b - a for a, b in zip(film.times, film.times[1:], strict=False)]
        found.append(Film(name, path, film.times, max(gaps)))
    return found


async def film_times(client: Client, simulator: Simulator, film: Film, report: Report) -> None:
    makers = importlib.import_module("support.films")
    count = 12
    await say(client, "analyze_video", {"video": str(film.path), "max_frames": count, "prompt": READ})
    parts = [p for r in simulator.received for p in parts_of(r)]
    shown: list[tuple[float, float]] = []  # as labelled, and as it is
    for before, part in itertools.pairwise(parts):
        if part["type"] == "image_url":
            number = makers.read_mark(bytes_of(part))
            shown.append((parse_time(before["text"].strip("[]")), film.times[number]))
    with av.open(film.path) as container:
        asked = evenly(0, (container.duration or 0) / av.time_base, count)
    off = max((abs(true - want) for want, (_, true) in zip(asked, shown, strict=True)), default=99.0)
    label = max((abs(said - true) for said, true in shown), default=99.0)
    report.most(f"{film.name}: frame beside the asked time, in frames", off / film.frame_s, 1.01)
    report.most(f"{film.name}: time said beside the frame's own, in frames", label / film.frame_s, 1.01)


def texts_of(received: list[Received]) -> str:
    return "\n".join(p["text"] for r in received for p in parts_of(r) if p["type"] == "text")


def whole_table(name: str, received: list[Received], report: Report) -> None:
    text = texts_of(received)
    lines = {m[1]: m[0] for m in re.finditer(r"^.*?(item-\d{4}).*$", text, re.MULTILINE)}
    rows = made.table()
    there = sum(all(cell in lines.get(row[0], "") for cell in row) for row in rows)
    report.least(f"{name}: rows that arrived whole", there / len(rows), 1)
    if not name.endswith("csv"):
        pages = len(rows) // made.PER_PAGE
        report.least(f"{name}: pages that arrived", len(set(re.findall(r"marker-(\d\d)", text))) / pages, 1)


def own_sample(received: list[Received], report: Report) -> None:
    """The report that comes with the package: two pages of text, and a third that is a picture."""
    text = texts_of(received)
    rows = ("Q1 191 282 473", "Q2 339 186 525", "Q3 427 159 586", "Q4 223 325 548", "2025 1180 952 2132")
    there = sum(bool(re.search(r"[| ]+".join(row.split()), text)) for row in rows)
    report.least("report.pdf: rows that arrived whole", there / len(rows), 1)
    pictures = sum(p["type"] == "image_url" for r in received for p in parts_of(r))
    pages = len(set(re.findall(r"\[.*page (\d)\]", text)))
    report.least(
        "report.pdf: pages that arrived, the scanned one as a picture", min(pages, 2 + pictures) / 3, 1
    )


# ── Time ────────────────────────────────────────────────────────────────────────────────────────────────────────


def timed(job: Callable[[], object]) -> float:
    began = time.perf_counter()
    job()
    return time.perf_counter() - began


def ratio(pairs: list[tuple[float, float]], what: str, report: Report, limit: float) -> None:
    own, bare = (statistics.median(p[i] for p in pairs) for i in (0, 1))
    print(f"     {what}: {own * 1000:.0f} ms, bare {bare * 1000:.0f} ms, medians of {len(pairs)}")
    report.most(f"{what}, ratio", statistics.median(a / b for a, b in pairs), limit)


def speed(samples: Path, rounds: int, report: Report) -> None:
    print("\nTime")
    with Upstream() as upstream, serving(upstream, samples) as server:
        hour = str(samples / "hour.mp4")

        def frames() -> str:
            return ask(server, "analyze_video", video=hour, max_frames=12, prompt=READ)

        frames()
        report.most(
            "12 frames of one hour at 360p", statistics.median(timed(frames) for _ in range(rounds)), 5, " s"
        )

        pdf = str(samples / "pages500.pdf")

        def pages() -> str:
            return ask(server, "read_document", documents=pdf)

        ask(server, "read_document", documents=str(samples / "table.pdf"))
        pairs = [(timed(pages), timed(lambda: bare_pdf(pdf))) for _ in range(rounds)]
        ratio(pairs, "500-page PDF to Markdown beside the bare library", report, 1.5)
    anyio.run(photo_speed, samples, rounds * 2, report)


def bare_pdf(path: str) -> None:
    """What the library's own documentation shows, in a fresh process."""
    code = (
        "import sys\n"
        "from liteparse import LiteParse\n"
        "found = LiteParse(ocr_enabled=False, quiet=True, output_format='markdown').parse(sys.argv[1])\n"
        "text = '\\n\\n'.join(page.markdown for page in found.pages)\n"
        "assert len(found.pages) == 500\n"
    )
    subprocess.run([sys.executable, "-c", code, path], check=True)


async def photo_speed(samples: Path, rounds: int, report: Report) -> None:
    with scratch() as folder:
        sandbox = Sandbox(
            cwd=samples,
            home=folder,
            temp=folder,
            allowed=[],
            output=None,
            own=[],
            remote=False,
            own_host=None,
        )
        outputs = Outputs(folder=None, cwd=None, data=folder, cache=folder)
        card = CARDS["glm-4.6v-flash"]
        path = samples / "photo50.jpg"

        async def prepare() -> Image.Image:
            found = await resolve_source(
                str(path), "image", sandbox=sandbox, outputs=outputs, max_bytes=500 * MB
            )
            pictures = await prepare_images(found, card)
            found[0].close()
            return Image.open(io.BytesIO(pictures[0].part.data or b""))

        quality = jpeg_quality(await prepare())
        size = (await prepare()).size

        def bare() -> None:
            with Image.open(path) as picture:
                picture.draft("RGB", size)
                picture.thumbnail(size)
                picture.save(io.BytesIO(), "JPEG", quality=quality)

        pairs = []
        for _ in range(rounds):
            began = time.perf_counter()
            await prepare()
            own = time.perf_counter() - began
            pairs.append((own, timed(bare)))
        print(f"     both give {size[0]}×{size[1]} at quality {quality}")
        ratio(pairs, "50 MP JPEG beside bare Pillow with draft mode", report, 1.5)


def jpeg_quality(picture: Image.Image) -> int:
    """The quality whose quantisation table this picture has."""
    tables: dict[int, list[int]] = getattr(picture, "quantization")  # noqa: B009 - only of JPEG pictures
    for quality in range(1, 101):
        out = io.BytesIO()
        Image.new("RGB", (16, 16)).save(out, "JPEG", quality=quality)
        if getattr(Image.open(out), "quantization") == tables:  # noqa: B009 - as above
            return quality
    raise AssertionError("not written by this library")


# ── Event loop ──────────────────────────────────────────────────────────────────────────────────────────────────


def jobs(samples: Path) -> dict[str, tuple[str, dict[str, Any]]]:
    """Every heavy thing that can be asked."""
    at = {name: str(samples / name) for name in made.MAKERS}
    for n in range(PHOTOS):
        copy = samples / f"copy{n}.jpg"
        if not copy.exists():
            shutil.copy(at["photo12.jpg"], copy)
    copies = [str(samples / f"copy{n}.jpg") for n in range(PHOTOS)]
    inline = "data:image/jpeg;base64," + base64.b64encode((samples / "photo50.jpg").read_bytes()).decode()
    asked: dict[str, tuple[str, dict[str, Any]]] = {
        "1080×24000 PNG": ("describe_image", {"images": at["tall.png"]}),
        "1080×24000 PNG, locate": ("describe_image", {"images": at["tall.png"], "task": "locate"}),
        "50 MP JPEG": ("describe_image", {"images": at["photo50.jpg"]}),
        "50 MP JPEG as a data URL": ("describe_image", {"images": inline}),
        "12 MP JPEG": ("describe_image", {"images": at["photo12.jpg"]}),
        f"{PHOTOS} JPEGs of 12 MP": ("describe_image", {"images": copies}),
        "12 MP HEIC": ("describe_image", {"images": at["photo12.heic"]}),
        "24 MP PNG with transparency": ("describe_image", {"images": at["clear24.png"]}),
        "hour of video, 12 frames": ("analyze_video", {"video": at["hour.mp4"], "max_frames": 12}),
        "hour of video, timeline in parts": ("analyze_video", {"video": at["hour.mp4"], "task": "timeline"}),
        "200 MB video, whole or as frames": ("analyze_video", {"video": at["big200.mp4"]}),
        "500-page PDF": ("read_document", {"documents": at["pages500.pdf"]}),
        "500-page PDF, a question in parts": (
            "read_document",
            {"documents": at["pages500.pdf"], "prompt": READ},
        ),
        "200 MB PDF": ("read_document", {"documents": at["big200.pdf"]}),
        "200 MB PDF, 20 pages as pictures": (
            "read_document",
            {"documents": at["big200.pdf"], "mode": "vision", "pages": "1-20", "prompt": READ},
        ),
        "workbook of 400 rows": ("read_document", {"documents": at["table.xlsx"]}),
    }
    return {
        name: (tool, {"prompt": READ, **a} if tool != "read_document" else a)
        for name, (tool, a) in asked.items()
    }


async def loop(samples: Path, rounds: int, report: Report) -> None:
    print("\nEvent loop: the longest time that it stood still, a client in the same loop included")
    with Upstream() as upstream:
        async with connected(upstream.url, upstream.key, samples) as client:
            await say(client, "chat", {"prompt": "hello"})
            with contextlib.suppress(AssertionError):
                await say(client, "describe_image", {"images": str(samples / "none.png")})
        for name, (tool, arguments) in jobs(samples).items():
            gaps = []
            for _ in range(rounds):
                async with connected(upstream.url, upstream.key, samples) as client:
                    gaps.append(await stood_still(client, tool, arguments))
            still, late = (statistics.median(gap[i] for gap in gaps) * 1000 for i in (0, 1))
            report.most(f"{name} ({late:.0f} ms with the waiting for a core)", still, 50, " ms")


async def stood_still(client: Client, tool: str, arguments: dict[str, Any]) -> tuple[float, float]:
    """Without and with the time that other processes had the cores, in seconds."""
    ticks = Ticks()
    async with anyio.create_task_group() as group:
        await group.start(ticks.run)
        await say(client, tool, arguments)
        group.cancel_scope.cancel()
    return ticks.worst, ticks.late


# ── Memory ──────────────────────────────────────────────────────────────────────────────────────────────────────


def memory(samples: Path, report: Report) -> None:
    print("\nMemory of the server and its workers, above the idle server (PSS, every 20 ms)")
    decoded = {
        "1080×24000 PNG": 1080 * 24_000 * 3,
        "50 MP JPEG": made.PHOTO_50[0] * made.PHOTO_50[1] * 3,
        "50 MP JPEG as a data URL": made.PHOTO_50[0] * made.PHOTO_50[1] * 3,
        "12 MP JPEG": made.PHOTO_12[0] * made.PHOTO_12[1] * 3,
        f"{PHOTOS} JPEGs of 12 MP": made.PHOTO_12[0] * made.PHOTO_12[1] * 3,
        "12 MP HEIC": made.PHOTO_12[0] * made.PHOTO_12[1] * 3,
        "24 MP PNG with transparency": 6000 * 4000 * 4,
    }
    with Upstream() as upstream:
        for name, (tool, arguments) in jobs(samples).items():
            if name not in decoded and "200 MB" not in name:
                continue
            with serving(upstream, samples) as server:
                ask(server, "chat", prompt="hello")
                time.sleep(0.3)
                with Memory(server.process.pid) as used:
                    ask(server, tool, **arguments)
            if name in decoded:
                print(f"     {name}: {used.above_idle / MB:.0f} MB above {used.idle / MB:.0f} MB")
                report.most(f"{name}, in decoded pictures", used.above_idle / decoded[name], 3)
            else:
                report.most(f"{name}", used.above_idle / MB, 300, " MB")


def main() -> int:
    parser = argparse.ArgumentParser()
    folder = Path(tempfile.gettempdir()) / "glm-mcp-benchmark-samples"
    parser.add_argument("--samples", type=Path, default=folder)
    parser.add_argument("--ocr-python", default=sys.executable)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="fidelity,time,loop,memory")
    given = parser.parse_args()
    chosen, report = given.only.split(","), Report()
    samples = made.make_all(given.samples.resolve())
    if "fidelity" in chosen:
        anyio.run(fidelity, samples, given.ocr_python, report)
    if "time" in chosen:
        speed(samples, given.rounds, report)
    if "loop" in chosen:
        anyio.run(loop, samples, 3, report)
    if "memory" in chosen:
        memory(samples, report)
    print(f"\n{report.missed} missed")
    return 1 if report.missed else 0


if __name__ == "__main__":
    sys.exit(main())
