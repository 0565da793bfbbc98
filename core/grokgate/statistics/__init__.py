"""What the gateway did: the request log and the numbers per hour and day (F-LOG-02, F-LOG-03).

```text
http, sockets, jobs ── Ended, Tally ──> RequestLog ── batches ──> requests, statistics
                                            └─ while the store fails: oldest rows go, numbers stay
```
"""

from grokgate.statistics.ended import Ended, Note, row_of
from grokgate.statistics.log import RequestLog
from grokgate.statistics.spans import begin_of_day, begin_of_hour

__all__ = ["Ended", "Note", "RequestLog", "begin_of_day", "begin_of_hour", "row_of"]
