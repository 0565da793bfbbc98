"""A gateway as one ASGI application."""

from grokgate.app.app import api_document, create, create_app, mount

__all__ = ["api_document", "create", "create_app", "mount"]
