"""kill -9 at any moment: what was acknowledged is there, and a migration happened whole or not at all.

`GROQDESK_KILLS=1000 python -m pytest -n 0 tests/storage/test_kill.py` is the long run.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from groqdesk.core.settings import Folders
from groqdesk.storage.conversations import SqlConversationStore
from groqdesk.storage.database import Database
from groqdesk.storage.tables import APPLICATION_ID
from groqdesk.storage.usage import SqlUsageLog
from tests.storage import filled

KILLS = int(os.environ.get("GROQDESK_KILLS", "25"))
MIGRATION_KILLS = int(os.environ.get("GROQDESK_MIGRATION_KILLS", "10"))
ROWS = 20_000
CHAIN = Path(__file__).parent / "chain"

pytestmark = pytest.mark.timeout(60 + 5 * (KILLS + MIGRATION_KILLS))


def test_no_acknowledged_row_is_lost_by_killing_a_writer(where: Folders, other: Any) -> None:
    """All kills hit one growing database, so that each recovery starts from the last one's leftovers."""
    seed = random.Random(7)
    acknowledged: list[list[Any]] = []
    for _ in range(KILLS):
        process = other("stream", str(where.data))
        said = [process.hear()]
        deadline_s = time.monotonic() + seed.uniform(0.0, 0.25)
        while time.monotonic() < deadline_s:
            said.append(process.hear())
        said += [json.loads(line) for line in process.kill()]
        acknowledged += said
        assert filled.is_whole(where.database)
        assert _missing(where.database, said) == []
    assert _missing(where.database, acknowledged) == []
    assert sum(one[0] == "finished" for one in acknowledged) > KILLS


def _missing(path: Path, acknowledged: list[list[Any]]) -> list[list[Any]]:
    """What was acknowledged and is not there, or not as far along as was said; and answers torn from their usage."""
    with closing(sqlite3.connect(path)) as connection:
        conversations = {row[0] for row in connection.execute("SELECT id FROM conversations")}
        messages = {row[0]: row[1:] for row in connection.execute("SELECT id, length(content), state FROM messages")}
        usage = {row[0] for row in connection.execute("SELECT id FROM provider_usage")}
        # An answer's end and its usage are one transaction, acknowledged or not.
        torn = connection.execute(
            "SELECT id, state FROM messages WHERE role = 'assistant'"
            " AND (state = 'done') != (id IN (SELECT message_id FROM provider_usage))"
        ).fetchall()

    def is_there(one: list[Any]) -> bool:
        match one:
            case ["created", conversation]:
                return conversation in conversations
            case ["begun", question, answer]:
                return question in messages and answer in messages
            case ["saved", answer, length]:
                return bool(messages[answer][0] >= length)
            case ["finished", answer, length, record]:
                return messages[answer] == (length, "done") and record in usage
        raise AssertionError(one)

    return [one for one in acknowledged if not is_there(one)] + [list(one) for one in torn]


async def test_after_a_kill_the_broken_answer_is_interrupted_and_the_start_is_clean(where: Folders, other: Any) -> None:
    process = other("stream", str(where.data))
    _, conversation = process.hear()
    while process.hear()[0] != "saved":
        pass
    said = [json.loads(line) for line in process.kill()]
    broken = sum(one[0] == "begun" for one in said) - sum(one[0] == "finished" for one in said) + 1
    database = await Database.open(where)
    store = SqlConversationStore(database, SqlUsageLog(database))
    # The last turn may have gone further than what could still be said.
    assert abs(await store.end_interrupted() - broken) <= 1
    assert {one.state for one in await store.messages(conversation)} <= {"done", "interrupted"}
    assert sorted(path.name for path in (where.data / "writers").iterdir()) == [f"{database.writer_token}.lock"]
    await database.close()


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of schema 0001 with 20,000 messages, made once."""
    import asyncio

    folder = tmp_path_factory.mktemp("big")
    where = Folders(folder, folder)

    async def make() -> None:
        await (await Database.open(where)).close()

    asyncio.run(make())
    filled.fill(where.database, ROWS)
    return where.database


def test_a_killed_migration_leaves_the_old_or_the_new_schema_whole(tmp_path: Path, big: Path, other: Any) -> None:
    before = filled.contents(big)
    seed = random.Random(11)
    took_s = _time_of_a_migration(tmp_path / "timed", big, other)
    seen = set()
    for number in range(MIGRATION_KILLS):
        where = Folders(tmp_path / f"kill{number}", tmp_path)
        where.data.mkdir(mode=0o700)
        shutil.copy(big, where.database)
        process = other("migrate", str(where.data), str(CHAIN), "0004")
        assert process.hear() == "opening"
        time.sleep(seed.uniform(0.1, 1.0) * took_s)
        process.kill()
        assert filled.is_whole(where.database)
        marks = filled.marks(where.database)
        assert marks in ((APPLICATION_ID, 1, "0001"), (APPLICATION_ID, 4, "0004"))
        assert "_alembic_tmp" not in str(filled.schema(where.database))
        assert filled.contents(where.database) == before
        for backup in (where.data / "backups").glob("groqdesk-*.db"):
            assert filled.is_whole(backup)
        seen.add(marks[1])
        # The next start brings it to the end.
        process = other("migrate", str(where.data), str(CHAIN), "0004")
        assert [process.hear(), process.hear()] == ["opening", "open"]
        assert process.end() == 0
        assert filled.marks(where.database) == (APPLICATION_ID, 4, "0004")
        assert filled.contents(where.database) == before
        shutil.rmtree(where.data)
    assert 1 in seen


def _time_of_a_migration(folder: Path, big: Path, other: Any) -> float:
    folder.mkdir()
    shutil.copy(big, folder / "groqdesk.db")
    process = other("migrate", str(folder), str(CHAIN), "0004")
    assert process.hear() == "opening"
    began_s = time.monotonic()
    assert process.hear() == "open"
    took_s = time.monotonic() - began_s
    assert process.end() == 0
    shutil.rmtree(folder)
    return took_s
