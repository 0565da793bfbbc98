"""Conversations over the gateway socket, as a scripted upstream has them."""

from typing import Any

from grokgate.upstream import (
    Conversation,
    Finished,
    Started,
    TextDelta,
)

ASK = Conversation.of_text("Why?")


UID = "7d1c0c5e-2f6b-4b0e-9a53-0d8f5f0e1a11"


WHO = b'{"status":"authenticated","session":{"userId":"%s"}}' % UID.encode()


DONE: dict[str, Any] = {"response": {"status": "completed"}}


def text(piece: str) -> dict[str, Any]:
    return {"chunk": {"text": {"text": piece, "channel": "CHANNEL_ASSISTANT_RESPONSE"}}}


async def answer(peer: Any) -> None:
    """Answer what was asked, to its end."""
    await peer.event()
    await peer.event()
    await peer.tell("response.created", response={"id": "r1"})
    for piece in ("Be", "cause."):
        await peer.tell("response.chunk", **text(piece))
    await peer.tell("response.done", **DONE)


async def whole(visit: Any) -> None:
    if "upgrade" not in visit.headers:
        await visit.reply(WHO)
        return
    peer = await visit.upgrade()
    await peer.open_session()
    await answer(peer)
    await peer.part()


ANSWER = [Started(), TextDelta(text="Be"), TextDelta(text="cause."), Finished()]
