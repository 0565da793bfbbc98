"""Work on many accounts that an operator starts, watches and ends (F-JOB).

```text
events   what listeners are told        task     one chore at work, and its listeners
pace     how many accounts at once      record   a chore as its row tells it
rows     reads and writes the rows      engine   starts, finds, cancels; beats and sweeps
words    failures in plain sentences    details  how the work on one account ended
visits   quota, preference, files       edits    imports, deletes and changes
kinds    names of all that can be done
```
"""

from grokgate.chores.engine import Chores
from grokgate.chores.events import Event, Item, Outcome, Result, Summary, unique
from grokgate.chores.kinds import make_kinds
from grokgate.chores.pace import MOST_AT_ONCE, Pace, pace_of
from grokgate.chores.record import View
from grokgate.chores.task import Kind, Task

__all__ = [
    "MOST_AT_ONCE",
    "Chores",
    "Event",
    "Item",
    "Kind",
    "Outcome",
    "Pace",
    "Result",
    "Summary",
    "Task",
    "View",
    "make_kinds",
    "pace_of",
    "unique",
]
