"""The two READMEs say what the code does: tables, commands, calls, links and the transcript are compared with it."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import pytest
from support.connect import Connect
from support.paths import ROOT
from support.toolkit import text_of

from glm_mcp import clients, errors, kept, uploads
from glm_mcp.cli import main
from glm_mcp.cli.call_line import Stdin, given_arguments
from glm_mcp.media import formats
from glm_mcp.media.video import sampling
from glm_mcp.registry import CARDS, CHAINS, SIZES
from glm_mcp.samples import FOLDER
from glm_mcp.server.app import TOOLS, Folders
from glm_mcp.settings import KEY_NAMES, KEY_PAGE, Settings, may_be, variable
from glm_mcp.simulator import Reply, Simulator
from glm_mcp.tools import sources
from glm_mcp.tools.arguments import AnswerArgs, Arg, arguments_of, read
from glm_mcp.tools.tasks import DOCUMENT, IMAGE, VIDEO

PAGES = ("README.md", "README.zh-CN.md")
OTHER_PAGES = ("CHANGELOG.md", "CONTRIBUTING.md", "docs/self-hosted.md", "docs/team.md")

# Every row, scenario and tab of the vendor's model pages, by its own name.
SCENARIOS = (
    # glm-4.6v-flash: pictures, video, documents, the four scenarios
    *("通用OCR识别", "复杂表格解析", "抗干扰识别", "商品属性识别", "图像内容分析", "瑕疵缺陷检测"),
    *("图片反推提示词", "物体检测与计数", "视频内容标签", "关键帧提取", "事件时间轴构建"),
    *("智能分镜与脚本生成", "爆款视频热点拆解", "视频巡检", "视频问答", "版式还原与重构", "跨页逻辑理解"),
    *("文档智能问答", "多文档关联分析", "智能图文混排与内容创作", "视觉驱动的识图购物与导购 Agent"),
    *("前端复刻与多轮视觉交互开发", "长上下文的文档与视频理解"),
    # glm-4.7-flash
    *("Agentic Coding", "多模态交互与实时应用开发", "前端视觉审美优化", "高质量对话与复杂问题协作"),
    *("沉浸式写作与角色驱动创作", "专业级 PPT / 海报生成", "智能搜索与 Deep Research"),
    # glm-4.1v-thinking-flash
    *("图片问答", "学科解题", "GUI Agent", "前端网页 Coding", "视觉锚定与实体定位"),
    # glm-4v-flash
    *("图表问答", "社交媒体内容生成", "教育应用", "质量检测", "商品描述生成", "肤质图片测试建议"),
    # cogview-3-flash
    *("多分辨率支持", "PPT 配图"),
)

KINDS = {
    "text": ("a text", "文本"),
    "texts": ("a text or a list", "文本或列表"),
    "integer": ("a whole number", "整数"),
    "number": ("a number", "数字"),
    "time": ("a time", "时间"),
    "flag": ("true or false", "true 或 false"),
    "thinking": ("true, false, show", "true、false、show"),
    "json": ("true or a JSON Schema", "true 或 JSON Schema"),
    "dicts": ("a list of objects", "对象列表"),
    "pages": ("page numbers", "页码"),
}


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


# The tables as the code has them


def takes(arg: Arg, lang: int) -> str:
    """What an argument may be, in English (0) or Chinese (1)."""
    if arg.choices:
        return ", ".join(f"`{c}`" for c in arg.choices)
    words = KINDS[arg.kind][lang]
    if arg.minimum is None or arg.maximum is None:
        return words
    return (
        f"{words}, {arg.minimum:g}–{arg.maximum:,.0f}"
        if lang == 0
        else f"{words}，{arg.minimum:g}–{arg.maximum:,.0f}"
    )


def setting_default(field: str) -> str:
    value = Settings.model_fields[field].default
    if isinstance(value, bool):
        return "`1`" if value else "`0`"
    if value is None or value == ():
        return ""
    if field == "tools":
        return "all five"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def setting_row(field: str) -> tuple[str, str, str, str]:
    """Variable, default, what it may be, meaning."""
    # The README is written where folders are separated by a colon.
    allowed = may_be(field).replace(f"'{os.pathsep}'", "':'")
    return (
        f"`{variable(field)}`",
        setting_default(field),
        allowed,
        Settings.model_fields[field].description or "",
    )


def table(text: str, first_cell: str) -> list[list[str]]:
    """The rows of the table whose header begins with `first_cell`."""
    rows: list[list[str]] = []
    inside = False
    for line in text.splitlines():
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if line.startswith("|") and cells[0] == first_cell:
            inside = True
        elif inside and not line.startswith("|"):
            break
        elif inside and not set(line) <= set("|-: "):
            rows.append(cells)
    assert rows, f"no table begins with {first_cell!r}"
    return rows


def section(text: str, heading: str) -> str:
    """The text under a heading, up to the next of the same or a higher level."""
    found = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    assert found, f"no section {heading!r}"
    rest = text[found.end() :]
    end = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


# Commands and calls


def code_blocks(text: str, *languages: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [body for language, body in found if not languages or language in languages]


def spans(text: str) -> list[str]:
    outside = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return [s.strip() for s in re.findall(r"`([^`\n]+)`", outside)]


def shell_lines(text: str) -> Iterator[str]:
    for block in code_blocks(text, "bash", "sh", "powershell"):
        for line in block.replace("\\\n", " ").splitlines():
            if line.strip() and not line.lstrip().startswith("#"):
                yield line.strip()


def commands(text: str) -> list[list[str]]:
    """The arguments of every `glm-mcp …` that the text shows."""
    found = []
    for line in [*shell_lines(text), *(s for s in spans(text) if re.match(r"(\w+=\S+ )*glm-mcp\b", s))]:
        words = shlex.split(line, comments=True)
        for place, word in enumerate(words):
            if Path(word).name == "glm-mcp" and all("=" in w for w in words[:place] if w != "--"):
                found.append([w for w in words[place + 1 :] if w != "&"])
                break
    return found


def calls(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Every tool call that the text shows, as `glm-mcp call …` or short in a table."""
    lists = [c[1:] for c in commands(text) if c[:1] == ["call"] and c[1:]]
    lists += [shlex.split(s) for s in spans(text) if re.match(rf"({'|'.join(TOOLS)}) (--json|\w+=)", s)]
    return [given(words) for words in lists]


