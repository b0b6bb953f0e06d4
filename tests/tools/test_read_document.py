"""read_document: a document as Markdown on this machine, or an answer from one or several."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from support.busy import slowness
from support.cases import each
from support.connect import Connect
from support.made_documents import docx, lines, noise, para, pdf, zipped
from support.paths import DATA, SAMPLES
from support.toolkit import (
    NEXT,
    call,
    chats,
    fail,
    glm,
    kinds,
    last,
    parts,
    picture,
    say,
    text_of,
    words,
)

from glm_mcp.clients.table import client_named
from glm_mcp.errors import QuotaError, TimedOut
from glm_mcp.glm.messages import Image, Text, count_tokens
from glm_mcp.glm.policy import UNUSABLE_TRIES
from glm_mcp.glm.progress import Progress
from glm_mcp.media.types import Picture
from glm_mcp.registry import CARDS
from glm_mcp.server.app import App, Folders
from glm_mcp.simulator import Fault, Reply, Simulator, Switches
from glm_mcp.tools.ask import Question
from glm_mcp.tools.base import Deps
from glm_mcp.tools.context_window import Unit, asked_of, pack
from glm_mcp.tools.map_reduce import AT_ONCE, MOST_IN_VAIN, Later, so_far
from glm_mcp.tools.pages.long_scan import LONG
from glm_mcp.tools.read_document import TOOL, ReadArgs
from glm_mcp.tools.tasks import DOCUMENT, LAYOUT, TRANSCRIBE

pytestmark = pytest.mark.anyio

SLIDES = "http://schemas.openxmlformats.org/presentationml/2006/main"
LOCAL = "[read on this machine, no model asked"


@pytest.fixture
def report(folders: Folders) -> Path:
    path = folders.cwd / "report.pdf"
    path.write_bytes((SAMPLES / "report.pdf").read_bytes())
    return path


def body_of(text: str) -> str:
    """The text without its closing line and without the line that says how to go on."""
    found = NEXT.search(text)
    return text[: found.start()].removesuffix("\n\n") if found else text.rpartition("\n\n[")[0]


async def test_a_document_becomes_markdown_without_any_request(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    (folders.cwd / "a.docx").write_bytes(docx(para("Contract", "H1") + para("Payment in 30 days.")))
    async with connect(GLM_API_KEY=None) as client:
        text = await say(client, "read_document", documents="a.docx")
    assert text.startswith("# Contract\n\nPayment in 30 days.")
    assert LOCAL in text.splitlines()[-1]
    assert not sim.received


async def test_a_presentation_without_slides_is_no_error(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    deck = zipped({"ppt/presentation.xml": f'<p:presentation xmlns:p="{SLIDES}"/>'})
    (folders.cwd / "new.pptx").write_bytes(deck)
    async with connect() as client:
        text = await say(client, "read_document", documents="new.pptx")
        await say(client, "read_document", documents="new.pptx", prompt="How many slides?")
    assert text.startswith("(the presentation has no slides)")
    assert "(the presentation has no slides)" in words(last(sim))


async def test_pages_are_numbered_and_chosen(connect: Connect, sim: Simulator, report: Path) -> None:
    async with connect() as client:
        text = await say(client, "read_document", documents="report.pdf", pages="1-2")
        second = await say(client, "read_document", documents="report.pdf#page=2")
        wrong = await fail(client, "read_document", documents="report.pdf", pages="9")
    assert "[page 1]\n# Lakeside Brewery" in text
    assert "[page 2]\n## Plans for 2026" in text
    assert "2 of 3 pages of report.pdf" in text
    assert second.startswith("[page 2]\n")
    assert "1 of 3 pages of report.pdf" in second
    assert "report.pdf has 3 pages" in wrong
    assert not sim.received


async def test_a_scanned_page_is_transcribed_by_the_model_and_that_is_said(
    connect: Connect, sim: Simulator, report: Path
) -> None:
    sim.queue(Reply(text="The scanned words."))
    async with connect() as client:
        text = await say(client, "read_document", documents="report.pdf")
        again = await say(client, "read_document", documents="report.pdf")
    assert len(sim.received) == 1
    assert last(sim).model == "glm-4.6v-flash"
    assert kinds(last(sim)) == ["image_url", "text"]
    assert words(last(sim)) == TRANSCRIBE["en"]
    assert "[page 3]\nThe scanned words." in text
    assert "1 scanned page transcribed by the model" in text.splitlines()[-1]
    # What was transcribed is kept, and paid for once.
    assert "The scanned words." in again


async def test_pages_that_several_models_transcribed_are_said_to_be_theirs(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    (folders.cwd / "scan.pdf").write_bytes(pdf([noise(0, 20 * n, 595, 842 - 40 * n) for n in range(3)]))
    sim.queue(
        Reply("one", model="glm-4.6v-flash"), Fault("error", code="1305", model="glm-4.6v-flash", times=0)
    )
    async with connect(GLM_MAX_CONCURRENCY=1) as client:
        text = await say(client, "read_document", documents="scan.pdf")
    counts = Counter(r.model for r in chats(sim) if r.status == 200)
    assert len(counts) > 1
    assert all(f"{model} {times}×" in text.splitlines()[-1] for model, times in counts.items())


async def test_mode_text_asks_nobody_and_names_the_pages_without_text(
    connect: Connect, sim: Simulator, report: Path
) -> None:
    async with connect() as client:
        text = await say(client, "read_document", documents="report.pdf", mode="text")
    assert "no text on page 3: scanned; mode=auto transcribes" in text
    assert not sim.received


async def test_mode_vision_shows_every_page_as_a_picture(
    connect: Connect, sim: Simulator, report: Path
) -> None:
    sim.queue(*[Reply(text=f"seen {n}") for n in range(3)])
    async with connect() as client:
        text = await say(client, "read_document", documents="report.pdf", mode="vision")
        sim.clear()
        await say(client, "read_document", documents="report.pdf", mode="vision", prompt="How many bottles?")
    assert text.count("seen ") == 3
    assert "3 pages transcribed by the model" in text, "two of them are no scans"
    assert len(last(sim).media) == 3
    assert "2132" not in last(sim).text


async def test_mode_native_sends_addresses_and_nothing_else(
    connect: Connect, sim: Simulator, report: Path
) -> None:
    urls = ["https://example.com/a.txt", "https://example.com/b.pdf"]
    sim.web[urls[0]] = (b"hello", "text/plain")
    sim.web[urls[1]] = (report.read_bytes(), "application/pdf")
    async with connect() as client:
        text = await say(client, "read_document", documents=urls, mode="native", prompt="What?")
        local = await fail(client, "read_document", documents="report.pdf", mode="native")
    assert parts(last(sim)) == [
        *({"type": "file_url", "file_url": {"url": u}} for u in urls),
        {"type": "text", "text": "What?"},
    ]
    assert last(sim).model == "glm-4.6v-flash"
    assert "2 files read by the service itself" in text
    assert local.startswith("invalid_request: read_document: mode=native takes public URLs only.")


async def test_a_program_is_told_who_transcribed_scanned_pages_and_at_what_cost(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    scanned(folders, 2)
    used = {"prompt_tokens": 100, "completion_tokens": 20}
    sim.queue(Reply(text="The words.", usage=used, times=2))
    async with connect(GLM_STRUCTURED="1") as client:
        result = await call(client, "read_document", documents="scan.pdf")
    assert glm(result)["tokens"] == {"in": 200, "out": 40}
    assert glm(result)["notes"] == ["2 scanned pages transcribed by the model"]
    data = result.structured_content or {}
    assert data["model"] == "glm-4.6v-flash"
    assert data["usage"]["prompt_tokens"] == 200
    assert data["notes"] == ["2 scanned pages transcribed by the model"]
    assert data["documents"][0]["pages"] == 2


async def test_json_without_a_question_is_not_passed_over_in_silence(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    (folders.cwd / "a.txt").write_text("hello", encoding="utf-8")
    async with connect() as client:
        text = await say(client, "read_document", documents="a.txt", json=True)
        plain = await say(client, "read_document", documents="a.txt", json=False)
    assert "json was not used: it goes with a prompt, a task or an output_format" in text
    assert "json" not in plain
    assert not sim.received


async def test_a_prompt_sends_pages_as_text_and_scanned_ones_as_pictures(
    connect: Connect, sim: Simulator, report: Path
) -> None:
    async with connect() as client:
        text = await say(client, "read_document", documents="report.pdf", prompt="How many bottles?")
    request = last(sim)
    assert len(sim.received) == 1
    assert request.model == "glm-4.6v-flash"
    content = parts(request)
    assert content[0]["text"].startswith("[report.pdf, page 1]\n# Lakeside")
    at = next(i for i, p in enumerate(content) if p.get("text") == "[report.pdf, page 3]")
    assert content[at + 1]["type"] == "image_url"
    assert words(request) == f"That was the document.\n\nHow many bottles?\n\n{DOCUMENT['answer']['en']}"
    assert re.search(r"\d of 3 pages went as pictures", text)


async def test_text_alone_goes_to_the_text_model(connect: Connect, sim: Simulator, folders: Folders) -> None:
    (folders.cwd / "a.md").write_text("# Terms\n\nThirty days.\n", encoding="utf-8")
    async with connect() as client:
        await say(client, "read_document", documents="a.md", prompt="期限是多久？")
    assert last(sim).model == "glm-4.7-flash"
    assert words(last(sim)).startswith("[a.md]\n# Terms")
    assert words(last(sim)).endswith(f"以上是文档内容。\n\n期限是多久？\n\n{DOCUMENT['answer']['zh']}")


@each("task", list(DOCUMENT))
async def test_each_task_has_its_words_after_the_prompt(
    connect: Connect, sim: Simulator, folders: Folders, task: str
) -> None:
    (folders.cwd / "a.txt").write_text("One.", encoding="utf-8")
    (folders.cwd / "b.txt").write_text("Two.", encoding="utf-8")
    async with connect(GLM_LANG="zh") as client:
        await say(client, "read_document", documents=["a.txt", "b.txt"], task=task, prompt="Dates.")
        await say(client, "read_document", documents="*.txt", task=task)
    english, chinese = (words(r) for r in sim.received)
    assert english.endswith(f"Dates.\n\n{DOCUMENT[task]['en']}")
    assert chinese.endswith(f"{DOCUMENT[task]['zh']} 请用中文回答。")


async def test_several_documents_are_told_apart_by_file_and_page(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    (folders.cwd / "old.pdf").write_bytes(pdf([lines(["Price 10."]), lines(["Term 5 years."])]))
    (folders.cwd / "new.pdf").write_bytes(pdf([lines(["Price 12."]), lines(["Term 3 years."])]))
    async with connect() as client:
        await say(client, "read_document", documents=["old.pdf", "new.pdf"], task="compare")
        one = await fail(client, "read_document", documents="old.pdf", task="compare")
        markdown = await say(client, "read_document", documents=["old.pdf", "new.pdf"])
    text = chats(sim)[0].text
    marks = re.findall(r"^\[(.+)\]$", text, re.MULTILINE)
    assert marks == ["old.pdf, page 1", "old.pdf, page 2", "new.pdf, page 1", "new.pdf, page 2"]
    assert text.index("Term 5") < text.index("Price 12")
    assert (
        one == "invalid_request: read_document: task=compare with one document. Give two or more documents."
    )
    assert markdown.startswith("# old.pdf\n\n[page 1]\n")
    assert "\n# new.pdf\n\n[page 1]\n" in markdown


async def test_a_layout_as_json_is_valid_json(connect: Connect, sim: Simulator, folders: Folders) -> None:
    (folders.cwd / "a.md").write_text("# Terms\n\nThirty days.\n", encoding="utf-8")
    answer = {"blocks": [{"type": "heading", "level": 1, "text": "Terms", "page": 1}]}
    sim.queue(Reply(text="Sure!"), Reply(text=f"```json\n{json.dumps(answer)}\n```"))
    async with connect() as client:
        text = await say(client, "read_document", documents="a.md", output_format="json")
    assert json.loads(body_of(text)) == answer
    assert LAYOUT["json"]["en"] in sim.received[0].text
    assert len(sim.received) == 2


async def test_a_layout_as_html_comes_without_its_fence(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    (folders.cwd / "a.md").write_text("# 条款\n\n三十天。\n", encoding="utf-8")
    sim.queue(Reply(text="```html\n<h1>条款</h1>\n```"))
    async with connect(GLM_LANG=None) as client:
        text = await say(client, "read_document", documents="a.md", output_format="html")
    assert body_of(text) == "<h1>条款</h1>"
    assert LAYOUT["html"]["zh"] in last(sim).text


@pytest.mark.parametrize("by", ["kept", "max_chars"])
async def test_the_pieces_of_a_long_document_joined_are_the_document(
    connect: Connect, sim: Simulator, folders: Folders, by: str
) -> None:
    whole = "\n\n".join(
        f'第{n}段 Paragraph {n}, with "quotes"\tand\\signs. ' + "字" * (n % 90) for n in range(300)
    )
    (folders.cwd / "long.txt").write_text(whole, encoding="utf-8")
    options = {"max_chars": 3_000} if by == "max_chars" else {}
    pieces = []
    async with connect() as client:
        text = await say(client, "read_document", documents="long.txt", **options)
        while found := NEXT.search(text):
            pieces.append(body_of(text))
            document = found[3] if by == "kept" else "long.txt"
            assert len(pieces) < 50
            text = await say(client, "read_document", documents=document, cursor=found[4], **options)
        pieces.append(body_of(text) if by != "kept" or "\n\n[" in text else text)
    assert "".join(pieces) == whole
    assert len(pieces) > 3
    if by == "max_chars":
        assert all(len(p) <= 3_000 for p in pieces)
    assert not sim.received


async def test_the_path_of_the_whole_is_named_for_a_local_host(connect: Connect, folders: Folders) -> None:
    whole = "word " * 5_000
    (folders.cwd / "long.txt").write_text(whole, encoding="utf-8")
    async with connect() as client:
        text = await say(client, "read_document", documents="long.txt")
    found = re.search(r"The whole is in (.+)\.\]", text)
    assert found
    assert Path(found[1]).read_text(encoding="utf-8").strip() == whole.strip()


async def test_a_cursor_that_makes_no_sense_names_the_range(connect: Connect, folders: Folders) -> None:
    (folders.cwd / "a.txt").write_text("x" * 100, encoding="utf-8")
    async with connect() as client:
        beyond = await fail(client, "read_document", documents="a.txt", cursor=101)
        word = await fail(client, "read_document", documents="a.txt", cursor="next")
        gone = await fail(client, "read_document", documents="glm://outputs/" + "0" * 24, cursor="5")
    assert "It is a number from 0 to 100" in beyond
    assert "cursor is 'next'" in word
    assert gone.startswith("not_found: nothing is kept under glm://outputs/000")


async def test_a_kept_result_may_be_asked_about(connect: Connect, sim: Simulator, folders: Folders) -> None:
    (folders.cwd / "long.txt").write_text("The code is 4711. " + "word " * 5_000, encoding="utf-8")
    async with connect() as client:
        text = await say(client, "read_document", documents="long.txt")
        kept = NEXT.search(text)
        assert kept
        await say(client, "read_document", documents=kept[3], prompt="What is the code?")
    assert "The code is 4711." in last(sim).text


async def test_a_document_larger_than_the_window_is_read_in_parts_and_combined(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    rows = [f"Row {n}: the value of number {n} is {n * 7}." for n in range(9_000)]
    (folders.cwd / "big.txt").write_text("\n".join(rows), encoding="utf-8")
    model = "glm-4.1v-thinking-flash"
    async with connect() as client:
        text = await say(client, "read_document", 40, documents="big.txt", prompt="Sum?", model=model)
    asked = chats(sim)
    looked = asked[:-1]
    assert len(looked) > 1
    assert {r.model for r in asked} == {model}
    assert {r.status for r in asked} == {200}
    seen = {int(n) for r in looked for n in re.findall(r"^Row (\d+):", r.text, re.MULTILINE)}
    assert seen == set(range(9_000))
    assert f"These are the results from {len(looked)} parts" in words(asked[-1])
    assert f"read in {len(looked)} parts by {model}, then combined" in text


async def test_a_part_of_a_long_text_fits_the_model_that_is_left_where_the_first_is_overloaded(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    rows = [f"Row {n}: the value of number {n} is {n * 7}." for n in range(20_000)]
    (folders.cwd / "big.txt").write_text("\n".join(rows), encoding="utf-8")
    sim.queue(*(Fault("error", code="1305", model=m, times=0) for m in ("glm-4.7-flash", "glm-4.6v-flash")))
    async with connect(GLM_DEADLINE_S="20") as client:
        text = await say(client, "read_document", 40, documents="big.txt", prompt="Sum?")
    assert re.search(r"read in \d+ parts by glm-4-flash-250414, then combined", text)


async def test_a_text_that_only_the_overloaded_model_holds_whole_is_read_in_parts_by_the_others(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    rows = [f"Row {n}: the value of number {n} is {n * 7}." for n in range(11_000)]
    (folders.cwd / "big.txt").write_text("\n".join(rows), encoding="utf-8")
    sim.queue(*(Fault("error", code="1305", model=m, times=0) for m in ("glm-4.7-flash", "glm-4.6v-flash")))
    async with connect(GLM_DEADLINE_S="20") as client:
        text = await say(client, "read_document", 40, documents="big.txt", prompt="Sum?")
        sim.clear()
        whole = await say(client, "read_document", 40, documents="big.txt", prompt="Sum of all?")
    assert "by glm-4-flash-250414, then combined" in text
    assert "not answered in one piece in time (1305)" in text
    assert "then combined" not in whole


async def test_parts_that_are_asked_at_once_say_together_how_often_a_model_was_asked(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    pages = [noise(0, 0, 595, 842)] * 3
    (folders.cwd / "scan.pdf").write_bytes(pdf([p + lines([str(n)]) for n, p in enumerate(pages)]))
    sim.queue(Fault("error", code="1305", times=0))
    async with connect(GLM_DEADLINE_S=3 * slowness(), GLM_MAX_CONCURRENCY=1, GLM_FALLBACK="0") as client:
        text = await fail(client, "read_document", documents="scan.pdf")
    asked = len([r for r in sim.received if r.model])
    assert f"asked for all parts together: glm-4.6v-flash {asked}×; none of 3 parts is done" in text


async def test_finished_parts_are_kept_and_the_same_call_goes_on(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    pages = [noise(0, 0, 595, 842)] * 3
    (folders.cwd / "scan.pdf").write_bytes(pdf([p + lines([str(n)]) for n, p in enumerate(pages)]))
    sim.queue(Reply(text="first"), Reply(text="second"), Fault("hang", times=0))
    async with connect(GLM_DEADLINE_S=3 * slowness(), GLM_MAX_CONCURRENCY=1, GLM_FALLBACK="0") as client:
        result = await call(client, "read_document", documents="scan.pdf")
        text = text_of(result)
        assert result.is_error
        assert text.startswith(
            "timeout: 2 of 3 parts done before the deadline; meanwhile glm-4.6v-flash timeout 1×. "
            "Call again with the same arguments"
        )
        assert "[page 1]\nfirst\n\n[page 2]\nsecond" in text
        assert glm(result)["error"]["kind"] == "timeout"
        sim.clear()
        sim.queue(Reply(text="third"))
        text = await say(client, "read_document", documents="scan.pdf")
        again = await say(client, "read_document", documents="scan.pdf")
    assert len(sim.received) == 1
    for word in ("first", "second", "third"):
        assert word in text
    assert "2 of 3 parts kept from an earlier call" in text
    assert "3 of 3 parts kept from an earlier call" in again


class Said(Progress):
    """Progress that remembers all that was said, of which a client hears what is said every quarter of a second."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[str] = []

    def say(self, message: str) -> None:
        super().say(message)
        self.all.append(message)


