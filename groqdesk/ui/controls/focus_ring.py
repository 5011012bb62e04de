"""FocusRing: one overlay per window that shows where the keyboard is."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QRectF, Qt
from PySide6.QtGui import QGuiApplication, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QApplication, QWidget
from shiboken6 import isValid

from groqdesk.ui.theme import Theme, theme, themed


class FocusRing(QWidget):
    """2 px, offset 1 px, radius of the control + 2; only after focus came by keyboard.

    A control's dynamic property `focusRing` is its radius in px (default 6), or -1 if it shows focus itself; a method
    `focus_rect()` narrows what is surrounded. QSS `outline` is not used: Qt draws it inside, round the contents.
    """

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._window = window
        self._target: QWidget | None = None
        self._watched: list[QWidget] = []
        self._ring = QRectF()
        self.hide()
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.focusChanged.connect(self._on_focus_changed)
        themed(self)

    @property
    def target(self) -> QWidget | None:
        """The control surrounded at the moment."""
        return self._target if self.isVisible() else None

    def apply_theme(self, theme: Theme) -> None:
        """Places it anew: sizes may have changed."""
        self._place()

    def _on_focus_changed(self, old: QWidget | None, new: QWidget | None) -> None:
        if not self._alive():
            return
        if new is None or new.window() is not self._window:
            self._follow(None)
            return
        # Qt sets this attribute when Tab, Backtab or a shortcut moved the focus; taken back so that the next click shows.
        attribute = Qt.WidgetAttribute.WA_KeyboardFocusChange
        by_key = self._window.testAttribute(attribute)
        self._window.setAttribute(attribute, False)
        # Arrows inside a group keep the ring; a press of the mouse ends it.
        kept = self.isVisible() and QGuiApplication.mouseButtons() == Qt.MouseButton.NoButton
        self._follow(new if by_key or kept else None)

    def _alive(self) -> bool:
        # While a window is destroyed, Qt still hides its children and moves the focus off them.
        return isValid(self) and isValid(self._window)

    def _follow(self, target: QWidget | None) -> None:
        for watched in self._watched:
            if isValid(watched):
                watched.removeEventFilter(self)
        self._watched = []
        radius = target.property("focusRing") if target is not None else None
        if target is None or (isinstance(radius, int) and radius < 0):
            self._target = None
            self.hide()
            return
        self._target = target
        widget: QWidget | None = target
        while widget is not None:
            widget.installEventFilter(self)
            self._watched.append(widget)
            widget = None if widget is self._window else widget.parentWidget()
        self._place()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follows the control when it, or what it lies on, moves, changes size or hides."""
        if not self._alive():
            return False
        if event.type() in (QEvent.Type.Move, QEvent.Type.Resize, QEvent.Type.Show, QEvent.Type.Hide):
            self._place()
        elif event.type() == QEvent.Type.MouseButtonPress and watched is self._target:
            self._follow(None)
        return False

    def _place(self) -> None:
        target = self._target
        if not self._alive():
            return
        if target is None or not isValid(target) or not target.isVisibleTo(self._window):
            self.hide()
            return
        focus_rect = getattr(target, "focus_rect", target.rect)
        rect: QRect = focus_rect()
        rect = QRect(target.mapTo(self._window, rect.topLeft()), rect.size())
        around = rect.adjusted(-3, -3, 3, 3)
        # Scrolled out of sight: the ring ends where the area that holds the control ends.
        clip = self._window.rect()
        parent = target.parentWidget()
        while parent is not None and parent is not self._window:
            if parent.objectName() == _VIEWPORT:
                clip = clip.intersected(QRect(parent.mapTo(self._window, QPoint(0, 0)), parent.size()))
            parent = parent.parentWidget()
        shown = around.intersected(clip)
        if shown.isEmpty():
            self.hide()
            return
        self._ring = QRectF(around.translated(-shown.topLeft()))
        self.setGeometry(shown)
        self.raise_()
        self.show()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The ring."""
        if self._target is None:
            return
        own = self._target.property("focusRing")
        radius = (own if isinstance(own, int) else theme().radius("sm")) + 2
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme().color("accent.focusRing"), 2))
        painter.drawRoundedRect(self._ring.adjusted(1, 1, -1, -1), radius, radius)


_VIEWPORT = "qt_scrollarea_viewport"
"""The name that Qt gives to what a scroll area scrolls in."""
