"""The sample calls of the vendor's model pages, each made with a tool: the body must equal the page's.

What differs on purpose: a call is always streamed, and max_tokens is always said.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.cases import each
from support.connect import Connect
from support.films import Film, make, regular
from support.paths import SAMPLES
from support.toolkit import call, last, picture, png, say

from glm_mcp.server.app import Folders
from glm_mcp.simulator import Received, Reply, Simulator

pytestmark = pytest.mark.anyio

SLOGAN = [
    {"role": "user", "content": "作为一名营销专家，请为我的产品创作一个吸引人的口号"},
    {"role": "assistant", "content": "当然，要创作一个吸引人的口号，请告诉我一些关于您产品的信息"},
]
BOTTLES = "https://cloudcovert-1305175928.cos.ap-guangzhou.myqcloud.com/%E5%9B%BE%E7%89%87grounding.PNG"
WHERE = "Where is the second bottle of beer from the right on the table?  Provide coordinates in [[xmin,ymin,xmax,ymax]] format"
POOL = (
    "请生成一张温馨而富有教育意义的背景图，适合用于幼儿防溺水 PPT。图中应包含清澈的游泳池或湖泊，周围有救生圈、救生衣等安全设施，"
    "以及配备游泳圈等安全措施快乐玩耍的小朋友们，同时要有醒目的安全提示标志，色彩明亮，适合儿童视觉"
)
THINK = {"type": "enabled"}


def part(kind: str, url: str) -> dict[str, Any]:
    return {"type": kind, kind: {"url": url}}


def said(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def asked(request: Received) -> dict[str, Any]:
    """The body without what the pages do not have."""
    assert request.status == 200
    assert request.body["stream"] is True
    return {k: v for k, v in request.body.items() if k not in {"stream", "max_tokens"}}


def vision(*content: dict[str, Any]) -> dict[str, Any]:
    return {
        "model": "glm-4.6v-flash",
        "messages": [{"role": "user", "content": list(content)}],
        "thinking": THINK,
    }


@pytest.mark.parametrize("product", ["智谱AI 开放平台", "智谱AI开放平台"])
async def test_the_slogan_with_its_history(connect: Connect, sim: Simulator, product: str) -> None:
    async with connect() as client:
        await say(
            client, "chat", prompt=product, history=SLOGAN, thinking=True, max_tokens=65536, temperature=1.0
        )
    assert last(sim).body == {
        "model": "glm-4.7-flash",
        "messages": [*SLOGAN, {"role": "user", "content": product}],
        "thinking": THINK,
        "stream": True,
        "max_tokens": 65536,
        "temperature": 1.0,
    }


async def test_the_slogan_arrives_as_a_stream(connect: Connect, sim: Simulator) -> None:
    import anyio

    sim.queue(
        Reply(reasoning="想一想。", chunks=({"reasoning_content": "想一想。"}, "智谱", "开放", "，未来已来"))
    )
    heard: list[str] = []

    async def listen(progress: float, total: float | None, message: str | None) -> None:
        heard.append(message or "")

    async with connect() as client:
        with anyio.fail_after(60):
            result = await client.call_tool(
                "chat",
                {"prompt": "智谱AI开放平台", "history": SLOGAN, "thinking": True},
                progress_callback=listen,
            )
    assert result.content[0].text.startswith("智谱开放，未来已来")  # type: ignore[union-attr]
    assert heard


async def test_the_bottle_of_beer_by_address(connect: Connect, sim: Simulator) -> None:
    sim.web[BOTTLES] = (png((400, 300)), "image/png")
    sim.queue(Reply(text="The second bottle from the right is the brown one."))
    async with connect() as client:
        await say(client, "describe_image", images=BOTTLES, prompt=WHERE, thinking=True)
    assert asked(last(sim)) == vision(part("image_url", BOTTLES), said(WHERE))


async def test_the_bottle_of_beer_gets_a_box_in_pixels(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    picture(folders.cwd / "beer.png", (1000, 500))
    sim.queue(Reply(text="[[94,598,177,991]]", boxed=True))
    async with connect() as client:
        text = await say(client, "describe_image", images="beer.png", prompt=WHERE, thinking=True)
    assert text.startswith("[[94,598,177,991]]\n\nIn pixels of 1000x500: [94, 299, 177, 496]")


async def test_two_pictures_by_address(connect: Connect, sim: Simulator) -> None:
    urls = [
        "https://cdn.bigmodel.cn/static/logo/register.png",
        "https://cdn.bigmodel.cn/static/logo/api-key.png",
    ]
    for url in urls:
        sim.web[url] = (png(), "image/png")
    async with connect() as client:
        await say(
            client, "describe_image", images=urls, prompt="What are the pics talk about?", thinking=True
        )
    assert asked(last(sim)) == vision(
        *(part("image_url", u) for u in urls), said("What are the pics talk about?")
    )


@each("form", ["path", "raw", "data"])
async def test_a_picture_of_this_machine_goes_as_raw_base64(
    connect: Connect, sim: Simulator, folders: Folders, form: str
) -> None:
    path = picture(folders.cwd / "示例.png", (64, 48))
    b64 = base64.b64encode(path.read_bytes()).decode()
    given = {"path": "示例.png", "raw": b64, "data": f"data:image/png;base64,{b64}"}[form]
    async with connect() as client:
        await say(client, "describe_image", images=given, prompt="请描述这个图片", thinking=True)
    assert asked(last(sim)) == vision(part("image_url", b64), said("请描述这个图片"))


async def test_a_film_by_address(connect: Connect, sim: Simulator) -> None:
    url = "https://cdn.bigmodel.cn/agent-demos/lark/113123.mov"
    sim.web[url] = (make(Film(regular(2, 10), form="mov")), "video/quicktime")
    async with connect() as client:
        await say(client, "analyze_video", video=url, prompt="What are the video show about?", thinking=True)
    assert asked(last(sim)) == vision(part("video_url", url), said("What are the video show about?"))


async def test_a_text_and_a_pdf_by_address(connect: Connect, sim: Simulator) -> None:
    urls = ["https://cdn.bigmodel.cn/static/demo/demo2.txt", "https://cdn.bigmodel.cn/static/demo/demo1.pdf"]
    sim.web[urls[0]] = ("演示".encode(), "text/plain")
    sim.web[urls[1]] = ((SAMPLES / "report.pdf").read_bytes(), "application/pdf")
    async with connect() as client:
        await say(
            client,
            "read_document",
            documents=urls,
            prompt="What are the files show about?",
            mode="native",
            thinking=True,
        )
    assert asked(last(sim)) == vision(
        *(part("file_url", u) for u in urls), said("What are the files show about?")
    )


async def test_the_pool_safety_picture_for_a_slide(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    async with connect() as client:
        result = await call(client, "generate_image", prompt=POOL, size="1344x768")
    assert sim.received[0].body == {"model": "cogview-3-flash", "prompt": POOL, "size": "1344x768"}
    path = Path(result.content[0].text.splitlines()[0])  # type: ignore[union-attr]
    assert path.parent == folders.cwd / "glm-output"
    with Image.open(path) as opened:
        assert opened.size == (1344, 768)


async def test_the_mathematics_problem_in_chinese(connect: Connect, sim: Simulator, folders: Folders) -> None:
    picture(folders.cwd / "题目.png", (400, 200), "white")
    async with connect() as client:
        text = await say(
            client,
            "describe_image",
            images="题目.png",
            prompt="请帮我解决这个题目，给出详细过程和答案",
            model="glm-4.1v-thinking-flash",
        )
    assert last(sim).model == "glm-4.1v-thinking-flash"
    assert last(sim).body["messages"][0]["content"][-1] == said("请帮我解决这个题目，给出详细过程和答案")
    assert "<think>" not in text
    assert text.startswith("[模拟 glm-4.1v-thinking-flash]")
