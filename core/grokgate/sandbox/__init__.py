"""A simulator of the web upstream, for a first run, demos, tests and plugin authors (D16).

It is written from the protocol document alone and knows no driver: a constant shared with one
would hide a shared mistake.
"""

from grokgate.sandbox.accounts import Account
from grokgate.sandbox.catalogue import Protocol
from grokgate.sandbox.expectation import Expectation
from grokgate.sandbox.faults import (
    AccountState,
    Action,
    AntiBot,
    AssetError,
    BadPaging,
    CfChallenge,
    ClockSkew,
    Cut,
    ErrorAfter200,
    Framing,
    Grpc,
    HttpStatus,
    ImagineError,
    Malformed,
    Moderation,
    Nested,
    Oversize,
    Pace,
    PartialImages,
    PostError,
    QuotaJson,
    RateLimit,
    SessionEnded,
    UploadError,
    WsDrop,
    WsHandshake,
    WsOrder,
    WsSilence,
)
from grokgate.sandbox.fixtures import (
    AccountFixture,
    Nsfw,
    WeeklyCredits,
    WindowFixture,
    default_accounts,
)
from grokgate.sandbox.journal import Exchange
from grokgate.sandbox.rules import Rule
from grokgate.sandbox.simulator import Sandbox

__all__ = [
    "Account",
    "AccountFixture",
    "AccountState",
    "Action",
    "AntiBot",
    "AssetError",
    "BadPaging",
    "CfChallenge",
    "ClockSkew",
    "Cut",
    "ErrorAfter200",
    "Exchange",
    "Expectation",
    "Framing",
    "Grpc",
    "HttpStatus",
    "ImagineError",
    "Malformed",
    "Moderation",
    "Nested",
    "Nsfw",
    "Oversize",
    "Pace",
    "PartialImages",
    "PostError",
    "Protocol",
    "QuotaJson",
    "RateLimit",
    "Rule",
    "Sandbox",
    "SessionEnded",
    "UploadError",
    "WeeklyCredits",
    "WindowFixture",
    "WsDrop",
    "WsHandshake",
    "WsOrder",
    "WsSilence",
    "default_accounts",
]
