"""Responses that are kept or made in the background, asked for by their ids."""

from typing import Any, Final

from e2e.endpoints import RESPONSES, Heard
from e2e.probe import Probe

UNDER_WAY: Final = frozenset({"queued", "in_progress"})
_END_S = 10


async def begin(gateway: Probe, prompt: str, **more: Any) -> str:
    """Begin a response in the background; returns its id."""
    reply = await gateway.ask(RESPONSES, prompt, background=True, **more)
    assert (reply.status_code, reply.json()["status"]) == (200, "queued")
    return str(reply.json()["id"])


async def look(gateway: Probe, response_id: str) -> dict[str, Any]:
    """Return a response as it stands."""
    reply = await gateway.http.get(f"{RESPONSES.path}/{response_id}")
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


async def end_of(gateway: Probe, response_id: str) -> dict[str, Any]:
    """Wait for the end of a response made in the background."""
    with gateway.within(_END_S, "the response never ended"):
        await replay(gateway, response_id)
    return await look(gateway, response_id)


async def replay(gateway: Probe, response_id: str) -> Heard:
    """Read all events of a response made in the background."""
    path = f"{RESPONSES.path}/{response_id}"
    reply = await gateway.http.get(path, params={"stream": "true"})
    assert reply.status_code == 200, reply.text
    return RESPONSES.hear(reply.content)
