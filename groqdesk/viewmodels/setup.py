"""First run and "Replace key": a pasted key is checked at once, kept in the keyring, and the window goes on."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import Any, Literal

from PySide6.QtCore import QObject, Signal

from groqdesk.core.errors import (
    GroqdeskError,
    InvalidKey,
    Permission,
    ProviderError,
)
from groqdesk.core.ports import Engine, KeyCheck, KeyVault, ProviderSource, VaultStatus
from groqdesk.core.secrets import Secret, clean_key
from groqdesk.core.settings import Timings
from groqdesk.core.tasks import TaskScope

log = logging.getLogger(__name__)

KeyState = Literal["empty", "checking", "works", "refused", "blocked", "offline", "problem"]


@dataclass(frozen=True, slots=True)
class SetupState:
    """The key field's state. `headline` is bold, `detail` follows it; `kept_in` tells where a key will be kept."""

    provider: str = "groq"
    key_state: KeyState = "empty"
    headline: str = ""
    detail: str = ""
    action: str = ""
    kept_in: str = ""
    persistent: bool = True
    saving: bool = False
    replacing: bool = False


class SetupViewModel(QObject):
    """Checks and stores one key. `finished(provider)` says that the window can go on with that provider."""

    changed = Signal()
    finished = Signal(str)

    def __init__(
        self,
        engine: Engine,
        providers: ProviderSource,
        vault: KeyVault,
        timings: Timings,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._engine = engine
        self._providers = providers
        self._vault = vault
        self._timings = timings
        self.state = SetupState()
        self.scope = TaskScope(self._report)
        self._key: Secret | None = None
        self._check: asyncio.Task[Any] | None = None

    def start(self, provider: str = "groq", replacing: bool = False) -> None:
        self._forget()
        self.state = SetupState(provider=provider, replacing=replacing)
        self.changed.emit()
        self.scope.start(self._learn_backend(), "ask the keyring")

    async def _learn_backend(self) -> None:
        status = await self._vault.status()
        self._set(kept_in=_kept_in(status), persistent=status.persistent)

    def key_changed(self, text: str) -> None:
        """The field's text changed: checks it after a short pause. Spaces and line breaks around a key are dropped."""
        self._forget()
        if not text.strip():
            self._set(key_state="empty", headline="", detail="", action="")
            return
        try:
            key = clean_key(text)
        except ValueError as error:
            self._set(key_state="problem", headline=str(error), detail="", action="")
            return
        self._check = self.scope.start(self._check_key(key, self.state.provider), "check key")

    def _forget(self) -> None:
        """The key in hand and its check belong to one field of one provider."""
        if self._check is not None:
            self._check.cancel()
        self._key = None

    def check_again(self) -> None:
        if self._key is not None:
            self._check = self.scope.start(self._check_key(self._key, self.state.provider), "check key")

    async def _check_key(self, key: Secret, provider: str) -> None:
        self._key = key
        await asyncio.sleep(self._timings.key_test_debounce_s)
        self._set(key_state="checking", headline="Checking the key…", detail="", action="")
        try:
            async with asyncio.timeout(self._timings.key_test_s):
                found: KeyCheck = await self._engine.call(self._providers.check_key, provider, key)
        except TimeoutError:
            self._set(
                key_state="offline", headline="No answer.", detail="The key can be kept anyway.", action="Try again"
            )
        except ProviderError as error:
            self._set(key_state=_state_of(error), headline=error.message, detail="", action=_action_of(error))
        else:
            self._set(key_state="works", headline="The key works.", detail=_found(found), action="")

    def accept(self) -> None:
        """Keeps the key and goes on. A refused key is not kept; one that could not be checked is."""
        if self._key is not None and not self.state.saving and self.state.key_state in ("works", "offline", "blocked"):
            self._set(saving=True)
            self.scope.start(self._keep(self._key, self.state.provider), "keep key")

    async def _keep(self, key: Secret, provider: str) -> None:
        try:
            await self._vault.set(provider, self._providers.base_url(provider), key)
        finally:
            self._set(saving=False)
        self._key = None
        self.finished.emit(provider)

    def try_without_key(self) -> None:
        """Goes on with the practice server."""
        self._forget()
        self.finished.emit("demo")

    def skip(self) -> None:
        """Goes on without a key; the first message will ask for one."""
        self._forget()
        self.finished.emit("")

    def _report(self, error: Exception) -> None:
        if isinstance(error, GroqdeskError):
            self._set(key_state="problem", headline=error.message, detail="", action=error.action, saving=False)
        else:
            log.error("key setup failed", exc_info=error)
            self._set(key_state="problem", headline="The key could not be kept.", detail="", action="", saving=False)

    def _set(self, **changes: Any) -> None:
        state = replace(self.state, **changes)
        if state != self.state:
            self.state = state
            self.changed.emit()

    async def close(self) -> None:
        await self.scope.close()


def _state_of(error: ProviderError) -> KeyState:
    match error:
        case InvalidKey():
            return "refused"
        case Permission():
            return "blocked"
    return "offline"  # every other error says nothing about the key: it can be kept


def _action_of(error: ProviderError) -> str:
    return "" if isinstance(error, InvalidKey) else "Try again"


def _found(found: KeyCheck) -> str:
    parts = [f"{found.models} models", f"first reply in {found.reply_s * 1000:.0f} ms"]
    if found.requests_a_day is not None:
        parts.append(f"{found.requests_a_day:,} requests a day")
    return ", ".join(parts) + "."


def _kept_in(status: VaultStatus) -> str:
    if status.persistent:
        return f"Kept in {status.backend}. Never in the database, in logs or in exports."
    return status.reason or "No system keyring was found. The key is kept until groqdesk closes."
