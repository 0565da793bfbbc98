"""All that can be done to many accounts (F-JOB-01)."""

from collections.abc import Callable
from functools import partial
from typing import Any

from grokgate.chores.details import Clearing, Loading, Preference
from grokgate.chores.edits import Deleting, deleting, editing, importing
from grokgate.chores.pace import Pace, Work, pace_of
from grokgate.chores.task import Kind, Task
from grokgate.chores.task import Work as OnOne
from grokgate.chores.visits import Editing, Visits


def make_kinds(
    visits: Visits, *, delete: Deleting, edit: Editing, is_there: Callable[[str], bool]
) -> dict[str, Kind]:
    """Make the kinds of the core, by name.

    Args:
        visits: Acts as accounts.
        delete: Deletes tokens.
        edit: Changes tokens.
        is_there: Tells whether there is a token with an id.
    """
    kinds = (
        _visiting("refresh_usage", "usage", visits.refresh),
        _visiting("nsfw_enable", "nsfw", partial(visits.prefer, on=True), _not_switched),
        _visiting("nsfw_disable", "nsfw", partial(visits.prefer, on=False), _not_switched),
        _visiting("assets_load", "assets", visits.load, _not_loaded),
        _visiting("assets_clear", "assets", visits.clear, _not_cleared),
        importing(),
        deleting(delete),
        editing(edit, is_there),
    )
    return {kind.name: kind for kind in kinds}


def _visiting(
    name: str,
    work: Work,
    visit: OnOne,
    failed: Callable[[str], Any] = lambda _error: False,
) -> Kind:
    def pace(performance: Any) -> Pace:
        return pace_of(work, performance)

    async def run(task: Task) -> Any:
        await task.each(visit)
        return task.result()

    return Kind(name=name, pace=pace, run=run, failed=failed)


def _not_switched(error: str) -> Preference:
    return Preference(success=False, error=error)


def _not_loaded(error: str) -> Loading:
    return Loading(status="error", error=error)


def _not_cleared(error: str) -> Clearing:
    return Clearing(status="error", error=error)
