"""What a request attaches: decoded, fetched or opened, all before an account is leased."""

from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, Protocol

import anyio

from grokgate.errors import InvalidRequest, ObjectNotFound
from grokgate.openai import Source, accept, check_count, decode, unreadable
from grokgate.plugin.context import Fetch, Files, SharedSettings
from grokgate.plugin.records import Caller
from grokgate.upstream import Blob

_MEGABYTE = 2**20


class Services(Protocol):
    """What is needed of a `PluginContext`."""

    @property
    def fetch(self) -> Fetch:
        """Gets addresses."""
        ...

    @property
    def files(self) -> Files:
        """Opens what the caller uploaded before."""
        ...

    @property
    def shared(self) -> SharedSettings:
        """Core sections; ``limits.file_mb`` bounds each file."""
        ...


async def load_attachments(
    sources: Sequence[Source], services: Services, caller: Caller, *, param: str = "messages"
) -> list[Blob]:
    """Return the contents of *sources*, in their order.

    Data is decoded before anything is fetched or opened; addresses are fetched side by side.

    Args:
        sources: Of one request.
        services: The plugin's context.
        caller: Whose files may be opened.
        param: Named where there are too many.

    Raises:
        GatewayError: There are too many, or one cannot be used; the others are given up.
    """
    check_count(sources, param=param)
    limit = services.shared.limits.file_mb * _MEGABYTE
    blobs = {
        place: decode(source, limit=limit)
        for place, source in enumerate(sources)
        if not source.is_address and source.file_id is None
    }
    elsewhere = [place for place in range(len(sources)) if place not in blobs]

    async def get(place: int) -> None:
        source = sources[place]
        blobs[place] = accept(await _found(source, services, caller), source, limit=limit)

    if elsewhere:
        await _side_by_side(get, elsewhere)
    return [blobs[place] for place in range(len(sources))]


async def _side_by_side(
    get: Callable[[int], Coroutine[Any, Any, None]], places: Iterable[int]
) -> None:
    """Run *get* for all *places* at once; the first error ends the others and is raised."""
    try:
        async with anyio.create_task_group() as group:
            for place in places:
                group.start_soon(get, place)
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None


async def _found(source: Source, services: Services, caller: Caller) -> Blob:
    if source.file_id is not None:
        try:
            return await services.files.open(source.file_id, owner=caller.key_id)
        except ObjectNotFound as error:
            raise ObjectNotFound(error.message, code=error.code, param=source.param) from None
    try:
        return await services.fetch.get(source.text, request_id=caller.request_id)
    except InvalidRequest:
        raise unreadable(source) from None
