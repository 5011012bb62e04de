"""The first run and "Replace key": every state of the key, and the ways on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from groqdesk.core.errors import InvalidKey, KeyringProblem, Offline, Permission, ProviderError
from groqdesk.core.secrets import Secret
from groqdesk.core.settings import Settings
from groqdesk.ui import main_window
from tests.ui.fakes_ui import Desk, click, press, until

MakeDesk = Callable[..., Desk]
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
KEY = "gsk_" + "x" * 44 + "3f9A"


def first_run(desk: MakeDesk) -> Desk:
    return desk(settings=Settings(theme="dark"))


def test_a_key_that_works_is_kept_and_the_window_goes_on(desk: MakeDesk) -> None:
    d = first_run(desk)

    async def story() -> None:
        page = d.window.setup_page
        assert page.isVisible()
        assert QApplication.focusWidget() is page.field.edit
        assert not page.go_button.isEnabled()
        assert not page.strip.isVisible()
        QApplication.clipboard().setText(f"  {KEY[:20]}\n{KEY[20:]} ")
        page.field.edit.paste()
        await until(lambda: d.setup.state.key_state == "works")
        assert page.strip.kind == "success"
        sentence = "The key works. 11 models, first reply in 188 ms, 1,000 requests a day."
        assert page.strip.sentence.text() == sentence
        assert page.lock.label.text() == "Kept in Test keyring. Never in the database, in logs or in exports."
        assert page.go_button.isEnabled()
        press(page.field.edit, Qt.Key.Key_Return)
        await until(lambda: d.shell.state.page == "chat")
        assert d.vault.keys["groq", "https://groq.invalid"].tail == "3f9A"
        assert page.field.secret() == ""
        assert d.page.isVisible()
        assert QApplication.focusWidget() is d.page.composer.text_area
        await d.settled()
        assert d.settings_store.values["first_run_done"] is True
        assert d.window.status_bar.lamps["groq"].value.endswith(" ms")

    d.run(story, wait=False)


@pytest.mark.parametrize(
    ("error", "kind", "sentence", "action", "may_go_on"),
    [
        (InvalidKey("The key for Groq was refused."), "danger", "The key for Groq was refused.", "", False),
        (Permission("Groq blocks this network."), "warning", "Groq blocks this network.", "Try again", True),
        (Offline("No network."), "warning", "No network.", "Try again", True),
    ],
)
def test_a_key_that_cannot_be_used_now(
    desk: MakeDesk, error: ProviderError, kind: str, sentence: str, action: str, may_go_on: bool
) -> None:
    d = first_run(desk)
    d.providers.check = error

    async def story() -> None:
        page = d.window.setup_page
        page.field.set_secret(KEY)
        await until(lambda: d.setup.state.key_state not in ("empty", "checking"))
        assert page.strip.kind == kind
        assert page.strip.sentence.text() == sentence
        assert page.strip.button.text() == action
        assert page.go_button.isEnabled() is may_go_on
        press(page.field.edit, Qt.Key.Key_Return)
        await d.settled()
        assert (d.shell.state.page == "chat") is may_go_on
        if action and not may_go_on:
            click(page.strip.button)

    d.run(story, wait=False)


def test_the_check_is_shown_and_can_be_repeated(desk: MakeDesk) -> None:
    d = first_run(desk)
    gate = asyncio.Event()
    check = d.providers.check_key

    async def slow(provider: str, key: Secret) -> Any:
        await gate.wait()
        return await check(provider, key)

    d.providers.check_key = slow
    d.providers.check = Offline("No network.")

    async def story() -> None:
        page = d.window.setup_page
        page.field.set_secret(KEY)
        await until(lambda: d.setup.state.key_state == "checking")
        assert page.strip.sentence.text() == "Checking the key…"
        assert not page.go_button.isEnabled()
        assert page.spinner.isVisible()
        gate.set()
        await until(lambda: d.setup.state.key_state == "offline")
        assert not page.spinner.isVisible()
        d.providers.check = type(d.providers)().check
        click(page.strip.button)
        await until(lambda: d.setup.state.key_state == "works")
        page.field.clear()
        assert not page.strip.isVisible()

    d.run(story, wait=False)


def test_without_a_keyring_the_page_says_so(desk: MakeDesk) -> None:
    d = first_run(desk)
    d.vault.persistent = False

    async def story() -> None:
        lock = d.window.setup_page.lock
        await until(lambda: lock.label.text())
        assert lock.label.text() == "No system keyring was found."
        assert lock.label.property("tone") == "warning"

    d.run(story, wait=False)


def test_a_keyring_that_refuses_leaves_the_key_in_the_field(desk: MakeDesk) -> None:
    d = first_run(desk)
    d.vault.problem = KeyringProblem("The keyring is locked.")

    async def story() -> None:
        page = d.window.setup_page
        page.field.set_secret(KEY)
        await until(lambda: d.setup.state.key_state == "works")
        click(page.go_button)
        await until(lambda: d.setup.state.key_state == "problem")
        assert page.strip.sentence.text() == "The keyring is locked."
        assert page.field.secret() == KEY
        assert d.shell.state.page == "setup"

    d.run(story, wait=False)


def test_the_practice_server_needs_no_key(desk: MakeDesk) -> None:
    d = first_run(desk)

    async def story() -> None:
        click(d.window.setup_page.practice)
        await d.settled()
        assert d.shell.state.page == "chat"
        assert d.chat.state.choice.provider == "demo"
        assert d.window.status_bar.lamps["demo"].accessibleName().startswith("Practice server")

    d.run(story, wait=False)


def test_setup_can_be_skipped_and_left_by_the_rail(desk: MakeDesk) -> None:
    for leave in ("skip", "rail"):
        d = first_run(desk)

        async def story(d: Desk = d, leave: str = leave) -> None:
            assert not any(item.isChecked() for item in d.window.rail.items.values())
            click(d.window.setup_page.skip_button if leave == "skip" else d.window.rail.items["chat"])
            await d.settled()
            assert d.shell.state.page == "chat"
            assert d.window.rail.items["chat"].isChecked()
            assert d.settings_store.values["first_run_done"] is True

        d.run(story, wait=False)


def test_replacing_a_key_offers_the_way_back(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        d.window.replace_key()
        page = d.window.setup_page
        assert page.title.text() == "Replace the Groq key"
        assert page.back_button.isVisible()
        assert not page.skip_button.isVisible()
        assert not page.practice.isVisible()
        click(page.back_button)
        assert d.shell.state.page == "chat"
        assert d.vault.keys["groq", "https://groq.invalid"].tail == "3f9A"
        d.window.replace_key()
        page.field.set_secret("gsk_" + "y" * 44 + "9bC1")
        await until(lambda: d.setup.state.key_state == "works")
        click(page.go_button)
        await until(lambda: d.shell.state.page == "chat")
        await d.settled()
        assert d.vault.keys["groq", "https://groq.invalid"].tail == "9bC1"

    d.run(story)


def test_the_link_opens_only_after_a_click(desk: MakeDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(main_window.QDesktopServices, "openUrl", lambda url: opened.append(url.toString()))
    d = first_run(desk)

    async def story() -> None:
        await d.rest()
        assert opened == []
        click(d.window.setup_page.link)
        assert opened == ["https://console.groq.com/keys"]

    d.run(story, wait=False)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "javascript:alert(1)", "ftp://x/y", "smb://x", "x:y", ""])
def test_links_of_answers_open_the_web_only(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from PySide6.QtCore import QUrl

    opened: list[str] = []
    monkeypatch.setattr(main_window.QDesktopServices, "openUrl", lambda target: opened.append(target.toString()))
    main_window.open_link(QUrl(url))
    assert opened == []
    main_window.open_link(QUrl("https://groq.com/x"))
    assert opened == ["https://groq.com/x"]


def test_the_column_stands_where_the_design_has_it(desk: MakeDesk) -> None:
    d = first_run(desk)

    async def story() -> None:
        page = d.window.setup_page
        page.field.set_secret(KEY)
        await until(lambda: d.setup.state.key_state == "works")
        await d.rest()
        top = page.column.mapTo(d.window, page.column.rect().topLeft())
        assert abs(top.x() - 392) <= 2
        assert page.column.width() == 560
        card = page.card.mapTo(d.window, page.card.rect().topLeft())
        assert abs(card.y() - 293) <= 4
        assert abs(page.card.height() - 178) <= 6
        assert page.field.box.height() == 40
        before = card.y()
        page.field.clear()
        await d.rest()
        assert page.card.mapTo(d.window, page.card.rect().topLeft()).y() == before

    d.run(story, wait=False)
