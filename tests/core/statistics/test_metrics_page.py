"""The page about metrics names exactly those that there are."""

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

import grokgate_chat
from grokgate.telemetry.metrics import MAX_SERIES, Metrics
from grokgate.testing import FakeUpstream, running_gateway
from grokgate.upstream import TextDelta

pytestmark = pytest.mark.anyio

PAGE = Path(__file__).parents[3] / "docs/reference/metrics.md"
ROW = re.compile(r"^\| `(grokgate_\w+)` \| (.*?) \|", re.MULTILINE)
UNBOUNDED = frozenset({"key", "key_id", "model", "account", "token", "request_id", "url", "host"})


async def shown() -> dict[str, frozenset[str]]:
    """Return name → labels of everything a running gateway shows, and those with values so far."""
    upstream = FakeUpstream([TextDelta(text="Hi")])
    async with running_gateway(grokgate_chat, upstream=upstream) as gw:
        body = {"model": "grok-4", "messages": [{"role": "user", "content": "Hello"}]}
        await gw.client.post("/v1/chat/completions", json=body)
        text = gw.gateway.metrics.render().decode()
    return {
        family.name + ("_total" if family.type == "counter" else ""): frozenset(
            name for sample in family.samples for name in sample.labels if name != "le"
        )
        for family in text_string_to_metric_families(text)
    }


def documented() -> dict[str, frozenset[str]]:
    return {
        name: frozenset(re.findall(r"`(\w+)`", labels))
        for name, labels in ROW.findall(PAGE.read_text(encoding="utf-8"))
    }


async def test_every_metric_is_documented_and_none_besides() -> None:
    assert set(await shown()) == set(documented())


async def test_labels_are_those_documented() -> None:
    pages = documented()

    assert {name: labels for name, labels in (await shown()).items() if labels - pages[name]} == {}


def test_no_label_grows_without_bound() -> None:
    assert UNBOUNDED.isdisjoint({label for labels in documented().values() for label in labels})


def test_values_past_the_bound_are_counted_together() -> None:
    metrics = Metrics()
    for number in range(MAX_SERIES + 5):
        metrics.upstream_answered(number)

    assert metrics.count("upstream_statuses", "other") == 5


def test_waits_for_an_account_are_measured() -> None:
    metrics = Metrics()
    metrics.lease_waited(0.2)

    assert 'grokgate_lease_wait_seconds_bucket{le="0.25"} 1.0' in metrics.render().decode()
