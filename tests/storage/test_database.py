"""Database: transactions, threads and loops, files, foreign writes, refusals, end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import stat
import struct
import threading
from pathlib import Path
from typing import Any

import pytest
import uvloop
from sqlalchemy import Connection

from groqdesk.core.errors import DatabaseDamaged, DatabaseReadOnly, DatabaseTooNew, DataInUse, LocalProblem
from groqdesk.core.settings import Folders
from groqdesk.storage import sqlite_file
from groqdesk.storage.conversations import SqlConversationStore
from groqdesk.storage.database import Database
from groqdesk.storage.tables import APPLICATION_ID
from groqdesk.storage.usage import SqlUsageLog
from tests.storage import filled
from tests.storage.values import answer, conversation, question


def put(key: str, value: str = "1") -> Any:
    def work(connection: Connection) -> str:
        connection.exec_driver_sql("INSERT INTO settings VALUES (?, ?)", (key, value))
        return threading.current_thread().name

    return work


def keys(connection: Connection) -> list[str]:
    return [row[0] for row in connection.exec_driver_sql("SELECT key FROM settings ORDER BY rowid")]


async def test_connections_are_set_as_promised(database: Database) -> None:
    def pragmas(connection: Connection) -> dict[str, Any]:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "application_id", "query_only")
        return {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in names}

    common = {"journal_mode": "wal", "busy_timeout": 5000, "application_id": APPLICATION_ID}
    assert await database.run(pragmas) == common | {"synchronous": 2, "foreign_keys": 1, "query_only": 0}
    assert (await database.read(pragmas))["query_only"] == 1


async def test_writes_run_on_one_thread_and_reads_on_another(database: Database) -> None:
    assert {await database.run(put(str(n))) for n in range(3)} == {"database"}
    assert await database.read(lambda _: threading.current_thread().name) == "database-read"
    with pytest.raises(DatabaseReadOnly):
        await database.read(put("x"))


async def test_a_failed_write_leaves_nothing(database: Database) -> None:
    def half(connection: Connection) -> None:
        put("half")(connection)
        raise KeyError("x")

    with pytest.raises(KeyError):
        await database.run(half)
    with pytest.raises(LocalProblem, match="does not fit"):
        await database.run(lambda c: (put("a")(c), put("a")(c)))
    await database.run(put("whole"))
    assert await database.read(keys) == ["whole"]


async def test_a_write_whose_caller_goes_away_is_written_and_keeps_its_place(database: Database) -> None:
    go = threading.Event()
    blocker = asyncio.ensure_future(database.run(lambda _: go.wait(10)))
    await asyncio.sleep(0)
    gone = asyncio.ensure_future(database.run(put("first")))
    await asyncio.sleep(0)
    gone.cancel()
    last = asyncio.ensure_future(database.run(put("second")))
    go.set()
    await asyncio.gather(blocker, gone, last, return_exceptions=True)
    assert gone.cancelled()
    assert await database.read(keys) == ["first", "second"]


async def test_a_read_whose_caller_goes_away_is_interrupted(database: Database) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    started = threading.Event()

    def search(connection: Connection) -> int:
        started.set()
        return int(connection.exec_driver_sql(endless).scalar_one())

    reading = asyncio.ensure_future(database.read(search))
    assert await asyncio.to_thread(started.wait, 10)
    for _ in range(3):  # between two statements an interrupt hits nothing
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading
        await asyncio.sleep(0.01)
        database._interrupt(None)
    assert await database.read(keys) == []


async def test_reads_go_on_while_a_write_is_under_way(database: Database) -> None:
    await database.run(put("before"))
    go, inside = threading.Event(), threading.Event()

    def slow(connection: Connection) -> None:
        put("during")(connection)
        inside.set()
        go.wait(10)

    writing = asyncio.ensure_future(database.run(slow))
    assert await asyncio.to_thread(inside.wait, 10)
    assert await database.read(keys) == ["before"]
    go.set()
    await writing
    assert await database.read(keys) == ["before", "during"]


def test_one_database_serves_the_loops_of_several_threads(where: Folders) -> None:
    database = asyncio.run(Database.open(where))

    async def work(name: str) -> None:
        for number in range(20):
            await database.run(put(f"{name}{number}"))
            assert f"{name}{number}" in await database.read(keys)

    def on(factory: Any, name: str) -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(work(name))

    threads = [
        threading.Thread(target=on, args=(factory, name))
        for name, factory in (("a", uvloop.new_event_loop), ("b", asyncio.new_event_loop), ("c", uvloop.new_event_loop))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(asyncio.run(database.read(keys))) == 60
    asyncio.run(database.close())


async def test_files_are_the_owners_alone_and_close_leaves_one(where: Folders) -> None:
    database = await Database.open(where)
    await database.run(put("a"))
    await database.read(keys)
    files = [path for path in where.data.rglob("*") if path.is_file()]
    assert {"groqdesk.db", "groqdesk.db-wal", "groqdesk.db-shm"} <= {path.name for path in files}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (where.data, where.data / "writers")} == {0o700}
    await database.close()
    assert sorted(path.name for path in where.data.rglob("*")) == ["data.lock", "groqdesk.db", "writers"]
    where.database.chmod(0o644)
    await (await Database.open(where)).close()
    assert stat.S_IMODE(where.database.stat().st_mode) == 0o600


async def test_close_ends_the_threads_and_later_calls_are_told(where: Folders) -> None:
    database = await Database.open(where)
    await asyncio.gather(database.close(), database.close())
    assert database._writer.join(5)
    assert database._reader.join(5)
    for work in (database.run(keys), database.read(keys), database.changed_elsewhere(), database.facts()):
        with pytest.raises(LocalProblem, match="closed"):
            await work


async def test_close_interrupts_a_read(where: Folders) -> None:
    database = await Database.open(where)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    started = threading.Event()

    def search(connection: Connection) -> None:
        connection.exec_driver_sql("SELECT 1")
        started.set()
        connection.exec_driver_sql(endless).scalar_one()

    reading = asyncio.ensure_future(database.read(search))
    assert await asyncio.to_thread(started.wait, 10)
    await asyncio.sleep(0.05)
    await database.close()
    with pytest.raises(LocalProblem):
        await reading
    assert database._writer.join(5)


async def test_what_another_process_writes_is_noticed_once(where: Folders, other: Any) -> None:
    database = await Database.open(where)
    process = other("hold", str(where.data))
    process.hear()
    assert await database.changed_elsewhere()
    assert not await database.changed_elsewhere()
    await database.run(put("mine"))
    assert not await database.changed_elsewhere()
    process.tell("write")
    assert process.hear() == "written"
    assert await database.changed_elsewhere()
    assert not await database.changed_elsewhere()
    process.tell()
    assert process.end() == 0
    await database.close()


async def test_a_foreign_write_lock_is_waited_for_and_then_told(
    where: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("groqdesk.storage.database.BUSY_TIMEOUT_S", 0.05)
    database = await Database.open(where)
    with contextlib.closing(sqlite3.connect(where.database, isolation_level=None)) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        with pytest.raises(DataInUse, match="Another groqdesk is writing"):
            await database.run(put("a"))
        assert await database.read(keys) == []
        foreign.execute("ROLLBACK")
    await database.run(put("a"))
    assert await database.read(keys) == ["a"]
    await database.close()


async def test_a_database_in_use_here_is_opened_a_second_time_without_breaking_its_locks(where: Folders) -> None:
    one, two = await Database.open(where), await Database.open(where)
    await one.run(put("one"))
    await two.close()
    await one.run(put("more"))
    three = await Database.open(where)
    assert await three.read(keys) == ["one", "more"]
    await one.close()
    await three.close()
    assert filled.is_whole(where.database)


async def test_a_backup_on_request_is_a_whole_single_file(database: Database, tmp_path: Path) -> None:
    await database.run(put("a"))
    target = await database.backup(tmp_path / "copy.db")
    assert filled.is_whole(target)
    assert filled.contents(target)["settings"] == [("a", "1")]
    assert [name for name in os.listdir(tmp_path) if "copy" in name] == ["copy.db"]  # noqa: PTH208 - names are wanted
    with pytest.raises(ValueError, match="cannot replace"):
        await database.backup(database.folders.database)
    with pytest.raises(LocalProblem):
        await database.backup(tmp_path / "nowhere" / "copy.db")
    facts = await database.facts()
    assert (facts.revision, facts.path) == (1, database.folders.database)
    assert await database.check()


# Refusals


def change_header(path: Path, offset: int, value: int) -> None:
    content = bytearray(path.read_bytes())
    content[offset : offset + 4] = struct.pack(">I", value)
    path.write_bytes(content)


async def test_a_newer_database_is_refused_and_not_touched(where: Folders) -> None:
    await (await Database.open(where)).close()
    change_header(where.database, 60, 2)
    before = filled.digests(where.data)
    with pytest.raises(DatabaseTooNew) as caught:
        await Database.open(where)
    assert caught.value.message == "The database was made by a newer groqdesk. Nothing was changed."
    assert caught.value.action == "Open backup folder"
    assert filled.digests(where.data) == before


async def test_also_when_only_the_log_of_a_killed_process_says_so(where: Folders) -> None:
    await (await Database.open(where)).close()
    source = where.data / "source"
    with contextlib.closing(sqlite3.connect(where.database, isolation_level=None)) as newer:
        newer.execute("PRAGMA user_version=2")
        newer.execute("INSERT INTO settings VALUES ('a', '1')")
        source.mkdir()
        for name in ("groqdesk.db", "groqdesk.db-wal"):  # as SIGKILL would leave them
            (source / name).write_bytes((where.data / name).read_bytes())
    killed = Folders(source, where.log)
    assert struct.unpack(">I", killed.database.read_bytes()[60:64]) == (1,)
    before = filled.digests(source)
    with pytest.raises(DatabaseTooNew):
        await Database.open(killed)
    assert filled.digests(source) == before


async def test_a_log_that_was_not_committed_does_not_count(where: Folders) -> None:
    await (await Database.open(where)).close()
    with contextlib.closing(sqlite3.connect(where.database, isolation_level=None)) as newer:
        newer.execute("PRAGMA user_version=2")
        log = (where.data / "groqdesk.db-wal").read_bytes()
        main = where.database.read_bytes()
    # The last frame's header says after which size the transaction is whole; 0 makes it an unfinished one.
    cut = bytearray(log)
    cut[32 + 4 : 32 + 8] = b"\0\0\0\0"
    for content, version in ((log, 2), (bytes(cut), 1), (log[:-1], 1), (log[:40], 1), (b"x" * 5_000, 1)):
        folder = where.data / f"case{len(list(where.data.iterdir()))}"
        folder.mkdir()
        (folder / "groqdesk.db").write_bytes(main)
        (folder / "groqdesk.db-wal").write_bytes(content)
        assert sqlite_file.marks(folder / "groqdesk.db") == sqlite_file.FileMarks("database", APPLICATION_ID, version)


async def test_another_programs_database_is_refused_and_not_touched(where: Folders) -> None:
    where.data.mkdir(parents=True)
    with contextlib.closing(sqlite3.connect(where.database)) as foreign:
        foreign.execute("CREATE TABLE bookmarks (id)")
        foreign.commit()
    before = filled.digests(where.data)
    with pytest.raises(LocalProblem, match="belongs to another program"):
        await Database.open(where)
    assert filled.digests(where.data) == before


@pytest.mark.parametrize("content", [b"hello", b"PK\x03\x04" * 500, b"\0" * 4096, b"SQLite format 3", b"S"])
async def test_a_file_that_is_no_database_is_refused_and_not_touched(where: Folders, content: bytes) -> None:
    where.data.mkdir(parents=True)
    where.database.write_bytes(content)
    with pytest.raises(DatabaseDamaged, match="Nothing was changed"):
        await Database.open(where)
    assert where.database.read_bytes() == content
    assert [path.name for path in where.data.iterdir()] == ["groqdesk.db"]


async def test_a_folder_in_the_place_of_the_file_is_refused(where: Folders) -> None:
    where.database.mkdir(parents=True)
    with pytest.raises(DatabaseDamaged, match="is not a database"):
        await Database.open(where)


@pytest.mark.parametrize("pages", [0, 1])
async def test_a_start_that_was_killed_early_is_made_good(where: Folders, pages: int) -> None:
    where.data.mkdir(parents=True)
    where.database.touch()
    if pages:
        with contextlib.closing(sqlite3.connect(where.database)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA user_version=0")
    database = await Database.open(where)
    await database.run(put("a"))
    await database.close()
    assert filled.marks(where.database)[1] == 1


@pytest.mark.parametrize("main", [None, b""])
async def test_a_log_whose_database_is_gone_is_not_thrown_away(where: Folders, main: bytes | None) -> None:
    where.data.mkdir(parents=True)
    if main is not None:
        where.database.write_bytes(main)
    (where.data / "groqdesk.db-wal").write_bytes(b"7\x7f\x06\x82" + b"\0" * 5000)
    before = filled.digests(where.data)
    with pytest.raises(DatabaseDamaged, match="its log is there"):
        await Database.open(where)
    assert filled.digests(where.data) == before


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to another user")
async def test_the_folder_of_another_user_is_refused(where: Folders) -> None:
    await (await Database.open(where)).close()
    os.chown(where.data, 12345, -1)
    before = filled.digests(where.data)
    with pytest.raises(DatabaseReadOnly, match="belongs to another user"):
        await Database.open(where)
    assert filled.digests(where.data) == before


@pytest.mark.parametrize("name", ["with space", "zażółć 🍰", "x" * 200, "per%cent?#&"])
async def test_folders_with_any_name(tmp_path: Path, name: str) -> None:
    real = Folders(tmp_path / name / "data", tmp_path)
    database = await Database.open(real)
    await database.run(put("a"))
    assert await database.read(keys) == ["a"]
    await database.close()
    link = tmp_path / "link"
    link.symlink_to(real.data, target_is_directory=True)
    database = await Database.open(Folders(link, tmp_path))
    assert await database.read(keys) == ["a"]
    await database.close()


async def test_errors_carry_no_text_of_the_user(where: Folders) -> None:
    database = await Database.open(where)
    store = SqlConversationStore(database, SqlUsageLog(database))
    of = conversation()
    await store.create(of)
    secret = question(of, text="my secret prompt")
    await store.begin_turn(secret, answer(of))
    await database.run(lambda c: c.exec_driver_sql("DROP TABLE messages") and None)
    with pytest.raises(LocalProblem) as caught:
        await store.begin_turn(secret, answer(of))
    error: BaseException | None = caught.value
    while error is not None:
        assert "my secret prompt" not in str(error)
        error = error.__cause__ or error.__context__
    await database.close()
