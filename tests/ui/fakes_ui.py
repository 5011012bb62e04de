"""The whole window over scripted parts, on a qasync loop: real view-models and widgets, fake providers and stores."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from qasync import QEventLoop

from groqdesk.core.conversations import AnswerFacts, Conversation, StoredMessage, Trouble
from groqdesk.core.messages import ModelChoice, ReasoningDelta, TextDelta
from groqdesk.core.ports import LiveModel
from groqdesk.core.secrets import Secret
from groqdesk.core.settings import Folders, Settings
from groqdesk.engine import InlineEngine
from groqdesk.services.catalog import CatalogService
from groqdesk.services.llm import LLMIntegrationService
from groqdesk.ui.main_window import MainWindow
from groqdesk.ui.theme import ThemeController
from groqdesk.viewmodels.chat import ChatViewModel
from groqdesk.viewmodels.setup import SetupViewModel
from groqdesk.viewmodels.shell import ShellViewModel
from tests.fakes import (
    QUICK,
    FakeConversations,
    FakeLLM,
    FakeProviders,
    FakeSettingsStore,
    FakeUsageLog,
    FakeVault,
    Step,
    shipped_catalog,
)

NOW = dt.datetime(2026, 11, 24, 11, 50)
FACTS = AnswerFacts(
    provider="groq", model="openai/gpt-oss-120b", finish_reason="stop", request_id="req_1", prompt_tokens=1204,
    completion_tokens=391, reasoning_tokens=118, cost_nano_usd=420_000, ttft_s=0.212, total_s=1.017, reasoning_s=0.24,
    queue_s=0.124, prompt_s=0.022, completion_s=0.805,
)  # fmt: skip
ANSWER = """Peak load was **24.6 deliveries a minute**. Reserve a share per endpoint:

| Endpoint | Peak per min | Budget per min |
|---|---:|---:|
| `orders` | 17.4 | **20** |
| `refunds` | 2.0 | **3** |

