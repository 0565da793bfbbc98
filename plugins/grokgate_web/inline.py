"""Pictures that came inside a message: they are at hand, and are not asked for twice."""

import base64
import binascii
from collections.abc import AsyncGenerator

from grokgate.openai import image_type
from grokgate.upstream import Asset

PIECE = 1 << 20
"""Bytes."""

_OTHER = "image/jpeg"


def inline_asset(blob: str, *, ref: str, account: str) -> Asset | None:
    """Describe a picture that is at hand; None: it cannot be read.

    Args:
        blob: Base64, perhaps as a ``data:`` address, perhaps without padding.
        ref: Where it lies besides; may be empty.
        account: Short id of the owner.
    """
    text = blob.rpartition(",")[2] if blob.startswith("data:") else blob
    text = text.rstrip("=")
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    mime = image_type(content) or _OTHER
    return Asset(ref=ref, account=account, mime=mime, size=len(content), content=content)


async def read_inline(content: bytes) -> AsyncGenerator[bytes, None]:
    """Yield *content* in pieces."""
    for at in range(0, len(content), PIECE):
        yield content[at : at + PIECE]
