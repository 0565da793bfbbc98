"""Health, readiness and metrics (F-GEN-08, F-LOG-06, S3)."""

from typing import Any

import pytest

pytestmark = pytest.mark.anyio

METRICS_KEY = "metrics-key-0123456789"


async def test_health_tells_one_word_without_a_key(gateway: Any) -> None:
    async with gateway.client(headers={"authorization": ""}) as client:
        reply = await client.get("/health")

    assert (reply.status_code, reply.json()) == (200, {"status": "ok"})


async def test_readiness_follows_the_gateway(gateway: Any) -> None:
    async with gateway.client(headers={"authorization": ""}) as client:
        up = await client.get("/ready")
        gateway.up = False
        down = await client.get("/ready")

    assert (up.status_code, up.json()) == (200, {"status": "ok"})
    assert (down.status_code, down.json()) == (503, {"status": "unavailable"})


async def test_metrics_open_to_their_key_only(gateway: Any, key: str) -> None:
    gateway.settings.change("app", metrics_key=METRICS_KEY)
    async with gateway.client() as client:
        opened = await client.get("/metrics", headers={"authorization": f"Bearer {METRICS_KEY}"})
        other = await client.get("/metrics", headers={"authorization": f"Bearer {key}"})
        without = await client.get("/metrics", headers={"authorization": ""})

    assert opened.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "grokgate_requests_total" in opened.text
    assert (other.status_code, without.status_code) == (401, 401)


@pytest.mark.parametrize(
    "settings",
    [{"metrics_key": ""}, {"metrics_key": METRICS_KEY, "metrics_enabled": False}],
    ids=["no key", "off"],
)
async def test_metrics_do_not_exist_without_key_or_switched_off(
    gateway: Any, settings: dict[str, Any]
) -> None:
    gateway.settings.change("app", **settings)
    async with gateway.client(headers={"authorization": f"Bearer {METRICS_KEY}"}) as client:
        reply = await client.get("/metrics")

    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "unknown_url")


@pytest.mark.parametrize("path", ["/openapi.json", "/schema", "/docs", "/schema/openapi.json"])
async def test_documentation_is_not_public(gateway: Any, path: str) -> None:
    async with gateway.client() as client:
        reply = await client.get(path)

    assert reply.json()["error"]["code"] == "unknown_url"
