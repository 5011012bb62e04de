"""What an SQLite file is, read from its bytes: nothing is opened, locked, created or recovered.

A database of a newer groqdesk must stay as it is, and even a read-only SQLite connection leaves files beside it. So the
marks are read from the header (https://www.sqlite.org/fileformat.html), and from the newest committed copy of page 1 in
the write-ahead log, where a killed process may have left it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

MAGIC = b"SQLite format 3\x00"
WAL_MAGIC = (0x377F0682, 0x377F0683)
LEAF_TABLE_PAGE = 0x0D

Kind = Literal["absent", "new", "database", "no_database", "cut_off", "log_without_database"]


@dataclass(frozen=True, slots=True)
class FileMarks:
    """Kind of the file and its marks. `new` is a file without a single table; marks are 0 unless kind is `database`."""

    kind: Kind
    application_id: int = 0
    user_version: int = 0


def marks(path: Path) -> FileMarks:
    """Reads the marks of `path`. OSError if it cannot be read."""
    # The log first: a process that ends meanwhile folds it into the file, where the same pages are found then.
    log = path.with_name(path.name + "-wal")
    has_log = log.is_file() and log.stat().st_size > 0
    newest = _newest_first_page(log) if has_log else None
    if not path.exists():
        return FileMarks("log_without_database" if has_log else "absent")
    if not path.is_file():
        return FileMarks("no_database")
    with path.open("rb") as file:
        head = file.read(100)
        if not head:
            return FileMarks("log_without_database" if has_log else "new")
        if head[:16] != MAGIC[: len(head)]:
            return FileMarks("no_database")
        if len(head) < 100:
            return FileMarks("cut_off")
        page_bytes = _page_bytes(head)
        page = head + file.read(page_bytes - 100)
    if len(page) < page_bytes:
        return FileMarks("cut_off")
    if newest is not None and len(newest) == page_bytes:
        page = newest
    application_id, user_version = struct.unpack(">I", page[68:72])[0], struct.unpack(">i", page[60:64])[0]
    no_tables = page[100] == LEAF_TABLE_PAGE and page[103:105] == b"\x00\x00"
    if application_id == 0 and user_version == 0 and no_tables:
        return FileMarks("new")
    return FileMarks("database", application_id, user_version)


def _page_bytes(head: bytes) -> int:
    size: int = struct.unpack(">H", head[16:18])[0]
    if size == 1:
        return 65536
    return size if size >= 512 and size & (size - 1) == 0 else 4096


def _newest_first_page(log: Path) -> bytes | None:
    """Page 1 as of the last commit in the log; None if the log holds none. Frames of an earlier log carry other salts."""
    try:
        with log.open("rb") as file:
            return _last_committed(file)
    except FileNotFoundError:
        return None


def _last_committed(log: BinaryIO) -> bytes | None:
    head = log.read(32)
    if len(head) < 32 or struct.unpack(">I", head[:4])[0] not in WAL_MAGIC:
        return None
    page_bytes: int = struct.unpack(">I", head[8:12])[0]
    if not 512 <= page_bytes <= 65536:
        return None
    salts = head[16:24]
    pending: int | None = None
    committed: int | None = None
    place = 32
    while True:
        log.seek(place)
        frame = log.read(24)
        if len(frame) < 24 or frame[8:16] != salts:
            break
        number, pages_after_commit = struct.unpack(">II", frame[:8])
        if number == 1:
            pending = place + 24
        if pages_after_commit and pending is not None:
            committed, pending = pending, None
        place += 24 + page_bytes
    if committed is None:
        return None
    log.seek(committed)
    page = log.read(page_bytes)
    return page if len(page) == page_bytes else None
