"""A server's certificate, made by openssl for one test."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

THERE = shutil.which("openssl") is not None


def certified(folder: Path, *names: str) -> tuple[ssl.SSLContext, Path]:
    """What a server of these names speaks with, as `DNS:example.com` or `IP:127.0.0.1`, and the file of whom to trust then."""
    key, certificate = folder / "key.pem", folder / "cert.pem"
    made = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout {key.name} -out {certificate.name}".split()
    named = ["-subj", "/CN=a server", "-addext", f"subjectAltName={','.join(names)}"]
    subprocess.run([*made, *named], cwd=folder, check=True, capture_output=True, timeout=60)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate
