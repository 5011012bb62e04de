"""Test only: removes conversations and forgets their messages."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("DELETE FROM conversations")


def downgrade() -> None:
    pass
