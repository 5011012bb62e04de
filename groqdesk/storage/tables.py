"""The tables as the newest revision of the migrations leaves them. Times are UTC milliseconds, money nano-dollars."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    func,
    text,
)
from sqlalchemy.engine import Dialect

HEAD = "0001"
# "groq" in ASCII: marks the file as ours (https://www.sqlite.org/pragma.html#pragma_application_id).
APPLICATION_ID = 0x67726F71

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def clean_text(value: str) -> str:
    """Text that can be stored: NUL characters and lone surrogates become U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", value)


def clean_json(value: Any) -> Any:
    """The same for every text inside a JSON value; numbers that JSON cannot hold (NaN, infinity) become null."""
    match value:
        case str():
            return clean_text(value)
        case dict():
            return {clean_text(str(key)): clean_json(inner) for key, inner in value.items()}
        case list() | tuple():
            return [clean_json(inner) for inner in value]
        case float():
            return value if math.isfinite(value) else None
    return value


class CleanText(TypeDecorator[str]):
    """Text that never fails to be stored, whatever a model or a server put into it."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else clean_text(value)


class Json(TypeDecorator[Any]):
    """A JSON value as text. None is stored as NULL; what cannot be read back is None."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        if value is None:
            return None
        return json.dumps(clean_json(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        try:
            return json.loads(value)
        except ValueError:
            return None


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

agents = Table(
    "agents",
    metadata,
    Column("id", CleanText, primary_key=True),
    Column("name", CleanText, nullable=False),
    Column("purpose", CleanText, nullable=False),
    Column("instructions", CleanText, nullable=False),
    Column("created_ms", Integer, nullable=False),
    Column("updated_ms", Integer, nullable=False),
)
# lower() knows ASCII only; SqlAgentStore compares the other letters inside the same transaction.
Index("uq_agents_name", func.lower(agents.c.name), unique=True)

conversations = Table(
    "conversations",
    metadata,
    Column("id", CleanText, primary_key=True),
    Column("title", CleanText, nullable=False),
    Column("provider", CleanText, nullable=False),
    Column("model", CleanText, nullable=False),
    Column("base_url", CleanText),
    Column("parameters", Json, nullable=False),
    Column("system", CleanText, nullable=False),
    # No foreign key: the agent of a conversation may be deleted, and brought back under the same id.
    Column("agent_id", CleanText),
    Column("pinned", Boolean, nullable=False),
    Column("draft", CleanText, nullable=False),
    Column("created_ms", Integer, nullable=False),
    Column("updated_ms", Integer, nullable=False),
    Column("deleted_ms", Integer),
)

messages = Table(
    "messages",
    metadata,
    # Order is position, then arrival (the rowid); never the clock.
    Column("seq", Integer, primary_key=True),
    Column("id", CleanText, nullable=False, unique=True),
    Column("conversation_id", CleanText, ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("role", CleanText, nullable=False),
    Column("content", CleanText, nullable=False),
    Column("reasoning", CleanText, nullable=False),
    Column("tool_calls", Json),
    Column("tool_call_id", CleanText),
    Column("state", CleanText, nullable=False),
    Column("facts", Json),
    Column("trouble", Json),
    Column("created_ms", Integer, nullable=False),
    # Token of the process that writes this answer (instance.py), while it is streaming.
    Column("writer", CleanText),
    Index("ix_messages_conversation_id_position", "conversation_id", "position"),
    Index("ix_messages_streaming", "writer", sqlite_where=text("state = 'streaming'")),
)

# The ledger outlives what it is about: its ids are no foreign keys.
provider_usage = Table(
    "provider_usage",
    metadata,
    Column("id", CleanText, primary_key=True),
    Column("started_ms", Integer, nullable=False),
    Column("provider", CleanText, nullable=False),
    Column("model", CleanText, nullable=False),
    Column("capability", CleanText, nullable=False),
    Column("action_id", CleanText, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("outcome", CleanText, nullable=False),
    Column("prompt_tokens", Integer, nullable=False),
    Column("completion_tokens", Integer, nullable=False),
    Column("cached_tokens", Integer, nullable=False),
    Column("reasoning_tokens", Integer, nullable=False),
    Column("estimated", Boolean, nullable=False),
    Column("cost_nano_usd", Integer),
    Column("queue_s", Float),
    Column("prompt_s", Float),
    Column("completion_s", Float),
    Column("ttft_s", Float),
    Column("total_s", Float, nullable=False),
    Column("message_id", CleanText),
    Column("conversation_id", CleanText),
    Column("agent_id", CleanText),
    Column("request_id", CleanText),
    Column("error_kind", CleanText),
    Column("status", Integer),
    Index("ix_provider_usage_started_ms", "started_ms"),
    Index("ix_provider_usage_conversation_id_cost_nano_usd", "conversation_id", "cost_nano_usd"),
)

settings = Table(
    "settings",
    metadata,
    Column("key", CleanText, primary_key=True),
    Column("json", CleanText, nullable=False),
)
