"""The first run, and "Replace key": one key, checked as soon as it is pasted, or the way without one."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QPainter, QPaintEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from groqdesk.ui import icons
from groqdesk.ui.controls import Banner, Button, Card, Hairline, Label, SecretField
from groqdesk.ui.controls.messages import BannerKind
from groqdesk.ui.controls.painting import FadingHover, box, mixed
from groqdesk.ui.link_button import LinkButton
from groqdesk.ui.nav_rail import Mark
from groqdesk.ui.theme import Theme, theme, themed
from groqdesk.viewmodels.setup import KeyState, SetupViewModel

CONSOLE_URL = "https://console.groq.com/keys"
_STRIPS: dict[KeyState, tuple[BannerKind, str]] = {
    "checking": ("neutral", "running"),
    "works": ("success", "done"),
    "refused": ("danger", "fail"),
    "blocked": ("warning", "warning"),
    "offline": ("warning", "offline"),
    "problem": ("danger", "error"),
}


class ChoiceCard(FadingHover, QAbstractButton):
    """A card that is a button: icon, name, one sentence, chevron."""

    def __init__(self, icon: str, name: str, sentence: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icon = icon
        self._sentence = sentence
        self.setText(name)
        self.setAccessibleName(f"{name}. {sentence}")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        """Takes height and radius."""
        self.setProperty("focusRing", theme.radius("lg"))
        self.setFixedHeight(theme.px(66))
        self.update()

    def sizeHint(self) -> QSize:
        """As wide as there is room."""
        return QSize(theme().px(274), theme().px(66))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Card, icon, two lines, chevron."""
        look = theme()
        painter = QPainter(self)
        fill = mixed(look.color("bg.raised"), look.color("bg.hover"), self._hover.share)
        box(painter, QRectF(self.rect()), look.radius("lg"), fill, look.color("border.default"))
        size = look.px(18)
        icons.draw(painter, self._icon, "text.secondary", QRectF(look.px(15), look.px(16), size, size))
        chevron = look.px(16)
        area = QRectF(self.width() - look.px(15) - chevron, look.px(16), chevron, chevron)
        icons.draw(painter, "fold", "text.secondary", area)
        left = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
        x, width = look.px(44), self.width() - look.px(88)
        painter.setFont(look.font("heading"))
        painter.setPen(look.color("text.primary"))
        painter.drawText(QRectF(x, look.px(14), width, look.px(20)), left, self.text())
        painter.setFont(look.font("small"))
        painter.setPen(look.color("text.tertiary"))
        painter.drawText(QRectF(x, look.px(35), width, look.px(16)), left, self._sentence)


