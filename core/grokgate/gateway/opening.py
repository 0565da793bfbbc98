"""Opens everything of one process, in the order that its parts need each other.

Each function opens what belongs together and leaves it on the gateway; what has to be closed goes
on the stack, so that a stop takes the same way back.
"""

import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING

from grokgate import control
from grokgate.background import background
from grokgate.errors import StartupError, StateError, StoreUnavailable
from grokgate.gateway import leading, operating, parts, together
from grokgate.health import Live
from grokgate.lifespans import enter_lifespans
from grokgate.observers import watch_home
from grokgate.operations import Operations
from grokgate.rotation import Rotation, SealingKey
from grokgate.scheduler.memory import MemoryHome
from grokgate.settings import Snapshot
from grokgate.statistics.tracing import Tracing
from grokgate.storage import Database
from grokgate.storage.meta import begin_run, end_run, installation
from grokgate.stores import Stores
from grokgate.telemetry.traces import open_traces
from grokgate.upstreams import Upstreams

if TYPE_CHECKING:
    from grokgate.gateway.gateway import Gateway


async def open_all(gateway: "Gateway", stores: Stores, stack: AsyncExitStack) -> None:
    """Open all parts over *stores*; background work runs when this returns.

    Raises:
        StartupError: The start is refused.
    """
    await _open_records(gateway, stores, stack)
    await _open_media(gateway, stores)
    await _open_ledger(gateway, stores, stack)
    await _open_watching(gateway, stores, stack)
    upstreams = await _open_upstreams(gateway, stack)
    await _open_plugins(gateway, stack)
    await _open_operating(gateway, stores, upstreams, stack)
    await _open_background(gateway, stack)


def make_home(gateway: "Gateway", stores: Stores) -> None:
    """Make the ledger's home, empty, and what keeps its decisions."""
    sharing = gateway.sharing
    gateway.home = sharing.home if sharing else MemoryHome(**parts.of_home(gateway))
    gateway.meter = sharing.meter() if sharing else gateway.keys.usage
    gateway.journal = parts.make_journal(gateway, stores)


async def await_own_layout(gateway: "Gateway", database: Database) -> None:
    """Before accounts are read, wait for processes that keep the ledger in another way.

    Raises:
        StateError: They have not ended, or the library is not installed.
        StartupError: It is no address.
    """
    if gateway.boot.redis_url is None:
        return
    if find_spec("redis") is None:
        raise StateError("Redis needs the package redis: pip install 'grokgate[redis]'")
    from grokgate.scheduler.redis import layout  # noqa: PLC0415 - its library is optional

    async with database.write() as connection:
        name = await installation(connection)
    with _refused_address():
        await layout.await_own_layout(
            gateway.boot.redis_url,
            name,
            within_s=gateway.boot.storage_wait_timeout_s,
            waiting=lambda reason: gateway.log.warning("ledger_awaited", detail=reason),
        )


async def _share(gateway: "Gateway", stores: Stores) -> None:
    """Take part in what other processes of the installation do, if there may be any.

    Raises:
        StartupError: It is no address.
    """
    if gateway.boot.redis_url is None:
        return
    from grokgate.gateway.sharing import Sharing  # noqa: PLC0415 - its library is optional

    async with stores.database.write() as connection:
        name = await installation(connection)
    with _refused_address():
        sharing = gateway.sharing = Sharing(gateway, gateway.boot.redis_url, name)
    gateway.bus, gateway.leadership = sharing.bus, sharing.leadership
    gateway.presence = sharing.presence
    gateway.places, gateway.notes = sharing.places, sharing.notes


async def _open_records(gateway: "Gateway", stores: Stores, stack: AsyncExitStack) -> None:
    """Open accounts, keys and the operator's identity; a predecessor's are taken over first."""
    gateway.database, gateway.vault = stores.database, stores.vault
    gateway.sealing_key = SealingKey(stores.database, stores.vault, log=gateway.log)
    gateway.keys, gateway.tokens = stores.keys, stores.tokens
    gateway.objects, gateway.replies = stores.objects, stores.replies
    await _share(gateway, stores)
    join_others(gateway)
    if gateway.settings.snapshot.app.allow_anonymous and not gateway.on_loopback():
        raise StartupError(
            "app.allow_anonymous works only while the listen address is loopback. Unset it, "
            "or set SERVER_HOST=127.0.0.1."
        )
    take_config_keys(gateway, gateway.settings.snapshot)
    gateway.settings.subscribe(lambda _old, new: take_config_keys(gateway, new))
    gateway.adoption = operating.make_adoption(gateway, stores)
    await gateway.adoption.begin()
    gateway.first_key = await gateway.keys.ensure_first_key()
    gateway.access = operating.make_access(gateway, stores)
    await gateway.access.begin()
    gateway.access.join(gateway.bus)
    gateway.settings.subscribe(gateway.access.follow)
    stack.push_async_callback(_flush_key_usage, gateway)
    await _erase_removed(gateway)


