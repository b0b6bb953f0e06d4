"""Files that hold streams as a disk holds files (OLE2): the office formats before XML, and Outlook's messages."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

from glm_mcp.errors import MissingExtra


def compound_file(file: BinaryIO, name: str) -> Any:
    """Opened, as olefile has it; whoever asks closes it. Raises MissingExtra, OSError."""
    try:
        import olefile
    except ImportError:
        raise MissingExtra("office", f"reading {name}") from None
    file.seek(0)
    return olefile.OleFileIO(io.BytesIO(file.read()))
