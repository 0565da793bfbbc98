"""Who watches a simulation: sees everything the program is told, and everything it answers."""

from collections.abc import Mapping

from grokgate.errors import GatewayError
from grokgate.scheduler.home import Lease, Settled, Want
from grokgate.scheduler.simulate.clients import Call
from grokgate.scheduler.simulate.shell import Shell, Ticket
from grokgate.tokens.record import TokenRecord, TokenState
from grokgate.upstream import Observation, Window


class Witness:
    """Overlooks everything; subclasses look at what concerns them."""

    def started(self, shell: Shell, *, unclean: bool) -> None:
        """The program has loaded what is on disk."""

    def granted(self, lease: Lease, want: Want) -> None:
        """A call was leased an account, at once or in the queue."""

    def joined(self, ticket: Ticket) -> None:
        """A call is about to wait."""

    def answered(self, ticket: Ticket) -> None:
        """A call that waited has its reply; if it is a lease, `granted` follows."""

    def left(self, ticket: Ticket) -> None:
        """A call waits no more, though it has no reply."""

    def refused(self, call: Call, error: GatewayError) -> None:
        """A call was refused without having waited."""

    def settling(
        self, lease: Lease, observation: Observation, *, units: int, penalize: bool
    ) -> None:
        """The end of a lease is about to be told."""

    def settled(self, call: Call, lease: Lease, observation: Observation, result: Settled) -> None:
        """The end of a lease was told."""

    def taken_back(self, lease: Lease) -> None:
        """A lease was given back by a call that left."""

    def expired(self, lease: int) -> None:
        """A lease was ended that nobody settled."""

    def sent(self, lease: Lease) -> None:
        """The body of a call is going out."""

    def surveying(self, token: str, since: int) -> None:
        """A survey has begun."""

    def learning(
        self, token: str, windows: Mapping[str, Window], *, since: int, asked: frozenset[str] | None
    ) -> None:
        """What a survey found is about to be told, or numbers seen in passing."""

    def survey_failed(self, token: str, observation: Observation) -> None:
        """A survey is about to be told to have failed."""

    def editing(self, record: TokenRecord, before: TokenState | None) -> None:
        """An operator's edit is about to be told."""

    def ended(self, call: Call, outcome: str) -> None:
        """A call is over for its client."""

    def note(self, event: str, *fields: object) -> None:
        """Something happened that counts as an event."""
