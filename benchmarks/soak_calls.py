"""What the soak asks of a server: every tool on every kind of file, resources, prompts, and requests that are wrong."""

from __future__ import annotations

import base64
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import samples_large
from mcp import Client, types
from mcp.shared.exceptions import MCPError
from PIL import Image

from glm_mcp.samples import FOLDER
from glm_mcp.simulator import Fault

Call = tuple[str, dict[str, Any]]
WEIGHTS = (3, 4, 2, 4, 2, 2)  # of the kinds of `tool_calls`
TASKS = ("describe", "ocr", "table", "chart", "ui_to_code", "compare", "locate", "error", "tags")
FILMS: tuple[dict[str, Any], ...] = (
    {},
    {"task": "timeline"},
    {"task": "keyframes"},
    {"task": "storyboard"},
    {"start": 1, "end": 4, "max_frames": 5},
)
SIZES = ("512x512", "16:9", "600x333")
TABLES = ("table.pdf", "table.xlsx", "table.docx", "table.pptx", "table.csv", "table.html")
FAULTS: tuple[Any, ...] = (
    *("refuse", "reset", "close", "glued_frames", "truncated_frame", "wrong_content_type", "html"),
    *("error_in_200", "error_frame", "no_done", "no_finish", "no_end", "invalid_utf8", "duplicate_chunks"),
    *("empty_choices", "reasoning_only", "sensitive_mid", "network_error", "context_exceeded", "think_leak"),
    *("flat_error_in_200", "extra_empty_choices", "image_lost", "image_404", "image_not_image"),
    *(
        "plain_content_type",
        "no_content_type",
        "loop",
        "cut_thinking",
        "finish_reason",
        "envelope",
        "far_boxes",
    ),
    *("text_calls", "one_index", "no_index", "thought_calls", "doubled_calls", "packed_calls"),
    *("image_b64", "image_cut", "image_garbled"),
)
SLOW: tuple[Any, ...] = (
    *("hang", "hang_mid", "slow_first_byte", "trickle"),
    *("slow_first_frame", "slow_answer", "endless_thinking"),
)
CODES = ("500", "1120", "1234", "1303", "1305", "1301", "1113", "1210", "1261", "1302")
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
FUNCTION = {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}


