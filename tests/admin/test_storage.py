import pytest

from grokgate.testing import running_gateway

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("kind", ["local", "sqlite"])
async def test_storage_is_told_as_it_is(kind: str) -> None:
    async with running_gateway(settings={"storage.type": kind}) as gw, gw.operator() as admin:
        assert (await admin.get("/storage")).json() == {"type": "local", "redis": False}