async def _open_media(gateway: "Gateway", stores: Stores) -> None:
    """Open what is stored as files; what lies there without a row is taken in first."""
    services = parts.make_media(gateway, stores)
    gateway.files, gateway.media, gateway.forms = services.files, services.pictures, services.forms
    gateway.cleaning = services.cleaning
    await services.cleaning.begin()
    gateway.erasing = operating.make_erasing(gateway)


async def _open_ledger(gateway: "Gateway", stores: Stores, stack: AsyncExitStack) -> None:
    """Load the ledger; at the stop, flush it and note that nothing was lost."""
    make_home(gateway, stores)
    async with stores.database.write() as connection:
        clean = await begin_run(connection)
    gateway.home.load(gateway.tokens.records.values(), unclean=not clean)
    if gateway.sharing:
        await gateway.sharing.open()

    async def close() -> None:
        await _flush_journal(gateway)
        await gateway.home.aclose()
        if gateway.sharing:
            return  # whether all is clean is not for one process to say
        async with stores.database.write() as connection:
            await end_run(connection)

    stack.push_async_callback(close)
    watch_home(gateway.metrics, gateway.home.view, upstreams=gateway.specs)
    gateway.metrics.watch(
        "settle_backlog", lambda: gateway.sharing.backlog if gateway.sharing else 0
    )
    gateway.metrics.watch("store_breaker_open", lambda: int(not gateway.stores_answer))
    gateway.metrics.watch_total("decisions_lost", lambda: gateway.journal.lost)


async def _open_watching(gateway: "Gateway", stores: Stores, stack: AsyncExitStack) -> None:
    """Open what takes note of requests, and what tells of trouble."""
    gateway.request_log = operating.make_request_log(gateway, stores)
    stack.push_async_callback(_flush_request_log, gateway)
    traces = open_traces(gateway.settings.snapshot.telemetry.otlp_endpoint, log=gateway.log)
    if traces is not None:
        stack.push_async_callback(traces.aclose)
        gateway.tracing = Tracing(traces, now_ns=time.time_ns)
    gateway.prospects = operating.make_prospects(gateway, stores)
    gateway.webhooks = operating.make_webhooks(gateway)
    gateway.alarms = operating.make_alarms(gateway, gateway.prospects, gateway.webhooks)


async def _open_upstreams(gateway: "Gateway", stack: AsyncExitStack) -> Upstreams:
    """Open the drivers, and what calls and surveys go through."""
    upstreams = await stack.enter_async_context(parts.make_upstreams(gateway).open())
    for upstream in gateway.specs:
        if not upstreams.is_open(upstream):
            gateway.metrics.plugin_fault(upstreams.plugin_of(upstream))
    gateway.refresh = parts.make_refresh(gateway, upstreams)
    gateway.dispatch = parts.make_dispatch(gateway, upstreams, gateway.refresh)
    gateway.fetch = parts.make_fetch(gateway)
    return upstreams


async def _open_plugins(gateway: "Gateway", stack: AsyncExitStack) -> None:
    """Enter the plugins' lifespans, and take their jobs."""
    await enter_lifespans(
        stack, gateway.registry, gateway.contexts, failed=gateway.withdraw, log=gateway.log
    )
    await stack.enter_async_context(gateway.jobs.accepting())


