from collections.abc import Callable, Mapping
from typing import Any

import pytest

from grokgate.scheduler.holding import Moment
from grokgate.tokens.record import Bucket, TokenRecord, TokenState
from grokgate.upstream import Secret

MakeToken = Callable[..., TokenRecord]


@pytest.fixture
def now() -> Moment:
    return Moment(1000.0, 1_700_000_000_000)


@pytest.fixture
def token() -> MakeToken:
    def make(
        name: str, units: int | Mapping[str, Bucket] = 10, pool: str = "basic", **fields: Any
    ) -> TokenRecord:
        buckets = {"default": Bucket(remaining=units)} if isinstance(units, int) else units
        state = {
            key: fields.pop(key) for key in tuple(fields) if key in TokenState.__struct_fields__
        }
        return TokenRecord(
            id=name,
            pool=pool,
            credential=Secret(name),
            state=TokenState(id=name, buckets=buckets, **state),
            **fields,
        )

    return make


@pytest.fixture
def basic(token: MakeToken) -> MakeToken:
    def make(name: str, units: int = 10, **fields: Any) -> TokenRecord:
        return token(name, units, "ssoBasic", **fields)

    return make
