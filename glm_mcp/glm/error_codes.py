"""What each answer of the service means: by the code in its body (`CODES`), where there is none by its HTTP status."""

from __future__ import annotations

import re

from glm_mcp.errors import (
    Again,
    AuthError,
    ConfigError,
    ContentBlocked,
    GLMError,
    InvalidRequest,
    MediaTooLarge,
    NetworkError,
    Overloaded,
    QuotaError,
    RateLimited,
    TooLong,
    UpstreamError,
)
from glm_mcp.glm.engines import errors as engine_errors
from glm_mcp.glm.engines import gateways
from glm_mcp.glm.engines.errors import Row
from glm_mcp.text import ID_CHARS, clean

_KEY = "Check GLM_API_KEY; keys of bigmodel.cn and z.ai are not interchangeable (GLM_BASE_URL=zhipu or zai)."
_ACCOUNT = "Look at the account in the platform's console, then call again."
_BALANCE = (
    "The Flash models are free with an ordinary key; where one no longer is, name another in `model`, GLM_CHAT_MODEL or "
    "GLM_VISION_MODEL. A Coding-Plan key belongs to GLM_BASE_URL=zhipu-coding or zai-coding."
)
_WAIT = "Call again after the reset time in the message (Beijing time), or change the plan."
_TOMORROW = "Call again tomorrow, or change the plan."
_PLAN = "Renew or change the plan, or use the free models with an ordinary key."
_BUSY = "Call again in a few seconds, or allow fewer calls at once with GLM_MAX_CONCURRENCY."
_LATER = "Call again in a minute, or allow more time with GLM_DEADLINE_S."
_FAULT = "The service failed; call again."
_FIELD = "Change the argument that the message names and call again."
_NO_SEARCH = "Leave web_search out, or call again later."
_REFUSED = "Change what the message names and call again."
_MODEL = "Name another model; `glm-mcp models` lists them."
_FULL = "Call again in a minute, or name another model."
_WALLED = (
    "It goes by this machine's address or by words in the request, not by the key: wait some minutes, come from another "
    "network or through another proxy, or leave out what looks like an attack."
)
_PROXY = "Check HTTPS_PROXY and its user and password."
_LOGIN = "Log in to this network in a browser, then call again."
_MOVED = "Check GLM_BASE_URL, and whether this network wants a login."
_ABROAD = (
    "It goes by this machine's address, not by the key: come from another network or through another proxy, or use the "
    "platform of your region (GLM_BASE_URL=zhipu or zai, each with a key of its own)."
)
_PLACE = "Check GLM_BASE_URL and the model's name."
_SHORTER = "Send less: fewer pages or files, a shorter video or history, or a part of the text."
_FEWER = "Send fewer pictures at once: fewer images or pages, or a smaller max_frames of a video."
_SMALLER = (
    "Send a smaller one, or a part: #xywh=x,y,width,height of a picture, #t=from,to of a video, fewer pages."
)
_FILTER = "Rephrase the request or leave out the picture or passage that the service objects to."

# What of a request is refused, where less of it may pass, and who looks into it: by what is to be done.
_ABOUT = {_FEWER: "number"}
_SEE = {
    _KEY: "`glm-mcp doctor` tells which the key is of.",
    _FAULT: "If it stays, `glm-mcp doctor` tests the connection.",
    _REFUSED: "If it names nothing, `glm-mcp doctor` tests key, address and model.",
    _PLACE: "`glm-mcp doctor` tests both.",
}

