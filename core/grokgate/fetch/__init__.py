"""Guarded fetch of addresses that clients gave (S9, F-CHAT-08).

One parser, one resolution, one pinned connection, so that what was checked is what is fetched:

1. `parse_target` takes the text apart, strictly; what it does not know it refuses.
2. The host is resolved once; every address must be public, or in the operator's allow-list.
3. The connection goes to one of exactly these addresses, with the host's own name in TLS and
   ``Host``; nothing of the gateway or of its environment is sent along.
4. A redirect starts again at 1; the body is counted as it is spooled, its type read off its bytes.
"""

from grokgate.fetch.guarded import (
    FetchLimits,
    GuardedFetch,
    Resolver,
    SystemResolver,
    Transport,
    permitted,
)
from grokgate.fetch.target import FetchRefused, IPAddress, Target, is_public, parse_target

__all__ = [
    "FetchLimits",
    "FetchRefused",
    "GuardedFetch",
    "IPAddress",
    "Resolver",
    "SystemResolver",
    "Target",
    "Transport",
    "is_public",
    "parse_target",
    "permitted",
]
