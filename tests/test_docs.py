"""The READMEs and docs/ say what the code does: tables, commands, calls, links and the transcript are compared with it."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import pytest
from support.cases import each
from support.connect import Connect
from support.paths import ROOT
from support.processes import COMMAND, environment, ran
from support.toolkit import text_of

from glm_mcp import errors
from glm_mcp.cli import main
from glm_mcp.cli.call_line import Stdin, given_arguments
from glm_mcp.clients.row import LONG_S, UNKNOWN
from glm_mcp.clients.table import CLIENTS
from glm_mcp.install import install
from glm_mcp.install.config_file import dump
from glm_mcp.install.entry import Bearer, document, entry
from glm_mcp.media import formats
from glm_mcp.media.kept import cache, uploads
from glm_mcp.media.video import asked, sampling
from glm_mcp.registry import CARDS, CHAINS, SIZES
from glm_mcp.samples import FOLDER
from glm_mcp.server.app import TOOLS, Folders
from glm_mcp.settings import KEY_NAMES, KEY_PAGE, Settings, may_be, variable
from glm_mcp.simulator import Reply, Simulator
from glm_mcp.tools import sources
from glm_mcp.tools.arguments import AnswerArgs, Arg, arguments_of, read
from glm_mcp.tools.tasks import DOCUMENT, IMAGE, VIDEO

READMES = ("README.md", "README.zh-CN.md")
NAMES = (
    *("install", "tools", "documents", "scenarios", "settings", "errors"),
    *("terminal", "http", "simulator", "limits", "security"),
)
FOLDERS = ("docs", "docs/zh")
PAGES = (*READMES, *(f"{folder}/{name}.md" for folder in FOLDERS for name in NAMES))
OTHER_PAGES = (
    *("CHANGELOG.md", "CONTRIBUTING.md"),
    *sorted(
        {p.relative_to(ROOT).as_posix() for p in (ROOT / "docs").rglob("*.md")} - {*PAGES},
    ),
)
LINES = 170  # of a README: a front door
LANGS = (0, 1)  # English, Chinese

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
    "size": ("a size", "尺寸"),
    "flag": ("true or false", "true 或 false"),
    "thinking": ("true, false, show", "true、false、show"),
    "json": ("true or a JSON Schema", "true 或 JSON Schema"),
    "dicts": ("a list of objects", "对象列表"),
    "pages": ("page numbers", "页码"),
}


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def doc(name: str, lang: int) -> str:
    return page(f"{FOLDERS[lang]}/{name}.md")


def everything(lang: int) -> str:
    """All that is written in a language."""
    return "\n".join([page(READMES[lang]), *(doc(name, lang) for name in NAMES)])


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
    found = re.findall(r"^ *```(\w*)\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(body) for language, body in found if not languages or language in languages]


def spans(text: str) -> list[str]:
    outside = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)
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
    lists = [c[1:] for c in commands(text) if c[:1] == ["call"] and c[1:] and c[1] != "TOOL"]
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


# The tests


@pytest.mark.parametrize("lang", LANGS)
def test_every_setting_tool_argument_error_command_model_and_task_is_named(lang: int) -> None:
    text = everything(lang)
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


@pytest.mark.parametrize(("lang", "header"), [(0, "Command"), (1, "命令")])
def test_the_table_of_commands_has_every_one_once(lang: int, header: str) -> None:
    shown = [row[0] for row in table(doc("terminal", lang), header)]
    assert sorted(shown) == sorted(["`glm-mcp`", *(f"`glm-mcp {name}`" for name in main.cli.commands)])


@pytest.mark.parametrize("lang", LANGS)
def test_every_scenario_of_the_vendor_has_a_call(lang: int) -> None:
    text = doc("scenarios", lang)
    assert not [s for s in SCENARIOS if s not in text]
    assert len(calls(text)) >= len(SCENARIOS)


def test_the_settings_table_is_that_of_the_code() -> None:
    assert [tuple(r) for r in table(doc("settings", 0), "Variable")] == [
        setting_row(f) for f in Settings.model_fields
    ]


def test_the_chinese_settings_table_has_the_same_variables_and_defaults() -> None:
    rows = table(doc("settings", 1), "变量")
    assert [(r[0], r[1].replace("全部五个", "all five")) for r in rows] == [
        setting_row(f)[:2] for f in Settings.model_fields
    ]
    assert all(r[2] and r[3] for r in rows)


@each(("lang", "header"), tuple(enumerate(("Argument", "参数"))))
@each("tool", TOOLS)
def test_the_argument_table_of_a_tool_is_that_of_the_code(tool: str, header: str, lang: int) -> None:
    shared = {a.name for a in arguments_of(AnswerArgs)}
    own = [a for a in arguments_of(TOOLS[tool].args) if a.name not in shared]
    assert_rows(table(section(doc("tools", lang), f"`{tool}`"), header), own, lang)


@pytest.mark.parametrize(
    ("heading", "header", "lang"), [("Common arguments", "Argument", 0), ("通用参数", "参数", 1)]
)
def test_the_table_of_common_arguments_is_that_of_the_code(heading: str, header: str, lang: int) -> None:
    assert_rows(table(section(doc("tools", lang), heading), header), arguments_of(AnswerArgs), lang)


def assert_rows(rows: Sequence[Sequence[str]], args: Sequence[Arg], lang: int) -> None:
    required = (" (required)", "（必填）")[lang]
    assert [tuple(r[:2]) for r in rows] == [
        (f"`{a.name}`" + required * a.required, takes(a, lang)) for a in args
    ]
    assert all(r[2] for r in rows)
    if lang == 0:
        assert not [a.name for r, a in zip(rows, args, strict=True) if not r[2].startswith(a.doc)]


@pytest.mark.parametrize(("lang", "header"), tuple(enumerate(("Tool", "工具"))))
def test_the_table_of_chains_is_that_of_the_code(lang: int, header: str) -> None:
    rows = table(doc("tools", lang), header)
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


@pytest.mark.parametrize(("lang", "header"), tuple(enumerate(("Kind", "类型"))))
def test_the_error_table_has_every_kind_once(lang: int, header: str) -> None:
    kinds = [c.kind for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.GLMError)]
    named = [r[0].strip("`") for r in table(doc("errors", lang), header)]
    assert sorted(named) == sorted(set(kinds))


@pytest.mark.parametrize("lang", LANGS)
def test_the_figures_among_the_limits_are_those_of_the_code(lang: int) -> None:
    small = CARDS["glm-4v-flash"]
    short = {  # in the README too
        f"{UNKNOWN.budget:,}",
        f"{CLIENTS['claude-code'].budget:,}",
        f"{formats.largest('image') // uploads.MIB} MB",
        f"{formats.largest('video') // uploads.MIB // 1024} GB",
        f"{sources.DOWNLOAD_BYTES // uploads.MIB} MB",
        f"{formats.KINDS['docx'].limit_mb} MB",
        str(asked.MAXIMUM_FRAMES),
    }
    figures = short | {
        f"{small.context:,}",
        f"{small.max_tokens:,}",
        f"{small.image_bytes // 10**6} MB",
        f"{formats.KINDS['text'].limit_mb} MB",
    }
    times = {
        f"{UNKNOWN.deadline_s:.0f}",
        f"{CLIENTS['claude-code'].deadline_s:.0f}",
    }
    stay = {f"{cache.MAX_BYTES // 10**6} MB", f"{cache.MAX_AGE_DAYS:.0f}"}
    for name, wanted in (("limits", figures), ("install", times), ("http", times), ("security", stay)):
        assert not [figure for figure in sorted(wanted) if figure not in doc(name, lang)], name
    front = section(page(READMES[lang]), ("Limits", "限制")[lang])
    assert not [figure for figure in sorted(short | times) if figure not in front]
    assert (sampling.MAXIMUM_PARTS, sampling.LONG) == (4, 600)  # in words there


@pytest.mark.parametrize(("lang", "header"), tuple(enumerate(("Files", "文件"))))
def test_the_table_of_files_that_are_read_is_that_of_the_code(lang: int, header: str) -> None:
    shown = {}
    for _, suffixes, largest in table(doc("documents", lang), header):
        number, unit = largest.split()
        size = int(number) * (1024 if unit == "GB" else 1)
        for suffix in re.findall(r"`([^`]+)`", suffixes):
            assert suffix not in shown
            shown[suffix] = size
    assert shown == {
        s: kind.limit_mb for kind in formats.KINDS.values() if kind.reader for s in kind.suffixes
    }


@pytest.mark.parametrize(("lang", "header"), tuple(enumerate(("Not read", "不可读"))))
def test_the_table_of_files_that_are_not_read_says_what_their_refusal_says(lang: int, header: str) -> None:
    shown = {
        suffix: fix
        for suffixes, fix in table(doc("documents", lang), header)
        for suffix in re.findall(r"`([^`]+)`", suffixes)
    }
    said = {s: kind.fix for kind in formats.KINDS.values() if not kind.reader for s in kind.suffixes}
    assert shown.keys() == said.keys()
    if lang == 0:
        assert shown == said


@each("page", ["docs/install.md", "docs/zh/install.md"])
def test_the_hosts_whose_time_limit_is_raised_are_those_of_the_code(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    said = next(line for line in text.splitlines() if line.startswith("`glm-mcp install` ") and "280" in line)
    raised = {c.title for c in CLIENTS.values() if c.written_s == LONG_S}
    assert {c.title for c in CLIENTS.values() if c.title in said.partition("280")[0]} == raised | {
        "Claude Code"
    }


def test_the_help_of_install_names_every_host() -> None:
    text = main.cli.commands["install"].help or ""
    named = text.rpartition("HOST: ")[2].split(".")[0].replace(" or ", " ").replace("\n", " ")
    assert [name.strip() for name in named.split(",")] == [*CLIENTS, "print"]


@pytest.mark.parametrize(("lang", "header"), tuple(enumerate(("Host", "宿主"))))
def test_the_lines_for_hosts_over_http_write_what_the_table_shows(lang: int, header: str) -> None:
    text = section(doc("http", lang), ("Add it to a host", "加入宿主")[lang])
    lines = [c for c in commands(text) if c[:1] == ["install"]]
    rows = table(text, header)
    assert len(lines) == len(rows) == 4
    for words, row in zip(lines, rows, strict=True):
        given = main.cli.commands["install"].make_context("install", words[1:]).params
        client = CLIENTS[given["host"]]
        assert client.title in row[0]
        made = entry(client, [], url=given["url"], bearer=Bearer(given["token_env"]))
        form = re.search(r"`(.+)`", row[1])
        if client.refers:
            assert form
            assert form[1] in dump(client, document(client, {"glm": made}))
        else:
            assert not form


@each("name", [*PAGES, *OTHER_PAGES])
def test_every_command_shown_is_one_that_the_program_takes(name: str) -> None:
    for words in commands(page(name)):
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


@each("name", [*PAGES, *OTHER_PAGES])
def test_every_script_shown_is_there(name: str) -> None:
    for line in shell_lines(page(name)):
        first = shlex.split(line, comments=True)[0]
        if first.startswith("./"):
            assert os.access(ROOT / first, os.X_OK), line


@each("name", [*PAGES, *OTHER_PAGES])
def test_every_call_shown_has_arguments_that_the_tool_takes(name: str) -> None:
    shown = calls(page(name))
    if name.endswith(("tools.md", "scenarios.md")):
        assert {tool for tool, _ in shown} == set(TOOLS)
    for tool, arguments in shown:
        assert read(tool, TOOLS[tool].args, arguments)


@each("name", NAMES)
def test_both_languages_show_the_same_commands_and_kinds_of_call(name: str) -> None:
    english, chinese = (
        [(tool, arguments.get("task"), sorted(arguments)) for tool, arguments in calls(doc(name, lang))]
        for lang in LANGS
    )
    assert english == chinese
    assert len(commands(doc(name, 0))) == len(commands(doc(name, 1)))


@each("name", NAMES)
def test_both_languages_have_the_same_parts_and_tables(name: str) -> None:
    english, chinese = (re.findall(r"^(#+ |\||```)", doc(name, lang), re.MULTILINE) for lang in LANGS)
    assert english == chinese


@pytest.mark.anyio
async def test_every_call_of_the_scenario_table_is_answered(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    shown = [c for c in calls(doc("scenarios", 0)) if "https://" not in str(c)]  # made-up addresses
    for _, arguments in shown:
        lend(arguments, folders.cwd)
    async with connect(client="glm-mcp") as client:
        for tool, arguments in shown:
            if "json" in arguments:
                sim.queue(Reply("{}"))  # simulated models that see answer in prose
            result = await client.call_tool(tool, arguments)
            assert not result.is_error, (tool, arguments, text_of(result))


@pytest.mark.anyio
@pytest.mark.parametrize("lang", LANGS)
async def test_the_boxes_shown_are_those_that_the_simulator_gives(
    connect: Connect, folders: Folders, lang: int
) -> None:
    text = doc("tools", lang)
    shown = re.search(r"^`locate` [^\n]*\n\n```text\n(.*?)\n```", text, re.MULTILINE | re.DOTALL)
    call = next(arguments for _, arguments in calls(text) if arguments.get("task") == "locate")
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


@each("name", [*PAGES, *OTHER_PAGES])
def test_every_relative_link_leads_to_a_file(name: str) -> None:
    for target in links(name):
        path, _, anchor = target.partition("#")
        led = (ROOT / name).parent / path if path else ROOT / name
        assert led.resolve().is_relative_to(ROOT), target
        assert led.exists(), target
        assert not anchor or anchor in anchors(led.read_text(encoding="utf-8")), target


def links(name: str) -> list[str]:
    """What a page links to in this repository."""
    return [t for t in re.findall(r"\]\(([^)\s]+)\)", page(name)) if not re.match(r"https?:", t)]


def anchors(text: str) -> set[str]:
    """The anchors of the headings, as the usual Markdown sites make them."""
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in heads}


def test_the_languages_link_to_each_other_at_the_top() -> None:
    tops = {name: "\n".join(page(name).splitlines()[:4]) for name in PAGES}
    for name, other in (READMES, READMES[::-1]):
        assert f"]({other})" in tops[name]
    for name in NAMES:
        assert f"](zh/{name}.md)" in tops[f"docs/{name}.md"]
        assert f"](../{name}.md)" in tops[f"docs/zh/{name}.md"]


@pytest.mark.parametrize("lang", LANGS)
def test_every_page_is_there_and_the_front_door_leads_to_it(lang: int) -> None:
    assert {p.name for p in (ROOT / "docs" / "zh").iterdir()} == {f"{name}.md" for name in NAMES}
    others = {p.relative_to(ROOT).as_posix() for p in (ROOT / "docs").glob("*.md")} - set(PAGES)
    wanted = others | {f"{FOLDERS[lang]}/{name}.md" for name in NAMES}
    assert not sorted(wanted - set(links(READMES[lang])))


@pytest.mark.parametrize("lang", LANGS)
def test_a_readme_is_short_and_begins_with_a_picture_the_two_commands_and_the_way_in(lang: int) -> None:
    text = page(READMES[lang])
    assert len(text.splitlines()) <= LINES
    assert f"](docs/{('picture.svg', 'picture.zh-CN.svg')[lang]})" in text.partition("```")[0]
    assert text.count("](docs/picture") == 1
    first, way_in, *_ = code_blocks(text)
    assert [line.partition("#")[0].strip() for line in first.splitlines()] == [
        "./scripts/demo",
        "./scripts/test",
    ]
    assert [re.sub(r"^\.venv/bin/|( \S+ glm_mcp &&.*)?(\s+#.*)?$", "", li) for li in way_in.splitlines()] == [
        "git clone",
        "./scripts/demo",
        "glm-mcp key",
        "glm-mcp install claude-code",
    ]
    assert [row[0] for row in table(text, ("Tool", "工具")[lang])] == [f"`{tool}`" for tool in TOOLS]
    hosts = [
        row[1].partition("`:")[0].partition("`：")[0].strip("`")
        for row in table(text, ("Host", "宿主")[lang])
    ]
    assert sorted(hosts) == sorted(install.NAMES)


@each("name", [*PAGES, *OTHER_PAGES])
def test_nobody_is_sent_to_the_package_of_a_stranger(name: str) -> None:
    assert not re.search(
        r"(uvx|pipx run|pipx install|pip install|uv tool install)\s+['\"]?glm-mcp", page(name)
    )


@each("name", [*PAGES, *OTHER_PAGES])
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


@pytest.mark.parametrize("lang", LANGS)
def test_the_models_shown_are_those_that_the_command_prints(lang: int, tmp_path: Path) -> None:
    env = {**environment(tmp_path), "GLM_LANG": ("en", "zh")[lang], "COLUMNS": "300"}
    printed = ran([*COMMAND, "models"], env, tmp_path).stdout
    shown = next(b for b in code_blocks(doc("tools", lang), "text") if b.startswith("glm-4"))
    assert [line for line in shown.splitlines() if line not in printed.splitlines()] == []


def test_the_transcript_is_what_the_demo_prints(tmp_path: Path) -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "transcript"))
    now = script["comparable"](script["demo"](tmp_path))
    assert "All 5 answered in 0.0 s, SIMULATED." in now
    for lang in LANGS:
        assert script["comparable"](script["shown"](doc("terminal", lang))) == now


def test_a_picture_is_stale_when_a_word_or_a_picture_in_it_is_another_and_not_for_its_seconds() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "picture"))
    old = page("docs/picture.svg")
    assert "instead of" in old
    assert not script["differs"](old, re.sub(r"\d\.\d s", "9.9 s", old))
    assert "Stout" in script["differs"](old, old.replace("Stout", "Ale"))
    first, second, *_ = script["HREF"].findall(old)
    assert script["differs"](old, old.replace(second, first)) == "picture 2 in it"


def test_click_reads_what_a_shell_would() -> None:
    assert isinstance(main.cli, click.Group)
    assert commands("```bash\nA=1 glm-mcp call chat prompt='a b' # c\n```") == [
        ["call", "chat", "prompt=a b"]
    ]
    assert calls('| `chat prompt="a b"` |') == [("chat", {"prompt": "a b"})]
