"""A disk that takes no more: what was answered is not lost with what could not be written, and no half file stays."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.processes import LIMIT_S, Stdio, environment, ran, said

from glm_mcp.samples import FOLDER
from glm_mcp.simulator import Reply, Simulator

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="limits the files of another process"),
    pytest.mark.extreme,
]


@pytest.fixture
def server(sim: Simulator, tmp_path: Path) -> Iterator[Stdio]:
    """A server that can write 100 bytes a file and no more."""
    for name in ("photo.jpg", "chart.png", "clip.mp4"):
        shutil.copy(FOLDER / name, tmp_path)
    # A Python of this age takes half a file of bytecode for a whole one, and would leave it to those that come after.
    env = environment(tmp_path / "home", sim, PYTHONDONTWRITEBYTECODE="1")
    with Stdio(env, tmp_path) as started:
        started.initialize()
        full(started, 100)
        yield started


def full(server: Stdio, size: int) -> None:
    """From now on files of the server and of its workers end at `size` bytes."""
    import resource

    hard = resource.prlimit(server.popen.pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(server.popen.pid, resource.RLIMIT_FSIZE, (size, hard))


def written(tmp_path: Path) -> list[str]:
    """The files that calls have made; the record of the start is there before the disk is full, or not at all."""
    return sorted(p.name for p in (tmp_path / "home").rglob("*") if p.is_file() and p.parent.name != "start")


def test_a_long_answer_comes_as_far_as_it_fits(server: Stdio, sim: Simulator, tmp_path: Path) -> None:
    words = " ".join(f"much{n}" for n in range(40_000))
    sim.queue(Reply(words))
    result = server.call("chat", {"prompt": "say much"})
    assert not result.get("isError")
    assert said(result).startswith("much0 much1")
    assert f"of {len(words):,} characters shown. The rest could not be kept: nothing can be kept now" in said(
        result
    )
    assert "Free some space" in said(result)
    assert written(tmp_path) == []


def test_a_long_document_is_read_though_no_part_of_it_can_be_kept(
    server: Stdio, sim: Simulator, tmp_path: Path
) -> None:
    (tmp_path / "long.txt").write_text("All work and no play. " * 30_000, encoding="utf-8")
    result = server.call("read_document", {"documents": "long.txt", "prompt": "Sum it up"})
    assert not result.get("isError"), said(result)
    assert len(sim.received) == 3, "two parts and what combines them"
    assert "a part could not be kept" in said(result).splitlines()[-1]
    assert written(tmp_path) == []


def test_a_drawn_picture_that_cannot_be_saved_is_not_lost(
    server: Stdio, sim: Simulator, tmp_path: Path
) -> None:
    result = server.call("generate_image", {"prompt": "a hill", "size": "512x512"})
    assert result["isError"]
    assert said(result).startswith("config: there is no space left to write a-hill.png. ")
    address = said(result).split(" kept for 30 days at ")[1].split()[0]
    assert address.startswith(sim.origin)
    assert written(tmp_path) == []


def test_a_video_is_told_without_its_contact_sheet(server: Stdio, sim: Simulator, tmp_path: Path) -> None:
    full(server, 60_000)  # a frame fits, the sheet of all does not
    sim.queue(Reply("[0:00] a hill"))
    result = server.call("analyze_video", {"video": "clip.mp4", "task": "storyboard"})
    assert not result.get("isError"), said(result)
    assert said(result).startswith("Contact sheet: not saved: nothing can be kept now (")
    assert "[0:00] a hill" in said(result)
    assert written(tmp_path) == []


def test_code_that_cannot_be_saved_is_in_the_text(server: Stdio, sim: Simulator, tmp_path: Path) -> None:
    full(server, 500_000)  # the picture can be prepared
    code = "<html>" + "".join(f"<p>a hill, number {n}</p>" for n in range(30_000)) + "</html>"
    sim.queue(Reply(f"```html\n{code}\n```"))
    result = server.call("describe_image", {"images": "chart.png", "task": "ui_to_code"})
    assert not result.get("isError"), said(result)
    assert said(result).startswith("The code is not saved: there is no space left to write chart.html.")
    assert "<p>a hill, number 7</p>" in said(result)
    assert written(tmp_path) == []


def test_half_a_picture_is_never_sent(server: Stdio, sim: Simulator) -> None:
    result = server.call("describe_image", {"images": "photo.jpg", "task": "locate", "prompt": "the hill"})
    assert result["isError"]
    assert said(result).startswith("config: no temporary file can be written (")
    assert sim.received == []


def test_a_video_is_told_without_the_key_frames_that_cannot_be_saved(
    server: Stdio, sim: Simulator, tmp_path: Path
) -> None:
    sim.queue(Reply("[0:04] a hill"))
    result = server.call("analyze_video", {"video": "clip.mp4", "task": "keyframes"})
    assert not result.get("isError"), said(result)
    assert said(result).startswith("0:04.0 not saved: there is no space left to write clip-0-04.0.jpg. ")
    assert "[0:04] a hill" in said(result)
    assert written(tmp_path) == []


# In a file system of its own, where nothing can be written: neither home, nor a temporary folder, nor the working folder.
_READ_ONLY = """
mount --make-rprivate / || exit 77
for folder in "$@"; do mount --bind "$folder" "$folder" && mount -o remount,ro,bind "$folder" || exit 77; done
cd /proc
exec "$PYTHON" -P -m glm_mcp $WORDS
"""


def test_where_nothing_can_be_written_it_starts_and_says_what_cannot_be_done(tmp_path: Path) -> None:
    env = environment(tmp_path / "home") | {"PYTHON": sys.executable, "GLM_SIMULATE": "1"}
    env |= {"HOME": "/proc/nowhere", "TMPDIR": "/proc/nowhere", "GLM_ALLOWED_DIRS": str(FOLDER)}
    folders = [f for f in ("/tmp", "/var/tmp", "/usr/tmp") if Path(f).is_dir()]  # noqa: S108 - Python's own list
    if not can_mount(folders):
        pytest.skip("needs a mount namespace of its own")
    command = ("unshare", "-m", "sh", "-c", _READ_ONLY, "sh", *folders)
    with Stdio(env, tmp_path, command=command) as server:
        server.initialize()
        assert "I received text" in said(server.call("chat", {"prompt": "hello"}))
        drawn = server.call("generate_image", {"prompt": "a hill"})
        assert drawn["isError"]
        assert said(drawn).startswith("config: ")
        read = server.call("describe_image", {"images": str(FOLDER / "photo.jpg")})
        assert not read.get("isError"), said(read)
        assert server.end() < LIMIT_S


def test_where_nothing_can_be_written_doctor_names_the_folders(tmp_path: Path) -> None:
    env = environment(tmp_path / "home") | {"PYTHON": sys.executable, "WORDS": "doctor", "GLM_SIMULATE": "1"}
    env |= {"HOME": "/proc/nowhere", "TMPDIR": "/proc/nowhere"}
    folders = [f for f in ("/tmp", "/var/tmp", "/usr/tmp") if Path(f).is_dir()]  # noqa: S108 - as above
    if not can_mount(folders):
        pytest.skip("needs a mount namespace of its own")
    done = ran(["unshare", "-m", "sh", "-c", _READ_ONLY, "sh", *folders], env, tmp_path)
    assert done.returncode == 1
    assert "✗ output folder: /proc/nowhere/" in done.stdout, done.stderr
    assert "✗ cache folder: /proc/nowhere/" in done.stdout


def test_what_is_kept_where_there_is_no_cache_lies_in_one_private_place_that_the_next_server_knows(
    sim: Simulator, tmp_path: Path
) -> None:
    """A folder for each start would stay for ever, and nobody could read on."""
    own = tmp_path / "own"
    own.mkdir()
    home = tmp_path / "home"
    home.mkdir()
    (home / "long.txt").write_text("words\n" * 20_000, encoding="utf-8")
    env = environment(home, sim, GLM_CACHE_DIR="/proc/nowhere", TMPDIR=str(own), GLM_ALLOWED_DIRS=str(FOLDER))
    idents = []
    for _ in range(2):
        with Stdio(env, home) as server:
            server.initialize()
            idents += re.findall(
                r"glm://outputs/\w+", said(server.call("read_document", {"documents": "long.txt"}))
            )[:1]
            for ident in idents:
                assert "words" in said(server.call("read_document", {"documents": ident}))
            boxes = {"images": str(FOLDER / "photo.jpg"), "task": "locate", "prompt": "a boat"}
            marked = next(b for b in server.call("describe_image", boxes)["content"] if "uri" in b)
            assert server.request("resources/read", {"uri": marked["uri"]})["result"]["contents"]
    (place,) = own.iterdir()
    assert place.stat().st_mode & 0o777 == 0o700


def test_a_folder_of_somebody_elses_choice_is_not_the_place_of_what_is_kept(tmp_path: Path) -> None:
    own, theirs = tmp_path / "own", tmp_path / "theirs"
    own.mkdir()
    theirs.mkdir()
    (own / f"glm-mcp-{os.getuid()}").symlink_to(theirs)
    home = tmp_path / "home"
    home.mkdir()
    (home / "long.txt").write_text("words\n" * 20_000, encoding="utf-8")
    env = environment(home, GLM_SIMULATE="1", GLM_CACHE_DIR="/proc/nowhere", TMPDIR=str(own))
    with Stdio(env, home) as server:
        server.initialize()
        assert "glm://outputs/" in said(server.call("read_document", {"documents": "long.txt"}))
    assert list(theirs.iterdir()) == []


@pytest.mark.parametrize("command", ["token add ada", "key --no-try", "install cursor"])
def test_a_file_that_nothing_may_take_the_place_of_stays_and_nothing_lies_beside_it(
    command: str, tmp_path: Path
) -> None:
    """As a single file of the host is in a container."""
    if not can_mount([str(tmp_path)]):
        pytest.skip("needs a mount namespace of its own")
    env = environment(tmp_path / "home")
    kept = {
        "token": tmp_path / "home" / ".config" / "glm-mcp" / "tokens.toml",
        "key": tmp_path / "home" / ".config" / "glm-mcp" / "env",
        "install": tmp_path / "home" / ".cursor" / "mcp.json",
    }[command.split(maxsplit=1)[0]]
    kept.parent.mkdir(parents=True)
    kept.write_text("{}" if kept.suffix == ".json" else "# mine\n", encoding="utf-8")
    kept.chmod(0o600)
    before = kept.read_text(encoding="utf-8")
    mounted = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" "$0" && exec "$@"', str(kept)]
    key = "0123456789abcdef0123456789abcdef.AbCdEfGh12345678"
    done = ran([*mounted, sys.executable, "-m", "glm_mcp", *command.split()], env, tmp_path, input=key)
    assert done.returncode == 1
    assert f"{kept} cannot be written" in done.stderr
    assert kept.read_text(encoding="utf-8") == before
    assert not list(kept.parent.glob(".*.part"))


def can_mount(folders: list[str]) -> bool:
    if shutil.which("unshare") is None:
        return False
    probe = _READ_ONLY.replace('exec "$PYTHON" -P -m glm_mcp $WORDS', "exit 0")
    return ran(["unshare", "-m", "sh", "-c", probe, "sh", *folders]).returncode == 0
