"""The consequences of an observation, as one table: charge, effect on the token, retry, error.

`RULES` has a row for every `Kind` (`architecture.md` 9.2); the charge follows from the `Stage`
(`reliability-security.md` 2). *Exact* evidence may change a token every time, *ambiguous* evidence
at most one token per client request, and none during an incident.
"""

from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from typing import Literal, TypeAlias

from msgspec import Struct

from grokgate.errors import (
    ContentRefused,
    ContextTooLong,
    EmptyResponse,
    GatewayError,
    NotEntitled,
    NoTokenAvailable,
    NoTokensConfigured,
    UpstreamBlocked,
    UpstreamError,
    UpstreamTimeout,
)
from grokgate.upstream import Kind, Observation, Stage

Retry: TypeAlias = Literal["no", "yes", "once"]


class Effect(StrEnum):
    """What happens to the token."""

    NONE = "none"
    HEAL = "heal"
    """Its faults are forgotten."""
    EMPTY = "empty"
    """Buckets are 0 until their reset."""
    CLOSE = "close"
    """Buckets are 0 until the next survey."""
    RETIRE = "retire"
    """Expired."""
    STRIKE = "strike"
    """A short cool-down, counted: expired at the threshold."""
    COOL = "cool"
    """A short cool-down."""
    COUNT = "count"
    """A cool-down with the third in a row."""


AMBIGUOUS = frozenset({Effect.STRIKE, Effect.COOL, Effect.COUNT})
"""Effects that rest on ambiguous evidence."""


class Rule(Struct, frozen=True):
    """One row of the table."""

    effect: Effect
    retry: Retry
    """Whether another token may be tried; ``once``: no more than once per client request."""


RULES: Mapping[Kind, Rule] = {
    Kind.OK: Rule(Effect.HEAL, "no"),
    Kind.QUOTA: Rule(Effect.EMPTY, "yes"),
    Kind.PLAN: Rule(Effect.CLOSE, "yes"),
    Kind.AUTH_DEAD: Rule(Effect.RETIRE, "yes"),
    Kind.AUTH_FAIL: Rule(Effect.STRIKE, "yes"),
    Kind.FORBIDDEN: Rule(Effect.COOL, "once"),
    Kind.CHALLENGE: Rule(Effect.COOL, "once"),
    Kind.ANTI_BOT: Rule(Effect.COOL, "once"),
    Kind.NOT_ENTITLED: Rule(Effect.NONE, "no"),
    Kind.MODERATION: Rule(Effect.NONE, "no"),
    Kind.BAD_REQUEST: Rule(Effect.NONE, "no"),
    Kind.TOO_LONG: Rule(Effect.NONE, "no"),
    Kind.CONNECT: Rule(Effect.NONE, "yes"),
    Kind.TIMEOUT: Rule(Effect.COUNT, "once"),
    Kind.TRANSIENT: Rule(Effect.NONE, "yes"),
    Kind.MALFORMED: Rule(Effect.NONE, "yes"),
    Kind.EMPTY: Rule(Effect.NONE, "yes"),
    Kind.TRUNCATED: Rule(Effect.NONE, "no"),
    Kind.CANCELLED: Rule(Effect.NONE, "no"),
}

CHARGED: Mapping[Stage, bool] = {
    Stage.UNSENT: False,
    Stage.REFUSED: False,
    Stage.SENT: True,
    Stage.CONTENT: True,
}

IN_NO_PLAN = "No account's plan includes this model."

_FILTERED = frozenset({401, 403, 429})
"""Refusals that are repeated only where ``grok.retry_status_codes`` names them."""
_SOCKET_CLOSED = 1000
"""A status from here on is the code with which a socket was closed."""
_PROVABLY_NOT_ACCEPTED = frozenset({Stage.UNSENT, Stage.REFUSED})
_SHORTEST_WAIT_S = 1.0
_LONGEST_WAIT_S = 3600.0


