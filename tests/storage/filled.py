"""Databases of schema 0001 with rows in every table, written with plain SQL, and what a database holds."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from pathlib import Path
from typing import Any

TABLES = ("agents", "conversations", "messages", "provider_usage", "settings")


def fill(path: Path, rows: int) -> None:
    """Adds `rows` messages in rows/100 conversations, and as many usage rows."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for number in range(max(1, rows // 100)):
            connection.execute(
                "INSERT INTO agents VALUES (?,?,?,?,?,?)", (f"a{number}", f"Agent {number}", "p", "i", number, number)
            )
            connection.execute(
                "INSERT INTO conversations VALUES (?,?,'groq','m',NULL,'{}','',?,0,'',?,?,NULL)",
                (f"c{number}", f"Talk {number}", f"a{number}", number, number),
            )
        connection.executemany(
            "INSERT INTO messages (id, conversation_id, position, role, content, reasoning, state, created_ms)"
            " VALUES (?,?,?,?,?,'','done',?)",
            (
                (f"m{n}", f"c{n // 100 % max(1, rows // 100)}", n % 100, ("user", "assistant")[n % 2], "word " * 20, n)
                for n in range(rows)
            ),
        )
        connection.executemany(
            "INSERT INTO provider_usage (id, started_ms, provider, model, capability, action_id, attempt, outcome,"
            " prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, estimated, cost_nano_usd, total_s,"
            " conversation_id) VALUES (?,?,'groq','m','llm','x',1,'ok',10,5,0,0,0,7,0.5,?)",
            ((f"u{n}", n, f"c{n // 100 % max(1, rows // 100)}") for n in range(rows)),
        )
        connection.execute("INSERT INTO settings VALUES ('theme', '\"dark\"')")
        connection.commit()


def contents(path: Path) -> dict[str, Any]:
    """Every row of every table by the columns of schema 0001, in order of key; for comparing."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return {
            table: connection.execute(f"SELECT {_columns(table)} FROM {table} ORDER BY 1").fetchall()
            for table in TABLES
        }


def schema(path: Path) -> list[list[str]]:
    """The statements that make the tables and indexes, as sorted lines: a batch step writes the constraints of a table in
    any order, and puts the name of a renamed table in quotes."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        found = connection.execute(
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite%' ORDER BY name"
        )
        return [sorted(line.strip(" \t,") for line in row[0].replace('"', "").splitlines()) for row in found]


def marks(path: Path) -> tuple[int, int, str | None]:
    """application_id, user_version and Alembic's revision."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        application_id = connection.execute("PRAGMA application_id").fetchone()[0]
        user_version = connection.execute("PRAGMA user_version").fetchone()[0]
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return application_id, user_version, row[0] if row else None


def is_whole(path: Path) -> bool:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        good = connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]
        return good and connection.execute("PRAGMA foreign_key_check").fetchall() == []


def digests(folder: Path) -> dict[str, str]:
    """Name and SHA-256 of each file below a folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _columns(table: str) -> str:
    return {
        "agents": "id, name, purpose, instructions, created_ms, updated_ms",
        "conversations": "id, title, provider, model, base_url, parameters, system, agent_id, pinned, draft,"
        " created_ms, updated_ms, deleted_ms",
        "messages": "id, seq, conversation_id, position, role, content, reasoning, tool_calls, tool_call_id, state,"
        " facts, trouble, created_ms, writer",
        "provider_usage": "*",
        "settings": "*",
    }[table]
