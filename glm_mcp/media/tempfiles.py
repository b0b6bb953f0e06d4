"""Temporary files without a name, and what to say when the disk does not take them."""

from __future__ import annotations

import io
import os
import sys
import tempfile
from typing import IO, Any, cast

from glm_mcp.errors import ConfigError


class _Unnamed(io.BufferedRandom):
    """Closed with the last that holds it: what was downloaded goes from hand to hand."""

    def __del__(self) -> None:
        self.close()


def file_of(data: bytes) -> IO[bytes]:
    """A file that holds `data`, at its start. Raises ConfigError."""
    try:
        file: Any = tempfile.TemporaryFile()  # noqa: SIM115 - as above
        if os.name == "posix":  # elsewhere it has a name, and what takes it away when it is closed
            file = _Unnamed(file.detach())
    except FileNotFoundError as error:  # no folder takes one: memory does, where the system calls it a file
        if sys.platform != "linux":
            raise no_room(error) from error
        file = _Unnamed(io.FileIO(os.memfd_create("glm-mcp"), "w+"))
    except OSError as error:
        raise no_room(error) from error
    try:
        file.write(data)
        file.seek(0)
    except OSError as error:
        file.close()
        raise no_room(error) from error
    return cast("IO[bytes]", file)


def no_room(error: OSError | None) -> ConfigError:
    if isinstance(error, FileNotFoundError):
        return ConfigError(
            "there is no temporary folder in which a file can be written",
            "Give the machine that runs the server one (a tmpfs will do), or set its TMPDIR to another folder.",
        )
    why = error.strerror if error and error.strerror else "the disk did not take all of it"
    return ConfigError(
        f"no temporary file can be written ({why})",
        "Free some space in the temporary folder of the machine that runs the server, or set its TMPDIR to another.",
    )
