"""The database: how it is opened, what is in it, and the queries by subject."""

from grokgate.storage.check import Answer, ask_server, is_new, quick_check
from grokgate.storage.engine import Database, Place, Transaction, open_database
from grokgate.storage.folder import hold_folder

__all__ = [
    "Answer",
    "Database",
    "Place",
    "Transaction",
    "ask_server",
    "hold_folder",
    "is_new",
    "open_database",
    "quick_check",
]
