"""A whole session without a mouse: every key goes to the widget that has the focus, as a person's would."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from tests.ui.fakes_ui import ANSWERED, Desk, until

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
NONE = Qt.KeyboardModifier.NoModifier
MakeDesk = Callable[..., Desk]
Key = Qt.Key


def focused() -> QWidget:
    widget = QApplication.focusWidget()
    assert widget is not None, "the keyboard is nowhere"
    return widget


def key(code: Qt.Key, modifiers: Qt.KeyboardModifier = NONE) -> None:
    QTest.keyClick(focused(), code, modifiers)


async def tab_to(d: Desk, name: str) -> None:
    for _ in range(60):
        if focused().accessibleName() == name:
            return
        key(Key.Key_Tab)
        await d.rest()
    raise AssertionError(f"Tab never reaches {name}")


def test_a_session_by_keyboard_alone(desk: MakeDesk) -> None:
    d = desk(ANSWERED, ANSWERED)

    async def story() -> None:
        # A new question.
        key(Key.Key_N, CTRL)
        await d.settled()
        QTest.keyClicks(focused(), "How many workers?")
        key(Key.Key_Return)
        await until(lambda: d.fake.requests and not d.chat.state.busy)
        await d.settled()
        assert d.fake.requests[0].messages[-1].content == "How many workers?"
        # Another model.
        key(Key.Key_L, CTRL)
        await d.rest()
        QTest.keyClicks(focused(), "oss-20b")
        key(Key.Key_Return)
        await d.front()
        await d.settled()
        assert d.chat.state.choice.model == "openai/gpt-oss-20b"
        # A parameter.
        d.page.composer.setFocus()
        await tab_to(d, "Temperature")
        key(Key.Key_PageDown)
        await until(lambda: d.chat.state.values.get("temperature") == 0.9)
        # The answer again, with them; its times.
        key(Key.Key_G, CTRL | SHIFT)
        await until(lambda: len(d.fake.requests) == 2 and not d.chat.state.busy)
        await d.settled()
        assert d.fake.requests[1].parameters["temperature"] == 0.9
        key(Key.Key_W, CTRL | SHIFT)
        await d.rest()
        assert d.footer().waterfall.isVisible()
        # Its text to the clipboard.
        QGuiApplication.clipboard().setText("")
        d.page.thread_pane.view.setFocus()
        await tab_to(d, "Copy the answer")
        key(Key.Key_Space)
        assert QGuiApplication.clipboard().text() == "Not yet: each process keeps its own level."
        # A chat goes and comes back.
        key(Key.Key_F, CTRL | SHIFT)
        await tab_to(d, "Chats")
        key(Key.Key_Down)
        key(Key.Key_Delete)
        await d.settled()
        gone = d.chat.state.undo_delete
        assert gone is not None
        assert d.window.toast.isVisible()
        key(Key.Key_Z, CTRL)
        await d.settled()
        assert gone.id in {row.id for row in d.chat.state.conversations}
        assert not d.window.toast.isVisible()

    d.run(story)
