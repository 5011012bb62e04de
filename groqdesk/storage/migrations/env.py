"""Alembic's entry: runs the wanted steps on the connection that `storage.migrate` hands over, inside its transaction."""

from __future__ import annotations

from alembic import context

from groqdesk.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    # Off by default for SQLite: a failed step would leave half of its changes behind.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
