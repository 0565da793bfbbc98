"""Why an account's item failed, in words for operators; never the upstream's own."""

from collections.abc import Mapping
from typing import Final

from grokgate.upstream import Kind, Observation

GONE: Final = "unknown"
DISABLED: Final = "disabled"
NOT_LOADED: Final = "not_loaded"
NOT_OFFERED: Final = "not_offered"
NOT_ENTITLED: Final = "nsfw_not_entitled"

_WORDS: Final[Mapping[str, str]] = {
    GONE: "There is no such account.",
    DISABLED: "The account is disabled; enable it first.",
    NOT_LOADED: "The upstream of the account is not loaded.",
    NOT_OFFERED: "The upstream of the account has nothing like this.",
    NOT_ENTITLED: "The account is not entitled to adult content. Its owner changes that in the "
    "account's settings on the upstream's own site; the gateway cannot.",
    Kind.AUTH_DEAD: "The credential is dead.",
    Kind.AUTH_FAIL: "The credential was refused.",
    Kind.QUOTA: "The upstream says that calls come too fast; try again later.",
    Kind.FORBIDDEN: "The upstream forbids it.",
    Kind.CHALLENGE: "The upstream asks for a challenge to be solved; check clearance and proxy.",
    Kind.ANTI_BOT: "The upstream takes the gateway for a bot; check the fingerprint settings.",
    Kind.PLAN: "The plan of the account does not include it.",
    Kind.CONNECT: "The upstream cannot be reached.",
    Kind.TIMEOUT: "The upstream did not answer in time.",
    Kind.MALFORMED: "The upstream's answer cannot be read.",
    Kind.BAD_REQUEST: "The upstream did not understand the request.",
    Kind.CANCELLED: "It was not asked: the gateway was stopped.",
}
_OTHERWISE: Final = "The upstream failed to answer."


def code_of(seen: Observation) -> str:
    """Return the machine word for a failed call."""
    return NOT_ENTITLED if seen.kind is Kind.NOT_ENTITLED else str(seen.kind)


def sentence(code: str) -> str:
    """Return the words for a machine word."""
    return _WORDS.get(code, _OTHERWISE)
