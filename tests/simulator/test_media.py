"""Pictures, videos and files: which forms, formats, sizes and mixtures each model takes, and what is recorded of them."""

import base64
import hashlib
import io
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image
from support.cases import each
from support.films import Film, flip_bits, make, regular
from support.plain_http import HTTP

from glm_mcp.simulator import Simulator, Switches

V6, V1, V4 = "glm-4.6v-flash", "glm-4.1v-thinking-flash", "glm-4v-flash"
SITE = "https://media.example/"
BROKEN_IMAGE = "图片输入格式/解析错误"


def picture(kind: str, size: tuple[int, int] = (40, 30), colour: str = "#204060") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind)
    return out.getvalue()


PNG, JPEG = picture("PNG"), picture("JPEG")


def film(seconds: float = 1, form: str = "mp4", codec: str = "libx264") -> bytes:
    return make(Film(regular(seconds, 2), size=(64, 48), form=form, codec=codec))


MP4, MOV, MKV = film(), film(form="mov"), film(form="matroska")
WEBM, GIF, AVI = (
    film(form="webm", codec="libvpx"),
    film(form="gif", codec="gif"),
    film(form="avi", codec="mpeg4"),
)
PDF = b"%PDF-1.7\n" + bytes(16)
DOCX = b"PK\x03\x04" + bytes(26) + b"word/document.xml"
WEB = {
    "a.png": (PNG, "image/png"),
    "a.jpg": (JPEG, "image/jpeg"),
    "neutral": (PNG, "application/octet-stream"),
    "lie.jpg": (PNG, "image/jpeg"),
    "page.html": (b"<html>", "text/html"),
    "a.mp4": (MP4, "video/mp4"),
    "a.mov": (MOV, "video/quicktime"),
    "a.mkv": (MKV, "video/x-matroska"),
    "a.webm": (WEBM, "video/webm"),
    "a.avi": (AVI, "video/x-msvideo"),
    "a.gif": (GIF, "image/gif"),
    "cut.mp4": (MP4[: len(MP4) // 2], "video/mp4"),
    "damaged.mp4": (flip_bits(MP4, (0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)), "video/mp4"),
    "a.pdf": (PDF, "application/pdf"),
    "a.docx": (DOCX, ""),
    "a.txt": ("第一行\n".encode(), "text/plain; charset=utf-8"),
    "a.zip": (b"PK\x03\x04" + bytes(40), ""),
}


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with Simulator() as simulator:
        simulator.web.update({SITE + name: page for name, page in WEB.items()})
        for private in ("http://127.0.0.1/a.png", "http://10.0.0.1/a.png", "http://intranet/a.png"):
            simulator.web[private] = (PNG, "image/png")
        yield simulator


@pytest.fixture(autouse=True)
def fresh(sim: Simulator) -> None:
    sim.clear()
    sim.switches = Switches()


def part(kind: str, value: str) -> dict[str, Any]:
    return {"type": f"{kind}_url", f"{kind}_url": {"url": value}}


def raw(data: bytes) -> str:
    return base64.b64encode(data).decode()


def data_url(data: bytes, mime: str = "image/png") -> str:
    return f"data:{mime};base64,{raw(data)}"


def ask(sim: Simulator, model: str, *parts: dict[str, Any]) -> tuple[str, str]:
    content = [*parts, {"type": "text", "text": "what is it?"}]
    body = {"model": model, "messages": [{"role": "user", "content": content}]}
    headers = {"Authorization": f"Bearer {sim.key}"}
    response = HTTP.post(sim.url + "/chat/completions", json=body, headers=headers, timeout=60)
    if response.status_code == 200:
        return "", ""
    error = response.json()["error"]
    return str(error["code"]), str(error["message"])


@each(
    ("value", "takes"),
    [
        (raw(PNG), True),
        (raw(JPEG), True),
        (data_url(PNG), True),
        (data_url(JPEG, "image/jpeg"), True),
        (data_url(JPEG, "image/jpg"), True),
        (SITE + "a.png", True),
        (SITE + "a.jpg", True),
        (SITE + "neutral", True),
        (data_url(PNG, "image/jpeg"), False),
        (SITE + "lie.jpg", False),
        (SITE + "page.html", False),
        (SITE + "nowhere.png", False),
        ("http://127.0.0.1/a.png", False),
        ("http://10.0.0.1/a.png", False),
        ("http://intranet/a.png", False),
        ("/pictures/a.png", False),
        ("file:///pictures/a.png", False),
        ("C:\\pictures\\a.png", False),
        (raw(PNG)[:-1], False),
        (raw(PNG[:-30]), False),
        (raw(JPEG[: len(JPEG) // 2]), False),
        (raw(b"no picture at all"), False),
        (raw(picture("WEBP")), False),
        (raw(picture("BMP")), False),
        ("data:image/png," + raw(PNG), False),
        ("data:image/png;base64,", False),
    ],
)
def test_a_picture_must_be_reachable_whole_and_what_it_says(sim: Simulator, value: str, takes: bool) -> None:
    assert ask(sim, V6, part("image", value)) == (("", "") if takes else ("1210", BROKEN_IMAGE))


@each(
    ("model", "value", "strict", "other"),
    [
        (V6, raw(PNG), "", "1210"),
        (V6, data_url(PNG), "", "1210"),
        (V1, raw(PNG), "", "1210"),
        (V1, data_url(PNG), "", "1210"),
        (V4, raw(PNG), "1210", ""),
        (V4, data_url(PNG), "", "1210"),
    ],
)
def test_base64_pictures_depend_on_the_model_and_its_switch(
    sim: Simulator, model: str, value: str, strict: str, other: str
) -> None:
    assert ask(sim, model, part("image", value))[0] == strict
    choice: Any = "refuse" if strict == "" else "accept"
    sim.switches = Switches(data_url_images={model: choice}, raw_base64_images=choice)
    assert ask(sim, model, part("image", value))[0] == other
    assert ask(sim, model, part("image", SITE + "a.png"))[0] == ""


@each(("model", "limit"), [(V6, 50), (V1, 50), (V4, 1)])
def test_a_conversation_holds_so_many_pictures(sim: Simulator, model: str, limit: int) -> None:
    item = part("image", SITE + "a.png")
    assert ask(sim, model, *[item] * limit) == ("", "")
    assert ask(sim, model, *[item] * (limit + 1)) == ("1210", "输入图片数量超过限制")
    sim.switches = Switches(max_images=limit + 1)
    assert ask(sim, model, *[item] * (limit + 1)) == ("", "")


def test_a_picture_of_an_earlier_turn_counts_again(sim: Simulator) -> None:
    turn = {"role": "user", "content": [part("image", SITE + "a.png"), {"type": "text", "text": "and this?"}]}
    body = {"model": V4, "messages": [turn, {"role": "assistant", "content": "a lake"}, turn]}
    headers = {"Authorization": f"Bearer {sim.key}"}
    response = HTTP.post(sim.url + "/chat/completions", json=body, headers=headers, timeout=60)
    assert response.json()["error"]["message"] == "输入图片数量超过限制"


def test_a_picture_has_a_size_in_bytes_and_in_pixels(sim: Simulator) -> None:
    at_limit = PNG + bytes(5_000_000 - len(PNG))
    assert ask(sim, V6, part("image", raw(at_limit))) == ("", "")
    assert ask(sim, V6, part("image", raw(at_limit + b"\0"))) == ("1210", "图片大小超过限制")
    assert ask(sim, V6, part("image", raw(picture("PNG", (6000, 2)))))[0] == ""
    assert ask(sim, V6, part("image", raw(picture("PNG", (6001, 2))))) == ("1210", "图片像素超过限制")


def test_a_gif_picture_is_an_internal_error_unless_the_switch_says_otherwise(sim: Simulator) -> None:
    gif = part("image", raw(picture("GIF")))
    assert ask(sim, V6, gif)[0] == "1234"
    sim.switches = Switches(gif_code="1210")
    assert ask(sim, V6, gif) == ("1210", BROKEN_IMAGE)


@each(
    ("value", "code"),
    [
        (SITE + "a.mp4", ""),
        (SITE + "a.mov", ""),
        (SITE + "a.mkv", ""),
        (SITE + "a.webm", "1210"),
        (SITE + "a.gif", "1210"),
        (SITE + "a.avi", "1210"),
        (SITE + "a.png", "1210"),
        (SITE + "nowhere.mp4", "1210"),
        (SITE + "cut.mp4", "1210"),
        (SITE + "damaged.mp4", "1210"),
        (data_url(MP4, "video/mp4"), ""),
        (data_url(MOV, "video/mp4"), ""),
        (data_url(WEBM, "video/webm"), "1210"),
        (raw(MP4), "1210"),
        ("/videos/a.mp4", "1210"),
    ],
)
def test_a_video_comes_by_url_or_as_bytes_in_one_of_three_formats(
    sim: Simulator, value: str, code: str
) -> None:
    wanted = ("1210", "视频输入格式/解析错误") if code else ("", "")
    assert ask(sim, V6, part("video", value)) == wanted
    assert ask(sim, V1, part("video", value)) == wanted


@pytest.mark.extreme
def test_a_video_of_eight_megabytes_and_more_comes_as_bytes(sim: Simulator) -> None:
    large = MP4 + (12_000_000).to_bytes(4) + b"free" + bytes(12_000_000 - 8)
    assert ask(sim, V6, part("video", data_url(large, "video/mp4"))) == ("", "")
    assert ask(sim, V1, part("video", data_url(large, "video/mp4"))) == ("", "")
    assert [entry.media[0].size for entry in sim.received] == [len(large)] * 2


@each(
    ("model", "seconds", "switch", "code"),
    [
        (V1, 40, {}, ""),
        (V1, 43, {}, "1261"),
        (V1, 43, {V1: 45}, ""),
        (V1, 46, {V1: 45}, "1261"),
        (V1, 5, 4, "1261"),
        (V6, 60, {}, ""),
        (V6, 91, {}, "1261"),
    ],
)
def test_a_film_counts_by_its_length(
    sim: Simulator, model: str, seconds: int, switch: Any, code: str
) -> None:
    sim.switches = Switches(longest_film_s=switch)
    assert ask(sim, model, part("video", data_url(film(seconds), "video/mp4")))[0] == code


def test_a_second_of_film_costs_1400_tokens(sim: Simulator) -> None:
    used = []
    for seconds in (10, 30):
        content = [part("video", data_url(film(seconds), "video/mp4")), {"type": "text", "text": "what?"}]
        body = {"model": V1, "messages": [{"role": "user", "content": content}]}
        headers = {"Authorization": f"Bearer {sim.key}"}
        response = HTTP.post(sim.url + "/chat/completions", json=body, headers=headers, timeout=60)
        used.append(response.json()["usage"]["prompt_tokens"])
    assert (used[1] - used[0]) / 20 == pytest.approx(1_400, rel=0.02)


def test_videos_as_bytes_and_more_formats_are_switches(sim: Simulator) -> None:
    sim.switches = Switches(data_url_videos={V1: "refuse"})
    item = part("video", data_url(MP4, "video/mp4"))
    assert ask(sim, V6, item)[0] == ""
    assert ask(sim, V1, item) == ("1210", "视频输入格式/解析错误")
    assert ask(sim, V1, part("video", SITE + "a.mp4"))[0] == ""
    sim.switches = Switches(more_video_formats=True)
    for value in (data_url(MP4, "video/mp4"), SITE + "a.webm", SITE + "a.gif"):
        assert ask(sim, V6, part("video", value))[0] == ""
    assert ask(sim, V6, part("video", data_url(MP4, "video/webm"))) == ("1210", "视频输入格式/解析错误")
    assert ask(sim, V6, part("video", SITE + "a.avi"))[0] == "1210"


def test_videos_have_a_number_and_a_size(sim: Simulator) -> None:
    item = part("video", SITE + "a.mp4")
    assert ask(sim, V6, item, item)[0] == "1210"
    sim.switches = Switches(max_videos=2, max_video_bytes=len(MP4))
    assert ask(sim, V6, item, item)[0] == ""
    sim.switches = Switches(max_video_bytes=len(MP4) - 1)
    assert ask(sim, V6, item) == ("1210", "视频大小超过限制")


def file_part(**inside: Any) -> dict[str, Any]:
    return {"type": "file", "file": inside}


@each(
    ("item", "code"),
    [
        (part("file", SITE + "a.pdf"), ""),
        (part("file", SITE + "a.docx"), ""),
        (part("file", SITE + "a.txt"), ""),
        (part("file", SITE + "a.zip"), "1210"),
        (part("file", SITE + "a.png"), "1210"),
        (part("file", data_url(PDF, "application/pdf")), "1210"),
        (part("file", raw(PDF)), "1210"),
        (file_part(file_url=SITE + "a.pdf", filename="a.pdf"), ""),
        (file_part(file_data=data_url(PDF, "application/pdf")), ""),
        (file_part(file_data=data_url(PDF, "text/plain")), "1210"),
        (file_part(file_data=raw(PDF)), "1210"),
        (file_part(file_data=SITE + "a.pdf"), "1210"),
        (file_part(file_id="file-1"), "1210"),
        (file_part(file_url=SITE + "a.pdf", file_id="file-1"), "1210"),
        (file_part(file_url=SITE + "a.pdf", size=5), "1210"),
        (file_part(filename="a.pdf"), "1210"),
    ],
)
def test_a_file_comes_by_url_or_in_the_newer_part_as_data(
    sim: Simulator, item: dict[str, Any], code: str
) -> None:
    assert ask(sim, V6, item)[0] == code


def test_files_have_a_number_and_a_size(sim: Simulator) -> None:
    item = part("file", SITE + "a.txt")
    assert ask(sim, V6, *[item] * 50)[0] == ""
    assert ask(sim, V6, *[item] * 51) == ("1210", "输入文件数量超过限制")
    sim.switches = Switches(max_file_bytes=5)
    assert ask(sim, V6, item) == ("1210", "文件大小超过限制")


@each(("one", "other"), [("image", "video"), ("image", "file"), ("video", "file")])
def test_kinds_of_media_do_not_mix(sim: Simulator, one: str, other: str) -> None:
    names = {"image": "a.png", "video": "a.mp4", "file": "a.pdf"}
    both = [part(kind, SITE + names[kind]) for kind in (one, other)]
    assert ask(sim, V6, *both)[0] == "1210"
    sim.switches = Switches(mixing_code="1215")
    assert ask(sim, V6, *both)[0] == "1215"
    sim.switches = Switches(mixing="accept")
    assert ask(sim, V6, *both)[0] == ""


def test_the_record_says_what_arrived(sim: Simulator) -> None:
    quarters = Image.new("RGB", (64, 48), "#ff0000")
    quarters.paste("#0000ff", (32, 0, 64, 48))
    out = io.BytesIO()
    quarters.save(out, "PNG")
    data = out.getvalue()
    forms = {"raw": raw(data), "data": data_url(data), "url": SITE + "quarters.png"}
    sim.web[forms["url"]] = (data, "image/png")
    assert ask(sim, V6, *[part("image", value) for value in forms.values()]) == ("", "")
    [entry] = sim.received
    assert [media.form for media in entry.media] == list(forms)
    for media in entry.media:
        assert (media.kind, media.format, media.width, media.height) == ("image", "png", 64, 48)
        assert (media.size, media.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        assert media.mean_rgb == (128, 0, 128)
        assert media.corners == ((255, 0, 0), (0, 0, 255), (0, 0, 255), (255, 0, 0))


def test_a_video_that_can_be_opened_is_measured(sim: Simulator) -> None:
    av = pytest.importorskip("av")
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height = 64, 48
        for _ in range(20):
            for packet in stream.encode(av.VideoFrame.from_image(Image.new("RGB", (64, 48), "#335577"))):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    sim.web[SITE + "real.mp4"] = (out.getvalue(), "video/mp4")
    assert ask(sim, V6, part("video", SITE + "real.mp4")) == ("", "")
    [media] = sim.received[0].media
    assert (media.kind, media.format, media.width, media.height) == ("video", "mp4", 64, 48)
    assert media.duration_s == pytest.approx(2, abs=0.2)


def test_long_texts_are_remembered_by_digest_when_whole_bodies_are_not_kept(sim: Simulator) -> None:
    sim.switches = Switches(whole_bodies=False, keep=2)
    big = picture("BMP", (80, 60))
    for _ in range(3):
        ask(sim, V6, part("image", raw(big)))
    assert len(sim.wait_received(3)) == 2
    url = sim.received[-1].body["messages"][0]["content"][0]["image_url"]["url"]
    assert len(url) < 200
    assert "sha256" in url
