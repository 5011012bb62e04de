"""The first schema: agents (name and text only), conversations, messages, usage, settings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agents",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("instructions", sa.Text, nullable=False),
        sa.Column("created_ms", sa.Integer, nullable=False),
        sa.Column("updated_ms", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_agents"),
    )
    op.create_index("uq_agents_name", "agents", [sa.text("lower(name)")], unique=True)

    op.create_table(
        "conversations",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("base_url", sa.Text),
        sa.Column("parameters", sa.Text, nullable=False),
        sa.Column("system", sa.Text, nullable=False),
        sa.Column("agent_id", sa.Text),
        sa.Column("pinned", sa.Boolean, nullable=False),
        sa.Column("draft", sa.Text, nullable=False),
        sa.Column("created_ms", sa.Integer, nullable=False),
        sa.Column("updated_ms", sa.Integer, nullable=False),
        sa.Column("deleted_ms", sa.Integer),
        sa.PrimaryKeyConstraint("id", name="pk_conversations"),
    )

    op.create_table(
        "messages",
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("conversation_id", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("reasoning", sa.Text, nullable=False),
        sa.Column("tool_calls", sa.Text),
        sa.Column("tool_call_id", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("facts", sa.Text),
        sa.Column("trouble", sa.Text),
        sa.Column("created_ms", sa.Integer, nullable=False),
        sa.Column("writer", sa.Text),
        sa.PrimaryKeyConstraint("seq", name="pk_messages"),
        sa.UniqueConstraint("id", name="uq_messages_id"),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
            name="fk_messages_conversation_id_conversations",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_messages_conversation_id_position", "messages", ["conversation_id", "position"])
    op.create_index("ix_messages_streaming", "messages", ["writer"], sqlite_where=sa.text("state = 'streaming'"))

    op.create_table(
        "provider_usage",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("started_ms", sa.Integer, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("capability", sa.Text, nullable=False),
        sa.Column("action_id", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("prompt_tokens", sa.Integer, nullable=False),
        sa.Column("completion_tokens", sa.Integer, nullable=False),
        sa.Column("cached_tokens", sa.Integer, nullable=False),
        sa.Column("reasoning_tokens", sa.Integer, nullable=False),
        sa.Column("estimated", sa.Boolean, nullable=False),
        sa.Column("cost_nano_usd", sa.Integer),
        sa.Column("queue_s", sa.Float),
        sa.Column("prompt_s", sa.Float),
        sa.Column("completion_s", sa.Float),
        sa.Column("ttft_s", sa.Float),
        sa.Column("total_s", sa.Float, nullable=False),
        sa.Column("message_id", sa.Text),
        sa.Column("conversation_id", sa.Text),
        sa.Column("agent_id", sa.Text),
        sa.Column("request_id", sa.Text),
        sa.Column("error_kind", sa.Text),
        sa.Column("status", sa.Integer),
        sa.PrimaryKeyConstraint("id", name="pk_provider_usage"),
    )
    op.create_index("ix_provider_usage_started_ms", "provider_usage", ["started_ms"])
    op.create_index(
        "ix_provider_usage_conversation_id_cost_nano_usd", "provider_usage", ["conversation_id", "cost_nano_usd"]
    )

    op.create_table(
        "settings",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("json", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_settings"),
    )


def downgrade() -> None:
    op.drop_table("settings")
    op.drop_table("provider_usage")
    op.drop_table("messages")
    op.drop_table("conversations")
    op.drop_table("agents")
