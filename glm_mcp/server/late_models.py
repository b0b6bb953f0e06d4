"""When the SDK's models of each version of the protocol are built."""

from __future__ import annotations

from contextlib import suppress


def build_when_used() -> None:
    """To be called before the SDK is imported: a model is built when the first message of its kind comes. To build those of
    all versions is a twelfth of a start; a client speaks one, and few of its messages. An SDK that keeps them elsewhere builds
    all.
    """
    with suppress(ImportError, AttributeError):
        from mcp_types._wire_base import WireModel

        WireModel.model_config["defer_build"] = True
