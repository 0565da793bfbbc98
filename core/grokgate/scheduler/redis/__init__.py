"""The ledger's home in Redis or Valkey, shared by all processes of an installation.

```text
home        the home: leases, what is learned, views      scripts     Lua scripts, names of keys
view        this process's copy of the ledger             operations  what scripts are asked to do
outbox      operations on their way, in order, once       rows        a token as it lies there
changes     what other processes did                      usage       daily quotas of keys
leases      heartbeat and reaper                          places      limits of what runs at once
epochs      begins the ledger anew when it was lost       joining     comes back to it, in order
members     who takes part in it, and is waited for       layout      keeps versions apart
client      the connection: limits, breaker, clock        check       what the doctor asks
```

1. A token is picked from the view, and reserved there at once; the server confirms or refuses.
2. Everything else is done in the view first and goes the same way, behind the caller.
3. All that goes to the server is one script call at a time, with whatever has gathered meanwhile:
   it is carried out in order, as a whole, and once, even if an answer is lost on the way.
4. What a call touches comes back with its answer; what others touch is read from a stream.

Whatever is in the server can be made again from the views, but for what happened in the
milliseconds before it was lost. Nothing here is durable: `scheduler.behind` sees to that.
"""

from grokgate.scheduler.redis.home import RedisHome
from grokgate.scheduler.redis.places import RedisPlaces
from grokgate.scheduler.redis.usage import RedisUsage

__all__ = ["RedisHome", "RedisPlaces", "RedisUsage"]
