"""The rows of answers that do not come, come late, come damaged, or are not what a model in good health would say."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace

from fault_rows import (
    ARRIVED,
    AT_ONE_GO,
    BESIDE,
    MODEL,
    PAINTER,
    RETRIED,
    STAND_IN,
    TEXT,
    WHOLE,
    Row,
    as_tried,
    once,
)

from glm_mcp.samples import FOLDER
from glm_mcp.simulator import Fault
from glm_mcp.simulator.script import FaultKind


def network() -> Iterator[Row]:
    for way, name, says, tries in (
        ("closed", "connection refused", "was not reached", 3),
        ("no name", "name not found", "was not found", 3),
        ("proxy", "proxy refuses", "the proxy refused the way", 3),
        ("no proxy", "proxy not there", "not reached", 3),
        ("no tls", "no TLS at the other end", "does not speak TLS", 1),
        ("bad tls", "TLS with an unknown certificate", "secure connection", 1),
        ("cut tls", "TLS cut in the greeting", "hung up", 3),
    ):
        asked = RETRIED if tries > 1 else AT_ONE_GO
        yield Row(name, "network", once(tries), says=(says,), asked=asked, named=False, way=way)
    mute = ("no connection to",)
    name = "TLS that is never answered"
    yield Row(name, "network", once(), says=mute, asked="to the deadline", named=False, way="mute tls")
    for kind, name, tries in (
        ("refuse", "reset before headers", 3),  # of a host that never gave an answer
        ("reset", "reset mid-body", 0),
        ("close", "closed mid-body", 0),
    ):
        fault = Fault(kind, times=0)  # type: ignore[arg-type]  # a literal
        said = ("broke",) if kind == "refuse" else ("broke", *ARRIVED)
        yield Row(name, "network", once(tries), fault, said, as_tried(tries), named=tries == 0)
        yield Row(f"{name}, once", "ok", once(2), replace(fault, times=1), (TEXT,), RETRIED)


def slow() -> Iterator[Row]:
    late = Fault("slow_first_byte", seconds=2)
    yield Row("first byte after 2 s", "ok", once(), late, (WHOLE,), floor=2)
    never = replace(late, seconds=600, times=0)
    for name, fault in (
        ("first byte after the deadline", never),
        ("one byte a second", Fault("trickle", seconds=1, times=0)),
        ("hang before headers", Fault("hang", times=0)),
    ):
        yield Row(name, "timeout", once(), fault, ("no complete answer",), "to the deadline")
    for kind, name in (("slow_first_frame", "first frame after 1 s"), ("slow_answer", "written in 1 s")):
        fault = Fault(kind, seconds=1)  # type: ignore[arg-type]  # a literal
        yield Row(name, "ok", once(), fault, (WHOLE,), floor=0.9)
    said = (TEXT, f"instead of {MODEL} (silent)")
    for name, fault in (
        ("hang before headers, another model is free", Fault("hang", model=MODEL)),
        (
            "hang before the first frame, another model is free",
            Fault("slow_first_frame", seconds=600, model=MODEL),
        ),
    ):
        yield Row(name, "ok", (MODEL, STAND_IN), fault, said, BESIDE, named=False, waits=0)
    thinks = Fault("endless_thinking", seconds=0.05, times=0)
    yield Row(
        "endless thinking",
        "timeout",
        once(),
        thinks,
        ("still thinking", "thinking=false"),
        "to the deadline",
        given={"thinking": True},
    )
    half = Fault("hang_mid", chunks=2, times=0)
    yield Row("hang mid-stream", "partial", once(), half, ("[simulated", "not complete"), "to the deadline")


def damage() -> Iterator[Row]:
    for kind, name, says in (
        ("glued_frames", "glued frames", "damaged"),
        ("truncated_frame", "truncated JSON", "damaged"),
        ("empty_choices", "empty choices", "empty answer"),
        ("reasoning_only", "only reasoning", "thought but wrote no answer"),
        ("network_error", "finish_reason network_error", "failed while answering"),
        ("invalid_utf8", "invalid UTF-8", "no text"),
        ("error_frame", "error frame mid-stream (1234)", "code 1234"),
        ("error_in_200", "error inside 200 (1234)", "code 1234"),
        ("flat_error_in_200", "flat error inside 200 (1234)", "code 1234"),
    ):
        fault = Fault(kind, code="1234" if "1234" in name else "", times=0)  # type: ignore[arg-type]  # a literal
        arrived = ARRIVED if kind in {"network_error", "error_frame"} else ()
        tries = 0 if "1234" in name else 3  # answers that came and were none are paid for
        yield Row(name, "upstream", once(tries), fault, (says, *arrived), as_tried(tries))
        yield Row(f"{name}, once", "ok", once(2), replace(fault, times=1), (TEXT,), RETRIED)
    for kind, name in (("no_finish", "no finish_reason"), ("no_end", "neither finish_reason nor [DONE]")):
        unsaid, said = Fault(kind, times=0), (WHOLE, "did not say whether this is the whole answer")  # type: ignore[arg-type]
        yield Row(name, "ok", once(2), unsaid, said, RETRIED)
        yield Row(f"{name}, once", "ok", once(2), replace(unsaid, times=1), (TEXT,), RETRIED)
    endless = Fault("endless_line", size=100 << 20, times=0)
    yield Row("one line without an end", "upstream", once(), endless, ("endless",))
    yield Row("missing [DONE]", "ok", once(), Fault("no_done"), (WHOLE,))
    yield Row("missing [DONE], and silence", "ok", once(), Fault("silent_end"), (WHOLE,))
    yield Row("reset in the place of [DONE]", "ok", once(), Fault("reset_at_end"), (WHOLE,))
    yield Row("frames that hold nothing", "ok", once(), Fault("null_frames"), (WHOLE,))
    yield Row("one more frame with empty choices", "ok", once(), Fault("extra_empty_choices"), (WHOLE,))
    yield Row(
        "duplicate chunks",
        "ok",
        once(),
        Fault("duplicate_chunks"),
        (WHOLE, "[simulated glm-4.7-flash[simulated"),
        note="not seen: the text is doubled, and no field of a chunk tells a copy from a repeated word",
    )
    yield Row("a leaked </think>", "ok", once(), Fault("think_leak"), (WHOLE,))
    yield Row("10 MB in one frame", "ok", once(), Fault("big_frame"), ("████", "glm://outputs/"))
    blocked = Fault("sensitive_mid", times=0)
    yield Row(
        "sensitive mid-stream", "content_blocked", once(), blocked, ("discarded",), AT_ONE_GO, named=False
    )
    full = Fault("context_exceeded")
    yield Row("model_context_window_exceeded", "ok", once(), full, (WHOLE, "cut off by the model's window"))


FUNCTIONS = [
    {
        "type": "function",
        "function": {"name": name, "description": name, "parameters": {"type": "object", "properties": {}}},
    }
    for name in ("weather", "clock")
]
SCREEN = "data:image/jpeg;base64," + base64.b64encode((FOLDER / "photo.jpg").read_bytes()).decode()


def odd_answers() -> Iterator[Row]:
    """Answers that a model in good health would not give."""
    kind: FaultKind
    for kind in ("wrong_content_type", "plain_content_type", "no_content_type"):
        yield Row(kind.replace("_", " "), "ok", once(), Fault(kind), (WHOLE,))
    loop, room = Fault("loop", times=0), {"max_tokens": 20_000}
    yield Row("a loop and nothing else", "upstream", once(3), loop, ("repeated",), RETRIED, given=room)
    yield Row("a loop, once", "ok", once(2), replace(loop, times=1), (TEXT,), RETRIED, given=room)
    cut, given = Fault("cut_thinking", times=0), {"thinking": True, "max_tokens": 1024}
    said = ("used all 1024 tokens for thinking", "thinking=false")
    yield Row("cut while thinking", "invalid_request", once(), cut, said, AT_ONE_GO, given=given)
    for reason in ("content_filter", "abort"):
        end = Fault("finish_reason", message=reason)
        yield Row(f"finish_reason {reason}", "ok", once(), end, (WHOLE, f"cut by the service ({reason})"))
    both = {"prompt": "weather and clock", "functions": FUNCTIONS}
    calls = ('"tool_calls"', '"name": "weather"', '"name": "clock"')
    for kind in ("text_calls", "one_index", "no_index", "thought_calls", "doubled_calls", "packed_calls"):
        yield Row(kind.replace("_", " "), "ok", once(), Fault(kind), calls, given=both)
    envelope = Fault("envelope")
    yield Row("JSON in an envelope", "ok", once(), envelope, ('"simulated": true',), given={"json": True})
    where = {"images": SCREEN, "task": "locate", "prompt": "the button", "model": STAND_IN}
    far = Fault("far_boxes")
    yield Row("boxes beyond 1000", "ok", (STAND_IN,), far, tool="describe_image", given=where)


def pictures() -> Iterator[Row]:
    def row(name: str, want: str, fault: Fault, *says: str, tries: int = 1, asked: str = "") -> Row:
        return Row(name, want, (PAINTER,) * tries, fault, says, asked, tool="generate_image")

    for name, fault in (
        ("picture made, answer lost", Fault("image_lost", times=0)),
        ("picture asked for, reset before headers", Fault("refuse", times=0)),
    ):
        yield row(name, "network", fault, "not asked for twice", asked=AT_ONE_GO)
    late = Fault("html", status=504, times=0)
    yield row(
        "picture asked for, gateway timed out", "upstream", late, "not asked for twice", asked=AT_ONE_GO
    )
    limited = Fault("error", code="1302")
    yield row("picture refused (1302), once", "ok", limited, "a-hill.png", tries=2, asked=RETRIED)
    hidden = Fault("error_in_200", code="1301", times=0)
    yield row("picture refused inside 200", "content_blocked", hidden, "code 1301", asked=AT_ONE_GO)
    yield row("picture's address not found", "not_found", Fault("image_404"), "does not exist")
    yield row("picture's address gives a text", "upstream", Fault("image_not_image"), "not a picture")
    yield row("picture as bytes", "ok", Fault("image_b64"), "a-hill.png")
    for kind, name in (("image_cut", "picture cut off"), ("image_garbled", "picture that cannot be decoded")):
        yield row(name, "unsupported_media", Fault(kind), "kept for 30 days at http")  # type: ignore[arg-type]  # a literal
    yield row("picture's address leads on", "ok", Fault("image_redirect"), "a-hill.png")
    inside = Fault("image_redirect", location="http://169.254.169.254/latest/meta-data")
    yield row("picture's address leads inside", "forbidden_url", inside, "private, local or reserved")


def answers() -> list[Row]:
    return [row for kind in (network, slow, damage, odd_answers, pictures) for row in kind()]
