"""Database: SQLite behind one thread for writing and one for long reads.

Nothing of SQLAlchemy leaves the two threads: callers pass a function that gets a `Connection` and returns plain values.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sqlite3
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import StaticPool

from groqdesk.core.errors import (
    DatabaseDamaged,
    DatabaseReadOnly,
    DatabaseTooNew,
    DataInUse,
    GroqdeskError,
    LocalProblem,
)
from groqdesk.core.settings import Folders, Timings
from groqdesk.storage import backups, instance, sqlite_file
from groqdesk.storage.faults import damaged, newest_backup, translated
from groqdesk.storage.migrate import Schema, migrate
from groqdesk.storage.tables import APPLICATION_ID
from groqdesk.storage.worker import Worker, WorkerClosed

T = TypeVar("T")
log = logging.getLogger(__name__)

BUSY_TIMEOUT_S = 5.0
CLOSE_LIMIT_S = 2.0

TOO_NEW = "The database was made by a newer groqdesk. Nothing was changed."
SHIPPED = Schema()

# POSIX drops a process's locks on a file as soon as it closes any descriptor of it. So the bytes of a database that this
# process has open already are never read past SQLite.
_open_here: dict[str, int] = {}
_open_here_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class _Access:
    """One SQLite connection and the SQLAlchemy engine over it."""

    raw: sqlite3.Connection
    engine: Engine

    def close(self) -> None:
        self.engine.dispose()
        self.raw.close()


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """What `groqdesk database status` says. `backup` is the newest one."""

    path: Path
    revision: int
    size_bytes: int
    sqlite_version: str
    backup: Path | None


class Database:
    """An open database. Make it with `Database.open`, end it with `close`; both work on any asyncio loop."""

    def __init__(self, folders: Folders, timings: Timings, schema: Schema) -> None:
        self.folders = folders
        self.timings = timings
        self.writer_token = ""
        self._schema = schema
        self._path = folders.database
        self._writer = Worker("database")
        self._reader = Worker("database-read")
        self._writing: _Access | None = None
        self._reading: _Access | None = None
        self._read_now: object | None = None
        self._read_now_lock = threading.Lock()
        self._writer_lock: instance.FileLock | None = None
        self._data_version = 0
        self._before_close: list[Callable[[Connection], None]] = []
        self._registered: str | None = None
        self._closing = False

    @classmethod
    async def open(cls, folders: Folders, timings: Timings | None = None, schema: Schema = SHIPPED) -> Database:
        """Opens the database of `folders`; makes it, or brings it to the newest schema, where needed.

        In order: marks of the file (not touching it), the gate, quick_check, backup and migration if the schema is
        older. Raises `DatabaseTooNew`, `DatabaseDamaged`, `DatabaseReadOnly`, `DiskFull`, `DataInUse` (another process
        has the data open while a migration is due) or another `LocalProblem`.
        """
        database = cls(folders, timings or Timings(), schema)
        try:
            await database._writer.call(database._open)
        except BaseException:
            database._closing = True
            try:
                # Waited for: the next `open` must not meet this one's lock and registration.
                await database._writer.call(database._let_go)
            finally:
                database._writer.stop()
                database._reader.stop()
            raise
        return database

    async def run(self, fn: Callable[[Connection], T], after_commit: Callable[[], None] | None = None) -> T:
        """Runs `fn` in one write transaction on the database thread; what it returns comes back when it is on disk.

        `after_commit` runs on the database thread before anything else does. A write whose caller was cancelled is
        still written. Errors roll everything back and come as `LocalProblem`s; others of `fn` pass through.
        """

        def work() -> T:
            with translated(self.folders.data), self._write_access().engine.begin() as connection:
                result = fn(connection)
            if after_commit is not None:
                after_commit()
            return result

        return await self._call(self._writer, work)

    async def read(self, fn: Callable[[Connection], T]) -> T:
        """Runs `fn` on the reading thread, in one consistent snapshot; writing goes on meanwhile.

        A read whose caller is cancelled is interrupted.
        """
        mark = object()

        def work() -> T:
            with translated(self.folders.data):
                access = self._read_access()
                with self._read_now_lock:
                    self._read_now = mark
                try:
                    with access.engine.begin() as connection:
                        return fn(connection)
                finally:
                    with self._read_now_lock:
                        self._read_now = None

        return await self._call(self._reader, work, droppable=True, cancelled=lambda: self._interrupt(mark))

    async def changed_elsewhere(self) -> bool:
        """Whether another process has written since the last call (or since `open`). Takes no lock; cheap."""

        def work() -> bool:
            with translated(self.folders.data):
                now = self._raw_data_version()
            changed, self._data_version = now != self._data_version, now
            return changed

        return await self._call(self._writer, work)

    async def backup(self, target: Path) -> Path:
        """Writes a checked copy of the whole database to `target`, which it replaces only when the copy is whole.

        ValueError if `target` is the database itself.
        """

        def work() -> Path:
            if target.resolve() == self._path.resolve():
                raise ValueError("A backup cannot replace the database itself.")
            with translated(target.parent):
                return backups.copy_database(self._read_access().raw, target)

        return await self._call(self._reader, work)

    async def check(self) -> bool:
        """Whether SQLite's full integrity check finds nothing."""

        def work() -> bool:
            with translated(self.folders.data):
                return backups.check(self._read_access().raw, full=True)

        try:
            return await self._call(self._reader, work)
        except DatabaseDamaged:
            return False

    async def facts(self) -> DatabaseFacts:
        """Path, schema and size, for status and doctor."""

        def work(connection: Connection) -> DatabaseFacts:
            return DatabaseFacts(
                self._path,
                connection.exec_driver_sql("PRAGMA user_version").scalar_one(),
                connection.exec_driver_sql("PRAGMA page_count").scalar_one()
                * connection.exec_driver_sql("PRAGMA page_size").scalar_one(),
                sqlite3.sqlite_version,
                newest_backup(self.folders.data),
            )

        return await self.read(work)

    def later(self, delay_s: float, job: Callable[[Connection], None], ended: Callable[[bool], None]) -> bool:
        """Runs `job` in a transaction of its own in `delay_s` seconds, then `ended` with whether it was committed.

        Safe from any thread. False, and nothing is planned, if the database is closed.
        """

        def work() -> None:
            ended(self._in_own_transaction(job))

        try:
            self._writer.later(delay_s, work)
        except WorkerClosed:
            return False
        return True

    def before_close(self, job: Callable[[Connection], None]) -> None:
        """Lets `close` run `job` in a transaction of its own, before the database ends."""
        self._before_close.append(job)

    async def close(self) -> None:
        """Writes what is pending, folds the log into the file and ends both threads, within 2 s. Twice is once."""
        if self._closing:
            return
        self._closing = True
        self._interrupt(None)
        try:
            async with asyncio.timeout(CLOSE_LIMIT_S):
                await self._reader.call(self._end_reading)
                await self._writer.call(self._end)
        except TimeoutError:
            log.warning("the database did not close in %s s; what was acknowledged is on disk", CLOSE_LIMIT_S)
        finally:
            self._reader.stop()
            self._writer.post(self._end)  # does nothing if it was done
            self._writer.stop()

    # The rest runs on the two threads.

    async def _call(
        self,
        worker: Worker,
        work: Callable[[], T],
        *,
        droppable: bool = False,
        cancelled: Callable[[], None] | None = None,
    ) -> T:
        if self._closing:
            raise LocalProblem("The database is closed.")
        try:
            return await worker.call(work, droppable=droppable, cancelled=cancelled)
        except WorkerClosed:
            raise LocalProblem("The database is closed.") from None

    def _open(self) -> None:
        data = self.folders.data
        with translated(data):
            self._refuse_foreign_owner()
            self._marks()  # refuses before anything is made in the folder
            instance.make_folder(data)
            with instance.gate(data):
                marks = self._marks()
                is_new = marks.kind in ("absent", "new")
                others = instance.live_writers(data)
                if marks.user_version < self._schema.version and others:
                    raise DataInUse(instance.CLOSE_FIRST)
                self._connect(check=not is_new)
                version = self._version()
                if version > self._schema.version:
                    raise DatabaseTooNew(TOO_NEW)
                if version < self._schema.version:
                    if others:
                        raise DataInUse(instance.CLOSE_FIRST)
                    self._upgrade(None if is_new else version)
                self.writer_token, self._writer_lock = instance.new_writer(data)
            self._data_version = self._raw_data_version()

    def _refuse_foreign_owner(self) -> None:
        if sys.platform == "win32" or not self.folders.data.exists():
            return
        if self.folders.data.stat().st_uid != os.getuid():
            raise DatabaseReadOnly("The data folder belongs to another user of this computer.")

    def _marks(self) -> sqlite_file.FileMarks:
        with _open_here_lock:
            if _open_here.get(str(self._path.resolve())):
                return sqlite_file.FileMarks("database", APPLICATION_ID, self._schema.version)
            marks = sqlite_file.marks(self._path)
        name = self._path.name
        match marks.kind:
            case "no_database":
                raise DatabaseDamaged(f"The file {name} is not a database. Nothing was changed.{self._backup_hint()}")
            case "cut_off":
                raise DatabaseDamaged(f"The database {name} is cut off. Nothing was changed.{self._backup_hint()}")
            case "log_without_database":
                raise DatabaseDamaged(
                    f"The database {name} is missing or empty, but its log is there. Nothing was changed."
                    + self._backup_hint()
                )
            case "new" if newest_backup(self.folders.data) is not None:
                raise DatabaseDamaged(f"The database {name} is empty. Nothing was changed.{self._backup_hint()}")
            case "database" if marks.application_id != APPLICATION_ID:
                raise LocalProblem(f"The file {name} belongs to another program. Nothing was changed.")
            case "database" if marks.user_version > self._schema.version:
                raise DatabaseTooNew(TOO_NEW)
        return marks

    def _backup_hint(self) -> str:
        backup = newest_backup(self.folders.data)
        return f" The newest backup is {backup}." if backup else ""

    def _connect(self, *, check: bool) -> None:
        if not self._path.exists():
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        if not os.access(self._path, os.W_OK):
            raise DatabaseReadOnly(f"The file {self._path} cannot be written.")
        if sys.platform != "win32" and self._path.stat().st_mode & 0o077:
            self._path.chmod(0o600)
        self._register()
        raw = sqlite3.connect(self._path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        self._writing = _access(raw, "BEGIN IMMEDIATE")
        raw.execute("PRAGMA cell_size_check=ON")
        raw.execute("PRAGMA trusted_schema=OFF")
        if check and not backups.check(raw):
            raise damaged(self.folders.data)
        if raw.execute("PRAGMA journal_mode=WAL").fetchone()[0] != "wal":
            raise LocalProblem(f"The folder {self.folders.data} cannot hold the database: it allows no shared memory.")
        # FULL: what was acknowledged survives a power cut too.
        raw.execute("PRAGMA synchronous=FULL")
        raw.execute("PRAGMA foreign_keys=ON")
        if sys.platform == "darwin":
            raw.execute("PRAGMA checkpoint_fullfsync=ON")

    def _upgrade(self, from_version: int | None) -> None:
        """Migrates; `from_version` is None where there is nothing to back up. Call it inside the gate."""
        access = self._write_access()
        if from_version is not None:
            backups.backup_before_migration(access.raw, self.folders.data, from_version)
        try:
            with translated(self.folders.data):
                migrate(access.engine, access.raw, self._schema)
        except (GroqdeskError, OSError):
            raise
        except Exception as error:
            raise LocalProblem(
                "The data could not be upgraded. Nothing was changed.", action="Open backup folder"
            ) from error

    def _write_access(self) -> _Access:
        if self._writing is None:
            raise LocalProblem("The database is closed.")
        return self._writing

    def _read_access(self) -> _Access:
        if self._reading is None:
            raw = sqlite3.connect(
                self._path.resolve().as_uri() + "?mode=ro",
                uri=True,
                timeout=BUSY_TIMEOUT_S,
                isolation_level=None,
                # The one foreign thread is `_interrupt`, which SQLite allows.
                check_same_thread=False,
            )
            raw.execute("PRAGMA query_only=ON")
            raw.execute("PRAGMA trusted_schema=OFF")
            self._reading = _access(raw, "BEGIN")
        return self._reading

    def _interrupt(self, mark: object | None) -> None:
        """Ends the read that runs now, if it is the one with `mark` (None: whichever it is). Called from any thread."""
        with self._read_now_lock:
            running = self._read_now
            if running is not None and self._reading is not None and mark in (None, running):
                self._reading.raw.interrupt()

    def _version(self) -> int:
        version: int = self._write_access().raw.execute("PRAGMA user_version").fetchone()[0]
        return version

    def _raw_data_version(self) -> int:
        version: int = self._write_access().raw.execute("PRAGMA data_version").fetchone()[0]
        return version

    def _end_reading(self) -> None:
        if self._reading is not None:
            self._reading.close()
            self._reading = None

    def _in_own_transaction(self, job: Callable[[Connection], None]) -> bool:
        try:
            with translated(self.folders.data), self._write_access().engine.begin() as connection:
                job(connection)
        except LocalProblem as error:
            log.warning("a delayed write failed: %s", error.message)
            return False
        return True

    def _end(self) -> None:
        if self._writing is None:
            return
        raw = self._writing.raw
        # Somebody else's lock must not hold up the end of this process.
        raw.execute("PRAGMA busy_timeout=300")
        for job in self._before_close:
            self._in_own_transaction(job)
        # Another process may be reading: then the log is folded in by whoever ends last.
        with contextlib.suppress(sqlite3.Error):
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        self._let_go()

    def _let_go(self) -> None:
        if self._writing is not None:
            self._writing.close()
            self._writing = None
        if self._writer_lock is not None:
            self._writer_lock.release(remove=True)
            self._writer_lock = None
        self._unregister()

    def _register(self) -> None:
        self._registered = str(self._path.resolve())
        with _open_here_lock:
            _open_here[self._registered] = _open_here.get(self._registered, 0) + 1

    def _unregister(self) -> None:
        if self._registered is None:
            return
        with _open_here_lock:
            _open_here[self._registered] -= 1
        self._registered = None


def _access(raw: sqlite3.Connection, begin: str) -> _Access:
    """Access through the one connection `raw`; every transaction starts with `begin`.

    Python's sqlite3 begins none by itself (isolation_level None): it would leave DDL outside, and a deferred BEGIN that
    turns into a write fails at once where another process writes, whatever the busy timeout.
    """
    # One damaged byte in a text must not make its whole conversation unreadable.
    raw.text_factory = lambda text: text.decode("utf-8", "replace")
    engine = create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool, hide_parameters=True)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return _Access(raw, engine)
