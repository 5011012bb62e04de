"""Long pasted texts beside the composer's field: kept whole as chips, because an editor stalls on them with every key."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from groqdesk.ui.controls import Card, ElidedLabel, IconButton, Label, Popover, TextArea
from groqdesk.ui.link_button import LinkButton
from groqdesk.ui.theme import Theme, theme, themed

FIELD_CHARACTERS = 100_000
"""More than this the field does not hold; measured: 18 ms for a key in one paragraph of that length."""
WORD_CHARACTERS = 10_000
"""Nor a longer word: looking for its end costs 180 ms for a key in a word of 100,000 characters."""
CHIP_CHARACTERS = 1_000
"""Shorter texts are never made a chip for the length of what the field holds already."""
MOST = 4
SHOWN_CHARACTERS = 4_000


def too_long(text: str, held: int = 0) -> bool:
    """Whether a text should stand beside a field that holds `held` characters."""
    if len(text) + held > FIELD_CHARACTERS and len(text) > CHIP_CHARACTERS:
        return True
    return len(text) > WORD_CHARACTERS and max(map(len, text.split()), default=0) > WORD_CHARACTERS


def size_text(text: str) -> str:
    """The size in UTF-8: "2.0 MB", "150 KB"."""
    size_bytes = len(text.encode("utf-8", "surrogatepass"))
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 999_500 else f"{max(1, round(size_bytes / 1e3))} KB"


class _PastedText(Card):
    """One line: what it is, how it begins, a cross."""

    def __init__(self, text: str) -> None:
        super().__init__("raised", radius="sm")
        self.text = text
        beginning = " ".join(text[:400].split())
        self.head = LinkButton(f"Pasted text, {size_text(text)}", tone="text.primary")
        self.head.setAccessibleDescription(beginning[:80])
        self.head.clicked.connect(self.show_beginning)
        self.words = ElidedLabel(beginning, role="small", tone="tertiary")
        self.words.setToolTip("")
        self.remove_button = IconButton("close", "Remove the pasted text", dense=True)
        self._line = QHBoxLayout(self)
        self._line.addWidget(self.head)
        self._line.addWidget(self.words, 1)
        self._line.addWidget(self.remove_button)
        self.apply_theme(theme())

    def apply_theme(self, theme: Theme) -> None:
        """Takes the gaps."""
        super().apply_theme(theme)
        if hasattr(self, "_line"):
            self._line.setContentsMargins(theme.px(10), theme.px(2), theme.px(4), theme.px(2))
            self._line.setSpacing(theme.px(8))

    def show_beginning(self) -> None:
        """The first 4,000 characters in a popover."""
        look = theme()
        card = Popover(name="Beginning of the pasted text", parent=self)
        card.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        shown = TextArea(name="Beginning of the pasted text", max_lines=14, role="codeSmall")
        shown.setReadOnly(True)
        shown.setFixedWidth(look.px(480))
        shown.setPlainText(self.text[:SHOWN_CHARACTERS])
        card.body.addWidget(shown)
        if len(self.text) > SHOWN_CHARACTERS:
            card.body.addWidget(Label(f"… and {len(self.text) - SHOWN_CHARACTERS:,} characters more", role="small"))
        pad = look.px(12)
        card.body.setContentsMargins(pad, pad, pad, pad)
        card.body.setSpacing(look.px(6))
        card.open_at(self)
        shown.setFocus(Qt.FocusReason.PopupFocusReason)


class PastedTexts(QWidget):
    """At most four chips, one below the other; what is pasted after that joins the last one."""

    changed = Signal()
    """A text was added or removed by the person."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Pasted texts")
        self.chips: list[_PastedText] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self.hide()
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        """Takes the gap."""
        self._column.setSpacing(theme.px(4))

    def texts(self) -> tuple[str, ...]:
        """In the order in which they were pasted."""
        return tuple(chip.text for chip in self.chips)

    def add(self, text: str) -> None:
        """Another chip."""
        texts = [*self.texts(), text]
        self.set_texts((*texts[: MOST - 1], "\n\n".join(texts[MOST - 1 :])) if len(texts) > MOST else tuple(texts))
        self.changed.emit()

    def set_texts(self, texts: tuple[str, ...]) -> None:
        """Replaces all, without `changed`."""
        for chip in self.chips:
            chip.hide()
            chip.deleteLater()
        self.chips = []
        for text in texts:
            chip = _PastedText(text)
            chip.remove_button.clicked.connect(lambda _=False, chip=chip: self._remove(chip))
            self._column.addWidget(chip)
            self.chips.append(chip)
        self.setVisible(bool(self.chips))

    def _remove(self, chip: _PastedText) -> None:
        self.chips.remove(chip)
        chip.hide()
        chip.deleteLater()
        self.setVisible(bool(self.chips))
        self.changed.emit()
