"""Each change has its line in the audit trail, with what came of it (S18, F-LOG-07)."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from grokgate.admin.context import OpenRequests
from grokgate.admin.trail import Trail
from grokgate.storage.acting import Act
from grokgate.storage.meta import write_fact
from grokgate.testing import RunningGateway, running_gateway

pytestmark = pytest.mark.anyio


@pytest.fixture
async def gw() -> AsyncIterator[RunningGateway]:
    async with running_gateway() as running:
        yield running


class Served:
    """A request that writes twice, and says in between what it is about."""

    def __init__(self, gw: RunningGateway, method: str, status: int = 200) -> None:
        self._gw = gw
        self._method = method
        self._status = status

    async def lines(self, **told: Any) -> list[dict[str, Any]]:
        """Serve it; returns the trail."""
        scope: Any = {
            "type": "http",
            "method": self._method,
            "path_template": "/api/v1/admin/things/do",
            "state": {},
        }
        start = {"type": "http.response.start", "status": self._status, "headers": []}

        async def app(scope: Any, _: Any, send: Any) -> None:
            act: Act = scope["state"]["act"]
            act.actor = "as_1"
            await self._write("one")
            for name, value in told.items():
                setattr(act, name, value)
            await self._write("two")
            await send(start)

        async def nothing(_: Any = None) -> Any:
            return None

        trail = Trail(app, gateway=self._gw.gateway, requests=OpenRequests())
        await trail(scope, nothing, nothing)
        async with self._gw.operator() as admin:
            lines = (await admin.get("/audit")).json()["lines"]
        return [{name: line[name] for name in ("action", "target", "detail")} for line in lines]

    async def _write(self, name: str) -> None:
        async with self._gw.gateway.database.write() as connection:
            await write_fact(connection, name)


async def test_a_change_is_noted_once(gw: RunningGateway) -> None:
    lines = await Served(gw, "POST").lines()

    assert lines == [{"action": "things.do", "target": "", "detail": {}}]


async def test_what_is_told_after_the_change_is_in_its_line(gw: RunningGateway) -> None:
    lines = await Served(gw, "POST").lines(target="3 things", detail={"kind": "red"})

    assert lines == [{"action": "things.do", "target": "3 things", "detail": {"kind": "red"}}]


async def test_reading_is_not_noted(gw: RunningGateway) -> None:
    assert await Served(gw, "GET").lines() == []


async def test_reading_of_secrets_is_noted_whatever_was_written_before(gw: RunningGateway) -> None:
    lines = await Served(gw, "GET").lines(action="things.export", target="3 things")

    assert lines == [{"action": "things.export", "target": "3 things", "detail": {}}]


async def test_a_request_that_failed_tells_no_more_of_itself(gw: RunningGateway) -> None:
    lines = await Served(gw, "POST", status=500).lines(target="3 things")

    assert lines == [{"action": "things.do", "target": "", "detail": {}}]


async def test_refused_change_has_no_line_though_states_are_written_for_it() -> None:
    async with running_gateway(tokens={"t1": 5}) as gw, gw.operator() as admin:
        (token,) = gw.gateway.tokens.records

        reply = await admin.patch(
            "/tokens/item", json={"token": token, "note": "x"}, headers={"if-match": "99"}
        )

        assert reply.status_code == 409
        assert (await admin.get("/audit")).json()["lines"] == []
