"""Changes of many records as chores: nothing is asked upstream, and portions are committed."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, Final, TypeAlias

from msgspec import Struct

from grokgate.chores.events import Item, Outcome, Summary
from grokgate.chores.pace import WHOLE, Pace
from grokgate.chores.task import FAILURES_KEPT, UNKNOWN, Kind, Task
from grokgate.chores.visits import Editing
from grokgate.storage.batch import ROWS
from grokgate.tokens import ImportReport

Importing: TypeAlias = Callable[[], Awaitable[ImportReport]]
"""Options of ``tokens_import``: takes in all of the usable entries, or none."""
Deleting: TypeAlias = Callable[[Sequence[str]], Awaitable[Collection[str]]]
"""Deletes tokens by their ids; returns those that were there."""
_Portion: TypeAlias = Callable[[Sequence[str], Any], Awaitable[Collection[str]]]
_GONE: Final = Outcome(ok=False, error=UNKNOWN)
_DONE: Final = Outcome(ok=True)


class Imported(Struct, frozen=True, kw_only=True):
    """What an import came to."""

    status: str = "success"
    summary: Summary
    report: ImportReport


def importing() -> Kind:
    """Make the kind that imports; in one commit, which a cancel no longer reaches."""
    return Kind(name="tokens_import", pace=_whole, run=_import)


def deleting(delete: Deleting) -> Kind:
    """Make the kind that deletes tokens, so that they can be restored."""

    async def portion(ids: Sequence[str], _options: Any) -> Collection[str]:
        return set(await delete(ids))

    return _in_portions("tokens_delete", portion)


def editing(edit: Editing, is_there: Callable[[str], bool]) -> Kind:
    """Make the kind that gives tokens the same change; its options are a `Change`."""

    async def portion(ids: Sequence[str], change: Any) -> Collection[str]:
        found = {token for token in ids if is_there(token)}
        await edit(ids, change)
        return found

    return _in_portions("tokens_edit", portion)


def _in_portions(name: str, portion: _Portion) -> Kind:
    async def run(task: Task) -> Any:
        for start in range(0, task.total, ROWS):
            if task.stopped:
                break
            items = task.items[start : start + ROWS]
            found = await portion([one.token for one in items if one.token], task.options)
            for item in items:
                task.record(item, _outcome(item, found))
        return task.result()

    return Kind(name=name, pace=_whole, run=run)


def _outcome(item: Item, found: Collection[str]) -> Outcome:
    return _DONE if item.token in found else _GONE


async def _import(task: Task) -> Any:
    report: ImportReport = await task.options()
    taken = (report.added, report.updated, report.restored, report.unchanged)
    for one in report.rejected[:FAILURES_KEPT]:
        task.note_failure(one.position, one.reason)
    task.count(ok=sum(map(len, taken)), fail=len(report.rejected))
    return Imported(summary=task.result().summary, report=report)


def _whole(_performance: Any) -> Pace:
    return WHOLE
