"""``POST …/conversations/{id}/responses``: one more turn of a conversation (protocol 2.8)."""

import msgspec
from msgspec import Struct

from grokgate.sandbox.chat import ChatBody, answer, asked_of
from grokgate.sandbox.directive import DirectiveError
from grokgate.sandbox.request import Answered, invalid
from grokgate.sandbox.routes import G1_G2, Route
from grokgate.sandbox.world import Visit


class ParentBody(Struct, frozen=True, kw_only=True, rename="camel"):
    """How a call names the answer it follows; clients use either name."""

    parent_response_id: str | None = None
    response_id: str | None = None


async def follow(visit: Visit) -> Answered:
    """Answer the next call of a conversation that the account has begun."""
    conversation_id = visit.params["id"]
    last = visit.account.conversations.get(conversation_id)
    if last is None:
        return visit.world.refuse(visit.exchange, "not_found")
    try:
        parent = msgspec.json.decode(visit.request.body, type=ParentBody)
        call = msgspec.json.decode(visit.request.body, type=ChatBody)
        if last not in (parent.parent_response_id, parent.response_id):
            visit.exchange.refusal = "invalid"
            return invalid("Parent response not found")
        return await answer(visit, asked_of(visit, call, conversation_id=conversation_id))
    except (msgspec.DecodeError, UnicodeDecodeError, DirectiveError) as error:
        visit.exchange.refusal = "invalid"
        return invalid(f"Invalid request: {error}")


ROUTES = (
    Route(
        "chat",
        "POST",
        "/rest/app-chat/conversations/{id}/responses",
        follow,
        protocols=G1_G2,
        referers=("/", "/c/*"),
    ),
)
