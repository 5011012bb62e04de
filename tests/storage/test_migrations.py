"""Migrations: whole or not at all, backed up before, from every released schema."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from groqdesk.core.errors import DataInUse, DiskFull, LocalProblem
from groqdesk.core.settings import Folders
from groqdesk.storage import backups
from groqdesk.storage.database import Database
from groqdesk.storage.faults import newest_backup
from groqdesk.storage.migrate import BASE, Schema, migrate, shipped_versions
from groqdesk.storage.tables import APPLICATION_ID, HEAD, metadata
from tests.storage import filled

HERE = Path(__file__).parent
CHAIN = Schema("0004", (HERE / "chain",))
GOLDEN = sorted((HERE / "golden").glob("*.db"))


async def at_0001(where: Folders, rows: int = 300) -> dict[str, Any]:
    """Makes a database of schema 0001 with rows and gives its contents."""
    await (await Database.open(where)).close()
    filled.fill(where.database, rows)
    return filled.contents(where.database)


async def open_and_close(where: Folders, schema: Schema) -> None:
    await (await Database.open(where, schema=schema)).close()


def test_the_newest_revision_is_the_one_that_is_compared_at_start() -> None:
    config = Config()
    config.set_main_option("script_location", str(shipped_versions().parent))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


async def test_a_new_database_has_the_tables_of_the_metadata(where: Folders) -> None:
    await open_and_close(where, Schema())
    assert filled.marks(where.database) == (APPLICATION_ID, int(HEAD), HEAD)
    assert _differences(where.database) == []
    assert newest_backup(where.data) is None


async def test_no_index_is_lost_on_the_way(where: Folders) -> None:
    """A batch step drops an index over an expression without a word."""
    await open_and_close(where, Schema())
    made = str(filled.schema(where.database))
    for table in metadata.tables.values():
        assert [index.name for index in table.indexes if f" {index.name} " not in made] == []


def test_there_is_a_golden_database_of_every_released_schema() -> None:
    assert [path.stem for path in GOLDEN] == [f"{number:04d}" for number in range(1, int(HEAD) + 1)]


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda path: path.stem)
async def test_every_released_schema_opens_and_keeps_its_rows(where: Folders, golden: Path) -> None:
    where.data.mkdir(mode=0o700, parents=True)
    shutil.copy(golden, where.database)
    before = filled.contents(where.database)
    assert all(before.values())
    await open_and_close(where, Schema())
    assert filled.contents(where.database) == before
    assert _differences(where.database) == []
    fresh = Folders(where.data.parent / "fresh", where.log)
    await open_and_close(fresh, Schema())
    assert filled.schema(where.database) == filled.schema(fresh.database)


def _differences(path: Path) -> list[Any]:
    engine = create_engine(f"sqlite:///{path}")
    try:
        with engine.connect() as connection, warnings.catch_warnings():
            # An index over an expression is not reflected; the comparison of the statements covers it.
            warnings.filterwarnings("ignore", message="Skip")
            warnings.filterwarnings("ignore", message="autogenerate skipping")
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            found = compare_metadata(context, metadata)
    finally:
        engine.dispose()
    return [one for one in found if "uq_agents_name" not in str(one)]


async def test_up_down_and_up_again_keeps_every_row(where: Folders) -> None:
    before = await at_0001(where)
    old = filled.schema(where.database)
    database = await Database.open(where, schema=CHAIN)
    assert filled.marks(where.database) == (APPLICATION_ID, 4, "0004")

    def to(revision: str) -> Any:
        def work() -> None:
            access = database._write_access()
            migrate(access.engine, access.raw, CHAIN, revision)

        return database._writer.call(work)

    await to("0001")
    assert filled.marks(where.database) == (APPLICATION_ID, 1, "0001")
    assert filled.contents(where.database) == before
    assert filled.schema(where.database) == old
    await to("0004")
    assert filled.contents(where.database) == before
    assert filled.is_whole(where.database)
    assert await database.run(lambda c: c.exec_driver_sql("PRAGMA foreign_keys").scalar_one()) == 1
    await to(BASE)
    assert filled.marks(where.database) == (APPLICATION_ID, 0, None)
    with contextlib.closing(sqlite3.connect(where.database)) as connection:
        names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")}
    assert names == {"alembic_version"}
    await database.close()


async def test_a_backup_of_the_old_schema_is_made_before(where: Folders) -> None:
    before = await at_0001(where)
    await open_and_close(where, CHAIN)
    backup = newest_backup(where.data)
    assert backup is not None
    assert backup.name.endswith("-r0001.db")
    assert filled.contents(backup) == before
    assert filled.marks(backup) == (APPLICATION_ID, 1, "0001")
    assert filled.is_whole(backup)
    assert backup.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in backup.parent.iterdir()) == [backup.name]
    assert filled.contents(where.database) == before

    await open_and_close(where, CHAIN)
    assert newest_backup(where.data) == backup, "a start without a migration makes none"


async def test_three_backups_are_kept(where: Folders) -> None:
    await at_0001(where, 10)
    with contextlib.closing(sqlite3.connect(where.database)) as connection:
        made = [backups.backup_before_migration(connection, where.data, 1) for _ in range(5)]
    assert sorted((where.data / "backups").iterdir()) == made[2:]


@pytest.mark.parametrize("chain", ["chain_broken", "chain_dangling"])
async def test_a_step_that_fails_changes_nothing(where: Folders, chain: str) -> None:
    before, old = await at_0001(where), filled.schema(where.database)
    with pytest.raises(LocalProblem, match="could not be upgraded"):
        await open_and_close(where, Schema("0002", (HERE / chain,)))
    assert filled.contents(where.database) == before
    assert filled.schema(where.database) == old
    assert filled.marks(where.database) == (APPLICATION_ID, 1, "0001")
    await open_and_close(where, Schema())


async def test_without_room_for_the_backup_nothing_begins(where: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    before = await at_0001(where)
    size = where.database.stat().st_size
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": int(size * 2.1)}))
    with pytest.raises(DiskFull, match="Nothing was changed"):
        await open_and_close(where, CHAIN)
    monkeypatch.undo()
    assert filled.contents(where.database) == before
    assert newest_backup(where.data) is None
    await open_and_close(where, CHAIN)


async def test_while_another_process_has_the_data_open_nothing_is_upgraded(where: Folders, other: Any) -> None:
    await at_0001(where)
    process = other("hold", str(where.data))
    process.hear()
    with pytest.raises(DataInUse, match="groqdesk is open; close it to upgrade the data"):
        await open_and_close(where, CHAIN)
    await open_and_close(where, Schema())  # beside it, without an upgrade
    process.kill()
    await open_and_close(where, CHAIN)
    assert filled.marks(where.database)[1] == 4


async def test_migrations_need_no_working_directory_and_survive_odd_paths(tmp_path: Path) -> None:
    odd = tmp_path / "ü %(here)s 100% of it" / ("long " * 30).strip()
    code = (
        "import asyncio, sys; from pathlib import Path\n"
        "from groqdesk.core.settings import Folders; from groqdesk.storage.database import Database\n"
        "async def main():\n"
        "    await (await Database.open(Folders(Path(sys.argv[1]), Path(sys.argv[1])))).close()\n"
        "asyncio.run(main())"
    )
    root = str(HERE.parents[1])
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-W", "error", "-c", code, str(odd)],
        cwd="/",
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert filled.marks(odd / "groqdesk.db") == (APPLICATION_ID, 1, "0001")


async def test_a_start_without_a_migration_does_not_load_alembic(where: Folders) -> None:
    await at_0001(where)
    code = (
        "import asyncio, sys; from pathlib import Path\n"
        "from groqdesk.core.settings import Folders; from groqdesk.storage.database import Database\n"
        "async def main():\n"
        "    await (await Database.open(Folders(Path(sys.argv[1]), Path(sys.argv[1])))).close()\n"
        "asyncio.run(main()); print('alembic' in sys.modules)"
    )
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", code, str(where.data)],
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"
