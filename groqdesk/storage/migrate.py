"""Moves a database from one revision to another, in one transaction."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from sqlalchemy import Connection, Engine

from groqdesk.storage.tables import APPLICATION_ID, HEAD

BASE = "base"


def shipped_versions() -> Path:
    """The folder of the shipped migration steps."""
    return Path(str(resources.files("groqdesk.storage"))) / "migrations" / "versions"


@dataclass(frozen=True, slots=True)
class Schema:
    """A chain of migration steps and its newest revision. Revisions are numbers as text; user_version is the number."""

    head: str = HEAD
    versions: tuple[Path, ...] = ()

    @property
    def version(self) -> int:
        return version_of(self.head)


def version_of(revision: str) -> int:
    """The `user_version` of a revision: 1 for "0001", 0 for "base"."""
    return 0 if revision == BASE else int(revision)


def migrate(engine: Engine, raw: sqlite3.Connection, schema: Schema, revision: str | None = None) -> None:
    """Brings the database to `revision` (up or down; default the newest), or leaves it as it was.

    `engine` hands out `raw` and begins every transaction with BEGIN IMMEDIATE. Tables, data, alembic_version,
    application_id and user_version change in one transaction, committed only if no foreign key dangles.
    Foreign keys are off meanwhile: a batch step drops and renames the table that others refer to. A batch step on
    `agents` must drop and make `uq_agents_name` itself: an index over an expression is not carried over.
    """
    wanted = revision or schema.head
    raw.execute("PRAGMA foreign_keys=OFF")
    try:
        with engine.connect() as connection, connection.begin():
            current = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
            _run_steps(connection, schema, wanted, up=version_of(wanted) > current)
            dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(1)
            if dangling:
                raise RuntimeError(f"a row of {dangling[0][0]} refers to nothing")
            connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
            connection.exec_driver_sql(f"PRAGMA user_version={version_of(wanted)}")
    finally:
        raw.execute("PRAGMA foreign_keys=ON")


def _run_steps(connection: Connection, schema: Schema, revision: str, *, up: bool) -> None:
    # Alembic takes a quarter of a second to import: only who migrates pays it.
    from alembic import command
    from alembic.config import Config

    versions = (shipped_versions(), *schema.versions)
    config = Config()
    config.set_main_option("script_location", _literal(shipped_versions().parent))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(_literal(folder) for folder in versions))
    config.attributes["connection"] = connection
    if up:
        command.upgrade(config, revision)
    else:
        command.downgrade(config, revision)


def _literal(path: Path) -> str:
    return str(path).replace("%", "%%")  # the option is read by a ConfigParser, to which % is special
