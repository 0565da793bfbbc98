"""When accounts are asked for their quota (F-TOK-32, F-TOK-40 to F-TOK-43).

- new tokens at once, and those never asked at the start;
- all of a pool periodically: those that cool down, and those last asked longer ago;
- soon after a 429 that named no reset, an unknown outcome, or a call on old numbers;
- on demand, when a request finds nothing and nobody knows when quota returns;
- when an operator says so, expired tokens too.

A token is asked once at a time, and a bounded number in parallel; whole pools are asked in steps.
A survey that fails changes nothing, unless it shows that the credential is dead; it is repeated
later and later.
"""

from grokgate.refresh.detection import Edits
from grokgate.refresh.refresh import ON_DEMAND_S, Refresh
from grokgate.refresh.rounds import FIRST_ROUND_S
from grokgate.refresh.survey import RefreshSettings, SurveyedHome
from grokgate.refresh.watch import Surveyed

__all__ = [
    "FIRST_ROUND_S",
    "ON_DEMAND_S",
    "Edits",
    "Refresh",
    "RefreshSettings",
    "Surveyed",
    "SurveyedHome",
]
