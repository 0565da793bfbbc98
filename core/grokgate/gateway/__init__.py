"""Builds and owns everything of one process."""

from grokgate.gateway.gateway import Gateway

__all__ = ["Gateway"]
