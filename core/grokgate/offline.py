"""The stores of a data folder that no service runs on, opened for one command."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from grokgate import registry
from grokgate.access import take_back_password
from grokgate.adoption import Intake, Record, Takeover
from grokgate.clock import SystemClock
from grokgate.operations import Operations
from grokgate.rotation import Rotation
from grokgate.scheduler.cost import CostTable
from grokgate.settings import read_boot, setting_keys
from grokgate.settings.media import QuotaSettings
from grokgate.stores import Stores, open_stores, require_database
from grokgate.upstream import Clock


@asynccontextmanager
async def opened(
    data_dir: Path, environ: Mapping[str, str], *, create: bool, log: Any
) -> AsyncIterator[Operations]:
    """Hold *data_dir*, open its stores, and close them again.

    Args:
        data_dir: The folder.
        environ: Environment of the process, aliases resolved.
        create: Make what is not there yet; False: refuse.
        log: A bound structlog logger.

    Raises:
        StateError: A service runs here after all, there is nothing yet, or the state is damaged.
    """
    boot = read_boot(data_dir, environ)
    if not create:
        require_database(boot)
    plugins = registry.load(
        registry.installed(enabled=boot.plugins.enabled, disabled=boot.plugins.disabled),
        setting_keys=setting_keys,
        check_rules=CostTable,
        log=log,
    )
    clock = SystemClock()
    async with open_stores(
        boot, environ, specs=plugins.upstreams, clock=clock, log=log, create=create
    ) as stores:

        async def reset_password() -> None:
            await take_back_password(stores.database)

        yield Operations(
            stores.tokens,
            stores.keys,
            reset_password=reset_password,
            rotation=Rotation(stores.database, stores.vault),
            migrate=_takeover(stores, clock, log).run,
        )


def _takeover(stores: Stores, clock: Clock, log: Any) -> Takeover:
    """Make what takes over a predecessor's data; its days begin as those of the stores' keys do."""
    intake = Intake(
        stores.database,
        stores.tokens,
        stores.keys,
        offset_minutes=lambda: QuotaSettings().tz_offset_minutes,
        clock=clock,
    )
    return Takeover(Record(stores.database, clock, log), intake, is_live=False)