async def test_pages_of_a_long_scan_are_drawn_as_their_turn_comes_and_those_that_are_kept_no_more(
    app_of: Callable[..., App], sim: Simulator, folders: Folders
) -> None:
    scanned(folders, 12)
    app = app_of(GLM_MAX_CONCURRENCY=1, GLM_FALLBACK="0")
    client = client_named("a-client", app.settings, remote=False)

    async def read(pages: str | None = None) -> tuple[str, list[str]]:
        heard = Said()
        deadline = anyio.current_time() + 60
        deps = Deps(app.settings, app.glm, app.sandbox, app.outputs, client, heard, deadline)
        try:
            text = (await TOOL.run(deps, ReadArgs(documents=("scan.pdf",), pages=pages))).text
        except QuotaError as error:
            text = str(error)
        return text, [message for message in heard.all if message.startswith("rendering")]

    sim.queue(*(Reply(text=f"Text {n}.") for n in range(8)), Fault("error", code="1113", times=0))
    text, drawn = await read("2-11")
    assert "8 of 10 parts are done and kept" in text
    assert drawn == ["rendering pages 2 to 9 of scan.pdf", "rendering pages 10 to 11 of scan.pdf"]
    sim.clear()
    sim.queue(Reply(text="More.", times=0))
    text, drawn = await read()
    await app.close()
    assert text.count("More.") == len(sim.received) == 4
    assert drawn == ["rendering pages 1 to 12 of scan.pdf"], "the first and the last three together"


