"""Saying a conversation, however the profile says it."""

from collections.abc import Sequence
from functools import partial

from grokgate.upstream import Blob, Conversation, Kind, Observation, UpstreamFailure, Wire
from grokgate_web.actor import Actor, unfit
from grokgate_web.decode.pictures import Sought
from grokgate_web.gateway import GatewayTalk
from grokgate_web.parallel import in_parallel
from grokgate_web.payload import attachments, chat_body, flatten, modes
from grokgate_web.talk import LinesTalk, Talk
from grokgate_web.uploads import Uploaded, upload_file

_CHAT = "converse"
_UPLOADS_AT_ONCE = 5
_MODE_REFUSED = (400, 404)


async def open_chat(actor: Actor, request: Conversation, *, sought: Sought) -> Talk:
    """Upload the attachments and say the conversation.

    Raises:
        UpstreamFailure: Refused, or the call failed; nothing is left open.
    """
    blobs = attachments(request)
    prompt = flatten(request.messages) or (actor.profile.chat.only_attachments if blobs else "")
    if actor.wire is None or not prompt:
        raise unfit(_CHAT)
    uploaded = [file.id for file in await upload_all(actor, blobs, purpose="chat")]
    if actor.profile.chat.shape == "gateway":
        return await _over_gateway(actor, request, actor.wire, prompt, uploaded, sought=sought)
    return await _over_lines(actor, request, actor.wire, prompt, uploaded, sought=sought)


async def upload_all(actor: Actor, blobs: Sequence[Blob], *, purpose: str) -> list[Uploaded]:
    """Upload *blobs*, a few at a time; *purpose* is a word of the profile.

    Raises:
        UpstreamFailure: One was not taken.
    """
    upload = actor.profile.upload
    calls = [partial(upload_file, actor.caller, upload, blob, purpose=purpose) for blob in blobs]
    return await in_parallel(calls, limit=_UPLOADS_AT_ONCE)


def form_refused(observation: Observation) -> bool:
    """Tell whether the upstream may take the same in another form, such as another mode name."""
    return observation.kind is Kind.BAD_REQUEST and observation.status in _MODE_REFUSED


async def _over_gateway(
    actor: Actor,
    request: Conversation,
    wire: Wire,
    prompt: str,
    uploaded: list[str],
    *,
    sought: Sought,
) -> Talk:
    talk = GatewayTalk(actor.caller, actor.identity, actor.attempt, sought=sought)
    try:
        await talk.open(request, wire=wire, prompt=prompt, uploaded=uploaded)
    except BaseException:
        talk.close()
        actor.report_drift(_CHAT, talk.decoder.drift)
        raise
    return talk


async def _over_lines(
    actor: Actor,
    request: Conversation,
    wire: Wire,
    prompt: str,
    uploaded: list[str],
    *,
    sought: Sought,
) -> Talk:
    """Send the conversation, under the next mode name where the upstream refuses one."""
    talk = LinesTalk(actor.caller, actor.identity, actor.attempt, sought=sought)
    *others, last = modes(wire)
    for mode in (*others, last):
        body = chat_body(
            actor.profile.chat,
            request,
            wire=wire,
            mode=mode,
            prompt=prompt,
            uploaded=uploaded,
            settings=actor.identity.settings,
        )
        try:
            await talk.open(body)
        except UpstreamFailure as failure:
            if mode == last or not form_refused(failure.observation):
                raise
        else:
            return talk
    raise AssertionError("the last mode either answers or raises")
