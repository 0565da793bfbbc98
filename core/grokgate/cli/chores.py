"""``grokgate tokens nsfw`` and ``tokens assets``: work on many accounts, by the running service."""

import argparse
import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from grokgate import control
from grokgate.cli.notes import note
from grokgate.cli.place import data_dir, environment
from grokgate.cli.tokens import no_service
from grokgate.errors import StartupError
from grokgate.operations import OperationFailed

_NOTED: Final = 50
"""Accounts between two notes of how far it is."""
_MB: Final = 1 << 20


def prefer(arguments: argparse.Namespace) -> int:
    """Switch the accounts' own content preference; 1 when one of them refused."""
    state = arguments.state
    kind = "nsfw_enable" if state == "on" else "nsfw_disable"
    return _work(kind, arguments, lambda _detail: f"preference {state}")


def count_files(arguments: argparse.Namespace) -> int:
    """Count the accounts' files; 1 when one of them did not answer."""
    return _work("assets_load", arguments, _counted)


def clear_files(arguments: argparse.Namespace) -> int:
    """Delete the accounts' files; 1 when some of them are still there."""
    return _work("assets_clear", arguments, _cleared)


def _work(kind: str, arguments: argparse.Namespace, say: Callable[[Any], str]) -> int:
    """Have the service work, and print what became of each account as it comes."""
    if bool(arguments.ids) == bool(arguments.all or arguments.pool):
        note("Name accounts by their ids, or --pool POOL, or --all")
        return 2
    folder = data_dir(environment())
    wanted = {"kind": kind, "ids": arguments.ids or None, "pool": arguments.pool}
    told = _Told(say)
    try:
        asyncio.run(control.ask(folder, "tokens.chore", wanted, told.print))
    except ConnectionError as error:
        raise StartupError(no_service(folder)) from error
    except OperationFailed as error:
        raise StartupError(str(error)) from error
    return 0 if told.complete else 1


class _Told:
    """Prints the events of a job."""

    def __init__(self, say: Callable[[Any], str]) -> None:
        self.complete = False
        self._say = say

    def print(self, event: Mapping[str, Any]) -> None:
        match event["type"]:
            case "progress":
                self._progress(event)
            case "done":
                print(f"{event['ok']} of {event['total']} accounts", flush=True)
                self.complete = not event["fail"]
            case "error" | "cancelled":
                note(event.get("error", "It was cancelled; what was done stays done."))

    def _progress(self, event: Mapping[str, Any]) -> None:
        error = event.get("error")
        print(f"{event['item']}: {error or self._say(event.get('detail'))}", flush=True)
        if event["processed"] % _NOTED == 0 and event["processed"] < event["total"]:
            note(f"{event['processed']} of {event['total']} accounts")


def _counted(detail: Mapping[str, Any]) -> str:
    count, size = detail.get("count", 0), detail.get("bytes", 0)
    return f"{count} files, {size / _MB:.1f} MB"


def _cleared(detail: Mapping[str, Any]) -> str:
    return f"{detail['result']['success']} files deleted"
