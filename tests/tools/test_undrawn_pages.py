"""Pages of a document of which there is no picture: that one of them is damaged, or empty, costs none of the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import anyio
import pytest
from support.connect import Connect
from support.made_documents import lines, noise, pdf, source
from support.toolkit import fail, last, say

from glm_mcp.clients.table import client_named
from glm_mcp.glm.progress import Progress
from glm_mcp.media.types import Page
from glm_mcp.server.app import App, Folders
from glm_mcp.simulator import Reply, Simulator
from glm_mcp.tools.base import Deps
from glm_mcp.tools.pages.drawing import Drawing

pytestmark = pytest.mark.anyio

SCAN = noise(0, 0, 595, 842)
WORDS = lines(["Words of a page that has its own."] * 20)
# A grey page of one colour: of it nothing can be read, whatever the picture was.
EMPTY = "0.9 g 0 0 595 842 re f q 595 0 0 842 0 0 cm /Gone Do Q"


def put(folders: Folders, pages: Sequence[str], *, broken: Sequence[int] = ()) -> None:
    """A PDF whose pages of the numbers `broken` are not where its directory of pages says."""
    data = pdf(pages)
    for number in broken:
        data = data.replace(f" {4 + 2 * number} 0 R".encode(), b" 99 0 R").replace(
            f"[{4 + 2 * number} 0 R".encode(), b"[99 0 R"
        )
    (folders.cwd / "a.pdf").write_bytes(data)


async def test_a_page_that_cannot_be_drawn_costs_none_of_those_beside_it(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    put(folders, [SCAN, SCAN + lines(["x"]), SCAN], broken=[2])
    sim.queue(Reply(text="The first."), Reply(text="The third."))
    async with connect(GLM_MAX_CONCURRENCY=1) as client:
        text = await say(client, "read_document", documents="a.pdf")
        assert "[page 1]\nThe first.\n\n[page 2]\n(this page cannot be drawn)\n\n[page 3]\nThe third." in text
        assert "2 scanned pages transcribed by the model" in text
        assert "page 2 cannot be drawn" in text
        assert len(sim.received) == 2
        text = await say(client, "read_document", documents="a.pdf", prompt="What?")
    assert len(last(sim).media) == 2
    assert "[a.pdf, page 2]\n(this page cannot be drawn)" in last(sim).text
    assert "2 of 3 pages went as pictures" in text
    assert "page 2 cannot be drawn" in text


@pytest.mark.parametrize("wish", [{}, {"prompt": "What?"}, {"mode": "vision"}])
async def test_pages_of_which_none_can_be_drawn_are_an_error_with_a_next_step(
    connect: Connect, sim: Simulator, folders: Folders, wish: dict[str, str]
) -> None:
    put(folders, [SCAN, SCAN, WORDS], broken=[1, 2])
    async with connect() as client:
        error = await fail(client, "read_document", documents="a.pdf", pages="1-2", **wish)
    assert error.startswith("unsupported_media: page 1 of a.pdf cannot be drawn. Open it in a PDF reader")
    assert not sim.received


async def test_a_page_that_takes_the_drawer_down_costs_none_of_the_many_before_it(
    app_of: Callable[..., App], folders: Folders
) -> None:
    words = lines([f"left {i}" for i in range(30)], x=60) + lines([f"right {i}" for i in range(30)], x=320)
    wide = f"{words}BT /F1 1200 Tf 1000000000 0 0 1 72 40 Tm (wide) Tj ET\n"
    put(folders, [SCAN] * 25 + [wide])
    app = app_of()
    client = client_named("a-client", app.settings, remote=False)
    deadline = anyio.current_time() + 600
    deps = Deps(app.settings, app.glm, app.sandbox, app.outputs, client, Progress(), deadline)
    pages = [Page(n, f"page {n}", "", "scanned") for n in range(1, 27)]
    held = source("a.pdf", (folders.cwd / "a.pdf").read_bytes())
    drawing = Drawing(deps, held, pages, app.glm.models("vision")[0], None)
    with anyio.fail_after(100):
        pictures = await drawing.all(in_time=False)
    await app.close()
    assert [n for n, some in pictures.items() if some] == list(range(1, 26))
    assert drawing.instead(26) == "(this page cannot be drawn)"
    assert drawing.failure is None


async def test_a_damaged_page_beside_pages_of_words_is_named_and_asks_no_model(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    put(folders, [WORDS, SCAN, WORDS], broken=[2])
    async with connect() as client:
        text = await say(client, "read_document", documents="a.pdf")
        assert text.count("Words of a page that has its own.") == 40
        assert "[page 2]\n(this page cannot be drawn)" in text
        assert "read on this machine, no model asked" in text
        assert not sim.received
        text = await say(client, "read_document", documents="a.pdf", prompt="What?")
    assert not last(sim).media
    assert "page 2 cannot be drawn" in text


async def test_a_page_on_which_nothing_is_drawn_is_not_shown_to_a_model(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    put(folders, [SCAN, EMPTY, SCAN])
    async with connect(GLM_MAX_CONCURRENCY=1) as client:
        text = await say(client, "read_document", documents="a.pdf", mode="vision")
        assert len(sim.received) == 2
        assert "[page 2]\n(nothing is drawn on this page: it is empty, or its picture is damaged)" in text
        assert "nothing is drawn on page 2" in text
        text = await say(client, "read_document", documents="a.pdf", mode="vision", prompt="What?")
        assert len(last(sim).media) == 2
        assert "[a.pdf, page 2]\n(nothing is drawn on this page" in last(sim).text
        before = len(sim.received)
        text = await say(client, "read_document", documents="a.pdf", mode="vision", pages="2")
    assert len(sim.received) == before
    assert "no model asked" in text
