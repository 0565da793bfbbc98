"""Pooled accounts: their records, where they are kept, how they come in and go out."""

from grokgate.tokens.editing import Change
from grokgate.tokens.exporting import ExportForm
from grokgate.tokens.importing import Labels
from grokgate.tokens.listing import TokenView
from grokgate.tokens.planning import ImportMode, ImportReport
from grokgate.tokens.record import Bucket, Status, TokenRecord, TokenState
from grokgate.tokens.store import Listener, TokenStore

__all__ = [
    "Bucket",
    "Change",
    "ExportForm",
    "ImportMode",
    "ImportReport",
    "Labels",
    "Listener",
    "Status",
    "TokenRecord",
    "TokenState",
    "TokenStore",
    "TokenView",
]
