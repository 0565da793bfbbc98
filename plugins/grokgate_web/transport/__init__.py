"""Connections to the upstream; the only module that knows curl_cffi.

It drives `Curl` and `AsyncCurl` directly instead of `AsyncSession`, which cannot abort a silent
answer, buffers without limit and keeps cookies (libcurl's cookie engine stays off here):

```text
Transport ─ Connections, one per account (or egress) and route: an AsyncCurl with its own sockets
               └─ Exchange, one per call: a borrowed Curl, given back or closed by `close()`
                    └─ Sending: one that can be added to on its way
                         ├─ Upload: a long body, made while it is sent
                         └─ Upgrade: two streams of bytes, in which a Socket reads and writes frames
```

Deadlines are kept by the event loop. Times are seconds of `asyncio` loop time.
"""

from grokgate_web.transport.exchange import MAX_HELD, Exchange
from grokgate_web.transport.frames import MAX_MESSAGE
from grokgate_web.transport.model import Pieces, Request, Route, TransportError, targets
from grokgate_web.transport.pool import Transport
from grokgate_web.transport.socket import Message, Socket

__all__ = [
    "MAX_HELD",
    "MAX_MESSAGE",
    "Exchange",
    "Message",
    "Pieces",
    "Request",
    "Route",
    "Socket",
    "Transport",
    "TransportError",
    "targets",
]
