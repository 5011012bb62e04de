"""Below an answer: the latency line with its waterfall, message actions, and the card for what went wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QEnterEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from groqdesk.core.conversations import AnswerFacts, StoredMessage
from groqdesk.core.parameters import number_text
from groqdesk.ui import icons
from groqdesk.ui.answer_facts import (
    Figure,
    Remedy,
    figures,
    has_server_times,
    limit_reached,
    remedy,
    short_model,
    stopped_by_user,
    waterfall,
    words_in,
)
from groqdesk.ui.controls import Button, Card, IconButton, Label, Legend, TextArea, WaterfallBar
from groqdesk.ui.controls.painting import box
from groqdesk.ui.link_button import LinkButton
from groqdesk.ui.menus import menu
from groqdesk.ui.metrics_line import MetricsLine
from groqdesk.ui.theme import Theme, theme, themed
from groqdesk.viewmodels.chat import trouble_sentence

COPIED_MS = 2_000
WAITS = frozenset({"rate_limited", "quota", "circuit_open", "budget"})
_ICONS = {
    "truncated": "broken",
    "connection": "broken",
    "timeout": "wait.clock",
    "offline": "offline",
    "invalid_key": "key",
    "no_key": "key",
    "rate_limited": "wait",
    "quota": "wait",
    "circuit_open": "circuit",
}


class WaterfallCard(Card):
    """The total, the bar and its legend; says so where a provider sends no times of its own."""

    def __init__(self, facts: AnswerFacts, *, parent: QWidget | None = None) -> None:
        self._column: QVBoxLayout | None = None
        super().__init__("raised", parent=parent)
        parts = waterfall(facts)
        total_ms = sum(part.duration_ms for part in parts)
        head = self._head = QHBoxLayout()
        self.total = Label(f"{total_ms:,.0f} ms" if parts else "–", role="small", strong=True)
        head.addWidget(self.total)
        head.addWidget(Label("from send to last token", role="small", tone="tertiary"))
        head.addStretch(1)
        self.bar = WaterfallBar(parts, name="Where the time went")
        column = self._column = QVBoxLayout(self)
        column.addLayout(head)
        column.addWidget(self.bar)
        column.addWidget(Legend(parts))
        if not has_server_times(facts):
            column.addWidget(Label("This provider sends no server times.", role="small", tone="tertiary"))
        self.apply_theme(theme())

    def apply_theme(self, theme: Theme) -> None:
        """Takes the padding."""
        super().apply_theme(theme)
        if self._column is not None:
            self._column.setContentsMargins(theme.px(13), theme.px(8), theme.px(13), theme.px(9))
            self._column.setSpacing(theme.px(6))
            self._head.setSpacing(theme.px(8))


class TroubleCard(QWidget):
    """Tint, icon, sentence, second line and one button: what went wrong, what is kept, what helps."""

    acted = Signal()
    """The button was pressed."""

    def __init__(
        self, icon: str, sentence: str, second: str, action: str, *, wait: bool, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._icon = icon
        self._family = "warning" if wait else "danger"
        self.setAccessibleName(f"{sentence} {second}".strip())
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.sentence = Label(sentence, role="small", strong=True, wrap=True)
        self.second = Label(second, role="small", tone="secondary", wrap=True)
        self.second.setVisible(bool(second))
        self.button = Button(action, size="small")
        self.button.clicked.connect(self.acted)
        self.button.setVisible(bool(action))
        words = QVBoxLayout()
        words.setContentsMargins(0, 0, 0, 0)
        words.setSpacing(0)
        words.addStretch(1)
        words.addWidget(self.sentence)
        words.addWidget(self.second)
        words.addStretch(1)
        self._row = QHBoxLayout(self)
        self._row.addLayout(words, 1)
        self._row.addWidget(self.button, 0, Qt.AlignmentFlag.AlignVCenter)
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        """Takes padding and height."""
        self._row.setContentsMargins(theme.px(36), theme.px(9), theme.px(10), theme.px(9))
        self._row.setSpacing(theme.px(12))
        self.setMinimumHeight(theme.px(50))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Tint and icon."""
        look = theme()
        painter = QPainter(self)
        box(painter, QRectF(self.rect()), look.radius("segment"), look.color(f"{self._family}.tint"), None)
        size = look.px(16)
        area = QRectF(look.px(12), (self.height() - size) / 2, size, size)
        icons.draw(painter, self._icon, f"{self._family}.text", area)


@dataclass(frozen=True, slots=True)
class FooterContext:
    """What a footer knows beside its message: whether it is the last, the model to offer instead, the clock."""

    last: bool
    other: str
    folded: bool
    opened: bool
    now_ms: Callable[[], int]


