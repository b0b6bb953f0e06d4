"""Every business code of the service, from `errors.toml`, and what is made of one: a refusal, a page of the gateway."""

import tomllib
from pathlib import Path
from typing import Any, NamedTuple

_RESET = "2026-11-24 00:00:00"


class ErrorText(NamedTuple):
    """HTTP status, and messages in which `{field}` is the field at fault."""

    status: int
    zh: str
    en: str


_TABLE = tomllib.loads((Path(__file__).with_name("tables") / "errors.toml").read_text(encoding="utf-8"))
ERRORS = {code: ErrorText(*row) for code, row in _TABLE.items()}


class Refusal(Exception):
    """The service's refusal of a request, by business code; `message` replaces the table's words."""

    def __init__(
        self, code: str, field: str = "", *, message: str | None = None, status: int | None = None
    ) -> None:
        super().__init__(code, field, message)
        self.code = code
        self.field = field
        self.message = message
        self.status = status if status is not None else ERRORS.get(code, ERRORS["1210"]).status

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
            answer["contentFilter"] = [{"level": 1, "role": "user"}]
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
