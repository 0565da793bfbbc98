"""Who operates the gateway: an identity of its own, which no key of a client ever is (S2)."""

from grokgate.access.access import KEY, Access, Listener
from grokgate.access.sessions import Session, Sessions
from grokgate.access.setup import take_back_password

__all__ = ["KEY", "Access", "Listener", "Session", "Sessions", "take_back_password"]
