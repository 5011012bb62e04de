"""The window: rail, pages, status bar, and what belongs to all of them: keys, toast, theme, geometry."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QByteArray, Qt, QUrl, Signal
from PySide6.QtGui import QCloseEvent, QDesktopServices, QResizeEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from groqdesk import __version__
from groqdesk.core.messages import ModelChoice
from groqdesk.core.settings import Folders
from groqdesk.ui import shortcuts
from groqdesk.ui.chat_page import ChatPage
from groqdesk.ui.controls import FocusRing, Label, Popover, Toast
from groqdesk.ui.nav_rail import NavRail, SettingsMenu
from groqdesk.ui.setup_page import SetupPage
from groqdesk.ui.status_bar import SPENT_TIP, ProviderCard, StatusBar
from groqdesk.ui.theme import ThemeController, ThemeMode, theme
from groqdesk.viewmodels.chat import ChatViewModel
from groqdesk.viewmodels.setup import SetupViewModel
from groqdesk.viewmodels.shell import ShellViewModel

SIZE = (1280, 832)
MINIMUM = (1024, 640)
SIZES = (90, 100, 110, 125, 150)
MODES: tuple[ThemeMode, ...] = ("system", "dark", "light")


class MainWindow(QWidget):
    """Draws `ShellState` and holds the pages. Closing hides it and emits `close_requested`; who made it ends the app."""

    close_requested = Signal()

    def __init__(
        self,
        shell: ShellViewModel,
        chat: ChatViewModel,
        setup: SetupViewModel,
        look: ThemeController,
        folders: Folders,
        now_ms: Callable[[], int],
    ) -> None:
        super().__init__()
        self.setWindowTitle("groqdesk")
        self.setProperty("surface", "window")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._shell, self._chat, self._setup, self._look, self._folders = shell, chat, setup, look, folders
        self._undo_shown = ""
        self.rail = NavRail()
        self.chat_page = ChatPage(chat, shell, now_ms)
        self.setup_page = SetupPage(setup)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.chat_page)
        self.pages.addWidget(self.setup_page)
        self.status_bar = StatusBar()
        row = QHBoxLayout()
        row.setSpacing(0)
        row.addWidget(self.rail)
        row.addWidget(self.pages, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(row, 1)
        column.addWidget(self.status_bar)
        self.settings_menu = SettingsMenu(__version__, self)
        self.provider_card = ProviderCard(self)
        self.shortcut_list = shortcuts.ShortcutList(self)
        self.toast = Toast(self)
        self.ring = FocusRing(self)
        self._connect()
        self._install_keys()
        self.setMinimumSize(*MINIMUM)
        self.resize(*SIZE)
        if shell.settings.window_geometry:
            self.restoreGeometry(QByteArray.fromBase64(shell.settings.window_geometry.encode("ascii", "ignore")))
        self._show_shell()

    def _connect(self) -> None:
        shell, chat, setup = self._shell, self._chat, self._setup
        shell.changed.connect(self._show_shell)
        shell.models_changed.connect(chat.models_changed)
        shell.settings_changed.connect(self._show_settings)
        chat.changed.connect(self._show_undo)
        chat.turn_ended.connect(shell.refresh_spending)
        setup.finished.connect(self._on_setup_finished)
        self.rail.page_requested.connect(self._on_page_requested)
        self.rail.settings_requested.connect(self.open_settings)
        self.chat_page.setup_requested.connect(self.replace_key)
        self.chat_page.folder_requested.connect(self.show_log_folder)
        self.chat_page.link_requested.connect(open_link)
        self.chat_page.model_chosen.connect(self._on_model_chosen)
        self.setup_page.link_requested.connect(lambda url: open_link(QUrl(url)))
        self.setup_page.back_requested.connect(lambda: shell.show("chat"))
        self.status_bar.lamp_clicked.connect(self._on_lamp_clicked)
        self.status_bar.spending_clicked.connect(self._on_spending_clicked)
        self.status_bar.folder_clicked.connect(self.show_data_folder)
        self.provider_card.test_requested.connect(shell.test)
        self.provider_card.replace_requested.connect(self.replace_key)
        self.provider_card.remove_requested.connect(shell.remove_key)
        self.settings_menu.theme_chosen.connect(self.set_theme)
        self.settings_menu.size_stepped.connect(self.step_text_size)
        self.settings_menu.key_requested.connect(self.replace_key)
        self.settings_menu.folder_requested.connect(self.show_data_folder)
        self.settings_menu.shortcuts_requested.connect(self.show_shortcuts)

    def _install_keys(self) -> None:
        page = self.chat_page
        shortcuts.install(
            self,
            {
                "new": self._in_chat(page.new_chat),
                "picker": self._in_chat(page.open_picker),
                "search": self._in_chat(page.focus_search),
                "escape": self._on_escape,
                "regenerate": self._in_chat(self._chat.regenerate),
                "waterfall": self._in_chat(page.toggle_last_waterfall),
                "rename": self._in_chat(page.rename),
                "sidebar": self._in_chat(page.toggle_sidebar),
                "inspector": self._in_chat(page.toggle_inspector),
                "chat": lambda: self._on_page_requested("chat"),
                "settings": self.open_settings,
                "theme": self.cycle_theme,
                "larger": lambda: self.step_text_size(1),
                "smaller": lambda: self.step_text_size(-1),
                "normal": lambda: self.step_text_size(0),
                "next_region": lambda: self._go_region(1),
                "previous_region": lambda: self._go_region(-1),
                "help": self.show_shortcuts,
            },
        )

    def _in_chat(self, command: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            if self.pages.currentWidget() is self.chat_page:
                command()

        return run

    # --- what is drawn -----------------------------------------------------------------------------------------------

    def _show_shell(self) -> None:
        state = self._shell.state
        page = self.setup_page if state.page == "setup" else self.chat_page
        if self.pages.currentWidget() is not page:
            self.pages.setCurrentWidget(page)
            self._focus_page()
        self.rail.show_page(state.page)
        self.status_bar.show_state(state)
        for shown in state.lamps:
            if shown.provider == self.provider_card.provider:
                self.provider_card.show_provider(shown)
        if state.notice:
            self.toast.show_message(state.notice, icon="warning")
            self._shell.notify("")

    def _show_settings(self) -> None:
        settings = self._shell.settings
        self.settings_menu.show_look(settings.theme, settings.text_size)

    def _show_undo(self) -> None:
        deleted = self._chat.state.undo_delete
        shown = deleted.id if deleted is not None else ""
        if shown and shown != self._undo_shown and deleted is not None:
            title = deleted.title if len(deleted.title) <= 40 else deleted.title[:39] + "…"
            self.toast.show_message(f'Deleted "{title}"', icon="delete", undo=self._chat.undo_delete)
        elif self._undo_shown and not shown and self.toast.undo_button.isVisible():
            self.toast.dismiss()  # brought back from the list
        self._undo_shown = shown

    def _focus_page(self) -> None:
        if self._shell.state.page == "setup":
            self.setup_page.take_focus()
        else:
            self.chat_page.composer.setFocus(Qt.FocusReason.OtherFocusReason)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Overlays depend on the window's width."""
        super().resizeEvent(event)
        self.chat_page.place()

    # --- commands ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Shows the window with the caret where one begins."""
        self._show_settings()
        self.show()
        self._focus_page()

    def come_to_front(self) -> None:
        """Unhides, restores and raises the window."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    def geometry_text(self) -> str:
        """Size and place, to be given to the settings."""
        return bytes(self.saveGeometry().toBase64().data()).decode("ascii")

    def replace_key(self, provider: str = "groq") -> None:
        """The setup page for another key."""
        self._setup.start(provider or "groq", replacing=True)
        self._shell.show("setup")

    def set_theme(self, mode: ThemeMode) -> None:
        """System, dark or light, from now on."""
        self._look.set(mode=mode)
        self._shell.save_settings(theme=mode)

    def cycle_theme(self) -> None:
        """System, dark, light, system."""
        self.set_theme(MODES[(MODES.index(self._shell.settings.theme) + 1) % len(MODES)])

    def step_text_size(self, step: int) -> None:
        """The next larger or smaller size; 0 is 100 %."""
        present = self._shell.settings.text_size
        nearest = min(range(len(SIZES)), key=lambda number: abs(SIZES[number] - present))
        size = 100 if step == 0 else SIZES[min(len(SIZES) - 1, max(0, nearest + step))]
        self._look.set(scale=size / 100)
        self._shell.save_settings(text_size=size)

    def open_settings(self) -> None:
        """The settings menu beside the rail."""
        self._show_settings()
        self.settings_menu.open_beside(self.rail.settings)

    def show_shortcuts(self) -> None:
        """The list of keys."""
        self.shortcut_list.open_centred(self)

    def show_data_folder(self) -> None:
        """The data folder in the system's file manager."""
        open_link(QUrl.fromLocalFile(str(self._folders.data)), folders=True)

    def show_log_folder(self) -> None:
        """The log folder in the system's file manager."""
        open_link(QUrl.fromLocalFile(str(self._folders.log)), folders=True)

    def _on_page_requested(self, page: str) -> None:
        if self._shell.state.page == "setup" and not self._setup.state.replacing:
            self._setup.skip()
        else:
            self._shell.show("chat")
        self.rail.show_page(self._shell.state.page)

    def _on_setup_finished(self, provider: str) -> None:
        choice = self._shell.setup_finished(provider)
        if provider:
            self._chat.choose_model(choice)

    def _on_model_chosen(self, choice: ModelChoice) -> None:
        self._chat.choose_model(choice)
        self._shell.save_settings(provider=choice.provider, model=choice.model)
        self._shell.add_lamp(choice.provider)

    def _on_lamp_clicked(self, provider: str) -> None:
        for shown in self._shell.state.lamps:
            if shown.provider == provider:
                self.provider_card.show_provider(shown)
                self.provider_card.open_at(self.status_bar.lamps[provider])

    def _on_spending_clicked(self) -> None:
        self._shell.refresh_spending()
        explain = Popover(name="Today", parent=self)
        explain.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        text = Label(SPENT_TIP, role="small", tone="secondary", wrap=True)
        text.setContentsMargins(8, 6, 8, 6)
        text.setFixedWidth(theme().px(300))
        explain.body.addWidget(text)
        explain.open_at(self.status_bar.spent)

    def _on_escape(self) -> None:
        if self.toast.isVisible() and not self._chat.state.busy and not self.chat_page.overlay:
            self.toast.dismiss()
        elif self.pages.currentWidget() is self.chat_page:
            self.chat_page.escape()
        elif self._setup.state.replacing:
            self._shell.show("chat")

    def _go_region(self, step: int) -> None:
        regions: list[QWidget] = [self.rail.items["chat"]]
        if self.pages.currentWidget() is self.chat_page:
            regions += self.chat_page.regions()
        else:
            regions.append(self.setup_page.field.edit)
        regions += [item for item in self.status_bar.lamps.values() if item.isVisible()][:1]
        focus = QApplication.focusWidget()
        at = next((n for n, part in enumerate(regions) if focus is part or (focus and part.isAncestorOf(focus))), None)
        goal = (at + step) % len(regions) if at is not None else 0
        regions[goal].setFocus(Qt.FocusReason.ShortcutFocusReason)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Asks to end instead of ending: what is running is stored first."""
        event.ignore()
        self.hide()
        self.close_requested.emit()


def open_link(url: QUrl, *, folders: bool = False) -> None:
    """Gives a link that was clicked to the system: http, https and mailto; folders of this machine only by our own buttons."""
    if url.scheme() in ("http", "https", "mailto") or (folders and url.isLocalFile()):
        QDesktopServices.openUrl(url)
