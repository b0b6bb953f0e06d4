"""Numbers as a spreadsheet shows them: the format codes of Excel (ECMA-376 part 1, 18.8.31)."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Context, Decimal

from glm_mcp.media.documents.ooxml.date_format import shown_date
from glm_mcp.media.documents.ooxml.format_code import Section, Token, literal
from glm_mcp.media.documents.ooxml.format_code import sections as sections_of

# Number to code of those that files do not write out; 14 to 22 and 45 to 47 are dates and times, 27 to 36 and 50 to 58
# East Asian dates.
BUILT_IN = {
    0: "General",
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    5: '"$"#,##0;-"$"#,##0',
    6: '"$"#,##0;-"$"#,##0',
    7: '"$"#,##0.00;-"$"#,##0.00',
    8: '"$"#,##0.00;-"$"#,##0.00',
    9: "0%",
    10: "0.00%",
    11: "0.00E+00",
    12: "# ?/?",
    13: "# ??/??",
    14: "yyyy-mm-dd",
    15: "d-mmm-yy",
    16: "d-mmm",
    17: "mmm-yy",
    18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM",
    20: "h:mm",
    21: "h:mm:ss",
    22: "yyyy-mm-dd h:mm",
    **dict.fromkeys((*range(27, 32), 36, *range(50, 59)), "yyyy-mm-dd"),
    **dict.fromkeys((32, 34), "h:mm"),
    **dict.fromkeys((33, 35), "h:mm:ss"),
    37: "#,##0;(#,##0)",
    38: "#,##0;(#,##0)",
    39: "#,##0.00;(#,##0.00)",
    40: "#,##0.00;(#,##0.00)",
    41: "#,##0;(#,##0);-",
    42: '"$"#,##0;("$"#,##0);-',
    43: "#,##0.00;(#,##0.00);-",
    44: '"$"#,##0.00;("$"#,##0.00);-',
    45: "mm:ss",
    46: "[h]:mm:ss",
    47: "mm:ss.0",
    48: "##0.0E+0",
    49: "@",
}
_EXACT = Context(prec=400)  # any float fits


def display(number: float, code: str, stored: str = "", *, since_1904: bool = False) -> str:
    """A number as `code` shows it, as it is where no number bears that. `stored`: as the file writes it, for formats that
    change nothing.
    """
    try:
        return _displayed(float(number), code, stored, since_1904=since_1904)
    except (ArithmeticError, ValueError):  # a hundred hundredfold, a thousand digits, a number without end
        return stored or repr(number)


def _displayed(number: float, code: str, stored: str, *, since_1904: bool) -> str:
    sections = sections_of(code or BUILT_IN[0])  # some programs write that as no code at all
    section, signed = _choose(sections, number)
    if section is None:
        return general(number, stored)
    if section.is_date:
        return shown_date(number, section.tokens, since_1904=since_1904) or general(number)
    kinds = {kind for kind, _ in section.tokens}
    if "general" in kinds or not kinds & {"digit"}:
        if "general" not in kinds and not any(text == "@" for _, text in section.tokens):
            return "".join(literal(kind, text) for kind, text in section.tokens).strip()
        return _around(section.tokens, general(number if signed else abs(number), stored if signed else ""))
    return _number(number if signed else abs(number), section.tokens)


def figure(text: str, code: str) -> str:
    """A stored number as its format shows it; other text as it is."""
    try:
        return display(float(text), code, text)
    except ValueError:
        return text


def display_text(text: str, code: str) -> str:
    """Text as the fourth part of `code` shows it, which mostly is as it is."""
    sections = sections_of(code)
    shown = sections[3] if len(sections) == 4 else sections[0] if len(sections) == 1 else None
    if shown is None or not any(text == "@" for _, text in shown.tokens):
        return text
    return "".join(text if mark == "@" else literal(kind, mark) for kind, mark in shown.tokens)


def general(number: float, stored: str = "") -> str:
    """A number without a format: whole ones with all their digits, others without the noise of binary fractions."""
    if not number:
        return "0"
    if stored.lstrip("-").isdecimal():
        return stored
    if number.is_integer() and abs(number) < 1e21:
        return _rounded(number, 0)
    return repr(round(number, 12)) if abs(number) > 1e-9 else f"{number:.15g}"


def _rounded(number: float, decimals: int) -> str:
    """Halves go up, and what looks like a half is one: 2.675 is 2.68 in a sheet."""
    return f"{Decimal(repr(number)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP, _EXACT):f}"


def _choose(sections: tuple[Section, ...], number: float) -> tuple[Section | None, bool]:
    """The section that shows this number, and whether its sign is still to be written."""
    if any(s.condition for s in sections):
        for s in sections:
            if s.condition is None or _holds(s.condition, number):
                return s, True
        return None, True
    if len(sections) >= 3 and number == 0:
        return sections[2], True
    if len(sections) >= 2 and number < 0:
        return sections[1], False
    return sections[0], True


def _holds(condition: tuple[str, float], number: float) -> bool:
    sign, limit = condition
    return {
        "<": number < limit,
        "<=": number <= limit,
        ">": number > limit,
        ">=": number >= limit,
        "=": number == limit,
        "<>": number != limit,
    }[sign]


def _around(tokens: tuple[Token, ...], shown: str) -> str:
    return "".join(
        shown if kind == "general" or text == "@" else literal(kind, text) for kind, text in tokens
    ).strip()


def _number(number: float, tokens: tuple[Token, ...]) -> str:
    places = [i for i, (kind, _) in enumerate(tokens) if kind == "digit"]
    first, last = places[0], places[-1]
    if tokens[last + 1 : last + 2] == (("sign", "/"),):  # eighths: the number below is written out
        while last + 1 < len(tokens) and tokens[last + 1][1] in "/0123456789":
            last += 1
    before = "".join(literal(kind, text) for kind, text in tokens[:first])
    core, after = tokens[first : last + 1], list(tokens[last + 1 :])
    while after and after[0] == ("sign", ","):  # each comma behind the digits is a thousand
        number /= 1000
        after.pop(0)
    number *= 100 ** sum(text == "%" and kind == "sign" for kind, text in tokens)
    behind = "".join(literal(kind, text) for kind, text in after)
    sign = "-" if number < 0 else ""
    shown = _core(abs(number), core)
    if sign and not re.search("[1-9]", shown):
        sign = ""
    return f"{sign}{before}{shown}{behind}".strip()


def _core(number: float, core: tuple[Token, ...]) -> str:
    kinds = [kind for kind, _ in core]
    texts = [text for _, text in core]
    if "exponent" in kinds:
        return _scientific(number, core, kinds.index("exponent"))
    if ("sign", "/") in core:
        return _fraction(number, core)
    point = next((i for i, token in enumerate(core) if token == ("sign", ".")), len(core))
    decimals = sum(kind == "digit" for kind in kinds[point:])
    minimum = sum(kind == "digit" and text == "0" for kind, text in core[point:])
    grouped = ("sign", ",") in core[:point]
    whole, _, rest = _rounded(number, min(decimals, 30)).partition(".")
    while len(rest) > minimum and rest.endswith("0"):
        rest = rest[:-1]
    zeros = sum(kind == "digit" and text == "0" for kind, text in core[:point])
    whole = whole.lstrip("0").rjust(zeros, "0")
    literal = any(k not in ("digit", "sign") or t not in "0#?,. " for k, t in core if k != "digit")
    if literal and not decimals:
        return _placed(whole, core)
    if grouped:
        whole = re.sub(r"(?<=\d)(?=(?:\d{3})+$)", ",", whole)
    if " " in texts[:point] and "," not in texts[:point]:  # a space groups in some countries
        whole = re.sub(r"(?<=\d)(?=(?:\d{3})+$)", " ", whole)
    return f"{whole}.{rest}" if rest else whole


def _placed(digits: str, core: tuple[Token, ...]) -> str:
    """Digits among fixed signs, as in phone numbers: from the right, what is left over before the first."""
    left = list(digits)
    out: list[str] = []
    first = next(i for i, (kind, _) in enumerate(core) if kind == "digit")
    for i, (kind, text) in reversed(list(enumerate(core))):
        if kind != "digit":
            out.append("" if (kind, text) == ("sign", ",") else literal(kind, text))
        elif i == first:
            out.append("".join(left))
        elif left:
            out.append(left.pop())
    return "".join(reversed(out))


def _scientific(number: float, core: tuple[Token, ...], at: int) -> str:
    """With several digits before the point, as engineers write it, the power is one of as many."""
    texts = [text for kind, text in core[:at] if kind == "digit" or text == "."]
    point = texts.index(".") if "." in texts else len(texts)
    together, decimals = max(point, 1), len(texts[point + 1 :])
    power = int(f"{number:E}".partition("E")[2])
    mantissa, rounded = _digits(number, decimals + power % together)
    if rounded != power:  # 999.96 is 1.0E+3
        mantissa, power = _digits(number, decimals + rounded % together)
    digits, before = mantissa.replace(".", ""), 1 + power % together
    power -= power % together
    whole, rest = digits[:before].rjust(texts[:point].count("0"), "0"), digits[before : before + decimals]
    sign = "-" if power < 0 else "+" if core[at][1].endswith("+") else ""
    shown = str(abs(power)).lstrip("0").rjust(sum(kind == "digit" for kind, _ in core[at:]), "0")
    return f"{whole}.{rest}E{sign}{shown}" if rest else f"{whole}E{sign}{shown}"


def _digits(number: float, decimals: int) -> tuple[str, int]:
    """A number with one digit before the point, and its power; halves go up."""
    exact = Context(prec=decimals + 1, rounding=ROUND_HALF_UP).create_decimal(repr(number))
    mantissa, _, power = f"{exact if number else 0.0:.{decimals}E}".partition("E")
    return mantissa, int(power)


def _fraction(number: float, core: tuple[Token, ...]) -> str:
    from fractions import Fraction

    slash = core.index(("sign", "/"))
    below = "".join(text for _, text in core[slash + 1 :])
    mixed = any(kind != "digit" and literal(kind, text) == " " for kind, text in core[:slash])
    whole = int(number) if mixed else 0
    fixed = re.search(r"[1-9]\d*", below)
    if fixed:
        part = round((number - whole) * int(fixed[0])), int(fixed[0])
    else:
        near = Fraction(number - whole).limit_denominator(
            10 ** min(max(below.count("?") + below.count("#") + below.count("0"), 1), 6) - 1
        )
        part = near.numerator, near.denominator
    if not part[0] or (part[0] == part[1] and mixed):
        return str(whole + (part[0] // part[1] if part[0] else 0))
    return f"{whole} {part[0]}/{part[1]}" if whole else f"{part[0]}/{part[1]}"
