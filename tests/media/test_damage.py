"""Every format there is, damaged: with flipped bytes, cut off, and as Hypothesis likes it. An answer or a plain error."""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Iterator
from email.message import EmailMessage

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.cases import each
from support.connect import Connect
from support.films import Film, make, regular
from support.mutants import cut, flip, inside, rearrange, renumber
from support.reading import SENSIBLE, Outcome, Readers
from support.specimens import ARGUMENTS, SPECIMENS, TOOLS, Specimen, drawing
from support.toolkit import call, fail, say, text_of

from glm_mcp.server.app import Folders
from glm_mcp.simulator import Simulator

pytestmark = [pytest.mark.anyio, pytest.mark.extreme]
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="a process that forks for each file")
SORTS = [f"{want}-{half}" for want in TOOLS for half in (0, 1)]


@pytest.fixture(scope="module")
def readers() -> Iterator[Readers]:
    with Readers() as started:
        yield started


def some(sort: str) -> list[Specimen]:
    """Half of the specimens for one tool."""
    want, _, half = sort.partition("-")
    return [s for s in SPECIMENS.values() if s.want == want][int(half) :: 2]


def told(text: str) -> None:
    """An error that a caller can act on: its kind, what is wrong, what to do; and nothing of this machine."""
    assert text.partition(": ")[0] in SENSIBLE, text
    assert re.search(r"[.] [A-Z0-9`].+[.?]$", text), text
    assert not re.search(r"Traceback|site-packages|\.py[\":,]|/home/|/tmp/|0x[0-9a-f]{6}", text), text


@pytest.mark.parametrize("sort", SORTS)
async def test_a_file_of_any_format_with_flipped_bytes_is_an_answer_or_a_plain_error(
    connect: Connect, folders: Folders, sim: Simulator, sort: str
) -> None:
    chance = random.Random(sort)
    more = {"video": {"max_frames": 1}}.get(sort.partition("-")[0], {})
    limit = anyio.Semaphore(4)
    async with connect(GLM_DEADLINE_S="40", GLM_MAX_CONCURRENCY="8") as client:

        async def one(specimen: Specimen) -> None:
            async with limit:
                result = await call(
                    client, TOOLS[specimen.want], 50, **{ARGUMENTS[specimen.want]: specimen.name, **more}
                )
            if result.is_error:
                told(text_of(result))

        async with anyio.create_task_group() as group:
            for specimen in some(sort):
                (folders.cwd / specimen.name).write_bytes(flip(specimen.data, chance))
                group.start_soon(one, specimen)
    assert [r for r in sim.received if r.status == 200] or sort.startswith("document")


def fine(found: Outcome, what: object) -> None:
    assert found.fine, (what, found)
    if found.kind in SENSIBLE and ": " in found.text:
        told(found.text)


@POSIX
@pytest.mark.parametrize("sort", SORTS)
def test_a_file_of_any_format_that_is_cut_or_damaged_within_is_an_answer_or_a_plain_error(
    readers: Readers, sort: str
) -> None:
    chance = random.Random(sort)
    for specimen in some(sort):
        for damage in (cut, inside):
            bad = damage(specimen.data, chance)
            fine(readers.read(specimen.want, specimen.name, bad), specimen)


@POSIX
@settings(max_examples=90, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(sorted(SPECIMENS)),
    st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 12), st.binary(max_size=12)),
        min_size=1,
        max_size=4,
    ),
)
def test_a_file_of_any_format_with_pieces_replaced_is_an_answer_or_a_plain_error(
    readers: Readers, key: str, edits: list[tuple[float, int, bytes]]
) -> None:
    data = SPECIMENS[key].data
    for place, length, piece in edits:
        at = int(place * len(data))
        data = data[:at] + piece + data[at + length :]
    fine(readers.read(SPECIMENS[key].want, SPECIMENS[key].name, data), key)


# ── What longer campaigns have found ────────────────────────────────────────────────────────────────────────────


@POSIX
def test_a_film_whose_head_does_not_name_all_its_tracks_is_read(readers: Readers) -> None:
    """Bytes lost within an FLV look like packets of tracks that nobody has heard of; the library stumbles over these."""
    film = make(Film(regular(0.8), form="flv"))
    for at in range(1_000, len(film) - 10, 56):
        found = readers.read("video", "a.flv", film[:at] + film[at + 4 :])
        assert found.kind in ("ok", "unsupported_media"), (at, found)


async def test_a_mail_with_an_impossible_date_is_read_and_the_date_shown_as_it_stands(
    connect: Connect, folders: Folders
) -> None:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = "Hi", "a@b.example", "c@d.example"
    mail.set_content("Words.")
    date = "Mon, 99999999999999999999 Jan 2026 10:00:00 +0000"
    (folders.cwd / "a.eml").write_bytes(f"Date: {date}\n".encode() + bytes(mail))
    async with connect() as client:
        text = await say(client, "read_document", documents="a.eml")
    assert f"Date: {date}" in text
    assert "Words." in text


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory as Linux has them")
async def test_a_pattern_to_the_end_of_the_world_is_too_much_memory_and_not_a_crash(
    connect: Connect, folders: Folders, sim: Simulator
) -> None:
    far = drawing().replace(b"M0 0L10", b"M0 2147483648L10")
    (folders.cwd / "a.svg").write_bytes(far)
    async with connect() as client:
        text = await fail(client, "describe_image", images="a.svg")
    assert text.startswith("media_too_large: a.svg needs more memory")


@each("damage", [flip, cut, rearrange, renumber])
def test_the_same_seed_makes_the_same_damage(damage: object) -> None:
    assert callable(damage)
    data = SPECIMENS["image-rich.svg"].data
    assert damage(data, random.Random(1)) == damage(data, random.Random(1))
