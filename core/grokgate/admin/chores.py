"""Refreshing quotas and switching content preferences, of many accounts at once (F-ADM-12 to 15).

A plain request starts the same job as its ``/async`` twin, and waits for its end.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, TypeAlias

import anyio.to_thread
from litestar import post
from litestar.params import JSONBody, QueryParameter
from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import replace

from grokgate.admin.context import CurrentAct, CurrentGateway
from grokgate.admin.tokens_choice import TokenFilter, by_filter, by_name, target_of
from grokgate.admin.tokens_schema import Unknown
from grokgate.chores import MOST_AT_ONCE, Item, Result, Task, unique
from grokgate.chores.engine import Conclude
from grokgate.chores.events import Done, Failed
from grokgate.errors import InternalError, InvalidRequest, Overloaded
from grokgate.gateway import Gateway
from grokgate.storage.acting import Act
from grokgate.tokens.mask import masked
from grokgate.upstream import Secret

AtOnce: TypeAlias = Annotated[
    int | None,
    QueryParameter(
        name="concurrency",
        ge=1,
        le=MOST_AT_ONCE,
        description="Accounts at once, instead of what the settings say.",
    ),
]
Preferring: TypeAlias = Literal["nsfw_enable", "nsfw_disable"]

_USABLE: Final = frozenset({"active", "cooling"})


class Chosen(Struct, frozen=True, kw_only=True):
    """Which accounts; unknown fields are ignored, as the predecessors did."""

    token: Annotated[str | None, Meta(description="One, by its id or its text.")] = None
    tokens: Annotated[
        list[str] | None,
        Meta(
            description="Several; cut at performance.*_max_tokens.",
            examples=[["tok_0123456789", "tok_9876543210"]],
        ),
    ] = None
    ids: Annotated[list[str] | None, Meta(description="Several, and never cut.")] = None
    filter: Annotated[TokenFilter | None, Meta(description="All that it finds, and never cut.")] = (
        None
    )

    @property
    def is_cut(self) -> bool:
        """Whether the list is a predecessor's, which has an upper bound (F-JOB-05)."""
        return self.ids is None and self.filter is None

    @property
    def texts(self) -> list[str]:
        """All that were named, as they were named."""
        one = [self.token] if self.token else []
        return [text for text in (*one, *(self.tokens or ()), *(self.ids or ())) if text]


class Started(Struct, frozen=True, kw_only=True):
    """A job that has begun; GET /batch/{id}/stream tells how it goes on."""

    task_id: Annotated[str, Meta(examples=["job_4be1f0c24be1f0c24be1f0c24be1f0c2"])]
    total: Annotated[int, Meta(description="Accounts.", examples=[120])]
    unknown: Unknown | UnsetType = UNSET
    warning: str | UnsetType = UNSET
    status: str = "success"


class Refreshed(Struct, frozen=True, kw_only=True):
    """Which accounts answered."""

    results: Annotated[
        dict[str, bool], Meta(description="By masked token.", examples=[{"…a1b2c3": True}])
    ]
    unknown: Unknown = []
    warning: str | UnsetType = UNSET
    status: str = "success"


@post("/tokens/refresh", status_code=200, summary="Ask accounts for their quota")
async def refresh_tokens(
    gateway: CurrentGateway, act: CurrentAct, data: JSONBody[Chosen], concurrency: AtOnce = None
) -> Refreshed:
    """Ask accounts for their quota, expired ones too; over 50 of them prefer ``/async``."""
    task, unknown = await _refresh(gateway, act, data, concurrency)
    result = await result_of(task)
    return Refreshed(results=result.results, unknown=unknown, warning=result.warning)


@post("/tokens/refresh/async", status_code=200, summary="Ask accounts for their quota, as a job")
async def refresh_tokens_async(
    gateway: CurrentGateway, act: CurrentAct, data: JSONBody[Chosen], concurrency: AtOnce = None
) -> Started:
    """Start a job that asks accounts for their quota."""
    task, unknown = await _refresh(gateway, act, data, concurrency)
    return replace(started(task), unknown=unknown)


@post("/tokens/nsfw/enable", status_code=200, summary="Switch the content preference on")
async def enable_nsfw(
    gateway: CurrentGateway, act: CurrentAct, data: JSONBody[Chosen], concurrency: AtOnce = None
) -> Result:
    """Switch the accounts' own content preference on; without any named, of all usable ones."""
    return await result_of(await prefer(gateway, act, "nsfw_enable", data, concurrency))


@post("/tokens/nsfw/enable/async", status_code=200, summary="Switch the preference on, as a job")
async def enable_nsfw_async(
    gateway: CurrentGateway, act: CurrentAct, data: JSONBody[Chosen], concurrency: AtOnce = None
) -> Started:
    """Start a job that switches the preference on."""
    return started(await prefer(gateway, act, "nsfw_enable", data, concurrency))


@post("/tokens/nsfw/disable", status_code=200, summary="Switch the content preference off")
async def disable_nsfw(
    gateway: CurrentGateway, act: CurrentAct, data: JSONBody[Chosen], concurrency: AtOnce = None
) -> Result:
    """Switch the accounts' own content preference off; without any named, of all usable ones."""
    return await result_of(await prefer(gateway, act, "nsfw_disable", data, concurrency))


