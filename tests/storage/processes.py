"""Other processes for the tests of storage: `processes.py NAME ARGUMENTS`. They speak JSON lines on stdout."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from groqdesk.core.errors import GroqdeskError
from groqdesk.core.settings import Folders
from groqdesk.storage import instance
from groqdesk.storage.conversations import SqlConversationStore
from groqdesk.storage.database import Database
from groqdesk.storage.migrate import Schema
from groqdesk.storage.usage import SqlUsageLog
from tests.storage import values


def say(value: Any) -> None:
    print(json.dumps(value), flush=True)


def folders(data: str) -> Folders:
    return Folders(Path(data), Path(data) / "logs")


def wait_until(moment_s: float) -> None:
    while time.time() < moment_s:
        pass


async def stream(data: str) -> None:
    """Streams answers without end; says each thing once it is acknowledged."""
    from dataclasses import replace

    database = await Database.open(folders(data))
    usage = SqlUsageLog(database)
    store = SqlConversationStore(database, usage)
    conversation = values.conversation()
    await store.create(conversation)
    say(["created", conversation.id])
    position = 0
    while True:
        asked = values.question(conversation, position, f"question {position}")
        answer = values.answer(conversation, position + 1)
        await store.begin_turn(asked, answer)
        say(["begun", asked.id, answer.id])
        text = ""
        for number in range(3):
            text += f"piece {number} " * 20
            await store.save_streamed(answer.id, text, "")
            say(["saved", answer.id, len(text)])
        record = values.record(message_id=answer.id, conversation_id=conversation.id)
        usage.add(record)
        await store.finish(replace(answer, content=text + "end", state="done"))
        say(["finished", answer.id, len(text) + 3, record.id])
        position += 2


async def hold(data: str) -> None:
    """Opens the database, begins an answer, says its ids, and closes after a line on stdin; `write` adds a draft."""
    database = await Database.open(folders(data))
    store = SqlConversationStore(database, SqlUsageLog(database))
    conversation = values.conversation()
    await store.create(conversation)
    answer = values.answer(conversation)
    await store.begin_turn(values.question(conversation), answer)
    say([conversation.id, answer.id])
    while (await asyncio.to_thread(sys.stdin.readline)).strip() == "write":
        await store.save_draft(conversation.id, "written elsewhere")
        say("written")
    await database.close()


async def migrate(data: str, versions: str, head: str) -> None:
    """Opens the database with a longer chain of migrations."""
    say("opening")
    database = await Database.open(folders(data), schema=Schema(head, (Path(versions),)))
    say("open")
    await database.close()


async def race_open(data: str, rounds: str, start_s: str) -> None:
    """Opens new databases, each at a given moment of the wall clock."""
    for number in range(int(rounds)):
        wait_until(float(start_s) + 0.25 * number)
        try:
            database = await Database.open(folders(f"{data}{number}"))
        except GroqdeskError as error:
            say(error.message)
            continue
        await database.close()
        say("open")


async def race_lock(data: str, rounds: str, start_s: str) -> None:
    """Takes instance locks, each at a given moment of the wall clock, and keeps them until stdin ends."""
    kept = []
    for number in range(int(rounds)):
        wait_until(float(start_s) + 0.01 * number)
        kept.append(instance.InstanceLock.acquire(folders(f"{data}{number}")))
    say([lock is not None for lock in kept])
    sys.stdin.read()


async def hold_lock(data: str) -> None:
    """Takes the instance lock, says whether it did, and keeps it until stdin ends."""
    lock = instance.InstanceLock.acquire(folders(data))
    say(lock is not None)
    sys.stdin.read()


async def lock_data(data: str) -> None:
    """Has the data for itself until stdin ends."""
    with instance.exclusive_data(Path(data)):
        say("exclusive")
        sys.stdin.read()


if __name__ == "__main__":
    asyncio.run(globals()[sys.argv[1]](*sys.argv[2:]))
