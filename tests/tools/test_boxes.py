"""Boxes in answers: every spelling found, nothing else taken for one, pixels right in the whole picture."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from support.cases import each
from support.pictures import save, screenshot

from glm_mcp.clients.table import client_named
from glm_mcp.errors import UnsupportedMedia
from glm_mcp.glm.messages import Image as Part
from glm_mcp.glm.progress import Progress
from glm_mcp.media.images import annotate
from glm_mcp.media.types import Picture
from glm_mcp.server.app import App
from glm_mcp.tools.base import Deps
from glm_mcp.tools.boxes import Box, located, parse_boxes, unplaced
from glm_mcp.tools.locate import annotated_copy, to_pixels


def found(text: str) -> list[tuple[Any, ...]]:
    return [(b.label, b.x1, b.y1, b.x2, b.y2) for b in parse_boxes(text)]


@each(
    ("text", "expected"),
    [
        ("[[10,20,300,400]]", [("", 10, 20, 300, 400)]),
        ("[10, 20, 300, 400]", [("", 10, 20, 300, 400)]),
        ("[[1,2,30,40],[5,6,70,80]]", [("", 1, 2, 30, 40), ("", 5, 6, 70, 80)]),
        ("The dog is at <|begin_of_box|>[816,162,838,172]<|end_of_box|>.", [("dog", 816, 162, 838, 172)]),
        ("<|begin_of_box|>[[816,162,838,172]]", [("", 816, 162, 838, 172)]),
        ('```json\n[{"bbox_2d": [1, 2, 30, 40], "label": "cat"}]\n```', [("cat", 1, 2, 30, 40)]),
        (
            '[{"label": "狗", "bbox": [1,2,30,40]}, {"name": "b", "box": [5,6,70,80]}]',
            [("狗", 1, 2, 30, 40), ("b", 5, 6, 70, 80)],
        ),
        ('{"box_2d": [\n    1,\n    2,\n    30,\n    40\n  ]}', [("", 1, 2, 30, 40)]),
        ("{'bbox_2d': [1,2,30,40], 'label': 'say \"hi\"'}", [('say "hi', 1, 2, 30, 40)]),
        ('[{"bbox_2d": [1,2,30,40], "label": "cut', [("", 1, 2, 30, 40)]),
        (
            '{"dog": [[1,2,30,40],[5,6,70,80]], "cat": [[9,9,99,99]]}',
            [("dog", 1, 2, 30, 40), ("dog", 5, 6, 70, 80), ("cat", 9, 9, 99, 99)],
        ),
        ('{"point_2d": [500, 600], "label": "ok"}', [("ok", 500, 600, 500, 600)]),
        ("[[500, 600]]", [("", 500, 600, 500, 600)]),
        ("click the point [500, 600]", [("click the point", 500, 600, 500, 600)]),
        ("坐标为【12，34，56，78】", [("", 12, 34, 56, 78)]),
        ("红色按钮：［［１２，３４，５６，７８］］", [("红色按钮", 12, 34, 56, 78)]),
        (
            "- **Save**: [[1,2,30,40]]\n- Load: [[5,6,70,80]]",
            [("Save", 1, 2, 30, 40), ("Load", 5, 6, 70, 80)],
        ),
        ("[300,400,10,20]", [("", 10, 20, 300, 400)]),
        ("[[-3,0,1004,1000]]", [("", 0, 0, 1000, 1000)]),
        ("[0.1, 0.2, 0.5, 0.75]", [("", 100, 200, 500, 750)]),
        ("[12.5, 20, 30.25, 40]", [("", 12.5, 20, 30.25, 40)]),
        ("[100 200 300 400]", [("", 100, 200, 300, 400)]),
    ],
)
def test_every_spelling_is_found(text: str, expected: list[tuple[Any, ...]]) -> None:
    assert found(text) == expected


CAT = [("cat", 100, 200, 300, 400)]


@each(
    ("text", "expected"),
    [
        ('[{"label": "cat", "bbox_2d": ["100", "200", "300px", "400"]}]', CAT),
        ('[{"label": "cat", "bbox": {"x1": 100, "y1": 200, "x2": 300, "y2": 400}}]', CAT),
        ('[{"label": "cat", "bbox": {"x": 100, "y": 200, "width": 200, "height": 200}}]', CAT),
        ('[{"label": "cat", "left": 0.1, "top": 0.2, "right": 0.3, "bottom": 0.4, "score": 0.9}]', CAT),
        ('{"cat": {"x_min": 100, "y_min": 200, "x_max": 300, "y_max": 400}}', CAT),
        ('[{"label": "cat", "bbox_2d": [[100, 200], [300, 400]]}]', CAT),
        ('[{"label": "cat", "polygon": [[100, 300], [200, 200], [300, 300], [200, 400]]}]', CAT),
        ('[["cat", 100, 200, 300, 400]]', CAT),
        ("cat: [100, 200, 300, 400, 0.93]", CAT),
        ("cat: [10%, 20%, 30%, 40%]", CAT),
        ("The cat is at (100, 200, 300, 400).", CAT),
        ("- cat: (100, 200), (300, 400)", CAT),
        ("<ref>cat</ref><box>(100,200),(300,400)</box>", CAT),
        ("<|object_ref_start|>cat<|object_ref_end|><|box_start|>(100,200),(300,400)<|box_end|>", CAT),
        ("cat <bbox>100 200 300 400</bbox>", CAT),
        ('{"label": "cat", "x": 100, "y": 200}', [("cat", 100, 200, 100, 200)]),
        ("<point>100 200</point>", [("", 100, 200, 100, 200)]),
        (
            "Press the large cat at the left: [100, 200]",
            [("Press the large cat at the left", 100, 200, 100, 200)],
        ),
        ("I see 3 of them.", []),
        ('{"label": "cat", "width": 640, "height": 480}', []),
    ],
)
def test_where_boxes_alone_were_asked_for_any_spelling_is_one(
    text: str, expected: list[tuple[Any, ...]]
) -> None:
    assert [(b.label, b.x1, b.y1, b.x2, b.y2) for b in located(text)] == expected


@each(
    "text",
    [
        "no boxes here",
        "the years [1990, 2000, 2010, 2020]",
        "python [3.11, 3.12]",
        "see [1, 2] and [3]",
        "plt.plot([1, 2, 3, 4])",
        "values = [10, 20, 30, 40]",
        "```python\nboxes = [[1, 2, 30, 40]]\n```",
        '{"bbox_3d": [1,2,3,4]}',
        '{"size": [640, 480]}',
        "[[5,5,5,9]]",
        "[1,2,3]",
        "[1,2,3,4,5]",
        "[[100,200,300,4000]]",
        "[a, b, c, d]",
        "rgb(1,2,3) matrix[1,2,3,4]",
    ],
)
def test_other_lists_are_left_alone(text: str) -> None:
    assert found(text) == []


def test_a_video_answer_keeps_its_frames() -> None:
    boxes = parse_boxes(
        '{"0": [[1,2,30,40]], "1.5": [[5,6,70,80]], "frame_3": [{"bbox_2d": [1,2,3,4], "label": "car"}, {"bbox_2d": [1,2,3,9], "label": "bus"}]}'
    )
    assert [(b.at, b.label) for b in boxes] == [("0", ""), ("1.5", ""), ("3", "car"), ("3", "bus")]


def test_a_span_is_the_place_in_the_answer() -> None:
    text = "猫：【1，2，30，40】，dog [[5,6,70,80]]"
    assert [text[slice(*b.span)] for b in parse_boxes(text)] == ["【1，2，30，40】", "[5,6,70,80]"]


low, high = st.integers(0, 499), st.integers(500, 1000)
boxes = st.tuples(low, low, high, high)


@given(
    st.lists(
        st.tuples(boxes, st.sampled_from(["", "cat", "红色按钮", "Save as", 'a "b" c', "x:[1]"])), max_size=8
    )
)
def test_what_a_model_writes_is_read_back(items: list[tuple[tuple[int, ...], str]]) -> None:
    expected = [b for b, _ in items]
    plain = [
        (int(x.x1), int(x.y1), int(x.x2), int(x.y2))
        for x in parse_boxes(json.dumps([list(b) for b in expected]))
    ]
    assert plain == expected
    rows = [{"bbox_2d": list(b), "label": label} for b, label in items]
    read = parse_boxes(f"```json\n{json.dumps(rows, ensure_ascii=False, indent=2)}\n```")
    assert [(b.x1, b.y1, b.x2, b.y2) for b in read] == expected
    assert [b.label for b in read if '"' not in b.label] == [label for _, label in items if '"' not in label]
    text = "\n".join(f"{i}. thing: [[{a},{b},{c},{d}]]" for i, (a, b, c, d) in enumerate(expected))
    assert [(b.label, b.x1, b.y1, b.x2, b.y2) for b in parse_boxes(text)] == [("thing", *b) for b in expected]


@given(
    st.one_of(
        st.text(max_size=300), st.text(alphabet='[]{}",:0123456789. \n`-<|>【】，abox_2dlabel', max_size=300)
    )
)
@settings(max_examples=300)
def test_nothing_makes_it_fail(text: str) -> None:
    for box in parse_boxes(text):
        assert 0 <= box.x1 <= box.x2 <= 1000
        assert 0 <= box.y1 <= box.y2 <= 1000
        assert 0 <= box.span[0] < box.span[1] <= len(text)
    assert all(0 <= box.x1 <= box.x2 <= 1000 for box in located(text))


@pytest.mark.timeout(20)
@each(
    "text",
    [
        "[" * 100_000,
        "[1" + " " * 100_000,
        "{" * 50_000 + "[1,2,3,4]" * 500,
        "```" * 30_000,
        '{"a":[1,2,3,4],' * 3000,
        "(1, 2) " * 30_000,
        "(1 " * 50_000,
        '{"x": 1, ' * 30_000,
        "<" * 100_000,
        f"[{'1         ' * 4}x" * 2_500,
    ],
)
def test_a_runaway_answer_does_not_hold_anything_up(text: str) -> None:
    located(text)


def picture(width: int, height: int, original: tuple[int, int], **place: float) -> Picture:
    return Picture(Part("p", b""), width, height, original, **place)  # type: ignore[arg-type]


def test_pixels_are_those_of_the_original_picture() -> None:
    box = Box("", 100, 250, 500, 1000)
    assert to_pixels(box, picture(1000, 400, (1000, 400))) == (100, 100, 500, 400)
    assert to_pixels(box, picture(1000, 400, (4000, 1600), scale=0.25)) == (400, 400, 2000, 1600)
    assert to_pixels(box, picture(800, 833, (800, 400), stretch=833 / 400)) == (80, 100, 400, 400)
    assert to_pixels(box, picture(1080, 2500, (1080, 24000), top=4800.0)) == (108, 5425, 540, 7300)
    assert to_pixels(box, picture(200, 100, (300, 300), left=50.0, top=60.0, scale=2.0)) == (60, 72, 100, 110)
    assert to_pixels(Box("", 0, 0, 1000, 1000), picture(333, 777, (1000, 2333), scale=0.333)) == (
        0,
        0,
        1000,
        2333,
    )


def test_boxes_are_drawn_with_their_numbers() -> None:
    data = save(screenshot(400, 300), "PNG")
    image = Image.open(
        io.BytesIO(
            annotate.draw(
                data,
                [((100, 100, 200, 180), "Save"), ((250, 50, 250, 50), "按钮"), ((-20, -5, 500, 320), "")],
            )
        )
    )
    assert (image.format, image.size) == ("PNG", (400, 300))
    assert image.convert("RGB").getpixel((100, 140)) == (0xE6, 0x19, 0x4B)
    assert image.convert("RGB").getpixel((250, 46)) == (0x00, 0x72, 0xD6)
    with pytest.raises(UnsupportedMedia):
        annotate.draw(b"nothing", [])


@each(
    ("text", "notes"),
    [
        ("[[10, 20, 300, 400]]", []),
        ("[[10, 20, 1300, 400], [1500, 20, 1800, 400]]", ["2 boxes could not be placed: beyond 1000"]),
        ('{"bbox_2d": [10, 20, 1300, 400]}', ["1 box could not be placed: beyond 1000"]),
        ("the years 2020, 2021 and [3, 4]", []),
    ],
)
def test_boxes_that_lie_outside_are_told(text: str, notes: list[str]) -> None:
    assert unplaced(text) == notes


def test_a_box_beyond_what_any_model_writes_is_not_looked_for() -> None:
    assert len(parse_boxes("[[1, 2, 30, 40]]" + "." * 999_900)) == 1
    assert parse_boxes("." * 1_000_000 + "[[1, 2, 30, 40]]") == []


@pytest.mark.anyio
@each("count", [3, 60])
@each("late", [False, True])
async def test_boxes_are_not_lost_when_the_time_is_over_before_they_are_drawn(
    app_of: Callable[..., App], count: int, late: bool
) -> None:
    app = app_of()
    client = client_named("a-client", app.settings, remote=False)
    deadline = anyio.current_time() + (-1 if late else 60)
    deps = Deps(app.settings, app.glm, app.sandbox, app.outputs, client, Progress(), deadline)
    picture = Picture(Part("a.png", save(screenshot(200, 100), "PNG"), "image/png"), 200, 100, (200, 100))
    boxes = [Box(f"thing {n}", n, n, 500 + n, 500 + n) for n in range(count)]
    with anyio.fail_after(60):
        said, links = await annotated_copy(deps, picture, boxes)
    await app.close()
    if late:
        assert (said, links) == ("(no copy with the boxes: the time of this call was over)", [])
    else:
        assert said.startswith("Drawn: ")
        assert len(links) == 1
