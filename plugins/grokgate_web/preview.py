"""Shows the requests a profile makes, for whoever writes one; every secret is masked."""

import random
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec.structs import replace

from grokgate.upstream import Conversation, ImageRequest, VideoRequest, Wire
from grokgate_web.headers import cookie_header, pasted_cookies, statsig
from grokgate_web.identity import Identity, identify
from grokgate_web.payload import chat_body, message_event, quota_body, session_event
from grokgate_web.payload_media import edit_body, film_body, imagine_messages
from grokgate_web.profile import Gateway, Profile
from grokgate_web.settings import WebSettings

_MASK = "…"
_MODEL = "{model}"
_PROMPT = "{prompt}"


def preview(profile: Profile, settings: WebSettings, targets: Iterable[str]) -> Iterator[str]:
    """Return lines that show what is sent for each purpose.

    Args:
        profile: Looked at.
        settings: Of which the requests are made; secret ones count only by whether they are set.
        targets: Fingerprints the installed library offers.
    """
    shown = replace(settings, custom_instruction=settings.custom_instruction and _MASK)
    identity = identify(shown, targets, profile=profile)
    yield f"profile {' < '.join(profile.chain)}"
    if profile.refused:
        yield f"no longer taken: {', '.join(sorted(profile.refused))}"
    yield from _call(identity, "whose account it is", "GET", profile.identity.path, "get")
    yield from _quota(identity)
    yield from _chat(identity)
    sent_as = "form" if profile.upload.shape == "form" else "json"
    yield from _call(identity, "attachment", "POST", profile.upload.path, sent_as)
    yield from _pictures(identity)
    yield from _edit(identity)
    yield from _video(identity)
    preference = profile.preference
    yield from _call(identity, "content preference", "POST", preference.path, "preference")
    yield f"  on: {preference.on.hex(' ')}"
    yield f"  off: {preference.off.hex(' ')}"


def _quota(identity: Identity) -> Iterator[str]:
    quota = identity.profile.quota
    yield from _call(identity, "quota", "POST", quota.path, "json")
    for bucket, name in quota.names.items():
        yield f"  {bucket}: {quota_body(quota.body, name).decode()}"


def _chat(identity: Identity) -> Iterator[str]:
    profile, wire = identity.profile, Wire(name=_MODEL, buckets=(), params={"mode": "{mode}"})
    request = Conversation.of_text(_PROMPT)
    if profile.gateway is not None and profile.chat.shape == "gateway":
        path = profile.gateway.path.replace("{uid}", "<uid>")
        user = profile.gateway.user_cookie
        yield from _call(identity, "conversation", "GET", path, "socket", user=user)
        yield from _gateway(profile.gateway, request, wire, identity.settings)
        return
    yield from _call(identity, "conversation", "POST", profile.chat.path, "json")
    body = chat_body(
        profile.chat,
        request,
        wire=wire,
        mode="{mode}",
        prompt=_PROMPT,
        uploaded=(),
        settings=identity.settings,
    )
    yield f"  {body.decode()}"


def _gateway(
    gateway: Gateway, request: Conversation, wire: Wire, settings: WebSettings
) -> Iterator[str]:
    events: tuple[Any, ...] = (
        session_event(gateway, request, wire=wire, event_id="<id>", settings=settings),
        message_event(_PROMPT, (), event_id="<id>", message_id="<id>"),
    )
    for event in events:
        yield f"  {msgspec.json.encode(event).decode()}"


def _pictures(identity: Identity) -> Iterator[str]:
    socket = identity.profile.images.socket
    request = ImageRequest(prompt=_PROMPT, method="socket")
    yield from _call(identity, "pictures", "GET", socket.path, "socket")
    messages = imagine_messages(socket, request, pro=False, request_id="<id>", stamp=0)
    yield from (f"  {message.decode()}" for message in messages)


def _edit(identity: Identity) -> Iterator[str]:
    edit = identity.profile.edit
    sources = {"references": ["<address>"], "parent": "<id>", "assets": ["<id>"]}
    yield from _call(identity, "edit", "POST", edit.path, "json")
    body = edit_body(
        edit,
        ImageRequest(prompt=_PROMPT, method="edit"),
        model=_MODEL,
        mode=None,
        sources=sources,
        settings=identity.settings,
    )
    yield f"  {body.decode()}"


def _video(identity: Identity) -> Iterator[str]:
    video, post = identity.profile.video, identity.profile.post
    if video.shape == "post":
        yield from _call(identity, "media post", "POST", post.path, "json")
    yield from _call(identity, "video", "POST", video.path, "json")
    body = film_body(
        video,
        VideoRequest(prompt=_PROMPT, seconds=6),
        model=_MODEL,
        parent="<id>",
        original=None,
        references=(),
        settings=identity.settings,
    )
    yield f"  {body.decode()}"


def _call(
    identity: Identity, purpose: str, method: str, path: str, header_set: str, *, user: str = ""
) -> Iterator[str]:
    """Show a request's first line and headers; names of the profile's tables are header sets.

    *user* is the name of the cookie with the user id, where there is one.
    """
    yield ""
    yield f"{purpose}: {method} {_base(identity.web_base, header_set)}{path}"
    settings, profile = identity.settings, identity.profile
    token = statsig(settings.statsig, profile.statsig.mode, dynamic=False, rng=random.Random(0))  # noqa: S311 - shown masked
    values = {
        "uuid": "<uuid>",
        "referer": f"{identity.web_base}/",
        "statsig": _MASK if token else "",
    }
    for name, value in identity.main.sets[header_set].render(values):
        yield f"  {name}: {value}"
    cookies = "; ".join(f"{name}={_MASK}" for name in _cookie_names(settings))
    yield f"  Cookie: {cookies}" + (f"; {user}=<uid>" if user else "")


def _base(web_base: str, header_set: str) -> str:
    return f"ws{web_base.removeprefix('http')}" if header_set == "socket" else web_base


def _cookie_names(settings: WebSettings) -> list[str]:
    pasted = pasted_cookies(cf_clearance=settings.cf_clearance, cf_cookies=settings.cf_cookies)
    pairs = cookie_header(_MASK, pasted).split("; ")
    return [pair.partition("=")[0] for pair in pairs]
