"""Keeps the processes of one installation in step: messages, one leader, what goes on, limits.

```text
bus      the protocols                   mailbox   what waits for one follower; bounded
local    one process: nobody to tell     redis     several, over Redis or Valkey
                                         lease     their leader
places   limits of what runs at once     presence  what goes on in them
notes    what was used, shown, failed    shared_notes  the same for all of them
```

A message says that rows were changed, never what is in them: whoever hears of it reads the
database. So a message may come twice or late, and one that was missed is made good by reading all.
What is in the right column is imported by whoever needs it: its library is optional.
"""

from grokgate.bus.bus import Bus, Follower, Ids, Leadership, Presence, Work
from grokgate.bus.local import LocalBus, LocalLeadership, LocalPresence
from grokgate.bus.notes import Failures, LocalNotes, Notes
from grokgate.bus.places import MINUTE_S, Entry, LocalPlaces, Places

__all__ = [
    "MINUTE_S",
    "Bus",
    "Entry",
    "Failures",
    "Follower",
    "Ids",
    "Leadership",
    "LocalBus",
    "LocalLeadership",
    "LocalNotes",
    "LocalPlaces",
    "LocalPresence",
    "Notes",
    "Places",
    "Presence",
    "Work",
]