async def _open_operating(
    gateway: "Gateway", stores: Stores, upstreams: Upstreams, stack: AsyncExitStack
) -> None:
    """Open what operators do with accounts, and the socket of the command line."""
    gateway.visits = operating.make_visits(gateway, upstreams, gateway.refresh)
    gateway.chores = operating.make_chores(gateway, stores, gateway.visits)
    await gateway.chores.begin()
    gateway.chores.join(gateway.bus)
    server = gateway.boot.server
    gateway.examiner = parts.make_examiner(
        gateway, upstreams, spent=gateway.refresh.soon, address=f"{server.host}:{server.port}"
    )
    operations = Operations(
        gateway.tokens,
        gateway.keys,
        Live(gateway.home, gateway.refresh),
        gateway.explainer(),
        gateway.examiner,
        chores=gateway.chores,
        reset_password=gateway.access.reset,
        rotation=Rotation(stores.database, stores.vault, bus=gateway.bus),
        migrate=gateway.adoption.takeover.run,
        erase=gateway.erasing.erase,
    )
    await _open_socket(gateway, operations, stack)
    if gateway.options.sandbox_accounts:
        await gateway.tokens.import_text(gateway.options.sandbox_accounts)


async def _open_socket(gateway: "Gateway", operations: Operations, stack: AsyncExitStack) -> None:
    """Answer the command line, and the other workers where there are any."""
    workers = gateway.workers
    if workers is None:
        folder = gateway.options.data_dir
        await stack.enter_async_context(control.serve(folder, operations, log=gateway.log))
        return
    gateway.metrics.watch_total("worker_restarts", lambda: workers.restarts)
    told = together.answers(gateway, gateway.explainer())
    await stack.enter_async_context(workers.answering(told))
    await stack.enter_async_context(workers.front(operations))


async def _open_background(gateway: "Gateway", stack: AsyncExitStack) -> None:
    """Start what runs beside the requests."""
    preparation = parts.make_preparation(gateway)
    stack.callback(gateway.settings.subscribe(lambda _old, _new: preparation.changed()))
    duties = leading.duties(gateway, preparation.run)
    works = leading.works(duties, gateway.leadership, log=gateway.log)
    carried = (gateway.bus.run, gateway.presence.run, gateway.notes.run)
    await stack.enter_async_context(background(*carried, *works, log=gateway.log))


@contextmanager
def _refused_address() -> Iterator[None]:
    try:
        yield
    except ValueError:  # which may show parts of a password
        raise StartupError(
            "SERVER_REDIS_URL is not the address of a Redis server. Set it to"
            " redis://USER:PASSWORD@HOST/NUMBER."
        ) from None


def join_others(gateway: "Gateway") -> None:
    """Have the other processes of the installation follow us, and follow them."""
    for part in (gateway.settings, gateway.keys, gateway.tokens):
        part.join(gateway.bus)
    gateway.sealing_key.join(gateway.bus)
    gateway.jobs.join(gateway.bus, gateway.presence)
    gateway.replies.join(gateway.places)
    gateway.keys.subscribe_removed(gateway.jobs.end_owner)


def take_config_keys(gateway: "Gateway", snapshot: Snapshot) -> None:
    """Let the keys of ``app.api_key`` in; the log says which are refused."""
    refused = gateway.keys.set_config_keys(snapshot.app.api_key, loopback=gateway.on_loopback())
    for sentence in refused:
        gateway.log.warning("config_key_refused", detail=sentence)


async def _erase_removed(gateway: "Gateway") -> None:
    """Erase tokens that were removed long ago (F-TOK-53)."""
    days = gateway.settings.snapshot.token.deleted_keep_days
    before = gateway.clock.now() - timedelta(days=days)
    erased = await gateway.tokens.erase_deleted(before_ms=int(before.timestamp() * 1000))
    if erased:
        gateway.log.info("removed_tokens_erased", count=erased)


async def _flush_key_usage(gateway: "Gateway") -> None:
    """Write what keys used; it is counted anew from what was written."""
    try:
        await gateway.keys.usage.flush()
    except StoreUnavailable:
        gateway.log.warning("key_usage_not_written", error=StoreUnavailable.__name__)


async def _flush_journal(gateway: "Gateway") -> None:
    """Write the last decisions; what cannot be written is of no use after the stop."""
    try:
        await gateway.journal.flush()
    except StoreUnavailable:
        gateway.log.warning("decisions_not_written", error=StoreUnavailable.__name__)


async def _flush_request_log(gateway: "Gateway") -> None:
    """Write the last requests; the operator is told if that fails."""
    try:
        await gateway.request_log.flush()
    except StoreUnavailable:
        gateway.log.warning("requests_not_written", error=StoreUnavailable.__name__)
