"""A number in the forms that paragraphs are numbered in: letters, Roman, those of other scripts, English words."""

from __future__ import annotations

LONGEST_LABEL = 255  # characters around the numbers of a list; it stands before each of its items

_ROMAN = (
    *((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL")),
    *((10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")),
)
# Digits from nought, which is not said in all, and what stands behind tens, hundreds and thousands.
_COUNTING = {
    "chineseLegal": ("零壹贰叁肆伍陆柒捌玖", "拾佰仟"),
    "ideographLegal": ("零壹貳參肆伍陸柒捌玖", "拾佰仟"),
    "japaneseLegal": (" 壱弐参四五六七八九", "拾百千"),
    "japaneseCounting": (" 一二三四五六七八九", "十百千"),
    "koreanCounting": (" 일이삼사오육칠팔구", "십백천"),
    **dict.fromkeys(("chinese", "taiwaneseCounting"), ("〇一二三四五六七八九", "十百千")),
}
_DIGITS = {
    **dict.fromkeys(("ideographDigital", "japaneseDigital", "taiwaneseDigital"), "〇一二三四五六七八九"),
    "koreanDigital2": "零一二三四五六七八九",
    "koreanDigital": "영일이삼사오육칠팔구",
    "decimalFullWidth": "０１２３４５６７８９",
    "thaiNumbers": "๐๑๒๓๔๕๖๗๘๙",
    "hindiNumbers": "०१२३४५६७८९",
}
_ALPHABETS = {
    "Letter": "abcdefghijklmnopqrstuvwxyz",
    "russian": "абвгдежзиклмнопрстуфхцчшщэюя",
    "ganada": "가나다라마바사아자차카타파하",
    "aiueo": "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲン",
    **dict.fromkeys(("heavenlyStem", "ideographTraditional"), "甲乙丙丁戊己庚辛壬癸"),
    **dict.fromkeys(("earthlyBranch", "ideographZodiac"), "子丑寅卯辰巳午未申酉戌亥"),
    "hebrew2": "אבגדהוזחטיכלמנסעפצקרשת",
    "arabicAlpha": "أبتثجحخدذرزسشصضطظعغفقكلمنهوي",
    "arabicAbjad": "أبجدهوزحطيكلمنسعفصقرشتثخذضظغ",
    "thaiLetters": "กขคงจฉชซฌญฎฏฐฑฒณดตถทธนบปผฝพฟภมยรลวศษสหฬอฮ",
}
_HEBREW = ((400, "ת"), (300, "ש"), (200, "ר"), (100, "ק"), *zip(range(90, 0, -10), "צפעסנמלכי", strict=True),
           *zip(range(9, 0, -1), "טחזוהדגבא", strict=True))  # fmt: skip
_ONES = (
    "Zero One Two Three Four Five Six Seven Eight Nine Ten Eleven Twelve Thirteen Fourteen Fifteen Sixteen Seventeen "
    "Eighteen Nineteen"
).split()
_TENS = "Twenty Thirty Forty Fifty Sixty Seventy Eighty Ninety".split()
_ORDINALS = dict(
    zip(
        "One Two Three Five Eight Nine Twelve".split(),
        "First Second Third Fifth Eighth Ninth Twelfth".split(),
        strict=True,
    )
)
_AROUND = {"decimalEnclosedParen": "({})", "decimalEnclosedFullstop": "{}.", "numberInDash": "- {} -"}


def written(number: int, form: str) -> str:
    """A number in one of the forms of the standard, or like a first number such as "001"; as 1, 2, 3 in those that are not
    known here.
    """
    match form:
        case "none" | "bullet":
            return ""
        case "decimalZero":
            return f"{number:02}"
        case _ if form[:1] == "0":
            return f"{number:0{len(form)}}"
        case "upperRoman" | "lowerRoman":
            roman = _roman(number)
            return roman if form == "upperRoman" else roman.lower()
        case "ordinal":
            end = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
            return f"{number}{end}"
        case "cardinalText" | "ordinalText" if 0 < number < 100:
            return _in_words(number, ordinal=form == "ordinalText")
        case "decimalEnclosedCircle" | "decimalEnclosedCircleChinese" if 1 <= number <= 20:
            return chr(0x2460 + number - 1)
        case "hebrew1" if 0 < number < 1_000:
            return _added(number, _HEBREW).replace("יה", "טו").replace("יו", "טז")
        case "ideographZodiacTraditional" if number > 0:
            return (
                _ALPHABETS["heavenlyStem"][(number - 1) % 10] + _ALPHABETS["earthlyBranch"][(number - 1) % 12]
            )
    if digits := next((digits for name, digits in _DIGITS.items() if form.startswith(name)), ""):
        return "".join(digits[int(digit)] for digit in str(max(number, 0)))
    if counting := next((signs for name, signs in _COUNTING.items() if form.startswith(name)), None):
        return _counted(number, *counting)
    alphabet = next(
        (letters for name, letters in _ALPHABETS.items() if form.startswith(name) or form.endswith(name)), ""
    )
    letters = _repeated(number, alphabet) if alphabet else _AROUND.get(form, "{}").format(number)
    return letters.upper() if "pper" in form else letters


def _in_words(number: int, *, ordinal: bool) -> str:
    tens, ones = divmod(number, 10)
    words = [_ONES[number]] if number < 20 else [_TENS[tens - 2], *([_ONES[ones]] if ones else [])]
    if ordinal:
        last = words[-1]
        words[-1] = _ORDINALS.get(last, f"{last[:-1]}ieth" if last in _TENS else f"{last}th")
    return "-".join([words[0], *(word.lower() for word in words[1:])])


def _repeated(number: int, letters: str) -> str:
    """A … z, aa, bb, as Word counts."""
    if number < 1:
        return str(number)
    times, at = divmod(number - 1, len(letters))
    return letters[at] * min(times + 1, 20)


def _roman(number: int) -> str:
    return _added(number, _ROMAN) if 0 < number < 4_000 else str(number)


def _added(number: int, signs: tuple[tuple[int, str], ...]) -> str:
    out = ""
    for size, letters in signs:
        out += letters * (number // size)
        number %= size
    return out


def _counted(number: int, digits: str, units: str) -> str:
    if not 0 < number < 10_000:
        return str(number)
    out, zero = "", False
    for unit, sign in ((1000, units[2]), (100, units[1]), (10, units[0]), (1, "")):
        digit, number = divmod(number, unit)
        if digit:
            # Of ten, and in Japan and Korea of a hundred too, one is said in legal numbers alone.
            is_said = (
                digit > 1 or not sign or digits[1] not in "一일" or (digits[0] != " " and (out or unit > 10))
            )
            out += (digits[0].strip() if zero and out else "") + (digits[digit] if is_said else "") + sign
            zero = False
        else:
            zero = True
    return out
