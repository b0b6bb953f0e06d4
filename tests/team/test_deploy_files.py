"""What is in `deploy/`, as far as it can be tried without a container engine: each file by the program that knows its form."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
import urllib.request
from pathlib import Path

import pytest
from support import haproxy
from support.nginx import adapted
from support.paths import ROOT
from support.processes import environment, over_http, ran
from support.team_programs import needed

from glm_mcp import __version__
from glm_mcp.settings import Settings, variable

DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
INSTALL_S = 150.0


def instructions(stage: str) -> list[tuple[str, str]]:
    """The instructions of a stage, in order; those that go over several lines as one."""
    text = re.sub(r"\\\n\s*", "", stage)
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


BUILD, RUN = (instructions(s) for s in re.split(r"^(?=FROM )", DOCKERFILE, flags=re.MULTILINE)[1:])


def test_nginx_takes_the_configuration_with_tls_too(tmp_path: Path) -> None:
    nginx = needed("nginx")
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=glm.test"]
    made = ran(["openssl", *words, "-keyout", str(key), "-out", str(certificate)], limit_s=30)
    assert made.returncode == 0, made.stderr
    for tls in (False, True):
        lines = [
            ("# listen 8443", "listen 8443"),
            ("# ssl_cert", "ssl_cert"),
            ("/etc/nginx/tls", str(tmp_path)),
        ]
        names = [(f"glm-{n}:8000", f"127.0.0.1:800{n}") for n in (1, 2)]
        file = adapted(tmp_path, [*(lines if tls else []), *names])
        done = ran([nginx, "-t", "-p", str(tmp_path), "-c", str(file), "-e", str(tmp_path / "errors")])
        assert done.returncode == 0, done.stderr
        assert "warn" not in done.stderr, done.stderr


def test_haproxy_takes_the_configuration_with_tls_too(tmp_path: Path) -> None:
    program = needed("haproxy")
    both = tmp_path / "glm.pem"
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=glm.test"]
    made = ran(["openssl", *words, "-keyout", str(both), "-out", str(tmp_path / "cert.pem")], limit_s=30)
    assert made.returncode == 0, made.stderr
    both.write_bytes(both.read_bytes() + (tmp_path / "cert.pem").read_bytes())
    tls = [("# bind :8443", "bind :8443"), ("/etc/haproxy/tls/glm.pem", str(both))]
    names = [(f"glm-{n}:8000", f"127.0.0.1:800{n}") for n in (1, 2)]
    for changes in (names, [*tls, *names]):
        done = ran([program, "-c", "-f", str(haproxy.adapted(tmp_path, changes))])
        assert done.returncode == 0, done.stderr
        assert "warn" not in done.stderr.lower(), done.stderr


def test_compose_takes_the_services(tmp_path: Path) -> None:
    needed("nginx")
    checker = Path(sys.executable).parent / "check-jsonschema"
    done = ran(
        [str(checker), "--builtin-schema", "vendor.compose-spec", str(DEPLOY / "compose.yaml")], limit_s=30
    )
    assert done.returncode == 0, done.stdout + done.stderr
    from ruamel.yaml import YAML

    services = YAML(typ="safe").load(DEPLOY / "compose.yaml")["services"]
    assert set(services) == {"glm-1", "glm-2", "redis", "nginx"}
    assert services["glm-1"] == services["glm-2"]
    replica = services["glm-1"]
    grace = float(replica["stop_grace_period"].removesuffix("s"))
    assert grace > float(replica["environment"]["GLM_DRAIN_S"])
    assert [name for name, service in services.items() if "ports" in service] == ["nginx"]
    known = {variable(field) for field in Settings.model_fields}
    example = re.findall(
        r"^#? ?(GLM_\w+)=", (DEPLOY / "team.env.example").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert {*replica["environment"], *example} <= known
    servers = re.findall(r"server (glm-\d):8000", (DEPLOY / "nginx.conf").read_text(encoding="utf-8"))
    assert servers == ["glm-1", "glm-2"]


def test_the_image_is_run_by_nobody_in_particular_and_holds_no_secret() -> None:
    assert dict(RUN)["USER"] == "glm"
    assert [word for word, _ in RUN].index("USER") < [word for word, _ in RUN].index("ENTRYPOINT")
    assert all("COPY . " not in f"{word} {rest}" for word, rest in (*BUILD, *RUN))
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert ignored[1] == "*"
    copied = {name for word, rest in BUILD if word == "COPY" for name in rest.split()[:-1]}
    assert {line[1:] for line in ignored if line.startswith("!")} == copied


@pytest.mark.timeout(240)
def test_the_steps_of_the_image_make_a_server_that_its_own_check_finds_alive(tmp_path: Path) -> None:
    """Each COPY and RUN of the first stage in a folder of its own; then the command and the check of the second."""
    needed("nginx")
    source, target = tmp_path / "src", tmp_path / "glm"
    source.mkdir()
    python = tmp_path / "base"  # stands for the image's own Python, which has pip
    assert ran([sys.executable, "-m", "venv", str(python)], limit_s=60).returncode == 0
    env = {**environment(tmp_path / "home"), "PATH": f"{python}/bin:/usr/bin:/bin"}
    for word, rest in BUILD:
        rest = rest.replace("/opt/glm", str(target))  # noqa: PLW2901
        if word == "COPY":
            *names, to = rest.split()
            for name in names:
                if (ROOT / name).is_dir():
                    shutil.copytree(ROOT / name, source / to, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy(ROOT / name, source / to)
        elif word == "RUN":
            done = ran(["sh", "-ec", rest], env, source, limit_s=INSTALL_S)
            assert done.returncode == 0, f"{rest}\n{done.stdout}{done.stderr}"
    shutil.rmtree(source)  # what the second stage does not have
    command, given = json.loads(dict(RUN)["ENTRYPOINT"]), json.loads(dict(RUN)["CMD"])
    said = ran([str(target / "bin" / command[0]), "--version"], env, tmp_path, limit_s=60)
    assert __version__ in said.stdout
    assert not (target / "bin" / "pip").exists()
    assert given[:2] == ["serve", "--http"]
    check = json.loads(re.search(r"CMD (\[.*\])", dict(RUN)["HEALTHCHECK"]).group(1))  # type: ignore[union-attr]
    env |= {"GLM_SIMULATE": "1", "PATH": f"{target}/bin:{env['PATH']}"}
    with over_http(env, tmp_path) as (url, _):
        with urllib.request.urlopen(f"{url}/healthz", timeout=60) as answer:  # noqa: S310 - an address of this test
            assert json.load(answer)["status"] == "ok"
        alive = [words.replace("127.0.0.1:8000", url.removeprefix("http://")) for words in check]
        assert ran([str(target / "bin" / "python"), *alive[1:]], env, tmp_path).returncode == 0
    assert ran([str(target / "bin" / "python"), *alive[1:]], env, tmp_path).returncode != 0, shlex.join(alive)
    size = sum(f.stat().st_size for f in target.rglob("*") if f.is_file() and not f.is_symlink())
    assert size < 600 * 1024 * 1024, "what is installed, in bytes"
