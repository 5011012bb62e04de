"""Test only: rebuilds the conversations table, to which the messages refer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("conversations", recreate="always") as batch:
        batch.add_column(sa.Column("color", sa.Text, nullable=False, server_default="none"))


def downgrade() -> None:
    with op.batch_alter_table("conversations", recreate="always") as batch:
        batch.drop_column("color")
