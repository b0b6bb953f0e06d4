"""Every setting, once: its name, what it may be, and the text that the documentation prints.

Read from the environment, and from one file: `--env-file`, else `glm-mcp/env` in the user's configuration folder.
Never from the working folder: a cloned repository must not choose where the key goes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from glm_mcp.errors import ConfigError
from glm_mcp.registry import ENDPOINTS
from glm_mcp.setting_values import bare_key, is_placeholder, parted_folders, unquoted, whole_path
from glm_mcp.settings_file import file_of, folder_as_pasted, read
from glm_mcp.settings_team import Folded, TeamSettings, Token
from glm_mcp.settings_team import setting as _setting
from glm_mcp.text import clean

TOOLS = ("chat", "describe_image", "analyze_video", "read_document", "generate_image")
KEY_NAMES = ("GLM_API_KEY", "ZAI_API_KEY", "Z_AI_API_KEY", "ZHIPUAI_API_KEY", "ZHIPU_API_KEY")
KEY_PAGE = "https://bigmodel.cn/usercenter/proj-mgmt/apikeys"

# What the form of the desktop bundle leaves where nothing was filled in, and settings whose default does no harm.
_FORM = {"GLM_BASE_URL": "${user_config.base_url}"}
_SECRETS = frozenset(
    {"api_key", "http_token", "session_secret", "metrics_token", "more_keys", "redis_url", "connect_token"}
)
_SHOWN_OF = 4_000  # characters of a wrong value; a login is looked for again and again in it
_PATHS = frozenset({"allowed_dirs", "output_dir", "cache_dir", "tokens_file"})
_HARMLESS = frozenset({"GLM_LANG", "GLM_ALLOWED_DIRS", "GLM_OUTPUT_DIR"})


class _OwnSettings(BaseModel):
    """The settings of one server, but for whom it lets in."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    api_key: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices(*KEY_NAMES),
        description="The API key of bigmodel.cn or z.ai. Also read: " + ", ".join(KEY_NAMES[1:]) + ".",
        json_schema_extra={"may_be": "a key such as id.secret, in one piece"},
    )
    base_url: str = _setting(
        "GLM_BASE_URL",
        "zhipu",
        "zhipu, zai, zhipu-coding, zai-coding, or an http(s) URL",
        "Where the models are: `zhipu` (bigmodel.cn), `zai` (z.ai), their coding plans, or the URL of a GLM- or OpenAI-compatible server.",
    )
    chat_model: str | None = _setting(
        "GLM_CHAT_MODEL", None, "a model id", "First model for text, instead of glm-4.7-flash."
    )
    vision_model: str | None = _setting(
        "GLM_VISION_MODEL",
        None,
        "a model id",
        "First model for pictures, video and pages, instead of glm-4.6v-flash.",
    )
    image_model: str | None = _setting(
        "GLM_IMAGE_MODEL", None, "a model id", "Model that draws, instead of cogview-3-flash."
    )
    fallback: bool = _setting(
        "GLM_FALLBACK", True, "1 or 0", "0: never try another model when one is overloaded."
    )
    thinking: Annotated[Literal["true", "false", "show"], Folded] = _setting(
        "GLM_THINKING",
        "false",
        "true, false or show",
        "Whether the models think first when a call does not say; `show` adds the reasoning.",
    )
    lang: Annotated[Literal["zh", "en"] | None, Folded] = _setting(
        "GLM_LANG",
        None,
        "zh or en",
        "Language of errors, notes and answers to calls without a prompt. Unset: the system's.",
    )
    deadline_s: float | None = _setting(
        "GLM_DEADLINE_S",
        None,
        "seconds, 1 to 3600",
        "Time for one call. Unset: 300 for a host known to wait (Claude Code), 55 for all others, whose own limit is 60.",
        ge=1,
        le=3600,
    )
    max_concurrency: int | None = _setting(
        "GLM_MAX_CONCURRENCY",
        None,
        "a whole number, 1 to 1000",
        "Calls at once per model: start and ceiling. Unset: learnt from the service.",
        ge=1,
        le=1000,
    )
    allowed_dirs: tuple[str, ...] = _setting(
        "GLM_ALLOWED_DIRS",
        (),
        f"folders, separated by '{os.pathsep}'",
        "Folders that may be read besides the working, home and temporary folder; a file named like a secret, by its own path. Over HTTP: the only ones.",
    )
    output_dir: Path | None = _setting(
        "GLM_OUTPUT_DIR",
        None,
        "a folder",
        "Where generated files go. Unset: `glm-output` in the working folder, else your data folder.",
    )
    max_video_mb: float = _setting(
        "GLM_MAX_VIDEO_MB",
        8.0,
        "megabytes, 0 to 150",
        "Largest video sent whole; larger ones are re-encoded or sent as frames.",
        ge=0,
        le=150,
    )
    structured: bool = _setting(
        "GLM_STRUCTURED",
        False,
        "1 or 0",
        "1: results also carry structuredContent, for programs. Some hosts then hide the text.",
    )
    tools: tuple[str, ...] = _setting(
        "GLM_TOOLS", TOOLS, "names among " + ", ".join(TOOLS), "Which of the five tools to offer."
    )
    simulate: bool = _setting(
        "GLM_SIMULATE", False, "1 or 0", "1: answer from the built-in simulator; no key, no network."
    )
    log_content: bool = _setting(
        "GLM_LOG_CONTENT",
        False,
        "1 or 0",
        "1: the log holds arguments and answers too, at `--log-level info` or debug. Otherwise it never holds prompts, answers or file contents.",
    )
    http_token: Token | None = _setting(
        "GLM_HTTP_TOKEN",
        None,
        "a word of 16 or more letters, digits and -._~+/",
        "Bearer token that `serve --http` asks for; needed beyond loopback.",
    )

    @field_validator("*", mode="before")
    @classmethod
    def _as_pasted(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, str):
            return value
        named = rf"(?:(?:export|set)\s+|\$env:)?{variable(info.field_name or '')}\s*=\s*"
        value = re.sub(named, "", unquoted(value))  # the line of a guide, copied whole
        value = bare_key(value)[0] if info.field_name == "api_key" else unquoted(value)
        secret = info.field_name in _SECRETS
        if info.field_name != "api_key" and is_placeholder(value):
            # Anybody could guess it as a token; as anything else it is a mistake.
            raise ValueError("a placeholder")
        return value or None if secret else value

    @field_validator("output_dir")
    @classmethod
    def _expand(cls, value: Path | None) -> Path | None:
        return whole_path(folder_as_pasted(value)) if value else value

    @field_validator("allowed_dirs", mode="before")
    @classmethod
    def _split_dirs(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        parts = (unquoted(part) for part in parted_folders(unquoted(value)))
        return tuple(os.fspath(folder_as_pasted(Path(part))) for part in parts if part)

    @field_validator("tools", mode="before")
    @classmethod
    def _split_tools(cls, value: Any) -> Any:
        names = tuple(unquoted(value).replace(",", " ").split() if isinstance(value, str) else value)
        wrong = [n for n in names if n not in TOOLS]
        if wrong or not names:
            raise ValueError(f"no tool is called {wrong[0]!r}" if wrong else "no tool is named")
        return tuple(t for t in TOOLS if t in names)

    @field_validator("base_url")
    @classmethod
    def _usable_base(cls, value: str) -> str:
        # The whole address of a call is what a page of documentation shows.
        value = re.sub(r"/chat/completions$", "", value.rstrip("/"), flags=re.IGNORECASE).rstrip("/")
        if value.lower() in ENDPOINTS:
            return value.lower()
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0 or " " in value:
            raise ValueError("no such endpoint")
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise ValueError("a login, or what may be one, would be shown wherever the endpoint is named")
        return value

    @field_validator("api_key")
    @classmethod
    def _one_word(cls, value: SecretStr | None) -> SecretStr | None:
        # It travels in a header, which takes nothing else.
        word = value.get_secret_value() if value else "-"
        if not re.fullmatch(r"[!-~]+", word) and not is_placeholder(word):
            raise ValueError("not one word of ASCII")
        return value

    @property
    def key(self) -> str | None:
        """The key that may be sent: nobody is sent a placeholder."""
        return self.api_key.get_secret_value() if self.api_key and not self.placeholder else None

    def with_key(self, key: str | None) -> Self:
        return self.model_copy(update={"api_key": SecretStr(key) if key else None})

    @property
    def placeholder(self) -> str | None:
        """What stands where the key should, such as `${GLM_API_KEY}` that the client did not replace."""
        word = self.api_key.get_secret_value() if self.api_key else ""
        return word if is_placeholder(word) else None


class Settings(TeamSettings, _OwnSettings):
    """The settings of one server. Frozen; made once, at start. The fields of the second class come first."""

    @field_validator("*", mode="before")
    @classmethod
    def _characters(cls, value: Any, info: ValidationInfo) -> Any:
        # Bytes of the environment that are no characters may name a file; nothing else can be sent or said with them.
        if isinstance(value, str) and info.field_name not in _PATHS:
            value.encode()
        return value


def variable(field: str) -> str:
    """The environment variable of a field."""
    alias = Settings.model_fields[field].validation_alias
    assert isinstance(alias, AliasChoices)  # noqa: S101 - every field is declared that way above
    return str(alias.choices[0])


def for_others(env: Mapping[str, str]) -> dict[str, str]:
    """What a program of somebody else gets of an environment: no key, no token, nothing of ours."""
    return {
        name: value for name, value in env.items() if name not in KEY_NAMES and not name.startswith("GLM_")
    }


def may_be(field: str) -> str:
    extra = Settings.model_fields[field].json_schema_extra
    return str(extra["may_be"]) if isinstance(extra, dict) else ""


def load(env_file: Path | None = None, **given: Any) -> Settings:
    """The settings from the environment, then one file; `given` (by variable) goes before both.

    Raises ConfigError naming each wrong variable, what it was and what it may be.
    """
    try:
        return Settings(**{**_given(read(env_file)), **given}).read_from(env_file)
    except ValidationError as error:
        raise _wrong(error, env_file) from None


def load_what_is_right(env_file: Path | None = None) -> tuple[Settings, ConfigError | None]:
    """As `load`, for a server that starts whatever its settings are: without the wrong ones, and what is wrong."""
    lines: dict[str, str] = {}
    unread: ConfigError | None = None
    try:
        lines = read(env_file)
    except ConfigError as error:
        unread = error
    values = _given(lines)
    try:
        return Settings(**values).read_from(env_file), unread
    except ValidationError as error:
        wrong = {str(item["loc"][0]) for item in error.errors() if item["loc"]}
        wrong |= set(KEY_NAMES) if wrong & set(KEY_NAMES) else set()
        right = {n: v for n, v in values.items() if n not in wrong}
        return Settings(**right).read_from(env_file), unread or _wrong(error, env_file)


def _given(lines: dict[str, str]) -> dict[str, Any]:
    """What the lines of a file and the environment say, by variable."""
    names = {variable(f) for f in Settings.model_fields} | set(KEY_NAMES)
    # An empty variable is how a client's form says "not set".
    given_here = {name: os.environ[name] for name in names if os.environ.get(name, "").strip()}
    layers = (lines, given_here)
    # So is a reference that the client left as it was; the settings file or another name may have the value.
    values: dict[str, Any] = {n: v for layer in layers for n, v in layer.items() if not _says_nothing(n, v)}
    if not values.keys() & set(KEY_NAMES):
        # Kept when there is no key at all: the error then tells what stood there.
        values |= {n: v for layer in layers for n, v in layer.items() if n in KEY_NAMES}
    return values


def _wrong(error: ValidationError, env_file: Path | None) -> ConfigError:
    hint = f"Change it where it is set (the client's configuration, the environment or {file_of(env_file)}), then restart the client."
    return ConfigError(_explain(error), hint)


def _says_nothing(name: str, value: str) -> bool:
    """Whether a client left it empty in its own way. Not where the default would send a key elsewhere or open a server."""
    value = unquoted(value)
    may_be_left = name in KEY_NAMES or name in _HARMLESS
    return not value or value == _FORM.get(name) or (may_be_left and is_placeholder(value))


def _explain(error: ValidationError) -> str:
    known = {variable(f): f for f in Settings.model_fields} | dict.fromkeys(KEY_NAMES, "api_key")
    lines = []
    for item in error.errors():
        name = str(item["loc"][0]) if item["loc"] else ""
        field = known.get(name, name)
        if field not in Settings.model_fields:
            continue
        # A key or a login may stand in the wrong variable: `clean` takes the one out, this the other.
        given = str(item["input"])
        if field in _SECRETS or len(given) > _SHOWN_OF:
            was = "not usable"
        else:
            was = repr(clean(re.sub(r"//.*@|^[^/]*@|[?#].*", "…", given, flags=re.DOTALL), 80))
        lines.append(f"{variable(field)} is {was}; it may be {may_be(field)}")
    return "; ".join(lines) or "a setting is wrong"
