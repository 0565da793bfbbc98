"""`Call` → `Exchange`: lease an account, send, try elsewhere, count, settle, tell observers.

1. `route` prices the call for every wire that could serve it, before any lease.
2. `lease` asks the home: a first pass over the routes without waiting, then waiting.
3. `trial` opens a session on the leased account, sends, and reads to the first output.
4. A trial that fails is settled at once; `opening` asks the verdict whether another account may
   try, within the limits that `request` and `budget` keep.
5. `exchange` hands the events on and settles at the end, whatever that end is.

`preparing` has the home get ready beforehand, `journal` remembers how calls ended, `explain` tells
operators, `notices` tells the log.
"""

from grokgate.dispatch.desk import DispatchSettings, Survey
from grokgate.dispatch.dispatch import Dispatch

__all__ = ["Dispatch", "DispatchSettings", "Survey"]
