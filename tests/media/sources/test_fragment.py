"""Media fragments."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cases import each

from glm_mcp.errors import InvalidRequest
from glm_mcp.media.sources.fragment import split_fragment, written
from glm_mcp.media.types import Fragment


@each(
    ("text", "fragment"),
    [
        ("#xywh=10,20,300,200", Fragment(xywh=(10, 20, 300, 200))),
        ("#xywh=pixel:10,20,300,200", Fragment(xywh=(10, 20, 300, 200))),
        ("#xywh=percent:25,25,50,50.5", Fragment(xywh=(25, 25, 50, 50.5), percent=True)),
        ("#XYWH=Percent:0,0,100,100", Fragment(xywh=(0, 0, 100, 100), percent=True)),
        ("#t=10,20", Fragment(t=(10, 20))),
        ("#t=10", Fragment(t=(10, None))),
        ("#t=10,", Fragment(t=(10, None))),
        ("#t=,20", Fragment(t=(0, 20))),
        ("#t=npt:0:01:10,", Fragment(t=(70, None))),
        ("#t=1:02:03.5,90:00", Fragment(t=(3723.5, 5400))),
        ("#t=10s,20s", Fragment(t=(10, 20))),
        ("#page=3", Fragment(page="3")),
        ("#page=3-5", Fragment(page="3-5")),
        ("#page=1,%204-6,9-", Fragment(page="1,4-6,9-")),
        ("#page=2&xywh=1,2,3,4&zoom=100", Fragment(page="2", xywh=(1, 2, 3, 4))),
    ],
)
def test_fragments_are_read(text: str, fragment: Fragment) -> None:
    assert split_fragment("a.b" + text) == ("a.b", fragment)


@each("text", ["a#1.png", "C#", "issue #5.pdf", "#t=1", "a#", "a#section", "a#tt=1", "a.png#=3"])
def test_other_uses_of_the_sign_stay_in_the_name(text: str) -> None:
    assert split_fragment(text) == (text, Fragment())


@each(
    "text",
    [
        "#xywh=1,2,3", "#xywh=1,2,3,0", "#xywh=-1,2,3,4", "#xywh=percent:60,0,50,10", "#xywh=inch:1,2,3,4", "#xywh=a,b,c,d",
        "#xywh=nan,1,1,1", "#xywh=1e9,1,1,1", "#t=20,10", "#t=5,5", "#t=", "#t=,", "#t=abc", "#t=1:99", "#t=-1", "#t=inf",
        "#page=0", "#page=", "#page=x", "#page=1--2", "#page=" + "1," * 200, "#page=٣",
    ],
)  # fmt: skip
def test_a_wrong_fragment_says_the_forms(text: str) -> None:
    with pytest.raises(InvalidRequest, match="Forms: #xywh"):
        split_fragment("a.png" + text)


@given(
    st.text(max_size=30),
    st.sampled_from(["", "#t=", "#xywh=", "#page=", "#xywh=percent:"]),
    st.text("0123456789,:.-%npte ", max_size=30),
)
def test_any_text_is_read_or_refused(name: str, mark: str, value: str) -> None:
    try:
        base, fragment = split_fragment(name + mark + value)
    except InvalidRequest:
        return
    assert (name + mark + value).startswith(base)
    if fragment.xywh:
        assert min(fragment.xywh[2:]) > 0
        assert min(fragment.xywh) >= 0
    if fragment.t and fragment.t[1] is not None:
        assert fragment.t[0] < fragment.t[1]


@given(st.tuples(*[st.integers(0, 9999)] * 2), st.tuples(*[st.integers(1, 9999)] * 2))
def test_a_written_box_is_read_back(corner: tuple[int, int], size: tuple[int, int]) -> None:
    box = (*corner, *size)
    assert split_fragment("a#xywh=" + ",".join(map(str, box)))[1].xywh == box


@each(
    "text",
    [
        "a#xywh=10,20,300,200",
        "a#xywh=percent:12.5,0,33.333,100",
        "a#t=10.25,20",
        "a#t=1:02:03",
        "a#page=3-5,7,9-",
        "a#t=1,2&page=3&xywh=0,0,1,1",
        "a",
    ],
)
def test_a_fragment_that_is_written_out_is_read_as_the_same(text: str) -> None:
    _, fragment = split_fragment(text)
    assert split_fragment("b" + written(fragment)) == ("b", fragment)
