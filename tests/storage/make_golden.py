"""Writes the golden database of the newest schema, once, when it is released: `python -m tests.storage.make_golden`."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path

from groqdesk.core.agents import Agent
from groqdesk.core.conversations import Trouble
from groqdesk.core.messages import ToolCall
from groqdesk.core.settings import Folders
from groqdesk.storage.agents import SqlAgentStore
from groqdesk.storage.conversations import SqlConversationStore
from groqdesk.storage.database import Database
from groqdesk.storage.settings import SqlSettingsStore
from groqdesk.storage.tables import HEAD
from groqdesk.storage.usage import SqlUsageLog
from tests.storage.values import answer, conversation, question, record


async def make(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = await Database.open(Folders(Path(folder) / "data", Path(folder)))
        usage = SqlUsageLog(database)
        store = SqlConversationStore(database, usage)
        for name in ("Scout", "Émile"):
            await SqlAgentStore(database).save(Agent(name, name, "Plans trips", "Ask back.", 1, 2))
        await SqlSettingsStore(database).save({"theme": "dark", "text_size": 110})
        kept, deleted = conversation(pinned=True, draft="And then"), conversation("Gone", agent_id=None)
        for of in (kept, deleted):
            await store.create(of)
            first, second = answer(of, 1), answer(of, 3)
            await store.begin_turn(question(of, 0), first)
            usage.add(record(message_id=first.id, conversation_id=of.id))
            await store.finish(replace(first, content="Try 🍰.", state="done", tool_calls=(ToolCall("1", "f", "{}"),)))
            await store.begin_turn(question(of, 2), second)
            trouble = Trouble("connection", "The connection broke off.", "Continue", retry_at_ms=5)
            await store.finish(replace(second, content="Half", state="interrupted", trouble=trouble))
        await store.delete(deleted.id)
        await database.backup(target)
        await database.close()


if __name__ == "__main__":
    asyncio.run(make(Path(__file__).parent / "golden" / f"{HEAD}.db"))
