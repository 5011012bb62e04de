"""SqlConversationStore: conversations and their messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, Select, delete, exists, func, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from groqdesk.core.conversations import AnswerFacts, Conversation, StoredMessage, Trouble
from groqdesk.core.errors import DataInUse, LocalProblem
from groqdesk.core.ids import now_ms
from groqdesk.core.messages import ModelChoice, ToolCall
from groqdesk.storage import instance
from groqdesk.storage.database import Database
from groqdesk.storage.tables import conversations, messages, provider_usage
from groqdesk.storage.usage import SqlUsageLog

D = TypeVar("D")

KEPT_AFTER_DELETE_MS = 30 * 24 * 3600 * 1000
GONE = "This conversation is no longer there."
KILLED = Trouble("local", "groqdesk ended before the answer was complete. What had arrived is saved.", "Continue")


class SqlConversationStore:
    """A `ConversationStore` (core.ports) in the tables `conversations` and `messages`.

    Each call is one transaction; what has returned is on disk. Costs of a conversation are the sums of its usage rows.
    """

    def __init__(self, database: Database, usage: SqlUsageLog) -> None:
        self._database = database
        self._usage = usage

    async def create(self, conversation: Conversation) -> None:
        row = _conversation_row(conversation) | {"draft": conversation.draft}
        await self._database.run(lambda connection: connection.execute(insert(conversations).values(row)) and None)

    async def update(self, conversation: Conversation) -> None:
        """Stores everything but the draft, which only `save_draft` and `begin_turn` change: a copy held by a caller may
        carry an old one. `LocalProblem` if the conversation is gone."""
        row = _conversation_row(conversation)
        del row["id"]
        await self._database.run(lambda connection: _must_change(connection, conversation.id, row))

    async def get(self, conversation_id: str) -> Conversation | None:
        """The conversation, or None if there is none or it was deleted."""
        found = await self._database.read(
            lambda connection: _conversations(connection, select(conversations).where(_is(conversation_id)))
        )
        return found[0] if found else None

    async def recent(self, search: str = "", limit: int = 500) -> tuple[Conversation, ...]:
        """Conversations, pinned ones first, then the latest change first.

        `search` is looked for in titles and in shown messages, as it stands; letters without regard to case.
        """
        wanted = select(conversations)
        if search.strip():
            wanted = wanted.where(_contains(search.strip()))
        wanted = wanted.where(conversations.c.deleted_ms.is_(None)).order_by(*_ORDER).limit(limit)
        return tuple(await self._database.read(lambda connection: _conversations(connection, wanted)))

    async def delete(self, conversation_id: str) -> None:
        """Hides the conversation. `undelete` brings it back until `purge` removes it, 30 days later."""
        await self._set(conversation_id, deleted_ms=now_ms())

    async def undelete(self, conversation_id: str) -> None:
        await self._set(conversation_id, deleted_ms=None)

    async def purge(self, before_ms: int | None = None) -> int:
        """Removes what was deleted before `before_ms` (default: 30 days ago) and says how many. Usage rows stay."""
        limit_ms = now_ms() - KEPT_AFTER_DELETE_MS if before_ms is None else before_ms
        return await self._database.run(
            lambda connection: (
                connection.execute(delete(conversations).where(conversations.c.deleted_ms < limit_ms)).rowcount
            )
        )

    async def save_draft(self, conversation_id: str, draft: str) -> None:
        await self._set(conversation_id, draft=draft)

    async def messages(self, conversation_id: str) -> tuple[StoredMessage, ...]:
        """The messages in order, without the replaced ones."""
        wanted = (
            select(messages)
            .where(messages.c.conversation_id == conversation_id, messages.c.state != "replaced")
            .order_by(messages.c.position, messages.c.seq)
        )
        return tuple(
            await self._database.read(lambda connection: [_message(row) for row in connection.execute(wanted)])
        )

    async def begin_turn(self, question: StoredMessage | None, answer: StoredMessage) -> None:
        """Stores the user's message (if there is a new one) and the empty answer in state `streaming`, and clears the draft.

        The answer carries this process's mark, so that no other process takes it for one left by a dead process.
        """
        answer_row = _message_row(answer) | {"state": "streaming", "writer": self._database.writer_token}

        def work(connection: Connection) -> None:
            _must_change(
                connection,
                answer.conversation_id,
                {"draft": "", "updated_ms": func.max(conversations.c.updated_ms, answer.created_ms)},
            )
            if question is not None:
                connection.execute(
                    insert(messages).values(_message_row(question)).on_conflict_do_nothing(index_elements=["id"])
                )
            connection.execute(
                insert(messages).values(answer_row).on_conflict_do_update(index_elements=["id"], set_=answer_row)
            )

        await self._database.run(work)

    async def save_streamed(self, message_id: str, content: str, reasoning: str) -> None:
        """Stores the text so far. Does nothing for an answer that ended or was replaced meanwhile."""
        statement = (
            update(messages)
            .where(messages.c.id == message_id, messages.c.state == "streaming")
            .values(content=content, reasoning=reasoning)
        )
        await self._database.run(lambda connection: connection.execute(statement) and None)

    async def finish(self, message: StoredMessage) -> None:
        """Stores the end of an answer together with the usage records that name it, in one transaction.

        A message that was replaced meanwhile stays replaced; one that never began is added.
        """
        row = _message_row(message)
        written: list[str] = []

        def work(connection: Connection) -> None:
            if not connection.execute(select(conversations.c.id).where(_is(message.conversation_id))).first():
                raise LocalProblem(GONE)
            state = connection.execute(select(messages.c.state).where(messages.c.id == message.id)).scalar()
            if state == "replaced":
                row["state"] = state
            connection.execute(insert(messages).values(row).on_conflict_do_update(index_elements=["id"], set_=row))
            records = self._usage.of_message(message.id)
            self._usage.write(connection, records)
            written.extend(record.id for record in records)

        def after_commit() -> None:
            self._usage.forget(written)
            self._usage.message_ended(message.id)

        await self._database.run(work, after_commit)

    async def replace_from(self, conversation_id: str, position: int) -> None:
        """Marks every message from `position` on as replaced: kept, not shown."""
        statement = (
            update(messages)
            .where(messages.c.conversation_id == conversation_id, messages.c.position >= position)
            .values(state="replaced", writer=None)
        )
        await self._database.run(lambda connection: connection.execute(statement) and None)

    async def end_interrupted(self) -> int:
        """Turns answers that a dead process left in state `streaming` into `interrupted`; says how many.

        Answers of processes that live are left alone, this one's and those of a command beside it. Call it at start.
        """
        writers = await self._database.read(_streaming_writers)
        dead = await self._database.run(lambda _: self._dead(writers))
        if not dead:
            return 0
        gone: ColumnElement[bool] = messages.c.writer.in_([token for token in dead if token is not None])
        if None in dead:
            gone = or_(gone, messages.c.writer.is_(None))
        statement = (
            update(messages)
            .where(messages.c.state == "streaming", gone)
            .values(state="interrupted", writer=None, trouble=asdict(KILLED))
        )
        return await self._database.run(lambda connection: connection.execute(statement).rowcount)

    def _dead(self, writers: set[str | None]) -> set[str | None]:
        tokens = {token for token in writers if token is not None and token != self._database.writer_token}
        folder = self._database.folders.data
        try:
            with instance.gate(folder, wait_s=1.0):
                dead: set[str | None] = set(instance.dead_writers(folder, tokens))
        except DataInUse:
            return set()  # somebody is opening the data right now; the next start looks again
        return dead | (writers & {None})

    async def _set(self, conversation_id: str, **values: Any) -> None:
        statement = update(conversations).where(_is(conversation_id)).values(values)
        await self._database.run(lambda connection: connection.execute(statement) and None)


_ORDER = (conversations.c.pinned.desc(), conversations.c.updated_ms.desc(), conversations.c.id.desc())


def _is(conversation_id: str) -> ColumnElement[bool]:
    return conversations.c.id == conversation_id


def _must_change(connection: Connection, conversation_id: str, values: Mapping[str, Any]) -> None:
    if connection.execute(update(conversations).where(_is(conversation_id)).values(values)).rowcount == 0:
        raise LocalProblem(GONE)


def _streaming_writers(connection: Connection) -> set[str | None]:
    statement = select(messages.c.writer).where(messages.c.state == "streaming").distinct()
    return set(connection.execute(statement).scalars())


def _contains(search: str) -> ColumnElement[bool]:
    # SQLite's LIKE folds ASCII only; the usual spellings of a word in other scripts are asked for one by one.
    spellings = {search}
    if not search.isascii():
        spellings |= {search.lower(), search.upper(), search.capitalize(), search.title()}
    here = [conversations.c.title.contains(word, autoescape=True) for word in sorted(spellings)]
    said = [messages.c.content.contains(word, autoescape=True) for word in sorted(spellings)]
    return or_(
        *here,
        exists().where(messages.c.conversation_id == conversations.c.id, messages.c.state != "replaced", or_(*said)),
    )


def _conversations(connection: Connection, wanted: Select[Any]) -> list[Conversation]:
    picked = wanted.where(conversations.c.deleted_ms.is_(None)).subquery()
    calls = provider_usage.c
    cost = (
        select(func.coalesce(func.sum(calls.cost_nano_usd), 0))
        .where(calls.conversation_id == picked.c.id)
        .scalar_subquery()
    )
    unknown = exists().where(calls.conversation_id == picked.c.id, calls.cost_nano_usd.is_(None))
    statement = select(picked, cost.label("cost"), unknown.label("unknown")).order_by(
        picked.c.pinned.desc(), picked.c.updated_ms.desc(), picked.c.id.desc()
    )
    return [_conversation(row) for row in connection.execute(statement)]


def _conversation(row: Row[Any]) -> Conversation:
    return Conversation(
        id=row.id,
        title=row.title,
        choice=ModelChoice(row.provider, row.model, row.base_url),
        created_ms=row.created_ms,
        updated_ms=row.updated_ms,
        parameters=row.parameters if isinstance(row.parameters, dict) else {},
        system=row.system,
        agent_id=row.agent_id,
        pinned=bool(row.pinned),
        draft=row.draft,
        cost_nano_usd=row.cost,
        cost_unknown=bool(row.unknown),
    )


def _conversation_row(conversation: Conversation) -> dict[str, Any]:
    return {
        "id": conversation.id,
        "title": conversation.title,
        "provider": conversation.choice.provider,
        "model": conversation.choice.model,
        "base_url": conversation.choice.base_url,
        "parameters": dict(conversation.parameters),
        "system": conversation.system,
        "agent_id": conversation.agent_id,
        "pinned": conversation.pinned,
        "created_ms": conversation.created_ms,
        "updated_ms": conversation.updated_ms,
    }


def _message_row(message: StoredMessage) -> dict[str, Any]:
    """The row of a message that nobody is writing."""
    return {
        "id": message.id,
        "conversation_id": message.conversation_id,
        "position": message.position,
        "role": message.role,
        "content": message.content,
        "reasoning": message.reasoning,
        "tool_calls": [asdict(call) for call in message.tool_calls] or None,
        "tool_call_id": message.tool_call_id,
        "state": message.state,
        "facts": None if message.facts is None else asdict(message.facts),
        "trouble": None if message.trouble is None else asdict(message.trouble),
        "created_ms": message.created_ms,
        "writer": None,
    }


def _message(row: Row[Any]) -> StoredMessage:
    calls = row.tool_calls if isinstance(row.tool_calls, list) else []
    return StoredMessage(
        id=row.id,
        conversation_id=row.conversation_id,
        position=row.position,
        role=row.role,
        content=row.content,
        state=row.state,
        created_ms=row.created_ms,
        reasoning=row.reasoning,
        tool_calls=tuple(call for call in (_value(ToolCall, one) for one in calls) if call is not None),
        tool_call_id=row.tool_call_id,
        facts=_value(AnswerFacts, row.facts),
        trouble=_value(Trouble, row.trouble),
    )


def _value(kind: type[D], stored: Any) -> D | None:
    """The value from its stored fields; names that this version does not know are left out. None if it does not fit."""
    if not isinstance(stored, dict):
        return None
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    try:
        return kind(**{name: value for name, value in stored.items() if name in known})
    except TypeError:
        return None
