"""Connections to the upstream; the only module that knows curl_cffi.

It drives `Curl` and `AsyncCurl` directly instead of `AsyncSession`, which cannot abort a silent
answer, buffers without limit and keeps cookies (libcurl's cookie engine stays off here):

```text
Transport ─ Connections, one per account (or egress) and route: an AsyncCurl with its own sockets
               └─ Exchange, one per call: a borrowed Curl, given back or closed by `close()`
```

Deadlines are kept by the event loop. Times are seconds of `asyncio` loop time.
"""

from grokgate_web.transport.exchange import MAX_HELD, Exchange
from grokgate_web.transport.model import Request, Route, TransportError, targets
from grokgate_web.transport.pool import Transport

__all__ = [
    "MAX_HELD",
    "Exchange",
    "Request",
    "Route",
    "Transport",
    "TransportError",
    "targets",
]
