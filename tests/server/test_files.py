"""Files over HTTP: uploaded, taken by every tool, fetched again; each caller's own, and nobody else's."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from support.cases import each
from support.films import Film, make, regular
from support.http_server import Names, served
from support.made_documents import lines, pdf
from support.processes import until
from support.served import client_of
from support.toolkit import call, chats, fail, links, png, say, text_of

from glm_mcp.atomic_files import safe_name
from glm_mcp.media.kept.uploads import LARGEST, curl_line
from glm_mcp.server.app import App, Folders
from glm_mcp.server.callers.caller import owner_of
from glm_mcp.server.http.limits import Limits
from glm_mcp.simulator import Reply, Simulator

ADA, BOB = {"Authorization": "Bearer ada"}, {"Authorization": "Bearer bob"}
ID = re.compile(r"glm://files/([0-9a-f]{24})")
DAY = 86_400


@pytest.fixture
def app(app_of: Any) -> App:
    made: App = app_of(remote=True, GLM_UPLOADS_MB="3")
    return made


@pytest.fixture
def url(app: App) -> Iterator[str]:
    with served(app, authenticator=Names()) as address:
        yield address


def uploaded(url: str, data: bytes, name: str, who: dict[str, str] = ADA, **given: Any) -> dict[str, Any]:
    """What is said of a file sent as its bytes."""
    answer = httpx.post(
        f"{url}/files", params={"name": name}, content=data, headers=who, trust_env=False, **given
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def refused(answer: httpx.Response, status: int, error: str) -> str:
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    return str(answer.json()["error_description"])


def get(url: str, who: dict[str, str] = ADA, method: str = "GET", **given: Any) -> httpx.Response:
    return httpx.request(method, url, headers=who, trust_env=False, **given)


def stored(folders: Folders) -> list[Path]:
    return [p for p in (folders.cache / "files").rglob("*") if p.is_file()]


@pytest.mark.anyio
async def test_a_picture_a_film_and_a_document_are_taken_by_every_tool(url: str, sim: Simulator) -> None:
    picture = uploaded(url, png((50, 40), "blue"), "shot.png")["uri"]
    film = uploaded(url, make(Film(regular(14, 5), size=(64, 48))), "clip.mp4")["uri"]
    paper = uploaded(url, pdf([lines(["First page"]), lines(["Second page"])]), "paper.pdf")["uri"]
    note = uploaded(url, b"print('hello')\n", "note.py")["uri"]
    async with client_of(url, **ADA) as client:
        await say(client, "describe_image", images=[picture, f"{picture}#xywh=0,0,10,10"])
        assert len(chats(sim)[-1].media) == 2
        await say(client, "analyze_video", video=f" '{film}#t=0,5' ")
        await say(client, "chat", prompt="Which language?", files=[note, picture])
        assert "print('hello')" in str(chats(sim)[-1].body)
        text = await say(client, "read_document", documents=f"{paper}#page=2")
        assert "Second page" in text
        assert "First page" not in text
        assert "paper.pdf" in text
        assert "describe_image" in await fail(client, "read_document", documents=picture, prompt="What?")


def test_a_form_and_bare_bytes_give_the_same_answer(url: str) -> None:
    data = png()
    raw = uploaded(url, data, "shot.png")
    form = httpx.post(f"{url}/files", files={"file": ("shot.png", data)}, headers=ADA, trust_env=False)
    assert {k: v for k, v in form.json().items() if k != "until"} == {
        k: v for k, v in raw.items() if k != "until"
    }
    assert raw["uri"] == f"glm://files/{raw['id']}"
    assert (raw["name"], raw["bytes"], raw["sha256"]) == (
        "shot.png",
        len(data),
        hashlib.sha256(data).hexdigest(),
    )
    left = time.strptime(raw["until"], "%Y-%m-%dT%H:%M:%SZ")
    assert DAY - 60 < time.mktime(left) - time.mktime(time.gmtime()) <= DAY


def test_a_file_that_is_here_is_found_by_its_contents_and_its_time_begins_anew(
    url: str, folders: Folders
) -> None:
    data = png()
    asked = {"sha256": hashlib.sha256(data).hexdigest(), "name": "shot.png"}
    refused(get(f"{url}/files", params=asked), 404, "not_found")
    sent = uploaded(url, data, "shot.png")
    (file,) = stored(folders)
    os.utime(file, (time.time() - DAY + 100,) * 2)
    known = get(f"{url}/files", params=asked)
    assert known.json()["uri"] == sent["uri"]
    assert time.time() - file.stat().st_mtime < 100
    assert get(f"{url}/files", params=asked, method="HEAD").status_code == 200
    for wrong in ({**asked, "name": "other.png"}, {**asked, "sha256": "0" * 64}, {"sha256": "../../x"}, {}):
        refused(get(f"{url}/files", params=wrong), 404, "not_found")
    refused(get(f"{url}/files", BOB, params=asked), 404, "not_found")


@pytest.mark.anyio
async def test_another_callers_file_and_output_are_not_there(url: str, app: App) -> None:
    theirs = uploaded(url, png(), "shot.png")
    kept = app.outputs.for_owner(owner_of("ada")).keep("# mine", ".md")
    for path in (f"files/{theirs['id']}", f"outputs/{kept}"):
        assert get(f"{url}/{path}").status_code == 200
        refused(get(f"{url}/{path}", BOB), 404, "not_found")
    refused(get(f"{url}/files/{theirs['id']}", BOB, "DELETE"), 404, "not_found")
    async with client_of(url, **BOB) as client:
        assert "no file of yours" in await fail(client, "describe_image", images=theirs["uri"])
        assert "nothing is kept" in await fail(client, "read_document", documents=f"glm://outputs/{kept}")
        assert kept not in str(await client.list_resources())
    assert get(f"{url}/files/{theirs['id']}").content == png()
    assert get(f"{url}/files/{theirs['id']}", method="DELETE").status_code == 204
    refused(get(f"{url}/files/{theirs['id']}"), 404, "not_found")


@pytest.mark.anyio
async def test_no_path_leads_to_what_is_kept_of_another_caller(app_of: Any, folders: Folders) -> None:
    shared = folders.cwd.parent
    (shared / "plan.txt").write_text("the plan of all", encoding="utf-8")
    cache = shared  # a folder that callers may read
    app = app_of(remote=True, GLM_ALLOWED_DIRS=str(shared), GLM_CACHE_DIR=str(cache))
    with served(app, authenticator=Names()) as url:
        uploaded(url, b"what Ada earns", "wages.txt")
        app.outputs.for_owner(owner_of("ada")).keep("what Ada asked", ".txt", name="asked.txt")
        file, result = (next((cache / area).rglob("*.txt")) for area in ("files", "outputs"))
        (shared / "short.txt").symlink_to(file)
        async with client_of(url, **BOB) as client:
            for path in (file, result, shared / "short.txt", f"{file.parent}/*", f"{cache}/files/**/*.txt"):
                said = await fail(client, "read_document", documents=str(path))
                assert "Ada" not in said
                assert "Did you mean" not in said
            found = await say(client, "read_document", documents=f"{shared}/**/*.txt")
            assert "the plan of all" in found
            assert "wages" not in found
            near = await fail(client, "read_document", documents=str(file.with_name(file.name[1:])))
            assert file.name not in near


def test_one_range_of_a_file_is_given_and_of_many_the_whole(url: str) -> None:
    at = f"{url}/files/{uploaded(url, b'hello world', 'a.txt')['id']}"
    answers = [get(at, {**ADA, "Range": f"bytes={asked}"}) for asked in ("6-", "0-1,3-4,6-7")]
    assert [(a.status_code, a.text) for a in answers] == [(206, "world"), (200, "hello world")]


@pytest.mark.parametrize(
    "asked",
    ["bytes=5-2", "bytes=a-b", "bytes=", "bytes", "lines=0-1", "bytes=1_0-12", "bytes=" + "9" * 5_000 + "-"],
)
def test_what_is_no_range_is_left_out(asked: str, url: str) -> None:
    at = f"{url}/files/{uploaded(url, b'hello world', 'a.txt')['id']}"
    answer = get(at, {**ADA, "Range": asked})
    assert (answer.status_code, answer.text) == (200, "hello world")


def test_without_a_token_nothing_is_taken_or_given(url: str, folders: Folders) -> None:
    for method, path in (("POST", "files"), ("GET", "files/" + "0" * 24), ("GET", "outputs/" + "0" * 24)):
        assert get(f"{url}/{path}", {}, method, content=png()).status_code == 401
    assert not (folders.cache / "files").exists()


def test_what_is_given_back_is_an_attachment_that_runs_nowhere(url: str) -> None:
    page = uploaded(url, b"<html><script>alert(1)</script></html>", 'na"me<i>\n.html')
    answer = get(f"{url}/files/{page['id']}")
    assert answer.headers["content-disposition"].startswith("attachment; filename")
    assert '"na-me-i.html"' in answer.headers["content-disposition"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "private, no-store"


@pytest.mark.parametrize(
    "name",
    [
        "../../../etc/cron.d/job",
        "..\\..\\evil.txt",
        "/etc/passwd",
        "a\0b.txt",
        ".hidden",
        "x" * 500 + ".txt",
        "..",
        "",
        "con:.txt",
    ],
)
def test_a_name_leads_nowhere(name: str, url: str, folders: Folders) -> None:
    form = {"file": (name or "-", b"words of a text\n")}
    for said in (
        uploaded(url, b"words of a text\n", name),
        httpx.post(f"{url}/files", files=form, headers=ADA, trust_env=False).json(),
    ):
        assert said["name"] == safe_name(said["name"])
        assert not set(said["name"]) & set("/\\\0:")
    owner = folders.cache / "files" / owner_of("ada")
    assert {p.parent for p in stored(folders)} == {owner}
    assert owner.stat().st_mode & 0o777 == 0o700
    assert all(p.stat().st_mode & 0o777 == 0o600 for p in stored(folders))


@pytest.mark.parametrize(
    ("data", "name", "status", "error"),
    [
        (b"", "empty.png", 415, "unsupported_media"),
        (b"\x7fELF" + bytes(500), "shot.png", 415, "unsupported_media"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n", "note.txt", 403, "forbidden_path"),
    ],
)
def test_what_no_tool_reads_is_not_kept(
    data: bytes, name: str, status: int, error: str, url: str, folders: Folders
) -> None:
    answer = httpx.post(f"{url}/files", params={"name": name}, content=data, headers=ADA, trust_env=False)
    refused(answer, status, error)
    assert stored(folders) == []


def test_a_quota_holds_for_all_files_of_a_caller_and_for_no_other(url: str, folders: Folders) -> None:
    words = b"some words\n" * 100_000
    for number in (1, 2):
        uploaded(url, words, f"{number}.txt")
    answer = httpx.post(f"{url}/files?name=3.txt", content=words, headers=ADA, trust_env=False)
    assert "3 MB together" in refused(answer, 507, "quota")
    pieces = (words[i : i + 50_000] for i in range(0, len(words), 50_000))  # of a length that is not told
    answer = httpx.post(f"{url}/files?name=3.txt", content=pieces, headers=ADA, trust_env=False)
    refused(answer, 507, "quota")
    assert len(stored(folders)) == 2
    uploaded(url, words, "3.txt", BOB)


def test_a_file_beyond_the_limit_is_refused_before_it_is_read(url: str) -> None:
    host = url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=60)
    connection.putrequest("POST", "/files?name=a.txt")
    connection.putheader("Authorization", ADA["Authorization"])
    connection.putheader("Content-Length", str(LARGEST * 2))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert "200." in json.loads(answer.read())["error_description"]
    connection.close()


def test_a_file_that_has_expired_is_not_there(url: str, folders: Folders) -> None:
    sent = uploaded(url, png(), "shot.png")
    (file,) = stored(folders)
    os.utime(file, (time.time() - DAY - 1,) * 2)
    refused(get(f"{url}/files/{sent['id']}"), 404, "not_found")


def test_half_an_upload_leaves_nothing(url: str, folders: Folders) -> None:
    def body() -> Iterator[bytes]:
        yield b"words\n" * 400_000
        raise ConnectionError("the client gives up")

    with pytest.raises(ConnectionError):
        httpx.post(f"{url}/files?name=a.txt", content=body(), headers=ADA, trust_env=False)
    until(lambda: stored(folders) == [])


@pytest.mark.parametrize(
    "body",
    [
        b"no form at all",
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nwords',
        b"--x\r\n" + b"A" * 20_000 + b": b\r\n\r\nwords\r\n--x--\r\n",
        b'--x\r\nContent-Disposition: form-data; name="other"\r\n\r\nwords\r\n--x--\r\n',
        b"".join(
            b'--x\r\nContent-Disposition: form-data; name="f"; filename="%d.txt"\r\n\r\nwords\r\n' % n
            for n in (1, 2)
        )
        + b"--x--\r\n",
    ],
)
def test_a_form_that_is_none_is_refused_and_leaves_nothing(body: bytes, url: str, folders: Folders) -> None:
    headers = {**ADA, "Content-Type": "multipart/form-data; boundary=x"}
    answer = httpx.post(f"{url}/files", content=body, headers=headers, trust_env=False)
    refused(answer, 400, "invalid_request")
    assert not (folders.cache / "files").exists() or stored(folders) == []


def test_a_link_in_the_store_is_no_file(url: str, folders: Folders, tmp_path: Path) -> None:
    uploaded(url, png(), "shot.png")
    (tmp_path / "secret.txt").write_text("a secret", encoding="utf-8")
    owner = folders.cache / "files" / owner_of("ada")
    for name in ("files", "outputs"):
        folder = folders.cache / name / owner_of("ada")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ("1" * 24 + ".note.txt")).symlink_to(tmp_path / "secret.txt")
        refused(get(f"{url}/{name}/{'1' * 24}"), 404, "not_found")
    assert owner.is_dir()


def test_a_folder_of_an_owner_that_is_a_link_is_not_followed(
    url: str, folders: Folders, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (folders.cache / "files").mkdir(parents=True, mode=0o700)
    (folders.cache / "files" / owner_of("ada")).symlink_to(elsewhere)
    answer = httpx.post(f"{url}/files?name=a.png", content=png(), headers=ADA, trust_env=False)
    refused(answer, 507, "config")
    assert list(elsewhere.iterdir()) == []


@pytest.mark.anyio
@pytest.mark.skipif(shutil.which("curl") is None, reason="the line is curl's")
async def test_a_local_path_is_refused_with_the_line_that_uploads_it(url: str, tmp_path: Path) -> None:
    file = tmp_path / 'it\'s "one", a; $HOME `shot`.png'
    file.write_bytes(png())
    async with client_of(url, **ADA) as client:
        said = await fail(client, "describe_image", images=str(file))
        assert said.startswith("forbidden_path: local files are not read over HTTP")
        (line,) = re.findall(r"prints: (curl .*/files) \.", said)
        env = {**os.environ, "GLM_HTTP_TOKEN": "ada", "NO_PROXY": "*"}
        done = await anyio.to_thread.run_sync(
            lambda: subprocess.run(["sh", "-c", line], env=env, capture_output=True, text=True, timeout=60)  # noqa: PLW1510
        )
        found = ID.search(done.stdout)
        assert found, done
        await say(client, "describe_image", images=found[0])
        assert "for f in shots/*.png; do curl" in await fail(client, "describe_image", images="shots/*.png")


@pytest.mark.anyio
async def test_nobody_over_http_is_told_to_pass_a_path(url: str) -> None:
    refused_sources = {
        "http://127.0.0.1/a.png": "forbidden_url",
        "https://ada:word@example.com/a.png": "forbidden_url",
        "A" * 40_000: "unsupported_media",
    }
    async with client_of(url, **ADA) as client:
        for source, kind in refused_sources.items():
            said = await fail(client, "describe_image", images=source)
            assert said.startswith(f"{kind}: ")
            assert "path" not in said


@each("path", ["~/a b.png", "a'b.png", 'a"b\\c.png', "-x.png", "$(id).png", "a;b,c.png"])
def test_the_line_names_that_very_file(path: str, tmp_path: Path) -> None:
    line = curl_line("http://127.0.0.1:1", token=False)(path)
    echo = f'curl() {{ printf "%s\\n" "$@"; }}; {line}'
    done = subprocess.run(  # noqa: S602
        echo,
        shell=True,
        env={"HOME": "/home/ada", "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    form = done.stdout.splitlines()[1]
    assert form.startswith('file=@"')
    inner = form.removeprefix('file=@"').removesuffix('"')
    named = re.sub(r"\\(.)", r"\1", inner)
    assert named == path.replace("~", "/home/ada", 1)
    assert shlex.split(line)[0] == "curl"


@pytest.mark.anyio
async def test_a_result_names_its_address_for_tools_and_where_to_fetch_it(
    url: str, sim: Simulator, app: App
) -> None:
    async with client_of(url, **ADA) as client:
        drawn = await call(client, "generate_image", prompt="a hill")
        found = re.match(r"glm://outputs/([0-9a-f]{24}) \((http\S+/outputs/\1)\)", text_of(drawn))
        assert found, text_of(drawn)
        assert [link.uri for link in links(drawn)] == [f"glm://outputs/{found[1]}"]
        picture = get(found[2])
        assert picture.content.startswith(b"\x89PNG")
        sim.queue(Reply(text="A long answer. " + " ".join(f"Line {n}." for n in range(9_000))))
        long = await say(client, "chat", prompt="hello")
        (whole,) = re.findall(r"The whole is at (http\S+) \.", long)
        assert get(whole).text.startswith("A long answer.")
        refused(get(whole, BOB), 404, "not_found")


@pytest.mark.anyio
async def test_the_public_address_is_the_one_that_is_named(app_of: Any) -> None:
    app: App = app_of(remote=True, GLM_PUBLIC_URL="https://glm.example.org")
    with served(app, authenticator=Names()) as url:
        async with client_of(url, **ADA) as client:
            assert "https://glm.example.org/files ." in await fail(client, "describe_image", images="a.png")
            assert "(https://glm.example.org/outputs/" in await say(client, "generate_image", prompt="a hill")


@pytest.mark.anyio
async def test_finished_parts_are_the_callers_alone(url: str, sim: Simulator, folders: Folders) -> None:
    pages = pdf([lines([f"Page {n} " + "words " * 400]) for n in range(40)])
    for who in (ADA, BOB):
        paper = uploaded(url, pages, "paper.pdf", who)["uri"]
        async with client_of(url, **who) as client:
            await say(client, "read_document", documents=paper, prompt="Sum it up", model="glm-4.7-flash")
    assert {p.parent.name for p in (folders.cache / "parts").glob("*/*")} <= {
        owner_of("ada"),
        owner_of("bob"),
    }


def test_a_client_of_a_file_that_becomes_shorter_does_not_wait_for_ever(
    app_of: Any, folders: Folders
) -> None:
    app = app_of(remote=True)
    with served(app, Limits(linger_s=0.2), authenticator=Names()) as url:
        told = uploaded(url, b"a line of a long text\n" * 1_000_000, "long.txt")
        (file,) = stored(folders)
        with httpx.stream("GET", f"{url}/files/{told['id']}", headers=ADA, trust_env=False) as answer:
            came = answer.iter_raw(1_000)
            next(came)
            os.truncate(file, 1_000)
            with pytest.raises(httpx.RemoteProtocolError):
                list(came)
