"""The bundled model cards and protocol profiles fit each other."""

from pathlib import Path

import pytest

from grokgate.gateway import Gateway
from grokgate.plugin import Caller
from grokgate.run_options import RunOptions
from grokgate.upstream import Wire

PROFILES = ("2026-02", "2026-04", "2026-08")
CALLER = Caller(key_id="k1", name="first")


def look(folder: Path, protocol: str) -> Gateway:
    """A gateway with the bundled plugins that speaks *protocol*."""
    options = RunOptions(
        data_dir=folder, log_dir=folder, look_only=True, overlay={"grok.protocol": protocol}
    )
    return Gateway(options, {})


@pytest.fixture(params=PROFILES)
def gateway(request: pytest.FixtureRequest, tmp_path: Path) -> Gateway:
    return look(tmp_path, request.param)


def test_every_profile_offers_models(gateway: Gateway) -> None:
    assert len(gateway.catalog.offered(CALLER)) > 10


def test_every_card_is_served_by_some_profile(tmp_path: Path) -> None:
    unserved = [set(look(tmp_path, protocol).catalog.unserved()) for protocol in PROFILES]

    assert set.intersection(*unserved) == set()


def test_quota_windows_are_those_that_new_accounts_have(gateway: Gateway) -> None:
    assumed = {name for pool in gateway.specs["web"].pools for name in pool.assumed}

    assert gateway.catalog.buckets("web") <= assumed


def test_every_tier_of_a_model_has_pools(gateway: Gateway) -> None:
    serves = gateway.specs["web"].serves
    tiers = {
        wire.tier or offer.card.tier
        for offer in gateway.catalog.offered(CALLER)
        for _, entry in gateway.catalog.wires(offer.card)
        for wire in with_alternatives(entry)
    }

    assert {tier for tier in tiers if not serves.get(tier)} == set()


def with_alternatives(wire: Wire) -> list[Wire]:
    return [wire, *(other for one in wire.otherwise for other in with_alternatives(one))]


def test_cards_require_routes_that_exist(gateway: Gateway) -> None:
    routes = {switch.id for switch in gateway.switches}
    required = {
        name for plugin in gateway.plugins for card in plugin.models for name in card.requires
    }

    assert required <= routes
