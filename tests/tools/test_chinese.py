"""What the program says to people has its Chinese, and is said in it where that is set."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from support.cases import each
from support.connect import Connect
from support.messages import all_messages
from support.paths import SAMPLES
from support.processes import COMMAND, environment, ran
from support.toolkit import call, say, text_of

from glm_mcp.errors import InvalidRequest
from glm_mcp.server.app import Folders
from glm_mcp.simulator import Reply, Simulator
from glm_mcp.tools.words.chinese import entries, error_said, in_chinese

pytestmark = pytest.mark.anyio
HOLE = re.compile(r"\{\d+\}")


def test_every_message_has_its_chinese_and_no_other_stands_in_the_table() -> None:
    said = set(all_messages())
    assert len(said) > 700, "the source was read"
    assert sorted(said - set(entries())) == [], "tests/support/messages.py prints the lines to fill in"
    assert sorted(set(entries()) - said) == []


def test_a_translation_holds_what_is_put_into_it() -> None:
    holes = [
        (english, set(HOLE.findall(english)), set(HOLE.findall(chinese)))
        for english, chinese in entries().items()
    ]
    assert [english for english, given, put in holes if put - given] == []
    assert [english for english, given, put in holes if len(given) - len(put) > 1] == [], (
        "a plural's s may go"
    )


@each(
    ("english", "chinese"),
    [
        ("chat has no argument 'promt'", "chat 没有参数“promt”"),
        ("Say it in prompt. It takes: prompt, size.", "请写在 prompt 里。它的参数有：prompt, size。"),
        ("Did you mean 'prompt'? It takes: prompt, system.", "是不是“prompt”？它的参数有：prompt, system。"),
        ("It may be a, b. Did you mean b?", "可以是 a, b。是不是 b？"),
        (
            "glm-4.7-flash: overloaded; try 2 in 4 s; queued: place 3",
            "glm-4.7-flash：过载；4 秒后第 2 次尝试；排队中：第 3 位",
        ),
        (
            (
                "pictures of the text not transcribed: overloaded: the model is overloaded: Busy; asked for 7 s: "
                "glm-4v-flash 2×; 1 of 3 parts are done and kept. Call again in a minute, or allow more time with "
                "GLM_DEADLINE_S. The same call goes on from there."
            ),
            (
                "正文的图片没有转写：过载：模型过载：Busy；询问了 7 秒：glm-4v-flash 2×；3 部分中 1 部分已完成并保留。"
                "请一分钟后再调用，或用 GLM_DEADLINE_S 给更多时间。同样的调用会从那里继续。"
            ),
        ),
        (
            (
                "page 3 not transcribed: timeout: 2 of 3 parts done before the deadline; meanwhile glm-4v-flash timeout 1×. "
                "More time: GLM_DEADLINE_S and the host's own limit."
            ),
            (
                "第 3 页没有转写：timeout：时限之前 3 部分完成了 2 部分；其间 glm-4v-flash timeout 1×。"
                "要更多时间：GLM_DEADLINE_S 和宿主程序自己的时限。"
            ),
        ),
        (
            (
                "The picture was made and is kept for 30 days at https://example.com/a.png . Download it there. "
                "If it opens elsewhere, save it as PNG or JPEG there; if not, get the file anew."
            ),
            (
                "图片已经画好，在 https://example.com/a.png 保留 30 天。请在那里下载。"
                "如果别处能打开，请在那里存为 PNG 或 JPEG；否则请重新获取该文件。"
            ),
        ),
        ("instead of glm-4.6v-flash (refused a moment ago)", "代替 glm-4.6v-flash（刚才拒绝过）"),
        (
            "Try glm-4.7-flash. Name another model; `glm-mcp models` lists them.",
            "可用 glm-4.7-flash。请指定另一个模型；`glm-mcp models` 列出全部。",
        ),
        ("the API key was not accepted: token is old", "API 密钥未被接受：token is old"),
        ("nothing of ours", "nothing of ours"),
        ("send the picture itself", "send the picture itself"),
        ("12 calls, 3,400 tokens, 2 pictures, 61 s.", "12 次调用，3,400 token，2 张图，61 秒。"),
        ("1 picture", "1 张图"),
        ("there is no file none (working folder: /tmp)", "没有文件 none（工作目录：/tmp）"),
        ("Taken off: quotes, the name before it.", "已去掉：引号，前面的名字。"),
        (
            "127.0.0.1: the address is not an API: 405 Not Allowed",
            "127.0.0.1：该地址不是 API：405 Not Allowed",
        ),
        ("clip.mp4 is an MP4 video, not a picture", "clip.mp4 是 MP4 视频，不是图片"),
        ("bookmarks that say what the text does not: key, models", "正文没有而书签里有的文字：“key, models”"),
        (
            "no text on page 3, sheet 'key': scanned; mode=auto transcribes",
            "第 3 页，工作表“key”没有文字：是扫描页；mode=auto 会转写",
        ),
        (
            "Send less: fewer pages, a shorter history, or a part of the text. Call again. Ask Bo.",
            "请减少内容：更少的页、更短的历史，或只取文本的一部分。请再调用一次。Ask Bo.",
        ),
        ("logs is a folder, not a file", "logs 是目录，不是文件"),
        (
            "Name a file in it, or a pattern such as logs/*.png or logs/*.pdf.",
            "请给出其中的文件，或 logs/*.png、logs/*.pdf 这样的通配符。",
        ),
        ("glm-4.7-flash takes no pictures", "glm-4.7-flash 不收图片"),
        ("glm-4v-flash is not used for locate", "glm-4v-flash 不用于 locate"),
        ("s.txt holds an AWS secret key, and these are never read", "s.txt 含有 AWS 私密密钥，这些绝不读取"),
        ("Try glm-4.7-flash. Call again.", "可用 glm-4.7-flash。请再调用一次。"),
        ("", ""),
    ],
)
def test_what_is_put_in_stays_and_what_is_unknown_stays(english: str, chinese: str) -> None:
    assert in_chinese(english) == chinese


def test_an_error_in_chinese_keeps_its_kind_and_its_facts() -> None:
    error = InvalidRequest("chat has no argument 'x'", "It takes: prompt.", code="1210")
    assert (
        str(error_said(error, "zh")) == "invalid_request: chat 没有参数“x” (code 1210)。它的参数有：prompt。"
    )
    assert str(error_said(error, "en")) == str(error)


async def test_a_tool_fails_in_the_language_that_is_set(connect: Connect) -> None:
    async with connect(GLM_LANG="zh") as client:
        result = await client.call_tool("describe_image", {"images": "none.png"})
    assert result.is_error
    assert text_of(result).startswith("not_found: 没有文件")
    assert result.meta
    assert result.meta["glm"]["error"]["kind"] == "not_found"


async def test_a_document_has_its_headings_and_closing_line_in_the_language_that_is_set(
    connect: Connect, folders: Folders
) -> None:
    shutil.copy(SAMPLES / "report.pdf", folders.cwd)
    async with connect(GLM_LANG="zh") as client:
        text = await say(client, "read_document", documents="report.pdf", pages="1-2")
    assert text.startswith("[第 1 页]\n# Lakeside Brewery: Annual Report 2025")
    assert text.endswith("\n\n[在本机读取，没有询问模型 · report.pdf 的 3 页中的 2 页]")


async def test_an_answer_has_its_closing_line_in_the_language_that_is_set(
    connect: Connect, sim: Simulator
) -> None:
    sim.queue(Reply(text="Ada is", finish_reason="length"))
    async with connect(GLM_LANG="zh") as client:
        result = await call(client, "chat", prompt="Who is Ada?")
    assert text_of(result).endswith(" · 到 max_tokens 而截断]")
    assert re.search(r"\[glm-\S+ · [\d,]+ \+ [\d,]+ token · ", text_of(result))


async def test_what_had_arrived_stands_under_words_in_the_language_that_is_set(
    connect: Connect, sim: Simulator
) -> None:
    sim.queue(Reply(text="no JSON"), Reply(text="no JSON again"))
    async with connect(GLM_LANG="zh") as client:
        result = await call(client, "chat", prompt="Who is Ada?", json=True)
    assert text_of(result).endswith("\n\n已收到的内容（不完整）：\nno JSON again")


async def test_progress_is_told_in_the_language_that_is_set(connect: Connect, folders: Folders) -> None:
    shutil.copy(SAMPLES / "report.pdf", folders.cwd)
    told: list[str] = []

    async def heard(progress: float, total: float | None, message: str | None) -> None:
        told.append(message or "")

    async with connect(GLM_LANG="zh") as client:
        await client.call_tool("read_document", {"documents": "report.pdf"}, progress_callback=heard)
    assert told
    assert [said for said in told if not re.search("[\u4e00-\u9fff]", said)] == []


@each(
    ("args", "status", "said"),
    [
        (("--help",), 0, "用法：glm-mcp"),
        (("call", "--help"), 0, "调用一次 TOOL"),
        (("call", "chat", "--help"), 0, "不带名字的词归 prompt"),
        (("doctor",), 1, "✗ 密钥：未设置\n    → 请在"),
        (("call", "chat", "hello"), 1, "config: 没有设置 API 密钥。请在"),
        (("call", "paint", "hello"), 1, "没有名为“paint”的工具"),
        (("paint",), 2, "错误：没有命令 'paint'。"),
        (("--env-file", "none.env", "doctor"), 1, "设置文件 none.env 不存在"),
    ],
)
def test_the_command_speaks_chinese_where_that_is_set(
    args: tuple[str, ...], status: int, said: str, tmp_path: Path
) -> None:
    done = ran([*COMMAND, *args], environment(tmp_path / "home", GLM_LANG="zh"), tmp_path)
    assert done.returncode == status
    assert said in done.stdout + done.stderr


def test_a_chinese_locale_is_enough(tmp_path: Path) -> None:
    env = environment(tmp_path / "home", LC_ALL="zh_CN.UTF-8")
    del env["GLM_LANG"]
    done = ran([*COMMAND, "call", "paint", "x"], env, tmp_path)
    assert "没有名为“paint”的工具" in done.stderr


def test_the_settings_file_names_the_language_too(tmp_path: Path) -> None:
    env = environment(tmp_path / "home", XDG_CONFIG_HOME=str(tmp_path / "config"))
    del env["GLM_LANG"]
    folder = tmp_path / "config" / "glm-mcp"
    folder.mkdir(parents=True)
    (folder / "env").write_text("GLM_LANG=zh\n", encoding="utf-8")
    assert "用法：" in ran([*COMMAND, "--help"], env, tmp_path).stdout


def test_no_line_of_the_help_is_wider_than_the_terminal(tmp_path: Path) -> None:
    env = environment(tmp_path / "home", GLM_LANG="zh", COLUMNS="80")
    shown = ran([*COMMAND, "--help"], env, tmp_path).stdout
    wide = [line for line in shown.splitlines() if sum(1 + (c > "\u2e7f") for c in line) > 80]
    assert wide == []


@each(
    ("args", "said"),
    [
        (("install",), "本机没有找到宿主程序"),
        (("install", "codex"), "已添加 glm。\nCodex 会等此服务器就绪"),
        (("install", "codex", "--remove"), "没有 glm；没有改动。"),
        (("key", "--show"), "没有设置密钥。"),
        (("key", "--remove"), "里没有密钥。"),
        (("token", "list"), "里没有人持有令牌"),
        (("models",), "思考可开关；免费；端点：zhipu, zai"),
        (("list",), "  ocr(image)\n      逐字写出图片里的全部文字"),
        (("doctor", "--live"), "用你的密钥最多发起 25 次小调用"),
    ],
)
def test_what_a_command_prints_is_chinese_too(args: tuple[str, ...], said: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = ran([*COMMAND, *args], environment(home, GLM_LANG="zh", COLUMNS="80"), tmp_path)
    assert said in done.stdout + done.stderr


def test_machine_output_stays_english(tmp_path: Path) -> None:
    env = environment(tmp_path / "home", GLM_LANG="zh")
    for args in (
        ("models", "--format", "json"),
        ("list", "--format", "json"),
        ("doctor", "--format", "json"),
    ):
        assert not re.search("[\u4e00-\u9fff]", ran([*COMMAND, *args], env, tmp_path).stdout), args
