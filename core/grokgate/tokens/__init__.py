"""Pooled accounts: their records, where they are kept, how they come in and go out."""

from grokgate.tokens.exporting import ExportForm
from grokgate.tokens.importing import ImportMode, ImportReport
from grokgate.tokens.listing import TokenView
from grokgate.tokens.record import Bucket, Status, TokenRecord, TokenState
from grokgate.tokens.store import Listener, TokenStore

__all__ = [
    "Bucket",
    "ExportForm",
    "ImportMode",
    "ImportReport",
    "Listener",
    "Status",
    "TokenRecord",
    "TokenState",
    "TokenStore",
    "TokenView",
]
