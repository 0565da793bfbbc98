"""Alembic environment: `env` and the steps in ``versions``."""
