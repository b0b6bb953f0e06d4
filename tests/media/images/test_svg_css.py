"""The CSS of drawings: worked out before they are drawn, and named where it cannot be had."""

from __future__ import annotations

import base64
import io
import time
from typing import Any
from urllib.parse import quote

import anyio
import pytest
from PIL import Image
from support.cases import each
from support.pictures import corners, save, shown, source

from glm_mcp.media.images.prepare import prepare_images
from glm_mcp.media.types import Picture
from glm_mcp.registry import CARDS

pytest.importorskip("resvg_py")
tree: Any = pytest.importorskip("glm_mcp.media.images.svg.tree")
draw: Any = pytest.importorskip("glm_mcp.media.images.svg.draw")

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="60" height="40">'
RECT = '<g id="g" class="box"><rect id="r" class="a b" x="0" y="0" width="60" height="40"/></g>'
BLACK, RED, LIME, BLUE = (0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255)


def drawn(body: str) -> tuple[Image.Image, list[str]]:
    png, _, _, notes = draw.render(f"{HEAD}{body}</svg>".encode(), "logo.svg")
    image = Image.new("RGBA", (1024, 683), "white")
    with Image.open(io.BytesIO(png)) as layer:
        image.alpha_composite(layer.convert("RGBA"))
    return image.convert("RGB"), notes


def middle(body: str) -> tuple[int, int, int]:
    (colour,) = colours(body, 1)
    return colour


