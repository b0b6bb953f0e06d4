"""The settings of a server for several people, over HTTP; a part of `Settings`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    Field,
    PrivateAttr,
    SecretStr,
    field_validator,
)

from glm_mcp.folders import user_folders
from glm_mcp.setting_values import is_placeholder, proxy_secrets, server_url, unquoted, whole_path
from glm_mcp.settings_file import file_of

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def setting(name: str, default: Any, may_be: str, doc: str, **limits: Any) -> Any:
    return Field(
        default,
        validation_alias=AliasChoices(name),
        description=doc,
        json_schema_extra={"may_be": may_be},
        **limits,
    )


def _sendable_token(value: SecretStr) -> SecretStr:
    """The token, where a client can send it in the header (RFC 6750, section 2.1). Raises ValueError."""
    word = value.get_secret_value()
    if len(word) < 16 or not re.fullmatch(r"[A-Za-z0-9._~+/-]+=*", word):
        raise ValueError("no token")
    return value


def _small_letters(value: Any) -> Any:
    return unquoted(value).lower() if isinstance(value, str) else value


Token = Annotated[SecretStr, AfterValidator(_sendable_token)]
Folded = BeforeValidator(_small_letters)


class TeamSettings(BaseModel):
    """By which names it is reached over HTTP, who is let in, whose keys are used, and what it tells of itself."""

    public_url: str | None = setting(
        "GLM_PUBLIC_URL",
        None,
        "an http(s) URL without a path, such as https://glm.example.com",
        "Address by which clients reach `serve --http`, where it is not that of this machine.",
    )
    allowed_hosts: tuple[str, ...] = setting(
        "GLM_ALLOWED_HOSTS",
        (),
        "host names, separated by commas",
        "Names besides that of GLM_PUBLIC_URL under which `serve --http` answers, and whose web pages may call it.",
    )
    cache_dir: Path | None = setting(
        "GLM_CACHE_DIR",
        None,
        "a folder",
        "Where kept results, finished parts and uploaded files lie; several replicas of `serve --http` share one. Unset: your cache folder.",
    )
    uploads_mb: float = setting(
        "GLM_UPLOADS_MB",
        1000,
        "megabytes, 1 to 1000000",
        "What one caller's uploaded files may have together; each is kept for 24 hours, and may have 200 MB.",
        ge=1,
        le=1_000_000,
    )
    connect_token: SecretStr | None = setting(
        "GLM_CONNECT_TOKEN",
        None,
        "a token, or keyring:SERVICE/NAME",
        "What `glm-mcp connect` shows to the team's server: the token, or where the system's keyring has it.",
    )
    session_secret: SecretStr | None = setting(
        "GLM_SESSION_SECRET",
        None,
        "32 or more characters, the same for every replica",
        "Signs the session ids of older clients. Unset: a new one at each start of `serve --http`.",
        min_length=32,
    )
    tokens_file: Path | None = setting(
        "GLM_TOKENS_FILE",
        None,
        "a file",
        "Who may use `serve --http`: the file that `glm-mcp token` writes. Unset: `tokens.toml` in your configuration folder, where it is there.",
    )
    oidc_issuer: str | None = setting(
        "GLM_OIDC_ISSUER",
        None,
        "an https URL",
        "An OpenID Connect issuer whose access tokens (JWT) are let in; needs GLM_PUBLIC_URL.",
    )
    oidc_audience: str | None = setting(
        "GLM_OIDC_AUDIENCE",
        None,
        "a text",
        "The audience that such a token must be for. Unset: GLM_PUBLIC_URL with /mcp behind it.",
    )
    oidc_scopes: tuple[str, ...] = setting(
        "GLM_OIDC_SCOPES", (), "words, separated by spaces", "The scopes that such a token must all have."
    )
    oidc_name_claim: str = setting(
        "GLM_OIDC_NAME_CLAIM",
        "preferred_username",
        "the name of a claim",
        "The claim that names its holder in the log; `sub` where a token has none.",
    )
    caller_keys: bool = setting(
        "GLM_CALLER_KEYS",
        False,
        "1 or 0",
        "1: a caller over HTTP may send an API key of their own as `X-GLM-API-Key`; it is used for that call alone.",
    )
    more_keys: tuple[SecretStr, ...] = setting(
        "GLM_API_KEYS",
        (),
        "keys, separated by commas",
        "Further keys beside GLM_API_KEY, each with a concurrency of its own: a call uses the one with the fewest calls. Ask first whether the service's terms let you.",
    )

    redis_url: SecretStr | None = setting(
        "GLM_REDIS_URL",
        None,
        "redis://[:password@]host:port/number, rediss:// or unix://path",
        "Redis or Valkey in which several servers with one key share their limits and what they know of each model. Unset: one process keeps them.",
    )

    metrics_token: Token | None = setting(
        "GLM_METRICS_TOKEN",
        None,
        "a word of 16 or more letters, digits and -._~+/",
        "Bearer token that may read `/metrics` of `serve --http`. Unset: programs of the same machine may, without one.",
    )
    drain_s: float = setting(
        "GLM_DRAIN_S",
        0.0,
        "seconds, 0 to 3600",
        "How long `serve --http`, told to stop, lets calls that run come to their end; new ones are refused meanwhile.",
        ge=0,
        le=3600,
    )
    log_format: Annotated[Literal["text", "json"] | None, Folded] = setting(
        "GLM_LOG_FORMAT", None, "text or json", "Form of the log where `--log-format` does not say: text."
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"] | None, Folded] = setting(
        "GLM_LOG_LEVEL",
        None,
        "debug, info, warning or error",
        "What the log holds where `--log-level` does not say: warning. From info on one line a call.",
    )

    _file: Path | None = PrivateAttr(None)

    def read_from(self, env_file: Path | None) -> Self:
        """The same; `env_file`: which file they were read from besides the environment, None for the usual one."""
        self._file = env_file
        return self

    @property
    def tokens_path(self) -> Path:
        """The file of tokens that is meant."""
        return self.tokens_file or user_folders().config / "tokens.toml"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every key, token and password of these settings, and of the proxies that are named beside them: they stand in
        nothing that is said.
        """
        values = [getattr(self, name) for name in type(self).model_fields]
        held = [v for value in values for v in (value if isinstance(value, tuple) else (value,))]
        words = [v.get_secret_value() for v in held if isinstance(v, SecretStr)]
        password = self.redis_password or ""
        return (*(w for w in words if not is_placeholder(w)), password, unquote(password), *proxy_secrets())

    @property
    def secret_files(self) -> tuple[Path, ...]:
        """Where this server's own secrets lie, whatever the files are called: no tool reads them."""
        return file_of(self._file), self.tokens_path

    @field_validator("redis_url")
    @classmethod
    def _usable_redis(cls, value: SecretStr | None) -> SecretStr | None:
        word = value.get_secret_value() if value else "redis://-"
        if not re.fullmatch(r"(?:rediss?://[^/]|unix:///)\S*", word) or urlsplit(word).port == 0:
            raise ValueError("no address of Redis")
        return value

    @property
    def redis_password(self) -> str | None:
        return urlsplit(self.redis_url.get_secret_value()).password if self.redis_url else None

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: Any) -> Any:
        names = tuple(name.lower() for name in _words(value))
        if not all(re.fullmatch(r"[a-z0-9._-]+|[0-9a-f:.]+", n) for n in names):
            raise ValueError("not names of hosts")
        return names

    @field_validator("public_url")
    @classmethod
    def _bare_url(cls, value: str | None) -> str | None:
        parts = server_url((value or "http://-").rstrip("/").removesuffix("/mcp"))
        if (
            parts is None
            or parts[2:] != ("",) * 3
            # It stands in commands that people copy.
            or not re.fullmatch(r"[A-Za-z0-9._:\[\]-]+", parts.netloc)
        ):
            raise ValueError("not the address of a server")
        return parts.geturl() if value else None

    @field_validator("connect_token")
    @classmethod
    def _token_or_place(cls, value: SecretStr | None) -> SecretStr | None:
        word = value.get_secret_value() if value else "-"
        if not re.fullmatch(r"keyring:[^/]+/.+|[A-Za-z0-9._~+/-]+=*", word):
            raise ValueError("neither")
        return value

    @field_validator("tokens_file", "cache_dir")
    @classmethod
    def _whole_path(cls, value: Path | None) -> Path | None:
        return whole_path(value) if value else value

    @field_validator("oidc_issuer")
    @classmethod
    def _plain_address(cls, value: str | None) -> str | None:
        # To the letter: what its tokens say is compared with it.
        if value is None:
            return None
        parts = urlsplit(value)
        if not parts.hostname or parts.port == 0:
            raise ValueError("no address")
        if parts.scheme != "https" and (parts.scheme != "http" or parts.hostname not in LOOPBACK):
            raise ValueError("whoever can change its answers on the way would let anybody in")
        if "@" in parts.netloc or "?" in value or "#" in value or not _sendable(value):
            raise ValueError("more than an address")
        return value

    @field_validator("oidc_scopes", mode="before")
    @classmethod
    def _split_scopes(cls, value: Any) -> Any:
        words = _words(value)
        if not all(_sendable(w) for w in words):
            raise ValueError("no scopes")
        return words

    @field_validator("more_keys", mode="before")
    @classmethod
    def _split_keys(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        words = [unquoted(word) for word in _words(value)]
        if not all(_sendable(w) and not is_placeholder(w) for w in words):
            raise ValueError("not words of ASCII")
        return tuple(dict.fromkeys(words))


def _words(value: Any) -> tuple[str, ...]:
    """Its words, separated by commas or blanks."""
    if not isinstance(value, str):
        return tuple(value)
    value = unquoted(value)
    if is_placeholder(value):
        raise ValueError("a placeholder")
    return tuple(value.replace(",", " ").split())


def _sendable(word: str) -> bool:
    """Whether it can stand between quotes in a header."""
    return all("!" <= c <= "~" and c not in '"\\' for c in word)