async def test_a_scan_that_takes_too_long_to_draw_is_transcribed_first_so_that_each_call_comes_further(
    app_of: Callable[..., App], sim: Simulator, folders: Folders
) -> None:
    scanned(folders, 30)
    app = app_of()
    client = client_named("a-client", app.settings, remote=False)
    asked = ReadArgs(documents=("scan.pdf",), prompt="What sailed?")
    heard = Said()
    # What is left of the time is over when the first of the pages are drawn.
    deadline = anyio.current_time() + 0.2
    deps = Deps(app.settings, app.glm, app.sandbox, app.outputs, client, heard, deadline)
    with anyio.fail_after(60), pytest.raises(TimedOut, match="0 of 30 parts done before the deadline"):
        await TOOL.run(deps, asked)
    assert "rendering pages 1 to 25 of scan.pdf" in heard.all
    assert "rendering pages 26 to 30 of scan.pdf" not in heard.all
    sim.queue(*(Reply(text=f"Page {n}.") for n in range(31)), Reply(text="The vessel."))
    heard.all.clear()
    deps = dataclasses.replace(deps, deadline=anyio.current_time() + 600)
    (folders.cwd / "short.pdf").write_bytes(pdf([noise(0, 0, 595, 842)]))
    with anyio.fail_after(100):
        result = await TOOL.run(deps, dataclasses.replace(asked, documents=("short.pdf", "scan.pdf")))
    await app.close()
    assert deps.room.drawn == 0, "pictures of the document before it are let go of too"
    assert "rendering pages 1 to 25 of scan.pdf" not in heard.all, "that it is slow is known"
    assert result.text == "The vessel."
    assert "Page 29." in words(last(sim))


