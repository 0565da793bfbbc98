"""Whose account it is (`upstream-protocol.md` 1.7)."""

import re

import msgspec

from grokgate_web.decode.fields import at
from grokgate_web.profile import AccountCall

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def is_user_id(text: str) -> bool:
    """Tell whether *text* has the form of a user id: only then it may become part of a request."""
    return _UUID.fullmatch(text) is not None


class DeadAccount(Exception):
    """The upstream answers, and says that the account is of no use any more."""


def user_id(body: bytes, call: AccountCall) -> str:
    """Return the user id in an answer.

    Raises:
        DeadAccount: The account is signed out or blocked.
        ValueError: There is no id; never repeats the answer's text.
    """
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("the account answer is unreadable") from None
    status = at(answer, "status")
    if isinstance(status, str) and status in call.dead:
        raise DeadAccount
    for field in call.id_fields:
        found = at(answer, field)
        if isinstance(found, str) and is_user_id(found):
            return found
    raise ValueError("the account answer has no user id")
