"""Damaged files, full disks, read-only places: told in a sentence, never a crash, never a loss beyond the damage."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from groqdesk.core.conversations import StoredMessage
from groqdesk.core.errors import DatabaseDamaged, DatabaseReadOnly, DiskFull, GroqdeskError
from groqdesk.core.settings import Folders, Timings
from groqdesk.storage.conversations import SqlConversationStore
from groqdesk.storage.database import Database
from groqdesk.storage.migrate import Schema
from groqdesk.storage.settings import SqlSettingsStore
from groqdesk.storage.usage import SqlUsageLog
from tests.storage import filled
from tests.storage.values import answer, conversation, question, record

FLIPS = int(os.environ.get("GROQDESK_FLIPS", "50"))
CI = os.environ.get("CI") == "true"


@pytest.fixture
async def good(where: Folders) -> Folders:
    """A closed database with rows."""
    await (await Database.open(where)).close()
    filled.fill(where.database, 400)
    return where


async def use(where: Folders) -> None:
    """Opens, reads everything, writes, closes."""
    database = await Database.open(where)
    try:
        usage = SqlUsageLog(database)
        store = SqlConversationStore(database, usage)
        for one in await store.recent("word"):
            await store.messages(one.id)
        await usage.summed(0, "day", "UTC")
        await SqlSettingsStore(database).save({"theme": "light"})
        await database.check()
    finally:
        await database.close()


@pytest.mark.timeout(60 + FLIPS)
async def test_flipped_bits_are_found_or_do_no_harm(good: Folders) -> None:
    seed = random.Random(3)
    content = good.database.read_bytes()
    told = []
    for _ in range(FLIPS):
        broken = bytearray(content)
        for _ in range(seed.choice([1, 1, 64])):
            broken[seed.randrange(len(broken))] ^= 1 << seed.randrange(8)
        for extra in ("-wal", "-shm"):
            good.database.with_name(good.database.name + extra).unlink(missing_ok=True)
        good.database.write_bytes(broken)
        try:
            await use(good)
        except GroqdeskError as error:
            told.append(error.message)
    assert told
    assert all(message.endswith(".") for message in told)


@pytest.mark.parametrize("share", [0.0, 0.002, 0.5, 0.9])
async def test_a_cut_off_file_is_told_with_the_way_to_the_backup(good: Folders, share: float) -> None:
    backups = good.data / "backups"
    backups.mkdir()
    for name in ("groqdesk-20260101T000000000000Z-r0001.db", "groqdesk-20260201T000000000000Z-r0001.db"):
        shutil.copy(good.database, backups / name)
    content = good.database.read_bytes()
    good.database.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DatabaseDamaged) as caught:
        await Database.open(good)
    assert str(backups / "groqdesk-20260201T000000000000Z-r0001.db") in caught.value.message
    assert caught.value.action == "Open backup folder"


async def test_without_a_backup_that_is_said_too(good: Folders) -> None:
    content = good.database.read_bytes()
    good.database.write_bytes(content[: len(content) // 2])
    with pytest.raises(DatabaseDamaged, match="There is no backup"):
        await Database.open(good)


@pytest.mark.parametrize(("start", "length"), [(0, 16), (16, 2), (18, 6), (28, 4), (40, 60), (100, 8), (4096, 4096)])
async def test_damage_in_the_header_and_the_first_pages(good: Folders, start: int, length: int) -> None:
    content = bytearray(good.database.read_bytes())
    content[start : start + length] = b"\xff" * length
    good.database.write_bytes(content)
    with contextlib.suppress(GroqdeskError):
        await use(good)
        assert filled.is_whole(good.database)


async def test_a_log_that_was_deleted_costs_only_what_it_held(where: Folders) -> None:
    database = await Database.open(where)
    store = SqlSettingsStore(database)
    await store.save({"a": 1})
    await database.close()
    killed = where.data / "killed"
    killed.mkdir()
    database = await Database.open(where)
    await SqlSettingsStore(database).save({"b": 2})
    shutil.copy(where.database, killed / "groqdesk.db")  # without the log
    await database.close()
    database = await Database.open(Folders(killed, where.log))
    assert await SqlSettingsStore(database).all() == {"a": 1}
    await database.close()


def run(*command: str) -> str | None:
    """Runs a system command; None if it worked, else why not."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        return str(error)
    return None if done.returncode == 0 else done.stderr or f"exit code {done.returncode}"


def must_run(*command: str) -> None:
    """Runs a command that the test cannot do without: skips by name where it does not work, fails on CI."""
    problem = run(*command)
    if problem is None:
        return
    if CI:
        pytest.fail(f"{command[0]} does not work here: {problem}")
    pytest.skip(f"{command[0]} does not work here (needs root)")


@contextlib.contextmanager
def small_disk(place: Path, size: str) -> Iterator[None]:
    """A file system in memory at `place`."""
    place.mkdir(mode=0o700, exist_ok=True)
    must_run("mount", "-t", "tmpfs", "-o", f"mode=0700,size={size}", "tmpfs", str(place))
    try:
        yield
    finally:
        assert run("umount", "-l", str(place)) is None


