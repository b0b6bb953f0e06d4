"""The rows of the fault matrix: what goes wrong, and what the call is to make of it."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from glm_mcp.samples import FOLDER
from glm_mcp.simulator import Fault
from glm_mcp.simulator.script import GONE, FaultKind

TEXT = "One sentence that the model wrote, and a second one."
ARRIVED = ("request id", "What had arrived (not complete):", "[simulated")
WHOLE = "No model was asked."  # the end of what the simulator says of its own accord
MODEL, STAND_IN, PAINTER = "glm-4.7-flash", "glm-4.6v-flash", "cogview-3-flash"
CHAIN = (MODEL, STAND_IN, "glm-4-flash-250414")
IN_5_S = "a date 5 s from now"

RETRIED, NEXT, TOLD, AT_ONE_GO, OWN_WAIT = "retried", "next model", "told when", "failed at once", "own wait"
ROUNDS, BESIDE, ALL_ONCE = "to the end of the time", "another beside it", "each once"


@dataclass(frozen=True)
class Row:
    """`want`: ok, partial, or the kind of the error. `models`: who is to be asked, in order; where `asked` is ROUNDS that of
    the first round, and more follow while there is time. `says`: words of the text.

    `asked`: the class of the fault. `given`: more arguments of the call. `named`: the call names its model, which then has no stand-in. `floor`: seconds
    that must pass beside our own waits. `waits`: how many of these there are; all between two tries when it is None.
    `way`: what stands in for the service where the simulator cannot misbehave so. `note`: what a reader must know.
    """

    name: str
    want: str
    models: tuple[str, ...]
    fault: Fault | None = None
    says: tuple[str, ...] = ()
    asked: str = ""
    named: bool = True
    floor: float = 0.0
    waits: int | None = None
    tool: str = "chat"
    given: Mapping[str, Any] = field(default_factory=dict)
    way: str = ""
    note: str = ""

    @property
    def own_waits(self) -> int:
        return max(0, len(self.models) - 1) if self.waits is None else self.waits


def once(times: int = 1) -> tuple[str, ...]:
    return (MODEL,) * max(1, times)


def as_tried(tries: int) -> str:
    """The class of a fault that stays, by how often a model is asked: 0 means while there is time."""
    return AT_ONE_GO if tries == 1 else RETRIED if tries else ROUNDS


def codes() -> Iterator[Row]:
    """Every business code of the platform's table, with the class that is asked for."""
    never = {
        "auth": "401 1000 1001 1002 1003 1004 1005 1100 1110 1111 1112 1121",
        "quota": "1113 1309 1313 1314 1315",
        "upstream": "1702 1703",
        "invalid_request": "1210 1213 1214 1215 1231",
        "too_long": "1261",
        "content_blocked": "1300 1301",
    }
    for kind, names in never.items():
        for code in names.split():
            fault = Fault("error", code=code, times=0)
            yield Row(f"code {code}", kind, once(), fault, (f"code {code}",), AT_ONE_GO, named=False)
    for code in ["1304", "1308", "1310", "1316", "1317", "1318", "1319", "1320", "1321"]:
        when = ("tomorrow",) if code == "1304" else ("2026-11-24 00:00:00", "Beijing time")
        fault = Fault("error", code=code, times=0)
        yield Row(f"code {code}", "quota", once(), fault, (f"code {code}", *when), TOLD, named=False)
    # this model is none for us, or for this request: the next may be
    other = {"auth": "1220", "quota": "1311", "invalid_request": "1211 1212 1221 1222"}
    for kind, names in other.items():
        for code in names.split():
            fault = Fault("error", code=code, times=0)
            yield Row(f"code {code}", kind, CHAIN, fault, (f"code {code}",), ALL_ONCE, named=False, waits=0)
    again = {
        "upstream": "500 1120 1200 1230 1234",
        "rate_limited": "1302 1303 1701",
        "overloaded": "1305",
    }
    for kind, names in again.items():
        for code in names.split():
            fault, said = Fault("error", code=code, times=0), f"code {code}"
            yield Row(said, kind, once(), fault, (said, "asked for"), ROUNDS)
            yield Row(f"{said}, once", "ok", once(2), replace(fault, times=1), (TEXT,), RETRIED)
            yield Row(
                f"{said}, at every model",
                kind,
                CHAIN,
                fault,
                (said, "asked for", *CHAIN),
                ROUNDS,
                named=False,
            )
            yield Row(
                f"{said}, another model is free",
                "ok",
                (MODEL, STAND_IN),
                replace(fault, model=MODEL),
                (TEXT, "instead of", code),
                NEXT,
                named=False,
                waits=0,
            )
    for status, kind, tries in ((500, "upstream", 0), (429, "rate_limited", 0), (400, "invalid_request", 1)):
        for code in ("1312", "8888"):
            fault = Fault("error", code=code, status=status, message="so it is", times=0)
            name = f"code {code}, in no table, HTTP {status}"
            yield Row(name, kind, once(), fault, (f"code {code}", "so it is"), as_tried(tries))


