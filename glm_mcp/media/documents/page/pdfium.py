"""A PDF opened by PDFium itself, for what the parser does not tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def opened(data: bytes | str, password: str | None) -> Any:
    """The `pypdfium2.PdfDocument` of bytes or of a path. Raises `pypdfium2.PdfiumError`."""
    import pypdfium2

    # Opened here: the library looks for the file that a link leads to, and one that was fetched has no name.
    file = Path(data).open("rb") if isinstance(data, str) else data  # noqa: SIM115
    return pypdfium2.PdfDocument(file, password=password, autoclose=True)