class AnswerFooter(QWidget):
    """Everything below one answer. `commanded(message_id, command)` asks the page for something.

    Commands: copy, regenerate, continue, key, switch, other, pick, shorten, longer.
    """

    commanded = Signal(str, str)
    waterfall_toggled = Signal(str, bool)

    def __init__(self, message: StoredMessage, context: FooterContext, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.message_id = message.id
        self._message = message
        self._context = context
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self.metrics = MetricsLine()
        self.waterfall: WaterfallCard | None = None
        self.trouble: TroubleCard | None = None
        self.quiet_button: Button | None = None
        self.links: list[LinkButton] = []
        self._details: Card | None = None
        self._row = QWidget()
        self._row_layout = QHBoxLayout(self._row)
        self._row_layout.setContentsMargins(0, 0, 0, 0)
        self._actions: list[IconButton] = []
        self._armed = False
        self._countdown = QTimer(self)
        self._countdown.setInterval(250)
        self._countdown.timeout.connect(self._show_countdown)
        self._build()
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        """Takes the gaps."""
        self._column.setSpacing(theme.px(4))
        self._row_layout.setSpacing(0)
        self._row.setFixedHeight(theme.px(28))

    # --- building ----------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        message = self._message
        if message.state == "streaming":
            self.metrics.can_open = False
            self.metrics.setCheckable(False)
            self.metrics.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            self._row_layout.addWidget(self.metrics)
            self._row_layout.addStretch(1)
            self._column.addWidget(self._row)
            return
        broken = message.state in ("interrupted", "failed") and not stopped_by_user(message)
        if broken:
            self._add_trouble()
            return
        if stopped_by_user(message) or limit_reached(message):
            self._add_quiet_end()
        self.metrics.set_figures(figures(message.facts or AnswerFacts()))
        self.metrics.toggled.connect(self._on_metrics_toggled)
        self._row_layout.addWidget(self.metrics)
        self._row_layout.addStretch(1)
        self._add_actions()
        self._column.addWidget(self._row)
        self.metrics.setChecked(self._context.opened)

    def _add_actions(self) -> None:
        if self._context.folded:
            more = IconButton("more", "Message actions", dense=True)
            more.clicked.connect(self._open_menu)
            self._actions = [more]
        else:
            copy = IconButton("copy", "Copy the answer", dense=True)
            copy.clicked.connect(self._on_copy_clicked)
            again = IconButton("regenerate", "Regenerate", dense=True, shortcut_text="Ctrl+Shift+G")
            again.clicked.connect(lambda: self._command("regenerate"))
            self._actions = [copy, again]
        for button in self._actions:
            policy = button.sizePolicy()
            policy.setRetainSizeWhenHidden(True)
            button.setSizePolicy(policy)
            button.installEventFilter(self)
            self._row_layout.addWidget(button)
        self.metrics.installEventFilter(self)
        self._show_actions()

    def _add_quiet_end(self) -> None:
        message = self._message
        words = words_in(message.content)
        line = QHBoxLayout()
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(theme().px(8))
        if stopped_by_user(message):
            text, action = "Stopped. " + (trouble_sentence(words) if words else "Nothing had arrived."), "Continue"
            command = "continue" if words else "regenerate"
            action = action if words else "Try again"
        elif words:
            text, action, command = "The answer reached the limit of tokens.", "Continue", "continue"
        else:
            tokens = message.facts.completion_tokens if message.facts else None
            limit = f"All {tokens:,} tokens" if tokens else "All tokens"
            text, command = f"{limit} went into thinking.", "longer"
            action = f"Allow {number_text(longer_limit(tokens))}"
        line.addWidget(Label(text, role="small", tone="tertiary"))
        button = Button(action, size="small")
        button.clicked.connect(lambda: self._command(command))
        line.addWidget(button)
        line.addStretch(1)
        self._column.addLayout(line)
        self.quiet_button = button

    def _add_trouble(self) -> None:
        message, trouble = self._message, self._message.trouble
        words = words_in(message.content)
        if trouble is None:  # the process ended in the middle of the answer
            plan = Remedy("continue" if words else "regenerate", "Continue" if words else "Try again")
            sentence, icon, wait = "groqdesk was closed during this answer.", "broken", False
        else:
            plan = remedy(trouble, self._context.other)
            if plan.command == "continue" and not words:
                plan = Remedy("regenerate", "Try again")
            sentence, icon, wait = trouble.message, _ICONS.get(trouble.kind, "fail"), trouble.kind in WAITS
        self._plan = plan
        second = trouble_sentence(words) if words else ""
        self.trouble = TroubleCard(icon, sentence, second, plan.label, wait=wait)
        self.trouble.acted.connect(self._on_trouble_acted)
        self._column.addWidget(self.trouble)
        links = QHBoxLayout()
        links.setContentsMargins(0, 0, 0, 0)
        links.setSpacing(theme().px(12))
        offers = [Remedy("regenerate", "Try again")]
        if self._context.other and plan.command != "key":  # no other model takes a refused key
            offers.append(Remedy("other", f"Use {short_model(self._context.other)}"))
        if words:
            offers.append(Remedy("copy", "Copy"))
        if trouble is not None and trouble.detail:
            offers.append(Remedy("details", "Details"))
        for offer in offers:
            if offer.command == plan.command or (plan.command == "switch" and offer.command == "other"):
                continue
            link = LinkButton(offer.label)
            link.clicked.connect(lambda _=False, command=offer.command: self._command(command))
            links.addWidget(link)
            self.links.append(link)
        links.addStretch(1)
        self._column.addLayout(links)
        if trouble is not None and trouble.retry_at_ms is not None and plan.command == "regenerate":
            self._countdown.start()
            self._show_countdown()

    # --- acting ------------------------------------------------------------------------------------------------------

    def _command(self, command: str) -> None:
        if command == "details":
            self.toggle_details()
        else:
            self.commanded.emit(self.message_id, command)

    def _on_copy_clicked(self) -> None:
        """The icon says for two seconds that it was done."""
        self._command("copy")
        button = self._actions[0]
        button.set_icon("ok")
        button.set_name("Copied")
        QTimer.singleShot(COPIED_MS, button, lambda: self._show_copy(button))

    @staticmethod
    def _show_copy(button: IconButton) -> None:
        button.set_icon("copy")
        button.set_name("Copy the answer")

    def _open_menu(self) -> None:
        choices = menu(self, "Message actions")
        choices.addAction(icons.icon("copy"), "Copy").triggered.connect(lambda: self._command("copy"))
        choices.addAction(icons.icon("regenerate"), "Regenerate").triggered.connect(lambda: self._command("regenerate"))
        button = self._actions[0]
        choices.popup(button.mapToGlobal(button.rect().bottomLeft()))

    def toggle_details(self) -> None:
        """Shows or hides the raw text of the error, as plain text."""
        if self._details is not None:
            self._details.setVisible(self._details.isHidden())
            return
        trouble = self._message.trouble
        card = self._details = Card("sunken", radius="md")
        raw = TextArea(name="Details of the error", max_lines=10, role="codeSmall")
        raw.setReadOnly(True)
        raw.setPlainText(trouble.detail if trouble is not None and trouble.detail else "Nothing more is known.")
        inner = QVBoxLayout(card)
        pad = theme().px(10)
        inner.setContentsMargins(pad, pad, pad, pad)
        inner.addWidget(raw)
        self._column.addWidget(card)

    def toggle_waterfall(self) -> None:
        """Opens or folds the card below the line."""
        if self.metrics.can_open and self.trouble is None:
            self.metrics.click()

    def tab_stops(self) -> list[QWidget]:
        """What Tab stops at, in reading order."""
        stops: list[QWidget] = [self.quiet_button] if self.quiet_button is not None else []
        if self.trouble is not None:
            return [*stops, self.trouble.button, *self.links]
        return [*stops, self.metrics, *self._actions]

    def set_live(self, line: Sequence[Figure]) -> None:
        """The figures of the running answer."""
        self.metrics.set_figures(line)

    def _on_metrics_toggled(self, opened: bool) -> None:
        if opened and self.waterfall is None:
            self.waterfall = WaterfallCard(self._message.facts or AnswerFacts())
            self._column.addWidget(self.waterfall)
        if self.waterfall is not None:
            self.waterfall.setVisible(opened)
        self.metrics.update()
        self.waterfall_toggled.emit(self.message_id, opened)

    def _show_countdown(self) -> None:
        trouble = self._message.trouble
        if self.trouble is None or trouble is None or trouble.retry_at_ms is None:
            return
        left_ms = trouble.retry_at_ms - self._context.now_ms()
        if left_ms > 0:
            words = "Waiting, sends" if self._armed else self._plan.label
            self.trouble.button.setText(f"{words} in {-(-left_ms // 1000)} s")
            return
        self._countdown.stop()
        self.trouble.button.setText(self._plan.label)
        if self._armed:
            self._armed = False
            self._command(self._plan.command)

    def _on_trouble_acted(self) -> None:
        """While the limit lasts, a press sends when it is over; another takes that back."""
        if self._countdown.isActive():
            self._armed = not self._armed
            self._show_countdown()
        else:
            self._command(self._plan.command)

    # --- hover -------------------------------------------------------------------------------------------------------

    def enterEvent(self, event: QEnterEvent) -> None:
        """Actions of older answers appear."""
        self._show_actions()

    def leaveEvent(self, event: QEvent) -> None:
        """They go."""
        self._show_actions()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Focus on the line or an action shows the actions too."""
        if event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            QTimer.singleShot(0, self, self._show_actions)
        return False

    def _show_actions(self) -> None:
        focused = self.metrics.hasFocus() or any(button.hasFocus() for button in self._actions)
        shown = self._context.last or self.underMouse() or focused
        for button in self._actions:
            button.setVisible(shown)


def longer_limit(tokens: int | None) -> int:
    """The next limit to offer when thinking took everything."""
    return max(4096, (tokens or 0) * 4)
