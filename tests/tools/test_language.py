"""The language of an answer: the prompt's; without one GLM_LANG, else the system's."""

from __future__ import annotations

import locale
import re
from typing import Any

import pytest
from support.cases import each
from support.connect import Connect
from support.toolkit import last, picture, say, words

from glm_mcp.server.app import Folders
from glm_mcp.settings import Settings
from glm_mcp.simulator import Simulator
from glm_mcp.tools import tasks
from glm_mcp.tools.tasks import language

pytestmark = pytest.mark.anyio


def settings(**variables: Any) -> Settings:
    return Settings(_env_file=None, **variables)


@each(
    ("prompt", "lang"),
    [
        ("What is this?", "en"),
        ("这是什么？", "zh"),
        ("请解释 README.md", "zh"),
        ("Translate 你好", "en"),
        ("¿Qué es esto?", "en"),
        ("解释一下 src/components/Button.tsx handleClick", "zh"),
        ("总结 this file please, all of it and in order", "zh"),
        ("この画像を説明して", "en"),
        ("이 그림을 설명해 줘", "en"),
        ("Explain the error 错误 in this long English sentence", "en"),
    ],
)
async def test_the_prompts_language_decides_before_any_setting(prompt: str, lang: str) -> None:
    other = "zh" if lang == "en" else "en"
    assert language(prompt, settings(GLM_LANG=other)) == lang


@each("prompt", ["", "12 + 3 = ?", "!!!"])
async def test_without_words_the_setting_decides(prompt: str) -> None:
    assert language(prompt, settings(GLM_LANG="zh")) == "zh"
    assert language(prompt, settings(GLM_LANG="en")) == "en"


async def test_without_both_the_system_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        locale.setlocale(locale.LC_CTYPE, "C")
        assert language("", settings()) == "en"
        monkeypatch.setenv("LANG", "zh_CN.UTF-8")
        assert language("", settings()) == "zh"
    finally:
        locale.setlocale(locale.LC_CTYPE, before)


@each(
    "table",
    [
        *(tasks.IMAGE.values()),
        *(tasks.VIDEO.values()),
        *(tasks.DOCUMENT.values()),
        tasks.TRANSCRIBE,
        *(tasks.LAYOUT.values()),
    ],
)
async def test_every_instruction_is_there_in_both_languages_and_short(table: dict[str, str]) -> None:
    assert set(table) == {"en", "zh"}
    assert language(table["en"], settings()) == "en"
    assert re.search("[\u4e00-\u9fff]", table["zh"])
    assert all(len(t) < 500 for t in table.values())


async def test_a_call_without_a_prompt_follows_the_setting(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    picture(folders.cwd / "a.png")
    async with connect(GLM_LANG="zh") as client:
        text = await say(client, "describe_image", images="a.png", task="diagram")
        ocr = await say(client, "describe_image", images="a.png", task="ocr")
    assert text.startswith("[模拟 glm-4.6v-flash] 我收到了 1 张图片")
    assert words(sim.received[0]).endswith("请用中文回答。")
    # The text in a picture keeps its own language.
    assert words(last(sim)) == tasks.IMAGE["ocr"]["zh"]
    assert ocr
