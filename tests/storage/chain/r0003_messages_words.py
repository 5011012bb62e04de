"""Test only: rebuilds the messages table, to which nothing but its own conversation refers, and fills a column."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("messages", recreate="always") as batch:
        batch.add_column(sa.Column("words", sa.Integer, nullable=False, server_default="0"))
    op.execute("UPDATE messages SET words = length(content) - length(replace(content, ' ', '')) + 1")
    op.create_index("ix_messages_words", "messages", ["words"])


def downgrade() -> None:
    op.drop_index("ix_messages_words", "messages")
    with op.batch_alter_table("messages", recreate="always") as batch:
        batch.drop_column("words")
