"""`run_window`: from the command to an open window and back."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from PySide6.QtCore import QUrl

from groqdesk.core.errors import DataInUse, GroqdeskError
from groqdesk.core.messages import ModelChoice
from groqdesk.core.ports import Clock, ConversationStore, Engine, KeyVault, ProviderSource, SettingsStore, UsageReader
from groqdesk.core.settings import Folders, Settings, Timings, folders
from groqdesk.core.tasks import TaskScope
from groqdesk.engine import ThreadEngine
from groqdesk.services.catalog import CatalogService
from groqdesk.services.llm import LLMIntegrationService
from groqdesk.ui.loop import Application, run
from groqdesk.ui.main_window import MainWindow, open_link
from groqdesk.ui.single_instance import SingleInstance, raise_other
from groqdesk.ui.startup_problem import StartupProblem
from groqdesk.ui.theme import ThemeController, prefers_reduced_motion
from groqdesk.ui.thread import warm_up
from groqdesk.viewmodels.chat import ChatViewModel
from groqdesk.viewmodels.setup import SetupViewModel
from groqdesk.viewmodels.shell import ShellViewModel

log = logging.getLogger(__name__)
WARM_UP_AFTER_S = 0.5
RAISE_TRIES, RAISE_PAUSE_S = 40, 0.2
UNEXPECTED = "Something went wrong here. Nothing was lost."


class OpenHouse(Protocol):
    """What the window needs of an open app; `groqdesk.app.App` is one."""

    @property
    def engine(self) -> Engine: ...
    @property
    def folders(self) -> Folders: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def settings_store(self) -> SettingsStore: ...
    @property
    def conversations(self) -> ConversationStore: ...
    @property
    def usage_reader(self) -> UsageReader: ...
    @property
    def catalog(self) -> CatalogService: ...
    @property
    def llm(self) -> LLMIntegrationService: ...
    @property
    def providers(self) -> ProviderSource: ...
    @property
    def vault(self) -> KeyVault: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def timings(self) -> Timings: ...
    @property
    def demo(self) -> bool: ...
    @property
    def choice(self) -> ModelChoice: ...
    @property
    def interrupted_answers(self) -> int: ...
    @property
    def changed_elsewhere(self) -> Callable[[], Awaitable[bool]]: ...


class RunOptions(Protocol):
    """What the window reads of the command line's options."""

    @property
    def data_dir(self) -> str | None: ...
    @property
    def demo(self) -> bool: ...


OpenApp = Callable[..., AbstractAsyncContextManager[OpenHouse]]


class Desk:
    """The window with its view-models, made from an open app. `close` ends what runs and stores what is left."""

    def __init__(self, house: OpenHouse, look: ThemeController) -> None:
        self._house = house
        settings = house.settings
        self._look = look
        look.set(mode=settings.theme, scale=settings.text_size / 100, reduced_motion=settings.reduced_motion == "on")
        self.chat = ChatViewModel(house.engine, house.llm, house.conversations, house.catalog, house.clock)
        self.setup = SetupViewModel(house.engine, house.providers, house.vault, house.timings)
        self.shell = ShellViewModel(
            house.engine,
            house.providers,
            house.vault,
            house.catalog,
            house.usage_reader,
            house.settings_store,
            settings,
            house.clock,
            home_text(house.folders),
            house.demo,
        )
        self.window = MainWindow(self.shell, self.chat, self.setup, look, house.folders, house.clock.now_ms)
        self._scope = TaskScope()

    def start(self) -> None:
        """Shows the window and lets the view-models load what they show."""
        self.chat.start(self._house.choice)
        self.shell.start()
        if self.shell.state.page == "setup":
            self.setup.start()
        self._scope.start(self._watch(), "watch for foreign writes")
        self._scope.start(self._follow_motion(), "ask the system about motion")
        self._scope.start(self._warm_up(), "warm up")
        self.window.start()
        if self._house.interrupted_answers:
            count = self._house.interrupted_answers
            words = "1 answer was" if count == 1 else f"{count} answers were"
            self.shell.notify(f"{words} cut off when groqdesk last ended. What had arrived is saved.")

    async def _follow_motion(self) -> None:
        """The system's wish for less motion; asking it starts a program, so the window does not wait for it."""

        async def ask() -> bool:
            return await asyncio.to_thread(prefers_reduced_motion)

        if await self._house.engine.call(ask):
            self._look.set(reduced_motion=True)

    async def _warm_up(self) -> None:
        """The first code block and table would cost 30 to 40 ms of the first answer; the idle moment after the start pays."""
        await asyncio.sleep(WARM_UP_AFTER_S)
        warm_up()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._house.timings.foreign_writes_s)
            if await self._house.changed_elsewhere():
                self.chat.refresh()
                self.shell.refresh_spending()

    async def close(self) -> None:
        """Hides the window, stops answers, stores drafts and the window's place."""
        geometry = self.window.geometry_text()
        self.window.hide()
        results = await asyncio.gather(
            self._house.settings_store.save({"window_geometry": geometry}),
            self._scope.close(),
            self.chat.close(),
            self.setup.close(),
            self.shell.close(),
            return_exceptions=True,
        )
        for result in results:
            if isinstance(result, Exception):
                log.error("closing the window failed in part", exc_info=result)


def run_window(open_app: OpenApp, options: RunOptions) -> int:
    """Opens the window and returns the exit code when it has closed. Raises nothing that a person would have to read."""

    async def main(application: Application) -> int:
        return await _main(application, open_app, options)

    return run(main, sys.argv[:1])


async def _main(application: Application, open_app: OpenApp, options: RunOptions) -> int:
    places = folders(options.data_dir)
    alone = options.demo and not options.data_dir
    if not alone and raise_other(places.data):
        return _already_open()
    look = ThemeController(application)
    try:
        async with ThreadEngine() as engine, open_app(options, engine, window=True) as house:
            await _run(application, house, look, None if alone else SingleInstance(places.data))
    except GroqdeskError as problem:
        if isinstance(problem, DataInUse) and await _raised_later(places):
            return _already_open()
        await _explain(application, problem, places)
        return 5
    return 0


def _already_open() -> int:
    print("groqdesk is already open.")  # noqa: T201, said where it was started
    return 0


async def _raised_later(places: Folders) -> bool:
    """Of two starts at the same moment one has the data and no window yet: it is asked until it answers."""
    for _ in range(RAISE_TRIES):
        if raise_other(places.data):
            return True
        await asyncio.sleep(RAISE_PAUSE_S)
    return False


async def _run(
    application: Application, house: OpenHouse, look: ThemeController, instance: SingleInstance | None
) -> None:
    desk = Desk(house, look)
    application.report = lambda _error: desk.shell.notify(UNEXPECTED)
    desk.window.close_requested.connect(application.request_close)
    if instance is not None:
        instance.raise_requested.connect(desk.window.come_to_front)
    try:
        desk.start()
        await application.until_close()
    finally:
        application.report = lambda _error: None
        if instance is not None:
            instance.close()
        await desk.close()
        desk.window.deleteLater()


async def _explain(application: Application, problem: GroqdeskError, places: Folders) -> None:
    window = StartupProblem(problem, places)
    window.closed.connect(application.request_close)
    window.folder_requested.connect(lambda path: open_link(QUrl.fromLocalFile(path), folders=True))
    window.show()
    await application.until_close()
    window.hide()
    window.deleteLater()


def home_text(places: Folders) -> str:
    """The data folder as people read it, with ~ for their home."""
    home, data = str(places.data.home()), str(places.data)
    return f"~{data[len(home) :]}" if data == home or data.startswith(home + "/") else data
