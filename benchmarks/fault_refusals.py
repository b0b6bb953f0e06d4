"""The rows of what the service refuses: every code, every envelope, every status, and how long it asks to wait."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from fault_rows import (
    ALL_ONCE,
    AT_ONE_GO,
    CHAIN,
    IN_5_S,
    MODEL,
    NEXT,
    OWN_WAIT,
    RETRIED,
    ROUNDS,
    STAND_IN,
    TEXT,
    TOLD,
    Row,
    as_tried,
    once,
)

from glm_mcp.simulator import Fault
from glm_mcp.simulator.script import GONE


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
        ("200 without a body", 200, "", "upstream", 3, "empty answer"),
        ("200 without an answer", 200, "{}", "upstream", 3, "empty answer"),
        (
            "invalid UTF-8 in a body that is no stream",
            200,
            '{"choices":[{"finish_reason":"stop","message":{"content":"one \udcff two"}}]}',
            "upstream",
            3,
            "no text",
        ),
    ):
        fault = Fault("body", status=status, message=body, times=0)
        yield Row(f"{name}", want, once(tries), fault, (says,), as_tried(tries))
    page = Fault(
        "body", message="<html><body>Log in to this network</body></html>", content_type="text/html", times=0
    )
    yield Row(
        "200 with a page", "upstream", once(3), page, ("text/html that is no answer: Log in to this network",)
    )
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
        (403, "network"),  # the service itself refuses in JSON: a page is a firewall's
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
    for status, want in ((402, "quota"), (404, "config")):
        page, said = Fault("html", status=status, times=0), (f"HTTP {status}",)
        yield Row(f"HTTP {status} and no code", want, CHAIN, page, said, ALL_ONCE, named=False, waits=0)
    for status in (408, 429, 500, 502, 503, 504, 529):
        page = Fault("html", status=status, times=0)
        kind = {429: "rate_limited", 529: "overloaded"}.get(status, "upstream")
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


def refusals() -> list[Row]:
    return [row for kind in (codes, gone, shapes, statuses, waits) for row in kind()]
