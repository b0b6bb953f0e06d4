"""The work of a command that asks the network: it ends with its answer, while a name server may hold a thread for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import anyio

T = TypeVar("T")


class _Unawaited(ThreadPoolExecutor):
    """Where the event loop looks names up; it would wait for them at its end."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002 - as Python calls it
        super().shutdown(wait=False, cancel_futures=True)


def run(work: Callable[[], Awaitable[T]]) -> T:
    """What `work()` gives."""

    async def begin() -> T:
        asyncio.get_running_loop().set_default_executor(_Unawaited())
        return await work()

    return anyio.run(begin)
