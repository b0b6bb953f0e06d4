"""describe_image: what is asked about pictures, and boxes in the pixels of the picture that was given."""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import json
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.cases import each
from support.connect import Connect
from support.pictures import grain
from support.toolkit import (
    call,
    chats,
    fail,
    kinds,
    last,
    links,
    parts,
    picture,
    png,
    say,
    text_of,
    words,
)

from glm_mcp.server.app import Folders
from glm_mcp.simulator import Fault, Reply, Simulator, Switches
from glm_mcp.tools.tasks import IMAGE

pytestmark = pytest.mark.anyio

URL = "https://example.com/a.png"
BOXES = (
    '[{"label": "left", "bbox_2d": [0, 0, 500, 1000]}, {"label": "right", "bbox_2d": [500, 0, 1000, 1000]}]'
)


def boxes_in(text: str) -> list[list[int]]:
    """The pixel boxes of the numbered lines."""
    return [json.loads(m) for m in re.findall(r"^\d+\. .*?: (\[.*?\]) px", text, re.MULTILINE)]


def drawn(text: str) -> Path:
    found = re.search(r"^Drawn: (.+)$", text, re.MULTILINE)
    assert found
    return Path(found[1])


async def test_without_a_prompt_the_picture_is_described(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    picture(folders.cwd / "a.png", (640, 480))
    async with connect() as client:
        text = await say(client, "describe_image", images="a.png")
    assert last(sim).model == "glm-4.6v-flash"
    assert kinds(last(sim)) == ["image_url", "text"]
    assert words(last(sim)) == f"{IMAGE['describe']['en']} Answer in English."
    assert (last(sim).media[0].width, last(sim).media[0].height, last(sim).media[0].mean_rgb) == (
        640,
        480,
        (51, 102, 204),
    )
    assert "1 image: PNG 640×480" in text


@each("task", [t for t in IMAGE if t not in {"locate", "compare", "ui_to_code"}])
async def test_each_task_has_its_words_after_the_prompt_in_the_prompts_language(
    connect: Connect, sim: Simulator, folders: Folders, task: str
) -> None:
    picture(folders.cwd / "a.png")
    async with connect() as client:
        await say(client, "describe_image", images="a.png", task=task, prompt="Only the header.")
        await say(client, "describe_image", images="a.png", task=task, prompt="只看标题栏。")
    english, chinese = (words(r) for r in sim.received)
    assert english == f"Only the header.\n\n{IMAGE[task]['en']}"
    assert chinese == f"只看标题栏。\n\n{IMAGE[task]['zh']}"


async def test_a_prompt_alone_goes_as_it_is(connect: Connect, sim: Simulator, folders: Folders) -> None:
    picture(folders.cwd / "a.png")
    async with connect() as client:
        await say(client, "describe_image", images="a.png", prompt="How many apples?")
    assert words(last(sim)) == "How many apples?"


async def test_table_and_inspect_say_what_they_must() -> None:
    assert "HTML" in IMAGE["table"]["en"]
    assert "HTML" in IMAGE["table"]["zh"]
    assert "severity" in IMAGE["inspect"]["en"]
    assert "never guess" in IMAGE["ocr"]["en"]
    assert "不要猜测" in IMAGE["ocr"]["zh"]


async def test_locate_gives_count_label_pixels_centre_and_thousandths(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    picture(folders.cwd / "a.png", (640, 480))
    sim.queue(Reply(text=BOXES, boxed=True))
    async with connect() as client:
        result = await call(client, "describe_image", images="a.png", task="locate", prompt="the halves")
    lines = text_of(result).splitlines()
    assert lines[0] == "2 found in 640x480 px"
    assert lines[2] == "1. left: [0, 0, 320, 480] px, centre (160, 240), 0-1000 [0, 0, 500, 1000]"
    assert lines[3] == "2. right: [320, 0, 640, 480] px, centre (480, 240), 0-1000 [500, 0, 1000, 1000]"
    assert "the halves" in words(last(sim))
    assert "bbox_2d" in words(last(sim))
    with Image.open(drawn(text_of(result))) as copy:
        assert copy.size == (640, 480)
        assert len(copy.convert("RGB").getcolors(100_000) or []) > 1
    assert [link.mime_type for link in links(result)] == ["image/png"]
    assert folders.cache in drawn(text_of(result)).parents


@pytest.mark.extreme
async def test_many_boxes_are_drawn_in_another_process(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    picture(folders.cwd / "a.png", (640, 480))
    boxes = [{"label": f"东西{n}", "bbox_2d": [n, 0, n + 9, 300 + n % 700]} for n in range(900)]
    sim.queue(Reply(text=json.dumps(boxes, ensure_ascii=False), times=0))
    async with connect() as client:
        await call(client, "describe_image", images="a.png", prompt="things")  # loads what any call needs
        began = time.process_time()
        text = await say(client, "describe_image", images="a.png", task="locate", prompt="things")
        used = time.process_time() - began
    assert text.startswith("900 found in 640x480 px")
    (copy,) = folders.cache.rglob("*a-boxes.png")
    with Image.open(copy) as image:
        assert image.size == (640, 480)
        assert len(image.convert("RGB").getcolors(100_000) or []) > 8
    assert used < 1.0, "seconds of this process's own computing"


async def test_locate_finds_nothing_and_says_so(connect: Connect, sim: Simulator, folders: Folders) -> None:
    picture(folders.cwd / "a.png", (640, 480))
    sim.queue(
        Reply(text="```json\n[ ]\n```"),
        Reply(text="I see 3 of them somewhere."),
        Reply(text="In the middle."),
    )
    async with connect() as client:
        none, vague, words = [
            await say(client, "describe_image", images="a.png", task="locate", prompt="cats")
            for _ in range(3)
        ]
    assert none.startswith("0 found in 640x480 px\n")
    assert "Drawn" not in none
    assert "json" not in none
    assert words.startswith("0 found in 640x480 px: the answer could not be read, see below")
    assert "no box could be read from: In the middle." in words
    assert vague.startswith("0 found in 640x480 px: the answer could not be read, see below")
    assert "no box could be read from: I see 3 of them somewhere." in vague


@each(
    "said",
    ["(500, 250)", '{"x": 500, "y": 250}', "<point>500 250</point>", "the large Send button at [500, 250]"],
)
async def test_a_click_is_in_pixels_however_the_point_is_written(
    connect: Connect, sim: Simulator, folders: Folders, said: str
) -> None:
    picture(folders.cwd / "a.png", (640, 480))
    sim.queue(Reply(text=f"Click {said}"))
    async with connect() as client:
        text = await say(client, "describe_image", images="a.png", task="ui_action", prompt="send it")
    assert "In pixels of 640x480:" in text
    assert "(320, 120)" in text


async def test_a_click_whose_point_cannot_be_read_is_not_taken_for_pixels(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    picture(folders.cwd / "a.png", (640, 480))
    sim.queue(Reply(text="Click at x 500, y 250."), Reply(text="Wait."))
    async with connect() as client:
        vague = await say(client, "describe_image", images="a.png", task="ui_action", prompt="send it")
        none = await say(client, "describe_image", images="a.png", task="ui_action", prompt="send it")
    assert "numbers are in 0-1000 of the picture's width and height" in vague
    assert "0-1000" not in none


@pytest.mark.extreme
async def test_a_long_prompt_is_not_repeated_for_each_thing_that_has_no_name(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    picture(folders.cwd / "a.png")
    sim.queue(Reply(text=str([[n, n, n + 9, n + 9] for n in range(900)])))
    prompt = "the round button " * 2_000
    async with connect(GLM_STRUCTURED="1") as client:
        result = await call(client, "describe_image", images="a.png", task="locate", prompt=prompt)
    said = (result.structured_content or {})["text"]
    assert "1. the round button the" in said
    assert "900. the round button the" in said
    assert len(said) < 900 * 250


async def test_locate_needs_a_prompt(connect: Connect, sim: Simulator, folders: Folders) -> None:
    picture(folders.cwd / "a.png")
    async with connect() as client:
        text = await fail(client, "describe_image", images="a.png", task="locate")
    assert (
        text == "invalid_request: describe_image: task=locate without a prompt. Say in prompt what to find."
    )
    assert not sim.received


async def test_boxes_of_a_shrunk_picture_are_in_pixels_of_the_original(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    grain(3600, 2700, 90).convert("RGB").save(folders.cwd / "big.jpg", quality=85)
    sim.queue(Reply(text='[{"label": "a", "bbox_2d": [250, 500, 500, 1000]}]'))
    async with connect() as client:
        text = await say(client, "describe_image", images="big.jpg", task="locate", prompt="a")
    assert last(sim).media[0].width < 3600
    assert text.startswith("1 found in 3600x2700 px")
    assert boxes_in(text) == [[900, 1350, 1800, 2700]]
    with Image.open(drawn(text)) as copy:
        assert copy.size == (last(sim).media[0].width, last(sim).media[0].height)


async def test_boxes_of_a_part_are_in_pixels_of_the_whole(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    picture(folders.cwd / "a.png", (640, 480))
    sim.queue(Reply(text='[{"label": "a", "bbox_2d": [0, 0, 500, 1000]}]'))
    async with connect() as client:
        text = await say(
            client, "describe_image", images="a.png#xywh=100,50,200,100", task="locate", prompt="a"
        )
    assert (last(sim).media[0].width, last(sim).media[0].height) == (200, 100)
    assert boxes_in(text) == [[100, 50, 200, 150]]


@pytest.mark.extreme
async def test_a_tall_screenshot_is_searched_piece_by_piece(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    picture(folders.cwd / "tall.png", (600, 6000))
    sim.queue(Reply(text='[{"label": "a", "bbox_2d": [0, 0, 1000, 1000]}]', times=0))
    async with connect() as client:
        text = await say(client, "describe_image", images="tall.png", task="locate", prompt="a")
    found = boxes_in(text)
    answered = [r for r in sim.received if r.status == 200]
    assert len(answered) == len(found) > 2
    assert text.startswith(f"{len(found)} found in 600x6000 px")
    assert found[0][:2] == [0, 0]
    assert found[-1][2:] == [600, 6000]
    assert all(earlier[3] > later[1] for earlier, later in itertools.pairwise(found))
    assert text.count("Drawn: ") == len(found)


async def test_locate_looks_at_each_of_several_pictures(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    picture(folders.cwd / "a.png", (100, 100))
    picture(folders.cwd / "b.png", (200, 200))
    sim.queue(Reply(text='[{"label": "x", "bbox_2d": [0, 0, 500, 500]}]', times=0))
    async with connect() as client:
        text = await say(client, "describe_image", images=["a.png", "b.png"], task="locate", prompt="x")
    assert text.startswith("2 found\n")
    assert "\na.png:\n1. x: [0, 0, 50, 50] px" in text
    assert "\nb.png:\n2. x: [0, 0, 100, 100] px" in text


async def test_boxes_in_any_other_answer_get_their_pixels(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    picture(folders.cwd / "a.png", (640, 480))
    sim.queue(Reply(text="The cat is at [[250, 250, 750, 500]], asleep."), Reply(text="Click at [500, 100]."))
    async with connect() as client:
        cat = await say(client, "describe_image", images="a.png", prompt="Where is the cat?")
        click = await say(client, "describe_image", images="a.png", prompt="Log in", task="ui_action")
    assert "The cat is at [[250, 250, 750, 500]], asleep.\n\nIn pixels of 640x480: " in cat
    assert "[160, 120, 480, 240]" in cat
    assert "In pixels of 640x480: " in click
    assert "(320, 48)" in click


async def test_half_a_list_of_boxes_at_the_deadline_is_an_error(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    picture(folders.cwd / "a.png")
    sim.queue(Fault("hang_mid", chunks=2))
    async with connect(GLM_DEADLINE_S=1) as client:
        text = await fail(client, "describe_image", images="a.png", task="locate", prompt="the cup")
    assert text.startswith("timeout: ")


async def test_code_from_a_screenshot_is_saved_whole(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    picture(folders.cwd / "login page.png")
    code = "<!doctype html>\n" + "\n".join(f"<p>row {n}</p>" for n in range(2_000))
    sim.queue(Reply(text=f"Here it is:\n```html\n{code}\n```\nDone.", times=2))
    async with connect() as client:
        result = await call(client, "describe_image", images="login page.png", task="ui_to_code")
        again = await say(client, "describe_image", images="login page.png", task="ui_to_code")
    text = text_of(result)
    path = Path(text.splitlines()[0].removeprefix("Saved: "))
    assert path == folders.cwd / "glm-output" / "login-page.html"
    assert path.read_text(encoding="utf-8") == code
    assert links(result)[0].uri == path.as_uri()
    assert links(result)[0].mime_type == "text/html"
    assert "login-page-2.html" in again.splitlines()[0]


async def test_code_that_was_cut_off_is_said_to_be_incomplete(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    picture(folders.cwd / "a.png")
    sim.queue(Reply(text="```html\n<!doctype html>\n<p>one", finish_reason="length"))
    async with connect() as client:
        text = await say(client, "describe_image", images="a.png", task="ui_to_code")
    assert "the code is NOT complete" in text
    assert (folders.cwd / "glm-output" / "a.html").read_text(encoding="utf-8") == "<!doctype html>\n<p>one"


async def test_words_in_the_place_of_code_are_said_to_be_none(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    picture(folders.cwd / "a.png")
    sim.queue(Reply("I see no interface here."), Reply("<p>one</p>"), Reply("struct A {\n}"))
    async with connect() as client:
        none, *code = [
            await say(client, "describe_image", images="a.png", task="ui_to_code") for _ in range(3)
        ]
    assert "the answer has no code: its words are in the file" in none
    assert not any("has no code" in text for text in code)


async def test_a_box_that_cannot_be_placed_is_not_called_unreadable(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    picture(folders.cwd / "a.png")
    sim.queue(Fault("far_boxes"))
    async with connect() as client:
        text = await say(client, "describe_image", images="a.png", task="locate", prompt="boats")
    assert text.startswith("0 found in 640x480 px: no box could be placed, see below")
    assert '(a.png: no place for: [{"label":"simulated","bbox_2d":[120,160,1480,1640]}]' in text
    assert "could not be read" not in text


async def test_boxes_of_a_part_that_came_say_what_they_are_of_where_others_did_not(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    for name in ("a.png", "b.png"):
        picture(folders.cwd / name)
    sim.queue(Reply('[{"label": "boat", "bbox_2d": [1, 2, 3, 4]}]'), Fault("error", code="1113", times=0))
    async with connect() as client:
        text = await fail(client, "describe_image", images=["a.png", "b.png"], prompt="boats", task="locate")
    assert re.search(r'\[[ab]\.png, 0-1000 of its sides\]\n\[\{"label": "boat"', text)


async def test_compare_needs_two_pictures_and_names_them(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    picture(folders.cwd / "a.png", (50, 40), "red")
    picture(folders.cwd / "b.png", (60, 40), "blue")
    async with connect() as client:
        one = await fail(client, "describe_image", images="a.png", task="compare")
        two = await say(client, "describe_image", images=["a.png", "b.png"], task="compare")
    assert one == "invalid_request: describe_image: task=compare with one picture. Give two or more pictures."
    assert kinds(last(sim)) == ["text", "image_url", "text", "image_url", "text"]
    assert [p.get("text") for p in parts(last(sim))][:3:2] == ["[a.png]", "[b.png]"]
    assert [m.width for m in last(sim).media] == [50, 60]
    assert "2 pictures sent" in two


async def test_fifty_pictures_go_in_one_call_and_more_are_refused(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    for n in range(51):
        picture(folders.cwd / "many" / f"{n}.png", (8, 8))
    async with connect() as client:
        text = await fail(client, "describe_image", images="many/*.png")
        (folders.cwd / "many" / "50.png").unlink()
        await say(client, "describe_image", images="many/*.png")
    assert "50" in text
    assert len(last(sim).media) == 50


async def test_pictures_that_are_too_many_for_the_service_are_sent_one_by_one(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    for n, name in enumerate(("a.png", "b.png", "c.png")):
        picture(folders.cwd / name, (50 + n, 40))
    three = ["a.png", "b.png", "c.png"]
    many = Fault("error", code="1210", message="输入图片数量超过限制", times=2)
    async with connect() as client:
        sim.queue(many)
        text = await say(client, "describe_image", images=three, prompt="What is it?")
        asked = [len(r.media) for r in chats(sim)]
        sim.queue(many)
        compare = await fail(client, "describe_image", images=three, task="compare")
    assert asked == [3, 3, 1, 1, 1]
    assert text.index("[a.png]\n") < text.index("[b.png]\n") < text.index("[c.png]\n")
    assert "3 pictures, one call each: together they were too many" in text
    assert "the model takes fewer pictures in a call" in compare


async def test_a_model_of_one_picture_is_asked_once_for_each(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    sim.switches = Switches(raw_base64_images="accept", data_url_images="accept")
    picture(folders.cwd / "a.png", (50, 40))
    picture(folders.cwd / "b.png", (60, 40))
    async with connect() as client:
        text = await say(client, "describe_image", images=["a.png", "b.png"], model="glm-4v-flash")
        compare = await fail(
            client, "describe_image", images=["a.png", "b.png"], model="glm-4v-flash", task="compare"
        )
    assert sorted(r.media[0].width for r in chats(sim)) == [50, 60]
    assert {r.model for r in chats(sim)} == {"glm-4v-flash"}
    assert text.index("[a.png]\n") < text.index("[b.png]\n")
    assert "2 pictures, one call each: glm-4v-flash takes one at a time" in text
    assert compare.startswith("invalid_request: glm-4v-flash takes one picture a call and cannot compare.")


async def test_what_was_answered_of_several_pictures_before_a_refusal_is_told_under_their_names(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    sim.switches = Switches(raw_base64_images="accept", data_url_images="accept")
    picture(folders.cwd / "a.png", (50, 40))
    picture(folders.cwd / "b.png", (60, 40))
    sim.queue(Reply(text="A red square."), Fault("error", code="1113", times=0))
    async with connect(GLM_MAX_CONCURRENCY=1) as client:
        text = await fail(client, "describe_image", images=["a.png", "b.png"], model="glm-4v-flash")
    assert "1 of 2 parts are done and kept" in text
    assert re.search(r"\[[ab]\.png\]\nA red square\.", text)


async def test_the_smallest_model_is_the_last_resort_where_boxes_and_code_are_not_asked_for(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    sim.switches = Switches(raw_base64_images="accept")
    picture(folders.cwd / "a.png")
    busy = [
        Fault("error", code="1305", model=m, times=0) for m in ("glm-4.6v-flash", "glm-4.1v-thinking-flash")
    ]
    sim.queue(*busy)
    async with connect(GLM_DEADLINE_S="3") as client:
        text = await say(client, "describe_image", images="a.png")
        await say(client, "describe_image", images="a.png", task="ocr")
        other = await fail(client, "describe_image", images="a.png", task="ui_to_code")
        named = await fail(client, "describe_image", images="a.png", task="ui_to_code", model="glm-4v-flash")
    assert "[glm-4v-flash · " in text
    assert "instead of glm-4.6v-flash (overloaded 1305)" in text
    assert other.startswith("overloaded: ")
    assert "glm-4v-flash is not used for ui_to_code" in named
    assert [r.model for r in chats(sim)].count("glm-4v-flash") == 2


async def test_pictures_by_address_pass_as_they_are(connect: Connect, sim: Simulator) -> None:
    sim.web[URL] = (png((64, 48)), "image/png")
    async with connect() as client:
        text = await say(client, "describe_image", images=URL, prompt="What?")
    assert parts(last(sim))[0] == {"type": "image_url", "image_url": {"url": URL}}
    assert last(sim).media[0].form == "url"
    assert "64×48" in text


async def test_a_picture_that_the_service_cannot_fetch_is_downloaded_here_once(
    connect: Connect, sim: Simulator
) -> None:
    async with connect(GLM_STRUCTURED="1") as client:
        made = await call(client, "generate_image", prompt="a hill", size="512x512")
        address = (made.structured_content or {})["url"]
        text = await say(client, "describe_image", images=address, prompt="What?")
        await say(client, "describe_image", images=address, task="locate", prompt="hill")
    asked = chats(sim)
    assert [(r.status, r.code) for r in asked] == [(400, "1210"), (200, ""), (200, "")]
    assert asked[0].body["messages"][0]["content"][0]["image_url"]["url"] == address
    assert [(m.form, m.width) for m in asked[1].media] == [("raw", 512)]
    assert "512×512" in text


async def test_an_address_that_leads_inwards_is_refused(connect: Connect, sim: Simulator) -> None:
    async with connect() as client:
        text = await fail(client, "describe_image", images="http://127.0.0.1:9/a.png")
        meta = await fail(client, "describe_image", images="http://169.254.169.254/latest/a.png")
    assert text.startswith("forbidden_url: ")
    assert meta.startswith("forbidden_url: ")
    assert not sim.received


async def test_boxes_about_a_picture_by_address_are_measured_here(connect: Connect, sim: Simulator) -> None:
    sim.queue(Reply(text="[[0, 0, 500, 500]]"))
    async with connect(GLM_STRUCTURED="1") as client:
        made = await call(client, "generate_image", prompt="a hill", size="512x1024")
        address = (made.structured_content or {})["url"]
        text = await say(client, "describe_image", images=address, prompt="Where?")
    assert "In pixels of 512x1024: " in text
    assert "[0, 0, 256, 512]" in text


async def test_the_other_form_of_base64_is_tried_and_remembered(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    sim.switches = Switches(raw_base64_images="refuse", data_url_images="accept")
    picture(folders.cwd / "a.png")
    async with connect() as client:
        await say(client, "describe_image", images="a.png")
        await say(client, "describe_image", images="a.png")
    assert [r.status for r in sim.received] == [400, 200, 200]


async def test_a_folder_a_missing_file_and_a_document_are_told_apart(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    (folders.cwd / "notes.txt").write_text("hello", encoding="utf-8")
    (folders.cwd / "liar.png").write_text("hello", encoding="utf-8")
    async with connect() as client:
        missing = await fail(client, "describe_image", images="none.png")
        text = await fail(client, "describe_image", images="notes.txt")
        liar = await fail(client, "describe_image", images="liar.png")
        outside = await fail(client, "describe_image", images="/etc/passwd")
    assert missing.startswith("not_found: ")
    assert text.startswith("unsupported_media: notes.txt is plain text")
    assert "Use read_document for it." in text
    assert "its name says a PNG picture" in liar
    assert outside.startswith("forbidden_path: ")
    assert "GLM_ALLOWED_DIRS" in outside
    assert not sim.received


async def test_other_formats_arrive_as_png_or_jpeg(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    for name in ("a.webp", "a.bmp", "a.gif", "a.tiff"):
        picture(folders.cwd / name, (64, 48))
    async with connect() as client:
        await say(client, "describe_image", images=["a.webp", "a.bmp", "a.gif", "a.tiff"])
    assert {m.format for m in last(sim).media} <= {"png", "jpeg"}
    assert [(m.width, m.height) for m in last(sim).media] == [(64, 48)] * 4


async def test_json_about_a_picture_is_checked(connect: Connect, sim: Simulator, folders: Folders) -> None:
    picture(folders.cwd / "a.png")
    schema: dict[str, Any] = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    sim.queue(Reply(text='```json\n{"n": 3}\n```'))
    async with connect() as client:
        text = await say(client, "describe_image", images="a.png", prompt="Count.", json=schema)
    assert json.loads(text.rpartition("\n\n[")[0]) == {"n": 3}
    assert "response_format" not in last(sim).body


async def test_base64_of_a_picture_is_taken_with_line_breaks_too(connect: Connect, sim: Simulator) -> None:
    out = io.BytesIO()
    grain(64, 64, 50).save(out, "PNG")
    broken = base64.encodebytes(out.getvalue()).decode()
    async with connect() as client:
        await say(client, "describe_image", images=[broken])
    assert last(sim).media[0].sha256 == hashlib.sha256(out.getvalue()).hexdigest()


async def test_a_picture_that_nobody_can_fetch_is_a_clear_error(connect: Connect, sim: Simulator) -> None:
    async with connect() as client:
        text = await fail(client, "describe_image", images=f"{sim.origin}/files/cogview/none.png")
    assert text.startswith("not_found: ")
    assert [r.status for r in sim.received] == [400, 404]


async def test_tokens_and_warnings_of_all_calls_are_told(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    picture(folders.cwd / "a.png", (100, 100))
    picture(folders.cwd / "b.png", (200, 200))
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    box = '[{"label": "x", "bbox_2d": [0, 0, 500, 500]}]'
    sim.queue(Reply(text=box, usage=usage), Reply(text=box, usage=usage, finish_reason="length"))
    async with connect() as client:
        text = await say(client, "describe_image", images=["a.png", "b.png"], task="locate", prompt="x")
    assert "200 + 20 tokens" in text
    assert "cut off by max_tokens" in text


async def test_boxes_about_several_pictures_are_not_given_wrong_pixels(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    picture(folders.cwd / "a.png", (100, 100))
    picture(folders.cwd / "b.png", (200, 200))
    sim.queue(Reply(text="In the second: [[0, 0, 500, 500]]"))
    async with connect() as client:
        text = await say(client, "describe_image", images=["a.png", "b.png"], prompt="Where is the dot?")
    assert "In pixels" not in text
    assert "task=locate gives pixels" in text


async def test_an_object_in_the_overlap_of_two_parts_is_counted_once(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    Image.new("RGB", (400, 6000), "white").save(folders.cwd / "tall.png")
    async with connect(GLM_MAX_CONCURRENCY=1) as client:  # one after the other: the replies are in order
        await say(client, "describe_image", images="tall.png", prompt="x", task="ocr")
        # How the picture is cut is read off what the first call sent.
        heights = [part.height for part in last(sim).media]
        assert len(heights) > 1
        sim.clear()
        overlap = (sum(heights) - 6000) / (len(heights) - 1)
        low, high = [1000 - overlap * 1000 / heights[0] * 0.9, 1000 - overlap * 1000 / heights[0] * 0.1]
        again = [(v * heights[0] / 1000 - heights[0] + overlap) * 1000 / heights[1] for v in (low, high)]
        for box in ([100, low, 300, high], [100, again[0], 300, again[1]]):
            text = json.dumps([{"label": "x", "bbox_2d": [round(v) for v in box]}])
            sim.queue(Reply(text))
        sim.queue(*[Reply("[]")] * (len(heights) - 2))
        text = await say(client, "describe_image", images="tall.png", prompt="x", task="locate")
    assert text.startswith("1 found in 400x6000 px")


async def test_a_busy_model_is_the_reason_given_when_the_last_of_the_chain_cannot_do_the_job(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    picture(folders.cwd / "a.png")
    sim.switches = Switches(data_url_images={"glm-4v-flash": "refuse"})
    sim.queue(
        Fault("error", code="1305", model="glm-4.6v-flash", times=0),
        Fault("error", code="1305", model="glm-4.1v-thinking-flash", times=0),
    )
    async with connect(GLM_DEADLINE_S="3") as client:
        text = await fail(client, "describe_image", images="a.png")
    assert text.startswith("overloaded: ")
    assert "1305" in text
    assert "glm-4v-flash" in {r.model for r in chats(sim)}


async def test_the_click_point_on_a_wide_screen_is_in_its_own_pixels(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    Image.new("RGB", (7680, 1080), "white").save(folders.cwd / "screens.png")
    sim.queue(Reply("Click the button at [500, 500]"))
    async with connect() as client:
        text = await say(client, "describe_image", images="screens.png", prompt="save", task="ui_action")
    assert len(last(sim).media) == 1
    assert "In pixels of 7680x1080: Click the button: (3840, 540)" in text


@pytest.mark.extreme
async def test_parts_that_are_refused_for_too_many_calls_say_so(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    for name in ("a.png", "b.png"):
        picture(folders.cwd / name)
    sim.queue(Fault("error", code="1302", times=0))
    async with connect(GLM_DEADLINE_S="3") as client:
        text = await fail(client, "describe_image", images=["a.png", "b.png"], prompt="x", task="locate")
    assert text.startswith("rate_limited: ")
    assert "code 1302" in text
    assert "; none of 2 parts is done" in text


async def test_of_a_pattern_what_cannot_be_read_is_left_out_and_named(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    picture(folders.cwd / "shots" / "1.png", (50, 40))
    picture(folders.cwd / "shots" / "deep" / "2.png", (60, 40))
    (folders.cwd / "shots" / "empty.png").touch()
    (folders.cwd / "shots" / "damaged.png").write_bytes(png()[:40])
    (folders.cwd / "shots" / "text.png").write_text("no picture", encoding="utf-8")
    sim.web[URL] = (png((64, 48)), "image/png")
    async with connect() as client:
        text = await say(client, "describe_image", images="shots/**/*.png", prompt="Which?")
        beside = await say(client, "describe_image", images=["shots/*.png", URL], prompt="Which?")
        named = await fail(client, "describe_image", images=["shots/1.png", "shots/empty.png"])
        none = await fail(client, "describe_image", images="shots/{empty,damaged}.png")
    first, second = chats(sim)
    assert [m.width for m in first.media] == [50, 60]
    assert kinds(second).count("image_url") == 2
    for said in (text, beside):
        line = said.splitlines()[-1]
        assert "3 left out: " in line
        assert all(f"{name}.png" in line for name in ("empty", "damaged", "text"))
    assert named.startswith("unsupported_media: empty.png is empty")
    assert none.startswith("unsupported_media: ")


async def test_many_that_are_left_out_are_counted_and_the_first_named(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    picture(folders.cwd / "z.png")
    for n in range(9):
        (folders.cwd / f"{n}.png").touch()
    async with connect() as client:
        text = await say(client, "describe_image", images="*.png")
    assert (
        "9 left out: 0.png is empty (0 bytes); 1.png is empty (0 bytes); 2.png is empty (0 bytes); …" in text
    )


async def test_more_pictures_than_a_call_takes_are_refused_before_any_is_sent(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    for n in range(26):
        (folders.cwd / f"a{n}.png").write_bytes(png())
        (folders.cwd / f"b{n}.png").write_bytes(png())
    async with connect() as client:
        text = await fail(client, "describe_image", images=["a*.png", "b*.png"])
    assert text == "invalid_request: describe_image: 52 pictures. At most 50 in one call."
    assert sim.received == []


async def test_the_same_place_in_two_pictures_is_two_places(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    sim.queue(Reply('[{"label": "button", "bbox_2d": [100, 100, 300, 200]}]', times=2))
    for name, colour in (("before.png", "red"), ("after.png", "blue")):
        (folders.cwd / name).write_bytes(png((300, 200), colour))
    async with connect() as client:
        text = await say(
            client, "describe_image", images=["before.png", "after.png"], task="locate", prompt="button"
        )
    assert text.startswith("2 found")
    assert "2. button: [30, 20, 90, 40] px" in text.partition("after.png:")[2]


async def test_a_comparison_with_one_readable_picture_is_refused(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    (folders.cwd / "good.png").write_bytes(png())
    (folders.cwd / "torn.png").write_bytes(png()[:50])
    async with connect() as client:
        text = await fail(client, "describe_image", images="*.png", task="compare")
    assert text.startswith("unsupported_media: torn.png")
    assert sim.received == []


@pytest.mark.skipif(os.name == "nt", reason="it is a path like any other there")
async def test_a_path_of_windows_is_told_as_one(connect: Connect) -> None:
    async with connect() as client:
        text = await fail(client, "describe_image", images=r"C:\Users\me\one.png")
    assert text.startswith(r"not_found: C:\Users\me\one.png is a path of Windows")
    assert "/mnt/c/Users/me/one.png" in text


async def test_a_picture_over_a_limit_that_is_new_is_sent_to_each_model_once_and_called_too_large(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    sim.switches = Switches(max_image_bytes=100)
    picture(folders.cwd / "a.png")
    async with connect() as client:
        text = await fail(client, "describe_image", images="a.png")
    assert text.startswith("media_too_large: ")
    assert "#xywh=" in text
    asked = [r.model for r in sim.received]
    assert len(set(asked)) == len(asked)


async def test_a_model_of_the_users_choice_that_cannot_do_this_is_not_said_to_be_busy(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    for name in ("a.png", "b.png"):
        picture(folders.cwd / name, (100, 100))
    async with connect(GLM_VISION_MODEL="glm-4v-flash") as client:
        text = await say(client, "describe_image", images=["a.png", "b.png"], prompt="Which is brighter?")
    assert "instead of glm-4v-flash (unfit for this)" in text


async def test_json_is_not_passed_over_in_silence_where_a_task_has_a_form_of_its_own(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    picture(folders.cwd / "a.png", (100, 100))
    sim.queue(
        Reply(text='[{"label": "x", "bbox_2d": [0, 0, 500, 500]}]'), Reply(text="```html\n<p>hi</p>\n```")
    )
    async with connect() as client:
        for task in ("locate", "ui_to_code"):
            text = await say(client, "describe_image", images="a.png", task=task, prompt="x", json=True)
            assert f"json was not used: task={task} has a form of its own" in text
            assert "JSON value alone" not in words(last(sim))
    assert (folders.cwd / "glm-output" / "a.html").read_text(encoding="utf-8").strip() == "<p>hi</p>"