CODES: dict[str, Row] = {
    # code: (error, again, what it means, what to do); the platform's error table, classes R W F C
    "500": (UpstreamError, Again.RETRY, "the service had an internal error", _FAULT),
    "401": (AuthError, Again.NEVER, "the API key is malformed or expired", _KEY),
    "1000": (AuthError, Again.NEVER, "the API key was not accepted", _KEY),
    "1001": (AuthError, Again.NEVER, "no API key reached the service", _KEY),
    "1002": (AuthError, Again.NEVER, "the API key is invalid", _KEY),
    "1003": (AuthError, Again.NEVER, "the token has expired", _KEY),
    "1004": (AuthError, Again.NEVER, "the API key failed authentication", _KEY),
    "1005": (AuthError, Again.NEVER, "the account is protected by a second factor", _ACCOUNT),
    "1100": (AuthError, Again.NEVER, "the account has a problem", _ACCOUNT),
    "1110": (AuthError, Again.NEVER, "the account is not active", _ACCOUNT),
    "1111": (AuthError, Again.NEVER, "the account does not exist", _ACCOUNT),
    "1112": (AuthError, Again.NEVER, "the account is locked", _ACCOUNT),
    "1113": (QuotaError, Again.NEVER, "no balance and no resource package", _BALANCE),
    "1120": (UpstreamError, Again.RETRY, "the account could not be read for the moment", _FAULT),
    "1121": (AuthError, Again.NEVER, "the account is locked for irregular use", _ACCOUNT),
    "1200": (UpstreamError, Again.RETRY, "the call failed inside the service", _FAULT),
    "1210": (InvalidRequest, Again.NEVER, "the service refused a parameter", _FIELD),
    "1211": (InvalidRequest, Again.GONE, "the model does not exist", _MODEL),
    "1212": (InvalidRequest, Again.NEXT, "the model does not do this kind of call", _MODEL),
    "1213": (InvalidRequest, Again.NEVER, "a field is missing", _FIELD),
    "1214": (InvalidRequest, Again.NEVER, "a field is invalid", _FIELD),
    "1215": (InvalidRequest, Again.NEVER, "two fields exclude each other", _FIELD),
    "1220": (AuthError, Again.GONE, "the account may not use this API", _ACCOUNT),
    "1221": (InvalidRequest, Again.GONE, "this API is offline", _PLACE),
    "1222": (InvalidRequest, Again.GONE, "this API does not exist", _PLACE),
    "1230": (UpstreamError, Again.RETRY, "the service failed while working", _FAULT),
    "1231": (InvalidRequest, Again.NEVER, "a request with this id is already running", "Call again."),
    "1234": (UpstreamError, Again.RETRY, "a network error inside the service", _FAULT),
    "1261": (TooLong, Again.NEXT, "the prompt is too long for the model", _SHORTER),
    "1300": (ContentBlocked, Again.NEVER, "blocked by policy", _FILTER),
    "1301": (ContentBlocked, Again.NEVER, "the safety filter objects to the input or the answer", _FILTER),
    "1302": (RateLimited, Again.RETRY, "too many calls at once for this account", _BUSY),
    "1303": (RateLimited, Again.RETRY, "calls come too fast for this account", _BUSY),
    "1304": (QuotaError, Again.NEVER, "today's number of calls is used up", _TOMORROW),
    "1305": (Overloaded, Again.RETRY, "the model is overloaded", _LATER),
    "1308": (QuotaError, Again.NEVER, "the usage limit is reached", _WAIT),
    "1309": (QuotaError, Again.NEVER, "the coding plan has expired", _PLAN),
    "1310": (QuotaError, Again.NEVER, "the weekly or monthly limit is reached", _WAIT),
    "1311": (QuotaError, Again.GONE, "the plan does not include this model", _PLAN),
    "1313": (QuotaError, Again.NEVER, "the account is restricted for unusual use", _ACCOUNT),
    "1314": (QuotaError, Again.NEVER, "the enterprise plan is void", _PLAN),
    "1315": (QuotaError, Again.NEVER, "the key is only for the enterprise coding plan", _PLAN),
    "1316": (QuotaError, Again.NEVER, "the five-hour limit is reached", _WAIT),
    "1317": (QuotaError, Again.NEVER, "the seven-day limit is reached", _WAIT),
    "1318": (QuotaError, Again.NEVER, "the five-hour limit and the spend cap are reached", _WAIT),
    "1319": (QuotaError, Again.NEVER, "the seven-day limit and the spend cap are reached", _WAIT),
    "1320": (QuotaError, Again.NEVER, "the five-hour limit and the enterprise cap are reached", _WAIT),
    "1321": (QuotaError, Again.NEVER, "the seven-day limit and the enterprise cap are reached", _WAIT),
    "1701": (RateLimited, Again.RETRY, "too many web searches at once", _BUSY),
    "1702": (UpstreamError, Again.NEVER, "no search engine is available", _NO_SEARCH),
    "1703": (UpstreamError, Again.NEVER, "the web search found nothing usable", "Change the search query."),
}

_OF_THE_KEY = frozenset(code for code, row in CODES.items() if row[3] == _KEY)


def with_key_help(error: GLMError, said: str) -> GLMError:
    """The error with what can be done about the key, where it is the key itself that the service does not take."""
    of_key = isinstance(error, AuthError) and (
        error.code in _OF_THE_KEY if error.code else error.hint != _ACCOUNT
    )
    return error.but(hint=f"{error.hint} {said}".rstrip()) if of_key else error


