"""Test only: changes tables and rows, then fails."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("conversations", recreate="always") as batch:
        batch.add_column(sa.Column("tag", sa.Text))
    op.create_table("extra", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("DELETE FROM messages")
    raise RuntimeError("this step cannot be done")


def downgrade() -> None:
    op.drop_table("extra")
