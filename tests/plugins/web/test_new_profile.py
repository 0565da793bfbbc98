"""An upstream that changed again is spoken to by a data file alone."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

import grokgate_web
from grokgate.upstream import Conversation, Finished, Started, TextDelta, Wire
from grokgate_web.caller import Caller, Toolbox
from grokgate_web.egress import EgressTable
from grokgate_web.identity import identify
from grokgate_web.payload import quota_body
from grokgate_web.profile import Profile
from grokgate_web.profile_files import load_profile
from grokgate_web.session import WebSession
from grokgate_web.settings import WebSettings
from grokgate_web.transport import Transport, targets

pytestmark = pytest.mark.anyio

UID = "7d1c0c5e-2f6b-4b0e-9a53-0d8f5f0e1a11"
TEXT = """
extends = "2026-08"
refused = ["expert"]

[hosts]
web_base = "{base}"

[headers.socket]
X-Client-Build = "2026.11 {{ua}}"

[identity]
path = "/api/v2/me"
id_fields = ["account.uuid"]

[gateway]
path = "/ws/next/{{uid}}"
user_cookie = "x-account"

[gateway.session]
persona = "default"

[gateway.session.x_grok]
is_temporary = true
private = "{{temporary}}"

[gateway.channels]
answer = ["SPEECH"]

[quota]
path = "/rest/limits"
body = {{ mode = "{{model}}" }}

[quota.names]
fast = "swift"
"""


@pytest.fixture
def profile(server: Any, tmp_path: Path) -> Profile:
    bundled = Path(str(grokgate_web.__file__)).parent / "profiles"
    for source in bundled.glob("*.toml"):
        (tmp_path / source.name).write_bytes(source.read_bytes())
    (tmp_path / "2026-11.toml").write_text(TEXT.format(base=server.base))
    return load_profile("2026-11", folder=tmp_path)


@asynccontextmanager
async def opened(
    profile: Profile, account: Any, attempt: Any, folder: Path, *, log: Any, clock: Any
) -> AsyncIterator[WebSession]:
    transport = Transport(folder)
    tools = Toolbox(
        transport=transport,
        egress=EgressTable(),
        rng=random.Random(0),
        clock=clock,
        log=log,
    )
    identity = identify(WebSettings(), targets(), profile=profile)
    wire = Wire(name="swift", buckets=("fast",))
    caller = Caller(account, identity, identity.main, tools)
    yield WebSession(account, wire, attempt, identity=identity, caller=caller)
    await transport.aclose()


async def test_conversation_by_a_new_data_file(
    profile: Profile,
    server: Any,
    account: Any,
    attempt: Any,
    *,
    tmp_path: Path,
    log: Any,
    clock: Any,
) -> None:
    asked: list[dict[str, Any]] = []

    async def script(visit: Any) -> None:
        if visit.path == "/api/v2/me":
            await visit.reply(b'{"account":{"uuid":"%s"}}' % UID.encode())
            return
        peer = await visit.upgrade()
        asked.append(await peer.open_session())
        chunk = {"text": {"text": "Because.", "channel": "SPEECH"}}
        await peer.tell("response.chunk", chunk=chunk)
        await peer.tell("response.done", response={"status": "completed"})
        await peer.gone()

    server.script = script
    async with opened(profile, account, attempt, tmp_path, log=log, clock=clock) as session:
        with anyio.fail_after(5):
            found = [event async for event in session.converse(Conversation.of_text("Why?"))]

    assert found == [Started(), TextDelta(text="Because."), Finished()]
    socket = server.visits[1]
    assert socket.path == f"/ws/next/{UID}"
    assert socket.headers["x-client-build"].startswith("2026.11 Mozilla/5.0")
    assert socket.headers["cookie"].endswith(f"; x-account={UID}")
    session_sent = asked[0]["event"]["session"]
    assert (session_sent["model"], session_sent["persona"]) == ("swift", "default")
    assert session_sent["x_grok"]["private"] is True


async def test_quota_by_a_new_data_file(profile: Profile) -> None:
    quota = profile.quota

    assert (quota.path, quota.names["fast"]) == ("/rest/limits", "swift")
    assert quota_body({"mode": quota.body["mode"]}, "swift") == b'{"mode":"swift"}'
    assert profile.chain == ("2026-11", "2026-08", "2026-04", "base")
    assert profile.refused == {"expert"}
