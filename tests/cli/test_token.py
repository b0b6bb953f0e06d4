"""`glm-mcp token`, as whoever runs a team's server uses it."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

import anyio
import pytest
from click.testing import CliRunner
from support.processes import COMMAND, environment, over_http, ran
from support.served import asked

from glm_mcp.cli import main
from glm_mcp.server.http.auth.tokens import LARGEST, digest, parse, well_formed
from glm_mcp.simulator import Simulator


def run(folder: Path, *args: str, **variables: str) -> subprocess.CompletedProcess[str]:
    done = ran([*COMMAND, *args], environment(folder / "home", None, **variables), folder)
    assert "Traceback" not in done.stderr
    return done


def usual(folder: Path) -> Path:
    return folder / "home" / ".config" / "glm-mcp" / "tokens.toml"


def test_a_token_is_shown_once_with_the_line_that_uses_it_and_kept_as_a_hash(tmp_path: Path) -> None:
    done = run(tmp_path, "token", "add", "ada", GLM_PUBLIC_URL="https://glm.example.com")
    assert done.returncode == 0
    token = done.stdout.splitlines()[0]
    assert well_formed(token)
    assert (
        "claude mcp add --transport http glm https://glm.example.com/mcp "
        f'--header "Authorization: Bearer {token}"\n'
    ) in done.stdout
    kept = usual(tmp_path).read_text(encoding="utf-8")
    assert token not in kept
    assert parse(kept).by_hash[digest(token)].caller.name == "ada"
    listed = run(tmp_path, "token", "list").stdout
    assert re.match(r"ada +all tools; since \d{4}-\d\d-\d\d\n", listed)
    assert token not in listed
    assert digest(token) not in listed
    if os.name == "posix":
        assert usual(tmp_path).stat().st_mode & 0o777 == 0o600


@pytest.mark.anyio
async def test_what_is_given_and_taken_back_counts_at_once_for_a_server_that_runs(
    sim: Simulator, tmp_path: Path
) -> None:
    ada = run(tmp_path, "token", "add", "ada").stdout.splitlines()[0]
    with (
        anyio.fail_after(60),
        over_http(environment(tmp_path / "home", sim), tmp_path, ["--host", "0.0.0.0"]) as (address, _),
    ):
        url = address.replace("0.0.0.0", "127.0.0.1")
        assert (await asked(url)).status_code == 401
        assert (await asked(url, ada)).status_code == 200
        bob = run(tmp_path, "token", "add", "bob").stdout.splitlines()[0]
        while (await asked(url, bob)).status_code != 200:
            pass
        run(tmp_path, "token", "revoke", "ada")
        while (await asked(url, ada)).status_code != 401:
            pass
        assert (await asked(url, bob)).status_code == 200


def test_tools_limits_and_expiry_are_kept_and_shown(tmp_path: Path) -> None:
    limits = ("--per-minute", "60", "--at-once", "4", "--tokens-per-day", "2000000")
    done = run(tmp_path, "token", "add", "ada", "--tools", "chat,read_document", *limits, "--expires", "30d")
    assert done.returncode == 0
    row = tomllib.loads(usual(tmp_path).read_text(encoding="utf-8"))["tokens"]["ada"]
    assert row["tools"] == ["chat", "read_document"]
    assert (row["per_minute"], row["at_once"], row["tokens_per_day"]) == (60, 4, 2_000_000)
    assert (row["expires"] - row["created"]).days == 30
    listed = run(tmp_path, "token", "list").stdout
    for word in (
        "chat, read_document",
        "60 calls a minute",
        "4 at once",
        "2,000,000 tokens a day",
        "expires",
    ):
        assert word in listed


def test_a_command_that_is_named_has_the_same_settings_file(tmp_path: Path) -> None:
    file = tmp_path / "team.env"
    file.write_text(f"GLM_TOKENS_FILE={tmp_path / 'team.toml'}\n", encoding="utf-8")
    for option in (("--env-file", str(file)), (f"--env-file={file}",)):
        said = run(tmp_path, *option, "token", "revoke", "ada").stderr
        assert f"--env-file {file} token list` shows who has." in said


def test_a_command_that_is_named_has_the_same_file_of_tokens(tmp_path: Path) -> None:
    file = tmp_path / "our team.toml"
    for option in (("--file", str(file)), (f"--file={file}",)):
        assert f"token --file '{file}' add NAME" in run(tmp_path, "token", *option, "list").stdout
        assert f"token --file '{file}' list` shows" in run(tmp_path, "token", *option, "revoke", "x").stderr
    file.write_text("tokens = 1", encoding="utf-8")
    assert f"token --file '{file}' add NAME" in run(tmp_path, "token", "--file", str(file), "list").stderr


def test_an_expired_token_is_listed_as_one(tmp_path: Path) -> None:
    path = tmp_path / "tokens.toml"
    path.write_text(f'[tokens.ada]\nsha256 = "{digest("x")}"\nexpires = 2020-01-31\n', encoding="utf-8")
    listed = run(tmp_path, "token", "--file", str(path), "list").stdout
    assert "EXPIRED 2020-01-31 00:00 UTC" in listed


def test_a_revoked_token_is_gone_and_what_others_wrote_stays(tmp_path: Path) -> None:
    path = tmp_path / "team" / "tokens.toml"
    chosen = {"GLM_TOKENS_FILE": str(path)}
    run(tmp_path, "token", "add", "ada", **chosen)
    run(tmp_path, "token", "add", "bob@example.org", **chosen)
    path.write_text(path.read_text(encoding="utf-8") + "# bob is a robot\n", encoding="utf-8")
    done = run(tmp_path, "token", "revoke", "ADA", **chosen)
    assert done.returncode == 0
    kept = path.read_text(encoding="utf-8")
    assert [h.caller.name for h in parse(kept).by_hash.values()] == ["bob@example.org"]
    assert "# bob is a robot" in kept
    again = run(tmp_path, "token", "revoke", "ada", **chosen)
    assert again.returncode == 1
    assert again.stderr.startswith("not_found: nobody called 'ada' has a token.")
    assert "token list` shows who has." in again.stderr
    assert not usual(tmp_path).exists()


@pytest.mark.parametrize("limit", ["--per-minute", "--at-once", "--tokens-per-day"])
def test_a_limit_beyond_what_the_file_may_hold_is_refused(
    limit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restored: None
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    path = tmp_path / "tokens.toml"
    added = ["token", "--file", str(path), "add", "ada", limit]
    done = CliRunner().invoke(main.cli, [*added, str(LARGEST + 1)])
    assert done.exit_code == 2
    assert limit in done.stderr
    assert not path.exists()
    assert CliRunner().invoke(main.cli, [*added, str(LARGEST)]).exit_code == 0


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (("two words",), "is no name for a token"),
        (("../ada",), "is no name for a token"),
        (("",), "is no name for a token"),
        (("a" * 65,), "is no name for a token"),
        (("eve", "--expires", "2020-01-01"), "which is over"),
        (("eve", "--expires", "tomorrow"), "It is a time to come"),
        (("eve", "--expires", "9999-12-31T23:59:59-23:59"), "It is a time to come"),
        (("eve", "--expires", "0d"), "which is over"),
        (("eve", "--tools", "chat,paint"), "no tool is called 'paint'"),
        (("eve", "--tools", ","), "no tool is named"),
        (("ada",), "ada has a token already"),
        (("Ada",), "Ada has a token already"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    args: tuple[str, ...], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restored: None
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    path = tmp_path / "tokens.toml"
    before = f'[tokens.ada]\nsha256 = "{digest("x")}"\n'
    path.write_text(before, encoding="utf-8")
    done = CliRunner().invoke(main.cli, ["token", "--file", str(path), "add", *args])
    assert done.exit_code == 1
    assert why in done.stderr
    assert done.stdout == ""
    assert path.read_text(encoding="utf-8") == before


def test_a_file_that_is_no_list_of_tokens_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "tokens.toml"
    path.write_text("[tokens\n", encoding="utf-8")
    done = run(tmp_path, "token", "--file", str(path), "add", "ada")
    assert done.returncode == 1
    assert done.stderr.startswith("config: the file of tokens")
    assert path.read_text(encoding="utf-8") == "[tokens\n"
    nowhere = run(tmp_path, "token", "--file", str(path / "below"), "add", "ada")
    assert nowhere.returncode == 1
    assert "Traceback" not in nowhere.stderr


def test_a_file_that_an_editor_began_with_a_byte_order_mark_is_read_and_added_to(tmp_path: Path) -> None:
    path = tmp_path / "tokens.toml"
    path.write_text(f'\ufeff[tokens.ada]\r\nsha256 = "{digest("x")}"\r\n', encoding="utf-8", newline="")
    path.chmod(0o600)
    assert run(tmp_path, "token", "--file", str(path), "add", "bob").returncode == 0
    assert re.findall(r"(?m)^(\w+) ", run(tmp_path, "token", "--file", str(path), "list").stdout) == [
        "ada",
        "bob",
    ]


def test_without_any_token_it_says_how_to_give_one(tmp_path: Path) -> None:
    done = run(tmp_path, "token", "list")
    assert done.returncode == 0
    assert "glm-mcp token add NAME" in done.stdout
