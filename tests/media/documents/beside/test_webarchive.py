"""Web pages as Safari saves them."""

from __future__ import annotations

import io

import pytest
from support.jobs import document_job
from support.made_documents import webarchive

from glm_mcp.errors import UnsupportedMedia


@pytest.mark.parametrize("parts", [0, 1, 300])
def test_the_page_in_a_web_archive_of_safari_is_read(parts: int) -> None:
    page = "<html><title>Tolls</title><body><h1>Tolls</h1><p>Zölle</p></body></html>".encode("iso-8859-1")
    facts, _ = document_job(io.BytesIO(webarchive(page, parts, "iso-8859-1")), {"name": "a.webarchive"})
    assert facts["pages"][0][2] == "# Tolls\n\nZölle"


def test_a_web_archive_without_its_page_is_an_error_with_a_mend() -> None:
    whole = webarchive(b"<p>words</p>")
    for data in (whole[:-20], whole.replace(b"WebResourceData", b"WebResourceDate")):
        with pytest.raises(UnsupportedMedia, match="no page can be found") as caught:
            document_job(io.BytesIO(data), {"name": "a.webarchive"})
        assert "PDF or HTML" in caught.value.hint
