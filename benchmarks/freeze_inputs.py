"""What freeze.py sends: each input is one call that is larger than anybody means it."""

from __future__ import annotations

import base64
import io
import random
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from PIL import Image

MB = 1_000_000
Arguments = Callable[[Path], dict[str, Any]]


@dataclass(frozen=True)
class Input:
    """`arguments`: made when they are wanted, for the working folder given. `upstream`: how the service answers."""

    name: str
    tool: str
    arguments: Arguments
    upstream: str = "hello"


def _chat(**arguments: Any) -> Arguments:
    return lambda _: {"prompt": "Hello", **arguments}


def _picture(folder: Path) -> str:
    path = folder / "picture.png"
    if not path.exists():
        Image.new("RGB", (640, 480), "white").save(path)
    return str(path)


def _noise() -> str:
    held = io.BytesIO()
    Image.frombytes("RGB", (2300, 2000), random.Random(1).randbytes(2300 * 2000 * 3)).save(held, "PNG")
    return base64.b64encode(held.getvalue()).decode()


def _long_text(folder: Path) -> dict[str, Any]:
    path = folder / "long.txt"
    if not path.exists():
        path.write_text("Ein langer Text, 你好。\n" * (40 * MB // 29), encoding="utf-8")
    return {"documents": str(path)}


def _comics(pages: int, count: int) -> Arguments:
    """Of pages that cannot be read."""

    def made(folder: Path) -> dict[str, Any]:
        path = folder / f"comic{pages}.cbz"
        with zipfile.ZipFile(path, "w") as archive:
            for n in range(pages):
                archive.writestr(f"{n}.png", b"")
        return {"documents": [str(path)] * count}

    return made


def _many_files(folder: Path) -> dict[str, Any]:
    for n in range(400):
        (folder / f"file{n}.txt").write_text(f"File {n}.\n" * 500, encoding="utf-8")
    return {"prompt": "Hello", "files": [str(folder / f"file{n}.txt") for n in range(400)]}


def _many_rows(folder: Path) -> dict[str, Any]:
    (folder / "rows.txt").write_text("|a|b|\n" * 5 * MB, encoding="utf-8")
    return {"documents": str(folder / "rows.txt"), "prompt": "Hello"}


def _film_with_subtitles(folder: Path) -> dict[str, Any]:
    """In an encoding that has to be guessed."""
    (folder / "film.mp4").write_bytes(files("glm_mcp.samples").joinpath("clip.mp4").read_bytes())
    (folder / "film.srt").write_bytes("1\n0:00 --> 0:01\n你好\n\n".encode("gb18030") * (49 * MB // 10 // 23))
    return {"video": str(folder / "film.mp4"), "prompt": "Hello"}


def _deep(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = [value]
    return value


TURN = {"role": "user", "content": "A word or two."}
FUNCTION = {"name": "look", "description": "x", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}}  # fmt: skip

BASELINE = Input("(an ordinary call)", "chat", _chat(), "slow")
INPUTS = (
    Input("name of an argument, 10 MB", "chat", _chat(**{"x" * 10 * MB: 1})),
    Input("a word of 20 MB", "describe_image", lambda f: {"images": _picture(f), "task": "o-C" * 7 * MB}),
    Input("a number of 20 MB", "chat", _chat(max_tokens="1," * 10 * MB)),
    Input("prompt of 20 MB", "chat", lambda _: {"prompt": "word " * 4 * MB}),
    Input("prompt of 20 MB without a blank", "describe_image", lambda f: {"images": _picture(f), "prompt": "x" * 20 * MB}),
    Input("prompt of 4 million Chinese letters, escaped", "chat", lambda _: {"prompt": "你好" * 2 * MB}),
    Input("prompt of 4 MB that nobody sees", "chat", lambda _: {"prompt": "\u200b\u200d" * 350_000}),
    Input("percent-encoded data: URL, 20 MB", "describe_image", lambda _: {"images": "data:image/png," + "%41" * (20 * MB // 3)}),
    Input("picture as base64, 18 MB", "describe_image", lambda _: {"images": _noise()}),
    Input("base64 of nothing, 20 MB", "describe_image", lambda _: {"images": "QUJD" * 5 * MB}),
    Input("picture in the history, 18 MB", "chat", lambda _: {"prompt": "Hello", "history": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": _noise()}}]}]}),
    Input("JSON Schema of 20 MB", "chat", _chat(json={"type": "object", "description": "x" * 20 * MB})),
    Input("JSON Schema of 55 kB, all unique", "chat", _chat(json={"$schema": "http://json-schema.org/draft-07/schema#", "enum": [{"a": n} for n in range(4_500)]})),
    Input("history of 5,000 turns", "chat", _chat(history=[TURN] * 5_000)),
    Input("history of 500,000 turns", "chat", _chat(history=[TURN] * 500_000)),
    Input("history as a text of 9 million values", "chat", _chat(history="[" + "1," * 9 * MB + "1]")),
    Input("4,000 functions", "chat", _chat(functions=[FUNCTION] * 4_000)),
    Input("400 files", "chat", _many_files),
    Input("30,000 names of files", "chat", _chat(files=[f"/no/file{n}" for n in range(30_000)])),
    Input("a list in a list, 150 deep", "chat", _chat(history=_deep(150))),
    Input("text of 40 MB", "read_document", _long_text),
    Input("a question to 5 million rows", "read_document", _many_rows),
    Input("a comic of 20,000 pages", "read_document", _comics(20_000, 1)),
    Input("a question to 100,000 pages", "read_document", lambda f: {**_comics(20_000, 5)(f), "mode": "text", "prompt": "Who?"}),
    Input("a comic of 9,000 pages in a chat", "chat", lambda f: {"files": _comics(9_000, 1)(f)["documents"], "prompt": "Who?"}),
    Input("subtitles of 5 MB beside a film", "analyze_video", _film_with_subtitles),
    Input("one event of 62 MB", "chat", _chat(), "one_event_of_62_mb"),
    Input("one event of 11 MB", "chat", _chat(), "one_event_of_11_mb"),
    Input("answer of 21 MB", "chat", _chat(), "answer_of_21_mb"),
    Input("answer of 5 million values", "chat", _chat(), "answer_of_15_mb_of_values"),
    Input("answer that unpacks to 1 GB", "chat", _chat(), "packed_kilobytes"),
    Input("60 MB of blank lines, packed", "chat", _chat(), "packed_blank_lines"),
    Input("15,000 boxes, to find", "describe_image", lambda f: {"images": _picture(f), "task": "locate", "prompt": "things"}, "many_boxes"),
    Input("15,000 boxes, in a description", "describe_image", lambda f: {"images": _picture(f)}, "many_boxes"),
    Input("4 million Chinese letters, no box", "describe_image", lambda f: {"images": _picture(f), "task": "locate", "prompt": "things"}, "chinese_letters"),
    Input("answer of unseen letters", "chat", _chat(), "unseen_letters"),
    Input("calls as text that never close", "chat", _chat(functions=[FUNCTION]), "calls_as_text"),
    Input("55,000 calls as text", "chat", _chat(functions=[FUNCTION]), "whole_calls_as_text"),
    Input("names of functions of 10 MB", "chat", _chat(functions=[FUNCTION]), "names_of_calls"),
    Input("4 million braces, no box", "describe_image", lambda f: {"images": _picture(f), "task": "locate", "prompt": "things"}, "nested_braces"),
    Input("pieces that end in nearly a mark", "chat", _chat(), "nearly_marks"),
    Input("a call in 90,000 pieces", "chat", _chat(functions=[FUNCTION]), "calls_in_pieces"),
    Input("a drawing that is none, 3 MB", "generate_image", lambda _: {"prompt": "a cat"}, "drawing_of_definitions"),
    Input("a thought in a million pieces", "chat", _chat(), "thoughts_in_pieces"),
    Input("an event of 2 million empty lines", "chat", _chat(), "event_of_empty_lines"),
    Input("an event of 9 MB packed twice", "chat", _chat(), "twice_packed"),
    Input("a refusal of 9 MB", "chat", _chat(), "refusal_of_9_mb"),
    Input("arguments of 1.3 million values, packed", "chat", _chat(functions=[FUNCTION]), "arguments_of_values"),
    Input("an answer of 4 million that is cut", "chat", _chat(), "long_and_cut"),
    Input("390,000 marks of turns", "chat", _chat(), "marks_of_turns"),
    Input("words without end", "chat", _chat(), "endless_words"),
)  # fmt: skip