# What is left when there is no business code that we know. 434 and 435 are rows of z.ai's HTTP table.
_STATUS: dict[int, Row] = {
    400: (InvalidRequest, Again.NEVER, "the service refused the request", _REFUSED),
    402: (QuotaError, Again.GONE, "the service asks for payment", _BALANCE),  # for this model
    401: (AuthError, Again.NEVER, "the API key was not accepted", _KEY),
    403: (AuthError, Again.NEVER, "access was refused", _KEY),
    404: (ConfigError, Again.GONE, "no such address or model at the service", _PLACE),
    405: (ConfigError, Again.NEVER, "the address is not an API", "Check GLM_BASE_URL."),
    407: (NetworkError, Again.NEVER, "the proxy asks for a login", _PROXY),
    408: (UpstreamError, Again.RETRY, "the service timed out", _FAULT),
    425: (UpstreamError, Again.RETRY, "the service failed", _FAULT),  # "too early": to be sent again
    499: (UpstreamError, Again.RETRY, "the service timed out", _FAULT),  # its gateway gave up, says nginx
    413: (MediaTooLarge, Again.NEVER, "the request is larger than the service takes", _SHORTER),
    429: (RateLimited, Again.RETRY, "the service limits the calls", _BUSY),
    434: (AuthError, Again.NEVER, "the account may not use this API", _ACCOUNT),
    435: (MediaTooLarge, Again.NEVER, "a file is larger than the service takes", _SHORTER),
    451: (NetworkError, Again.NEVER, "the service is not offered where this machine is", _ABROAD),
    511: (NetworkError, Again.NEVER, "this network wants a login", _LOGIN),
    529: (Overloaded, Again.RETRY, "the model is overloaded", _FULL),
}

# What stands in front of the service answers with a page, which the service itself never does.
_PAGE = re.compile(r"\s*<(?:!doctype|html|head)", re.IGNORECASE)
# Alibaba's page names itself in its addresses alone.
_NAMES_WALL = re.compile(r"captcha|firewall|\bWAF\b|_waf_|errors\.aliyun\.com|拦截|阻断", re.IGNORECASE)
_WALL = re.compile(
    _NAMES_WALL.pattern
    + r"|\bblocked|challenge|just a moment|attention required|verif(?:y|ying) you|安全验证|acw_sc__",
    re.IGNORECASE,
)
_WALLS = {200, 403, 405, 406, 418, 429, 503, 566, 567}  # 418, 566 and 567 are clouds' own for it
_REFUSED_BY_WALL = "a firewall in front of the service refused the request"
_WALL_ROW: Row = (NetworkError, Again.NEVER, _REFUSED_BY_WALL, _WALLED)
_LOOKED_AT = 8_000  # characters of a page


def is_wall(status: int, said: str) -> bool:
    """Whether what came in the place of an answer is a firewall's: a page, or a refusal that names it."""
    start = said[:_LOOKED_AT]
    if not _PAGE.match(start):
        return status == 403 and bool(_NAMES_WALL.search(start))
    return status in _WALLS and (status == 403 or bool(_WALL.search(start)))