def gone() -> Iterator[Row]:
    """A model that is not there, in each of its ways."""
    for code in GONE:
        fault = Fault("gone", code=code, model=MODEL, times=0)
        if code == "1113":
            yield Row(f"gone ({code})", "quota", once(), fault, (code,), AT_ONE_GO, named=False)
            continue
        says = (TEXT, "not to be had", "not asked for an hour")
        yield Row(f"gone ({code})", "ok", (MODEL, STAND_IN), fault, says, NEXT, named=False, waits=0)
        kind = {"1220": "auth", "1311": "quota", "404": "config"}.get(code, "invalid_request")
        yield Row(f"gone ({code}), named", kind, once(), fault, (code, f"Try {STAND_IN}"), AT_ONE_GO)


def shapes() -> Iterator[Row]:
    """The same errors in every envelope that was seen, and in none."""
    plain = "text/plain"
    for name, status, body, want, tries, says in (
        ("code as a number", 429, '{"error":{"code":1302,"message":"m"}}', "rate_limited", 0, "code 1302"),
        (
            "code as a number, no balance",
            429,
            '{"error":{"code":1113,"message":"m"}}',
            "quota",
            1,
            "code 1113",
        ),
        ("flat, code and message", 401, '{"code":1000,"message":"m"}', "auth", 1, "code 1000"),
        ("flat, code and msg", 500, '{"code":"1234","msg":"m","success":false}', "upstream", 0, "code 1234"),
        (
            "the Anthropic envelope",
            429,
            '{"type":"error","error":{"type":"rate_limit_error","code":"1113","message":"m"},"request_id":"rq-1"}',
            "quota",
            1,
            "request id rq-1",
        ),
        (
            "an OpenAI error",
            404,
            '{"error":{"code":"model_not_found","message":"m"}}',
            "config",
            1,
            "model_not_found",
        ),
        ("error is a sentence", 400, '{"error":"so it is"}', "invalid_request", 1, "so it is"),
        (
            "a known code under another status",
            500,
            '{"error":{"code":"1113","message":"m"}}',
            "quota",
            1,
            "1113",
        ),
        ("a known code under 400", 400, '{"error":{"code":"1302","message":"m"}}', "rate_limited", 0, "1302"),
        ("error without a code", 500, '{"error":{"message":"so it is"}}', "upstream", 0, "so it is"),
        ("no body", 500, "", "upstream", 0, "HTTP 500"),
        ("JSON that is no object", 500, "[1]", "upstream", 0, "HTTP 500"),
        ("error inside 200", 200, '{"error":{"code":"1000","message":"m"}}', "auth", 1, "code 1000"),
        (
            "error inside 200, a number",
            200,
            '{"error":{"code":1305,"message":"m"}}',
            "overloaded",
            0,
            "code 1305",
        ),
        (
            "error inside 200, beside choices",
            200,
            '{"error":{"code":"1301"},"choices":[]}',
            "content_blocked",
            1,
            "1301",
        ),
        ("error inside 200, flat", 200, '{"code":1000,"msg":"m","success":false}', "auth", 1, "code 1000"),
        ("error inside 200, unknown", 200, '{"success":false}', "upstream", 0, "HTTP 200"),
        ("200 without a body", 200, "", "upstream", 3, "not JSON"),
        ("200 without an answer", 200, "{}", "upstream", 3, "broke off"),
        (
            "invalid UTF-8 in a body that is no stream",
            200,
            '{"choices":[{"finish_reason":"stop","message":{"content":"one \udcff two"}}]}',
            "upstream",
            3,
            "not JSON",
        ),
    ):
        fault = Fault("body", status=status, message=body, times=0)
        yield Row(f"{name}", want, once(tries), fault, (says,), as_tried(tries))
    page = Fault(
        "body", message="<html><body>Log in to this network</body></html>", content_type="text/html", times=0
    )
    yield Row("200 with a page", "upstream", once(3), page, ("text/html that is not JSON",))
    for name, frame, want, tries, code in (
        ("error frame", '{"error":{"code":"1234","message":"m"}}', "upstream", 0, "1234"),
        ("error frame, a number", '{"error":{"code":1302,"message":"m"}}', "rate_limited", 0, "1302"),
        ("error frame, no balance", '{"error":{"code":"1113","message":"m"}}', "quota", 1, "1113"),
        ("error frame, flat", '{"code":1301,"msg":"m","success":false}', "content_blocked", 1, "1301"),
    ):
        stream = f"data: {frame}\n\ndata: [DONE]\n\n"
        fault = Fault("body", message=stream, content_type="text/event-stream", times=0)
        yield Row(name, want, once(tries), fault, (f"code {code}",), as_tried(tries))
    text = Fault("body", message="busy, try later", content_type=plain, status=503, times=0)
    yield Row("HTTP 503 in words", "upstream", once(), text, ("busy, try later", "HTTP 503"), ROUNDS)