class Spinner(QWidget):
    """Something is being asked: the loader turns once a second, or stands still with reduced motion."""

    STEPS = 12

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self._step = 0
        self._tick = QTimer(self)
        self._tick.setInterval(1000 // self.STEPS)
        self._tick.timeout.connect(self._on_tick)
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        """Takes its size."""
        self.setFixedSize(theme.px(16), theme.px(16))
        self._run()

    def showEvent(self, event: QShowEvent) -> None:
        """Begins to turn."""
        self._run()

    def hideEvent(self, event: QHideEvent) -> None:
        """Costs nothing while hidden."""
        self._tick.stop()

    def _run(self) -> None:
        if self.isVisible() and not theme().reduced_motion:
            self._tick.start()
        else:
            self._tick.stop()
        self.update()

    def _on_tick(self) -> None:
        self._step = (self._step + 1) % self.STEPS
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The loader at its present angle."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        middle = self.width() / 2
        painter.translate(middle, middle)
        painter.rotate(360 / self.STEPS * self._step)
        icons.draw(painter, "running", "text.secondary", QRectF(-middle, -middle, self.width(), self.height()))


class _LockLine(QWidget):
    """Where the key is kept: a lock, or a warning where it is not kept."""

    def __init__(self) -> None:
        super().__init__()
        self.label = Label("", role="small", tone="tertiary", wrap=True)
        self._row = QHBoxLayout(self)
        self._row.addWidget(self.label, 1)
        self._safe = True
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        self._row.setContentsMargins(theme.px(22), 0, 0, 0)
        self.setMinimumHeight(theme.px(18))
        self.update()

    def show_place(self, text: str, safe: bool) -> None:
        self._safe = safe
        self.label.setText(text)
        self.label.set_tone("tertiary" if safe else "warning")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self.label.text():
            return
        size = theme().px(14)
        area = QRectF(0, (self.height() - size) / 2, size, size)
        icons.draw(
            QPainter(self), "lock" if self._safe else "warning", "text.tertiary" if self._safe else "warning.text", area
        )


class SetupPage(QWidget):
    """A column of 560 in the middle. `link_requested(url)`: the person wants to make a key; `back_requested` in replacing."""

    link_requested = Signal(str)
    back_requested = Signal()

    def __init__(self, model: SetupViewModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("surface", "base")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Setup")
        self._model = model
        self.mark = Mark(40, flush=True)
        self.title = Label("", role="display")
        self.subtitle = Label("", role="chat", tone="secondary", wrap=True)
        self.key_title = Label("Groq API key", role="heading")
        self.link = LinkButton("Create one at console.groq.com", trailing_icon="external")
        self.field = SecretField(name="Groq API key", placeholder="gsk_…", large=True)
        self.spinner = Spinner("Checking the key")
        self.spinner.hide()
        self.field.add_trailing(self.spinner)
        self.key_title.setBuddy(self.field.edit)
        self.go_button = Button("Continue", "primary", size="large")
        self.strip = Banner()
        self.lock = _LockLine()
        self.card = Card()
        self.or_row = QWidget()
        self.practice = ChoiceCard("offline", "Try without a key", "A practice server answers. No model is behind it.")
        self.skip_button = LinkButton("Skip setup", tone="text.secondary")
        self.back_button = Button("Back", "ghost", icon="back")
        self._lay_out()
        self.link.clicked.connect(lambda: self.link_requested.emit(CONSOLE_URL))
        self.field.changed.connect(self._on_key_changed)
        self.field.submitted.connect(model.accept)
        self.go_button.clicked.connect(model.accept)
        self.strip.acted.connect(model.check_again)
        self.practice.clicked.connect(model.try_without_key)
        self.skip_button.clicked.connect(model.skip)
        self.back_button.clicked.connect(self.back_requested)
        model.changed.connect(self.show_state)
        model.finished.connect(self._on_finished)
        self.show_state()
        themed(self)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.addWidget(self.key_title)
        head.addStretch(1)
        head.addWidget(self.link)
        entry = self._entry = QHBoxLayout()
        entry.addWidget(self.field, 1)
        entry.addWidget(self.go_button)
        inner = self._inner = QVBoxLayout(self.card)
        upper = self._upper = QVBoxLayout()
        upper.addLayout(head)
        upper.addLayout(entry)
        inner.addLayout(upper)
        inner.addWidget(self.strip)
        inner.addWidget(self.lock)
        row = self._or = QHBoxLayout(self.or_row)
        row.addWidget(Hairline(), 1)
        row.addWidget(Label("or", tone="tertiary"))
        row.addWidget(Hairline(), 1)
        self.column = QWidget()
        column = self._column = QVBoxLayout(self.column)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.back_button, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.mark)
        for widget in (self.title, self.subtitle, self.card, self.or_row, self.practice):
            column.addWidget(widget)
        across = QHBoxLayout()
        across.addStretch(1)
        across.addWidget(self.column)
        across.addStretch(1)
        self._foot = QWidget()
        foot = QHBoxLayout(self._foot)
        foot.setContentsMargins(0, 0, 0, 0)
        foot.addStretch(1)
        foot.addWidget(self.skip_button)
        self._top = QWidget()
        page = self._page = QVBoxLayout(self)
        page.setSpacing(0)
        page.addWidget(self._top)
        page.addLayout(across)
        page.addStretch(1)
        page.addWidget(self._foot, 0, Qt.AlignmentFlag.AlignHCenter)

    def apply_theme(self, theme: Theme) -> None:
        """Takes sizes and gaps."""
        px = theme.px
        self.column.setFixedWidth(px(560))
        self._column.setSpacing(0)
        self.title.setContentsMargins(0, px(21), 0, px(2))
        self.subtitle.setContentsMargins(0, px(4), 0, px(26))
        self._inner.setContentsMargins(px(17), px(16), px(17), px(16))
        self._inner.setSpacing(px(12))
        self._upper.setSpacing(px(8))
        self._entry.setSpacing(px(8))
        self._or.setContentsMargins(0, px(14), 0, px(14))
        self._or.setSpacing(px(12))
        self._foot.setFixedWidth(px(560))
        self._page.setContentsMargins(0, 0, 0, px(20))
        self._place()
        self.updateGeometry()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The column keeps its top while what is below it comes and goes."""
        self._place()

    def _place(self) -> None:
        look = theme()
        spare = self.height() - look.px(520)
        self._top.setFixedHeight(min(round(self.height() * 0.1825), max(look.px(16), spare)))

    def show_state(self) -> None:
        """Everything, from the view-model's state."""
        state = self._model.state
        replacing = state.replacing
        self.title.setText("Replace the Groq key" if replacing else "Design an agent, then time it")
        self.subtitle.setText(
            "The new key is checked first. The old one stays until then."
            if replacing
            else "Paste a Groq key to talk to live models, or start without one."
        )
        kind, icon = _STRIPS.get(state.key_state, ("neutral", ""))
        self.strip.setVisible(state.key_state != "empty")
        if state.key_state != "empty":
            self.strip.set_message(kind, state.detail, strong=state.headline, action=state.action, icon=icon)
        self.spinner.setVisible(state.key_state == "checking")
        self.lock.show_place(state.kept_in, state.persistent)
        self.go_button.setEnabled(state.key_state in ("works", "offline", "blocked") and not state.saving)
        self.or_row.setVisible(not replacing)
        self.practice.setVisible(not replacing)
        self.skip_button.setVisible(not replacing)
        self.back_button.setVisible(replacing)

    def take_focus(self) -> None:
        """The caret goes into the field."""
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_key_changed(self) -> None:
        self._model.key_changed(self.field.secret())

    def _on_finished(self, provider: str) -> None:
        self.field.clear()
