"""Paths that try to get out, at the tools themselves: no secret comes back, none goes to the service, nothing hangs."""

from __future__ import annotations

import itertools
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from support.connect import Connect
from support.toolkit import call, png, text_of

from glm_mcp.atomic_files import write_here
from glm_mcp.errors import GLMError
from glm_mcp.media.kept.outputs import Outputs
from glm_mcp.sandbox import Sandbox
from glm_mcp.server.app import Folders
from glm_mcp.simulator import Simulator

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.extreme,
    pytest.mark.skipif(os.name == "nt", reason="links and pipes as POSIX has them"),
]

SECRET = "TopSecretOfSomebody"
KINDS = ("forbidden_path: ", "not_found: ", "invalid_request: ", "unsupported_media: ", "forbidden_url: ")

# {out}: a folder outside, {home}: home, {cwd}: the working folder.
PATHS = (
    *("{out}/secret.txt", "../../outside/secret.txt", "a/../../../outside/secret.txt", "./.././../outside/secret.txt"),
    *("file://{out}/secret.txt", "file://localhost{out}/secret.txt", "FILE://{out}/secret.txt"),
    *("file:{out}/secret.txt", "@{out}/secret.txt", "'{out}/secret.txt'", '"{out}/secret.txt"', " {out}/secret.txt "),
    *("file://{out}/%73ecret.txt", "file:///..{out}/secret.txt", "%2e%2e/%2e%2e/outside/secret.txt"),
    *("..%2f..%2foutside%2fsecret.txt", "..\\..\\outside\\secret.txt", "..%5c..%5coutside%5csecret.txt"),
    *("{out}/*.txt", "../../out*/secret.txt", "../../{{outside,x}}/secret.txt", "{out}/**", "**/../../../outside/*"),
    *("link.txt", "links/secret.txt", "chain", "loop", "link.txt#page=1", "links/../secret.txt"),
    *("~/.ssh/id_rsa", "~/.ssh/../.ssh/id_rsa", "~/.SSH/id_rsa", "{home}/.env", ".env", "server.pem", ".git/config"),
    *("~root/.ssh/id_rsa", "~{home}/.ssh/id_rsa", "$HOME/.ssh/id_rsa", "${{HOME}}/.env", "%HOME%/.env"),
    *("ssh-link", "hidden-link", "~/.hidden/notes.txt", "~/.hidden/gif.txt", "~/.hidden/pdf.txt"),
    *("/etc/passwd", "/etc/shadow", "/etc//passwd", "//etc/passwd", "/etc/./passwd", "/./etc/passwd"),
    *("/proc/self/environ", "/proc/self/cmdline", "/proc/self/fd/0", "/proc/1/environ", "/proc/self/root/etc/passwd"),
    *("/proc/self/cwd/a.txt", "/dev/zero", "/dev/random", "/dev/stdin", "/dev/fd/0", "/dev/tty", "/sys/kernel/notes"),
    *("pipe", "folder", "proc-link", "zero-link", ".", "..", "/", "~", "{cwd}"),
    *("a.txt\0.png", "\0", "a\0", "\ud800.txt", "a" * 300, "a/" * 3000, "/" * 5000, "文" * 200, "x" * 100_000),
    *("\\\\server\\share\\a.txt", "//server/share/a.txt", "\\\\?\\C:\\a.txt", "\\\\.\\pipe\\x", "C:\\Windows\\win.ini"),
    *("C:a.txt", "c:/windows/win.ini", "CON", "NUL", "aux.txt", "a.txt:stream", "a.txt::$DATA", "COM1.png"),
    # dots, slashes and letters that only look so
    *("．．/．．/outside/secret.txt", "..∕..∕outside∕secret.txt", "‥/‥/outside/secret.txt", "..／..／outside／secret.txt"),
    *("~/.ｓｓｈ/id_rsa", "~/.s\u200bsh/id_rsa", "~/.\u0455sh/id_rsa", "\u202e~/.ssh/id_rsa", "~/.ssh\u00a0/id_rsa"),
    *("A.TXT/../../../outside/secret.txt", "a.txt/../../outside/secret.txt", "a.txt/", "-rf", "--help", "*", "?", "[", "[!"),
    *(".e?v", "[.]env", "{{.env,.git/config}}", "**/.env", ".env*", "~/.s*/id_*", "~/.[s]sh/*", "~/.ssh/*", ".*/config", "*.pem"),
    *("file:.env", "file:///%65tc/passwd", "file:////etc/passwd", "file://{cwd}/%2eenv", "file:///etc/passwd%00.png", ".env#page=1"),
    *("./.env", ".ENV", "prod.env", ".env/", ".env\n", ".en\u0301v/../.env", "{cwd}/../work/.env", "/proc/self/cwd/.env", "hard.txt"),
    *("concat:/etc/passwd|a.txt", "subfile:,,start,0,end,9,,:/etc/passwd", "pipe:0", "cache:/etc/passwd", "jar:file:///etc/passwd!/"),
    *("glm://outputs/../../outside/secret.txt", "glm://outputs/%2e%2e", "glm://outputs/", "GLM://OUTPUTS/x", "clipboard "),
)  # fmt: skip


