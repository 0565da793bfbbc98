"""The keys of clients: who they are, what they may do, and what they have used (F-KEY).

`ring` knows every key and answers from memory whose key a text is. `usage` counts what managed keys
use of their daily quotas, `rates` how often and how many at once they ask. `records` says what a
key is, `texts` what a key may look like, `adoption` takes over those of predecessors.
"""

from grokgate.keys.adoption import Adopted, OldKey
from grokgate.keys.rates import Rate, Rates
from grokgate.keys.records import QUOTAS, ConfigKey, KeyRecord, Terms, networks, to_caller
from grokgate.keys.ring import KeyRing
from grokgate.keys.usage import DailyUsage, Meter

__all__ = [
    "QUOTAS",
    "Adopted",
    "ConfigKey",
    "DailyUsage",
    "KeyRecord",
    "KeyRing",
    "Meter",
    "OldKey",
    "Rate",
    "Rates",
    "Terms",
    "networks",
    "to_caller",
]
