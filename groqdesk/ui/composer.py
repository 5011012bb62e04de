"""The composer: where a message is typed, what it may cost, Send and Stop."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from groqdesk.core.usage import usd_text
from groqdesk.ui.answer_facts import short_model
from groqdesk.ui.controls import Banner, Card, ElidedLabel, IconButton, Label, TextArea, plain_tooltip
from groqdesk.ui.controls.messages import BannerKind
from groqdesk.ui.pasted_texts import PastedTexts, too_long
from groqdesk.ui.theme import Theme, theme, themed
from groqdesk.viewmodels.chat import ChatState, Notice

_KINDS: dict[str, BannerKind] = {"error": "danger", "parameter": "warning", "info": "info"}


class Composer(QWidget):
    """A card in the thread's column: text of 1 to 10 lines, below it the estimate and Send (Stop while streaming).

    Long pasted texts stand above the field and are sent before what it holds, with an empty line between.
    """

    submitted = Signal(str)
    """Enter or Send, with text."""
    stopped = Signal()
    edited = Signal(object)
    """The draft (str) changed by typing; the very object, so that 2 MB are not copied for each key."""
    queue_cancelled = Signal()
    notice_acted = Signal()
    notice_dismissed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Composer")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._shown_draft = ""
        self._quiet = False
        self._busy = False
        self.banner = Banner(closable=True)
        self.banner.acted.connect(self.notice_acted)
        self.banner.dismissed.connect(self.notice_dismissed)
        self.banner.hide()
        self.queued = Card("raised", radius="sm")
        queued = self._queued_row = QHBoxLayout(self.queued)
        self.queued_text = ElidedLabel("", role="small", tone="secondary")
        self.unqueue_button = IconButton("close", "Take the queued message back", dense=True)
        self.unqueue_button.clicked.connect(self.queue_cancelled)
        queued.addWidget(self.queued_text, 1)
        queued.addWidget(self.unqueue_button)
        self.queued.hide()
        self.card = Card("input")
        self.pasted = PastedTexts()
        self.pasted.changed.connect(self._on_pasted_changed)
        self.text_area = TextArea(name="Message", placeholder="Ask anything", takes=self._takes)
        self.text_area.too_long.connect(self.pasted.add)
        self.text_area.submitted.connect(self._on_submitted)
        self.text_area.textChanged.connect(self._on_text_changed)
        self.text_area.installEventFilter(self)
        self.estimate = Label("", role="small", tone="secondary")
        self.estimate.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.send_button = IconButton("send", "Send", kind="primary", side=32, shortcut_text="Enter")
        self.send_button.clicked.connect(self._on_send_clicked)
        tools = self._tools = QHBoxLayout()
        tools.addWidget(self.estimate, 1)
        tools.addWidget(self.send_button)
        text = self._text_box = QVBoxLayout()
        text.addWidget(self.pasted)
        text.addWidget(self.text_area)
        inner = self._inner = QVBoxLayout(self.card)
        inner.addLayout(text)
        inner.addLayout(tools)
        self._column = QVBoxLayout(self)
        for widget in (self.banner, self.queued, self.card):
            self._column.addWidget(widget)
        self.setFocusProxy(self.text_area)
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        """Takes paddings; the empty composer is 104 px high with the space round its card."""
        self._text_box.setContentsMargins(theme.px(8), 0, theme.px(8), 0)
        self._text_box.setSpacing(theme.px(8))
        self._inner.setContentsMargins(theme.px(7), theme.px(12), theme.px(7), theme.px(7))
        self._inner.setSpacing(theme.px(4))
        self._tools.setSpacing(theme.px(10))
        self._queued_row.setContentsMargins(theme.px(12), theme.px(3), theme.px(4), theme.px(3))
        self._column.setSpacing(theme.px(8))
        self._margins()

    def _margins(self) -> None:
        look = theme()
        side = max(look.px(24), (self.width() - look.size("threadColumn")) // 2)
        self._column.setContentsMargins(side, look.px(15), self.width() - side - self._column_width(side), look.px(12))

    def _column_width(self, side: int) -> int:
        return min(theme().size("threadColumn"), max(0, self.width() - 2 * side))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The card stays in the thread's column."""
        super().resizeEvent(event)
        self._margins()

    # --- drawing -----------------------------------------------------------------------------------------------------

    def show_state(self, state: ChatState) -> None:
        """Draft, estimate, queue, notice, Send or Stop."""
        if state.draft is not self._shown_draft:
            self._show_draft(state.draft)
        self._busy = state.busy
        model = state.model.name if state.model else short_model(state.choice.model)
        self.text_area.setPlaceholderText("Enter adds to the queue" if state.busy else f"Ask {model} anything")
        self._show_estimate(state)
        self._show_send()
        self.queued.setVisible(bool(state.queued))
        if state.queued:
            self.queued_text.setText(f"Next: {state.queued[:300]}")
        self._show_notice(state.notice)

    def _show_draft(self, draft: str) -> None:
        self._shown_draft = draft
        if draft != self.text():
            self._quiet = True
            long = too_long(draft)
            self.pasted.set_texts((draft,) if long else ())
            self.text_area.setPlainText("" if long else draft)
            cursor = self.text_area.textCursor()
            cursor.movePosition(cursor.MoveOperation.End)
            self.text_area.setTextCursor(cursor)
            self._quiet = False

    def _show_estimate(self, state: ChatState) -> None:
        if not state.estimate_tokens:
            self.estimate.setText("")
            return
        worst = usd_text(state.worst_cost_nano_usd)
        self.estimate.setText(f"≈ {state.estimate_tokens:,} tokens · up to {worst}")
        tip = (
            "Tokens that this message sends, with the conversation before it, estimated from the text. "
            "The cost is the most it can be: an answer as long as the model may write."
        )
        self.estimate.setToolTip(plain_tooltip(tip))

    def _show_send(self) -> None:
        stop = self._busy
        self.send_button.set_icon("stop" if stop else "send")
        self.send_button.set_kind("secondary" if stop else "primary")
        self.send_button.set_name("Stop" if stop else "Send", "Esc" if stop else "Enter")
        self.send_button.setEnabled(stop or bool(self.pasted.chips) or not self.text_area.document().isEmpty())

    def _show_notice(self, notice: Notice | None) -> None:
        self.banner.setVisible(notice is not None)
        if notice is not None:
            self.banner.set_message(_KINDS.get(notice.kind, "danger"), notice.text, action=notice.action)

    # --- acting ------------------------------------------------------------------------------------------------------

    def text(self) -> str:
        """What would be sent: the pasted texts in order, then what was typed."""
        typed = self.text_area.text()
        return "\n\n".join((*self.pasted.texts(), typed) if typed else self.pasted.texts())

    def set_text(self, text: str) -> None:
        """Replaces everything, as typing it would."""
        self._show_draft(text)
        self._on_text_changed()

    def _takes(self, text: str) -> bool:
        return not too_long(text, self.text_area.document().characterCount())

    def _on_pasted_changed(self) -> None:
        self.text_area.setFocus(Qt.FocusReason.OtherFocusReason)
        self._on_text_changed()

    def _on_text_changed(self) -> None:
        if self._quiet:
            return
        text = self.text()
        self._shown_draft = text
        self._show_send()
        self.edited.emit(text)

    def _on_submitted(self) -> None:
        text = self.text()
        if text.strip():
            self.submitted.emit(text)

    def _on_send_clicked(self) -> None:
        if self._busy:
            self.stopped.emit()
        else:
            self._on_submitted()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The card shows that the keyboard is in it."""
        if event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            self.card.set_strong_border(event.type() == QEvent.Type.FocusIn)
        return False