@post("/tokens/nsfw/disable/async", status_code=200, summary="Switch the preference off, as a job")
async def disable_nsfw_async(
    gateway: CurrentGateway, act: CurrentAct, data: JSONBody[Chosen], concurrency: AtOnce = None
) -> Started:
    """Start a job that switches the preference off."""
    return started(await prefer(gateway, act, "nsfw_disable", data, concurrency))


HANDLERS: Final = (
    refresh_tokens,
    refresh_tokens_async,
    enable_nsfw,
    enable_nsfw_async,
    disable_nsfw,
    disable_nsfw_async,
)


async def _refresh(
    gateway: Gateway, act: Act, data: Chosen, concurrency: int | None
) -> tuple[Task, list[str]]:
    """Start to ask for quotas; also return what names no account."""
    choice = await by_name(gateway, await _names(gateway, data))
    items = await items_of(gateway, choice.ids)
    task = await begin(gateway, act, "refresh_usage", items, at_once=concurrency, cut=data.is_cut)
    return task, choice.unknown


async def prefer(
    gateway: Gateway, act: Act, kind: Preferring, data: Chosen, concurrency: int | None
) -> Task:
    """Start to switch the preference of the chosen accounts, or of all usable ones.

    Raises:
        InvalidRequest: There is no account at all.
        Conflict: It is being done already.
    """
    texts = await texts_of(gateway, data)
    if texts is None:
        texts = await usable(gateway, "prefer_nsfw")
    if not texts:
        raise InvalidRequest("No tokens available")
    items = await items_of(gateway, texts)
    return await begin(gateway, act, kind, items, at_once=concurrency, cut=data.is_cut)


async def begin(
    gateway: Gateway,
    act: Act,
    kind: str,
    items: Sequence[Item],
    *,
    at_once: int | None = None,
    cut: bool = False,
    options: Any = None,
    conclude: Conclude | None = None,
) -> Task:
    """Start a job and note it in the audit trail.

    Args:
        gateway: Works on it.
        act: Gets the accounts as its target.
        kind: What is done.
        items: The accounts.
        at_once: How many at once; None: as the settings say.
        cut: Take no more accounts than the settings allow to predecessors' requests (F-JOB-05).
        options: Of the kind.
        conclude: Makes the result.

    Raises:
        Conflict: The same is being done to one of the accounts.
    """
    most = gateway.chores.kinds[kind].pace(gateway.settings.snapshot.performance).most
    warning = None
    if cut and len(items) > most:
        warning = f"Only the first {most} of {len(items)} accounts are worked on."
        items = items[:most]
    act.target = target_of([item.token or "unknown" for item in items])
    return await gateway.chores.start(
        kind,
        items,
        options=options,
        at_once=at_once,
        warning=warning,
        actor=act.actor,
        conclude=conclude,
    )


def started(task: Task) -> Started:
    """Answer for a job that has begun."""
    return Started(task_id=task.id, total=task.total, warning=task.warning or UNSET)


async def result_of(task: Task) -> Result:
    """Wait for the end of a job and return what it came to.

    Raises:
        GatewayError: It ended before its time.
    """
    final = await task.wait()
    if isinstance(final, Done):
        return task.result()
    if isinstance(final, Failed):
        raise task.cause or InternalError(final.error)
    raise Overloaded("The job was cancelled.")


async def named(gateway: Gateway, data: Chosen) -> list[Item]:
    """Return the accounts that a request names or filters.

    Raises:
        InvalidRequest: It does neither, or its filter finds nothing.
    """
    return await items_of(gateway, await _names(gateway, data))


async def _names(gateway: Gateway, data: Chosen) -> list[str]:
    """Return what `named` finds, by name."""
    texts = await texts_of(gateway, data)
    if not texts:
        raise InvalidRequest("No tokens provided", code="empty_payload")
    return texts


async def texts_of(gateway: Gateway, data: Chosen) -> list[str] | None:
    """Return how a request names its accounts, or what its filter finds; None: neither."""
    if data.texts:
        return data.texts
    if data.filter is not None:
        return await by_filter(gateway, data.filter)
    return None


async def items_of(gateway: Gateway, texts: Sequence[str]) -> list[Item]:
    """Find the accounts that *texts* name by id or credential, each once; in their order."""

    def find() -> list[Item]:
        found: dict[str, str] = {}
        for text in texts:
            token = gateway.tokens.find(text)
            record = gateway.tokens.records.get(token or "")
            if record is not None:
                found.setdefault(record.id, masked(record.credential))
            else:
                found.setdefault(f"?{text}", masked(Secret(text)))
        labels = unique(found.values())
        ids = (None if key.startswith("?") else key for key in found)
        return [Item(token, label) for token, label in zip(ids, labels, strict=True)]

    return await anyio.to_thread.run_sync(find)


async def usable(gateway: Gateway, operation: str) -> list[str]:
    """Return the ids of all accounts in use whose upstream offers *operation*."""
    offering = {name for name, spec in gateway.specs.items() if operation in spec.offers}
    records = tuple(gateway.tokens.records.values())

    def choose() -> list[str]:
        return [
            record.id
            for record in records
            if record.upstream in offering and record.state.status in _USABLE
        ]

    return await anyio.to_thread.run_sync(choose)
