"""Asks a server what it is, beside running services too; nothing is changed there."""

import time
from typing import Final

from msgspec import Struct
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    NoPermissionError,
    OutOfMemoryError,
)

from grokgate.bus.connecting import FAULTS, connected
from grokgate.errors import StateError
from grokgate.upstream import Secret

OLDEST: Final = (6, 2)
"""Version of Redis whose commands are used; every Valkey has them."""
POLICY: Final = "noeviction"
"""What it must do when its memory is full: refuse, rather than forget what calls have used."""
_TRIES: Final = 3
_REFUSALS: Final = (AuthenticationError, AuthorizationError, NoPermissionError)


class Answer(Struct, frozen=True, kw_only=True):
    """What a server told of itself."""

    name: str
    """Redis, Valkey or what else it calls itself, with its version."""
    speaks: str
    """Version of Redis that it is like."""
    policy: str
    """What it does when its memory is full; empty: it does not tell."""
    latency_ms: float
    """Of a command for nothing, the shortest of three."""

    @property
    def is_new_enough(self) -> bool:
        """Whether it has the commands that are used."""
        return tuple(int(word) for word in self.speaks.split(".")[:2]) >= OLDEST

    @property
    def keeps_all(self) -> bool:
        """Whether it throws nothing away, as far as it tells."""
        return self.policy in {POLICY, ""}


async def ask_redis(address: Secret) -> Answer:
    """Ask the server at *address* for its kind, its policy and how fast it answers.

    Raises:
        StateError: It does not answer, or not to us; nothing of its address is told.
    """
    try:
        async with connected(address) as client:
            server = await client.info("server")
            memory = await client.info("memory")
            times = []
            for _ in range(_TRIES):
                began = time.perf_counter()
                await client.time()
                times.append(1000 * (time.perf_counter() - began))
    except ValueError:
        raise StateError(
            "SERVER_REDIS_URL is not the address of a server. Set it to redis://HOST, "
            "rediss://USER:PASSWORD@HOST or unix:///PATH."
        ) from None
    except FAULTS as error:
        raise StateError(reason(error)) from error
    return Answer(
        name=_named(server),
        speaks=str(server.get("redis_version", "0")),
        policy=str(memory.get("maxmemory_policy", "")),
        latency_ms=min(times),
    )


def reason(error: BaseException) -> str:
    """Say why a server cannot be used, and what to do."""
    # While it connects, the library hides a refusal behind an error of the connection.
    if isinstance(error, _REFUSALS) or isinstance(error.__cause__, _REFUSALS):
        return "The Redis server refuses the user or the password. Correct SERVER_REDIS_URL."
    if isinstance(error, OutOfMemoryError):
        return "The memory of the Redis server is full. Raise its maxmemory."
    kind = type(error).__name__
    return f"The Redis server does not answer ({kind}). Start it, or correct SERVER_REDIS_URL."


def _named(server: dict[str, object]) -> str:
    """Tell what INFO says of the program; Valkey says first what version of Redis it is like."""
    if "valkey_version" in server:
        return f"Valkey {server['valkey_version']}"
    return f"Redis {server.get('redis_version', '?')}"