class NothingPiped(Stdin):
    piped = False


def given(words: list[str]) -> tuple[str, dict[str, Any]]:
    """Tool and arguments as the command reads them."""
    context = main.call.make_context("call", list(words))
    params = context.params
    rows = arguments_of(TOOLS[params["tool"]].args)
    return params["tool"], given_arguments(rows, params["arguments"], params["as_json"], NothingPiped())


def scenario_calls(text: str) -> list[tuple[str, dict[str, Any]]]:
    heading = "What the vendor's pages promise"
    return calls(section(text, heading if f"## {heading}" in text else "官方页面的场景怎么调用"))


# The tests


@pytest.mark.parametrize("name", PAGES)
def test_every_setting_tool_argument_error_command_model_and_task_is_named(name: str) -> None:
    text = page(name)
    kinds = {c.kind for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.GLMError)}
    tables = (IMAGE, VIDEO, DOCUMENT)
    wanted = {
        *map(variable, Settings.model_fields),
        *KEY_NAMES,
        *TOOLS,
        *(a.name for t in TOOLS.values() for a in arguments_of(t.args)),
        *kinds,
        *CARDS,
        *(task for tasks in tables for task in tasks),
        *SIZES,
        *(f"glm-mcp {command}" for command in main.cli.commands),
    }
    assert not [word for word in sorted(wanted) if word not in text]
    assert KEY_PAGE in text


@pytest.mark.parametrize("name", PAGES)
def test_every_scenario_of_the_vendor_has_a_call(name: str) -> None:
    text = page(name)
    assert not [s for s in SCENARIOS if s not in text]
    assert len(scenario_calls(text)) >= len(SCENARIOS)


def test_the_settings_table_is_that_of_the_code() -> None:
    assert [tuple(r) for r in table(page("README.md"), "Variable")] == [
        setting_row(f) for f in Settings.model_fields
    ]


def test_the_chinese_settings_table_has_the_same_variables_and_defaults() -> None:
    rows = table(page("README.zh-CN.md"), "变量")
    assert [(r[0], r[1].replace("全部五个", "all five")) for r in rows] == [
        setting_row(f)[:2] for f in Settings.model_fields
    ]
    assert all(r[2] and r[3] for r in rows)


@pytest.mark.parametrize(
    ("name", "header", "lang"), [("README.md", "Argument", 0), ("README.zh-CN.md", "参数", 1)]
)
@pytest.mark.parametrize("tool", TOOLS)
def test_the_argument_table_of_a_tool_is_that_of_the_code(
    tool: str, name: str, header: str, lang: int
) -> None:
    shared = {a.name for a in arguments_of(AnswerArgs)}
    own = [a for a in arguments_of(TOOLS[tool].args) if a.name not in shared]
    assert_rows(table(section(page(name), f"`{tool}`"), header), own, lang)


@pytest.mark.parametrize(
    ("name", "heading", "header", "lang"),
    [("README.md", "Common arguments", "Argument", 0), ("README.zh-CN.md", "通用参数", "参数", 1)],
)
def test_the_table_of_common_arguments_is_that_of_the_code(
    name: str, heading: str, header: str, lang: int
) -> None:
    assert_rows(table(section(page(name), heading), header), arguments_of(AnswerArgs), lang)


