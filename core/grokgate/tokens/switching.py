"""Who may switch a token on and off: operators alone (F-TOK-11); pure."""

from msgspec.structs import replace

from grokgate.tokens.record import TokenState


def activated(state: TokenState) -> TokenState:
    """Return the state as usable, its failures forgotten."""
    return replace(
        state,
        status="active",
        state_reason=None,
        cooldown_until_ms=None,
        cooldown_level=0,
        fail_count=0,
        last_fail_reason=None,
    )


def disabled(state: TokenState) -> TokenState:
    """Return the state as switched off."""
    return replace(state, status="disabled", state_reason="operator")


def as_operator_wants(state: TokenState, current: TokenState) -> TokenState:
    """Return *state*, which was on its way while an operator perhaps switched the token."""
    if "disabled" in {state.status, current.status}:
        return replace(state, status=current.status, state_reason=current.state_reason)
    return state
