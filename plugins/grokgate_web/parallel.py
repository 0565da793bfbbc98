"""Runs a few calls of one account at the same time."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import anyio

T = TypeVar("T")


async def in_parallel(calls: Sequence[Callable[[], Awaitable[T]]], *, limit: int) -> list[T]:
    """Make *calls*, at most *limit* at once, and return their results in the given order.

    The first error of one of them is raised as it is, and the others are cancelled.
    """
    if not calls:
        return []
    results: dict[int, T] = {}
    failures: list[Exception] = []
    slots = anyio.Semaphore(limit)

    async def run(index: int, call: Callable[[], Awaitable[T]]) -> None:
        async with slots:
            try:
                results[index] = await call()
            except Exception as failure:  # noqa: BLE001 - raised below, without a group around it
                failures.append(failure)
                group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for index, call in enumerate(calls):
            group.start_soon(run, index, call)
    if failures:
        raise failures[0]
    return [results[index] for index in range(len(calls))]
