"""Copies of the database: made by SQLite's backup API, checked, then moved into place."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from groqdesk.core.errors import DiskFull
from groqdesk.storage.instance import make_folder

KEEP = 3
# A migration may write every page twice: to the log and, at the checkpoint, to the file; the backup is beside it.
ROOM_FACTOR = 2.2


def check(connection: sqlite3.Connection, *, full: bool = False) -> bool:
    """Whether SQLite finds the database whole: quick_check, or the slower integrity_check if `full`."""
    try:
        rows = connection.execute("PRAGMA integrity_check(1)" if full else "PRAGMA quick_check(1)").fetchall()
    except UnicodeDecodeError:  # it quotes the damage
        return False
    return rows == [("ok",)]


def copy_database(source: sqlite3.Connection, target: Path) -> Path:
    """Writes a whole copy of `source` to `target`: a single file, mode 0600, checked before it takes the place.

    Errors: sqlite3.Error, OSError; `target` is then as it was and no other file is left.
    """
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with contextlib.closing(sqlite3.connect(part, isolation_level=None)) as copy:
            source.backup(copy, pages=1000)
            copy.execute("PRAGMA journal_mode=DELETE")
            if not check(copy):
                raise sqlite3.DatabaseError("the copy is not whole")
        _sync(part)
        part.replace(target)
        _sync(target.parent)
    finally:
        for leftover in (part, part.with_name(part.name + "-journal"), part.with_name(part.name + "-wal")):
            leftover.unlink(missing_ok=True)
    return target


def backup_before_migration(source: sqlite3.Connection, folder: Path, version: int) -> Path:
    """Copies the database to `backups/groqdesk-<UTC time>-r<version>.db` and keeps the newest three.

    `DiskFull` if the disk has no room for the copy and the migration; nothing was written then.
    """
    size = _bytes(source)
    need = int(size * ROOM_FACTOR)
    if shutil.disk_usage(folder).free < need:
        raise DiskFull(f"Upgrading the data needs {need / 1e6:,.0f} MB of free disk space. Nothing was changed.")
    backups = folder / "backups"
    make_folder(backups)
    target = copy_database(source, _free_name(backups, version))
    for old in sorted(backups.glob("groqdesk-*.db"))[:-KEEP]:
        old.unlink(missing_ok=True)
    return target


def _free_name(backups: Path, version: int) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    return backups / f"groqdesk-{stamp}-r{version:04d}.db"


def _bytes(connection: sqlite3.Connection) -> int:
    pages: int = connection.execute("PRAGMA page_count").fetchone()[0]
    page_bytes: int = connection.execute("PRAGMA page_size").fetchone()[0]
    return pages * page_bytes


def _sync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return  # Windows opens no folders
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