# What words mean where the code is none that we know: the service may have new ones tomorrow.
_UNKNOWN: tuple[tuple[re.Pattern[str], Row], ...] = (
    (re.compile(r"鉴权失败|身份验证失败|未登录|\bnot authenticated", re.IGNORECASE), _STATUS[401]),
    (
        re.compile(
            r"\boverloaded|访问量过大|(?:系统|服务|服务器|模型)繁忙|\b(?:system|server|service|model) (?:is )?(?:too )?busy",
            re.IGNORECASE,
        ),
        (Overloaded, Again.RETRY, "the model is overloaded", _FULL),
    ),
    (
        re.compile(
            r"unsupported_country|\b(?:country|region|territory)\b.{0,40}\bnot (?:supported|available)"
            r"|\bnot (?:supported|available) in (?:your|this) (?:country|region)|地区.{0,10}(?:不支持|不可用)|不支持.{0,10}地区",
            re.IGNORECASE,
        ),
        _STATUS[451],
    ),
    (
        re.compile(
            r"实名认证|\breal[- ]name (?:auth|verif|cert)|(?:账号|账户|帐号|帐户).{0,12}(?:冻结|封禁|停用|禁用|锁定|注销)"
            r"|\baccount\b.{0,40}\b(?:suspended|disabled|deactivated|frozen|locked|banned)\b",
            re.IGNORECASE,
        ),
        (AuthError, Again.NEVER, "the account has a problem", _ACCOUNT),
    ),
    (
        re.compile(
            r"\bmodel\b.{0,80}\b(?:deprecated|retired|decommissioned|discontinued|no longer (?:available|supported|offered))"
            r"|模型.{0,40}(?:下线|停用|停止服务|弃用)",
            re.IGNORECASE,
        ),
        (InvalidRequest, Again.GONE, "the model is no longer offered", _MODEL),
    ),
)
# Of a 400, which blames the request otherwise.
_ASKS_LATER = re.compile(
    r"稍[后候][再重]?试|请稍[后候]|排队|维护|\btry again later\b|\bmaintenance\b", re.IGNORECASE
)
_LATER_ROW: Row = (Overloaded, Again.RETRY, "the service asks to call again later", _FULL)
# 1210 and 1214 stand for anything in a request; only their words tell what. Each seen at the real service.
_WORDS: tuple[tuple[re.Pattern[str], Row], ...] = (
    (
        re.compile(r"modelcode|模型不存在", re.IGNORECASE),
        (InvalidRequest, Again.GONE, "the model does not exist", _MODEL),
    ),
    (
        re.compile(r"输入过长|too long", re.IGNORECASE),
        (TooLong, Again.NEXT, "the prompt is too long for the model", _SHORTER),
    ),
    (
        re.compile(r"数量|too many images", re.IGNORECASE),
        (InvalidRequest, Again.NEXT, "the model takes fewer pictures in a call", _FEWER),
    ),
    (
        re.compile(
            r"(?:图片|视频|文件)(?:大小)?(?:超过|超出|过大)|\b(?:image|picture|video|file)(?: size)?(?: is)? (?:exceed|too large)",
            re.IGNORECASE,
        ),
        (MediaTooLarge, Again.NEXT, "a picture or file is larger than the model takes", _SMALLER),
    ),
)


def blocked(what: str, request_id: str | None) -> ContentBlocked:
    """What the safety filter did within a success."""
    return ContentBlocked(what, _FILTER, code="1301", request_id=request_id)


def from_response(
    status: int,
    code: object,
    text: object,
    *,
    request_id: str | None = None,
    retry_after: float | None = None,
    sort: str = "",
) -> GLMError:
    """The error for one answer of the service.

    `status`: HTTP status (200 when an error came inside a success). `code`: the business code, str or int, or None.
    `text`: the service's own message, any language; it is shown, cleaned, and decides for 1210 and 1214 alone, which the
    service uses for everything about a request. `sort`: what an engine of somebody's own calls it; those have no business
    codes, and their words decide.
    """
    name = (clean(code, 40) if code is not None else None) or None
    said = clean(text)
    words = _WALL_ROW if is_wall(status, str(text)) else _by_words(name, status, said, clean(sort, ID_CHARS))
    if name == str(status) and name not in CODES:
        name = None  # the status again
    cls, again, meaning, hint = words or _row(name, status)
    see = "" if retry_after else _SEE.get(hint, "")
    if retry_after:
        asked = f"The service asks to wait {retry_after:,.0f} s"
        after = f"{asked}: call again after that, or name another model."
        # "in a few seconds" would say the contrary.
        hint = after if again is Again.RETRY else f"{asked}. {hint}"
    return cls(
        f"{meaning}: {said}" if said else meaning,
        hint,
        see=see,
        code=name,
        status=status if name not in CODES else None,
        request_id=clean(request_id, ID_CHARS) if request_id else None,
        again=again,
        retry_after=retry_after,
        about=_ABOUT.get(hint),
    )


def _by_words(name: str | None, status: int, said: str, sort: str) -> Row | None:
    """What an answer means whose code says nothing, or nothing definite."""
    if name in {"1210", "1214"}:
        return engine_errors.row_of(_WORDS, said)  # none where they name a field
    if name in CODES and name != str(status):
        return None
    own = f"{sort} {name} {engine_errors.unquoted(said)}"
    found = engine_errors.by_words(f"{sort} {name}", said, missing=status == 404)
    found = found or engine_errors.row_of((*_UNKNOWN, *gateways.ROWS), own)
    return _LATER_ROW if found is None and status == 400 and _ASKS_LATER.search(own) else found


def _row(name: str | None, status: int) -> Row:
    """By the business code where it is a known one, else by the HTTP status."""
    row = CODES.get(name or "") or _STATUS.get(status)
    if row:
        return row
    if 300 <= status < 400:
        return ConfigError, Again.NEVER, "the address only points elsewhere", _MOVED
    if 400 <= status < 500:
        return InvalidRequest, Again.NEVER, "the service refused the request", _REFUSED
    again = Again.RETRY if status >= 500 or status == 200 else Again.NEVER
    return UpstreamError, again, "the service failed", _FAULT
