"""Who acts in one attempt, and with what."""

from collections.abc import Iterable

from msgspec import Struct

from grokgate.upstream import (
    Account,
    Attempt,
    Kind,
    Observation,
    Stage,
    UpstreamFailure,
    Wire,
)
from grokgate_web.caller import Caller
from grokgate_web.decode.pictures import Sought
from grokgate_web.decode.slots import MAX_PICTURES
from grokgate_web.dial import USER_ID
from grokgate_web.identity import Identity
from grokgate_web.profile import Profile


class Actor(Struct, frozen=True, kw_only=True):
    """One account in one attempt: what all operations of a session have in common."""

    account: Account
    wire: Wire | None
    """None: for chores."""
    attempt: Attempt
    identity: Identity
    caller: Caller

    @property
    def profile(self) -> Profile:
        """The protocol profile in force."""
        return self.identity.profile

    def sought(
        self, *, most: int = MAX_PICTURES, previews: bool = False, attached: bool = False
    ) -> Sought:
        """Say what is wanted of an answer besides its text; arguments as in `Sought`."""
        return Sought(
            account=self.account.id,
            user=self.account.kept.get(USER_ID, ""),
            most=most,
            previews=previews,
            attached=attached,
        )

    def report_drift(self, operation: str, paths: Iterable[str]) -> None:
        """Tell the core of fields nobody knows."""
        for path in sorted(paths):
            self.attempt.drifted(operation, path)


def unfit(operation: str) -> UpstreamFailure:
    """Refuse what this upstream, in this profile, cannot be asked at all."""
    return UpstreamFailure(
        Observation(operation=operation, kind=Kind.BAD_REQUEST, stage=Stage.UNSENT)
    )
