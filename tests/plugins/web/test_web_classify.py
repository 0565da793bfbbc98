import json
from datetime import UTC, datetime
from typing import Any

import pytest

from grokgate.upstream import Kind, Stage, Window
from grokgate_web.classify import http_evidence, in_band_evidence, judge
from grokgate_web.profile_files import load_profile
from grokgate_web.usage import infer_tier, parse_window

NOW = datetime(2026, 4, 1, tzinfo=UTC)
PROFILE = load_profile("2026-04")
OLD = load_profile("2026-02")
PAGE = (
    '<!DOCTYPE html><html lang="en-US"><head><title>Just a moment...</title></head>'
    '<body><script src="/cdn-cgi/challenge-platform/h/b"></script></body></html>'
)


def error(code: int, message: str = "x") -> str:
    return json.dumps({"error": {"code": code, "message": message, "details": []}})


def http(status: int, body: str, operation: str = "converse", **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    evidence = http_evidence(status, named, body.encode(), now=NOW)
    return judge(PROFILE.errors, evidence, operation=operation, stage=Stage.SENT)


def in_band(content: object) -> Any:
    evidence = in_band_evidence(content)
    return judge(PROFILE.errors, evidence, operation="converse", stage=Stage.SENT)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, error(16, "Failed to look up session ID. [WKE=unauthenticated:invalid-credentials]"),
         Kind.AUTH_DEAD),
        (401, '{"code":"unauthenticated:bad-credentials","error":"Bad credentials"}',
         Kind.AUTH_DEAD),
        (401, error(16, "no"), Kind.AUTH_FAIL),
        (401, "", Kind.AUTH_FAIL),
        (403, '{"code":7,"message":"User is blocked [WKE=unauthorized:blocked-user]"}',
         Kind.AUTH_DEAD),
        (403, '{"code":"unauthorized:blocked-user","error":"User is blocked"}', Kind.AUTH_DEAD),
        (403, error(7, "Request rejected by anti-bot rules."), Kind.ANTI_BOT),
        (403, PAGE, Kind.CHALLENGE),
        (503, PAGE, Kind.CHALLENGE),
        (403, "", Kind.CHALLENGE),
        (403, "  <html>anything", Kind.CHALLENGE),
        (403, error(7, "Model is not available for your plan"), Kind.PLAN),
        (403, error(7, "no"), Kind.FORBIDDEN),
        (403, "no", Kind.FORBIDDEN),
        (400, error(3, "Model not found"), Kind.BAD_REQUEST),
        (400, error(3, "Prompt is too long"), Kind.TOO_LONG),
        (413, "too long", Kind.TOO_LONG),
        (400, error(3, "token expired"), Kind.AUTH_DEAD),
        (404, error(5, "Not Found"), Kind.BAD_REQUEST),
        (415, "", Kind.BAD_REQUEST),
        (418, "", Kind.BAD_REQUEST),
        (429, error(8, "Too many requests"), Kind.QUOTA),
        (429, "", Kind.QUOTA),
        (500, error(13), Kind.TRANSIENT),
        (502, "<html>bad gateway</html>", Kind.TRANSIENT),
        (522, "text", Kind.TRANSIENT),
        (302, "", Kind.TRANSIENT),
    ],
)  # fmt: skip
def test_class_of_an_http_refusal(status: int, body: str, kind: Kind) -> None:
    assert http(status, body).kind is kind


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({"code": 7, "message": "Request rejected by anti-bot rules."}, Kind.ANTI_BOT),
        ({"code": 7, "message": "no"}, Kind.ANTI_BOT),
        ({"code": 7, "message": "blocked-user"}, Kind.AUTH_DEAD),
        ({"code": 7, "message": "Model is not available for your plan"}, Kind.PLAN),
        ({"code": 8, "message": "Too many requests"}, Kind.QUOTA),
        ({"message": "You've reached your usage limit for this model."}, Kind.QUOTA),
        ("usage quota", Kind.QUOTA),
        ([{"error": {"code": 8, "message": "x"}}], Kind.QUOTA),
        ({"code": 16}, Kind.AUTH_FAIL),
        ({"code": 13, "message": "Internal error"}, Kind.TRANSIENT),
        ({"code": 14}, Kind.TRANSIENT),
        ({"code": 3}, Kind.BAD_REQUEST),
        ("Content is moderated", Kind.MODERATION),
        ("anything", Kind.TRANSIENT),
        (5, Kind.TRANSIENT),
    ],
)
def test_class_of_an_in_band_error(content: object, kind: Kind) -> None:
    assert in_band(content).kind is kind


def test_refused_uploads_are_a_matter_of_content() -> None:
    assert http(403, error(7), operation="upload").kind is Kind.MODERATION


