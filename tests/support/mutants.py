"""Damage to files, the same for the same seed. By hand: python tests/support/mutants.py --minutes 10 --seed 1 [--only WORD]"""

from __future__ import annotations

import argparse
import gzip
import random
import re
import struct
import time
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from support.made_documents import zipped
from support.reading import SENSIBLE, Readers
from support.specimens import SPECIMENS, Specimen, members

ODD = (b"\0", b"\xff", b"\x7f", b"\x80", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\x80", b"\x01\0\0\0", b"\0\1")  # fmt: skip
NUMBERS = (b"0", b"-1", b"99999999999999999999", b"1e309", b"nan", b"", b"2147483648", b"0.0000001")


def flip(data: bytes, chance: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16, 64))):
        # Most of what a reader believes stands at the beginning.
        most = chance.choice((64, 1_000, len(out), len(out)))
        out[chance.randrange(min(most, len(out)))] ^= 1 << chance.randrange(8)
    return bytes(out)


def overwrite(data: bytes, chance: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(chance.choice((1, 2, 8))):
        at = chance.randrange(min(chance.choice((64, 1_000, len(out))), len(out)))
        word = chance.choice(
            (*ODD, struct.pack(">I", len(data)), struct.pack("<I", len(data)), chance.randbytes(3))
        )
        out[at : at + len(word)] = word
    return bytes(out)


def cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(1, len(data))]


def rearrange(data: bytes, chance: random.Random) -> bytes:
    """A stretch left out, doubled, moved, blanked or repeated very often."""
    at = chance.randrange(len(data))
    piece = data[at : at + chance.choice((1, 4, 30, 400, 4_000))]
    rest = data[:at] + data[at + len(piece) :]
    to = chance.randrange(len(rest) + 1)
    return chance.choice((
        rest,
        data[:at] + piece + data[at:],
        rest[:to] + piece + rest[to:],
        data[:at] + bytes(len(piece)) + data[at + len(piece) :],
        data[:at] + piece * min(3_000, 400_000 // len(piece)) + data[at:],
    ))  # fmt: skip


def renumber(data: bytes, chance: random.Random) -> bytes:
    """Numbers written as text: in SVG, PDF, XML, JSON, mail, RTF."""
    found = list(re.finditer(rb"-?\d+(?:\.\d+)?", data))
    if not found:
        return overwrite(data, chance)
    for _ in range(chance.choice((1, 3))):
        match = chance.choice(found)
        data = data[: match.start()] + chance.choice(NUMBERS) + data[match.end() :]
    return data


def splice(data: bytes, chance: random.Random) -> bytes:
    other = chance.choice(list(SPECIMENS.values())).data
    at, from_ = chance.randrange(len(data)), chance.randrange(len(other))
    return data[:at] + other[from_ : from_ + chance.choice((8, 200, 5_000))] + data[at:]


def inside(data: bytes, chance: random.Random) -> bytes:
    """Damage within a zip archive, a PNG or a gzip file, whose check sums are right again afterwards."""
    if data.startswith(b"PK"):
        return _in_zip(data, chance)
    if data.startswith(b"\x89PNG"):
        return _in_png(data, chance)
    if data.startswith(b"\x1f\x8b"):
        return gzip.compress(chance.choice(PLAIN)(gzip.decompress(data), chance), 1)
    return chance.choice(PLAIN)(data, chance)


def _in_zip(data: bytes, chance: random.Random) -> bytes:
    held = members(data)
    name = chance.choice(sorted(held))
    if held[name]:
        held[name] = chance.choice(PLAIN)(held[name], chance)
    if chance.random() < 0.1:
        del held[chance.choice(sorted(held))]
    return zipped(held)


def _in_png(data: bytes, chance: random.Random) -> bytes:
    """One chunk damaged; pixels after they were unpacked."""
    out, at = data[:8], 8
    chunks: list[tuple[bytes, bytes]] = []
    while at < len(data):
        size = int.from_bytes(data[at : at + 4])
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    which = chance.randrange(len(chunks))
    for n, (kind, body) in enumerate(chunks):
        new = body
        if n == which:
            if kind == b"IDAT" and [k for k, _ in chunks].count(b"IDAT") == 1:
                new = zlib.compress(chance.choice(PLAIN)(zlib.decompress(body), chance), 1)
            elif body:
                new = chance.choice(PLAIN)(body, chance)
        out += struct.pack(">I", len(new)) + kind + new + struct.pack(">I", zlib.crc32(kind + new))
    return out


Damage = Callable[[bytes, random.Random], bytes]
PLAIN: tuple[Damage, ...] = (flip, overwrite, cut, rearrange, renumber, splice)


def mutant(specimen: Specimen, seed: int) -> bytes:
    """The same for the same seed."""
    chance = random.Random(f"{specimen.name} {seed}")
    data = specimen.data
    if data.startswith((b"PK", b"\x89PNG", b"\x1f\x8b")) and chance.random() < 0.7:
        data = inside(data, chance)
    else:
        data = chance.choice(PLAIN)(data, chance)
    if chance.random() < 0.2 and data:
        data = chance.choice(PLAIN)(data, chance)
    return data


def campaign(minutes: float, seed: int, only: str, keep: Path | None) -> None:
    """Damage of every format in turn; prints what is no plain answer or error, and at the end how many of what."""
    chosen = {key: specimen for key, specimen in SPECIMENS.items() if only in key}
    counts: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    end, first = time.monotonic() + minutes * 60, seed
    with Readers() as readers:
        while time.monotonic() < end:
            for key, specimen in chosen.items():
                data = mutant(specimen, seed)
                found = readers.read(specimen.want, specimen.name, data)
                counts[found.kind] += 1
                if found.kind in ("ok", *SENSIBLE) and found.seconds < 5:
                    continue
                place = " | ".join(found.trace.strip().splitlines()[-2:])[:160]
                sign = f"{found.kind} {found.where} {place or specimen.name}"
                seen[sign] += 1
                if seen[sign] > 3:
                    continue
                print(  # noqa: T201
                    f"{key} seed {seed}, {found.seconds:.1f} s, {found.megabytes} MB: {sign} {found.text[:120]}",
                    flush=True,
                )
                if keep:
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / f"{seed}-{key}").write_bytes(data)
            seed += 1
    print(dict(counts), "seeds", first, "to", seed - 1)  # noqa: T201


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="formats with this in their name")
    parser.add_argument("--keep", type=Path, help="a folder for the files that were found")
    campaign(**vars(parser.parse_args()))
