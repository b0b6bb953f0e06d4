"""Issuers of OpenID Connect tokens: one that signs whatever a test wants signed, and a library's."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from support.processes import Process

AUDIENCE = "https://glm.example.com/mcp"


@cache
def rsa_key(number: int) -> rsa.RSAPrivateKey:
    """One of several keys; making one takes a tenth of a second."""
    return rsa.generate_private_key(65537, 2048)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


class _Handler(BaseHTTPRequestHandler):
    server: Issuing

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        pages = {
            "/.well-known/openid-configuration": {
                "issuer": self.server.named or self.server.url,
                "jwks_uri": self.server.keys_at or f"{self.server.url}/keys",
            },
            "/keys": {"keys": self.server.keys},
        }
        body = self.server.packed or json.dumps(pages.get(self.path, {})).encode()
        self.send_response(500 if self.server.ill else 200 if self.path in pages else 404)
        self.send_header("Content-Length", str(len(body)))
        if self.server.packed:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        with suppress(OSError):  # whoever asked has gone
            self.wfile.write(body)


class Issuing(ThreadingHTTPServer):
    """An issuer with its discovery and keys over HTTP on loopback. `asked`: the paths that were asked for; `named`: what it
    says that it is called, where that is not its address; `keys_at`: where it says that its keys are, if elsewhere; `ill`:
    it answers 500; `packed`: all that it answers, as gzip.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.asked: list[str] = []
        self.named, self.keys_at, self.ill, self.packed = "", "", False, b""
        self.keys: Any = []
        self.publish("one", 0)

    def publish(self, ident: str, number: int) -> None:
        """This RSA key under this id, and the elliptic one; none besides."""
        public = RSAAlgorithm.to_jwk(rsa_key(number).public_key(), as_dict=True)
        curve = ECAlgorithm.to_jwk(ec_key().public_key(), as_dict=True)
        self.keys = [{**public, "kid": ident, "use": "sig"}, {**curve, "kid": "curve"}]

    def token(self, *, key: Any = None, alg: str = "RS256", kid: str | None = "one", **claims: Any) -> str:
        """A good token but for what is given; a claim that is None is left out."""
        now = int(time.time())
        whole = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "248289761001",
            "exp": now + 600,
            "iat": now,
            "scope": "glm:use openid",
            "preferred_username": "ada",
            **claims,
        }
        header = {"kid": kid, "typ": "at+jwt"} if kid is not None else {}
        chosen = rsa_key(0) if key is None else key
        return jwt.encode({k: v for k, v in whole.items() if v is not None}, chosen, alg, header)

    def public_pem(self) -> bytes:
        return rsa_key(0).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@contextmanager
def issuing() -> Iterator[Issuing]:
    server = Issuing()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class RealIssuer:
    """A library's OpenID provider in a process of its own."""

    def __init__(self, url: str) -> None:
        self.url = url

    def sign_in(self, subject: str, client: str) -> str:
        """The signed token that a person gets by the code flow, for this client as its audience."""
        back = "http://127.0.0.1/back"
        asked = {"client_id": client, "redirect_uri": back, "response_type": "code", "scope": "openid"}
        with httpx.Client(trust_env=False, base_url=self.url) as http:
            sent = http.post("/oauth2/authorize", params=asked, data={"sub": subject})
            code = parse_qs(urlsplit(sent.headers["location"]).query)["code"][0]
            form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back}
            return str(http.post("/oauth2/token", data=form, auth=(client, "-")).json()["id_token"])


@contextmanager
def real_issuer(folder: Path) -> Iterator[RealIssuer]:
    command = (sys.executable, "-m", "oidc_provider_mock", "--port", "0")
    with Process({"HOME": str(folder), "PYTHONWARNINGS": "ignore"}, folder, command=command) as process:
        while "running on " not in (line := process.err.next() or "running on nothing"):
            pass
        yield RealIssuer(line.partition("running on ")[2].split()[0])
