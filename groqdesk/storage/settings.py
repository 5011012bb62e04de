"""SqlSettingsStore: settings as rows of name and JSON value."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from groqdesk.storage import tables
from groqdesk.storage.database import Database

log = logging.getLogger(__name__)


class SqlSettingsStore:
    """A `SettingsStore` (core.ports) in the table `settings`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> Mapping[str, Any]:
        """Every stored setting. One that cannot be read is left out, so that its default applies."""
        rows = await self._database.read(_rows)
        values = {}
        for key, text in rows:
            try:
                values[key] = json.loads(text)
            except ValueError:
                log.warning("the stored setting %s cannot be read", key)
        return values

    async def save(self, values: Mapping[str, Any]) -> None:
        """Stores the given settings and leaves the others. ValueError or TypeError if a value is no JSON value."""
        rows = [
            {"key": key, "json": json.dumps(tables.clean_json(value), ensure_ascii=False, allow_nan=False)}
            for key, value in values.items()
        ]
        if not rows:
            return
        statement = insert(tables.settings)
        statement = statement.on_conflict_do_update(index_elements=["key"], set_={"json": statement.excluded.json})
        await self._database.run(lambda connection: connection.execute(statement, rows) and None)


def _rows(connection: Connection) -> list[tuple[str, str]]:
    return [(row.key, row.json) for row in connection.execute(select(tables.settings))]
