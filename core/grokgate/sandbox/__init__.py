"""A simulator of the web upstream, for a first run, demos, tests and plugin authors (D16).

It is written from the protocol document alone and knows no driver: a constant shared with one
would hide a shared mistake.
"""

from grokgate.sandbox.accounts import Account, AccountFixture, WindowFixture, default_accounts
from grokgate.sandbox.expectation import Expectation
from grokgate.sandbox.faults import (
    AccountState,
    Action,
    AntiBot,
    CfChallenge,
    Cut,
    ErrorAfter200,
    Framing,
    HttpStatus,
    Malformed,
    Nested,
    Oversize,
    Pace,
    QuotaJson,
    RateLimit,
    UploadError,
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
    "CfChallenge",
    "Cut",
    "ErrorAfter200",
    "Exchange",
    "Expectation",
    "Framing",
    "HttpStatus",
    "Malformed",
    "Nested",
    "Oversize",
    "Pace",
    "QuotaJson",
    "RateLimit",
    "Rule",
    "Sandbox",
    "UploadError",
    "WindowFixture",
    "default_accounts",
]
