import base64
from datetime import UTC, datetime
from typing import Any

import pytest

from grokgate.sandbox import AccountFixture, Grpc, Nsfw, Sandbox, WeeklyCredits
from grokgate.sandbox.billing import config_message
from grokgate.sandbox.faults import Action
from sandbox.sim_client import Talk, ask, headers

pytestmark = pytest.mark.anyio
PREFERENCE = "/auth_mgmt.AuthManagement/UpdateUserFeatureControls"
CREDITS = "/grok_api_v2.GrokBuildBilling/GetGrokCreditsConfig"
ON = base64.b64decode("AAAAACAKAhABEhoKGGFsd2F5c19zaG93X25zZndfY29udGVudA==")
OFF = base64.b64decode("AAAAACAKAhAAEhoKGGFsd2F5c19zaG93X25zZndfY29udGVudA==")
SUCCESS = bytes.fromhex("0000000000 8000000010 677270632d7374617475733a20300d0a")
DENIED = bytes.fromhex(
    "800000002d 677270632d7374617475733a20370d0a"
    "677270632d6d6573736167653a206e6f74253230616c6c6f7765640d0a"
)


def _sandbox(**fixture: Any) -> Sandbox:
    return Sandbox([AccountFixture(token="t", **fixture)])


async def _call(sandbox: Sandbox, body: bytes, path: str = PREFERENCE, **more: Any) -> Talk:
    sent = headers(content_type="application/grpc-web+proto", x_grpc_web="1", **more)
    return await ask(sandbox.app, "POST", path, body, sent=sent)


async def test_preference_is_switched_on_and_off() -> None:
    sandbox = _sandbox()
    seen = []
    for body in (ON, OFF):
        answer = await _call(sandbox, body)
        seen.append((answer.body, sandbox.accounts["t"].nsfw_enabled))

    assert seen == [(SUCCESS, True), (SUCCESS, False)]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"\x00\x00\x00\x00\x05\x0a", 13, "failed%20to%20decode%20protobuf"),
        (b"\x01" + ON[1:], 13, "failed%20to%20decode%20protobuf"),
        (bytes.fromhex("0000000004 0a021001"), 3, "Field%20mask%20must%20be%20provided"),
        (bytes.fromhex("0000000004 08011001"), 13, "failed%20to%20decode%20protobuf"),
        (
            bytes.fromhex("0000000010 0a021001 120a 0a08") + b"features",
            3,
            "invalid%20field%3A%20features",
        ),
    ],
    ids=["truncated", "compressed", "no-mask", "bare", "other-mask"],
)
async def test_other_messages_are_refused(body: bytes, status: int, message: str) -> None:
    answer = await _call(_sandbox(), body)
    text = f"grpc-status: {status}\r\ngrpc-message: {message}\r\n".encode()

    assert answer.body == b"\x80" + len(text).to_bytes(4) + text


@pytest.mark.parametrize(
    ("refusal", "told"), [("denied", b": 7"), ("precondition", b": 9"), ("silent", b": 0")]
)
async def test_account_without_entitlement(refusal: Any, told: bytes) -> None:
    sandbox = _sandbox(nsfw=Nsfw(entitled=False, refusal=refusal))
    answer = await _call(sandbox, ON)

    assert told in answer.body
    assert not sandbox.accounts["t"].nsfw_enabled


async def test_preference_needs_both_cookies() -> None:
    assert (await _call(_sandbox(), ON, cookie="sso=t")).status == 401


@pytest.mark.parametrize("path", ["/auth_mgmt.AuthManagement/SetBirthDate", "/rest/tos/accept"])
async def test_statements_about_the_owner_have_no_endpoint(path: str) -> None:
    assert (await _call(_sandbox(), ON, path)).status == 404


@pytest.mark.parametrize(
    ("action", "body"),
    [
        (Grpc(), DENIED),
        (Grpc(place="missing", status=0), b"\0\0\0\0\0"),
        (Grpc(form="truncated"), b"\0\0\0\0\x05\n"),
        (Grpc(status=0, form="compressed"), b"\x01" + SUCCESS[1:]),
    ],
)
async def test_grpc_knob(action: Action, body: bytes) -> None:
    sandbox = _sandbox()
    sandbox.rules.add(action, endpoint="preference")

    assert (await _call(sandbox, ON)).body == body


async def test_grpc_status_in_headers() -> None:
    sandbox = _sandbox()
    sandbox.rules.add(Grpc(place="header"), endpoint="preference")
    answer = await _call(sandbox, ON)

    assert (answer.headers["grpc-status"], answer.headers["grpc-message"]) == (
        "7",
        "not%20allowed",
    )
    assert answer.body == b""


async def test_grpc_as_text() -> None:
    sandbox = _sandbox()
    sandbox.rules.add(Grpc(status=0, form="text"), endpoint="preference")
    answer = await _call(sandbox, ON)
    pieces = [base64.b64encode(piece) for piece in (SUCCESS[:5], SUCCESS[5:])]

    assert answer.headers["content-type"] == "application/grpc-web-text+proto"
    assert answer.body == b"".join(pieces)


def test_credits_sample() -> None:
    weekly = WeeklyCredits(used_percent=12.5, products={4: 10.0}, start_s=1785542400.5)
    message = bytes.fromhex(
        "0a2a0d00004841220c0880eeb4d3061080cab5ee012a0c0880e3d9d3061080cab5ee013a0708041500002041"
    )

    assert config_message(weekly, datetime.now(UTC)) == message


async def test_account_without_pool_tells_whole_seconds() -> None:
    answer = await _call(_sandbox(), bytes(5), CREDITS, x_xai_request_id=None)
    size = int.from_bytes(answer.body[1:5])

    assert answer.body[5:7] == b"\x0a\x10"
    assert answer.body[5 + size :] == SUCCESS[5:]


async def test_credits_want_an_empty_message() -> None:
    assert b"grpc-status: 13" in (await _call(_sandbox(), ON, CREDITS)).body
