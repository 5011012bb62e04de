"""A thread view in a window, and helpers that stream text into it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from groqdesk.ui.theme import Theme, load_fonts
from groqdesk.ui.thread import ThreadView
from groqdesk.ui.thread.inline import InertDocument
from groqdesk.ui.thread.styles import Styles


@pytest.fixture
def theme(qapp: QApplication) -> Theme:
    load_fonts()
    return Theme("dark", reduced_motion=True)


@pytest.fixture
def styles(theme: Theme) -> Styles:
    return Styles(theme)


@pytest.fixture
def view(qtbot: QtBot, theme: Theme) -> ThreadView:
    made = ThreadView(theme)
    qtbot.addWidget(made)
    made.resize(720, 600)
    made.show()
    qtbot.waitExposed(made)
    return made


@pytest.fixture
def resources_asked(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many images, style sheets or other resources any document has asked for in this test."""
    monkeypatch.setattr(InertDocument, "requests", 0)
    return lambda: InertDocument.requests
