"""Runs alembic on the connection that `grokgate.storage.migrate` hands over."""

from alembic import context

from grokgate.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
context.run_migrations()
