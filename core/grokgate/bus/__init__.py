"""Keeps the processes of one installation in step: messages, one leader, and what goes on.

```text
bus      the protocols                   mailbox   what waits for one follower; bounded
local    one process: nobody to tell     redis     several, over Redis or Valkey
                                         lease     their leader
                                         presence  what goes on in them
```

A message says that rows were changed, never what is in them: whoever hears of it reads the
database. So a message may come twice or late, and one that was missed is made good by reading all.
What is in the right column is imported by whoever needs it: its library is optional.
"""

from grokgate.bus.bus import Bus, Follower, Ids, Leadership, Presence, Work
from grokgate.bus.local import LocalBus, LocalLeadership, LocalPresence

__all__ = [
    "Bus",
    "Follower",
    "Ids",
    "Leadership",
    "LocalBus",
    "LocalLeadership",
    "LocalPresence",
    "Presence",
    "Work",
]