@pytest.fixture
def world(folders: Folders, tmp_path: Path) -> Folders:
    """A secret in every place that is closed, and links and odd things that lead there."""
    outside, work, home = tmp_path / "outside", folders.cwd, folders.home
    secrets = [
        *(outside / "secret.txt", home / ".ssh/id_rsa", home / ".env", home / ".hidden/notes.txt"),
        *(work / ".env", work / "prod.env", work / "server.pem", work / ".git/config"),
    ]
    for path in secrets:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SECRET, encoding="utf-8")
    # Texts that begin as a picture and a PDF do, which hidden places are open to.
    (home / ".hidden/gif.txt").write_bytes(b"GIF89a\n" + SECRET.encode())
    (home / ".hidden/pdf.txt").write_bytes(b"%PDF-1.7\n" + SECRET.encode())
    # A second name of a file cannot be told from its first; what a key holds can.
    key = home / ".ssh/id_ed25519"
    key.write_text(f"-----BEGIN OPENSSH PRIVATE {'KEY'}-----\n{SECRET}", encoding="utf-8")
    (work / "hard.txt").hardlink_to(key)
    (work / "a.txt").write_text("open", encoding="utf-8")
    (work / "a").mkdir()
    (work / "folder").mkdir()
    os.mkfifo(work / "pipe")
    for name, target in {
        "link.txt": outside / "secret.txt",
        "links": outside,
        "chain": work / "link.txt",
        "loop": work / "loop",
        "ssh-link": home / ".ssh/id_rsa",
        "hidden-link": home / ".hidden/notes.txt",
        "proc-link": Path("/proc/self/environ"),
        "zero-link": Path("/dev/zero"),
    }.items():
        (work / name).symlink_to(target)
    return folders


@pytest.mark.parametrize("tool", ["read_document", "chat", "describe_image", "analyze_video"])
async def test_no_path_gets_out(
    tool: str, world: Folders, connect: Connect, sim: Simulator, tmp_path: Path
) -> None:
    async with connect(GLM_DEADLINE_S="10") as client:
        for path in PATHS:
            spelled = (
                path.format(out=tmp_path / "outside", home=world.home, cwd=world.cwd) if "{" in path else path
            )
            more = {"prompt": "hi", "files": [spelled]} if tool == "chat" else {}
            name = {"read_document": "documents", "describe_image": "images", "analyze_video": "video"}.get(
                tool
            )
            result = await call(client, tool, 15, **(more or {str(name): spelled}))
            text = text_of(result)
            assert SECRET not in text, path
            assert "root:x:0" not in text, path
            if path in {"*", "?", "a.txt/"}:
                continue  # patterns may find what is open
            assert result.is_error, (path, text)
            assert text.startswith(KINDS), (path, text)
    sent = [str(r.body) for r in sim.received]
    assert not [s for s in sent if SECRET in s or "root:x:0" in s]


@pytest.mark.parametrize(
    "output", ["../x.png", "/etc/x.png", "links/x.png", "~/.ssh/x.png", ".git/hooks/x.png", "a\0.png", "x/../../../y.png",
               "/proc/self/x.png", "\\\\server\\share\\x.png", "file:///etc/x.png", "x" * 300 + ".png", "link.txt", "zero-link",
               "http://example.com/x.png", "glm://outputs/x.png", "data:,x", "a/" * 2_000 + "x.png", "a\nb.png", "\u202egnp.x", "pipe",
               "~root/x.png", "$HOME/.ssh/x.png", "..\\..\\x.png", "%2e%2e/%2e%2e/x.png", "．．/x.png", "a.txt", "chain/x.png", "."]
)  # fmt: skip
async def test_no_output_gets_out_or_overwrites(
    output: str, world: Folders, connect: Connect, sim: Simulator, tmp_path: Path
) -> None:
    before = {p: p.lstat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file() or p.is_symlink()}
    async with connect() as client:
        result = await call(client, "generate_image", prompt="a hill", size="512x512", output=output)
    after = {p: p.lstat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file() or p.is_symlink()}
    assert {p: t for p, t in after.items() if p in before} == before
    inside = (world.cwd, world.cache, world.data)
    assert all(any(p.is_relative_to(i) for i in inside) for p in after.keys() - before.keys())
    hidden = [p for p in after.keys() - before.keys() if ".git" in p.parts]
    assert hidden == []
    if result.is_error:
        assert text_of(result).startswith(KINDS)


