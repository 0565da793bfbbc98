import pytest

from grokgate.tokens.listing import list_tokens
from grokgate.tokens.pools import Pools
from grokgate.tokens.record import TokenRecord, TokenState
from grokgate.upstream import Secret, Tier, UpstreamSpec


@pytest.mark.parametrize(
    ("pool", "serving", "routed"),
    [("ssoSuper", "ssoSuper", True), ("auto", "ssoBasic", True), ("ssoOther", "ssoOther", False)],
)
def test_pool_that_serves(
    specs: dict[str, UpstreamSpec], pool: str, serving: str, *, routed: bool
) -> None:
    pools = Pools(specs)

    assert pools.serving(pool, "web") == serving
    assert pools.routed(pool, "web") is routed


def test_nothing_is_routed_to_an_upstream_that_is_not_loaded(
    specs: dict[str, UpstreamSpec],
) -> None:
    assert not Pools(specs).routed("auto", "other")


def test_pool_of_a_subscription(specs: dict[str, UpstreamSpec]) -> None:
    pools = Pools(specs)

    assert pools.of_tier("web", "super") == "ssoSuper"
    assert pools.of_tier("other", "super") is None


@pytest.mark.parametrize(
    ("pool", "tier", "hint"),
    [
        ("ssoBasic", "super", "ssoSuper"),
        ("ssoBasic", "basic", None),
        ("ssoBasic", None, None),
        ("auto", "super", None),
        ("ssoOther", "super", None),
    ],
)
def test_pool_that_the_last_answer_contradicts_is_a_hint(
    specs: dict[str, UpstreamSpec], pool: str, tier: Tier | None, hint: str | None
) -> None:
    state = TokenState(id="a", tier=tier)
    record = TokenRecord(id="a", pool=pool, credential=Secret("x"), state=state)

    [view] = list_tokens([record], Pools(specs))

    assert view.hint == hint