def make_files(folder: Path) -> None:
    """The inputs that are no samples of the package: good ones, broken ones, and none at all."""
    folder.mkdir(parents=True)
    for name in TABLES:
        samples_large.MAKERS[name](folder / name)
    for name in ("photo.jpg", "chart.png", "clip.mp4", "report.pdf"):
        data = (FOLDER / name).read_bytes()
        (folder / name).write_bytes(data)
        (folder / f"cut-{name}").write_bytes(data[: len(data) // 2])
    shutil.copy(FOLDER / "clip.mp4", folder / "really-a-film.pdf")
    (folder / "clip.srt").write_text("1\n00:00:00,000 --> 00:00:02,000\nHello\n", encoding="utf-8")
    (folder / "drawing.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="60"><circle cx="40" cy="30" r="20"/></svg>',
        encoding="utf-8",
    )
    (folder / "long.md").write_text(
        "".join(f"## Part {n}\n\n{'word ' * 300}\n\n" for n in range(60)), encoding="utf-8"
    )
    (folder / "empty.txt").touch()
    Image.new("RGBA", (700, 9000), (200, 40, 40, 128)).save(folder / "tall.png")
    frames = [Image.new("P", (60, 40), n * 20) for n in range(8)]
    frames[0].save(folder / "moves.gif", save_all=True, append_images=frames[1:])
    Image.new("CMYK", (300, 200), (10, 90, 60, 0)).save(folder / "print.tiff")


def tool_calls(chance: random.Random, folder: Path) -> list[list[Call]]:
    """Calls of the five tools, and wrong ones, kind by kind; which task goes with which picture is left to chance."""
    return [
        [("chat", {"prompt": f"hello {chance.randrange(100)}", **more}) for more in _chats(folder)],
        [
            ("describe_image", {"images": i, "task": chance.choice(TASKS), "prompt": "red"})
            for i in _images(folder)
        ],
        [("analyze_video", {"video": str(folder / "clip.mp4"), **more}) for more in FILMS],
        [("read_document", given) for given in _documents(folder)],
        [("generate_image", {"prompt": f"a hill {chance.randrange(5)}", "size": size}) for size in SIZES],
        _wrong(folder),
    ]


def tool_call(chance: random.Random, folder: Path) -> Call:
    return chance.choice(chance.choices(tool_calls(chance, folder), WEIGHTS)[0])


def _chats(folder: Path) -> list[dict[str, Any]]:
    return [
        {},
        {"thinking": "show"},
        {"json": True},
        {"json": SCHEMA},
        {"functions": [FUNCTION]},
        {"files": [str(folder / "table.csv"), str(folder / "table.docx")]},
        {"files": str(folder / "photo.jpg")},
        {"history": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "system": "c"},
    ]


def _images(folder: Path) -> list[str | list[str]]:
    photo, data = str(folder / "photo.jpg"), (folder / "chart.png").read_bytes()
    return [
        photo,
        f"{photo}#xywh=10,20,300,200",
        [photo, str(folder / "chart.png")],
        str(folder / "*.jpg"),
        "data:image/png;base64," + base64.b64encode(data).decode("ascii"),
        *(str(folder / name) for name in ("tall.png", "moves.gif", "print.tiff", "drawing.svg")),
    ]


def _documents(folder: Path) -> list[dict[str, Any]]:
    report, long = str(folder / "report.pdf"), str(folder / "long.md")
    return [
        {"documents": report},
        {"documents": report, "prompt": "What is it?"},
        {"documents": report, "mode": "vision", "pages": "1-2", "task": "summary"},
        {"documents": [str(folder / name) for name in TABLES], "task": "compare"},
        {"documents": str(folder / "table.xlsx"), "prompt": "Which item?", "json": True},
        {"documents": str(folder / "table.pdf"), "pages": "2-3", "output_format": "html"},
        {"documents": long},
        {"documents": long, "max_chars": 3000},
        *({"documents": str(folder / name)} for name in TABLES),
    ]


def _wrong(folder: Path) -> list[Call]:
    return [
        ("chat", {"promt": "hello"}),
        ("chat", {"prompt": ["x"], "temperature": "hot"}),
        ("chat", {"prompt": "x" * 3_000_000}),
        ("describe_image", {"images": str(folder / "no-such.jpg")}),
        ("describe_image", {"images": str(folder)}),
        ("describe_image", {"images": str(folder / "cut-photo.jpg")}),
        ("describe_image", {"images": str(folder / "cut-chart.png")}),
        ("describe_image", {"images": "/proc/self/environ"}),
        ("describe_image", {"images": "http://127.0.0.1:1/a.png"}),
        ("analyze_video", {"video": str(folder / "cut-clip.mp4")}),
        ("analyze_video", {"video": str(folder / "clip.mp4"), "start": 900}),
        ("read_document", {"documents": str(folder / "cut-report.pdf")}),
        ("read_document", {"documents": str(folder / "really-a-film.pdf")}),
        ("read_document", {"documents": str(folder / "empty.txt")}),
        ("read_document", {"documents": str(folder / "report.pdf"), "pages": "90-99"}),
        ("read_document", {"documents": "glm://outputs/0123456789abcdef01234567"}),
        ("generate_image", {"prompt": "a hill", "size": "9x9x9"}),
    ]


async def other_request(client: Client, chance: random.Random) -> None:
    """A list, a resource, a prompt, a kept text read on; now and then one that is not there."""
    asked: list[Callable[[], Any]] = [
        lambda: client.list_tools(cache_mode="bypass"),
        lambda: client.read_resource("glm://models", cache_mode="bypass"),
        lambda: client.read_resource("glm://usage", cache_mode="bypass"),
        lambda: _kept(client, chance),
        lambda: _prompt(client, chance),
        lambda: _refused(client.read_resource("glm://models/no-such", cache_mode="bypass")),
        lambda: _refused(client.get_prompt("no-such")),
        lambda: _refused(client.call_tool("no-such", {})),
    ]
    await chance.choice(asked)()


async def _kept(client: Client, chance: random.Random) -> None:
    found = (await client.list_resources(cache_mode="bypass")).resources
    texts = [r.uri for r in found if r.uri.startswith("glm://outputs/")]
    if texts:
        uri = chance.choice(texts)
        await client.read_resource(uri, cache_mode="bypass")
        await client.call_tool("read_document", {"documents": uri, "cursor": "2000"})


async def _prompt(client: Client, chance: random.Random) -> None:
    prompt = chance.choice((await client.list_prompts(cache_mode="bypass")).prompts)
    given = {argument.name: "report" for argument in prompt.arguments or ()}
    await client.get_prompt(prompt.name, given)
    if given:
        reference = types.PromptReference(type="ref/prompt", name=prompt.name)
        await client.complete(reference, {"name": next(iter(given)), "value": "r"})


async def _refused(request: Any) -> None:
    try:
        await request
    except MCPError:
        return
    raise AssertionError("what does not exist was answered")


def fault(chance: random.Random) -> Fault:
    """One in ten is slow, so that calls of a few seconds do not fill the time; one in ten asks to wait."""
    if chance.random() < 0.1:
        return Fault(chance.choice(SLOW), seconds=0.2)
    if chance.random() < 0.4:
        # 1302 lowers the learnt concurrency for minutes: rare, or most of the time is spent in a queue.
        code = chance.choices(CODES, [3] * (len(CODES) - 1) + [1])[0]
        return Fault("error", code=code, retry_after=chance.choice([None, None, "1"]))
    return Fault(chance.choice(FAULTS))
