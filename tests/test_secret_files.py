"""Files that hold secrets stay closed: by their names, and by the text in them as it would go out."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from email.message import EmailMessage

import pytest
from support.cases import each
from support.connect import Connect
from support.made_documents import docx, odt, para, pdf, text_at, zipped
from support.made_outlook import compound, message
from support.made_outlook import text as outlook_text
from support.toolkit import chats, fail, last, say

from glm_mcp.secret_texts import secret_in
from glm_mcp.server.app import Folders
from glm_mcp.simulator import Simulator

pytestmark = pytest.mark.anyio

# Not one of them is a key of anybody.
BODY = base64.b64encode(bytes(range(48))).decode()
HEADER, FOOTER = "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"
X = "a" * 43
KEY = f"{HEADER}\n{BODY}\n{FOOTER}\n"
CERTIFICATE = f"-----BEGIN CERTIFICATE-----\n{BODY}\n-----END CERTIFICATE-----\n"
AWS_ROW = (
    "Access key ID,Secret access key\r\nAKIAIOSFODNN7EXAMPLE,wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\r\n"
)
AWS = "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n"
WIREGUARD = f"[Interface]\nPrivateKey = {base64.b64encode(bytes(32)).decode()}\n"
KUBERNETES = f"users:\n- user:\n    client-key-data: {BODY}\n"
JWK = json.dumps({"kty": "EC", "crv": "P-256", "x": "a" * 43, "y": "b" * 43, "d": "c" * 43}, indent=1)

NAMES = (
    *("kubeconfig", "kubeconfig.yaml", "prod.kubeconfig", "terraform.tfstate", "terraform.tfstate.backup"),
    *(
        "prod.tfvars",
        "prod.auto.tfvars.json",
        "credentials",
        "Credentials.json",
        "client_secret_123.apps.json",
    ),
    *(
        "client_secrets.json",
        "netrc",
        "npmrc",
        "pgpass",
        "wg0.conf",
        "secrets.yaml",
        "secrets.yml",
        "server.pem",
        "credentials.json.bak",
        "kubeconfig~",
        "credentials (1).json",
        "accessKeys - Copy (2).csv",
        "rootkey(2).csv",
        "kubeconfig copy.yaml",
        "kubeconfig.2024-11-30",
    ),
)


@each("name", NAMES)
async def test_a_file_named_like_a_secret_is_read_only_when_the_settings_have_it_by_name(
    connect: Connect, folders: Folders, name: str
) -> None:
    (folders.cwd / name).write_text("nothing in here", "utf-8")
    async with connect() as client:
        text = await fail(client, "read_document", documents=name)
    assert text.startswith("forbidden_path: ")
    assert "GLM_ALLOWED_DIRS" in text
    async with connect(GLM_ALLOWED_DIRS=str(folders.cwd)) as client:
        assert (await fail(client, "read_document", documents=name)).startswith("forbidden_path: ")
    async with connect(GLM_ALLOWED_DIRS=str(folders.cwd / name)) as client:
        assert "nothing in here" in await say(client, "read_document", documents=name)


@pytest.mark.skipif(os.name == "nt", reason="links as POSIX has them")
async def test_another_name_for_such_a_file_does_not_open_it(connect: Connect, folders: Folders) -> None:
    (folders.cwd / "secrets.yaml").write_text("a: b", "utf-8")
    (folders.cwd / "plain.txt").symlink_to("secrets.yaml")
    async with connect() as client:
        assert (await fail(client, "read_document", documents="plain.txt")).startswith("forbidden_path: ")


async def test_a_certificate_is_read_and_with_its_private_key_it_is_not(
    connect: Connect, folders: Folders
) -> None:
    (folders.cwd / "chain.pem").write_text(CERTIFICATE * 2, "utf-8")
    (folders.cwd / "both.pem").write_text(CERTIFICATE + KEY, "utf-8")
    async with connect() as client:
        assert "BEGIN CERTIFICATE" in await say(client, "read_document", documents="chain.pem")
        text = await fail(client, "read_document", documents="both.pem")
    assert text.startswith("forbidden_path: both.pem holds a private key")


@each(
    "text", [AWS, AWS_ROW, WIREGUARD, KUBERNETES, JWK], ids=["aws", "aws row", "wireguard", "cluster", "jwk"]
)
async def test_a_login_in_an_ordinary_file_is_refused_unless_the_settings_have_that_file(
    connect: Connect, sim: Simulator, folders: Folders, text: str
) -> None:
    (folders.cwd / "notes.txt").write_text(f"# notes\n{text}", "utf-8")
    async with connect() as client:
        refused = await fail(client, "read_document", documents="notes.txt")
        attached = await fail(client, "chat", prompt="?", files="notes.txt")
    assert refused.startswith("forbidden_path: notes.txt holds ")
    assert attached.startswith("forbidden_path: notes.txt holds ")
    assert not chats(sim)
    async with connect(GLM_ALLOWED_DIRS=str(folders.cwd / "notes.txt")) as client:
        assert "# notes" in await say(client, "read_document", documents="notes.txt")


def _mail(text: str) -> bytes:
    held = base64.b64encode(text.encode()).decode()
    return f"Subject: a\nContent-Transfer-Encoding: base64\n\n{held}\n".encode()


KINDS: dict[str, Callable[[str], bytes]] = {
    "a.docx": lambda text: docx("".join(para(line) for line in text.splitlines())),
    "b.docx": lambda text: docx(
        "".join(
            "<w:p>" + "".join(f"<w:r><w:t xml:space='preserve'>{c}</w:t></w:r>" for c in line) + "</w:p>"
            for line in text.splitlines()
        )
    ),
    "a.html": lambda text: "".join(
        f"<p>{line.replace(' ', '&nbsp;')}</p>" for line in text.splitlines()
    ).encode(),
    "b.html": lambda text: (
        text.replace("PRIVATE", "PRI<b>VA</b>TE").replace("secret", "sec<i></i>ret").encode()
    ),
    "a.ipynb": lambda text: json.dumps(
        {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": {},
            "cells": [{"cell_type": "markdown", "metadata": {}, "source": list(text)}],
        }
    ).encode(),
    "a.eml": _mail,
    "a.rtf": lambda text: (
        r"{\rtf1\ansi "
        + text.replace("\n", r"\line ").replace("PRIVATE", r"PRI\b VATE\b0 ").replace("_", r"\'5f")
        + "}"
    ).encode(),
    "a.pdf": lambda text: pdf([text_at(50, 700 - 20 * n, line) for n, line in enumerate(text.splitlines())]),
    "b.pdf": lambda text: pdf([text_at(50, 700, "x")]).replace(
        b"xref\n0",
        b"99 0 obj\n<< /Parent 98 0 R /Title <%s> >>\nendobj\nxref\n0" % text.encode("utf-16").hex().encode(),
    ),
    "a.zip": lambda text: zipped(
        {"inner.html": text.replace("BEGIN", "BE<b>GIN</b>").replace("access", "ac<b></b>cess")}
    ),
    "a.ods": lambda text: odt(
        "".join(f'<table:table table:name="{name}"/>' for name in ("1", text.replace("\n", "&#10;"))),
        kind="spreadsheet",
    ),
    "b.ods": lambda text: odt(
        "<table:table table:name='1'><table:table-row>"
        + "".join(f"<table:table-cell><text:p>{word}</text:p></table:table-cell>" for word in text.split(" "))
        + "</table:table-row></table:table>",
        kind="spreadsheet",
    ),
    "wrapped.txt": lambda text: text.replace(" ", "\n> ").encode(),
}


@each("name", [*KINDS])
@each("secret", [KEY, AWS], ids=["key", "aws"])
async def test_a_secret_within_a_document_is_seen_in_the_text_that_would_go_out(
    connect: Connect, sim: Simulator, folders: Folders, name: str, secret: str
) -> None:
    (folders.cwd / name).write_bytes(KINDS[name](f"Dear all,\n{secret}"))
    async with connect() as client:
        text = await fail(client, "read_document", documents=name)
        asked = await fail(client, "read_document", documents=name, prompt="What is in it?")
        attached = await fail(client, "chat", prompt="?", files=name)
    for said in (text, asked, attached):
        assert said.startswith(f"forbidden_path: {name} holds "), said
        assert BODY not in said
    assert not chats(sim)


async def test_the_page_on_which_a_key_ends_is_not_read_either(
    connect: Connect, sim: Simulator, folders: Folders
) -> None:
    begins, ends = KEY.splitlines()[:2], KEY.splitlines()[2:]
    pages = ["\n".join(text_at(50, 700 - 20 * n, line) for n, line in enumerate(p)) for p in (begins, ends)]
    (folders.cwd / "two.pdf").write_bytes(pdf(pages))
    async with connect() as client:
        for page in ("1", "2"):
            said = await fail(client, "read_document", documents="two.pdf", pages=page)
            assert said.startswith("forbidden_path: two.pdf holds a private key"), said
    assert not chats(sim)


@each("secret", [KEY, AWS], ids=["key", "aws"])
async def test_a_secret_in_the_name_of_a_sheet_or_a_file_is_not_told_where_another_page_is_asked_for(
    connect: Connect, sim: Simulator, folders: Folders, secret: str
) -> None:
    named = " ".join(secret.split())
    sheets = "".join(f'<table:table table:name="{name}"/>' for name in ("1", named))
    (folders.cwd / "a.ods").write_bytes(odt(sheets, kind="spreadsheet"))
    (folders.cwd / "a.zip").write_bytes(zipped({f"{named}/a.txt": "see below", "b.txt": "below"}))
    async with connect() as client:
        for name in ("a.ods", "a.zip"):
            for asks in ({}, {"prompt": "What is in it?"}):
                said = await fail(client, "read_document", documents=name, pages="another", **asks)
                assert said.startswith(f"forbidden_path: {name} holds "), said
                assert secret.rsplit(maxsplit=1)[-1] not in said
    assert not chats(sim)


def _with_attached(name: str, text: str) -> bytes:
    mail = EmailMessage()
    mail["Subject"] = "a"
    mail.set_content("see below")
    mail.add_attachment(text.encode(), "text", "plain", filename=name)
    return mail.as_bytes()


def _of_outlook(name: str, words: str) -> bytes:
    held = {"__substg1.0_37010102": words.encode(), **outlook_text("3707", name)}
    held |= {"__properties_version1.0": bytes(8), **outlook_text("370E", "text/plain")}
    body = outlook_text("1000", "see below")
    return compound(message({**body, "__attach_version1.0_#00000000": held}))


WITHIN: dict[str, Callable[[str, str], bytes]] = {
    "a.zip": lambda name, text: zipped({name: text, "b.txt": "see below"}),
    "b.zip": lambda name, text: zipped({"in.zip": zipped({name: text, "b.txt": "see below"})}),
    "a.eml": _with_attached,
    "a.msg": _of_outlook,
}


@each("kind", [*WITHIN])
@each(
    "name",
    [
        *(".env", "prod/.ENV.local", "home\\.aws\\config.txt", ".netrc", "\uff0eenv", "login.env"),
        *("kubeconfig", "live/prod.tfstate", "credentials.json", "Secrets.yaml.bak", "npmrc"),
    ],
)
async def test_a_file_named_as_a_secret_is_not_read_within_another(
    connect: Connect, folders: Folders, kind: str, name: str
) -> None:
    (folders.cwd / kind).write_bytes(WITHIN[kind](name, "TOKEN=of-nobody"))
    (folders.cwd / f"x-{kind}").write_bytes(WITHIN[kind]("env.txt", "TOKEN=of-nobody"))
    async with connect() as client:
        said = await say(client, "read_document", documents=kind)
        plain = await say(client, "read_document", documents=f"x-{kind}")
    assert "see below" in said
    assert "not read" in said
    assert "of-nobody" not in said
    assert "of-nobody" in plain


async def test_a_certificate_is_read_within_an_archive_and_a_key_beside_it_is_not(
    connect: Connect, folders: Folders
) -> None:
    (folders.cwd / "a.zip").write_bytes(zipped({"chain.pem": CERTIFICATE}))
    (folders.cwd / "b.zip").write_bytes(zipped({"chain.pem": CERTIFICATE + KEY}))
    async with connect() as client:
        assert "BEGIN CERTIFICATE" in await say(client, "read_document", documents="a.zip")
        text = await fail(client, "read_document", documents="b.zip")
    assert text.startswith("forbidden_path: b.zip holds a private key")


async def test_a_page_of_the_web_that_shows_a_key_is_no_secret_of_this_machine(
    connect: Connect, sim: Simulator
) -> None:
    url = "data:text/plain;base64," + base64.b64encode(KEY.encode()).decode()
    async with connect() as client:
        await say(client, "chat", prompt="?", files=url)
    assert HEADER in last(sim).text


@each(
    "text",
    [
        "Set aws_secret_access_key to the value that the console shows.",
        "session = Session(aws_secret_access_key=os.environ['AWS_SECRET_ACCESS_KEY'])",
        "| aws_secret_access_key | the secret key of the account |",
        "PrivateKey = load_key(path)",
        "client-key-data: the client's key, in base64",
        "aws_secret_access_key: the key that AWS gave you in step 12 of chapter 4b when you made it",
        "| aws_secret_access_key | = | as the console shows it |",
        f'{{"keys": [{{"kty": "EC", "crv": "P-256", "x": "{X}", "y": "{X}"}}]}}',
        '{"kty": "of what kind", "d": "short"}',
        CERTIFICATE,
        "the words begin private key, and dashes - like this - beside them",
    ],
)
def test_words_about_secrets_are_none(text: str) -> None:
    assert secret_in(text) == ""


_AWS, _CLUSTER = AWS.rsplit(maxsplit=1)[-1], KUBERNETES.rsplit(maxsplit=1)[-1]


@each(
    "text",
    [
        *(
            f"aws_**secret_access**_key = {_AWS}",
            f"aws_secret_access_key = {_AWS[:4]}~~{_AWS[4:9]}~~{_AWS[9:]}",
        ),
        *(f"aws_secret_access_key = ~~{_AWS}and what follows~~", f"| aws_secret_access_key | = | {_AWS} |"),
        *(f"aws_secret_access_key\uff1a\u201c{_AWS}\u201d", f"aws_secret_\naccess_key: {_AWS}"),
        f"aws_secret_access_key = {_AWS[:8]} {_AWS[8:20]}\n\n{_AWS[20:33]} {_AWS[33:]}\n",
        *(
            f"client-`key-data`: {_CLUSTER}",
            f"client-key-data: {_CLUSTER[:5]}**{_CLUSTER[5:9]}**{_CLUSTER[9:]}",
        ),
        *(f"client\u2011key\u2011data: {_CLUSTER}", f"| client-key-data | : | {_CLUSTER} |"),
        *(WIREGUARD[:30] + "\n" + WIREGUARD[30:], WIREGUARD[:40] + "^2^" + WIREGUARD[41:]),
        JWK.replace('": "', "\u201d: \u201c").replace('"', "\u201d"),
        *(f"http://a.example/aws_secret_access_key%20%3D%20{_AWS}", f"?client-key-data%3a{_CLUSTER}"),
        "https://a.example/?key=-----BEGIN%20PRIVATE%20KEY-----%0AMII",
        "https://a.example/?key=%2D%2D%2D%2D%2DBEGIN%20PRIVATE%20KEY%2D%2D%2D%2D%2D",
        *("-----BEGIN ~~PRIVATE~~ KEY-----", "-----BEGIN PRI^VATE KEY^-----"),
    ],
)
def test_a_secret_is_seen_however_a_document_sets_its_letters(text: str) -> None:
    assert secret_in(text)


@each("at", [0, (1 << 18) - 10, (1 << 18) + 5, 900_000])
def test_a_secret_anywhere_in_a_long_text_is_seen(at: int) -> None:
    for secret in (KEY, AWS, WIREGUARD, KUBERNETES, JWK):
        assert secret_in(" " * at + "\n" + secret + "x" * 50)


def test_a_hostile_text_takes_no_longer_than_its_length() -> None:
    for unit in (
        '{"kty": "',
        "-----BEGIN ",
        "aws_secret_access_key" + " " * 50,
        "{" + "a" * 15_990,
        "PrivateKey = ",
        "PrivateKey" + "= " * 40,
        "aws_secret_access_key = = =" + " " * 120,
        "aws_secret_access_key = a1b " + "a " * 30,
    ):
        assert secret_in(unit * (2_000_000 // len(unit))) == ""
