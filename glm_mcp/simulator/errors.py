"""Every business code of the service: its HTTP status and its words in Chinese and English.

Source: the vendor's error tables of both sites, and users' reports where a literal message is known. The status of
1002, 1004, 1100-1121, 1231, 1300, 1303, 1304 and 1701-1703 is documented nowhere; theirs follows their group.
"""

from dataclasses import dataclass
from typing import Any

_RESET = "2026-11-24 00:00:00"


@dataclass(frozen=True)
class ErrorText:
    """HTTP status, and messages in which `{field}` is the field at fault."""

    status: int
    zh: str
    en: str


_CHECK = "API 调用参数有误，请检查文档。"
_CAP = "已达到使用上限，您的限额将在 {reset} 重置。"
_CAP_EN = "Usage limit reached. Your limit will reset at {reset}."

ERRORS: dict[str, ErrorText] = {
    "500": ErrorText(500, "内部错误", "Internal error"),
    "401": ErrorText(401, "令牌已过期或验证不正确", "token expired or incorrect"),
    "1000": ErrorText(401, "身份验证失败。", "Authentication failed."),
    "1001": ErrorText(
        401,
        "Header中未收到Authorization参数，无法进行身份验证。",
        "Authentication parameter not received in Header, unable to authenticate.",
    ),
    "1002": ErrorText(401, "Authorization Token非法，请确认正确传递。", "Invalid Authentication Token."),
    "1003": ErrorText(401, "Authorization Token已过期，请重新生成。", "Authentication Token expired."),
    "1004": ErrorText(
        401, "通过提供的Authorization Token验证失败。", "Authentication failed with the provided Token."
    ),
    "1005": ErrorText(
        401, "您的账户已开启双重验证，无法使用该密钥。", "Account is protected by two-factor authentication."
    ),
    "1100": ErrorText(401, "账户读写错误。", "Account read/write error."),
    "1110": ErrorText(401, "您的账户当前处于非活动状态。", "Your account is currently inactive."),
    "1111": ErrorText(401, "您的账户不存在。", "Your account does not exist."),
    "1112": ErrorText(401, "您的账户已被锁定，请联系客服解锁。", "Your account has been locked."),
    "1113": ErrorText(
        429,
        "余额不足或无可用资源包,请充值。",
        "Insufficient balance or no resource package. Please recharge.",
    ),
    "1120": ErrorText(429, "无法成功访问您的账户，请稍后重试。", "Unable to access your account, try later."),
    "1121": ErrorText(429, "账户存在违规行为，账号已被锁定。", "Account locked for irregular behaviour."),
    "1200": ErrorText(500, "API 调用失败。", "API call failed."),
    "1210": ErrorText(400, _CHECK, "Invalid API parameter, please check the documentation."),
    "1211": ErrorText(
        400, "模型不存在，请检查模型代码。", "Model does not exist, please check the model code."
    ),
    "1212": ErrorText(
        400, "当前模型不支持该调用方式。", "The current model does not support this call method."
    ),
    "1213": ErrorText(400, "未正常接收到{field}参数。", "The {field} parameter was not received properly."),
    "1214": ErrorText(
        400, "{field} 参数非法。请检查文档。", "Invalid {field} parameter. Please check the documentation."
    ),
    "1215": ErrorText(
        400, "{field} 不能同时设置，请检查文档。", "{field} cannot be set together, check the documentation."
    ),
    "1220": ErrorText(403, "您无权访问该API。", "You do not have permission to access this API."),
    "1221": ErrorText(400, "该API已下线。", "This API has been taken offline."),
    "1222": ErrorText(400, "该API不存在。", "This API does not exist."),
    "1230": ErrorText(500, "API调用流程出错。", "API call process error."),
    "1231": ErrorText(400, "您已有请求：{field}", "You already have a request: {field}"),
    "1234": ErrorText(
        500,
        "网络错误，错误id：{field}，请稍后重试。",
        "Internal network failure, error id: {field}, please try again later.",
    ),
    "1261": ErrorText(400, "Prompt exceeds max length", "Prompt exceeds max length"),
    "1300": ErrorText(400, "API调用被策略阻止。", "API call blocked by policy."),
    "1301": ErrorText(
        400,
        "系统检测到输入或生成内容可能包含不安全或敏感内容，请您避免输入易产生敏感内容的提示语，感谢您的配合。",
        "System detected potentially unsafe or sensitive content in input or generation.",
    ),
    "1302": ErrorText(429, "您的账户已达到速率限制，请您控制请求频率", "Rate limit reached for requests"),
    "1303": ErrorText(
        429, "当前API请求频率过高，请降低频率。", "The request frequency of this API is too high."
    ),
    "1304": ErrorText(429, "该API已达今日调用次数限额。", "The daily call limit of this API is reached."),
    "1305": ErrorText(
        429,
        "该模型当前访问量过大，请您稍后再试",
        "The model is currently overloaded, please try again later",
    ),
    "1308": ErrorText(429, _CAP, _CAP_EN),
    "1309": ErrorText(429, "您的编码套餐已到期。", "Your coding plan has expired."),
    "1310": ErrorText(
        429,
        "已达到每周/每月使用上限，您的限额将在 {reset} 重置。",
        "Weekly/Monthly Limit Exhausted. Your limit will reset at {reset}.",
    ),
    "1311": ErrorText(
        429,
        "当前订阅套餐暂未开放该模型权限。",
        "Your subscription plan does not include access to this model.",
    ),
    "1313": ErrorText(429, "您的账户因公平使用政策受到限制。", "Account restricted by the fair-use policy."),
    "1314": ErrorText(429, "您的企业套餐已失效。", "Your enterprise plan is void."),
    "1315": ErrorText(
        429, "该密钥仅可用于企业编码套餐。", "This key is for the enterprise coding plan only."
    ),
    **{
        code: ErrorText(429, f"{window}{_CAP}{why}", f"{window_en} {_CAP_EN} {why_en}")
        for code, window, window_en, why, why_en in (
            ("1316", "5小时", "5-hour", "主账户余额不足。", "The main account lacks balance."),
            ("1317", "7天", "7-day", "主账户余额不足。", "The main account lacks balance."),
            ("1318", "5小时", "5-hour", "子账户已达月消费上限。", "Sub-account monthly cap reached."),
            ("1319", "7天", "7-day", "子账户已达月消费上限。", "Sub-account monthly cap reached."),
            ("1320", "5小时", "5-hour", "企业已达月消费上限。", "Enterprise monthly cap reached."),
            ("1321", "7天", "7-day", "企业已达月消费上限。", "Enterprise monthly cap reached."),
        )
    },
    "1701": ErrorText(429, "网络搜索并发数已达上限。", "Web search concurrency limit reached."),
    "1702": ErrorText(400, "没有可用的搜索引擎。", "No search engine is available."),
    "1703": ErrorText(400, "搜索引擎未返回有效数据。", "The search engine returned no data."),
}


