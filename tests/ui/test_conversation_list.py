"""Chats: drafts, new ones, renaming, search, pinning, loading, the way back to the newest, days."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tests.ui.fakes_ui import FACTS, Desk, click, ms, press, until

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
MakeDesk = Callable[..., Desk]


def typed(d: Desk, text: str) -> None:
    d.page.composer.text_area.setPlainText(text)


# --- chats -----------------------------------------------------------------------------------------------------------


def test_each_chat_keeps_its_draft(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        text = d.page.composer.text_area
        assert text.text() == "Now open a circuit breaker"
        QTest.keyClicks(text, " soon")
        d.page.sidebar.view.opened.emit("b")
        await until(lambda: text.text() == "draft of b")
        d.page.new_chat()
        await until(lambda: d.chat.state.current is None)
        assert text.text() == ""
        QTest.keyClicks(text, "not sent yet")
        d.page.sidebar.view.opened.emit("a")
        await until(lambda: text.text() == "Now open a circuit breaker soon")
        d.page.new_chat()
        await until(lambda: text.text() == "not sent yet")
        await d.settled()
        assert d.store.rows["a"].draft == "Now open a circuit breaker soon"

    d.run(story)


def test_a_new_chat_offers_two_ways_to_begin(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        press(d.window, Qt.Key.Key_N, CTRL)
        await until(lambda: d.chat.state.current is None)
        pane = d.page.thread_pane
        assert pane.empty.isVisible()
        assert pane.empty.title.text() == "Ask gpt-oss-120b anything"
        assert QApplication.focusWidget() is d.page.composer.text_area
        click(pane.empty.buttons[1])
        await until(lambda: d.fake.requests and not d.chat.state.busy)
        await d.settled()
        assert d.page.title_bar.title.text() == "Write a rate limiter in Python"
        assert pane.view.isVisible()

    d.run(story)


def test_renaming_in_the_header_and_in_the_list(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        bar, view, model = d.page.title_bar, d.page.sidebar.view, d.page.sidebar.model
        click(bar.pencil)
        bar.editor.setText("Retry budget")
        press(bar.editor.edit, Qt.Key.Key_Return)
        await until(lambda: d.store.rows["a"].title == "Retry budget")
        await d.settled()
        assert bar.title.text() == "Retry budget"
        view.setFocus()
        view.setCurrentIndex(model.find("b"))
        press(view, Qt.Key.Key_F2)
        editor = QApplication.focusWidget()
        editor.setText("Weekly churn")
        press(editor, Qt.Key.Key_Return)
        await until(lambda: d.store.rows["b"].title == "Weekly churn")
        await d.settled()

    d.run(story)


def test_search_finds_or_says_that_it_found_nothing(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        sidebar = d.page.sidebar
        QTest.keyClicks(sidebar.search.edit, "churn")
        await until(lambda: sidebar.model.rowCount() == 2)
        QTest.keyClicks(sidebar.search.edit, "xyz")
        await until(lambda: sidebar.empty_text.isVisible())
        assert sidebar.empty_text.text() == 'Nothing found for "churnxyz".'
        click(sidebar.empty_button)
        await until(lambda: sidebar.model.rowCount() == 5)
        await d.settled()

    d.run(story)


def test_a_click_opens_and_pin_moves_to_the_top(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        view, model = d.page.sidebar.view, d.page.sidebar.model
        spot = view.visualRect(model.find("b")).center()
        QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(spot))
        await until(lambda: d.chat.state.current.id == "b")
        assert view.open_id == "b"
        view.pin_requested.emit("b", True)
        await until(lambda: d.store.rows["b"].pinned)
        await d.settled()
        titles = [model.index(n).data() for n in range(model.rowCount())]
        assert titles[:3] == ["Pinned", "SQL for weekly churn", "Refund policy, edge cases"]

    d.run(story)


def test_a_slow_chat_shows_its_outline(desk: MakeDesk) -> None:
    d = desk()
    gate = asyncio.Event()
    messages = d.store.messages

    async def slow(name: str) -> Any:
        if name == "b":
            await gate.wait()
        return await messages(name)

    async def story() -> None:
        d.store.messages = slow
        d.chat.open("b")
        await until(lambda: d.chat.state.loading)
        assert not d.page.thread_pane.loading.isVisible()
        await until(lambda: d.page.thread_pane.loading.isVisible())
        gate.set()
        await until(lambda: not d.page.thread_pane.loading.isVisible())
        await d.settled()

    d.run(story)


def test_opening_a_long_chat_parses_only_what_is_in_view(desk: MakeDesk) -> None:
    d = desk()
    for number in range(2, 600):
        d.say(f"n{number}", number, "user" if number % 2 == 0 else "assistant", "words **bold** " * 60, facts=FACTS)

    async def story() -> None:
        view = d.page.thread_pane.view
        d.chat.open("b")
        await until(lambda: view.turns() == [])
        parsed = view.counters.turns_parsed
        d.chat.open("a")
        await until(lambda: len(view.turns()) == 600)
        await d.settled()
        assert view.counters.turns_parsed - parsed < 20
        assert view.widgets_alive < 30
        assert view.at_end

    d.run(story)


def test_scrolled_away_a_button_leads_back(desk: MakeDesk) -> None:
    d = desk()
    for number in range(2, 30):
        d.say(f"n{number}", number, "user" if number % 2 == 0 else "assistant", "words " * 60, facts=FACTS)

    async def story() -> None:
        pane = d.page.thread_pane
        assert not pane.newest.isVisible()
        pane.view.verticalScrollBar().setValue(0)
        await d.rest()
        assert pane.newest.isVisible()
        click(pane.newest)
        await d.rest()
        assert not pane.newest.isVisible()
        assert pane.view.at_end

    d.run(story)


def test_foreign_writes_appear(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        d.say("x", 2, "user", "Written by a command.")
        d.chat.refresh()
        await until(lambda: d.page.thread_pane.view.turns()[-1].text == "Written by a command.")
        await d.settled()

    d.run(story)


def test_days_of_the_list() -> None:
    from groqdesk.core.conversations import Conversation
    from groqdesk.core.messages import ModelChoice
    from groqdesk.ui.conversation_list import Head, Row, grouped

    now = dt.datetime(2026, 1, 2, 9, 0).astimezone()

    def chat(name: str, days: float, **more: Any) -> Conversation:
        when = ms((now - dt.timedelta(days=days)).replace(tzinfo=None))
        return Conversation(name, name, ModelChoice("groq", "openai/gpt-oss-20b"), when, when, **more)

    lines = grouped(
        [
            chat("pin", 3, pinned=True),
            chat("today", 0),
            chat("yesterday", 1, cost_nano_usd=5_000_000, cost_unknown=True),
            chat("week", 5),
            chat("month", 20, cost_unknown=True),
            chat("older", 60),
        ],
        now,
    )
    assert [line.text for line in lines if isinstance(line, Head)] == [
        "Pinned", "Today", "Yesterday", "Last 7 days", "December 2025", "November 2025",
    ]  # fmt: skip
    rows = {line.id: line for line in lines if isinstance(line, Row)}
    assert rows["today"].time == "09:00"
    assert rows["yesterday"].facts == "gpt-oss-20b · ≥ $0.0050"
    assert rows["month"].facts == "gpt-oss-20b · –"
    assert rows["older"].time == "Nov 2025"
