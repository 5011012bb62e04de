"""The window as a whole: measures of the design, colours, names, keys, overlays, themes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QAbstractSlider,
    QApplication,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
    QScrollBar,
    QTabBar,
    QWidget,
)

from groqdesk.core.conversations import Trouble
from groqdesk.core.settings import Settings
from groqdesk.ui.controls import ElidedLabel, Sentence, Toast
from groqdesk.ui.theme import theme
from tests.ui.fakes_ui import NOW, Desk, click, press, until

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
UI = Path(__file__).resolve().parents[2] / "groqdesk" / "ui"
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
MakeDesk = Callable[..., Desk]


def place(widget: QWidget, window: QWidget) -> QRect:
    """Where a widget stands in its window."""
    return QRect(widget.mapTo(window, QPoint(0, 0)), widget.size())


def shown(root: QWidget) -> Iterator[QWidget]:
    return (widget for widget in root.findChildren(QWidget) if widget.isVisible())


# --- measures --------------------------------------------------------------------------------------------------------


def test_regions_have_the_measures_of_the_design(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        w, page = d.window, d.page
        wanted = {
            "rail": (place(w.rail, w), QRect(0, 0, 64, 806)),
            "status bar": (place(w.status_bar, w), QRect(0, 806, 1280, 26)),
            "sidebar": (place(page.sidebar, w), QRect(64, 0, 248, 806)),
            "inspector": (place(page.inspector, w), QRect(984, 0, 296, 806)),
            "centre": (place(page.center, w), QRect(312, 0, 672, 806)),
            "header": (place(page.title_bar, w), QRect(312, 0, 672, 47)),
            "search": (place(page.sidebar.search.box, w), QRect(76, 58, 223, 28)),
            "composer card": (place(page.composer.card, w), QRect(336, 717, 624, 77)),
            "composer": (place(page.composer, w), QRect(312, 702, 672, 104)),
            "send": (place(page.composer.send_button, w), QRect(921, 755, 32, 32)),
            "model card": (place(page.inspector.card, w), QRect(1001, 60, 263, 185)),
            "chat item": (place(w.rail.items["chat"], w), QRect(0, 59, 64, 48)),
        }
        for name, (seen, want) in wanted.items():
            edges = [(seen.left(), want.left()), (seen.top(), want.top())]
            edges += [(seen.right(), want.right()), (seen.bottom(), want.bottom())]
            # A card that holds text may be a few px lower or higher where fonts differ; the frame may not.
            slack = 6 if name == "model card" else 2
            assert all(abs(a - b) <= slack for a, b in edges), f"{name}: {seen} instead of {want}"

    d.run(story)


def test_thread_column_is_720_at_most_and_in_line_with_the_composer(desk: MakeDesk) -> None:
    d = desk(size=(1920, 1080))

    async def story() -> None:
        footer, card = place(d.footer(), d.window), place(d.page.composer.card, d.window)
        assert footer.width() == 720
        assert (footer.left(), footer.right()) == (card.left(), card.right())

    d.run(story)


def test_rows_of_the_list_are_48_with_1_between(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        view, model = d.page.sidebar.view, d.page.sidebar.model
        rects = [view.visualRect(model.find(name)) for name in ("a", "b")]
        assert rects[1].top() - rects[0].top() == 49
        assert [model.index(n).data() for n in range(model.rowCount())][:2] == ["Pinned", "Refund policy, edge cases"]

    d.run(story)


@pytest.mark.parametrize("size", [(1024, 640), (1280, 832), (1700, 1000)])
def test_nothing_is_clipped(desk: MakeDesk, size: tuple[int, int]) -> None:
    d = desk(size=size)

    async def story() -> None:
        d.page.toggle_last_waterfall()
        await d.rest()
        clipped = []
        for widget in shown(d.window):
            if isinstance(widget, (ElidedLabel, Sentence, Toast)):
                continue
            if isinstance(widget, QLabel) and widget.wordWrap():
                fits = widget.height() >= widget.heightForWidth(widget.width())
            elif isinstance(widget, (QLabel, QAbstractButton)) and not _squeezable(widget):
                hint = widget.minimumSizeHint()
                fits = widget.width() >= hint.width() and widget.height() >= hint.height()
            else:
                continue
            if not fits:
                clipped.append((type(widget).__name__, widget.accessibleName() or getattr(widget, "text", str)()))
        assert clipped == []

    d.run(story)


def _squeezable(widget: QWidget) -> bool:
    return type(widget).__name__ in ("MetricsLine", "ModelCard")


def test_text_at_150_percent_scales_every_region(desk: MakeDesk) -> None:
    d = desk(size=(1900, 1200))

    async def story() -> None:
        d.window.step_text_size(1)
        d.window.step_text_size(1)
        d.window.step_text_size(1)
        assert d.shell.settings.text_size == 150
        await d.rest()
        assert d.window.rail.width() == 96
        assert d.window.status_bar.height() == 39
        assert d.page.sidebar.width() == 372
        d.window.step_text_size(0)
        assert d.shell.settings.text_size == 100
        assert theme().scale == 1.0

    d.run(story)


# --- colours and names -----------------------------------------------------------------------------------------------


def test_no_colour_stands_in_the_code() -> None:
    literal = re.compile(r"#[0-9A-Fa-f]{6}\b|QColor\(\d|Qt\.GlobalColor\.(?!transparent)")
    found = [
        f"{path.name}:{number}"
        for path in UI.glob("*.py")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if literal.search(line)
    ]
    assert found == []


def test_grounds_are_those_of_the_tokens_in_both_themes(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        for mode in ("dark", "light"):
            d.window.set_theme(mode)
            await d.rest()
            image = d.window.grab().toImage()
            look = theme()
            spots = {
                (10, 400): "bg.window", (600, 820): "bg.window", (320, 690): "bg.base", (1270, 780): "bg.sidebar",
                (90, 780): "bg.sidebar", (500, 750): "bg.input",
            }  # fmt: skip
            for (x, y), token in spots.items():
                assert image.pixelColor(x, y) == look.color(token), (mode, x, y, token)

    d.run(story)


NAMED = (QAbstractButton, QLineEdit, QPlainTextEdit, QAbstractSlider, QTabBar, QProgressBar, QAbstractScrollArea)


def nameless(root: QWidget) -> list[str]:
    """Controls in view that a screen reader could not name."""
    return [
        f"{type(widget).__name__} in {type(widget.parentWidget()).__name__}"
        for widget in shown(root)
        if isinstance(widget, NAMED)
        and not (widget.accessibleName() or (isinstance(widget, QAbstractButton) and widget.text()))
        and not (isinstance(widget, QScrollBar) and widget.focusPolicy() == Qt.FocusPolicy.NoFocus)
    ]


@pytest.mark.parametrize("state", ["answer", "trouble", "stopped", "empty", "streaming", "overlay", "setup"])
def test_every_control_has_a_name(desk: MakeDesk, state: str) -> None:
    import asyncio

    scripts = ([asyncio.Event()],) if state == "streaming" else ()
    settings = Settings(theme="dark", first_run_done=state != "setup")
    d = desk(*scripts, settings=settings, size=(1024, 640) if state == "overlay" else (1280, 832))
    if state == "trouble":
        d.trouble(Trouble("truncated", "The connection broke off.", "Continue", detail="raw"), "Some words arrived")
    if state == "stopped":
        d.trouble(Trouble("cancelled", "Stopped.", "Continue"), "Some words arrived")

    async def story() -> None:
        if state == "empty":
            d.page.new_chat()
        if state == "streaming":
            d.chat.send("Go on")
            await until(lambda: d.chat.state.busy)
            d.chat.send("And then?")
        if state == "overlay":
            d.page.toggle_inspector()
        await d.rest()
        if state == "trouble":
            d.footer().toggle_details()
        d.window.open_settings()
        await d.rest()
        for root in (d.window, d.window.settings_menu):
            assert nameless(root) == []
        d.window.settings_menu.close()
        if state not in ("setup",):
            d.page.open_picker()
            await d.rest()
            assert nameless(d.page.picker) == []
            d.page.picker.close()

    d.run(story)


def test_labels_show_markup_of_others_as_typed(desk: MakeDesk) -> None:
    d = desk()
    d.add("x", "<b>bold</b><img src='http://127.0.0.1:9/x'>", NOW)
    d.trouble(Trouble("bad_request", "<a href='x'>click</a>", "Show details", detail="<script>"), "")

    async def story() -> None:
        rich = [
            label.text() for label in d.window.findChildren(QLabel) if label.textFormat() != Qt.TextFormat.PlainText
        ]
        assert rich == []

    d.run(story)


# --- keys ------------------------------------------------------------------------------------------------------------


def test_keys_do_what_the_list_says(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        page, w = d.page, d.window
        press(w, Qt.Key.Key_BracketRight, CTRL)
        await d.rest()
        assert not page.inspector.isVisible()
        press(w, Qt.Key.Key_BracketRight, CTRL)
        press(w, Qt.Key.Key_BracketLeft, CTRL)
        await d.rest()
        assert page.inspector.isVisible()
        assert not page.sidebar.isVisible()
        press(w, Qt.Key.Key_F, CTRL | SHIFT)
        await d.rest()
        assert page.sidebar.isVisible()
        assert QApplication.focusWidget() is page.sidebar.search.edit
        press(w, Qt.Key.Key_W, CTRL | SHIFT)
        assert d.footer().waterfall.isVisible()
        press(w, Qt.Key.Key_L, CTRL)
        assert page.picker.isVisible()
        page.picker.close()
        await d.front()
        press(w, Qt.Key.Key_F1)
        assert w.shortcut_list.isVisible()
        w.shortcut_list.close()
        await d.front()
        press(w, Qt.Key.Key_T, CTRL | SHIFT)
        assert d.shell.settings.theme == "light"
        assert not theme().is_dark
        press(w, Qt.Key.Key_Plus, CTRL)
        assert d.shell.settings.text_size == 110
        press(w, Qt.Key.Key_0, CTRL)
        press(w, Qt.Key.Key_F2)
        assert page.title_bar.editor.isVisible()
        press(page.title_bar.editor.edit, Qt.Key.Key_Escape)
        await d.rest()
        assert not page.title_bar.editor.isVisible()
        press(w, Qt.Key.Key_N, CTRL)
        await until(lambda: d.chat.state.current is None)
        await d.settled()
        assert d.settings_store.values["theme"] == "light"

    d.run(story)


def test_f6_walks_through_the_regions(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        seen = []
        for _ in range(6):
            press(d.window, Qt.Key.Key_F6)
            seen.append(QApplication.focusWidget())
        page, w = d.page, d.window
        assert seen[0] is page.inspector.card  # from the composer, where one begins
        assert seen[1] is w.status_bar.lamps["groq"]
        assert seen[2] is w.rail.items["chat"]
        assert seen[3] is page.sidebar.search.edit
        assert seen[4] is page.thread_pane.view
        assert seen[5] is page.composer.text_area
        press(d.window, Qt.Key.Key_F6, SHIFT)
        assert QApplication.focusWidget() is page.thread_pane.view
        assert w.ring.target is page.thread_pane.view or page.thread_pane.view.property("focusRing") == -1

    d.run(story)


def test_tab_goes_in_reading_order(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        d.window.rail.items["chat"].setFocus()
        regions = []
        for _ in range(60):
            press(QApplication.focusWidget(), Qt.Key.Key_Tab)
            focus = QApplication.focusWidget()
            for name, part in (
                ("rail", d.window.rail),
                ("sidebar", d.page.sidebar),
                ("header", d.page.title_bar),
                ("thread", d.page.thread_pane),
                ("composer", d.page.composer),
                ("inspector", d.page.inspector),
                ("status", d.window.status_bar),
            ):
                if part.isAncestorOf(focus) and (not regions or regions[-1] != name):
                    regions.append(name)
            if regions and regions[-1] == "status":
                break
        assert regions == ["rail", "sidebar", "header", "thread", "composer", "inspector", "status"]

    d.run(story)


# --- width -----------------------------------------------------------------------------------------------------------


def test_narrow_windows_open_the_panels_over_the_thread(desk: MakeDesk) -> None:
    d = desk(size=(1024, 640))

    async def story() -> None:
        page = d.page
        assert not page.sidebar.isVisible()
        assert not page.inspector.isVisible()
        assert page.center.width() == 960
        assert place(page.composer.card, d.window) == QRect(184, 525, 720, 77)
        press(d.window, Qt.Key.Key_BracketLeft, CTRL)
        await d.rest()
        assert page.sidebar.isVisible()
        assert page.sidebar.width() == 280
        assert page.scrim.isVisible()
        press(d.window, Qt.Key.Key_BracketRight, CTRL)
        await d.rest()
        assert page.overlay == "inspector"
        assert page.inspector.width() == 320
        assert not page.sidebar.isVisible()
        click(page.scrim)
        assert page.overlay == ""
        press(d.window, Qt.Key.Key_BracketLeft, CTRL)
        press(d.window, Qt.Key.Key_Escape)
        await d.rest()
        assert page.overlay == ""
        assert d.shell.settings.sidebar_open  # an overlay is no setting
        assert [button.accessibleName() for button in d.footer()._actions] == ["Message actions"]
        d.window.resize(1280, 832)
        await d.rest()
        assert page.sidebar.isVisible()
        assert page.inspector.isVisible()

    d.run(story)


def test_panels_keep_their_width(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        d.page._sidebar_grip.dragged.emit(60)
        d.page._inspector_grip.dragged.emit(-500)
        await d.settled()
        assert d.page.sidebar.width() == 308
        assert d.page.inspector.width() == 420
        assert d.settings_store.values["sidebar_width"] == 308
        assert d.settings_store.values["inspector_width"] == 420

    d.run(story)


def test_the_window_remembers_its_place(desk: MakeDesk) -> None:
    first = desk(size=(1300, 900))
    text = ""

    async def story() -> None:
        nonlocal text
        text = first.window.geometry_text()

    first.run(story)
    second = desk(settings=Settings(theme="dark", first_run_done=True, window_geometry=text))
    second.window.resize(1280, 832)
    from PySide6.QtCore import QByteArray

    assert second.window.restoreGeometry(QByteArray.fromBase64(text.encode()))
    broken = desk(settings=Settings(theme="dark", first_run_done=True, window_geometry="no geometry ü"))
    assert broken.window.size().width() == 1280


def test_closing_hides_and_asks(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        asked = []
        d.window.close_requested.connect(lambda: asked.append(True))
        assert not d.window.close()
        assert asked == [True]
        assert not d.window.isVisible()

    d.run(story)


# --- status bar and settings -----------------------------------------------------------------------------------------


def test_a_lamp_opens_its_providers_card(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        await d.settled()
        click(d.window.status_bar.lamps["groq"])
        card = d.window.provider_card
        assert card.isVisible()
        assert card.key_label.text() == "•••• 3f9A"
        assert card.kept_label.text() == "Kept in the system's keyring."
        click(card.test_button)
        await d.settled()
        assert card.state_label.text().endswith(" ms")
        click(card.remove_button)
        await d.settled()
        assert d.vault.keys == {}
        assert not card.key_label.isVisible()
        assert card.lamp.state == "off"
        click(card.replace_button)
        assert d.shell.state.page == "setup"
        assert d.setup.state.replacing

    d.run(story)


def test_todays_sum_follows_each_answer_and_explains_itself(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        assert d.window.status_bar.spent.value == "$0.00"
        d.chat.send("What does it cost?")
        await until(lambda: d.window.status_bar.spent.value == "$0.0000045")
        assert "since midnight" in d.window.status_bar.spent.toolTip()

    d.run(story)


def test_settings_menu_changes_theme_and_size(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        d.window.open_settings()
        menu = d.window.settings_menu
        menu.theme_segments.buttons()[2].click()
        assert not theme().is_dark
        click(menu.larger)
        assert menu.normal.text() == "110 %"
        click(menu.normal)
        assert theme().scale == 1.0
        click(menu.key_row)
        assert d.shell.state.page == "setup"
        assert not menu.isVisible()
        press(d.window, Qt.Key.Key_Escape)
        assert d.shell.state.page == "chat"
        await d.settled()

    d.run(story)


def test_a_deleted_chat_can_be_brought_back(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        view = d.page.sidebar.view
        view.setFocus()
        view.setCurrentIndex(d.page.sidebar.model.find("b"))
        press(view, Qt.Key.Key_Delete)
        await until(lambda: d.window.toast.isVisible())
        assert d.window.toast.label.text() == 'Deleted "SQL for weekly churn"'
        assert not d.page.sidebar.model.find("b").isValid()
        click(d.window.toast.undo_button)
        await until(lambda: d.page.sidebar.model.find("b").isValid())
        assert not d.window.toast.isVisible()

    d.run(story)


def test_unexpected_errors_become_a_toast_once(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        d.shell.notify("Something went wrong here. Nothing was lost.")
        assert d.window.toast.isVisible()
        assert d.shell.state.notice == ""
        press(d.window, Qt.Key.Key_Escape)
        assert not d.window.toast.isVisible()
        d.shell.notify("Something went wrong here. Nothing was lost.")
        assert d.window.toast.isVisible()

    d.run(story)
