"""A reader that remembers what it has read, as no reader may, and has a sample."""

from __future__ import annotations

from typing import Any, BinaryIO

_READ: list[str] = []


def sample() -> bytes:
    return b"the sample"


def read(file: BinaryIO, _: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    _READ.append(file.read().decode())
    return {"read": _READ}, []
