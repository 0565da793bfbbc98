"""Settings of the web upstream that change what an answer is made of."""

from typing import Any

import pytest

from grokgate.upstream import TextDelta
from plugins.web.talk_world import DONE, WHO, text

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("tags", "shown"), [(("note",), "a c"), ((), "a <note>b</note> c")], ids=["named", "none"]
)
async def test_tags_that_the_operator_names_are_taken_out_of_answers(
    server: Any, account: Any, attempt: Any, talk: Any, *, tags: tuple[str, ...], shown: str
) -> None:
    async def script(visit: Any) -> None:
        if "upgrade" not in visit.headers:
            await visit.reply(WHO)
            return
        peer = await visit.upgrade()
        await peer.open_session()
        await peer.event()
        await peer.event()
        await peer.tell("response.chunk", **text("a <note>b</note> c"))
        await peer.tell("response.done", **DONE)
        await peer.gone()

    server.script = script
    found, _ = await talk(account, attempt, filter_tags=tags)

    said = "".join(event.text for event in found if isinstance(event, TextDelta))
    assert " ".join(said.split()) == shown


@pytest.mark.parametrize(
    ("protocol", "path"),
    [("2026-04", "/rest/app-chat/conversations/new"), ("2026-08", "/ws/mgw/")],
)
async def test_protocol_decides_where_a_conversation_goes(
    server: Any, account: Any, attempt: Any, talk: Any, *, protocol: str, path: str
) -> None:
    server.script = lambda visit: visit.reply(WHO)
    await talk(account, attempt, protocol=protocol)

    assert server.visits[-1].path.partition("?")[0] == path
