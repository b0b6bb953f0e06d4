"""Settings: every variable, where it may come from, and what is said of a wrong one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from support.cases import each

from glm_mcp.errors import ConfigError
from glm_mcp.folders import user_folders
from glm_mcp.settings import KEY_NAMES, TOOLS, Settings, load, may_be, variable

KEY = "0123456789abcdef0123456789abcdef.ABCDEFGH12345678"
GOOD: dict[str, tuple[str, Any]] = {
    # variable: (what is set, what is read)
    "GLM_API_KEY": (KEY, KEY),
    "GLM_BASE_URL": ("zai-coding", "zai-coding"),
    "GLM_CHAT_MODEL": ("glm-5.2", "glm-5.2"),
    "GLM_VISION_MODEL": ("glm-4.6v", "glm-4.6v"),
    "GLM_IMAGE_MODEL": ("cogview-4", "cogview-4"),
    "GLM_FALLBACK": ("0", False),
    "GLM_THINKING": ("show", "show"),
    "GLM_LANG": ("zh", "zh"),
    "GLM_DEADLINE_S": ("12.5", 12.5),
    "GLM_MAX_CONCURRENCY": ("3", 3),
    "GLM_ALLOWED_DIRS": (os.pathsep.join(["/one", " /two three ", ""]), ("/one", "/two three")),
    "GLM_OUTPUT_DIR": ("/pictures", Path("/pictures")),
    "GLM_MAX_VIDEO_MB": ("20", 20.0),
    "GLM_STRUCTURED": ("1", True),
    "GLM_TOOLS": ("read_document,chat", ("chat", "read_document")),
    "GLM_SIMULATE": ("true", True),
    "GLM_LOG_CONTENT": ("1", True),
    "GLM_HTTP_TOKEN": ("sixteen-characters", "sixteen-characters"),
    "GLM_PUBLIC_URL": ("https://glm.example.org/mcp", "https://glm.example.org"),
    "GLM_ALLOWED_HOSTS": ("glm.example.org, 10.0.0.5", ("glm.example.org", "10.0.0.5")),
    "GLM_CACHE_DIR": ("/team/cache", Path("/team/cache")),
    "GLM_UPLOADS_MB": ("250", 250.0),
    "GLM_CONNECT_TOKEN": ("keyring:glm-mcp/me", "keyring:glm-mcp/me"),
    "GLM_SESSION_SECRET": ("thirty-two-characters-or-more-of-it", "thirty-two-characters-or-more-of-it"),
    "GLM_TOKENS_FILE": ("/team/tokens.toml", Path("/team/tokens.toml")),
    "GLM_OIDC_ISSUER": ("https://id.example.org/realms/glm", "https://id.example.org/realms/glm"),
    "GLM_OIDC_AUDIENCE": ("glm", "glm"),
    "GLM_OIDC_SCOPES": ("glm:use openid", ("glm:use", "openid")),
    "GLM_OIDC_NAME_CLAIM": ("email", "email"),
    "GLM_CALLER_KEYS": ("1", True),
    "GLM_API_KEYS": (f"{KEY},second-key-of-ours", (KEY, "second-key-of-ours")),
    "GLM_REDIS_URL": ("redis://:hunter2@redis.example:6379/1", "redis://:hunter2@redis.example:6379/1"),
    "GLM_METRICS_TOKEN": ("sixteen-characters", "sixteen-characters"),
    "GLM_DRAIN_S": ("20", 20.0),
    "GLM_LOG_FORMAT": ("JSON", "json"),
    "GLM_LOG_LEVEL": ("info", "info"),
}
WRONG = [
    ("GLM_BASE_URL", "openai"),
    ("GLM_BASE_URL", "ftp://example.org"),
    ("GLM_BASE_URL", "http://[::1"),
    ("GLM_BASE_URL", "https:///v1"),
    ("GLM_BASE_URL", "http://example.org:port/v1"),
    ("GLM_FALLBACK", "maybe"),
    ("GLM_THINKING", "sometimes"),
    ("GLM_LANG", "fr"),
    ("GLM_DEADLINE_S", "soon"),
    ("GLM_DEADLINE_S", "0"),
    ("GLM_DEADLINE_S", "nan"),
    ("GLM_DEADLINE_S", "3601"),
    ("GLM_MAX_CONCURRENCY", "2.5"),
    ("GLM_MAX_CONCURRENCY", "0"),
    ("GLM_MAX_VIDEO_MB", "inf"),
    ("GLM_MAX_VIDEO_MB", "-1"),
    ("GLM_STRUCTURED", "2"),
    ("GLM_DRAIN_S", "-1"),
    ("GLM_DRAIN_S", "nan"),
    ("GLM_LOG_FORMAT", "xml"),
    ("GLM_LOG_LEVEL", "loud"),
    ("GLM_TOOLS", "chat,paint"),
    ("GLM_TOOLS", ","),
    ("GLM_SIMULATE", "sure"),
    ("GLM_PUBLIC_URL", "glm.example.org"),
    ("GLM_PUBLIC_URL", "https://glm.example.org/team"),
    ("GLM_PUBLIC_URL", "https://glm.example.org$(id)"),
    ("GLM_PUBLIC_URL", 'https://glm.example.org"'),
    ("GLM_ALLOWED_HOSTS", "https://glm.example.org"),
    ("GLM_OIDC_ISSUER", "id.example.org"),
    ("GLM_OIDC_ISSUER", "http://id.example.org"),
    ("GLM_OIDC_SCOPES", 'a"b'),
    ("GLM_CALLER_KEYS", "some"),
    ("GLM_UPLOADS_MB", "0"),
]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home and a working folder of nobody, and no setting in the environment."""
    for name in [n for n in os.environ if n.startswith("GLM_") or n in KEY_NAMES]:
        monkeypatch.delenv(name)
    for name in ("XDG_CONFIG_HOME", "APPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return tmp_path / "home"


def plain(settings: Settings, field: str) -> Any:
    value = getattr(settings, field)
    if field == "more_keys":
        return tuple(key.get_secret_value() for key in value)
    return value.get_secret_value() if hasattr(value, "get_secret_value") else value


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_the_table_of_this_test_names_every_setting() -> None:
    assert set(GOOD) == {variable(field) for field in Settings.model_fields}


@each("field", Settings.model_fields)
def test_a_variable_is_read_and_is_no_default(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name = variable(field)
    given, expected = GOOD[name]
    assert plain(load(), field) != expected
    monkeypatch.setenv(name, given)
    assert plain(load(), field) == expected
    assert may_be(field)
    assert Settings.model_fields[field].description


@each("field", Settings.model_fields)
def test_a_settings_file_holds_the_same(field: str, tmp_path: Path) -> None:
    name = variable(field)
    given, expected = GOOD[name]
    path = write(tmp_path / "settings.env", f"# mine\nexport {name}='{given}'\n")
    assert plain(load(path), field) == expected


@each("field", Settings.model_fields)
def test_an_empty_variable_is_one_that_is_not_set(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for empty in ("", "  "):
        monkeypatch.setenv(variable(field), empty)
        assert load() == Settings()


@each(("name", "value"), WRONG)
def test_a_wrong_value_is_answered_with_its_name_what_it_was_and_what_it_may_be(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        load()
    field = next(f for f in Settings.model_fields if variable(f) == name)
    assert f"{name} is {value!r}; it may be {may_be(field)}" in caught.value.message


def test_all_wrong_values_are_named_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLM_LANG", "fr")
    monkeypatch.setenv("GLM_DEADLINE_S", "soon")
    with pytest.raises(ConfigError, match=r"GLM_LANG is 'fr'.*GLM_DEADLINE_S is 'soon'"):
        load()


@each(
    "name",
    [
        *("LANG", "TOOLS", "BASE_URL", "API_KEY", "THINKING", "SIMULATE", "STRUCTURED", "FALLBACK", "KEY"),
        *("OUTPUT_DIR", "ALLOWED_DIRS", "CHAT_MODEL", "HTTP_TOKEN", "OPENAI_API_KEY", "OPENAI_BASE_URL"),
        *("GLM_KEY", "GLM_MODEL", "lang", "tools", "base_url", "api_key", "simulate"),
    ],
)
def test_a_variable_that_is_none_of_ours_changes_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {**GOOD, "LANG": ("zh", 0)}.get(f"GLM_{name.upper()}", ("true-as-sixteen-characters", 0))[0]
    monkeypatch.setenv(name, given)
    assert load() == Settings()
    monkeypatch.delenv(name)
    file = write(tmp_path / "settings.env", f"{name}={given}\n")
    assert load(file) == Settings().read_from(file)


def test_the_names_of_the_key_are_read_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    assert KEY_NAMES[0] == "GLM_API_KEY"
    for name in reversed(KEY_NAMES):
        monkeypatch.setenv(name, f"id.{name}")
        assert load().key == f"id.{name}"


def test_an_empty_key_gives_way_to_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLM_API_KEY", " \n")
    monkeypatch.setenv("ZAI_API_KEY", KEY)
    assert load().key == KEY


@each("stray", [f"{KEY}\n", f" {KEY}", f"\t{KEY}\r\n"])
def test_white_space_around_a_secret_is_no_part_of_it(stray: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLM_API_KEY", stray)
    monkeypatch.setenv("GLM_HTTP_TOKEN", "sixteen-characters\n")
    settings = load()
    assert settings.key == KEY
    assert plain(settings, "http_token") == "sixteen-characters"


@each(
    "value",
    [
        "redis.example:6379",
        "http://hunter2",
        "redis:///hunter2",
        "unix://hunter2.sock",
        "redis://hunter 2",
        "redis://hunter:port",
        "redis://[hunter",
    ],
)
def test_an_address_of_redis_that_is_none_is_refused_and_not_shown(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLM_REDIS_URL", value)
    with pytest.raises(ConfigError, match="GLM_REDIS_URL is not usable; it may be redis://") as caught:
        load()
    assert "hunter" not in str(caught.value)


@each("name", ["GLM_API_KEY", "ZHIPUAI_API_KEY", "GLM_HTTP_TOKEN"])
@each("value", [f"{KEY} {KEY}", f"{KEY}\n{KEY}", f"你的密钥{KEY}"])
def test_a_secret_that_cannot_travel_in_a_header_is_refused_and_not_shown(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match="is not usable; it may be") as caught:
        load()
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["GLM_CHAT_MODEL", "GLM_VISION_MODEL", "GLM_BASE_URL", "GLM_OIDC_ISSUER", "GLM_REDIS_URL"]
)
def test_bytes_that_are_no_characters_are_refused_where_no_file_is_named(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLM_OUTPUT_DIR", "/folder-\udcff")
    assert load().output_dir == Path("/folder-\udcff")
    monkeypatch.setenv(name, "https://example.org/\udcff")
    with pytest.raises(ConfigError, match=name):
        load()


def test_a_short_token_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLM_HTTP_TOKEN", "hunter2")
    with pytest.raises(ConfigError, match="GLM_HTTP_TOKEN is not usable; it may be a word of 16") as caught:
        load()
    assert "hunter2" not in str(caught.value)


def test_a_key_in_the_wrong_variable_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLM_BASE_URL", KEY)
    with pytest.raises(ConfigError, match=r"GLM_BASE_URL is '\[key\]'") as caught:
        load()
    assert KEY not in str(caught.value)


def test_secrets_are_in_no_representation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLM_API_KEY", KEY)
    monkeypatch.setenv("GLM_HTTP_TOKEN", "sixteen-characters")
    settings = load()
    for text in (repr(settings), str(settings), settings.model_dump_json(), str(settings.model_dump())):
        assert KEY not in text
        assert "sixteen-characters" not in text


def test_names_may_be_written_large(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("GLM_THINKING", "True"), ("GLM_LANG", "EN"), ("GLM_BASE_URL", "ZAI")):
        monkeypatch.setenv(name, value)
    settings = load()
    assert (settings.thinking, settings.lang, settings.base_url) == ("true", "en", "zai")


def test_a_folder_may_be_given_from_home_or_from_the_working_folder(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLM_OUTPUT_DIR", "~/pictures")
    assert load().output_dir == home / "pictures"
    monkeypatch.setenv("GLM_OUTPUT_DIR", "made")
    assert load().output_dir == Path.cwd() / "made"


@pytest.mark.parametrize("below", ["", ".", ".config", "here/../.config"])
def test_a_file_in_the_working_folder_is_never_read(
    below: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", below)
    text = "GLM_BASE_URL=http://evil.example/v1\nGLM_SIMULATE=1\n"
    for name in (".env", "env", "glm-mcp/env", ".config/glm-mcp/env", "glm-mcp.env", ".env.local"):
        write(Path.cwd() / name, text)
    assert load() == Settings()


def test_the_users_own_file_is_read_and_the_environment_goes_before_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(user_folders().settings_file, f"GLM_API_KEY={KEY}\nGLM_LANG=zh\nGLM_TOOLS=chat\n")
    assert user_folders().settings_file.is_relative_to(home)
    monkeypatch.setenv("GLM_LANG", "en")
    settings = load()
    assert (settings.key, settings.lang, settings.tools) == (KEY, "en", ("chat",))


def test_a_file_that_is_named_replaces_the_users_own(tmp_path: Path) -> None:
    write(user_folders().settings_file, "GLM_LANG=zh\nGLM_TOOLS=chat\n")
    settings = load(write(tmp_path / "other.env", "GLM_LANG=en\n"))
    assert (settings.lang, settings.tools) == ("en", TOOLS)


def test_a_file_keeps_its_dollars_and_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = write(tmp_path / "settings.env", "\ufeffGLM_CHAT_MODEL=a${HOME}$b\n")
    assert load(path).chat_model == "a${HOME}$b"


def test_a_file_that_is_missing_or_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.env does not exist"):
        load(tmp_path / "nowhere.env")
    (tmp_path / "binary.env").write_bytes(b"GLM_LANG=\xff\xfe\n")
    with pytest.raises(ConfigError, match=r"binary\.env cannot be read"):
        load(tmp_path / "binary.env")


@each(
    "pasted",
    [
        f'"{KEY}"',
        f"GLM_API_KEY={KEY}",
        f"export GLM_API_KEY='{KEY}'",
        f"Bearer {KEY}",
        f"{KEY[:12]}\n{KEY[12:]}",
        f" “{KEY}” ",
    ],
)
def test_a_key_is_read_as_it_was_pasted(pasted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLM_API_KEY", pasted)
    assert load().key == KEY


@each(
    ("pasted", "expected"),
    [
        ('"zai"', "zai"),
        ("GLM_BASE_URL=zai", "zai"),
        ("export GLM_BASE_URL='https://glm.example/v1/ '", "https://glm.example/v1"),
        (" “https://glm.example/v1/chat/completions” ", "https://glm.example/v1"),
    ],
)
def test_an_endpoint_is_read_as_it_was_pasted(
    pasted: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLM_BASE_URL", pasted)
    assert load().base_url == expected


@pytest.mark.skipif(os.name == "nt", reason="a backslash parts folders there")
def test_a_folder_is_read_as_it_was_pasted(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = home / "my pictures"
    folder.mkdir(parents=True)
    shell = str(folder).replace(" ", "\\ ")
    for pasted in (f'"{folder}"', shell, f" '{shell}' ", f"GLM_OUTPUT_DIR={folder}"):
        monkeypatch.setenv("GLM_OUTPUT_DIR", pasted)
        assert load().output_dir == folder
    monkeypatch.setenv("GLM_ALLOWED_DIRS", os.pathsep.join([f'"{folder}"', shell]))
    assert load().allowed_dirs == (str(folder), str(folder))


@pytest.mark.skipif(os.name == "nt", reason="paths of POSIX")
@each("between", [",", ", ", ";", " ; "])
def test_folders_may_be_parted_as_other_lists_are(
    between: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, odd = (str(tmp_path / name) for name in ("one", "two three", "a,/b"))
    monkeypatch.setenv("GLM_ALLOWED_DIRS", between.join([one, two, "~/four"]))
    assert load().allowed_dirs == (one, two, "~/four")
    monkeypatch.setenv("GLM_ALLOWED_DIRS", f"{one}:{two}{between}{one}")
    assert load().allowed_dirs == (one, two, one)
    Path(odd).mkdir(parents=True)
    monkeypatch.setenv("GLM_ALLOWED_DIRS", odd)
    assert load().allowed_dirs == (odd,)
    monkeypatch.setenv("GLM_ALLOWED_DIRS", f"{one},two")  # a name may have a comma
    assert load().allowed_dirs == (f"{one},two",)


def test_settings_do_not_change_after_the_start() -> None:
    with pytest.raises(ValueError, match="frozen"):
        setattr(Settings(), "lang", "zh")  # noqa: B010 - what a type checker would not let pass


PLACEHOLDERS = [
    *("${GLM_API_KEY}", "${GLM_API_KEY:-}", "${env:GLM_API_KEY}", "${input:glm-api-key}", "$GLM_API_KEY"),
    *("$env:GLM_API_KEY", "%GLM_API_KEY%", "{{GLM_API_KEY}}", "{{ secrets.key }}", "${user_config.api_key}"),
    *(
        "<your-key>",
        "<your key>",
        "YOUR_API_KEY",
        "your-zhipu-api-key",
        "your.key.here",
        "your-token-goes-here",
    ),
    *("xxxx", "xxx.xxxx", "XXXXXXXXXXXXXXXXXXXX", "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"),
]
OF_A_TOKEN = [p for p in PLACEHOLDERS if len(p) >= 16]
# What a default in place of what was meant would do harm with, or mislead.
NEVER_LEFT = [
    variable(f) for f in Settings.model_fields if f not in ("api_key", "lang", "allowed_dirs", "output_dir")
]


@each("word", PLACEHOLDERS)
def test_what_only_holds_the_place_of_a_key_is_none(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLM_API_KEY", f" {word}\n")
    assert (load().key, load().placeholder) == (None, word)
    monkeypatch.setenv("ZHIPU_API_KEY", KEY)
    assert (load().key, load().placeholder) == (KEY, None)


def test_a_placeholder_gives_way_to_the_key_in_the_settings_file(monkeypatch: pytest.MonkeyPatch) -> None:
    write(user_folders().settings_file, f"GLM_API_KEY={KEY}\n")
    monkeypatch.setenv("GLM_API_KEY", "${GLM_API_KEY}")
    assert load().key == KEY


@each("key", [KEY, "sk-local", "EMPTY", "token-abc123", "my-key", "pa$$word", "$", "a${b}"])
def test_any_other_word_may_be_a_key(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLM_API_KEY", key)
    assert (load().key, load().placeholder) == (key, None)


@each("field", ["lang", "allowed_dirs", "output_dir", "api_key"])
def test_a_reference_that_the_host_left_as_it_was_sets_nothing(
    field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for reference in ("${user_config.value}", "${input:something-long}"):
        monkeypatch.setenv(variable(field), reference)
        settings = load()
        assert settings.key is None
        assert settings.model_copy(update={"api_key": None}) == Settings()


def test_an_endpoint_left_open_in_the_bundles_form_is_the_usual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLM_BASE_URL", "${user_config.base_url}")
    assert load() == Settings()


@each(
    ("name", "value"),
    [
        ("GLM_BASE_URL", "${CORP_GLM_URL}"),
        ("GLM_HTTP_TOKEN", "${GLM_HTTP_TOKEN_OF_OURS}"),
        ("GLM_FALLBACK", "$FALLBACK"),
        ("GLM_TOOLS", "${TOOLS}"),
        ("GLM_DEADLINE_S", "%DEADLINE%"),
    ],
)
def test_a_reference_is_an_error_where_the_default_could_do_harm(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=name):
        load()


@each("value", OF_A_TOKEN)
def test_what_only_holds_the_place_of_a_token_opens_no_server(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLM_HTTP_TOKEN", value)
    with pytest.raises(ConfigError, match="GLM_HTTP_TOKEN is not usable"):
        load()


def is_refused(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setenv(name, value)
    try:
        load()
    except ConfigError as error:
        return f"{name} is " in str(error)
    return False


@each("name", NEVER_LEFT)
def test_no_other_setting_takes_a_placeholder_for_its_value(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = [p for p in PLACEHOLDERS if (name, p) != ("GLM_BASE_URL", "${user_config.base_url}")]
    assert [value for value in tried if not is_refused(name, value, monkeypatch)] == []


@each(
    ("token", "good"),
    [
        ("abcXYZ019-._~+/abc==", True),
        ("a-token-of-enough-characters", True),
        ("$Tr0ubadour_secret_token_1", False),
        ("with:colons:and,commas:in", False),
        ("equals=in-the-middle-of-it", False),
        ('"quoted-in-the-middle"of-it', False),
        ("================", False),
    ],
)
def test_a_token_is_one_that_a_client_can_send(
    token: str, good: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLM_HTTP_TOKEN", token)
    if good:
        assert plain(load(), "http_token") == token
        return
    with pytest.raises(ConfigError, match="GLM_HTTP_TOKEN is not usable"):
        load()


@each(
    "value",
    [
        "https://someone:hunter2@glm.example/v1",
        "https://hunter2@glm.example/v1",
        "https://someone:hunter2/x@glm.example/v1",
        "https://someone:hunter2@glm.example/v1/chat/completions",
        "https://glm.example/v1?key=hunter2",
        "https://glm.example/v1#hunter2",
    ],
)
def test_a_login_in_the_address_is_refused_and_not_shown(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLM_BASE_URL", value)
    with pytest.raises(ConfigError, match="GLM_BASE_URL is 'https:") as caught:
        load()
    assert "hunter2" not in str(caught.value)


@each("name", ["GLM_BASE_URL", "GLM_PUBLIC_URL", "GLM_OIDC_ISSUER", "GLM_ALLOWED_HOSTS"])
@each("value", ["https://someone:hunter2@[::1", "someone:hunter2@glm.example"])
def test_a_login_in_no_address_is_shown(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=f"{name} is '") as caught:
        load()
    assert "hunter2" not in str(caught.value)


@each("name", ["GLM_OUTPUT_DIR", "GLM_CACHE_DIR", "GLM_TOKENS_FILE"])
def test_a_folder_in_the_home_of_nobody_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "~nobody-has-this-name/x")
    with pytest.raises(ConfigError, match=f"{name} is '~nobody-has-this-name/x'; it may be a f"):
        load()


@each("rest", ["", "/", "/chat/completions", "/chat/completions/", "//chat/completions"])
@each("base", ["https://open.bigmodel.cn/api/paas/v4", "http://127.0.0.1:8000/v1"])
def test_the_address_of_a_call_is_understood_as_its_base(
    base: str, rest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLM_BASE_URL", base + rest)
    assert load().base_url == base


@each("field", [f for f in Settings.model_fields if f != "allowed_dirs"])
def test_quotes_and_blanks_that_were_copied_along_are_no_part_of_a_value(
    field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    value, expected = GOOD[variable(field)]
    for form in ('"{}"', "'{}'", "“{}”", "`{}`", ' "{} " ', "\ufeff{}", "\u00a0{}\u200b", "\n{}\n"):
        monkeypatch.setenv(variable(field), form.format(value))
        assert (form, plain(load(), field)) == (form, expected)


def test_each_allowed_folder_may_be_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ('"/a b":"/c"', '"/a b:/c"', " '/a b' : /c ", '"/a b":/c'):
        monkeypatch.setenv("GLM_ALLOWED_DIRS", value.replace(":", os.pathsep))
        assert load().allowed_dirs == ("/a b", "/c")


def test_quotes_around_nothing_set_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Settings.model_fields:
        monkeypatch.setenv(variable(field), '""')
    assert load() == Settings()


@pytest.mark.skipif(os.name != "posix", reason="HOME is POSIX's")
@each("value", [".", "here", "./here/..", "~"])
def test_a_relative_home_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its settings file would be one of the folder that a client starts the server in."""
    write(Path.cwd() / ".config" / "glm-mcp" / "env", "GLM_BASE_URL=http://evil.example/v1\n")
    monkeypatch.setenv("HOME", value)
    with pytest.raises(ConfigError, match=r"HOME is .* a relative path|home folder is not known"):
        load()
