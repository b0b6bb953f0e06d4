"""Temporary files without a name, and what to say when the disk does not take them."""

from __future__ import annotations

import os
import sys
import tempfile
from typing import IO, cast

from glm_mcp.errors import ConfigError


def file_of(data: bytes) -> IO[bytes]:
    """A file that holds `data`, at its start. Raises ConfigError."""
    try:
        file = cast("IO[bytes]", tempfile.TemporaryFile())  # noqa: SIM115 - the caller closes it
    except FileNotFoundError as error:  # no folder takes one: memory does, where the system calls it a file
        if sys.platform != "linux":
            raise no_room(error) from error
        file = os.fdopen(os.memfd_create("glm-mcp"), "w+b")
    except OSError as error:
        raise no_room(error) from error
    try:
        file.write(data)
        file.seek(0)
    except OSError as error:
        file.close()
        raise no_room(error) from error
    return file


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
