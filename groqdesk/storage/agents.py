"""SqlAgentStore: agents by id, with names that are unique without regard to case."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, delete, select
from sqlalchemy.dialects.sqlite import insert

from groqdesk.core.agents import Agent, clean_name, same_name
from groqdesk.storage.database import Database
from groqdesk.storage.tables import agents

NAME_TAKEN = "Another agent has this name."


class SqlAgentStore:
    """An `AgentStore` (core.ports) in the table `agents`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> tuple[Agent, ...]:
        """Every agent, by name without regard to case."""
        found = await self._database.read(_all)
        return tuple(sorted(found, key=lambda agent: (agent.name.casefold(), agent.id)))

    async def get(self, name_or_id: str) -> Agent | None:
        """The agent with this id, or else with this name."""
        found = await self._database.read(_all)
        by_id = next((agent for agent in found if agent.id == name_or_id), None)
        return by_id or next((agent for agent in found if same_name(agent.name, name_or_id)), None)

    async def save(self, agent: Agent) -> None:
        """Stores an agent, new or changed. ValueError with a sentence if its name cannot be one or is taken."""
        row = asdict(agent) | {"name": clean_name(agent.name)}

        def work(connection: Connection) -> None:
            names = connection.execute(select(agents.c.name).where(agents.c.id != agent.id)).scalars()
            if any(same_name(name, row["name"]) for name in names):
                raise ValueError(NAME_TAKEN)
            connection.execute(insert(agents).values(row).on_conflict_do_update(index_elements=["id"], set_=row))

        await self._database.run(work)

    async def delete(self, agent_id: str) -> None:
        """Deletes an agent. Its conversations and its usage keep its id."""
        await self._database.run(
            lambda connection: connection.execute(delete(agents).where(agents.c.id == agent_id)) and None
        )


def _all(connection: Connection) -> list[Agent]:
    return [_agent(row) for row in connection.execute(select(agents))]


def _agent(row: Row[Any]) -> Agent:
    return Agent(row.id, row.name, row.purpose, row.instructions, row.created_ms, row.updated_ms)
