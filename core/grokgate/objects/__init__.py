"""Keeps what belongs to a client: objects of plugins, and recorded replies (S13)."""

from grokgate.objects.idempotency import REPLY_BYTES, Replies, Reply, Reservation
from grokgate.objects.store import ObjectStore, PluginObjects

__all__ = [
    "REPLY_BYTES",
    "ObjectStore",
    "PluginObjects",
    "Replies",
    "Reply",
    "Reservation",
]
