"""Documents of thousands of parts: reading all costs what they are, not what they are times their number."""

from __future__ import annotations

import io
import time
import tracemalloc
import zipfile

import pytest

from glm_mcp.media.documents.markdown import table_job
from glm_mcp.media.documents.pptx import pptx_job

pytestmark = pytest.mark.extreme

_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_SLIDES = "http://schemas.openxmlformats.org/presentationml/2006/main"
_DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"


def presentation(slides: int) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as file:
        links = f'<Relationship Id="r0" Type="{_OFFICE}/officeDocument" Target="ppt/presentation.xml"/>'
        file.writestr("_rels/.rels", f'<Relationships xmlns="{_PACKAGE}">{links}</Relationships>')
        shown = "".join(f'<p:sldId id="{n}" r:id="r{n}"/>' for n in range(slides))
        file.writestr(
            "ppt/presentation.xml",
            f'<p:presentation xmlns:p="{_SLIDES}" xmlns:r="{_OFFICE}"><p:sldIdLst>{shown}</p:sldIdLst></p:presentation>',
        )
        links = "".join(
            f'<Relationship Id="r{n}" Type="{_OFFICE}/slide" Target="slides/slide{n}.xml"/>'
            for n in range(slides)
        )
        file.writestr(
            "ppt/_rels/presentation.xml.rels", f'<Relationships xmlns="{_PACKAGE}">{links}</Relationships>'
        )
        for n in range(slides):
            text = f"<p:sp><p:txBody><a:p><a:r><a:t>Words {n}</a:t></a:r></a:p></p:txBody></p:sp>"
            file.writestr(
                f"ppt/slides/slide{n}.xml",
                f'<p:sld xmlns:p="{_SLIDES}" xmlns:a="{_DRAWING}"><p:cSld><p:spTree>{text}</p:spTree></p:cSld></p:sld>',
            )
    return held.getvalue()


def seconds(slides: int) -> float:
    file = io.BytesIO(presentation(slides))
    began = time.process_time()
    read, _ = pptx_job(file, {"name": "a.pptx"})
    used = time.process_time() - began
    assert [row[2] for row in read["pages"]] == [f"Words {n}" for n in range(slides)]
    return used


def test_eight_times_as_many_slides_take_eight_times_as_long() -> None:
    assert seconds(8_000) < 3 * 8 * seconds(1_000)


def test_a_csv_of_many_short_rows_takes_a_few_times_its_size_of_memory() -> None:
    data = "".join(f"{n},{n % 7},{n % 11},x\n" for n in range(100_000)).encode()
    tracemalloc.start()
    try:
        facts, _ = table_job(io.BytesIO(data), {"name": "a.csv", "pages": None})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert facts["pages"][0][2].endswith("| 99999 | 4 | 9 | x |")
    assert peak < 10 * len(data)
