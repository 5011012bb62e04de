"""Databases on real disks, and the values that go into them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from groqdesk.core.settings import Folders, Timings
from groqdesk.storage.conversations import SqlConversationStore
from groqdesk.storage.database import Database
from groqdesk.storage.usage import SqlUsageLog

ROOT = Path(__file__).resolve().parents[2]
PROCESSES = Path(__file__).parent / "processes.py"


@pytest.fixture
def where(tmp_path: Path) -> Folders:
    """Folders of which nothing exists yet."""
    return Folders(tmp_path / "data", tmp_path / "logs")


@pytest.fixture
async def database(where: Folders) -> AsyncIterator[Database]:
    opened = await Database.open(where, Timings().divided(20))
    yield opened
    await opened.close()


@pytest.fixture
def usage(database: Database) -> SqlUsageLog:
    return SqlUsageLog(database)


@pytest.fixture
def conversations(database: Database, usage: SqlUsageLog) -> SqlConversationStore:
    return SqlConversationStore(database, usage)


class Other:
    """Another process (processes.py). It says JSON lines; `tell` writes a line to it."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(PROCESSES), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def hear(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the other process ended with {self.process.wait()}"
        return json.loads(line)

    def tell(self, line: str = "") -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def kill(self) -> list[str]:
        """SIGKILL; gives the whole lines that were said and not heard."""
        assert self.process.stdout is not None
        self.process.kill()
        whole, _, _ = self.process.stdout.read().rpartition("\n")
        self.process.wait()
        return whole.splitlines()

    def end(self) -> int:
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(timeout=60)


@pytest.fixture
def other() -> Iterator[Any]:
    """Starts other processes, and ends those that are left."""
    started: list[Other] = []

    def start(*arguments: str) -> Other:
        one = Other(*arguments)
        started.append(one)
        return one

    yield start
    for one in started:
        one.process.kill()
        one.process.wait()
        for pipe in (one.process.stdin, one.process.stdout):
            assert pipe is not None
            pipe.close()
