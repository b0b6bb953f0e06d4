"""Which paths may be read and written."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.cases import each

from glm_mcp.atomic_files import same_file
from glm_mcp.errors import ForbiddenPath, GLMError, InvalidRequest, NotFound
from glm_mcp.media.detect import is_media
from glm_mcp.sandbox import Sandbox

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64
posix = pytest.mark.skipif(os.name != "posix", reason="POSIX files")
linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc")


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """home/work is the working folder, tmp the temporary one, data and outside lie beside them."""
    for name in ("home/work/shots", "tmp", "data", "outside"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


def box(world: Path, cwd: str = "home/work", **more: object) -> Sandbox:
    return Sandbox(cwd=world / cwd, home=world / "home", temp=world / "tmp", **more)  # type: ignore[arg-type]


def put(path: Path, data: bytes = b"hello") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def read(sandbox: Sandbox, path: Path | str) -> bytes:
    file, _, size = sandbox.open(Path(path), suited=is_media)
    with file:
        data = file.read()
    assert len(data) == size
    return data


@each("place", ["home/work/a.txt", "home/b.txt", "tmp/c.txt", "home/work/shots/x y.txt"])
def test_files_below_the_working_folder_home_and_the_temporary_folder_are_read(
    world: Path, place: str
) -> None:
    put(world / place)
    assert read(box(world), world / place) == b"hello"


def test_a_relative_path_starts_from_the_working_folder_and_a_tilde_from_home(world: Path) -> None:
    put(world / "home/work/a.txt", b"work")
    put(world / "home/a.txt", b"home")
    assert read(box(world), "a.txt") == b"work"
    assert read(box(world), "./shots/../a.txt") == b"work"
    assert read(box(world), "~/a.txt") == b"home"


@each(
    "path",
    ["outside/a.txt", "outside/missing.txt", "home/../outside/a.txt", "home/work/../../outside/a.txt", "."],
)
def test_a_path_outside_is_refused_in_the_same_words_whether_or_not_it_exists(world: Path, path: str) -> None:
    put(world / "outside/a.txt")
    with pytest.raises(ForbiddenPath, match="is outside the folders that may be read") as caught:
        read(box(world), world / path)
    assert "GLM_ALLOWED_DIRS=" in str(caught.value)
    assert ("exist" in str(caught.value)) is False


def test_existing_and_missing_files_outside_give_the_same_message_but_for_their_names(world: Path) -> None:
    put(world / "outside/aaa.txt")

    def said(name: str) -> str:
        with pytest.raises(ForbiddenPath) as caught:
            read(box(world), world / "outside" / name)
        return str(caught.value).replace(name, "NAME")

    assert said("aaa.txt") == said("bbb.txt")


def test_an_allowed_folder_is_read_and_only_it(world: Path) -> None:
    put(world / "data/a.txt")
    put(world / "data-2/a.txt")
    sandbox = box(world, allowed=[world / "data"])
    assert read(sandbox, world / "data/a.txt") == b"hello"
    with pytest.raises(ForbiddenPath, match="outside"):
        read(sandbox, world / "data-2/a.txt")


@posix
def test_a_link_that_leads_out_is_refused_and_one_that_stays_inside_is_read(world: Path) -> None:
    put(world / "outside/secret.txt")
    put(world / "home/b.txt")
    (world / "home/work/out.txt").symlink_to(world / "outside/secret.txt")
    (world / "home/work/dangling.txt").symlink_to(world / "outside/missing.txt")
    (world / "home/work/folder").symlink_to(world / "outside")
    (world / "home/work/in.txt").symlink_to(world / "home/b.txt")
    for name in ("out.txt", "dangling.txt", "folder/secret.txt", "folder/missing.txt"):
        with pytest.raises(ForbiddenPath, match="leads, by a link, outside"):
            read(box(world), name)
    assert read(box(world), "in.txt") == b"hello"


@posix
def test_a_circle_of_links_is_an_error_and_not_a_hang(world: Path) -> None:
    (world / "home/work/a").symlink_to(world / "home/work/b")
    (world / "home/work/b").symlink_to(world / "home/work/a")
    with pytest.raises(GLMError):
        read(box(world), "a")


@each(
    ("cwd", "counts"),
    [
        ("home/work", True),
        ("home", True),
        (".", False),
        ("data", True),
        ("/", False),
        ("/etc", False),
        ("/proc/self", False),
    ],
)
def test_the_working_folder_counts_unless_it_is_the_root_above_home_or_the_system(
    world: Path, cwd: str, counts: bool
) -> None:
    sandbox = box(world, cwd=cwd)
    assert sandbox.working_folder_counts() is counts
    if not counts:
        assert (world / cwd).resolve() not in sandbox.roots()


def test_a_home_that_is_the_root_is_no_root(world: Path) -> None:
    sandbox = Sandbox(cwd=Path("/"), home=Path("/"), temp=world / "tmp")
    assert sandbox.roots() == [(world / "tmp").resolve()]
    with pytest.raises(ForbiddenPath, match="which is not a project folder: give an absolute path"):
        read(sandbox, "etc/passwd")


def test_a_missing_file_inside_is_not_found(world: Path) -> None:
    put(world / "home/work/a.txt")
    for path in ("missing.txt", "no/such/folder.txt", "a.txt/b.txt"):
        with pytest.raises(NotFound, match="there is no file"):
            read(box(world), path)


def _folder(path: Path) -> None:
    path.mkdir()


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(path))  # the path of a socket may have about 100 characters


@posix
@pytest.mark.parametrize(
    ("make", "said"), [(_folder, "is a folder"), (_fifo, "is a named pipe"), (_socket, "is a socket")]
)
def test_only_regular_files_are_opened(world: Path, make: Callable[[Path], None], said: str) -> None:
    make(world / "home/work/thing")
    with pytest.raises(InvalidRequest, match=said):
        read(box(world), "thing")


@linux
@pytest.mark.parametrize(
    "path", ["/proc/self/environ", "/proc/self/mem", "/dev/zero", "/sys/kernel/notes", "/dev/stdin"]
)
def test_the_kernels_files_stay_closed_even_when_the_root_is_allowed(world: Path, path: str) -> None:
    with pytest.raises(ForbiddenPath):
        read(box(world, allowed=[Path("/")]), path)
    (world / "home/work/link").symlink_to(path)
    with pytest.raises(ForbiddenPath):
        read(box(world), "link")


@each("path", ["a\0.txt", "\0", "\ud800", "x" * 300, "a/" * 3000, "文" * 100])
def test_odd_spellings_are_refused_before_anything_is_looked_up(world: Path, path: str) -> None:
    with pytest.raises(InvalidRequest):
        read(box(world), path)


def test_hidden_places_are_open_to_pictures_and_closed_to_text(world: Path) -> None:
    put(world / "home/.paste/shot.dat", PNG)
    put(world / "home/.paste/report.dat", b"%PDF-1.7\n...")
    put(world / "home/.paste/notes.png", b"not a picture")
    put(world / "home/work/.hidden.txt")
    put(world / "home/work/.git/config", b"[core]")
    assert read(box(world), "~/.paste/shot.dat") == PNG
    assert read(box(world), "~/.paste/report.dat").startswith(b"%PDF")
    for path in ("~/.paste/notes.png", ".hidden.txt", ".git/config"):
        with pytest.raises(ForbiddenPath, match="hidden place"):
            read(box(world), path)


def test_a_hidden_folder_that_was_chosen_opens_its_ordinary_files(world: Path) -> None:
    put(world / "home/.notes/a.txt")
    put(world / "home/.notes/.deeper/b.txt")
    for sandbox in (
        box(world, allowed=[world / "home/.notes"]),
        box(world, cwd="home/.notes"),
        box(world, own=[world / "home/.notes"]),
    ):
        assert read(sandbox, world / "home/.notes/a.txt") == b"hello"
        with pytest.raises(ForbiddenPath, match="hidden place"):
            read(sandbox, world / "home/.notes/.deeper/b.txt")


@posix
def test_a_link_does_not_open_a_hidden_file(world: Path) -> None:
    put(world / "home/.config/app/token.txt")
    (world / "home/work/plain.txt").symlink_to(world / "home/.config/app/token.txt")
    with pytest.raises(ForbiddenPath, match="hidden place"):
        read(box(world), "plain.txt")


@each(
    "path",
    [
        "home/.ssh/photo.png",
        "home/.SSH/photo.png",
        "home/work/.gnupg/a.png",
        "home/.aws/a.png",
        "home/.config/gcloud/a.png",
        "home/.config/google-chrome/Default/a.png",
        "home/.mozilla/firefox/a.png",
        "home/.password-store/a.png",
        "home/.config/glm-mcp/env",
        "home/settings/glm-mcp/env.bak",
        "home/settings/glm-mcp/installed.json",
        "home/Library/Keychains/a.png",
        "home/Library/Safari/a.png",
        "home/AppData/Local/Google/Chrome/User Data/a.png",
        "home/work/.env",
        "home/work/.env.local",
        "home/work/server.pem",
        "home/work/id_rsa",
        "home/work/id_ed25519.bak",
        "home/work/keys.KDBX",
        "home/work/#.env#",
        "home/work/prod.env~",
        "home/work/prod.env.bak",
        "home/work/login.ENV.orig.~2~",
        "home/work/server.key.old",
        "home/work/prod.env.1",
        "home/work/prod.env.bak.1",
        "home/work/prod.env.swo",
        "home/work/prod.env.sav",
        "home/work/prod.env.rpmsave",
        "home/work/prod.env.dpkg-old",
        "home/work/prod.env.2024-11-30",
        "home/work/prod.env.20241130",
        "home/work/prod.env (1)",
        "home/work/prod.env copy 2",
        "home/work/Copy of prod.env",
        "home/work/server - Copy (2).key",
        "home/work/logins (1).json",
        "home/.netrc",
        "home/.ｓｓｈ/photo.png",
        "home/.s\u200bsh/photo.png",
    ],
)
def test_secret_places_and_names_stay_closed_whatever_the_bytes_and_the_settings(
    world: Path, path: str
) -> None:
    put(world / path, PNG)
    for sandbox in (box(world), box(world, allowed=[world]), box(world, allowed=[(world / path).parent])):
        with pytest.raises(ForbiddenPath, match="holds secrets"):
            read(sandbox, world / path)


@each(
    "path",
    [
        "home/work/id_rsa.pub",
        "home/work/library/safari/a.txt",
        "home/work/environment.txt",
        "home/work/id_rsa.pub.bak",
        "home/work/env.bak",
        "home/work/env (1)",
        "home/work/shadow.5",
        "home/work/netrc.5",
        "home/work/shadow (1).txt",
        "home/work/environment-2024.txt",
        "home/work/vite.env.ts",
        "home/work/~",
        "home/work/ssh/a.txt",
    ],
)
def test_names_that_only_resemble_secrets_are_read(world: Path, path: str) -> None:
    put(world / path)
    assert read(box(world), world / path) == b"hello"


@posix
def test_a_secret_file_is_not_reached_by_a_link_of_another_name(world: Path) -> None:
    put(world / "home/.ssh/id_rsa")
    (world / "home/work/a.txt").symlink_to(world / "home/.ssh/id_rsa")
    with pytest.raises(ForbiddenPath, match="holds secrets"):
        read(box(world), "a.txt")


def test_application_folders_of_macos_and_windows_count_as_hidden_but_not_cloud_drives(world: Path) -> None:
    put(world / "home/Library/App/a.txt")
    put(world / "home/Library/Mobile Documents/a.txt")
    put(world / "home/AppData/Roaming/app/a.txt")
    assert read(box(world), "~/Library/App/a.txt") == b"hello"
    mac, windows = box(world, platform="darwin"), box(world, platform="win32")
    assert read(mac, "~/Library/Mobile Documents/a.txt") == b"hello"
    with pytest.raises(ForbiddenPath, match="hidden place"):
        read(mac, "~/Library/App/a.txt")
    with pytest.raises(ForbiddenPath, match="hidden place"):
        read(windows, "~/AppData/Roaming/app/a.txt")


def test_over_http_only_allowed_folders_are_read(world: Path) -> None:
    put(world / "home/work/a.txt")
    put(world / "data/b.txt")
    with pytest.raises(ForbiddenPath, match=r"not read over HTTP.*GLM_ALLOWED_DIRS"):
        read(box(world, remote=True), world / "home/work/a.txt")
    sandbox = box(world, remote=True, allowed=[world / "data"], output=world / "outside")
    assert read(sandbox, "b.txt") == b"hello"
    assert sandbox.roots() == [(world / "data").resolve()]
    for path in (world / "home/work/a.txt", world / "tmp/x", world / "outside/x"):
        with pytest.raises(ForbiddenPath) as caught:
            read(sandbox, path)
        assert str(world / "data") not in str(caught.value)
    with pytest.raises(ForbiddenPath, match="over HTTP"):
        sandbox.writable(Path("x.png"))


def test_two_looks_at_one_file_are_the_same_and_at_its_replacement_are_not(world: Path) -> None:
    first = put(world / "tmp/a", b"one")
    before = first.stat()
    first.write_bytes(b"longer than before")
    assert same_file(before, first.stat())
    put(world / "tmp/b", b"two").replace(first)
    assert not same_file(before, first.stat())
    assert not same_file(before, (world / "tmp").stat())


@posix
def test_a_file_exchanged_for_a_link_between_look_and_opening_is_caught(world: Path) -> None:
    """The exchange happens in `suited`, the only moment a caller gets: what was opened stays what was checked."""
    put(world / "outside/secret.txt", b"secret")
    shot = put(world / "home/.paste/shot.png", PNG)

    def exchange(head: bytes) -> bool:
        shot.unlink()
        shot.symlink_to(world / "outside/secret.txt")
        return is_media(head)

    file, _, _ = box(world).open(shot, suited=exchange)
    with file:
        assert file.read() == PNG


def test_new_files_go_below_the_working_folder_or_the_output_folder(world: Path) -> None:
    sandbox = box(world, output=world / "data")
    assert sandbox.writable(Path("new/pic.png")) == (world / "home/work/new/pic.png").resolve()
    assert sandbox.writable(world / "data/pic.png") == (world / "data/pic.png").resolve()
    for path in (
        "../pic.png",
        "~/pic.png",
        str(world / "tmp/pic.png"),
        "/etc/cron.d/x",
        ".git/hooks/pre-commit",
        ".bashrc",
        "a.pem",
    ):
        with pytest.raises(ForbiddenPath):
            sandbox.writable(Path(path))


@posix
def test_new_files_do_not_follow_a_link_out_of_the_working_folder(world: Path) -> None:
    (world / "home/work/out").symlink_to(world / "outside")
    with pytest.raises(ForbiddenPath, match="GLM_OUTPUT_DIR"):
        box(world).writable(Path("out/pic.png"))


def test_a_working_folder_that_does_not_count_is_not_written(world: Path) -> None:
    with pytest.raises(ForbiddenPath, match="GLM_OUTPUT_DIR"):
        box(world, cwd=".").writable(Path("pic.png"))
