"""Every row of the error tables, as evidence (`upstream-protocol.md` 2.7, 12.1 to 12.3, 12.5)."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from grokgate.upstream import Kind, Observation, Stage
from grokgate_web.classify import Evidence, http_evidence, in_band_evidence, judge
from grokgate_web.decode.chat import ChatDecoder
from grokgate_web.decode.gateway import GatewayDecoder
from grokgate_web.decode.imagine import ImagineDecoder
from grokgate_web.decode.pictures import Sought
from grokgate_web.profile_files import load_profile

NOW = datetime(2026, 8, 1, tzinfo=UTC)
PROFILES = ("2026-02", "2026-04", "2026-08")
PAGE = (
    '<!DOCTYPE html><html lang="en-US"><head><title>Just a moment...</title></head><body>'
    "<script>window._cf_chl_opt={cType:'managed'};</script></body></html>"
)
LOST = "Failed to look up session ID. [WKE=unauthenticated:invalid-credentials]"
ANTI_BOT = "Request rejected by anti-bot rules."
PLAN = "Model is not available for your plan"


def error(code: int, message: str, **more: Any) -> str:
    return json.dumps({"error": {"code": code, "message": message, "details": [], **more}})


def observe(
    profile: str, status: int, body: str, operation: str = "converse", **headers: str
) -> Observation:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    evidence = http_evidence(status, named, body.encode(), now=NOW)
    rules = load_profile(profile).errors
    return judge(rules, evidence, operation=operation, stage=Stage.SENT)


def told(observation: Observation) -> tuple[Kind, Stage, str | None]:
    return observation.kind, observation.stage, observation.marker


BODIES = [  # 12.1 and 12.2, from top to bottom
    (401, error(16, LOST), Kind.AUTH_DEAD, "account_marker"),
    (401, '{"code":"unauthenticated:bad-credentials","error":"Bad credentials"}',
     Kind.AUTH_DEAD, "account_marker"),
    (403, '{"code":7,"message":"User is blocked [WKE=unauthorized:blocked-user]","details":[]}',
     Kind.AUTH_DEAD, "account_marker"),
    (403, '{"code":"unauthorized:blocked-user","error":"User is blocked"}',
     Kind.AUTH_DEAD, "account_marker"),
    (403, error(7, ANTI_BOT), Kind.ANTI_BOT, "anti_bot_text"),
    (403, PAGE, Kind.CHALLENGE, "challenge_page"),
    (403, "", Kind.CHALLENGE, "challenge_page"),
    (403, error(7, PLAN), Kind.PLAN, "plan"),
    (400, error(3, "Model not found"), Kind.BAD_REQUEST, "bad_request"),
    (400, error(3, "invalid-credentials"), Kind.AUTH_DEAD, "account_marker"),
    (400, error(3, "Prompt is too long"), Kind.TOO_LONG, "too_long"),
    (404, error(5, "Source post not found [WKE=imagine:invalid-parent-post]"),
     Kind.BAD_REQUEST, "bad_request"),
    (413, error(3, "File is too large"), Kind.BAD_REQUEST, "bad_request"),
    (415, "", Kind.BAD_REQUEST, "bad_request"),
    (429, error(8, "Too many requests"), Kind.QUOTA, "too_many_requests"),
    *((status, body, Kind.TRANSIENT, None)
      for status in (500, 502, 504, 520, 521, 522, 523, 524, 525, 526)
      for body in (error(13, "Internal error"), "<html>Bad gateway</html>", "gone", "")),
    (503, error(14, "unavailable"), Kind.TRANSIENT, None),
    (503, "gone", Kind.TRANSIENT, None),
    (503, PAGE, Kind.CHALLENGE, "challenge_page"),
    (503, "", Kind.CHALLENGE, "challenge_page"),
    *((403, f"x {word} y", Kind.CHALLENGE, "challenge_text")
      for word in ("JUST A MOMENT", "challenge-platform", "__cf_chl", "cf-chl-")),
    (403, "\ufeff \n<HTML>", Kind.CHALLENGE, "challenge_page"),
    # 12.3 beyond these bodies.
    (401, "no", Kind.AUTH_FAIL, "unauthorized"),
    (400, error(16, "no"), Kind.AUTH_FAIL, "unauthenticated_code"),
    *((403, error(2, text), Kind.QUOTA, "quota_text")
      for text in ("usage limit", "Usage quota", "rate_limited", "usage_limit_reached")),
    (400, error(8, "no"), Kind.QUOTA, "quota_code"),
    (403, error(2, "usage limit, upgrade your plan"), Kind.QUOTA, "quota_text"),
    *((403, error(7, text), Kind.PLAN, "plan") for text in ("Upgrade now", "a higher tier")),
    (400, error(3, "moderated"), Kind.MODERATION, "moderated"),
    (403, error(7, "Permission denied"), Kind.FORBIDDEN, "forbidden"),
    (413, "context length", Kind.TOO_LONG, "too_long"),
    (405, "", Kind.BAD_REQUEST, "bad_request"),
    (410, "", Kind.BAD_REQUEST, None),
]  # fmt: skip


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(("status", "body", "kind", "marker"), BODIES)
def test_body(profile: str, status: int, body: str, kind: Kind, marker: str | None) -> None:
    observed = observe(profile, status, body)

    stage = Stage.REFUSED if status < 500 else Stage.SENT
    assert told(observed) == (kind, stage, marker)
    assert (observed.status, observed.buckets, observed.reset_in_s) == (status, (), None)
    assert observed.drift == ()


MARKERS = (
    "invalid-credentials", "bad-credentials", "failed to look up session id", "blocked-user",
    "email-domain-rejected", "session not found", "account suspended", "token revoked",
    "token expired",
)  # fmt: skip


@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize("marker", MARKERS)
def test_account_marker(status: int, marker: str) -> None:
    assert observe("2026-08", status, error(7, f"The {marker.upper()}!")).kind is Kind.AUTH_DEAD


@pytest.mark.parametrize("shape", [
    '{"error":{"code":8,"message":"x","details":[]}}',
    '{"code":8,"message":"x","details":[]}',
    '[{"error":{"code":8}}]',
])  # fmt: skip
def test_shape_of_an_error(shape: str) -> None:
    assert observe("2026-08", 400, shape).marker == "quota_code"


DEAD, FAIL = Kind.AUTH_DEAD, Kind.AUTH_FAIL
ENDPOINTS = {  # 12.5: what 400, 401, 403 JSON, 403 page, 404 and 429 say, by operation
    "converse": (Kind.BAD_REQUEST, FAIL, Kind.FORBIDDEN, Kind.CHALLENGE, Kind.BAD_REQUEST),
    "survey": (Kind.BAD_REQUEST, FAIL, Kind.FORBIDDEN, Kind.CHALLENGE, Kind.BAD_REQUEST),
    "upload": (Kind.BAD_REQUEST, FAIL, Kind.MODERATION, Kind.CHALLENGE, Kind.BAD_REQUEST),
    "files": (Kind.BAD_REQUEST, FAIL, Kind.FORBIDDEN, Kind.CHALLENGE, Kind.BAD_REQUEST),
    "delete_file": (Kind.BAD_REQUEST, FAIL, Kind.FORBIDDEN, Kind.CHALLENGE, Kind.BAD_REQUEST),
    "fetch": (Kind.BAD_REQUEST, FAIL, Kind.FORBIDDEN, Kind.CHALLENGE, Kind.BAD_REQUEST),
    "imagine": (Kind.BAD_REQUEST, FAIL, Kind.MODERATION, Kind.CHALLENGE, Kind.BAD_REQUEST),
    "film": (Kind.BAD_REQUEST, FAIL, Kind.MODERATION, Kind.CHALLENGE, Kind.BAD_REQUEST),
    "listen": (Kind.BAD_REQUEST, FAIL, Kind.FORBIDDEN, Kind.CHALLENGE, Kind.BAD_REQUEST),
    "prefer_nsfw": (Kind.BAD_REQUEST, FAIL, Kind.FORBIDDEN, Kind.CHALLENGE, Kind.BAD_REQUEST),
}


@pytest.mark.parametrize("operation", ENDPOINTS)
def test_status_matrix(operation: str) -> None:
    def kind(status: int, body: str) -> Kind:
        observed = observe("2026-08", status, body, operation)
        assert (observed.operation, observed.stage) == (operation, Stage.REFUSED)
        return observed.kind

    plain = [
        kind(400, error(3, "x")), kind(401, "{}"), kind(403, error(7, "x")), kind(403, PAGE),
        kind(404, error(5, "x")),
    ]  # fmt: skip
    assert tuple(plain) == ENDPOINTS[operation]
    assert kind(401, error(16, LOST)) is Kind.AUTH_DEAD
    assert kind(403, '{"code":"unauthorized:blocked-user"}') is Kind.AUTH_DEAD
    assert kind(403, error(7, ANTI_BOT)) is Kind.ANTI_BOT
    assert kind(403, "") is Kind.CHALLENGE
    assert kind(429, "") is Kind.QUOTA


IN_BAND = [  # 2.7, then 12.3
    ({"code": 7, "message": ANTI_BOT, "details": []}, Kind.ANTI_BOT, "anti_bot_text"),
    ({"code": 8, "message": "Too many requests", "details": []}, Kind.QUOTA, "quota_code"),
    ({"code": 13, "message": "Internal error"}, Kind.TRANSIENT, None),
    ({"code": 14}, Kind.TRANSIENT, None),
    ({"message": "You've reached your usage limit for this model."}, Kind.QUOTA, "quota_text"),
    ([{"error": {"code": 8, "message": "..."}}], Kind.QUOTA, "quota_code"),
    ("You hit your usage quota", Kind.QUOTA, "quota_text"),
    ({"code": 7, "message": "no"}, Kind.ANTI_BOT, "anti_bot_code"),
    ({"code": 7, "message": "User is blocked [WKE=unauthorized:blocked-user]"},
     Kind.AUTH_DEAD, "account_marker_in_band"),
    ({"code": 7, "message": PLAN}, Kind.PLAN, "plan_in_band"),
    ({"code": 16, "message": "no"}, Kind.AUTH_FAIL, "unauthenticated_code"),
    ({"code": "unauthenticated", "message": "no"}, Kind.AUTH_FAIL, "unauthenticated_text"),
    ({"code": 3, "message": "Prompt is too long"}, Kind.TOO_LONG, "too_long_in_band"),
    ({"code": 3, "message": "no"}, Kind.BAD_REQUEST, "bad_request_code"),
    ({"message": "Content is moderated"}, Kind.MODERATION, "moderated"),
]  # fmt: skip


@pytest.mark.parametrize("place", ["line", "response", "stream_errors", "model_response"])
@pytest.mark.parametrize(("content", "kind", "marker"), IN_BAND)
def test_error_inside_an_answer(place: str, content: Any, kind: Kind, marker: str | None) -> None:
    told_in = {
        "line": {"error": content},
        "response": {"result": {"response": {"error": content}}},
        "stream_errors": {"result": {"response": {"streamErrors": [content]}}},
        "model_response": {"result": {"response": {"modelResponse": {"streamErrors": [content]}}}},
    }[place]
    profile = load_profile("2026-04")
    decoder = ChatDecoder(profile.stream, filter_tags=())
    decoder.feed(json.dumps(told_in).encode() + b"\n")
    evidence = in_band_evidence(decoder.error)
    observed = judge(profile.errors, evidence, operation="converse", stage=Stage.CONTENT)

    if place in ("line", "response") or not isinstance(content, list):
        assert told(observed) == (kind, Stage.CONTENT, marker)
        assert (observed.status, observed.buckets, observed.reset_in_s) == (None, (), None)
    assert decoder.drift == set()


def _stream_error(**fields: Any) -> dict[str, Any]:
    return {"type": "response.grok.output", "output": {"stream_error": fields}}


FRAMES = [  # 2.12, then 12.3
    (_stream_error(kind="usage_limit_reached", message="x", code=8), Kind.QUOTA, "quota_code"),
    (_stream_error(kind="usage_limit_reached"), Kind.QUOTA, "quota_text"),
    (_stream_error(kind="x", code=7, message=PLAN), Kind.PLAN, "plan_in_band"),
    (_stream_error(kind="x", code=13), Kind.TRANSIENT, None),
    ({"type": "response.done", "response": {"status": "failed",
      "status_details": {"reason": "stream_error"}}}, Kind.TRANSIENT, None),
    ({"type": "response.done", "response": {"status": "incomplete",
      "status_details": {"reason": "usage_limit_reached"}}}, Kind.QUOTA, "quota_text"),
    ({"type": "error", "error": {"code": "invalid_envelope", "message": "session is required"}},
     Kind.BAD_REQUEST, "invalid_envelope"),
    ({"type": "error", "error": {"code": "anti_bot", "message": ANTI_BOT}},
     Kind.ANTI_BOT, "anti_bot_text"),
    ({"type": "error", "error": {"code": 16, "message": LOST}},
     Kind.AUTH_DEAD, "account_marker_in_band"),
    ({"type": "error", "error": {"code": 8}}, Kind.QUOTA, "quota_code"),
    ({"type": "error", "error": {"code": 3, "message": "context length exceeded"}},
     Kind.TOO_LONG, "too_long_in_band"),
    ({"type": "error"}, Kind.TRANSIENT, None),
]  # fmt: skip


@pytest.mark.parametrize(("event", "kind", "marker"), FRAMES)
def test_error_frame(event: dict[str, Any], kind: Kind, marker: str | None) -> None:
    profile = load_profile("2026-08")
    assert profile.gateway is not None
    decoder = GatewayDecoder(
        profile.stream, profile.gateway.channels, opening="evt", filter_tags=()
    )
    decoder.feed(json.dumps({"session_id": "s", "event": event}).encode())
    evidence = in_band_evidence(decoder.error)
    observed = judge(profile.errors, evidence, operation="converse", stage=Stage.SENT)

    assert told(observed) == (kind, Stage.SENT, marker)
    assert observed.status is None
    assert decoder.drift == set()


IMAGINE = [  # 6.4, then 12.3
    ({"err_code": "rate_limit_exceeded", "err_msg": "Rate limit exceeded, please try again later"},
     Kind.QUOTA, "quota_text"),
    ({"err_code": "unauthorized", "err_msg": "Unauthorized"}, Kind.AUTH_FAIL, "unauthorized_text"),
    ({"err_code": "unauthorized:blocked-user"}, Kind.AUTH_DEAD, "account_marker_in_band"),
    ({"err_code": "invalid_request", "err_message": "Unknown aspect ratio"},
     Kind.BAD_REQUEST, "invalid_request"),
    ({"err_code": "moderated", "error": "no"}, Kind.MODERATION, "moderated"),
    ({"err_code": "anti_bot"}, Kind.ANTI_BOT, "anti_bot_text"),
    ({"err_code": "internal_error", "err_msg": "Internal error"}, Kind.TRANSIENT, None),
    ({"err_code": 8}, Kind.QUOTA, "quota_code"),
    ({}, Kind.TRANSIENT, None),
]  # fmt: skip


@pytest.mark.parametrize(("message", "kind", "marker"), IMAGINE)
def test_error_on_the_socket_for_pictures(
    message: dict[str, Any], kind: Kind, marker: str | None
) -> None:
    profile = load_profile("2026-08")
    decoder = ImagineDecoder(
        profile.images.socket, request="r1", expected=1, sought=Sought(account="a1")
    )
    decoder.feed(json.dumps({"type": "error", **message}).encode())
    evidence = in_band_evidence(decoder.error)
    observed = judge(profile.errors, evidence, operation="imagine", stage=Stage.SENT)

    assert told(observed) == (kind, Stage.SENT, marker)
    assert decoder.done
    assert decoder.drift == set()


PREFERENCE = [  # 8.4, 8.5
    (7, "not allowed", Kind.NOT_ENTITLED, "not_entitled"),
    (9, "not allowed", Kind.NOT_ENTITLED, "not_entitled"),
    (7, ANTI_BOT, Kind.ANTI_BOT, "anti_bot_text"),
    (7, LOST, Kind.AUTH_DEAD, "account_marker_in_band"),
    (16, "no", Kind.AUTH_FAIL, "unauthenticated_code"),
    (8, "slow down", Kind.QUOTA, "quota_code"),
    (4, "late", Kind.TRANSIENT, None),
    (14, "gone", Kind.TRANSIENT, None),
    (13, "failed to decode protobuf", Kind.TRANSIENT, None),
    (3, "Field mask must be provided", Kind.BAD_REQUEST, "bad_request_code"),
]


@pytest.mark.parametrize(("status", "text", "kind", "marker"), PREFERENCE)
def test_status_of_the_preference(status: int, text: str, kind: Kind, marker: str | None) -> None:
    evidence = Evidence(codes=(status,), text=text.lower())
    rules = load_profile("2026-08").errors
    observed = judge(rules, evidence, operation="prefer_nsfw", stage=Stage.REFUSED)

    assert told(observed) == (kind, Stage.REFUSED, marker)


@pytest.mark.parametrize(
    ("retry_after", "body", "seconds"),
    [
        ("30", error(8, "x"), 30.0),
        ("0", error(8, "x", waitTimeSeconds=9), 0.0),
        ("Sat, 01 Aug 2026 00:01:00 GMT", "", 60.0),
        ("Sat, 01 Aug 2020 00:01:00 GMT", "", 0.0),
        ("30", '{"waitTimeSeconds":90}', 30.0),
        ("", '{"waitTimeSeconds":90}', 90.0),
        ("", error(8, "x", waitTimeSeconds=5.5), 5.5),
        ("soon", '{"waitTimeSeconds":"x"}', None),
        ("", '{"waitTimeSeconds":1e308}', None),
        ("", '{"waitTimeSeconds":-1}', None),
        ("", '{"waitTimeSeconds":true}', None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", "", None),
        ("Mon, 01 Jan 2024 00:00:00 +99999999999999", "", None),
        ("٣٠", "", None),
        ("", "", None),
    ],
)
def test_seconds_until_quota_refills(retry_after: str, body: str, seconds: float | None) -> None:
    observed = observe("2026-08", 429, body, retry_after=retry_after)

    assert (observed.kind, observed.reset_in_s) == (Kind.QUOTA, seconds)


def test_every_rule_is_shown_by_a_row() -> None:
    shown = {row[3] for row in (*BODIES, *PREFERENCE)} | {"media_policy"}
    shown |= {row[2] for row in (*IN_BAND, *FRAMES, *IMAGINE)}

    assert {rule.name for rule in load_profile("2026-08").errors} == shown - {None}
