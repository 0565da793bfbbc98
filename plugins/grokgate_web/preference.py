"""The account's own content preference, over gRPC-web (`upstream-protocol.md` 8).

One call that switches what the account's owner could switch on the site, and nothing else: nothing
is stated of age or terms (D3).
"""

from grokgate.upstream import Kind, Observation, Stage, UpstreamFailure
from grokgate_web.actor import Actor
from grokgate_web.call import Answer, WebCall
from grokgate_web.caller import Caller
from grokgate_web.classify import Evidence
from grokgate_web.decode.grpc import read_answer

_PREFER = "prefer_nsfw"


async def prefer_nsfw(actor: Actor, *, on: bool) -> None:
    """Switch the preference.

    Raises:
        UpstreamFailure: Refused; `Kind.NOT_ENTITLED` where facts that are held about the account
            do not allow it.
    """
    preference = actor.profile.preference
    caller = actor.caller.become(Caller, guise=actor.identity.nsfw)
    call = WebCall(
        operation=_PREFER,
        path=preference.path,
        referer=preference.referer,
        headers="preference",
        body=preference.on if on else preference.off,
        first_s=actor.attempt.first_s,
        on_sent=actor.attempt.sent,
    )
    _judge(caller, await caller.fetch(call))


def _judge(caller: Caller, answer: Answer) -> None:
    try:
        told = read_answer(answer.body, answer.headers)
    except ValueError as error:
        raise UpstreamFailure(
            Observation(operation=_PREFER, kind=Kind.MALFORMED, stage=Stage.SENT)
        ) from error
    if told.status:
        evidence = Evidence(codes=(told.status,), text=told.text.lower())
        raise caller.judged(evidence, _PREFER, Stage.REFUSED)