```python
async def take(self, n: float = 1) -> None:
    self.spent += n
```
"""
ANSWERED = (ReasoningDelta("Two workers."), TextDelta("Not yet: each process keeps "), TextDelta("its own level."))
QUESTION = "Our webhook sender hit 30 requests a minute twice last night. How should I split the limit?"


def ms(when: dt.datetime) -> int:
    return int(when.timestamp() * 1000)


class StillClock:
    """Always the same day; seconds go on."""

    def now_ms(self) -> int:
        return ms(NOW)

    def monotonic_s(self) -> float:
        return time.monotonic()


class Desk:
    """A window with three conversations; "a" is open, has one answer and a draft."""

    def __init__(
        self,
        app: QApplication,
        *scripts: Iterable[Step],
        settings: Settings | None = None,
        size: tuple[int, int] = (1280, 832),
    ) -> None:
        self.app = app
        self.loop = QEventLoop(app)
        self.store = FakeConversations()
        self.fake = FakeLLM(*(scripts or (ANSWERED,)))
        self.providers = FakeProviders(self.fake)
        catalog = shipped_catalog()
        self.providers.live = tuple(
            LiveModel(m.id) for m in catalog.models("groq") if m.state in ("production", "preview")
        )
        self.vault = FakeVault()
        self.usage = FakeUsageLog()
        self.settings_store = FakeSettingsStore()
        self.settings = settings or Settings(theme="dark", first_run_done=True)
        if self.settings.first_run_done:
            self.vault.keys["groq", "https://groq.invalid"] = Secret("gsk_" + "x" * 40 + "3f9A")
        self.look = ThemeController(app, mode="dark", reduced_motion=True)
        self._fill()
        engine, clock, service = InlineEngine(), StillClock(), CatalogService(catalog, self.providers)
        llm = LLMIntegrationService(self.providers, self.store, self.usage, clock, QUICK)
        self.chat = ChatViewModel(engine, llm, self.store, service, clock)
        self.setup = SetupViewModel(engine, self.providers, self.vault, QUICK)
        self.shell = ShellViewModel(
            engine, self.providers, self.vault, service, self.usage, self.settings_store, self.settings, clock, "~/data"
        )
        folders = Folders(Path("/nowhere"), Path("/nowhere/logs"))
        self.window = MainWindow(self.shell, self.chat, self.setup, self.look, folders, clock.now_ms)
        self.window.resize(*size)
        self.page = self.window.chat_page
        self.errors: list[Any] = []
        self.loop.set_exception_handler(lambda _, context: self.errors.append(context))

    def _fill(self) -> None:
        today = NOW.replace(hour=11, minute=42)
        self.add("a", "Webhook retry budget", today, cost_nano_usd=2_100_000, draft="Now open a circuit breaker")
        self.add("b", "SQL for weekly churn", NOW.replace(hour=9, minute=18), draft="draft of b")
        self.add("p", "Refund policy, edge cases", NOW - dt.timedelta(days=4), pinned=True)
        self.say("q", 0, "user", QUESTION)
        self.say("m", 1, "assistant", ANSWER, reasoning="Split by peak. Then the limiter.", facts=FACTS)

    def add(self, name: str, title: str, when: dt.datetime, **more: Any) -> None:
        choice = ModelChoice("groq", "openai/gpt-oss-120b")
        self.store.rows[name] = Conversation(name, title, choice, ms(when), ms(when), **more)

    def say(self, name: str, position: int, role: Any, text: str, state: Any = "done", **more: Any) -> None:
        self.store.texts[name] = StoredMessage(name, "a", position, role, text, state, ms(NOW), **more)

    def trouble(self, trouble: Trouble, text: str = "") -> None:
        """The stored answer of conversation "a" went wrong."""
        state = "interrupted" if text else "failed"
        self.say("m", 1, "assistant", text, state, facts=FACTS, trouble=trouble)

    def run(self, story: Callable[[], Coroutine[Any, Any, None]], *, wait: bool = True) -> None:
        """Opens the window, runs the story on its loop, closes everything. Errors of tasks fail the test."""
        self.loop.run_until_complete(self._whole(story, wait))
        assert self.errors == []

    async def _whole(self, story: Callable[[], Coroutine[Any, Any, None]], wait: bool) -> None:
        self.chat.start(ModelChoice("groq", "openai/gpt-oss-120b"))
        self.shell.start()
        if self.shell.state.page == "setup":
            self.setup.start()
        self.window.start()
        await self.front()
        try:
            if wait:
                await until(lambda: self.chat.state.current is not None and not self.chat.state.loading)
                await self.rest()
            await story()
        finally:
            for model in (self.chat, self.setup, self.shell):
                await model.close()
            self.window.hide()

    async def front(self) -> None:
        """The window is the active one. The offscreen platform activates popups too, and later than it shows them."""
        await self.rest()
        self.window.activateWindow()
        await until(lambda: self.app.activeWindow() is self.window)

    async def rest(self) -> None:
        """Lets layouts, timers of 0 ms and started tasks have their turn."""
        for _ in range(4):
            await asyncio.sleep(0)
            self.app.sendPostedEvents()
            await asyncio.sleep(0.005)

    async def settled(self) -> None:
        """Until no task of a view-model runs."""
        await until(lambda: not (self.chat.scope.busy or self.shell.scope.busy or self.setup.scope.busy))
        await self.rest()

    def footer(self) -> Any:
        """What stands below the last answer."""
        return self.page.thread_pane.footer(self.page.thread_pane.last_answer())

    def close(self) -> None:
        self.window.deleteLater()
        self.look.set(mode="dark", scale=1.0)
        self.look.deleteLater()
        self.app.sendPostedEvents()
        self.app.processEvents()
        self.loop.close()


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Waits for a fact; the test fails if it does not come about."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110, the fact is the window's, which knows no asyncio.Event
            await asyncio.sleep(0.005)


def changed(settings: Settings, **values: Any) -> Settings:
    return replace(settings, **values)


def press(widget: QWidget, key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    QTest.keyClick(widget, key, modifiers)


def click(widget: QWidget) -> None:
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton)
