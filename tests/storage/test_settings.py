"""SqlSettingsStore."""

from __future__ import annotations

import pytest

from groqdesk.core.settings import Folders, Settings
from groqdesk.storage.database import Database
from groqdesk.storage.settings import SqlSettingsStore


async def test_settings_outlive_the_database_and_are_saved_one_by_one(where: Folders) -> None:
    database = await Database.open(where)
    store = SqlSettingsStore(database)
    assert await store.all() == {}
    await store.save({"theme": "dark", "text_size": 120, "first_run_done": True, "odd": {"a": [1, None, "\ud800"]}})
    await store.save({"text_size": 110})
    await store.save({})
    await database.close()

    database = await Database.open(where)
    stored = await SqlSettingsStore(database).all()
    assert stored == {"theme": "dark", "text_size": 110, "first_run_done": True, "odd": {"a": [1, None, "\ufffd"]}}
    assert Settings.from_rows(stored) == Settings(theme="dark", text_size=110, first_run_done=True)
    await database.close()


async def test_a_row_that_cannot_be_read_is_left_out(database: Database) -> None:
    store = SqlSettingsStore(database)
    await store.save({"theme": "dark"})
    await database.run(
        lambda connection: connection.exec_driver_sql("INSERT INTO settings VALUES ('model', '{broken')") and None
    )
    assert await store.all() == {"theme": "dark"}


async def test_what_is_no_json_is_refused(database: Database) -> None:
    with pytest.raises(TypeError):
        await SqlSettingsStore(database).save({"theme": object()})