def assert_rows(rows: Sequence[Sequence[str]], args: Sequence[Arg], lang: int) -> None:
    required = (" (required)", "（必填）")[lang]
    assert [tuple(r[:2]) for r in rows] == [
        (f"`{a.name}`" + required * a.required, takes(a, lang)) for a in args
    ]
    assert all(r[2] for r in rows)
    if lang == 0:
        assert not [a.name for r, a in zip(rows, args, strict=True) if not r[2].startswith(a.doc)]


@pytest.mark.parametrize(("name", "header"), [("README.md", "Tool"), ("README.zh-CN.md", "工具")])
def test_the_table_of_chains_is_that_of_the_code(name: str, header: str) -> None:
    rows = table(page(name), header)
    assert [r[0] for r in rows] == [f"`{t}`" for t in TOOLS]
    vision = [m for m in CHAINS["vision"] if not CARDS[m].last_resort]
    chains = {
        "chat": CHAINS["chat"],
        "describe_image": CHAINS["vision"],
        "analyze_video": [m for m in vision if CARDS[m].video],
        "read_document": [*vision, *CHAINS["document"]],
        "generate_image": CHAINS["image"],
    }
    for row in rows:
        assert [m for m in re.findall(r"`([^`]+)`", row[2]) if m in CARDS] == list(chains[row[0].strip("`")])


@pytest.mark.parametrize(("name", "header"), [("README.md", "Kind"), ("README.zh-CN.md", "类型")])
def test_the_error_table_has_every_kind_once(name: str, header: str) -> None:
    kinds = [c.kind for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.GLMError)]
    named = [r[0].strip("`") for r in table(page(name), header)]
    assert sorted(named) == sorted(set(kinds))


@pytest.mark.parametrize("name", PAGES)
def test_the_figures_among_the_limits_are_those_of_the_code(name: str) -> None:
    text = page(name)
    small = CARDS["glm-4v-flash"]
    figures = {
        f"{clients.UNKNOWN.budget:,}",
        f"{clients.CLIENTS['claude-code'].budget:,}",
        f"{clients.UNKNOWN.deadline_s:.0f}",
        f"{clients.CLIENTS['claude-code'].deadline_s:.0f}",
        f"{small.context:,}",
        f"{small.max_tokens:,}",
        f"{small.image_bytes // 10**6} MB",
        f"{kept.MAX_BYTES // 10**6} MB",
        f"{kept.MAX_AGE_DAYS:.0f}",
        f"{formats.largest('image') // uploads.MIB} MB",
        f"{formats.largest('video') // uploads.MIB // 1024} GB",
        f"{sources.DOWNLOAD_BYTES // uploads.MIB} MB",
        f"{formats.KINDS['docx'].limit_mb} MB",
        f"{formats.KINDS['text'].limit_mb} MB",
        str(sampling.MAXIMUM_FRAMES),
    }
    assert not [figure for figure in sorted(figures) if figure not in text]
    assert (sampling.MAXIMUM_PARTS, sampling.LONG) == (4, 600)  # in words there


@pytest.mark.parametrize("name", [*PAGES, *OTHER_PAGES])
def test_every_command_shown_is_one_that_the_program_takes(name: str) -> None:
    shown = commands(page(name))
    assert shown or name == "CONTRIBUTING.md"
    for words in shown:
        if words == ["--help"] or not words:
            continue
        group = main.cli.make_context("glm-mcp", list(words))
        rest = [*group._protected_args, *group.args]  # noqa: SLF001 - where click keeps the subcommand
        if not rest:
            continue
        command = main.cli.commands.get(rest[0])
        assert command is not None, words
        mention = len(rest) == 1  # the text speaks of the command, without its arguments
        command.make_context(rest[0], rest[1:], parent=group, resilient_parsing=mention)


@pytest.mark.parametrize("name", [*PAGES, *OTHER_PAGES])
def test_every_script_shown_is_there(name: str) -> None:
    for line in shell_lines(page(name)):
        first = shlex.split(line, comments=True)[0]
        if first.startswith("./"):
            assert os.access(ROOT / first, os.X_OK), line


@pytest.mark.parametrize("name", PAGES)
def test_every_call_shown_has_arguments_that_the_tool_takes(name: str) -> None:
    shown = calls(page(name))
    assert {tool for tool, _ in shown} == set(TOOLS)
    for tool, arguments in shown:
        assert read(tool, TOOLS[tool].args, arguments)


def test_both_languages_show_the_same_kinds_of_call_for_the_scenarios() -> None:
    english, chinese = (
        [(tool, arguments.get("task"), sorted(arguments)) for tool, arguments in scenario_calls(page(name))]
        for name in PAGES
    )
    assert english == chinese


