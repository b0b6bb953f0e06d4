"""Generated pictures: what may be asked for, and that the file is one of the asked size."""

import base64
import io
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from PIL import Image
from support.cases import each
from support.plain_http import HTTP

from glm_mcp.simulator import Fault, Simulator, Switches
from glm_mcp.simulator.pictures.images import SIZES


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def fresh(sim: Simulator) -> None:
    sim.clear()
    sim.switches = Switches()


def order(sim: Simulator, **fields: Any) -> httpx.Response:
    body = {"model": "cogview-3-flash", "prompt": "a lake at dawn", **fields}
    headers = {"Authorization": f"Bearer {sim.key}"}
    return HTTP.post(sim.url + "/images/generations", json=body, headers=headers, timeout=60)


def url_of(response: httpx.Response) -> str:
    return str(response.json()["data"][0]["url"])


@each("size", [None, *SIZES, "512x512", "2048x1024", "528x1536"])
def test_a_picture_has_the_asked_size_and_needs_no_key(sim: Simulator, size: str | None) -> None:
    response = order(sim, **({"size": size} if size else {}))
    assert response.status_code == 200
    body = response.json()
    assert len(body["data"]) == 1
    assert set(body) == {"created", "data", "id", "request_id", "content_filter"}
    file = HTTP.get(url_of(response), timeout=60)
    assert file.headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(file.content)) as picture:
        picture.load()
        assert picture.format == "PNG"
        assert picture.size == tuple(map(int, (size or "1024x1024").split("x")))
        assert len(picture.resize((16, 16)).getcolors(256) or []) > 20


@each(
    ("fields", "code"),
    [
        ({"prompt": None}, "1213"),
        ({"prompt": ""}, "1213"),
        ({"prompt": "  "}, "1213"),
        ({"prompt": ["a lake"]}, "1214"),
        ({"size": "496x512"}, "1214"),
        ({"size": "2064x512"}, "1214"),
        ({"size": "1000x1000"}, "1214"),
        ({"size": "2048x2048"}, "1214"),
        ({"size": "1024*1024"}, "1214"),
        ({"size": "16:9"}, "1214"),
        ({"size": 1024}, "1214"),
        ({"quality": "hd"}, ""),
        ({"quality": "best"}, "1214"),
        ({"watermark_enabled": False}, ""),
        ({"watermark_enabled": "no"}, "1214"),
        ({"user_id": "u" * 6, "request_id": "r" * 6}, ""),
        ({"user_id": "u"}, "1214"),
        ({"request_id": "r"}, "1214"),
        ({"n": 4, "style": "oil", "response_format": "b64_json"}, ""),
    ],
)
def test_a_field_of_an_order_has_its_range(sim: Simulator, fields: dict[str, Any], code: str) -> None:
    response = order(sim, **fields)
    assert (response.json()["error"]["code"] if response.status_code == 400 else "") == code


def test_custom_sizes_are_a_switch(sim: Simulator) -> None:
    sim.switches = Switches(custom_image_sizes="refuse")
    assert order(sim, size="512x512").json()["error"]["message"] == "size 参数非法。请检查文档。"
    assert order(sim, size="768x1344").status_code == 200


def test_hd_is_a_switch(sim: Simulator) -> None:
    assert order(sim, quality="hd").status_code == 200
    sim.switches = Switches(hd_images="refuse")
    assert order(sim, quality="hd").json()["error"]["message"] == "quality 参数非法。请检查文档。"
    assert order(sim, quality="standard").status_code == 200


def test_the_same_prompt_paints_the_same_picture_and_another_one_another(sim: Simulator) -> None:
    prompts = ("a lake", "a lake", "湖上的黎明")
    files = [
        HTTP.get(url_of(order(sim, prompt=prompt, size="512x512")), timeout=60).content for prompt in prompts
    ]
    assert files[0] == files[1]
    assert files[0] != files[2]


def test_the_callers_request_id_comes_back(sim: Simulator) -> None:
    assert order(sim, request_id="lake-0001").json()["request_id"] == "lake-0001"


def test_a_picture_may_be_gone(sim: Simulator) -> None:
    sim.queue(Fault("image_404"))
    assert HTTP.get(url_of(order(sim)), timeout=60).status_code == 404


def test_a_picture_may_be_no_picture(sim: Simulator) -> None:
    sim.queue(Fault("image_not_image"))
    file = HTTP.get(url_of(order(sim)), timeout=60)
    assert file.headers["content-type"] == "image/png"
    assert file.content == b"This is no image.\n"


@pytest.mark.parametrize("kind", ["image_cut", "image_garbled"])
def test_a_picture_may_be_cut_or_impossible_to_decode(sim: Simulator, kind: Any) -> None:
    sim.queue(Fault(kind))
    file = HTTP.get(url_of(order(sim, size="512x512")), timeout=60)
    assert (file.status_code, file.headers["content-type"]) == (200, "image/png")
    assert int(file.headers["content-length"]) == len(file.content)
    with Image.open(io.BytesIO(file.content)) as picture:
        assert picture.size == (512, 512)
        with pytest.raises((OSError, SyntaxError)):
            picture.load()


def test_a_picture_may_come_in_the_answer_itself(sim: Simulator) -> None:
    sim.queue(Fault("image_b64"))
    [item] = order(sim, size="512x512").json()["data"]
    assert list(item) == ["b64_json"]
    with Image.open(io.BytesIO(base64.b64decode(item["b64_json"]))) as picture:
        assert picture.size == (512, 512)


def test_a_picture_may_be_long_in_the_making(sim: Simulator) -> None:
    sim.queue(Fault("slow_answer", delay_s=0.05, seconds=0.05))
    assert order(sim, size="512x512").status_code == 200
    [entry] = sim.received
    assert (entry.ended or 0) - entry.started >= 0.1


def test_a_picture_may_have_moved_here_or_elsewhere(sim: Simulator) -> None:
    sim.queue(Fault("image_redirect"), Fault("image_redirect", location="http://169.254.169.254/latest"))
    moved = HTTP.get(url_of(order(sim)), timeout=60, follow_redirects=True)
    assert [step.status_code for step in moved.history] == [302]
    assert moved.content[:4] == b"\x89PNG"
    assert HTTP.get(url_of(order(sim)), timeout=60).headers["location"] == "http://169.254.169.254/latest"


def test_the_answer_may_be_lost_after_the_picture_was_made(sim: Simulator) -> None:
    sim.queue(Fault("image_lost"))
    with pytest.raises(httpx.TransportError):
        order(sim)
    [entry] = sim.wait(lambda seen: seen and seen[0].ended)
    assert (entry.status, entry.disconnected) == (200, False)


def test_a_download_may_fail_by_its_path(sim: Simulator) -> None:
    url = url_of(order(sim))
    sim.queue(Fault("html", status=503, path="/files/cogview/"), Fault("refuse", path="/files/"))
    assert HTTP.get(url, timeout=60).status_code == 503
    with pytest.raises(httpx.TransportError):
        HTTP.get(url, timeout=60)
    assert HTTP.get(url, timeout=60).status_code == 200
