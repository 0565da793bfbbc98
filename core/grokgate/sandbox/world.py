"""What the endpoints of a sandbox share: accounts, rules, journal, tables, time."""

from collections.abc import Mapping
from random import Random
from typing import Protocol

from msgspec import Struct, field

from grokgate.sandbox.accounts import Account, Accounts
from grokgate.sandbox.catalogue import Catalogue
from grokgate.sandbox.clock import VirtualClock
from grokgate.sandbox.faults import Action
from grokgate.sandbox.journal import Exchange, Journal
from grokgate.sandbox.request import Reply, Request
from grokgate.sandbox.rules import Rules


class Closable(Protocol):
    """A socket as the control plane sees it."""

    @property
    def account(self) -> str | None:
        """Token of whose it is."""
        ...

    async def close(self, code: int = 1000) -> None:
        """Send a close frame; 1006: cut the connection without one."""
        ...


class World(Struct, frozen=True, kw_only=True):
    """The state of one sandbox."""

    open_sockets: "set[Closable]" = field(default_factory=set)
    """For the control plane, which may close them."""
    accounts: Accounts
    rules: Rules
    journal: Journal
    catalogue: Catalogue
    clock: VirtualClock
    seed: int
    gap_s: float
    """Seconds between two lines of an answer."""
    strict: bool
    """Refuse requests without the headers of the protocol."""
    strict_generation: bool
    """Refuse what belongs to another protocol than the account's."""

    def reset(self) -> None:
        """Start over; open exchanges go on."""
        self.clock.reset()
        self.accounts.reset()
        self.rules.clear()
        self.journal.clear()

    def refuse(self, exchange: Exchange, word: str) -> Reply:
        """Turn a request away with a body of ``refusals.toml``."""
        exchange.refusal = word
        return self.refusal(word)

    def refusal(
        self, word: str, *, status: int | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Return a body of ``refusals.toml`` as a reply."""
        known = self.catalogue.refusals[word]
        return Reply(
            status=status or known.status,
            content_type=known.content_type,
            headers=known.headers if headers is None else headers,
            body=known.body.encode(),
        )

    def random(self, account: Account) -> Random:
        """Return the randomness of an account's next answer: by seed, account and count."""
        account.requests += 1
        return Random(f"{self.seed}/{account.token}/{account.requests}")  # noqa: S311 - a test must be able to repeat it


class Visit(Struct, frozen=True, kw_only=True):
    """One request on its way through an endpoint."""

    world: World
    request: Request
    exchange: Exchange
    account: Account
    actions: tuple[Action, ...]
    """What rules do to it, refusals already excluded."""
    params: Mapping[str, str] = {}
    """Named parts of the path."""