def fill_up(place: Path, keep_bytes: int = 0) -> Path:
    """Uses the rest of a disk."""
    filler = place / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    if keep_bytes:
        os.truncate(filler, max(0, filler.stat().st_size - keep_bytes))
    return filler


@pytest.mark.system
async def test_a_full_disk_is_told_nothing_is_half_written_and_writing_goes_on_when_there_is_room(
    tmp_path: Path,
) -> None:
    place = tmp_path / "disk"
    with small_disk(place, "4m"):
        where = Folders(place / "data", place)
        database = await Database.open(where)
        usage = SqlUsageLog(database)
        store = SqlConversationStore(database, usage)
        of = conversation()
        await store.create(of)
        ended = answer(of)
        await store.begin_turn(question(of), ended)
        usage.add(record(message_id=ended.id, conversation_id=of.id))
        filler = fill_up(place)

        saved = 0

        async def save_often() -> None:
            nonlocal saved
            for _ in range(200):
                await store.save_streamed(ended.id, "x" * 50_000 + str(saved), "")
                saved += 1

        with pytest.raises(DiskFull) as caught:
            await save_often()
        assert caught.value.action == "Free some space"
        with pytest.raises(DiskFull):
            await store.finish(_done(ended, "y" * 200_000))
        stored = (await store.messages(of.id))[1]
        assert stored.state == "streaming"
        assert stored.content == ("x" * 50_000 + str(saved - 1) if saved else "")
        assert await usage.summed(0, "day", "UTC") == ()

        filler.unlink()
        await store.finish(_done(ended, "y" * 200_000))
        assert (await store.messages(of.id))[1].state == "done"
        assert [one.requests for one in await usage.summed(0, "day", "UTC")] == [1]
        await database.close()
        assert filled.is_whole(where.database)


@pytest.mark.system
async def test_usage_waits_for_room_on_a_full_disk(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    place = tmp_path / "disk"
    with small_disk(place, "12m"):
        where = Folders(place / "data", place)
        database = await Database.open(where, Timings(usage_flush_s=0.01))
        usage = SqlUsageLog(database)
        filler = fill_up(place)
        for _ in range(5_000):
            usage.add(record(model="m" * 200))
        async with asyncio.timeout(30):
            while "a delayed write failed: The disk is full" not in caplog.text:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert await usage.summed(0, "day", "UTC") == ()
        filler.unlink()
        # Some may be in a flush that was under way when the room came back, the rest in the next one.
        async with asyncio.timeout(30):
            while await _calls(usage) < 5_000:  # noqa: ASYNC110 - the database tells nobody when a row is there
                await asyncio.sleep(0.01)
        await usage.flush()
        assert await _calls(usage) == 5_000
        await database.close()


@pytest.mark.system
async def test_a_full_disk_at_the_first_start_and_at_a_migration(tmp_path: Path) -> None:
    place = tmp_path / "disk"
    with small_disk(place, "8m"):
        where = Folders(place / "data", place)
        filler = fill_up(place)
        with pytest.raises(DiskFull):
            await Database.open(where)
        filler.unlink()
        await (await Database.open(where)).close()
        filled.fill(where.database, 4_000)
        before = filled.contents(where.database)
        size = where.database.stat().st_size
        chain = Schema("0004", (Path(__file__).parent / "chain",))
        for keep_bytes in (0, int(size * 1.1), int(size * 2.3)):
            filler = fill_up(place, keep_bytes)
            with contextlib.suppress(DiskFull):
                await (await Database.open(where, schema=chain)).close()
            filler.unlink()
            assert filled.is_whole(where.database)
            assert filled.contents(where.database) == before
            assert filled.marks(where.database)[1] in (1, 4)
        await (await Database.open(where, schema=chain)).close()
        assert filled.marks(where.database)[1] == 4


@pytest.mark.system
async def test_a_read_only_disk_is_told(tmp_path: Path) -> None:
    place = tmp_path / "disk"
    with small_disk(place, "4m"):
        where = Folders(place / "data", place)
        await (await Database.open(where)).close()
        before = filled.digests(place)
        run("mount", "-o", "remount,ro", str(place))
        with pytest.raises(DatabaseReadOnly) as caught:
            await Database.open(where)
        assert caught.value.action == "Choose another folder"
        with pytest.raises(DatabaseReadOnly):
            await Database.open(Folders(place / "new", place))
        assert filled.digests(place) == before


@pytest.mark.system
async def test_a_read_only_file_is_told(good: Folders) -> None:
    if os.getuid() == 0:
        must_run("chattr", "+i", str(good.database))
    else:
        good.database.chmod(0o400)
    try:
        with pytest.raises(DatabaseReadOnly, match="cannot be written"):
            await Database.open(good)
    finally:
        if os.getuid() == 0:
            run("chattr", "-i", str(good.database))
        good.database.chmod(0o600)
    await use(good)


async def _calls(usage: SqlUsageLog) -> int:
    return sum(one.requests for one in await usage.summed(0, "day", "UTC"))


def _done(message: StoredMessage, content: str) -> StoredMessage:
    return replace(message, content=content, state="done")
