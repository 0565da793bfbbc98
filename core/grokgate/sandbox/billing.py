"""``GetGrokCreditsConfig``: the weekly pool of paid accounts (upstream-protocol.md 4.6)."""

import struct
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from grokgate.sandbox.fixtures import WeeklyCredits
from grokgate.sandbox.grpcweb import (
    EMPTY,
    GrpcError,
    answer,
    bytes_field,
    fail,
    number_field,
    varint,
)
from grokgate.sandbox.request import Answered
from grokgate.sandbox.routes import G2_G3, GRPC, Route
from grokgate.sandbox.world import Visit


async def credits_config(visit: Visit) -> Answered:
    """Tell how much of its weekly pool an account has used; most have none."""
    if visit.request.body != EMPTY:
        visit.exchange.refusal = "grpc-13"
        return fail(GrpcError(13, "failed to decode protobuf"))
    return answer(
        config_message(visit.account.fixture.credits, visit.world.clock.now()), visit.actions
    )


def config_message(weekly: WeeklyCredits | None, now: datetime) -> bytes:
    """Write the answer; without a pool the period has whole seconds and no share is told."""
    start = _week(now) if weekly is None else weekly.start_s or _week(now) + 0.5
    config = (
        (b"" if weekly is None else _float_field(1, weekly.used_percent))
        + bytes_field(4, _timestamp(start))
        + bytes_field(5, _timestamp(start + _WEEK_S))
        + (b"" if weekly is None else _products(weekly.products))
    )
    return bytes_field(1, config)


def _products(products: Mapping[int, float]) -> bytes:
    return b"".join(
        bytes_field(7, number_field(1, code) + _float_field(2, percent))
        for code, percent in products.items()
    )


def _float_field(number: int, value: float) -> bytes:
    """Write a field that holds a float; zero is left out."""
    return varint(number << 3 | 5) + struct.pack("<f", value) if value else b""


def _timestamp(epoch_s: float) -> bytes:
    seconds, part = divmod(epoch_s, 1)
    nanos = number_field(2, round(part * 1e9)) if part else b""
    return number_field(1, int(seconds)) + nanos


def _week(now: datetime) -> float:
    """Return the Unix time at which the week of *now* began."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return (midnight - timedelta(days=now.weekday())).timestamp()


ROUTES = (
    Route(
        "credits",
        "POST",
        "/grok_api_v2.GrokBuildBilling/GetGrokCreditsConfig",
        credits_config,
        protocols=G2_G3,
        referers=("/",),
        headers=GRPC,
        statsig=False,
    ),
)
_WEEK_S = 7 * 86_400