class Verdict(Struct, frozen=True, kw_only=True):
    """What follows from one observation."""

    charged: bool
    """False: the reservation is given back whole."""
    unsure: bool
    """The outcome is not known: the buckets are unknown until a survey."""
    effect: Effect
    retry: Retry


def judge(observation: Observation) -> Verdict:
    """Look *observation* up in the table."""
    rule = RULES[observation.kind]
    return Verdict(
        charged=CHARGED[observation.stage],
        unsure=observation.stage is Stage.SENT,
        effect=_effect(rule, observation),
        retry=_retry(rule, observation),
    )


def may_repeat(observation: Observation, *, repeatable: bool, codes: Collection[int]) -> bool:
    """Tell whether this failure may be tried on another token, as far as it alone decides.

    Args:
        observation: Of the failed attempt.
        repeatable: False: only if the upstream provably did not accept the call.
        codes: ``grok.retry_status_codes``.
    """
    if _retry(RULES[observation.kind], observation) == "no":
        return False
    if not repeatable and observation.stage not in _PROVABLY_NOT_ACCEPTED:
        return False
    return observation.status not in _FILTERED or observation.status in codes


def error_of(observation: Observation) -> GatewayError:
    """Return what the client is told when a call ends with *observation* (F-TOK-38)."""
    return _ERRORS.get(observation.kind, _upstream_error)(observation)


def _effect(rule: Rule, observation: Observation) -> Effect:
    if observation.total_timeout:
        return Effect.NONE
    told = observation.status is not None and observation.status < _SOCKET_CLOSED
    reset = observation.stage is Stage.SENT and not told
    if observation.kind is Kind.TRANSIENT and reset:
        return Effect.COUNT
    return rule.effect


def _retry(rule: Rule, observation: Observation) -> Retry:
    if observation.kind is Kind.TIMEOUT and not observation.first_byte_timeout:
        return "no"
    return rule.retry


def _with_status(message: str, observation: Observation) -> str:
    return message if observation.status is None else f"{message} (status {observation.status})"


def _upstream_error(observation: Observation) -> GatewayError:
    text = _UPSTREAM_TEXTS.get(observation.kind, "The upstream failed to answer")
    return UpstreamError(_with_status(text, observation) + ".")


def _blocked(observation: Observation) -> GatewayError:
    return UpstreamBlocked(
        _with_status("The upstream refused the gateway's connection", observation) + "."
    )


def _out_of_quota(observation: Observation) -> GatewayError:
    wait_s = observation.reset_in_s or _SHORTEST_WAIT_S
    return NoTokenAvailable(retry_after_s=min(_LONGEST_WAIT_S, max(_SHORTEST_WAIT_S, wait_s)))


_UPSTREAM_TEXTS: Mapping[Kind, str] = {
    Kind.AUTH_DEAD: "The upstream did not accept the account",
    Kind.AUTH_FAIL: "The upstream did not accept the account",
    Kind.BAD_REQUEST: "The upstream did not accept the request",
    Kind.CONNECT: "The upstream could not be reached",
    Kind.MALFORMED: "The upstream's answer could not be read",
    Kind.TRUNCATED: "The upstream's answer was cut off",
}
_ERRORS: Mapping[Kind, Callable[[Observation], GatewayError]] = {
    Kind.QUOTA: _out_of_quota,
    Kind.PLAN: lambda _: NoTokensConfigured(IN_NO_PLAN),
    Kind.FORBIDDEN: _blocked,
    Kind.CHALLENGE: _blocked,
    Kind.ANTI_BOT: _blocked,
    Kind.NOT_ENTITLED: lambda _: NotEntitled(),
    Kind.MODERATION: lambda _: ContentRefused(),
    Kind.TOO_LONG: lambda _: ContextTooLong(),
    Kind.TIMEOUT: lambda _: UpstreamTimeout(),
    Kind.EMPTY: lambda _: EmptyResponse(),
}
