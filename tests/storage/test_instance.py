"""Locks between processes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from groqdesk.core.errors import DataInUse
from groqdesk.core.settings import Folders
from groqdesk.storage import instance
from groqdesk.storage.database import Database
from groqdesk.storage.instance import FileLock, InstanceLock
from tests.storage import filled


def test_one_window_per_data_folder(where: Folders) -> None:
    first = InstanceLock.acquire(where)
    assert first is not None
    assert first.intact()
    assert InstanceLock.acquire(where) is None
    first.release()
    first.release()
    second = InstanceLock.acquire(where)
    assert second is not None
    second.release()
    assert not second.intact()


def test_deleting_the_lock_file_lets_nobody_in(where: Folders, other: Any) -> None:
    first = InstanceLock.acquire(where)
    assert first is not None
    (where.data / "instance.lock").unlink()
    assert not first.intact()
    assert InstanceLock.acquire(where) is None
    process = other("hold_lock", str(where.data))
    assert process.hear() is False
    process.end()
    (where.data / "instance.lock").unlink()
    (where.data / "instance.lock").write_text("")
    assert not first.intact()
    first.release()
    second = InstanceLock.acquire(where)
    assert second is not None
    second.release()


def test_a_killed_holder_holds_nothing(where: Folders, other: Any) -> None:
    process = other("hold_lock", str(where.data))
    assert process.hear() is True
    assert InstanceLock.acquire(where) is None
    process.kill()
    lock = InstanceLock.acquire(where)
    assert lock is not None
    lock.release()


def test_of_two_processes_at_once_one_gets_the_lock_twenty_times(tmp_path: Path, other: Any) -> None:
    start_s = str(time.time() + 0.8)
    one, two = (other("race_lock", str(tmp_path / "race"), "20", start_s) for _ in range(2))
    assert [a + b for a, b in zip(one.hear(), two.hear(), strict=True)] == [1] * 20
    one.end()
    two.end()


def test_two_processes_that_make_the_same_database_at_once_both_get_it(tmp_path: Path, other: Any) -> None:
    start_s = str(time.time() + 0.8)
    pair = [other("race_open", str(tmp_path / "race"), "10", start_s) for _ in range(2)]
    assert [[process.hear() for process in pair] for _ in range(10)] == [["open", "open"]] * 10
    assert [filled.marks(tmp_path / f"race{number}" / "groqdesk.db")[1] for number in range(10)] == [1] * 10


def test_a_lock_on_a_file_that_was_deleted_meanwhile_is_not_taken_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.lock"
    take = instance._lock
    deleted = []

    def lock_after_the_file_went(descriptor: int) -> bool:
        if not deleted:
            path.unlink()
            deleted.append(True)
        return take(descriptor)

    monkeypatch.setattr(instance, "_lock", lock_after_the_file_went)
    lock = FileLock.acquire(path)
    assert lock is not None
    assert lock.intact()
    assert FileLock.acquire(path) is None
    lock.release(remove=True)
    assert not path.exists()


async def test_whoever_needs_the_data_alone_gets_it_only_when_nobody_has_it_open(where: Folders, other: Any) -> None:
    database = await Database.open(where)
    with pytest.raises(DataInUse, match="close it to upgrade"), instance.exclusive_data(where.data):
        pytest.fail("somebody has it open")
    await database.close()
    process = other("lock_data", str(where.data))
    assert process.hear() == "exclusive"
    with pytest.raises(DataInUse, match="Another groqdesk is upgrading"), instance.gate(where.data, wait_s=0.05):
        pytest.fail("the gate is held")
    process.end()
    await (await Database.open(where)).close()


def test_marks_of_dead_writers_are_removed_and_those_of_live_ones_stay(tmp_path: Path, other: Any) -> None:
    token, lock = instance.new_writer(tmp_path)
    stale = tmp_path / "writers" / ("0" * 16 + ".lock")
    stale.touch()
    assert instance.live_writers(tmp_path) == {token}
    assert not stale.exists()
    assert instance.dead_writers(tmp_path, ["f" * 16, token, "../../x"]) == {"f" * 16, "../../x"}
    lock.release(remove=True)
    assert instance.live_writers(tmp_path) == set()
