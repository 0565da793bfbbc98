"""Grokgate: a self-hosted gateway that pools Grok accounts behind standard APIs."""

__version__ = "0.1.0"
