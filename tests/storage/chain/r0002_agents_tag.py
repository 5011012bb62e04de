"""Test only: rebuilds the agents table with a column more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # An index over an expression is not carried over by a batch step.
    op.drop_index("uq_agents_name", "agents")
    with op.batch_alter_table("agents", recreate="always") as batch:
        batch.add_column(sa.Column("tag", sa.Text, nullable=False, server_default="new"))
    op.create_index("uq_agents_name", "agents", [sa.text("lower(name)")], unique=True)


def downgrade() -> None:
    op.drop_index("uq_agents_name", "agents")
    with op.batch_alter_table("agents", recreate="always") as batch:
        batch.drop_column("tag")
    op.create_index("uq_agents_name", "agents", [sa.text("lower(name)")], unique=True)
