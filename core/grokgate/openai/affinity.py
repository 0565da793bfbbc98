"""Names for conversations, so that their later turns may go to the same account."""

import hashlib

from msgspec import Struct

from grokgate.upstream import Conversation, Text


class Affinity(Struct, frozen=True):
    """Name of a conversation."""

    name: str
    begins: bool = False
    """Nothing of it was answered yet: any account will do, and later turns follow it."""


def affinity(conversation: Conversation, key_id: str) -> Affinity:
    """Name a conversation by the key and the turns before its first answer.

    These stay the same while the conversation grows. Others may begin with the same words: their
    first turns spread, and their later ones follow the latest.
    """
    digest = hashlib.sha256(key_id.encode())
    for message in conversation.messages:
        if message.role == "assistant":
            return Affinity(digest.hexdigest()[:32])
        for part in message.parts:
            text = part.text if isinstance(part, Text) else f"{part.blob.name} {part.blob.size}"
            digest.update(f"\0{message.role}\0{text}".encode(errors="replace"))
    return Affinity(digest.hexdigest()[:32], begins=True)
