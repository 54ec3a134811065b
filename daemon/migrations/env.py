"""Alembic's entry: runs on the connection that the journal hands over."""

from alembic import context

from daemon.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=False)
with context.begin_transaction():
    context.run_migrations()
