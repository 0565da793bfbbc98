"""What a correct driver must report of an answer, as a value that tests compare with."""

from msgspec import Struct

from grokgate.upstream import Kind, Observation, Stage


class Expectation(Struct, frozen=True, kw_only=True):
    """What a driver must report. Where the documents leave a choice, several values will do."""

    kinds: tuple[Kind, ...]
    """Best first; `Kind.OK`: the answer is complete and unharmed."""
    stages: tuple[Stage, ...]
    """Best first."""
    first_byte_timeout: bool | None = False
    """None: either will do."""

    @property
    def kind(self) -> Kind:
        """The best class."""
        return self.kinds[0]

    @property
    def stage(self) -> Stage:
        """The best stage."""
        return self.stages[0]

    def admits(self, observation: Observation) -> bool:
        """Tell whether *observation* is right."""
        return (
            observation.kind in self.kinds
            and observation.stage in self.stages
            and self.first_byte_timeout in (None, observation.first_byte_timeout)
        )


def expect(kind: Kind, *stages: Stage) -> Expectation:
    """Expect one class, at any of *stages*, best first."""
    return Expectation(kinds=(kind,), stages=stages)


def refused(kind: Kind) -> Expectation:
    """Expect a refusal told by a status of 400, 401, 403, 404, 413, 415 or 429."""
    return expect(kind, Stage.REFUSED)


def turned_away(kind: Kind) -> Expectation:
    """Expect a refusal told otherwise; counting it as sent is tolerated."""
    return expect(kind, Stage.REFUSED, Stage.SENT)


UNHARMED = expect(Kind.OK, Stage.CONTENT)
"""The answer is complete and means what it would have meant."""
