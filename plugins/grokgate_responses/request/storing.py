"""Items as they are stored: what they attach lies apart from them (`openai-contract.md` 4.6)."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from grokgate.errors import InvalidRequest
from grokgate.openai import Source, decode
from grokgate.upstream import Blob
from grokgate_responses.request.item_parts import STORED, JsonPart, holds_picture, replaced, stored
from grokgate_responses.request.items import Item
from grokgate_responses.request.translate import Asked


async def kept(asked: Asked, blobs: Sequence[Blob]) -> tuple[tuple[Item, ...], dict[str, Blob]]:
    """Return the new items as they are stored, and the contents of their attachments.

    Args:
        asked: The request.
        blobs: Contents of `sources`, in order; each is read once, piece by piece.

    Returns:
        The items, and the blobs by SHA-256 in hexadecimal, as far as they are at hand.
    """
    named = [(await _sha256(blob), blob) for blob in blobs]
    waiting = iter(named)
    found = dict(named)

    def keep(part: JsonPart) -> JsonPart:
        if STORED in part:
            found.update(_known(part, asked.stored))
            return part
        digest, blob = next(waiting)
        return stored(part, sha256=digest, mime=blob.mime, name=blob.name)

    return tuple(replaced(item, keep) for item in asked.items), found


async def put_apart(items: Iterable[Item]) -> tuple[tuple[Item, ...], dict[str, Blob]]:
    """Return items of answers with their pictures replaced, as `kept` does with attachments.

    Returns:
        The items, and the pictures by SHA-256 in hexadecimal; one that is unreadable is left out.
    """
    apart: list[Item] = []
    found: dict[str, Blob] = {}
    for item in items:
        blob = _picture(item) if holds_picture(item) else None
        if blob is not None:
            digest = await _sha256(blob)
            found[digest] = blob
            apart.append(stored(item, sha256=digest, mime=blob.mime, name=blob.name))
        else:
            apart.append({**item, "result": None} if holds_picture(item) else item)
    return tuple(apart), found


def _picture(item: Item) -> Blob | None:
    """Return the picture that an answer holds itself; None: it is not readable."""
    text = item["result"]
    try:
        return decode(Source(text=text, param="input", kind="image"), limit=len(text))
    except InvalidRequest:
        return None


def _known(part: JsonPart, blobs: Mapping[str, Blob]) -> dict[str, Blob]:
    blob = blobs.get(part[STORED])
    return {} if blob is None else {part[STORED]: blob}


async def _sha256(blob: Blob) -> str:
    digest = hashlib.sha256()
    async for piece in blob.open():
        digest.update(piece)
    return digest.hexdigest()