class Refusal(Exception):
    """The service's refusal of a request, by business code; `message` replaces the table's words."""

    def __init__(
        self,
        code: str,
        field: str = "",
        *,
        message: str | None = None,
        status: int | None = None,
        filtered: str = "",
    ) -> None:
        super().__init__(code, field, message)
        self.code = code
        self.field = field
        self.message = message
        self.status = status if status is not None else ERRORS.get(code, ERRORS["1210"]).status
        self.filtered = filtered

    def words(self, language: str) -> str:
        if self.message is not None:
            return self.message
        text = ERRORS.get(self.code, ERRORS["1210"])
        template = text.en if language == "en" else text.zh
        return template.format(field=self.field or ("messages" if self.code == "1214" else ""), reset=_RESET)

    def body(self, language: str) -> dict[str, Any]:
        """The envelope; 1301 carries `contentFilter` beside it."""
        answer: dict[str, Any] = {"error": {"code": self.code, "message": self.words(language)}}
        if self.code == "1301":
            answer["contentFilter"] = [{"level": 1, "role": self.filtered or "user"}]
        return answer


def bad_value(field: str) -> Refusal:
    """1214: a field whose value is of the wrong kind or out of its bounds."""
    return Refusal("1214", field)


_REASONS = {404: "Not Found", 405: "Not Allowed", 413: "Request Entity Too Large", 502: "Bad Gateway"}


def gateway_page(status: int) -> bytes:
    """The HTML of the gateway in front of the service."""
    title = (
        f"{status} {_REASONS.get(status, 'Refused' if status < 500 else 'Service Temporarily Unavailable')}"
    )
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    ).encode()