async def test_when_the_time_is_over_the_parts_that_are_left_are_not_even_begun(
    app_of: Callable[..., App], folders: Folders
) -> None:
    app = app_of()
    client = client_named("a-client", app.settings, remote=False)
    deps = Deps(
        app.settings, app.glm, app.sandbox, app.outputs, client, Progress(), anyio.current_time() + 0.2
    )
    begun = 0

    @asynccontextmanager
    async def made() -> AsyncIterator[Question | None]:
        nonlocal begun
        begun += 1
        await anyio.sleep_forever()
        yield None

    parts_of_it = [Later("", "vision", "ocr", str(n), made, known=lambda: None) for n in range(1_000)]
    with anyio.fail_after(30):
        answers, error = await so_far(deps, ReadArgs(documents=()), parts_of_it)
    await app.close()
    assert begun == AT_ONCE
    assert not any(answers)
    assert isinstance(error, TimedOut)


async def test_a_long_scan_is_transcribed_once_for_all_questions(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    scanned(folders, LONG + 1)
    sim.queue(*(Reply(text="The vessel sailed.") for _ in range(LONG + 1)))
    async with connect(GLM_DEADLINE_S=300) as client:
        text = await say(client, "read_document", 120, documents="scan.pdf", prompt="What sailed?")
        *seen, asked = [request for request in chats(sim) if request.status == 200]
        assert {tuple(kinds(r)) for r in seen} == {("image_url", "text")}
        assert len(seen) == LONG + 1
        assert isinstance(asked.body["messages"][-1]["content"], str)
        assert f"[scan.pdf, page {LONG + 1}]\nThe vessel sailed." in asked.text
        assert f"{LONG + 1} scanned pages transcribed by the model" in text
        sim.clear()
        text = await say(client, "read_document", 120, documents="scan.pdf", prompt="When?")
    assert len(sim.received) == 1
    assert f"{LONG + 1} of {LONG + 1} parts kept from an earlier call" in text


async def test_a_part_of_another_shape_counts_as_none(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    scanned(folders, 1)
    async with connect() as client:
        await say(client, "read_document", documents="scan.pdf")
        (part,) = folders.cache.glob("parts/*/*.json")
        for number, damaged in enumerate(
            (
                '{"text": 1}',
                '{"text": null, "model": null, "notes": []}',
                '{"text": "a", "model": "b", "notes": [1]}',
            )
        ):
            part.write_text(damaged)
            assert "I received 1 image" in await say(client, "read_document", documents="scan.pdf")
            assert len(sim.received) == number + 2


@pytest.mark.parametrize(("code", "kind"), [("1305", "overloaded"), ("500", "upstream")])
async def test_parts_before_an_overload_are_kept_and_told(
    connect: Connect, sim: Simulator, folders: Folders, code: str, kind: str
) -> None:
    pages = [noise(0, 0, 595, 842)] * 3
    (folders.cwd / "scan.pdf").write_bytes(pdf([p + lines([str(n)]) for n, p in enumerate(pages)]))
    sim.queue(Reply(text="first"), Reply(text="second"), Fault("error", code=code, times=0))
    async with connect(GLM_DEADLINE_S=3 * slowness(), GLM_MAX_CONCURRENCY=1, GLM_FALLBACK="0") as client:
        text = await fail(client, "read_document", documents="scan.pdf")
        assert text.startswith(f"{kind}: ")
        assert "2 of 3 parts are done and kept" in text
        assert "[page 1]\nfirst\n\n[page 2]\nsecond" in text
        sim.clear()
        sim.queue(Reply(text="third"))
        await say(client, "read_document", documents="scan.pdf")
    assert len(sim.received) == 1


def scanned(folders: Folders, count: int) -> None:
    pages = [noise(0, 0, 595, 842)] * count
    (folders.cwd / "scan.pdf").write_bytes(pdf([p + lines([str(n)]) for n, p in enumerate(pages)]))


async def test_a_page_that_the_filter_refuses_costs_only_itself(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    scanned(folders, 4)
    sim.queue(Fault("error", code="1301", after=1), Reply(text="A page.", times=0))
    async with connect(GLM_MAX_CONCURRENCY=1) as client:
        text = await say(client, "read_document", documents="scan.pdf")
        assert text.count("A page.") == 3
        assert "(left out: the service's filter refuses this part)" in text
        assert re.search(r"part \d of 4 left out: the filter refuses it", text)
        before = len(sim.received)
        again = await say(client, "read_document", documents="scan.pdf")
    assert again.count("A page.") == 4
    assert len(sim.received) == before + 1, "the refused one alone is asked for again"


async def test_where_the_filter_refuses_page_after_page_it_is_not_asked_on_and_on(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    scanned(folders, 12)
    sim.queue(Fault("error", code="1301", times=0))
    async with connect(GLM_MAX_CONCURRENCY=1) as client:
        text = await fail(client, "read_document", documents="scan.pdf")
    assert text.startswith("content_blocked: ")
    assert len(sim.received) < 12


async def test_where_page_after_page_is_answered_with_nothing_no_model_is_asked_on_and_on(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    scanned(folders, 30)
    sim.queue(Reply(text="", times=0))
    async with connect(GLM_MAX_CONCURRENCY=1) as client:
        text = await fail(client, "read_document", documents="scan.pdf", model="glm-4.6v-flash")
    assert text.startswith("upstream: ")
    assert len(sim.received) <= (MOST_IN_VAIN + AT_ONCE) * UNUSABLE_TRIES


async def test_parts_before_an_allowance_is_used_up_are_kept_and_told(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    scanned(folders, 4)
    sim.queue(Fault("error", code="1308", after=2, times=0), Reply(text="A page.", times=0))
    async with connect(GLM_MAX_CONCURRENCY=1) as client:
        text = await fail(client, "read_document", documents="scan.pdf")
        assert text.startswith("quota: ")
        assert "; 2 of 4 parts are done and kept (code 1308" in text
        assert text.count("A page.") == 2
        done = [request.body for request in sim.received[:2]]
        sim.clear()
        await say(client, "read_document", documents="scan.pdf")
    # One of the last call may still come, of a part that had its turn when the one before it was refused.
    asked = [request.body for request in sim.received]
    assert len(asked) >= 2
    assert not [body for body in asked if body in done]


async def test_an_encrypted_pdf_needs_its_password(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    data = (DATA / "encrypted-aes256.pdf").read_bytes()
    (folders.cwd / "secret.pdf").write_bytes(data)
    async with connect() as client:
        without = await fail(client, "read_document", documents="secret.pdf")
        wrong = await fail(client, "read_document", documents="secret.pdf", password="guess")
        right = await say(client, "read_document", documents="secret.pdf", password="secret", mode="text")
    assert without.startswith("invalid_request: ")
    assert "pass password=" in without
    assert "the password does not open" in wrong
    assert "guess" not in wrong
    assert LOCAL in right


async def test_the_callers_encoding_counts(connect: Connect, folders: Folders) -> None:
    (folders.cwd / "a.txt").write_bytes("é".encode("cp850") + b" cafe")
    async with connect() as client:
        text = await say(client, "read_document", documents="a.txt", encoding="cp850")
        wrong = await fail(client, "read_document", documents="a.txt", encoding="klingon")
    assert text.startswith("é cafe")
    assert wrong.startswith("invalid_request: ")


async def test_a_picture_is_sent_to_the_tool_for_pictures(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    picture(folders.cwd / "a.png")
    async with connect() as client:
        text = await fail(client, "read_document", documents="a.png")
    assert text.startswith("unsupported_media: a.png is a PNG picture, not a document.")
    assert "describe_image" in text


async def test_a_pattern_of_documents_works_and_one_without_a_match_says_so(
    connect: Connect, folders: Folders
) -> None:
    for n in (1, 2, 10):
        (folders.cwd / f"note{n}.md").write_text(f"Note {n}", encoding="utf-8")
    async with connect() as client:
        text = await say(client, "read_document", documents="note*.md")
        none = await fail(client, "read_document", documents="nothing*.md")
    assert re.findall(r"^# (.+)$", text, re.MULTILINE) == ["note1.md", "note2.md", "note10.md"]
    assert none.startswith("not_found: ")


async def test_the_answer_to_a_prompt_as_json_fits_its_schema(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    (folders.cwd / "a.txt").write_text("Invoice 7, total 12.50.", encoding="utf-8")
    schema = {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}
    async with connect() as client:
        text = await say(client, "read_document", documents="a.txt", prompt="Extract.", json=schema)
    assert isinstance(json.loads(body_of(text))["total"], int | float)


async def test_a_remote_document_is_downloaded_only_from_public_addresses(
    connect: Connect, sim: Simulator
) -> None:
    async with connect() as client:
        text = await fail(client, "read_document", documents="http://10.0.0.1/a.pdf")
    assert text.startswith("forbidden_url: ")


async def test_scans_are_read_when_the_service_wants_data_urls(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    sim.switches = Switches(raw_base64_images="refuse")
    (folders.cwd / "scan.pdf").write_bytes(pdf([noise(0, 0, 595, 842)]))
    async with connect() as client:
        await say(client, "read_document", documents="scan.pdf")
    assert [r.status for r in sim.received] == [400, 200]


async def test_a_transcription_that_was_cut_off_is_said_and_stays_said(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    (folders.cwd / "scan.pdf").write_bytes(pdf([noise(0, 0, 595, 842)]))
    sim.queue(Reply(text="Half a pa", finish_reason="length"))
    async with connect() as client:
        first = await say(client, "read_document", documents="scan.pdf")
        again = await say(client, "read_document", documents="scan.pdf")
    assert "cut off by max_tokens" in first
    assert "cut off by max_tokens" in again
    assert len(sim.received) == 1


async def test_page_pictures_are_packed_within_the_body_that_the_service_takes() -> None:
    heavy = [Unit(str(n), "", (Picture(Image("p", data=bytes(3_000)), 1, 1, (1, 1)),)) for n in range(5)]
    card = dataclasses.replace(CARDS["glm-4.6v-flash"], body_bytes=9_000)
    packs = pack(heavy, card, "", None)
    assert [len(p) for p in packs] == [2, 2, 1]
    assert [u for p in packs for u in p] == heavy


async def test_the_names_of_pages_are_counted_in_what_a_window_takes() -> None:
    card = CARDS["glm-4.7-flash"]
    units = [Unit(f"the minutes of a meeting.pptx, slide {n}", "Yes.", ()) for n in range(20_000)]
    asked = asked_of(units, card, "Who spoke?", "chat", "en", None)
    assert sum(f"slide {n}]" in str(q) for n in (0, 9_999, 19_999) for q in asked) == 3
    room = card.context - card.default_tokens
    assert all(
        sum(count_tokens(p.text) for m in q.messages for p in m.parts() if isinstance(p, Text)) <= room
        for q in asked
    )


async def test_native_reading_of_some_pages_is_refused_and_not_made_one_of_the_whole(
    connect: Connect, sim: Simulator
) -> None:
    url = "https://example.com/report.pdf"
    async with connect() as client:
        for given in ({"documents": url, "pages": "2"}, {"documents": f"{url}#page=2"}):
            text = await fail(client, "read_document", mode="native", prompt="What?", **given)
            assert text.startswith(
                "invalid_request: read_document: mode=native reads whole files, not pages."
            )
    assert not sim.received


async def test_native_reading_knows_tasks_and_layouts_too(connect: Connect, sim: Simulator) -> None:
    url = "https://example.com/a.txt"
    sim.web[url] = (b"hello", "text/plain")
    sim.queue(
        Reply(text="Sum."), Reply(text="```html\n<p>hello</p>\n```"), Reply(text='```\n{"blocks": []}\n```')
    )
    async with connect() as client:
        await say(client, "read_document", documents=url, mode="native")
        html = await say(client, "read_document", documents=url, mode="native", output_format="html")
        layout = await say(client, "read_document", documents=url, mode="native", output_format="json")
    assert words(sim.received[0]) == f"{DOCUMENT['summary']['en']} Answer in English."
    assert body_of(html) == "<p>hello</p>"
    assert json.loads(body_of(layout)) == {"blocks": []}


async def test_a_page_that_the_service_objects_to_fails_the_call_with_its_reason(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    (folders.cwd / "scan.pdf").write_bytes(pdf([noise(0, 0, 595, 842)] * 2))
    sim.queue(Fault("error", code="1301", times=2))
    async with connect() as client:
        text = await fail(client, "read_document", documents="scan.pdf")
    assert text.startswith("content_blocked: ")


async def test_a_kept_picture_is_no_document(connect: Connect, sim: Simulator) -> None:
    async with connect(remote=True) as client:
        made = await say(client, "generate_image", prompt="a hill", size="512x512")
        kept = made.splitlines()[0]
        text = await fail(client, "read_document", documents=kept)
        await say(client, "describe_image", images=kept, prompt="What?")
    assert text.startswith("unsupported_media: ")
    assert "describe_image" in text
    assert (last(sim).media[0].width, last(sim).media[0].height) == (512, 512)


async def test_an_answer_in_parts_goes_on_after_a_deadline(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    rows = [f"Row {n}: the value of number {n} is {n * 7}." for n in range(9_000)]
    (folders.cwd / "big.txt").write_text("\n".join(rows), encoding="utf-8")
    model = "glm-4.1v-thinking-flash"
    wish = {"documents": "big.txt", "prompt": "Sum?", "model": model}
    sim.queue(Reply(text="The first sum."), Fault("hang", times=0))
    async with connect(GLM_DEADLINE_S=4 * slowness(), GLM_MAX_CONCURRENCY=1) as client:
        text = await fail(client, "read_document", **wish)
        assert re.match(
            rf"timeout: 1 of \d parts done before the deadline; meanwhile {model} timeout 1×\. Call again",
            text,
        )
        assert text.endswith("The first sum.")
        sim.clear()
        sim.queue(Reply(text="Another sum.", times=0))
        await say(client, "read_document", **wish)
    assert "[part 1]\nThe first sum.\n\n[part 2]\nAnother sum." in words(last(sim))
    assert not any("Row 0:" in r.text for r in chats(sim))


async def test_pages_with_text_are_given_when_the_scanned_ones_cannot_be_transcribed(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    shutil.copy(SAMPLES / "report.pdf", folders.cwd)
    async with connect(GLM_API_KEY=None) as client:
        text = await say(client, "read_document", documents="report.pdf")
    assert "Lakeside Brewery: Annual Report 2025" in text
    assert "(scanned, not transcribed: config)" in text
    assert "page 3 not transcribed: config: no API key is set. Get a free key" in text
    assert not sim.received


async def test_scanned_pages_that_were_read_in_time_stand_beside_those_that_were_not(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    scans = [noise(0, 0, 595, 842) + lines([str(n)]) for n in range(3)]
    (folders.cwd / "mixed.pdf").write_bytes(pdf([lines(["Words of a page that has its own."] * 20), *scans]))
    sim.queue(Reply(text="first"), Reply(text="second"), Fault("hang", times=0))
    async with connect(GLM_DEADLINE_S=3 * slowness(), GLM_MAX_CONCURRENCY=1, GLM_FALLBACK="0") as client:
        text = await say(client, "read_document", documents="mixed.pdf")
        assert "Words of a page that has its own." in text
        assert "[page 2]\nfirst\n\n[page 3]\nsecond\n\n[page 4]\n" in text
        assert text.count("(scanned, not transcribed: timeout)") == 1
        assert "2 scanned pages transcribed by the model" in text
        assert "page 4 not transcribed: timeout: 2 of 3 parts done before the deadline" in text
        sim.clear()
        sim.queue(Reply(text="third"))
        text = await say(client, "read_document", documents="mixed.pdf")
    assert len(sim.received) == 1
    assert "[page 4]\nthird" in text
    assert "not transcribed" not in text


async def test_a_model_that_was_asked_in_vain_is_not_said_to_have_been_left_alone(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    shutil.copy(SAMPLES / "report.pdf", folders.cwd)
    sim.queue(Fault("error", code="1113", times=0))
    async with connect() as client:
        text = await say(client, "read_document", documents="report.pdf")
    assert "[read on this machine · " in text
    assert "page 3 not transcribed: quota: " in text


async def test_a_document_of_scanned_pages_alone_is_an_error_without_a_model(
    connect: Connect, folders: Folders
) -> None:
    shutil.copy(SAMPLES / "report.pdf", folders.cwd)
    async with connect(GLM_API_KEY=None) as client:
        error = await fail(client, "read_document", documents="report.pdf", pages="3")
    assert error.startswith("config: no API key is set")


async def test_a_question_about_scans_as_text_says_what_was_not_seen(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    shutil.copy(SAMPLES / "report.pdf", folders.cwd)
    async with connect() as client:
        text = await say(client, "read_document", documents="report.pdf", prompt="What?", mode="text")
        alone = await fail(
            client, "read_document", documents="report.pdf", prompt="What?", mode="text", pages="3"
        )
    assert "no text on page 3: scanned; mode=auto sends such pages as pictures" in text
    assert "[report.pdf, page 3]\n[no text: scanned]" in last(sim).text
    assert alone.startswith("unsupported_media: the pages are scanned")


async def test_a_task_keeps_its_words_when_a_layout_is_wanted(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    (folders.cwd / "a.txt").write_text("One. Two.", encoding="utf-8")
    async with connect() as client:
        await say(client, "read_document", documents="a.txt", task="summary", output_format="html")
    assert DOCUMENT["summary"]["en"] in last(sim).text
    assert LAYOUT["html"]["en"] in last(sim).text


async def test_a_cursor_with_a_question_is_refused(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    (folders.cwd / "a.txt").write_text("One. Two.", encoding="utf-8")
    async with connect() as client:
        text = await fail(client, "read_document", documents="a.txt", prompt="What?", cursor="3")
    assert "cursor goes with the document itself" in text
    assert not sim.received


async def test_fifty_documents_with_long_names_stay_within_the_budget(
    connect: Connect, folders: Folders
) -> None:
    for n in range(50):
        (folders.cwd / f"{'name' * 45}-{n:02}.csv").write_text("a,b\n1,2\n", encoding="gbk")
    async with connect() as client:
        result = await call(client, "read_document", documents="*.csv", encoding="gbk")
        lost = await call(client, "read_document", documents="/" + "x/" * 1900 + "a.pdf")
    assert len(result.model_dump_json(by_alias=True, exclude_none=True)) <= 7_800
    assert lost.is_error
    assert len(lost.model_dump_json(by_alias=True, exclude_none=True)) <= 7_800


async def test_of_a_pattern_what_cannot_be_read_is_left_out_and_named(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    (folders.cwd / "a.md").write_text("Alpha", encoding="utf-8")
    (folders.cwd / "b.md").touch()
    (folders.cwd / "c.pdf").write_bytes(b"%PDF-1.4\nnothing more")
    async with connect() as client:
        text = await say(client, "read_document", documents="*.*")
        answer = await say(client, "read_document", documents="*.{md,pdf}", prompt="What?")
        none = await fail(client, "read_document", documents="{b.md,c.pdf}")
        named = await fail(client, "read_document", documents=["a.md", "b.md"])
    assert text.startswith("Alpha")
    for said in (text, answer):
        assert "2 left out: b.md is empty (0 bytes); c.pdf " in said.splitlines()[-1]
    assert "Alpha" in last(sim).text
    assert none.startswith("unsupported_media: ")
    assert named.startswith("unsupported_media: b.md is empty")


async def test_a_long_text_without_pages_is_given_as_it_is(connect: Connect, folders: Folders) -> None:
    whole = "word " * 60_000 + "end"
    (folders.cwd / "long.md").write_text(whole, encoding="utf-8")
    async with connect() as client:
        texts = [
            await say(client, "read_document", documents="long.md", max_chars=1_000_000, **pages)
            for pages in ({}, {"pages": "1-2"}, {"pages": "1-"})
        ]
        second = await say(client, "read_document", documents="long.md", max_chars=1_000_000, pages=2)
    assert [body_of(text) for text in texts] == [whole] * 3
    assert body_of(second) == "[part 2]\n" + whole[200_000:]
    assert "long.md has no pages: it is counted in 2 parts of 200,000 characters" in second.splitlines()[-1]
