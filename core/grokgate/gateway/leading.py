"""What runs beside the requests, and which of it only one process of an installation does.

A second process that did the rest too would do harm or nothing: told events twice, surveyed
accounts twice, read a file twice, removed what is gone. Whoever leads does it.
"""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
from msgspec import Struct

from grokgate.background import Work, background
from grokgate.bus import Leadership

if TYPE_CHECKING:
    from grokgate.gateway.gateway import Gateway


class Duty(Struct, frozen=True):
    """Work without an end."""

    run: Work
    why: str
    alone: bool = False
    """Only the leader does it."""


def duties(gateway: "Gateway", prepare: Work) -> Sequence[Duty]:
    """Return what has to be done while the gateway is open; *prepare* keeps candidates ready."""
    return (
        Duty(gateway.settings.run, "follows the file of this process, and the database"),
        Duty(gateway.sealing_key.run, "looks for a key that this process lacks"),
        Duty(gateway.access.run, "writes which sessions were used here"),
        Duty(gateway.home.run, "writes what was settled here, keeps the leases of this process"),
        Duty(gateway.places.run, "keeps the places of the requests here"),
        Duty(gateway.journal.run, "writes the decisions made here"),
        Duty(gateway.request_log.run, "writes the requests that ended here"),
        Duty(gateway.webhooks.run, "sends what was told here: jobs fail where they run"),
        Duty(partial(gateway.keys.usage.run, gateway.log), "writes what was counted here"),
        Duty(gateway.cleaning.run, "notes what was served here; media may be its own alone"),
        Duty(gateway.chores.run, "says that the jobs of this process go on"),
        Duty(gateway.refresh.run, "asks accounts that calls here want asked"),
        Duty(prepare, "keeps the candidates of this process ready"),
        Duty(gateway.alarms.run, "events of the pool are told once", alone=True),
        Duty(gateway.access.prune, "cuts the audit trail of all", alone=True),
        Duty(gateway.objects.run, "removes expired objects of all", alone=True),
        Duty(gateway.erasing.run, "removes what removed keys left behind", alone=True),
        Duty(gateway.adoption.run, "takes in what is new in a predecessor's file", alone=True),
    )


def works(duties: Sequence[Duty], leadership: Leadership, *, log: Any) -> Sequence[Work]:
    """Return what each process has to run: its own duties, and those of the leader if it leads."""

    async def lead() -> None:
        alone = (duty.run for duty in duties if duty.alone)
        async with background(*alone, log=log):
            await anyio.sleep_forever()

    return (*(duty.run for duty in duties if not duty.alone), partial(leadership.lead, lead))