@pytest.mark.parametrize(
    ("status", "stage"),
    [(400, Stage.REFUSED), (401, Stage.REFUSED), (403, Stage.REFUSED), (429, Stage.REFUSED),
     (404, Stage.REFUSED), (500, Stage.SENT), (503, Stage.SENT)],
)  # fmt: skip
def test_stage_of_an_http_refusal(status: int, stage: Stage) -> None:
    assert http(status, "x").stage is stage


def test_in_band_error_has_the_stage_of_the_answer() -> None:
    observed = in_band({"code": 8})

    assert (observed.stage, observed.status, observed.marker) == (Stage.SENT, None, "quota_code")


@pytest.mark.parametrize(
    ("retry_after", "body", "seconds"),
    [
        ("30", "", 30.0),
        ("Wed, 01 Apr 2026 00:01:00 GMT", "", 60.0),
        ("Wed, 01 Apr 2020 00:01:00 GMT", "", 0.0),
        ("", '{"waitTimeSeconds":90}', 90.0),
        ("", '{"error":{"code":8,"waitTimeSeconds":5}}', 5.0),
        ("soon", '{"waitTimeSeconds":"x"}', None),
        ("", '{"waitTimeSeconds":1e308}', None),
        ("Mon, 01 Jan 2024 00:00:00 +99999999999999", "", None),
        ("", "", None),
    ],
)
def test_reset(retry_after: str, body: str, seconds: float | None) -> None:
    assert (http(429, body, retry_after=retry_after).reset_in_s or None) == (seconds or None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Source post not found [WKE=imagine:invalid-parent-post]", "imagine:invalid-parent-post"),
        ("you said [WKE=a b]", None),
        ("no word at all", None),
    ],
)
def test_reason_is_the_upstreams_word_and_nothing_around_it(text: str, reason: str | None) -> None:
    assert in_band_evidence(text).reason == reason


def test_units_answer() -> None:
    body = (
        b'{"windowSizeSeconds":72000,"remainingQueries":80,"totalQueries":80,'
        b'"remainingTokens":79,"totalTokens":80,"lowEffortRateLimits":{"cost":1}}'
    )

    assert parse_window(body, OLD.quota) == Window(remaining=79, total=80, window_s=72000)


def test_queries_answer() -> None:
    body = (
        b'{"windowSizeSeconds":7200,"remainingQueries":0,"totalQueries":140,'
        b'"waitTimeSeconds":5400,"lowEffortRateLimits":null}'
    )

    assert parse_window(body, PROFILE.quota) == Window(
        remaining=0, total=140, window_s=7200, reset_in_s=5400
    )


@pytest.mark.parametrize("prefix", [b"\xef\xbb\xbf", b")]}'\n", b")]}',\r\n", b"for (;;);", b" "])
def test_prefix_of_a_quota_answer_is_stripped(prefix: bytes) -> None:
    body = prefix + b'{"remainingQueries":1,"totalQueries":2}'

    assert parse_window(body, PROFILE.quota) == Window(remaining=1, total=2, window_s=7200)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"<html>",
        b'{"remainingQueries":"x"}',
        b'{"remainingQueries":1}',
        b'{"remainingQueries":123456789012345678901234567890,"totalQueries":1}',
        b'{"remainingQueries":0,"totalQueries":9,"waitTimeSeconds":1e300}',
        b"\xff",
    ],
)
def test_unreadable_quota_answer_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="quota answer"):
        parse_window(body, PROFILE.quota)


def test_window_that_is_not_offered() -> None:
    assert parse_window(b'{"remainingQueries":0,"totalQueries":0}', PROFILE.quota) is None


def test_old_answer_falls_back_to_queries() -> None:
    assert parse_window(b'{"remainingQueries":7}', OLD.quota) == Window(remaining=7, window_s=7200)


@pytest.mark.parametrize(
    ("totals", "tier"),
    [
        ({"auto": 20}, "basic"),
        ({"auto": 50, "fast": 140}, "super"),
        ({"auto": 150}, "heavy"),
        ({"heavy": 20, "fast": 30}, "heavy"),
        ({"auto": 150, "fast": 30}, "basic"),
        ({"auto": 33}, None),
        ({}, None),
    ],
)
def test_tier_from_totals(totals: dict[str, int], tier: str | None) -> None:
    windows = {name: Window(remaining=0, total=total) for name, total in totals.items()}

    assert infer_tier(windows, PROFILE.quota) == tier


def test_tier_from_the_length_of_the_window() -> None:
    long, short = (Window(remaining=1, window_s=size) for size in (72_000, 7200))

    assert infer_tier({"default": long}, OLD.quota) == "basic"
    assert infer_tier({"default": short}, OLD.quota) == "super"
    assert (
        infer_tier({"default": short, "heavy": Window(remaining=1, total=5)}, OLD.quota) == "super"
    )
