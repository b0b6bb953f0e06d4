"""Which addresses may be fetched, and odd names: pure decisions."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cases import each

from glm_mcp.errors import ForbiddenURL
from glm_mcp.media.sources.urls import address_allowed, host_of, parse_public_url
from glm_mcp.secret_paths import is_secret, windows_trouble
from glm_mcp.secret_texts import secret_in

PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "240.0.0.1",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2001:0:1::1",
    "2001:db8::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "2606:4700::5efe:7f00:1",
    "not an address",
    "",
]


@each("address", PRIVATE)
def test_private_reserved_and_metadata_addresses_are_closed(address: str) -> None:
    assert not address_allowed(address)


@each(
    "address",
    [
        "1.1.1.1",
        "8.8.8.8",
        "172.32.0.1",
        "100.128.0.1",
        "2606:4700::1111",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
    ],
)
def test_public_addresses_are_open(address: str) -> None:
    assert address_allowed(address)


@given(st.integers(0, 2**32 - 1))
def test_no_address_that_python_calls_private_is_open_in_any_wrapping(number: int) -> None:
    plain = ipaddress.IPv4Address(number)
    wrapped = [
        f"::ffff:{plain}",
        str(ipaddress.IPv6Address((0x64FF9B << 96) + number)),
        str(ipaddress.IPv6Address((0x2002 << 112) + (number << 80))),
    ]
    if plain.is_private or plain.is_multicast or plain.is_reserved:
        assert not address_allowed(plain)
    assert all(address_allowed(text) is address_allowed(plain) for text in wrapped)


@each(
    "url",
    [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://017700000001/",
        "http://127.0.0.1./",
        "http://１２７.０.０.１/",
        "http://127。0。0。1/",
        "http://[::1]/",
        "http://[::ffff:7f00:1]/",
        "http://[fe80::1%25eth0]/",
        "http://0/",
        "http://169.254.169.254/latest/meta-data/",
        "http://2852039166/",
        "http://localhost/",
        "http://LOCALHOST:80/",
        "http://a.localhost./",
        "http://metadata.google.internal/",
        "http://printer.local/",
        "http://intranet/",
        "http://256.1.1.1/",
        "http://1.2.3.4.5/",
        "http://user:password@example.com/a.png",
        "http://user@example.com/",
        "http://example.com\\@127.0.0.1/",
        "http://example.com:0/",
        "http://example.com:99999/",
        "http://exa mple.com/",
        "http://example.com/\r\nHost: x",
        "http://exam%70le.com/",
        "http:///a.png",
        "http://./",
        "http://example.com/\ud800",
        "http://a..b.com/",
        "http://[::1/",
        "http://" + "a" * 64 + ".com/",
        "ftp://example.com/a",
        "file:///etc/passwd",
        "gopher://example.com/",
        "javascript:alert(1)",
        "example.com/a.png",
        "http://example.com/" + "a" * 9000,
        "",
    ],
)
def test_urls_that_lead_inside_or_are_malformed_are_refused(url: str) -> None:
    with pytest.raises(ForbiddenURL):
        parse_public_url(url)


@each(
    ("url", "said"),
    [
        ("https://example.com/a.png", "https://example.com/a.png"),
        ("HTTPS://EXAMPLE.com:443/A.png?x=1&y=%20#part", "https://example.com/A.png?x=1&y=%20"),
        ("http://example.com.:8080", "http://example.com:8080/"),
        ("http://bücher.example.com/ü.png", "http://xn--bcher-kva.example.com/%C3%BC.png"),
        ("http://0x08.8.8.8/", "http://8.8.8.8/"),
        ("http://[2606:4700:0:0::1111]:81/", "http://[2606:4700::1111]:81/"),
        ("https://cdn.example.com/s?X-Sig=a/b%2Bc==&e=1", "https://cdn.example.com/s?X-Sig=a/b%2Bc==&e=1"),
    ],
)
def test_public_urls_are_written_anew_in_one_spelling(url: str, said: str) -> None:
    assert str(parse_public_url(url)) == said


def test_the_endpoints_own_host_is_excepted_by_exact_host_and_port() -> None:
    assert parse_public_url("http://127.0.0.1:9999/a", own_host="127.0.0.1:9999").own
    assert parse_public_url("http://localhost:9999/a", own_host="LOCALHOST:9999").own
    assert parse_public_url("https://glm.internal/a", own_host="glm.internal:443").own
    for url in ("http://127.0.0.1:9998/", "http://127.0.0.2:9999/", "http://127.0.0.1/"):
        with pytest.raises(ForbiddenURL):
            parse_public_url(url, own_host="127.0.0.1:9999")


@each(
    ("base", "host"),
    [
        ("https://open.bigmodel.cn/api/paas/v4", "open.bigmodel.cn:443"),
        ("http://localhost:8000/v1", "localhost:8000"),
        ("http://[::1]/v1", "::1:80"),
        ("nonsense", ""),
        ("http://a:b", ""),
    ],
)
def test_the_endpoints_host_is_taken_from_its_base_url(base: str, host: str) -> None:
    assert host_of(base) == host
    if host:
        assert parse_public_url(base, own_host=host_of(base)).own


def test_a_refusal_shows_neither_login_nor_query() -> None:
    with pytest.raises(ForbiddenURL) as caught:
        parse_public_url("http://bob:hunter2@example.com/a?token=abc")
    assert "hunter2" not in str(caught.value)
    assert "abc" not in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_after_the_scheme_is_a_public_url_or_refused(text: str) -> None:
    try:
        url = parse_public_url("http://" + text)
    except ForbiddenURL:
        return
    assert str(parse_public_url(str(url))) == str(url)
    assert url.literal is None or address_allowed(url.literal)


@each(
    "path",
    ["\\\\server\\share\\a.png", "//server/share", "\\\\?\\C:\\a", "\\\\.\\pipe\\x", "C:a.png", "CON", "C:\\a\\nul.txt", "com1", "a:stream", "C:\\a.png:x", "C:\\a.png.", "C:\\secret \\b", "LPT²"],
)  # fmt: skip
def test_windows_paths_that_act_or_deceive_are_named(path: str) -> None:
    assert windows_trouble(path)


@each("path", ["C:\\a\\b.png", "c:/a/b.png", "a.png", "..\\a.png", ".\\console.txt", "C:\\", "comma.txt"])
def test_ordinary_windows_paths_pass(path: str) -> None:
    assert windows_trouble(path) == ""


@each(
    "text",
    [
        "-----BEGIN PRIVATE KEY-----",
        "x\n-----BEGIN RSA PRIVATE KEY-----\n",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "-----BEGIN PGP PRIVATE KEY BLOCK-----",
        "PuTTY-User-Key-File-3: ssh-ed25519",
        "AGE-SECRET-KEY-1QQQ",
        '{"private_key": "-----BEGIN PRIVATE KEY-----\\nMII',
    ],
)
def test_private_keys_are_known_by_their_headers(text: str) -> None:
    assert secret_in(text) == secret_in(text, allowed=True) == "a private key"


def test_public_keys_and_certificates_are_no_private_keys() -> None:
    assert not secret_in("-----BEGIN PUBLIC KEY-----\n-----BEGIN CERTIFICATE-----\nssh-rsa AAAA")


@given(st.lists(st.text(max_size=12), max_size=6))
def test_the_secret_check_takes_any_names(parts: list[str]) -> None:
    assert is_secret(parts) in (True, False)
