"""Ids of API objects: a prefix of the contract and 128 random bits (`openai-contract.md` 0)."""

import secrets
from collections.abc import Callable


def new_id(prefix: str, random_bits: Callable[[int], int] = secrets.randbits) -> str:
    """Make an id such as ``chatcmpl-`` followed by 32 characters of ``[0-9a-f]``.

    Args:
        prefix: Kind of object with its separator: ``chatcmpl-``, ``call_``, ``req_``, ….
        random_bits: Returns that many random bits; the default is not guessable.
    """
    return f"{prefix}{random_bits(128):032x}"
