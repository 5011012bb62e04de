"""`groqdesk demo`: the window drives itself through the main job and leaves pictures of it.

A question is typed, the answer streams from the practice server, the window closes, a new one opens on the same data and
shows what was said. Then a question is asked once more and answered from the recording of the first session, with no server
running. Everything is real but the person: key events, window, server, database file, recording.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from groqdesk.core.settings import ThemeMode
from groqdesk.engine import ThreadEngine
from groqdesk.ui.loop import Application, run
from groqdesk.ui.main import Desk, OpenApp
from groqdesk.ui.theme import ThemeController

QUESTIONS = (
    "Which rate limits does Groq have? A table.",
    "What makes an answer slow? A list.",
    "Our webhook sender hit 30 requests a minute twice last night. How should I split the limit across endpoints? "
    "A table, then the limiter in Python.",
)
THEMES: tuple[ThemeMode, ...] = ("dark", "light")
KEY_PAUSE_S = 0.012
PATIENCE_S = 60.0


class DemoFailed(Exception):
    """A step of the demo did not come about; the text says which."""


@dataclass(frozen=True, slots=True)
class _Options:
    """What `open_app` reads: the demo's own data folder, kept over the restart."""

    data_dir: str
    record: Path | None = None
    replay: Path | None = None
    replay_speed: float = 1.0
    demo: bool = True
    verbose: bool = False


def run_demo(open_app: OpenApp, verbose: bool, seconds: float, pictures: Path | None) -> int:
    """Runs the demo and says on stdout what it saw. 0, or 3 with a sentence if a step did not come about."""
    with tempfile.TemporaryDirectory(prefix="groqdesk-demo-", ignore_cleanup_errors=True) as data:
        folder = pictures or Path(tempfile.mkdtemp(prefix="groqdesk-pictures-"))
        folder.mkdir(parents=True, exist_ok=True)
        show = _Show(open_app, data, verbose, folder, seconds)
        try:
            return run(show.main, sys.argv[:1])
        except DemoFailed as failure:
            _say(f"The demo stopped: {failure}")
            return 3


class _Show:
    def __init__(self, open_app: OpenApp, data: str, verbose: bool, folder: Path, seconds: float) -> None:
        self._open_app = open_app
        cassette = Path(data) / "demo-recording.json"
        self._live = _Options(data, record=cassette, verbose=verbose)
        self._replayed = _Options(data, replay=cassette, verbose=verbose)
        self._first_answer = ""
        self._folder = folder
        self._seconds = seconds
        self._answer = ""

    async def main(self, application: Application) -> int:
        began_s = time.monotonic()
        await self._session(application, self._live, self._talk)
        await self._session(application, self._replayed, self._look_again)
        _say(f"\nDone in {time.monotonic() - began_s:.1f} s. Pictures in {self._folder}")
        return 0

    async def _session(
        self, application: Application, options: _Options, act: Callable[[Desk, ThemeController], Awaitable[None]]
    ) -> None:
        look = ThemeController(application)
        async with (
            ThreadEngine() as engine,
            self._open_app(options, engine, window=True) as house,
        ):
            desk = Desk(house, look)
            look.set(mode="dark")
            try:
                desk.start()
                desk.window.resize(1280, 832)
                await act(desk, look)
            finally:
                await desk.close()
                desk.window.deleteLater()

    async def _talk(self, desk: Desk, look: ThemeController) -> None:
        for question in QUESTIONS:
            await self._ask(desk, question)
            self._first_answer = self._first_answer or desk.chat.state.turns[-1].content
        answer = desk.chat.state.turns[-1]
        if answer.state != "done" or not answer.content:
            raise DemoFailed("no whole answer came")
        self._answer = answer.content
        _say(f"> {QUESTIONS[-1]}\n\n{answer.content}\n")
        if (facts := answer.facts) is not None and facts.ttft_s is not None:
            _say(
                f"{facts.model} · TTFT {facts.ttft_s * 1000:.0f} ms · {facts.prompt_tokens} in {facts.completion_tokens} out"
            )
        await self._picture(desk, look, "answer")

    async def _ask(self, desk: Desk, question: str) -> None:
        """Asks in a chat of its own and waits for the end of the answer."""
        if desk.chat.state.current is not None:
            desk.chat.new_chat()
            await _until(lambda: desk.chat.state.current is None, "an empty chat")
            await asyncio.sleep(0.1)
        await self._type(desk, question)
        await _until(lambda: desk.chat.state.busy, "the question to be sent")
        await _until(lambda: not desk.chat.state.busy, "the end of the answer")

    async def _type(self, desk: Desk, text: str) -> None:
        """Key by key into the composer, then Enter, as a person does."""
        field = desk.window.chat_page.composer.text_area
        field.setFocus()
        for character in text:
            QTest.keyClicks(field, character)
            await asyncio.sleep(KEY_PAUSE_S)
        if field.toPlainText() != text:
            raise DemoFailed("the composer did not take the keys")
        QTest.keyClick(field, Qt.Key.Key_Return)

    async def _look_again(self, desk: Desk, look: ThemeController) -> None:
        await _until(lambda: len(desk.chat.state.conversations) == len(QUESTIONS), "the history after the restart")
        await _until(lambda: bool(desk.chat.state.turns), "the newest conversation")
        if desk.chat.state.turns[-1].content != self._answer:
            raise DemoFailed("the answer after the restart is not the one before it")
        _say(f"After a restart: {len(QUESTIONS)} conversations, the answer is still there.")
        await asyncio.sleep(0.3)
        desk.window.chat_page.toggle_last_waterfall()
        for theme in THEMES:
            look.set(mode=theme)
            await self._picture(desk, look, f"playground-{theme}")
        desk.window.resize(1024, 640)
        look.set(mode="dark")
        await self._picture(desk, look, "playground-1024x640")
        desk.window.resize(1280, 832)
        desk.shell.show("setup")
        desk.setup.start()
        for theme in THEMES:
            look.set(mode=theme)
            await self._picture(desk, look, f"first-run-{theme}")
        desk.shell.show("chat")
        await self._ask(desk, QUESTIONS[0])
        if desk.chat.state.turns[-1].content != self._first_answer:
            raise DemoFailed("the recording did not answer as the server had")
        _say("The first question once more, from the recording and with no server: the same answer.")
        await asyncio.sleep(self._seconds)

    async def _picture(self, desk: Desk, look: ThemeController, name: str) -> None:
        await asyncio.sleep(0.4)
        path = self._folder / f"{name}.png"
        if not desk.window.grab().save(str(path)):
            raise DemoFailed(f"{path} cannot be written")


async def _until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise DemoFailed(f"waited in vain for {what}")
        await asyncio.sleep(0.02)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201, the demo's result