@pytest.mark.parametrize("output", ["file:///etc/x.png", "http://x.example/x.png", "glm://outputs/x", "data:,x", "a\nb.png", "a\tb.png", "\u202egnp.x", "a\u3164b.png", "a\u200bb.png", "a/" * 2_000 + "x.png"])  # fmt: skip
async def test_an_output_that_is_no_name_of_a_file_is_refused_before_anything_is_drawn(
    output: str, connect: Connect, world: Folders, sim: Simulator
) -> None:
    async with connect() as client:
        result = await call(client, "generate_image", prompt="a hill", output=output)
    assert text_of(result).startswith("invalid_request: "), text_of(result)
    assert sim.received == []


def swapping(change: Callable[[], None]) -> tuple[threading.Event, threading.Thread]:
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            change()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return over, thread


@pytest.mark.skipif(sys.platform != "linux", reason="renames and /proc as Linux has them")
@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_link_swapped_in_between_look_and_opening_never_gets_out(
    what: str, world: Folders, tmp_path: Path
) -> None:
    box = Sandbox(cwd=world.cwd, home=world.home, temp=world.temp)
    good, evil, place = world.cwd / "good", world.cwd / "evil", world.cwd / "swapped"
    if what == "file":
        good.write_text("open", encoding="utf-8")
        evil.symlink_to(tmp_path / "outside" / "secret.txt")
        asked = place
    else:
        good.mkdir()
        (good / "secret.txt").write_text("open", encoding="utf-8")
        evil.symlink_to(tmp_path / "outside")
        asked = place / "secret.txt"
    good.rename(place)

    def change() -> None:
        for first, second in ((place, good), (evil, place), (place, evil), (good, place)):
            with suppress(OSError):
                first.rename(second)

    over, thread = swapping(change)
    read = refused = 0
    try:
        for _ in range(4_000):
            try:
                file, _, _ = box.open(asked, suited=lambda head: head.startswith(png()[:4]))
            except GLMError:
                refused += 1
                continue
            with file:
                read += 1
                assert SECRET.encode() not in file.read()
    finally:
        over.set()
        thread.join(10)
    assert read
    assert refused


@pytest.mark.skipif(sys.platform != "linux", reason="renames and /proc as Linux has them")
@pytest.mark.parametrize("asked", ["pictures/", None])
def test_a_folder_swapped_for_a_link_while_a_file_is_written_leads_nothing_out(
    world: Folders, tmp_path: Path, asked: str | None
) -> None:
    box = Sandbox(cwd=world.cwd, home=world.home, temp=world.temp)
    outputs = Outputs(folder=None, cwd=world.cwd, data=world.data, cache=world.cache)
    place, outside = world.cwd / (asked or "glm-output"), tmp_path / "elsewhere"
    place.mkdir()
    outside.mkdir()
    names = (world.cwd / f"moved{n}" for n in itertools.count())
    swaps = 0

    def change() -> None:
        nonlocal swaps
        moved = next(names)
        with suppress(OSError):
            place.rename(moved)
        with suppress(OSError):
            place.symlink_to(outside)
            swaps += 1
        with suppress(OSError):
            place.unlink()
        with suppress(OSError):
            moved.rename(place)

    over, thread = swapping(change)
    written = 0
    try:
        for n in range(1_500):
            with suppress(GLMError):
                path = outputs.destination(asked, f"{n}.png", sandbox=box)
                written += outputs.write(path, b"x", sandbox=box).parent == place
    finally:
        over.set()
        thread.join(10)
    assert written
    assert swaps
    assert list(outside.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tell")
@pytest.mark.parametrize("name", ["link/x.png", "link/deeper/x.png"])
def test_a_checked_place_that_has_become_a_link_is_not_written_to(name: str, tmp_path: Path) -> None:
    (tmp_path / "outside/deeper").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(OSError, match=r"changed|directory|links"):
        write_here(tmp_path / name, b"x")
    assert [p for p in (tmp_path / "outside").rglob("*") if p.is_file()] == []