def statuses() -> Iterator[Row]:
    """HTTP status without any code."""
    for status, want in (
        (302, "config"),
        (400, "invalid_request"),
        (401, "auth"),
        (402, "quota"),
        (403, "auth"),
        (405, "config"),
        (407, "network"),
        (413, "media_too_large"),
        (418, "invalid_request"),
        (434, "auth"),
        (435, "media_too_large"),
    ):
        page = Fault("html", status=status, times=0)
        yield Row(
            f"HTTP {status} and no code", want, once(), page, (f"HTTP {status}",), AT_ONE_GO, named=False
        )
    page, said = Fault("html", status=404, times=0), ("HTTP 404",)
    yield Row("HTTP 404 and no code", "config", CHAIN, page, said, ALL_ONCE, named=False, waits=0)
    for status in (408, 429, 500, 502, 503, 504, 529):
        page = Fault("html", status=status, times=0)
        kind = "rate_limited" if status == 429 else "upstream"
        yield Row(f"HTTP {status} and no code", kind, once(), page, (f"HTTP {status}",), ROUNDS)
        yield Row(f"HTTP {status} and no code, once", "ok", once(2), replace(page, times=1), (TEXT,), RETRIED)


def waits() -> Iterator[Row]:
    """429 and its Retry-After; the sensible is kept, the rest left alone."""
    limited = Fault("error", code="1302", times=1)
    for value, floor in (("0", 0.0), ("3", 3.0), (IN_5_S, 2.5)):
        fault = replace(limited, retry_after=value)
        yield Row(f"429, Retry-After: {value}", "ok", once(2), fault, (TEXT,), "waited", floor=floor, waits=0)
    for value in (
        "-5",
        "nan",
        "inf",
        "1e400",
        "soon",
        "Wed, 21 Oct 2015 07:28:00 GMT",
        "Wed, 99 Oct 2026 07:28:00 GMT",
        "3600\n7200",
    ):
        fault = replace(limited, retry_after=value)
        name = "two of them" if "\n" in value else value
        yield Row(f"429, Retry-After: {name}", "ok", once(2), fault, (TEXT,), OWN_WAIT)
    for value in ("3600", "1e9", "99999999999", "Fri, 31 Dec 9999 23:59:59 GMT"):
        fault = replace(limited, retry_after=value)
        yield Row(f"429, Retry-After: {value}", "rate_limited", once(), fault, ("asks to wait",), AT_ONE_GO)
        yield Row(
            f"429, Retry-After: {value}, another model is free",
            "ok",
            (MODEL, STAND_IN),
            replace(fault, model=MODEL),
            (TEXT, "instead of"),
            NEXT,
            named=False,
            waits=0,
        )


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
    mute = ("no complete answer",)
    name = "TLS that is never answered"
    yield Row(name, "timeout", once(), says=mute, asked="to the deadline", named=False, way="mute tls")
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
        ("no_finish", "no finish_reason", "broke off"),
        ("no_end", "neither finish_reason nor [DONE]", "broke off"),
        ("empty_choices", "empty choices", "broke off"),
        ("reasoning_only", "only reasoning", "thought but wrote no answer"),
        ("network_error", "finish_reason network_error", "failed while answering"),
        ("invalid_utf8", "invalid UTF-8", "no text"),
        ("error_frame", "error frame mid-stream (1234)", "code 1234"),
        ("error_in_200", "error inside 200 (1234)", "code 1234"),
        ("flat_error_in_200", "flat error inside 200 (1234)", "code 1234"),
    ):
        fault = Fault(kind, code="1234" if "1234" in name else "", times=0)  # type: ignore[arg-type]  # a literal
        arrived = ARRIVED if kind in {"no_finish", "no_end", "network_error", "error_frame"} else ()
        tries = 0 if "1234" in name else 3  # answers that came and were none are paid for
        yield Row(name, "upstream", once(tries), fault, (says, *arrived), as_tried(tries))
        yield Row(f"{name}, once", "ok", once(2), replace(fault, times=1), (TEXT,), RETRIED)
    endless = Fault("endless_line", size=100 << 20, times=0)
    yield Row("one line without an end", "upstream", once(), endless, ("endless",))
    yield Row("missing [DONE]", "ok", once(), Fault("no_done"), (WHOLE,))
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
    for kind in ("text_calls", "one_index", "no_index"):
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


def rows() -> list[Row]:
    found = (codes, gone, shapes, statuses, waits, network, slow, damage, odd_answers, pictures)
    return [row for kind in found for row in kind()]
