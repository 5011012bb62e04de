"""Locks between processes: one window or `serve` per data folder, and commands beside it.

- `instance.lock` is held for life by the window or by `serve`.
- `writers/<token>.lock` is held for life by every process that has the database open. Its token marks the answers that
  the process is writing; a token whose lock nobody holds belongs to a dead process.
- `data.lock` is the gate in front of both: a process that opens the database passes it briefly; whoever changes the
  data as a whole (migration, restore) keeps it, and goes on only when no writer lives. That is a shared and exclusive
  lock made from exclusive ones, which every platform has.

A lock lives as long as its process; a process id in a file would not.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

from groqdesk.core.errors import DataInUse
from groqdesk.core.settings import Folders

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

GATE_WAIT_S = 5.0
POLL_S = 0.02
TOKEN = re.compile(r"[0-9a-f]{16}")

UPGRADING = "Another groqdesk is upgrading the data. It is ready in a moment."
CLOSE_FIRST = "groqdesk is open; close it to upgrade the data."


def _lock(descriptor: int) -> bool:
    """Takes an exclusive lock without waiting; False if another holds it."""
    try:
        if sys.platform == "win32":
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK):
            return False
        raise
    return True


class FileLock:
    """An exclusive lock on a file, held until `release` or the end of the process."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor: int | None = descriptor

    @classmethod
    def acquire(cls, path: Path) -> Self | None:
        """The lock, or None if another holds it. Makes the file (mode 0600); OSError if that fails."""
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
            try:
                if not _lock(descriptor):
                    os.close(descriptor)
                    return None
            except BaseException:
                os.close(descriptor)
                raise
            lock = cls(path, descriptor)
            if lock.intact():
                return lock
            # The file was deleted between opening and locking: this lock is on a file that nobody else will meet.
            os.close(descriptor)

    def intact(self) -> bool:
        """Whether the file at the path still is the one that is locked; False if it was deleted or replaced."""
        if self._descriptor is None:
            return False
        if sys.platform == "win32":
            return True  # Windows does not delete an open file
        ours = os.fstat(self._descriptor)
        try:
            there = self.path.stat()
        except FileNotFoundError:
            return False
        return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)

    def release(self, *, remove: bool = False) -> None:
        """Gives the lock back; `remove` deletes the file too."""
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        if remove and sys.platform != "win32":
            with contextlib.suppress(OSError):
                self.path.unlink()
        os.close(descriptor)
        if remove and sys.platform == "win32":
            with contextlib.suppress(OSError):
                self.path.unlink()


class InstanceLock:
    """The right to be the one window or `serve` of a data folder.

    Where the system can lock a folder, the data folder itself is locked too: deleting `instance.lock` then lets nobody
    in.
    """

    def __init__(self, lock: FileLock, folder: int | None) -> None:
        self._lock = lock
        self._folder = folder

    @classmethod
    def acquire(cls, folders: Folders) -> InstanceLock | None:
        """The lock, or None if another window or `serve` holds it. OSError if the folder cannot be written."""
        make_folder(folders.data)
        lock = FileLock.acquire(folders.data / "instance.lock")
        if lock is None:
            return None
        try:
            folder = _lock_folder(folders.data)
        except BlockingIOError:
            lock.release()
            return None
        return cls(lock, folder)

    def intact(self) -> bool:
        """False if somebody deleted or replaced the lock file."""
        return self._lock.intact()

    def release(self) -> None:
        self._lock.release()
        if self._folder is not None:
            os.close(self._folder)
            self._folder = None


def _lock_folder(folder: Path) -> int | None:
    """A descriptor that holds a lock on the folder, None where folders cannot be locked, BlockingIOError if taken."""
    if sys.platform == "win32":
        return None
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if _lock(descriptor):
            return descriptor
    except OSError:  # some network file systems lock no folders
        os.close(descriptor)
        return None
    os.close(descriptor)
    raise BlockingIOError(errno.EWOULDBLOCK, "the folder is locked", str(folder))


def make_folder(folder: Path) -> None:
    """Makes a folder that only its owner can enter. An existing one stays as it is."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


@contextlib.contextmanager
def gate(folder: Path, wait_s: float = GATE_WAIT_S) -> Iterator[None]:
    """Holds `data.lock`. Waits up to `wait_s` seconds for it, then raises `DataInUse`."""
    deadline_s = time.monotonic() + wait_s
    while (lock := FileLock.acquire(folder / "data.lock")) is None:
        if time.monotonic() >= deadline_s:
            raise DataInUse(UPGRADING, action="Try again")
        time.sleep(POLL_S)
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def exclusive_data(folder: Path) -> Iterator[None]:
    """The data for one process alone: for migration, restore and repair. `DataInUse` if any process has it open."""
    with gate(folder):
        if live_writers(folder):
            raise DataInUse(CLOSE_FIRST)
        yield


def new_writer(folder: Path) -> tuple[str, FileLock]:
    """A token for this process and the lock that shows it is alive. Call it inside the gate."""
    make_folder(folder / "writers")
    while True:
        token = secrets.token_hex(8)
        lock = FileLock.acquire(folder / "writers" / f"{token}.lock")
        if lock is not None:
            return token, lock


def live_writers(folder: Path) -> set[str]:
    """Tokens of the processes that have the database open; removes the locks of dead ones. Call it inside the gate."""
    tokens = {path.stem for path in (folder / "writers").glob("*.lock")}
    return tokens - dead_writers(folder, tokens)


def dead_writers(folder: Path, tokens: Iterable[str]) -> set[str]:
    """Those of `tokens` whose lock nobody holds; their files are removed. Call it inside the gate."""
    return {token for token in tokens if _is_dead(folder, token)}


def _is_dead(folder: Path, token: str) -> bool:
    path = folder / "writers" / f"{token}.lock"
    if not TOKEN.fullmatch(token) or not path.exists():
        return True
    lock = FileLock.acquire(path)
    if lock is None:
        return False
    lock.release(remove=True)
    return True
