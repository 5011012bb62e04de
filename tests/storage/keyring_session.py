"""Runs inside a D-Bus session with a real Secret Service (test_keys.py): `keyring_session.py CASE`. Says "ok" at the end."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from groqdesk.core.errors import KeyringProblem
from groqdesk.core.secrets import Secret
from groqdesk.core.settings import Timings
from groqdesk.storage.keys import LOCKED, NO_KEYRING, KeyringVault

GROQ = "https://api.groq.com"
KEY = "gsk_canary_" + "k" * 40


async def refusal(work: Awaitable[object]) -> tuple[str, str]:
    try:
        await work
    except KeyringProblem as error:
        return error.message, error.action
    return "it was used", ""


def lock_everything() -> None:
    import secretstorage

    bus = secretstorage.dbus_init()
    secretstorage.get_default_collection(bus).lock()
    bus.close()


async def unlocked() -> None:
    vault = KeyringVault(os.environ, Timings())
    status = await vault.status()
    assert (status.backend, status.persistent, status.reason) == ("GNOME Keyring", True, ""), status
    assert await vault.get("groq", GROQ) is None
    assert not await vault.delete("groq", GROQ)
    assert await vault.set("groq", GROQ + "/openai/v1", Secret(KEY)) == "keyring"
    # Another run of groqdesk finds it, at this origin only.
    fresh = KeyringVault({**os.environ, "GROQ_API_KEY": "gsk_environment_key"}, Timings())
    found = await fresh.get("groq", GROQ)
    assert found is not None
    assert found.source == "keyring"
    assert found.secret.same_as(Secret(KEY))
    assert await fresh.get("groq", "https://api.groq.com.example.invalid") is None
    assert await fresh.get("openai", GROQ) is None
    # Replaced and read anew; what is in memory is used until then.
    assert await vault.set("groq", GROQ, Secret(KEY + "2")) == "keyring"
    stale = await fresh.get("groq", GROQ)
    assert stale is not None
    assert stale.secret.same_as(Secret(KEY))
    fresh.forget("groq", GROQ)
    renewed = await fresh.get("groq", GROQ)
    assert renewed is not None
    assert renewed.secret.same_as(Secret(KEY + "2"))
    # Locked: a key that was read goes on working, another cannot be read.
    lock_everything()
    again = await fresh.get("groq", GROQ)
    assert again is not None
    assert again.secret is renewed.secret
    for work in (fresh.get("openai", "https://api.openai.com"), fresh.set("groq", GROQ, Secret("other-key"))):
        assert await refusal(work) == (LOCKED, "Unlock")
    # With a key in the environment, a locked keyring stops nobody.
    fresh.forget("groq", GROQ)
    other = await fresh.get("groq", GROQ)
    assert other is not None
    assert other.source == "environment"


async def deletes() -> None:
    vault = KeyringVault(os.environ, Timings())
    await vault.set("groq", GROQ, Secret(KEY))
    assert await vault.delete("groq", GROQ)
    assert await vault.get("groq", GROQ) is None
    assert not await vault.delete("groq", GROQ)


async def never_unlocked() -> None:
    vault = KeyringVault(os.environ, Timings())
    for work in (vault.get("groq", GROQ), vault.set("groq", GROQ, Secret(KEY))):
        assert await refusal(work) == (LOCKED, "Unlock")


async def no_bus() -> None:
    vault = KeyringVault(os.environ, Timings())
    status = await vault.status()
    assert (status.backend, status.persistent, status.reason) == ("Memory", False, NO_KEYRING), status
    assert await vault.set("groq", GROQ, Secret(KEY)) == "memory"
    assert await KeyringVault(os.environ, Timings()).get("groq", GROQ) is None


async def refused() -> None:
    """A backend that keeps nothing was asked for, although a good one is there."""
    vault = KeyringVault(os.environ, Timings())
    status = await vault.status()
    assert not status.persistent, status
    assert "null.Keyring" in status.reason, status
    assert await vault.set("groq", GROQ, Secret(KEY)) == "memory"
    assert await vault.delete("groq", GROQ)


if __name__ == "__main__":
    asyncio.run(globals()[sys.argv[1]]())
    print("ok")
