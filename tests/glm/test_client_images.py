"""Drawing: a picture is asked for once, unless the service itself said that it made none."""

from __future__ import annotations

import base64
import json

import httpx
import pytest
from support.calls import C3, answering, client_of, draw
from support.cases import each

from glm_mcp.errors import ContentBlocked, GLMError, NetworkError, QuotaError, TimedOut, UpstreamError
from glm_mcp.glm.network.transport import AT_WORK_S
from glm_mcp.simulator import Fault, Simulator

pytestmark = pytest.mark.anyio


async def test_a_picture_is_an_address_with_its_model_and_request_id(sim: Simulator) -> None:
    async with client_of(sim) as client:
        drawing = await draw(client)
    assert drawing.url
    assert drawing.url.startswith(sim.origin)
    assert (drawing.model, len(drawing.attempts)) == (C3, 1)
    assert drawing.request_id
    assert sim.received[0].body == {"model": C3, "prompt": "a hill"}


@each("kind", ["image_lost", "refuse", "reset", "close"])
async def test_a_picture_whose_answer_was_lost_is_not_asked_for_again(sim: Simulator, kind: str) -> None:
    sim.queue(Fault(kind, times=0))  # type: ignore[arg-type]  # a plain str is fine at run time
    async with client_of(sim) as client:
        with pytest.raises(NetworkError, match="may have been made; it is not asked for twice"):
            await draw(client)
    assert len(sim.received) == 1


@pytest.mark.parametrize("kind", ["truncated_frame", "wrong_content_type"])
async def test_a_picture_whose_answer_came_damaged_is_not_asked_for_again(sim: Simulator, kind: str) -> None:
    sim.queue(Fault(kind, times=0))  # type: ignore[arg-type]  # a plain str is fine at run time
    async with client_of(sim) as client:
        if kind == "wrong_content_type":
            assert (await draw(client)).url
        else:
            with pytest.raises(UpstreamError, match="may have been made; it is not asked for twice"):
                await draw(client)
    assert len(sim.received) == 1


@each("stream", [b"", b"data: [DONE]\n\n", b"data: {half\n\n"])
async def test_a_stream_without_a_picture_is_an_error_and_not_repeated(stream: bytes) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, content=stream, headers={"content-type": "text/event-stream"})

    async with client_of(transport=answering(answer)) as client:
        with pytest.raises(UpstreamError):
            await draw(client)
    assert len(asked) == 1


@each("body", [b"", b"{}", b'{"data": []}', b'{"data": [{"b64_json": "x"}]}', b"<html>"])
async def test_an_answer_without_a_picture_is_an_error_and_not_repeated(body: bytes) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, content=body)

    async with client_of(transport=answering(answer)) as client:
        with pytest.raises(UpstreamError):
            await draw(client)
    assert len(asked) == 1


async def test_a_picture_that_did_not_come_in_time_may_have_been_made(sim: Simulator) -> None:
    sim.queue(Fault("hang"))
    async with client_of(sim) as client:
        with pytest.raises(TimedOut) as caught:
            await draw(client, within=0.5)
    assert "may have been made; it is not asked for twice" in caught.value.hint
    assert len(sim.received) == 1


@each("status", [499, 504, 524])
async def test_a_gateway_that_gave_up_waiting_is_not_asked_again(sim: Simulator, status: int) -> None:
    sim.queue(Fault("body", status=status, message="timeout", times=0))
    async with client_of(sim) as client:
        with pytest.raises(UpstreamError, match="may have been made"):
            await draw(client)
    assert len(sim.received) == 1


async def test_a_picture_is_not_asked_for_again_of_a_gateway_that_lost_it_in_the_middle_of_the_work(
    sim: Simulator,
) -> None:
    """One that knows nobody behind it says so at once."""
    sim.queue(Fault("html", status=502, delay_s=AT_WORK_S + 0.1))
    async with client_of(sim) as client:
        with pytest.raises(UpstreamError, match="502") as caught:
            await draw(client)
    assert "may have been made" in caught.value.hint
    assert len(sim.received) == 1


