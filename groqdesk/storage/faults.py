"""What SQLite and the file system report, as the errors of `core.errors`."""

from __future__ import annotations

import contextlib
import errno
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from groqdesk.core.errors import DatabaseDamaged, DatabaseReadOnly, DataInUse, DiskFull, GroqdeskError, LocalProblem

NEARLY_NOTHING_BYTES = 1_000_000

DISK_FULL = "The disk is full, so this was not saved. What was saved before is safe."
READ_ONLY = "The folder {folder} cannot be written."
BUSY = "Another groqdesk is writing to the database. Nothing was saved."


def newest_backup(folder: Path) -> Path | None:
    """The newest backup below the data folder, None without one. Names begin with a UTC timestamp."""
    found = sorted((folder / "backups").glob("groqdesk-*.db"))
    return found[-1] if found else None


def damaged(folder: Path) -> DatabaseDamaged:
    """The error for a database that cannot be read, with the way to the newest backup."""
    backup = newest_backup(folder)
    rest = f"The newest backup is {backup}." if backup else "There is no backup."
    return DatabaseDamaged(f"The database is damaged. {rest}")


def from_sqlite(error: sqlite3.Error, folder: Path) -> LocalProblem:
    """The error for an SQLite result code (https://www.sqlite.org/rescode.html)."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _disk_is_full(folder)):
        return DiskFull(DISK_FULL)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return damaged(folder)
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return DatabaseReadOnly(READ_ONLY.format(folder=folder))
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return DataInUse(BUSY, action="Try again")
    if code == sqlite3.SQLITE_IOERR:
        return LocalProblem("The disk could not read or write the database. Nothing was saved.")
    if code == sqlite3.SQLITE_CONSTRAINT:
        return LocalProblem("This does not fit what is stored already. Nothing was saved.")
    return LocalProblem("The database refused this. Nothing was saved.")


def from_os(error: OSError, folder: Path) -> LocalProblem:
    """The error for a failed file operation in the data folder."""
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return DiskFull(DISK_FULL)
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return DatabaseReadOnly(READ_ONLY.format(folder=folder))
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return LocalProblem(
            f"{error.filename or folder} is in the way: it is not a folder.", action="Choose another folder"
        )
    return LocalProblem(f"The folder {folder} cannot be used: {error.strerror or type(error).__name__}.")


@contextlib.contextmanager
def translated(folder: Path) -> Iterator[None]:
    """Turns errors of SQLAlchemy, SQLite and the file system into `LocalProblem`s, the cause kept."""
    try:
        yield
    except GroqdeskError:
        raise
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error):
            raise from_sqlite(error.orig, folder) from error
        raise
    except sqlite3.Error as error:
        raise from_sqlite(error, folder) from error
    except OSError as error:
        raise from_os(error, folder) from error


def _disk_is_full(folder: Path) -> bool:
    # A full disk also shows as an I/O error, where SQLite could not grow its shared memory.
    try:
        return shutil.disk_usage(folder).free < NEARLY_NOTHING_BYTES
    except OSError:
        return False
