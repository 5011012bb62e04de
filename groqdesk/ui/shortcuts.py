"""The window's keys: one table that makes them work and that F1 shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QGridLayout, QWidget

from groqdesk.ui.controls import Label, Popover
from groqdesk.ui.theme import Theme, theme


@dataclass(frozen=True, slots=True)
class Key:
    """A command, its keys (the first is shown) and its words; keys of a control have no command of the window."""

    command: str
    keys: tuple[str, ...]
    words: str


KEYS = (
    Key("new", ("Ctrl+N",), "New chat"),
    Key("picker", ("Ctrl+L",), "Choose a model"),
    Key("search", ("Ctrl+Shift+F",), "Search all messages"),
    Key("", ("Enter",), "Send"),
    Key("", ("Shift+Enter",), "New line"),
    Key("escape", ("Esc",), "Stop, then close what is open"),
    Key("regenerate", ("Ctrl+Shift+G",), "Regenerate the last answer"),
    Key("waterfall", ("Ctrl+Shift+W",), "Times of the last answer"),
    Key("rename", ("F2",), "Rename the chat"),
    Key("", ("Del",), "Delete the chat, in the list"),
    Key("", ("Ctrl+Z",), "Bring it back, in the list"),
    Key("sidebar", ("Ctrl+[",), "Sidebar"),
    Key("inspector", ("Ctrl+]",), "Inspector"),
    Key("chat", ("Ctrl+1",), "Chat"),
    Key("settings", ("Ctrl+,",), "Settings"),
    Key("theme", ("Ctrl+Shift+T",), "Theme"),
    Key("larger", ("Ctrl++", "Ctrl+="), "Larger text"),
    Key("smaller", ("Ctrl+-",), "Smaller text"),
    Key("normal", ("Ctrl+0",), "Text at 100 %"),
    Key("next_region", ("F6",), "Next region"),
    Key("previous_region", ("Shift+F6",), "Previous region"),
    Key("help", ("F1",), "This list"),
)


def install(window: QWidget, commands: Mapping[str, Callable[[], None]]) -> None:
    """Binds the keys of the table. KeyError if a command is missing."""
    for key in KEYS:
        if not key.command:
            continue
        for sequence in key.keys:
            shortcut = QShortcut(QKeySequence(sequence), window)
            shortcut.setContext(Qt.ShortcutContext.WindowShortcut)
            shortcut.activated.connect(commands[key.command])


class ShortcutList(Popover):
    """All keys in two columns."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(name="Keyboard shortcuts", parent=parent)
        self._grid = QGridLayout()
        self._grid.addWidget(Label("Keyboard shortcuts", role="heading"), 0, 0, 1, 4)
        half = (len(KEYS) + 1) // 2
        for number, key in enumerate(KEYS):
            row, column = number % half + 1, number // half * 2
            self._grid.addWidget(Label(key.words, role="small", tone="secondary"), row, column)
            keys = Label(key.keys[0], role="codeSmall", tone="tertiary")
            self._grid.addWidget(keys, row, column + 1)
        self.body.addLayout(self._grid)
        self.apply_theme(theme())

    def apply_theme(self, theme: Theme) -> None:
        """Takes the gaps."""
        super().apply_theme(theme)
        if hasattr(self, "_grid"):
            pad = theme.px(10)
            self._grid.setContentsMargins(pad, pad, pad, pad)
            self._grid.setHorizontalSpacing(theme.px(20))
            self._grid.setVerticalSpacing(theme.px(6))

    def open_centred(self, window: QWidget) -> None:
        """In the middle of its window."""
        self.open_at(window)
        self.move(window.mapToGlobal(window.rect().center()) - self.rect().center())