@pytest.mark.parametrize("field", ["url", "b64_json"])
async def test_a_picture_may_come_as_a_data_url(sim: Simulator, field: str) -> None:
    packed = f"data:image/png;base64,{base64.b64encode(b'a picture').decode()}"
    sim.queue(Fault("body", message=json.dumps({"data": [{field: packed}]})))
    async with client_of(sim) as client:
        assert (await draw(client)).data == b"a picture"


async def test_a_picture_that_came_with_its_address_needs_no_fetching(sim: Simulator) -> None:
    both = {"url": "https://files.example/a.png", "b64_json": base64.b64encode(b"a picture").decode()}
    sim.queue(Fault("body", message=json.dumps({"data": [both]})))
    async with client_of(sim) as client:
        drawing = await draw(client)
    assert (drawing.data, drawing.url) == (b"a picture", "https://files.example/a.png")


async def test_a_picture_that_the_filter_kept_back_is_blocked(sim: Simulator) -> None:
    kept_back = {"data": [], "content_filter": [{"role": "assistant", "level": 0}]}
    sim.queue(Fault("body", message=json.dumps(kept_back)))
    async with client_of(sim) as client:
        with pytest.raises(ContentBlocked):
            await draw(client)
    assert len(sim.received) == 1


@each("code", ["1302", "1303", "1305", "1234", "500"])
async def test_a_refusal_that_passes_is_repeated(sim: Simulator, code: str) -> None:
    sim.queue(Fault("error", code=code, times=2))
    async with client_of(sim) as client:
        assert (await draw(client)).url
    assert len(sim.received) == 3


@pytest.mark.parametrize("kind", ["error_in_200", "flat_error_in_200"])
async def test_a_refusal_inside_a_success_is_repeated_as_its_code_says(sim: Simulator, kind: str) -> None:
    sim.queue(Fault(kind, code="1302"))  # type: ignore[arg-type]  # a plain str is fine at run time
    async with client_of(sim) as client:
        assert (await draw(client)).url
        assert len(sim.received) == 2
        sim.queue(Fault(kind, code="1113"))  # type: ignore[arg-type]  # a plain str is fine at run time
        with pytest.raises(QuotaError):
            await draw(client)
    assert len(sim.received) == 3


async def test_a_refusal_in_words_alone_is_repeated_as_they_say_and_shown(sim: Simulator) -> None:
    sim.queue(Fault("body", status=200, message='{"msg": "系统繁忙"}'))
    async with client_of(sim) as client:
        assert (await draw(client)).url
        assert len(sim.received) == 2
        sim.queue(Fault("body", status=200, message='{"msg": "the moon is full"}'))
        with pytest.raises(UpstreamError, match=r"the moon is full.* The picture may have been made"):
            await draw(client)
    assert len(sim.received) == 3


async def test_a_page_of_the_gateway_is_repeated(sim: Simulator) -> None:
    sim.queue(Fault("html"))
    async with client_of(sim) as client:
        assert (await draw(client)).url
    assert len(sim.received) == 2


async def test_an_unreached_host_is_tried_again_because_nothing_went_out() -> None:
    tries: list[httpx.Request] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        tries.append(request)
        raise httpx.ConnectError("All connection attempts failed")

    async with client_of(transport=answering(refuse)) as client:
        with pytest.raises(NetworkError) as caught:
            await draw(client)
    assert len(tries) == 3
    assert "may have been made" not in str(caught.value)


@pytest.mark.parametrize(
    ("words", "kind"), [("a SIMULATED-SENSITIVE thing", "content_blocked"), (" ", "invalid_request")]
)
async def test_a_refused_prompt_is_not_repeated(sim: Simulator, words: str, kind: str) -> None:
    async with client_of(sim) as client:
        with pytest.raises(GLMError) as caught:
            await draw(client, words)
    assert caught.value.kind == kind
    assert len(sim.received) == 1