@pytest.mark.anyio
async def test_every_call_of_the_scenario_table_is_answered(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    shown = [c for c in scenario_calls(page("README.md")) if "https://" not in str(c)]  # made-up addresses
    for _, arguments in shown:
        lend(arguments, folders.cwd)
    async with connect(client="glm-mcp") as client:
        for tool, arguments in shown:
            if "json" in arguments:
                sim.queue(Reply("{}"))  # simulated models that see answer in prose
            result = await client.call_tool(tool, arguments)
            assert not result.is_error, (tool, arguments, text_of(result))


@pytest.mark.anyio
@pytest.mark.parametrize("name", PAGES)
async def test_the_boxes_shown_are_those_that_the_simulator_gives(
    connect: Connect, folders: Folders, name: str
) -> None:
    shown = re.search(r"^`locate` [^\n]*\n\n```text\n(.*?)\n```", page(name), re.MULTILINE | re.DOTALL)
    call = next(arguments for _, arguments in calls(page(name)) if arguments.get("task") == "locate")
    shutil.copy(FOLDER / "chart.png", folders.cwd / "chart.png")
    async with connect() as client:
        result = await client.call_tool("describe_image", {**call, "images": "chart.png"})
    assert shown
    assert text_of(result).startswith(shown[1] + "\nDrawn: ")


def lend(arguments: dict[str, Any], folder: Path) -> None:
    """A sample under every file name that the arguments mention."""
    kinds = {".jpg": "photo.jpg", ".png": "chart.png", ".mp4": "clip.mp4"}
    named = [arguments.get(k) for k in ("images", "video", "documents", "files")]
    for item in [i for n in named if n for i in (n if isinstance(n, list) else [n])]:
        name = item.partition("#")[0]
        if "://" in name or name == "clipboard":
            continue
        for target in [name.replace("*", "1"), name.replace("*", "2")]:
            path = folder / target
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix in {".html", ".py", ".md", ".csv"}:
                path.write_text("<p>hello</p>\n", encoding="utf-8")
            else:
                shutil.copy(FOLDER / kinds.get(path.suffix, "report.pdf"), path)


@pytest.mark.parametrize("name", [*PAGES, *OTHER_PAGES])
def test_every_relative_link_leads_to_a_file(name: str) -> None:
    text = page(name)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in anchors(text), target
        elif not re.match(r"https?:", target):
            assert (ROOT / target.partition("#")[0]).exists(), target


def anchors(text: str) -> set[str]:
    """The anchors of the headings, as the usual Markdown sites make them."""
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in heads}


def test_the_languages_link_to_each_other_at_the_top() -> None:
    for name, other in (PAGES, PAGES[::-1]):
        assert f"]({other})" in "\n".join(page(name).splitlines()[:5])


@pytest.mark.parametrize("name", PAGES)
def test_the_first_code_block_is_the_two_commands(name: str) -> None:
    lines = [line.partition("#")[0].strip() for line in code_blocks(page(name))[0].splitlines()]
    assert lines == ["./scripts/demo", "./scripts/test"]


@pytest.mark.parametrize("name", [*PAGES, *OTHER_PAGES])
def test_nobody_is_sent_to_the_package_of_a_stranger(name: str) -> None:
    assert not re.search(
        r"(uvx|pipx run|pipx install|pip install|uv tool install)\s+['\"]?glm-mcp", page(name)
    )


@pytest.mark.parametrize("name", [*PAGES, *OTHER_PAGES])
def test_no_page_holds_a_key_or_a_path_of_one_machine(name: str) -> None:
    text = page(name)
    assert not re.search(r"[0-9a-f]{32}\.\w{8,}", text)
    assert not re.search(r"/(?:home|Users|root|work)/\w", text)


def test_the_contributing_page_names_files_that_exist() -> None:
    named = [
        s
        for s in spans(page("CONTRIBUTING.md"))
        if re.fullmatch(r"(glm_mcp|tests|scripts|manifests)/[\w./-]*", s)
    ]
    assert named
    assert not [s for s in named if not (ROOT / s).exists()]


def test_the_transcript_is_what_the_demo_prints(tmp_path: Path) -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "transcript"))
    now = script["comparable"](script["demo"](tmp_path))
    assert "All 5 answered in 0.0 s, SIMULATED." in now
    for name in PAGES:
        assert script["comparable"](script["shown"](page(name))) == now


def test_click_reads_what_a_shell_would() -> None:
    assert isinstance(main.cli, click.Group)
    assert commands("```bash\nA=1 glm-mcp call chat prompt='a b' # c\n```") == [
        ["call", "chat", "prompt=a b"]
    ]
    assert calls('| `chat prompt="a b"` |') == [("chat", {"prompt": "a b"})]
