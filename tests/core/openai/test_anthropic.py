import json

import msgspec
import pytest

from grokgate.errors import (
    AuthenticationFailed,
    BodyTooLarge,
    Conflict,
    EmptyResponse,
    EndpointDisabled,
    GatewayError,
    InternalError,
    InvalidRequest,
    LimitExceeded,
    MethodNotAllowed,
    NoTokenAvailable,
    NoTokensConfigured,
    Overloaded,
    PermissionDenied,
    RequestTimeout,
    StoreUnavailable,
    UnknownUrl,
    UnsupportedMediaType,
    UpstreamTimeout,
)
from grokgate.openai.anthropic import anthropic_envelope, anthropic_frame, anthropic_status


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (InvalidRequest(), 400, "invalid_request_error"),
        (MethodNotAllowed(), 405, "invalid_request_error"),
        (Conflict(), 409, "invalid_request_error"),
        (UnsupportedMediaType(), 415, "invalid_request_error"),
        (AuthenticationFailed(), 401, "authentication_error"),
        (PermissionDenied(), 403, "permission_error"),
        (UnknownUrl(), 404, "not_found_error"),
        (EndpointDisabled(), 404, "not_found_error"),
        (RequestTimeout(), 408, "timeout_error"),
        (BodyTooLarge(), 413, "request_too_large"),
        (LimitExceeded(), 429, "rate_limit_error"),
        (NoTokenAvailable(), 429, "rate_limit_error"),
        (InternalError(), 500, "api_error"),
        (EmptyResponse(), 502, "api_error"),
        (NoTokensConfigured(), 529, "overloaded_error"),
        (Overloaded(), 529, "overloaded_error"),
        (StoreUnavailable(), 529, "overloaded_error"),
        (UpstreamTimeout(), 504, "timeout_error"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, GatewayError) else str(value),
)
def test_status_and_type(error: GatewayError, status: int, kind: str) -> None:
    assert (anthropic_status(error), anthropic_envelope(error).error.type) == (status, kind)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (InvalidRequest("No."), "No."),
        (InvalidRequest("No.", param="a[0].b[1]"), "a.0.b.1: No."),
        (
            InvalidRequest("Invalid value for 'a[0]': Expected `int`.", param="a[0]"),
            "a.0: Expected `int`.",
        ),
        (
            InvalidRequest("Missing.", code="missing_required_parameter", param="max_tokens"),
            "max_tokens: Field required",
        ),
    ],
    ids=["no place", "place", "place named twice", "missing"],
)
def test_message_begins_with_the_place(error: GatewayError, message: str) -> None:
    assert anthropic_envelope(error).error.message == message


def test_envelope_of_a_reply() -> None:
    assert json.loads(msgspec.json.encode(anthropic_envelope(UnknownUrl("No."), "req_1"))) == {
        "type": "error",
        "error": {"type": "not_found_error", "message": "No."},
        "request_id": "req_1",
    }


def test_frame_of_a_stream() -> None:
    assert anthropic_frame(UpstreamTimeout("Late.")) == (
        b"event: error\n"
        b'data: {"type":"error","error":{"type":"timeout_error","message":"Late."}}\n\n'
    )
