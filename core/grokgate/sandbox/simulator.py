"""The simulator of the web upstream as one object, for tests, demos and the command line."""

from collections.abc import Iterable
from random import Random

from grokgate.sandbox.accounts import Accounts
from grokgate.sandbox.catalogue import Protocol, load_catalogue
from grokgate.sandbox.clock import VirtualClock
from grokgate.sandbox.fixtures import AccountFixture, default_accounts
from grokgate.sandbox.journal import Journal
from grokgate.sandbox.rules import Rules
from grokgate.sandbox.wire import Wire
from grokgate.sandbox.world import World
from grokgate.upstream import Clock


class Sandbox:
    """A simulated upstream: an ASGI application and the state behind it.

    Serve `app` on a loopback port: ``http://127.0.0.1:PORT`` stands for ``grok.com``, and
    ``http://127.0.0.1:PORT/__assets`` for its asset host. All attributes may be used while it
    serves, from the same event loop.

    Args:
        accounts: None: a few harmless ones of `default_accounts`.
        protocol: Generation that accounts speak unless their fixture says otherwise.
        seed: Same seed, accounts and calls, same answers.
        pace_ms: Milliseconds between two lines of an answer.
        strict: Refuse requests that lack headers of the protocol (upstream-protocol.md 1.2, 1.3).
        strict_generation: Refuse what belongs to another generation than the account's.
        clock: Time to start from; None: the machine's.
    """

    def __init__(
        self,
        accounts: Iterable[AccountFixture] | None = None,
        *,
        protocol: Protocol = "2026-08",
        seed: int = 0,
        pace_ms: float = 0,
        strict: bool = True,
        strict_generation: bool = True,
        clock: Clock | None = None,
    ) -> None:
        self.clock = VirtualClock(clock)
        self.accounts = Accounts(
            default_accounts() if accounts is None else accounts,
            load_catalogue(),
            clock=self.clock,
            protocol=protocol,
        )
        self.rules = Rules(Random(seed))  # noqa: S311 - a test must be able to repeat it
        self.journal = Journal(self.clock)
        self._world = World(
            accounts=self.accounts,
            rules=self.rules,
            journal=self.journal,
            catalogue=self.accounts.catalogue,
            clock=self.clock,
            seed=seed,
            gap_s=pace_ms / 1_000,
            strict=strict,
            strict_generation=strict_generation,
        )
        self.app = Wire(self._world)

    def reset(self) -> None:
        """Start over: accounts as they were given, no rules, an empty journal, real time.

        Exchanges that are open go on and stay in the journal.
        """
        self._world.reset()

    async def cut(self) -> None:
        """End all that is under way, so that the server can stop; what comes later is answered."""
        await self.app.cut()

    def advance(self, seconds: float) -> None:
        """Put the virtual clock forward; quota windows fill again when their time has passed."""
        self.clock.advance(seconds)
