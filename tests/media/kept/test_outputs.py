"""Files written and kept, and their expiry."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.clock import Clock

from glm_mcp.atomic_files import private_folder, safe_name, write_new
from glm_mcp.errors import ConfigError, ForbiddenPath, InvalidRequest, NotFound, QuotaError
from glm_mcp.folders import UserFolders, user_folders
from glm_mcp.media.kept.cache import FILES, FOLDERS, OUTPUTS, Cache
from glm_mcp.media.kept.outputs import Outputs
from glm_mcp.media.kept.uploads import FILES_MAX
from glm_mcp.sandbox import Sandbox
from glm_mcp.text import plain

DAY = 86_400.0
posix = pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")


@pytest.fixture
def clock() -> Clock:
    return Clock(1_800_000_000.0)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "home/work"
    folder.mkdir(parents=True)
    return folder


def outputs(
    work: Path, clock: Clock, *, folder: Path | None = None, counts: bool = True, max_bytes: int = 10_000
) -> Outputs:
    top = work.parent.parent
    return Outputs(
        folder=folder,
        cwd=work if counts else None,
        data=top / "data",
        cache=top / "cache",
        max_bytes=max_bytes,
        clock=clock,
    )


def sandbox(work: Path, *, output: Path | None = None) -> Sandbox:
    return Sandbox(cwd=work, home=work.parent, temp=work.parent.parent / "tmp", output=output)


def test_without_output_a_file_goes_to_the_first_place_there_is(
    work: Path, clock: Clock, tmp_path: Path
) -> None:
    box = sandbox(work)
    set_folder, set_box = (
        outputs(work, clock, folder=tmp_path / "set"),
        sandbox(work, output=tmp_path / "set"),
    )
    assert set_folder.destination(None, "a.png", sandbox=set_box) == tmp_path / "set/a.png"
    assert outputs(work, clock).destination("", "a.png", sandbox=box) == work / "glm-output/a.png"
    assert (
        outputs(work, clock, counts=False).destination(None, "a.png", sandbox=box) == tmp_path / "data/a.png"
    )


@posix
def test_a_default_folder_that_is_a_link_is_not_used(work: Path, clock: Clock, tmp_path: Path) -> None:
    (work / "glm-output").symlink_to(tmp_path)
    assert outputs(work, clock).destination(None, "a.png", sandbox=sandbox(work)) == tmp_path / "data/a.png"


def test_an_output_may_be_a_file_a_folder_or_a_bare_name(work: Path, clock: Clock, tmp_path: Path) -> None:
    (work / "made").mkdir()
    kept = outputs(work, clock, folder=tmp_path / "set")
    box = sandbox(work, output=tmp_path / "set")
    base = work.resolve()
    assert kept.destination("x/y.jpg", "a.png", sandbox=box) == base / "x/y.jpg"
    assert kept.destination("made", "a.png", sandbox=box) == base / "made/a.png"
    assert kept.destination("new/", "a.png", sandbox=box) == base / "new/a.png"
    assert kept.destination(" pic ", "a.png", sandbox=box) == base / "pic.png"
    assert (
        kept.destination(str(tmp_path / "set/b.png"), "a.png", sandbox=box)
        == (tmp_path / "set/b.png").resolve()
    )
    for wrong in ("../a.png", "/etc/a.png", "~/a.png", ".git/a.png", ".ssh/"):
        with pytest.raises(ForbiddenPath):
            kept.destination(wrong, "a.png", sandbox=box)


def test_a_relative_output_goes_to_the_output_folder_when_the_working_folder_does_not_count(
    clock: Clock, tmp_path: Path
) -> None:
    (tmp_path / "home/set").mkdir(parents=True)
    box = Sandbox(cwd=Path("/"), home=tmp_path / "home", temp=tmp_path / "tmp", output=tmp_path / "home/set")
    kept = Outputs(
        folder=tmp_path / "home/set", cwd=None, data=tmp_path, cache=tmp_path / "cache", clock=clock
    )
    assert kept.destination("a.png", "b.png", sandbox=box) == (tmp_path / "home/set/a.png").resolve()


def test_a_taken_name_gets_a_number_and_nothing_is_overwritten(work: Path, clock: Clock) -> None:
    kept = outputs(work, clock)
    names = [kept.write(work / "new/pic.tar.png", bytes([n]), sandbox=sandbox(work)).name for n in range(3)]
    assert names == ["pic.tar.png", "pic.tar-2.png", "pic.tar-3.png"]
    assert [(work / "new" / name).read_bytes() for name in names] == [b"\0", b"\1", b"\2"]
    assert len(list((work / "new").iterdir())) == 3


def test_many_writers_of_one_name_each_get_a_file_of_their_own(work: Path, clock: Clock) -> None:
    start = threading.Barrier(8)

    def write(number: int) -> Path:
        start.wait(10)
        return outputs(work, clock).write(work / "pic.png", bytes([number]) * 50_000, sandbox=sandbox(work))

    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(write, range(8)))
    assert len(set(paths)) == 8
    assert sorted(path.read_bytes()[0] for path in paths) == list(range(8))
    assert all(len(set(path.read_bytes())) == 1 for path in paths)
    assert len(list(work.iterdir())) == 8


def test_where_there_are_no_hard_links_nothing_is_overwritten_either(work: Path) -> None:
    paths = [write_new(work / "pic.png", bytes([n]), links=False) for n in range(3)]
    assert [path.name for path in paths] == ["pic.png", "pic-2.png", "pic-3.png"]
    assert [path.read_bytes() for path in paths] == [b"\0", b"\1", b"\2"]
    assert len(list(work.iterdir())) == 3


@posix
def test_a_cache_folder_that_others_could_read_is_closed_and_a_link_is_not_used(
    work: Path, tmp_path: Path
) -> None:
    open_folder = tmp_path / "cache"
    open_folder.mkdir(mode=0o755)
    assert stat.S_IMODE(private_folder(open_folder).stat().st_mode) == 0o700
    (tmp_path / "link").symlink_to(work)
    with pytest.raises(PermissionError):
        private_folder(tmp_path / "link")


def test_a_place_that_cannot_be_written_names_the_setting(work: Path, clock: Clock) -> None:
    (work / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match="GLM_OUTPUT_DIR"):
        outputs(work, clock).write(work / "file/pic.png", b"x", sandbox=sandbox(work))
    with pytest.raises(InvalidRequest, match="too long"):
        outputs(work, clock).write(work / ("x" * 260 + ".png"), b"x", sandbox=sandbox(work))


@posix
def test_a_folder_that_became_a_link_since_is_checked_again(work: Path, clock: Clock, tmp_path: Path) -> None:
    kept, box = outputs(work, clock), sandbox(work)
    path = kept.destination("new/pic.png", "a.png", sandbox=box)
    (work / "new").symlink_to(tmp_path)
    with pytest.raises(ForbiddenPath):
        kept.write(path, b"x", sandbox=box)
    assert not (tmp_path / "pic.png").exists()


@posix
@pytest.mark.parametrize("where", ["set", "working folder"])
def test_a_default_folder_that_became_a_link_since_is_not_written_through(
    work: Path, clock: Clock, tmp_path: Path, where: str
) -> None:
    folder = work.parent / "set" if where == "set" else None
    kept, box = outputs(work, clock, folder=folder), sandbox(work, output=folder)
    path = kept.destination(None, "pic.png", sandbox=box)
    (work.parent / ".ssh").mkdir()
    path.parent.symlink_to(work.parent / ".ssh")
    with pytest.raises(ForbiddenPath):
        kept.write(path, b"x", sandbox=box)
    assert list((work.parent / ".ssh").iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tell")
def test_the_users_own_folder_that_became_a_link_since_is_not_written_through(
    work: Path, clock: Clock, tmp_path: Path
) -> None:
    kept, box = outputs(work, clock, counts=False), sandbox(work)
    path = kept.destination(None, "pic.png", sandbox=box)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "data").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="GLM_OUTPUT_DIR"):
        kept.write(path, b"x", sandbox=box)
    assert list((tmp_path / "elsewhere").iterdir()) == []


@posix
def test_a_working_folder_among_secrets_gets_no_new_files(tmp_path: Path, clock: Clock) -> None:
    work = tmp_path / "home/.config/gh"
    work.mkdir(parents=True)
    kept, box = outputs(work, clock), Sandbox(cwd=work, home=tmp_path / "home", temp=tmp_path / "tmp")
    assert kept.write(kept.destination(None, "a.png", sandbox=box), b"x", sandbox=box) == (
        tmp_path / "home/data/a.png"
    )


@posix
def test_kept_files_are_private(work: Path, clock: Clock) -> None:
    path, _ = outputs(work, clock).kept(outputs(work, clock).keep(b"x", ".png"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_what_is_kept_is_given_back_by_its_id_also_to_another_process(work: Path, clock: Clock) -> None:
    first = outputs(work, clock)
    ident = first.keep("文字", ".md", name="Report: a/b")
    path, data = outputs(work, clock).kept(ident)
    assert data.decode() == "文字"
    assert path.name == f"{ident}.Report- a-b.md"
    assert first.kept(f"glm://outputs/{ident}") == (path, data)
    (item,) = first.list()
    assert (item.id, item.name, item.size, item.uri) == (ident, "Report- a-b.md", 6, f"glm://outputs/{ident}")
    assert first.keep(b"x", ".png", name="a.PNG") != ident
    assert {item.name for item in first.list()} == {"Report- a-b.md", "a.PNG"}


@pytest.mark.parametrize("ident", ["", "x", "../../etc/passwd", "0" * 24, "*", "0" * 23 + "/", "a.b", "\0"])
def test_an_unknown_or_crafted_id_is_not_found(work: Path, clock: Clock, ident: str) -> None:
    with pytest.raises(NotFound, match="call the tool again"):
        outputs(work, clock).kept(ident)


def test_what_is_kept_expires_after_seven_days(work: Path, clock: Clock) -> None:
    kept = outputs(work, clock)
    ident = kept.keep(b"x", ".png")
    kept.remember("key", {"a": 1})
    clock.now += 6.9 * DAY
    assert kept.kept(ident)[1] == b"x"
    assert kept.recall("key") == {"a": 1}
    path = kept.find(ident)
    clock.now += 0.2 * DAY
    with pytest.raises(NotFound):
        kept.kept(ident)
    assert kept.recall("key") is None
    kept.sweep()
    assert not path.exists()


def test_beyond_the_limit_of_bytes_the_oldest_go_first(work: Path, clock: Clock) -> None:
    kept = outputs(work, clock, max_bytes=1000)
    idents = []
    for _ in range(6):
        clock.now += 1
        idents.append(kept.keep(bytes(300), ".bin"))
    assert [item.id for item in kept.list()] == idents[:2:-1]


def test_what_was_kept_while_the_clock_was_ahead_goes_in_time(work: Path, clock: Clock) -> None:
    kept = outputs(work, clock)
    clock.now += 3_650 * DAY
    ident = kept.keep(b"old", ".txt")
    clock.now -= 3_650 * DAY
    new = kept.keep(b"new", ".txt")  # sweeps, though the last sweep was years later
    clock.now += 6.9 * DAY
    assert {k.id for k in kept.list()} == {ident, new}
    clock.now += 0.2 * DAY
    kept.sweep()
    assert kept.list() == []


def test_a_sweep_leaves_files_that_are_being_written_and_takes_abandoned_ones(
    work: Path, clock: Clock
) -> None:
    kept = outputs(work, clock)
    folder = kept.find(kept.keep(b"x", ".png")).parent
    for name, age in ((".aaaa.part", 60.0), (".bbbb.part", 2 * 3600.0)):
        (folder / name).write_bytes(b"half")
        os.utime(folder / name, (clock.now - age, clock.now - age))
    kept.sweep()
    assert (folder / ".aaaa.part").exists()
    assert not (folder / ".bbbb.part").exists()


def test_half_a_character_does_not_lose_a_result(work: Path, clock: Clock) -> None:
    kept = outputs(work, clock)
    assert kept.kept(kept.keep("a\ud800b", ".md", name="\ud800"))[1] == b"a?b"
    kept.remember("\ud800", {"a": "\ud800"})
    assert kept.recall("\ud800") == {"a": "?"}


def test_a_finished_part_is_recalled_and_replaced(work: Path, clock: Clock) -> None:
    kept = outputs(work, clock)
    assert kept.recall("digest|prompt") is None
    kept.remember("digest|prompt", {"text": "文"})
    kept.remember("digest|prompt", {"text": "new"})
    assert outputs(work, clock).recall("digest|prompt") == {"text": "new"}
    for path in (work.parent.parent / "cache/parts").glob("*/*"):
        path.write_bytes(b"{damaged")
    assert kept.recall("digest|prompt") is None


def test_a_cache_that_is_taken_away_while_it_is_written_is_told_and_made_anew(
    work: Path, tmp_path: Path
) -> None:
    cleaned: list[float] = []

    def clock() -> float:
        """Looked at once a file has its place."""
        if not cleaned:
            cleaned.append(1.0)
            shutil.rmtree(tmp_path / "cache")
        return 1_800_000_000.0

    kept = Outputs(folder=None, cwd=work, data=tmp_path / "data", cache=tmp_path / "cache", clock=clock)
    with pytest.raises(ConfigError, match="nothing can be kept now"):
        kept.keep("x", ".md")
    assert cleaned
    assert kept.list() == []
    assert kept.kept(kept.keep("x", ".md"))[1] == b"x"


def test_a_cache_that_cannot_be_used_is_replaced_by_a_private_one(
    work: Path, clock: Clock, tmp_path: Path
) -> None:
    (tmp_path / "cache").write_bytes(b"a file where the folder should be")
    kept = outputs(work, clock)
    path, data = kept.kept(kept.keep(b"x", ".png"))
    assert data == b"x"
    assert tmp_path / "cache" not in path.parents
    path.unlink()


@posix
@pytest.mark.parametrize(
    ("env", "platform", "config", "cache", "data"),
    [
        ({}, "linux", "/h/.config/glm-mcp", "/h/.cache/glm-mcp", "/h/.local/share/glm-mcp"),
        (
            {"XDG_CONFIG_HOME": "/x", "XDG_CACHE_HOME": "/c", "XDG_DATA_HOME": "/d"},
            *("linux", "/x/glm-mcp", "/c/glm-mcp", "/d/glm-mcp"),
        ),
        (
            {"XDG_CONFIG_HOME": "a/b", "XDG_CACHE_HOME": "relative", "XDG_DATA_HOME": "."},
            *("linux", "/h/.config/glm-mcp", "/h/.cache/glm-mcp", "/h/.local/share/glm-mcp"),
        ),
        (
            {"XDG_CONFIG_HOME": "/x", "XDG_CACHE_HOME": "/c", "XDG_DATA_HOME": "/d"},
            "darwin",
            "/h/Library/Application Support/glm-mcp",
            "/h/Library/Caches/glm-mcp",
            "/h/Library/Application Support/glm-mcp/output",
        ),
    ],
)
def test_the_folders_are_those_of_the_platform(
    env: dict[str, str],
    platform: str,
    config: str,
    cache: str,
    data: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if platform == "linux" and sys.platform != platform:
        pytest.skip("the library looks at the system it runs on")
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/h", **env}.items():
        monkeypatch.setenv(name, value)
    assert user_folders(platform) == UserFolders(Path(config), Path(cache), Path(data))


@pytest.mark.skipif(sys.platform != "win32", reason="the library looks at the system it runs on")
def test_the_folders_of_windows_are_its_known_ones() -> None:
    local, roaming = (Path(os.environ[n]) / "glm-mcp" for n in ("LOCALAPPDATA", "APPDATA"))
    assert user_folders() == UserFolders(roaming, local / "Cache", roaming / "output")


@given(st.text(max_size=300))
def test_a_safe_name_is_one_component_that_every_system_takes(name: str) -> None:
    safe = safe_name(name)
    assert plain(safe) == safe
    assert safe
    assert Path(safe).name == safe
    assert not safe.startswith(".")
    assert len(safe.encode()) <= 200
    assert not set(safe) & set('<>:"/\\|?*\0\n')


def test_what_one_owner_keeps_costs_the_others_nothing(work: Path, clock: Clock) -> None:
    kept = outputs(work, clock, max_bytes=10_000)
    ada, bob, eve = (kept.for_owner(name * 16) for name in "abe")
    first = [ada.keep(b"x" * 1_000, ".bin"), ada.keep(b"y" * 1_000, ".bin")]
    small = bob.keep(b"z", ".bin")
    for _ in range(40):
        clock.now += 1
        last = eve.keep(b"x" * 1_000, ".bin")
    kept.sweep()
    assert sorted(k.id for k in ada.list()) == sorted(first)
    assert [k.id for k in bob.list()] == [small]
    assert eve.list()[0].id == last
    assert 1 < len(eve.list()) <= 8


def test_the_number_of_kept_files_is_bounded_too(clock: Clock, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", max_files=12, clock=clock)
    ada, eve = "a" * 16, "e" * 16
    cache.put(OUTPUTS, ada, "first", b"x")
    for number in range(30):
        clock.now += 1
        cache.put(OUTPUTS, eve, f"{number}", b"x")
    cache.sweep()
    assert [f.name for f in cache.entries(OUTPUTS, ada)] == ["first"]
    assert sorted(int(f.name) for f in cache.entries(OUTPUTS, eve)) == list(range(19, 30))


def test_small_files_are_counted_between_two_sweeps_as_well(clock: Clock, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", max_files=100, clock=clock)
    most = 0
    for number in range(400):
        cache.put(OUTPUTS, "e" * 16, f"{number:03}", b"x")
        most = max(most, len(cache.entries(OUTPUTS, "e" * 16)))
    assert 100 <= most < 120


def test_however_many_owners_there_were_a_few_are_remembered(clock: Clock, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", clock=clock)
    owners = [f"{number:016x}" for number in range(FOLDERS + 50)]
    for owner in owners:
        cache.folder(FILES, owner)
    assert sum(cache.used(FILES, owner) is not None for owner in owners) <= FOLDERS
    assert cache.folder(FILES, owners[0]).is_dir(), "another look finds it again"


def test_the_number_of_uploaded_files_is_bounded_too(work: Path, clock: Clock, tmp_path: Path) -> None:
    kept = outputs(work, clock)
    ada, bob = kept.for_owner("a" * 16), kept.for_owner("b" * 16)
    folder = Cache(tmp_path / "cache", clock=clock).folder(FILES, "a" * 16)
    for number in range(FILES_MAX):
        path = folder / f"{number:024x}.txt"
        path.touch()
        os.utime(path, (clock.now, clock.now))
    with pytest.raises(QuotaError, match="2,000 files"):
        ada.uploads.begin("one-more.txt")
    bob.uploads.begin("his.txt").discard()


def test_owners_see_their_own_alone_and_are_swept_together(work: Path, clock: Clock, tmp_path: Path) -> None:
    kept = outputs(work, clock, max_bytes=2_000)
    ada, bob = kept.for_owner("a" * 16), kept.for_owner("b" * 16)
    first = ada.keep(b"x" * 1_500, ".bin")
    ada.remember("digest|prompt", {"text": "hers"})
    assert bob.list() == [] == kept.list()
    assert bob.recall("digest|prompt") is None
    assert kept.recall("digest|prompt") is None
    with pytest.raises(NotFound):
        bob.find(first)
    clock.now += 1
    second = bob.keep(b"x" * 1_500, ".bin")
    kept.sweep()
    assert ada.list() == []
    assert [k.id for k in bob.list()] == [second]
    clock.now += 7 * DAY + 1
    kept.sweep()
    assert [p for p in (tmp_path / "cache").rglob("*") if p.is_file()] == []
    folder = tmp_path / "cache/outputs" / ("b" * 16)
    os.utime(folder, (clock.now - 8 * DAY,) * 2)
    kept.sweep()
    assert not folder.exists(), "an empty folder goes too"
    assert bob.list() == []
    for wrong in ("", "..", "a/b", "A" * 16):
        with pytest.raises(ValueError, match="paths"):
            kept.for_owner(wrong).keep(b"x", ".bin")


def test_what_was_kept_before_the_clock_was_set_back_goes_after_its_time(work: Path, clock: Clock) -> None:
    kept = outputs(work, clock)
    clock.now += 300 * DAY
    ident = kept.keep("from a wrong year", ".txt")
    part = kept.find(ident).with_name(".0123.part")
    part.write_bytes(b"left")
    os.utime(part, (clock.now, clock.now))
    clock.now -= 300 * DAY
    kept.keep("now", ".txt")
    assert kept.find(ident).is_file()
    clock.now += 7 * DAY + 1
    kept.keep("later", ".txt")
    assert [entry.name for entry in kept.list()] == ["result.txt"]
    assert not part.exists()