def colours(body: str, count: int) -> list[tuple[int, int, int]]:
    """On white, in the middle of so many columns of a drawing that loses nothing."""
    png, _, _, notes = draw.render(f"{HEAD}{body}</svg>".encode(), "logo.svg")
    assert notes == []
    with Image.open(io.BytesIO(png)) as layer:
        row = layer.crop((0, layer.height // 2, layer.width, layer.height // 2 + 1)).convert("RGBA")
    shown = Image.alpha_composite(Image.new("RGBA", row.size, "white"), row).convert("RGB")
    found: Any = [shown.getpixel((shown.width * (2 * n + 1) // (2 * count), 0)) for n in range(count)]
    return found  # type: ignore[no-any-return]


def styled(css: str, body: str = RECT) -> str:
    text = css.replace("&", "&amp;").replace("<", "&lt;")
    return f"<style>{text}</style>{body}"


@each(
    ("colour", "expected"),
    [
        ("rgb(255 0 0)", RED),
        ("rgb(100% 0% 0% / 100%)", RED),
        ("rgb(255 0 0 / 50%)", (255, 127, 127)),
        ("hsl(120deg 100% 50%)", LIME),
        ("hsl(0.5turn 100% 50% / 1)", (0, 255, 255)),
        ("hwb(240 0% 0%)", BLUE),
        ("oklch(0.628 0.2577 29.23)", RED),
        ("oklch(0.7 0.2 30)", (255, 97, 77)),
        ("oklab(0.8664 -0.2339 0.1795)", LIME),
        ("lab(54.29 80.8 69.89)", RED),
        ("lch(54.29 106.84 40.86)", RED),
        ("lab(50% 0 0)", (119, 119, 119)),
        ("color(srgb 0 1 0)", LIME),
        ("color(srgb-linear 0 0.2140 0)", (0, 127, 0)),
        ("color(display-p3 0.5 0.5 0.5)", (128, 128, 128)),
        ("color(xyz 0.4124 0.2126 0.0193)", RED),
        ("color(xyz-d50 0.4361 0.2225 0.0139)", RED),
        ("rebeccapurple", (102, 51, 153)),
        ("CanvasText", BLACK),
        ("light-dark(lime, red)", LIME),
        ("light-dark(oklch(0.628 0.2577 29.23), blue)", RED),
        ("color-mix(in srgb, red, blue)", (128, 0, 128)),
        ("color-mix(in srgb, red 25%, blue)", (64, 0, 191)),
        ("color-mix(in srgb, red 20%, blue 20%)", (204, 153, 204)),
        ("color-mix(in oklab, red, blue)", (140, 83, 162)),
        ("color-mix(in srgb-linear, white, black)", (188, 188, 188)),
        ("color-mix(in hsl, red, lime)", (255, 255, 0)),
        ("color-mix(in xyz, red, red)", RED),
        ("color-mix(in lab, red, red)", RED),
        ("color-mix(in lch, red, red)", RED),
        ("color-mix(in oklch shorter hue, red, red)", RED),
        ("rgb(calc(255 / 2) 0 0)", (128, 0, 0)),
        ("hsl(120 100% calc(25% * 2))", LIME),
    ],
)
def test_a_colour_of_today_is_drawn_wherever_it_is_written(colour: str, expected: tuple[int, ...]) -> None:
    css = f":root {{ --c: {colour} }} .sheet {{ fill: {colour} }} #variable {{ fill: var(--c) }}"
    gradient = f'<linearGradient id="l"><stop stop-color="{colour}"/></linearGradient>'
    places = (
        f'fill="{colour}"',
        f'style="fill: {colour}"',
        'class="sheet"',
        'id="variable"',
        'fill="url(#l)"',
    )
    columns = [f'<rect x="{12 * n}" width="12" height="40" {place}/>' for n, place in enumerate(places)]
    for place, found in zip(
        places, colours(styled(css, gradient + "".join(columns)), len(places)), strict=True
    ):
        assert found == pytest.approx(expected, abs=2), place


@each(
    "selector",
    [
        "rect", "*", "#r", ".a", ".a.b", "rect.a#r", ":root rect", "svg g > rect", ".box rect", "g > *", "*|rect",
        "rect:not(.x)", "rect:is(.x, .a)", "g:where(#g) rect", "rect:first-child", "rect:last-child",
        "rect:only-child", "rect:only-of-type", "rect:nth-child(2n+1)", "rect:nth-last-child(1)",
        "rect:nth-of-type(1)", "rect:nth-last-of-type(odd)", "rect:first-of-type", "rect:last-of-type",
        "style + g rect", "style ~ g > rect", "g:has(rect) > .a", "[width]", '[width="60"]', '[class~="b"]',
        '[class^="a "]', '[class$="b"]', '[class*=" "]', '[id|="r"]', '[id="R" i]', "x, rect", "rect:empty",
        "/* > */ rect",
    ],
)  # fmt: skip
def test_a_selector_of_any_kind_finds_its_element(selector: str) -> None:
    assert middle(styled(f"{selector} {{ fill: lime }}")) == LIME


@each(
    "selector",
    [
        "rect:hover", "rect::before", "rect:nth-child(2)", "rect > g", "g + style", ".x", "rect:not(.a)", "rect ~ rect",
        "rect:unheard-of", "rect:nth-child(x)", "[height^='']", "> rect", "rect >", "rect:has(g)", "g:empty rect",
    ],
)  # fmt: skip
def test_a_selector_that_does_not_fit_finds_nothing(selector: str) -> None:
    assert middle(styled(f"{selector} {{ fill: lime }}")) == BLACK


@each(
    "css",
    [
        "g { rect { fill: lime } }",
        "g { & rect { fill: lime } }",
        "g { > rect { fill: lime } }",
        "rect { &.a { fill: lime } }",
        ".a { .box & { fill: lime } }",
        "svg { g { rect { fill: lime } } }",
        "g { fill: red; @media screen { rect { fill: lime } } }",
        "g { :is(rect, &) { fill: lime } }",
        "@media screen { rect { fill: lime } }",
        "@media (min-width: 50px) and (max-width: 70px) { rect { fill: lime } }",
        "@media print, not (min-width: 600px) { rect { fill: lime } }",
        "@media (prefers-color-scheme: light) { rect { fill: lime } }",
        "rect { fill: lime } @media (prefers-color-scheme: dark) { rect { fill: red } }",
        "@supports (fill: oklch(0 0 0)) { rect { fill: lime } }",
        "@layer base { rect { fill: lime } }",
        "@font-face { font-family: x; src: url(x) } rect { fill: lime }",
        "@keyframes k { from { fill: red } } rect { fill: lime; animation: k 1s }",
    ],
)
def test_nesting_and_rules_with_conditions_are_followed(css: str) -> None:
    assert middle(styled(css)) == LIME


@each(
    "css",
    [
        ":root { --a: lime } rect { fill: var(--a) }",
        ":root { --a: var(--b); --b: lime } rect { fill: var(--a) }",
        "g { --a: lime } rect { fill: var( --a , red) }",
        ":root { --a: red } g { --a: lime } rect { fill: var(--a) }",
        "rect { fill: var(--none, lime) }",
        "rect { fill: var(--none, var(--neither, lime)) }",
        "rect { --a: var(--a); fill: var(--a, lime) }",
        ":root { --h: 120 } rect { fill: hsl(var(--h) 100% 50%) }",
        "@property --q { syntax: '*'; inherits: true; initial-value: lime } rect { fill: var(--q) }",
        "rect { fill: lime } rect { fill: var(--none) }",
        "rect { fill: lime; fill: unheard-of(1) }",
        "rect { fill: lime !important } #r { fill: red }",
        "#r { fill: lime } rect { fill: red }",
        "rect { fill: red } rect { fill: lime }",
    ],
)
def test_variables_and_the_order_of_declarations_are_those_of_browsers(css: str) -> None:
    assert middle(styled(css)) == LIME


def test_inline_style_wins_over_sheets_and_not_over_what_is_important() -> None:
    inline = '<rect id="r" width="60" height="40" style="--c: lime; fill: var(--c)"/>'
    assert middle(styled("#r { fill: red }", inline)) == LIME
    assert middle(styled("#r { fill: blue !important }", inline)) == BLUE


def test_a_sheet_for_print_or_of_another_language_is_left_alone() -> None:
    sheets = '<style media="print">rect{fill:red}</style><style type="text/x">rect{fill:blue}</style>'
    assert middle(f'{sheets}<style media="screen">rect{{fill:lime}}</style>{RECT}') == LIME


@each(
    ("css", "at"),
    [
        ("transform: translate(30px, 20px)", (1000, 660)),
        ("transform: translateX(30px) translateY(20px)", (1000, 660)),
        ("transform: translate3d(30px, 20px, 0) translateZ(0)", (1000, 660)),
        ("transform: translate(60px, 0) rotate(0.25turn)", (700, 341)),
        ("transform: scaleX(2) scaleY(calc(1 + 1))", (1000, 660)),
        ("transform: matrix(2, 0, 0, 2, 0, 0)", (1000, 660)),
        ("x: 30px; y: 20px", (1000, 660)),
        ("width: calc(30px * 2); height: 40px", (1000, 660)),
    ],
)
def test_transforms_and_geometry_written_in_css_are_honoured(css: str, at: tuple[int, int]) -> None:
    image, notes = drawn(f'<rect width="30" height="20" style="fill: lime; {css}"/>')
    assert image.getpixel(at) == LIME
    assert notes == []


def test_a_path_and_a_circle_written_in_css_are_drawn() -> None:
    assert middle(styled("path { d: path('M0 0h60v40h-60z'); fill: lime }", "<path/>")) == LIME
    assert middle(styled("circle { cx: 30px; cy: 20px; r: 15px; fill: lime }", "<circle/>")) == LIME


@each(
    ("css", "note"),
    [
        ("fill: unheard-of(1)", "CSS not drawn: fill: unheard-of(1)"),
        ("fill: oklch(from red l c h)", "CSS not drawn: fill: oklch(from red l c h)"),
        ("fill: color-mix(in nowhere, red, blue)", "CSS not drawn: fill: color-mix(in nowhere, red, blue)"),
        ("clip-path: circle(5px)", "CSS not drawn: clip-path: circle(5px)"),
        ("transform: translateX(-100%)", "CSS not drawn: transform: translateX(-100%)"),
        ("transform: rotateX(10deg)", "CSS not drawn: transform: rotateX(10deg)"),
        ("stroke-width: calc(1px + 1em)", "CSS not drawn: stroke-width: calc(1px + 1em)"),
        ("opacity: env(x)", "CSS not drawn: opacity: env(x)"),
    ],
)
def test_what_cannot_be_had_is_named(css: str, note: str) -> None:
    _, notes = drawn(styled(f"rect {{ {css} }}"))
    assert notes == [note]
    _, notes = drawn(f'<rect width="60" height="40" style="{css}"/>' * 2)
    assert notes == [note]


def test_many_losses_are_counted_and_style_sheets_of_other_files_too() -> None:
    css = "@import url(x.css); rect { fill: a(1); stroke: b(2); opacity: c(3); filter: d(4); cursor: e(5) }"
    _, notes = drawn(styled(css))
    assert notes == [
        "CSS not drawn: fill: a(1), stroke: b(2), opacity: c(3), 1 more, an imported style sheet",
    ]


@each(
    "css",
    [
        "--v0: red;" + "".join(f"--v{i}: var(--v{i - 1}, x) var(--v{i - 1}, x);" for i in range(1, 60)),
        "--v59: " + "calc(" * 400 + "1" + ")" * 400,
        "--v59: " + "(" * 3000,
    ],
    ids=["doubling", "calc", "brackets"],
)
def test_css_that_multiplies_itself_costs_little(css: str) -> None:
    began = time.process_time()
    image, _ = drawn(styled(f":root {{ {css} }} rect {{ stroke: var(--v59) }}"))
    assert image.getpixel((512, 341)) == BLACK
    assert time.process_time() - began < 5


def embedded(inner: str, form: str = "base64") -> str:
    text = f"{HEAD}{inner}</svg>"
    data = base64.b64encode(text.encode()).decode() if form == "base64" else quote(text)
    return f'<image width="60" height="40" xlink:href="data:image/svg+xml;{form},{data}"/>'


@pytest.mark.parametrize("form", ["base64", "charset=utf-8"])
def test_a_drawing_inside_a_drawing_is_drawn_with_its_css(form: str) -> None:
    inner = styled(":root { --c: lime } g { rect { fill: var(--c) } }")
    assert middle(embedded(inner, form)) == LIME
    assert middle(embedded(embedded(inner), form)) == LIME
    picture = base64.b64encode(save(corners(), "PNG")).decode()
    inner = f'<image width="60" height="40" href="data:image/png;base64,{picture}"/>'
    image, notes = drawn(embedded(inner, form))
    assert image.getpixel((100, 100)) == (230, 20, 20)
    assert notes == []


@each(
    ("inner", "note"),
    [
        ('<image href="x.png"/>', "1 linked picture is not drawn: export as PNG"),
        ('<rect style="fill: a(1)"/>', "CSS not drawn: fill: a(1)"),
        (embedded(embedded(RECT)), "1 linked picture is not drawn: export as PNG"),
        ("<not closed", "1 linked picture is not drawn: export as PNG"),
    ],
)
def test_what_a_drawing_inside_a_drawing_loses_is_said(inner: str, note: str) -> None:
    _, notes = drawn(embedded(inner))
    assert notes == [note]


@pytest.mark.anyio
async def test_the_drawings_of_diagram_makers_are_sent_as_browsers_show_them() -> None:
    mermaid = (
        f'{HEAD}<style>#m{{font-family:"trebuchet ms";}}#m .node rect{{fill:#ECECFF;stroke:#9370DB}}'
        '#m :root{--mermaid-font-family:"trebuchet ms"}</style>'
        '<g id="m"><g class="node"><rect width="60" height="40"/></g></g></svg>'
    )
    with anyio.fail_after(60):
        (picture,) = await prepare_images([source(mermaid.encode(), "flow.svg")], CARDS["glm-4.6v-flash"])
    assert colour_of(picture) == (236, 236, 255)
    assert picture.notes == ()


def colour_of(picture: Picture) -> Any:
    image = shown(picture).convert("RGB")
    return image.getpixel((image.width // 2, image.height // 2))


@each(
    "style",
    [
        ".z" + " g" * 5,
        ".z ~ rect" + " ~ rect" * 4,
        ".z > g" + " g > g" * 6,
        ".z + rect" + " ~ rect + rect" * 6,
    ],
)
def test_a_long_selector_that_fits_nothing_takes_no_more_steps_than_there_are_elements(style: str) -> None:
    groups, rects = 60, '<rect width="60" height="40"/>' * 60
    assert middle(f"<style>{style} rect{{fill:red}}</style>{'<g>' * groups}{rects}{'</g>' * groups}") == BLACK
