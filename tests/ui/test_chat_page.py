"""The Playground: sending, stopping, regenerating, cards for trouble, drafts, the list, the model picker."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from groqdesk.core.conversations import Trouble
from groqdesk.core.errors import InvalidKey, RateLimited, Truncated
from groqdesk.core.messages import Finished, ReasoningDelta, TextDelta
from groqdesk.core.usage import TokenUsage
from tests.ui.fakes_ui import ANSWER, FACTS, NOW, QUESTION, Desk, click, ms, press, until

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
MakeDesk = Callable[..., Desk]


def typed(d: Desk, text: str) -> None:
    d.page.composer.text_area.setPlainText(text)


# --- talking ---------------------------------------------------------------------------------------------------------


def test_enter_sends_and_the_answer_appears(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        typed(d, "Does it hold for two workers?")
        press(d.page.composer.text_area, Qt.Key.Key_Return)
        assert d.page.composer.text_area.text() == ""
        await until(lambda: d.fake.requests and not d.chat.state.busy)
        await d.settled()
        view = d.page.thread_pane.view
        assert [turn.role for turn in view.turns()] == ["user", "assistant", "user", "assistant"]
        assert view.turns()[-1].text == "Not yet: each process keeps its own level."
        assert view.turns()[-1].state == "done"
        assert [m.content for m in d.fake.requests[0].messages] == [QUESTION, ANSWER, "Does it hold for two workers?"]
        assert d.footer().metrics.figures()[0].value == "gpt-oss-120b"

    d.run(story)


def test_send_is_off_without_text_and_shift_enter_breaks_the_line(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        composer = d.page.composer
        composer.text_area.clear()
        assert not composer.send_button.isEnabled()
        QTest.keyClicks(composer.text_area, "one")
        press(composer.text_area, Qt.Key.Key_Return, SHIFT)
        QTest.keyClicks(composer.text_area, "two")
        assert composer.text_area.text() == "one\ntwo"
        assert composer.send_button.isEnabled()
        typed(d, "  \n ")
        press(composer.text_area, Qt.Key.Key_Return)
        await d.settled()
        assert d.fake.requests == []
        typed(d, "Go")
        click(composer.send_button)
        await until(lambda: d.fake.requests)
        await d.settled()

    d.run(story)


def test_while_streaming_send_is_stop_and_enter_queues(desk: MakeDesk) -> None:
    gate = asyncio.Event()
    d = desk([TextDelta("It holds, "), gate, TextDelta("never")], [TextDelta("Second answer.")])

    async def story() -> None:
        composer = d.page.composer
        typed(d, "First?")
        press(composer.text_area, Qt.Key.Key_Return)
        await until(lambda: d.chat.live_text()[0] == "It holds, ")
        assert composer.send_button.accessibleName() == "Stop"
        assert composer.send_button.icon_name == "stop"
        assert composer.text_area.placeholderText() == "Enter adds to the queue"
        typed(d, "Second?")
        press(composer.text_area, Qt.Key.Key_Return)
        assert composer.queued.isVisible()
        assert composer.queued_text.text() == "Next: Second?"
        click(composer.unqueue_button)
        assert not composer.queued.isVisible()
        assert composer.text_area.text() == "Second?"
        click(composer.send_button)
        await until(lambda: not d.chat.state.busy)
        await d.settled()
        stopped = d.footer()
        assert stopped.trouble is None  # stopping is no error
        assert stopped.quiet_button.text() == "Continue"
        assert d.page.thread_pane.view.turns()[-1].text == "It holds, "
        assert d.page.thread_pane.view.turns()[-1].state == "interrupted"
        assert composer.text_area.text() == "Second?"
        click(stopped.quiet_button)
        await until(lambda: len(d.fake.requests) == 2 and not d.chat.state.busy)
        assert d.fake.requests[1].messages[-1].content == "Continue exactly where you stopped."
        await d.settled()

    d.run(story)


def test_a_queued_message_goes_out_when_the_answer_has_ended(desk: MakeDesk) -> None:
    gate = asyncio.Event()
    d = desk([TextDelta("One."), gate], [TextDelta("Two.")])

    async def story() -> None:
        d.chat.send("First?")
        await until(lambda: d.chat.state.streaming_id)
        d.chat.send("Second?")
        gate.set()
        await until(lambda: len(d.fake.requests) == 2 and not d.chat.state.busy)
        await d.settled()
        texts = [turn.text for turn in d.page.thread_pane.view.turns()]
        assert texts[2:] == ["First?", "One.", "Second?", "Two."]

    d.run(story)


def test_escape_stops(desk: MakeDesk) -> None:
    d = desk([TextDelta("Long "), asyncio.Event()])

    async def story() -> None:
        d.chat.send("Long?")
        await until(lambda: d.chat.live_text()[0])
        press(d.page.composer.text_area, Qt.Key.Key_Escape)
        await until(lambda: not d.chat.state.busy)
        assert d.fake.closed == 1
        await d.settled()

    d.run(story)


def test_regenerate_by_button_and_by_key(desk: MakeDesk) -> None:
    d = desk([TextDelta("Better.")], [TextDelta("Best.")])

    async def story() -> None:
        click(d.footer()._actions[1])
        await until(lambda: len(d.fake.requests) == 1 and not d.chat.state.busy)
        await d.settled()
        assert [turn.text for turn in d.page.thread_pane.view.turns()] == [QUESTION, "Better."]
        press(d.window, Qt.Key.Key_G, CTRL | SHIFT)
        await until(lambda: len(d.fake.requests) == 2 and not d.chat.state.busy)
        await d.settled()
        assert [turn.text for turn in d.page.thread_pane.view.turns()] == [QUESTION, "Best."]
        click(d.footer()._actions[0])
        assert QApplication.clipboard().text() == "Best."

    d.run(story)


def test_actions_show_on_the_last_answer_and_under_the_pointer_elsewhere(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        first = d.page.thread_pane.last_answer()
        assert all(button.isVisible() for button in d.footer()._actions)
        d.chat.send("More?")
        await until(lambda: d.fake.requests and not d.chat.state.busy)
        await d.settled()
        older = d.page.thread_pane.footer(first)
        assert not any(button.isVisible() for button in older._actions)
        older.metrics.setFocus(Qt.FocusReason.TabFocusReason)
        await d.rest()
        assert all(button.isVisible() for button in older._actions)
        assert all(button.isVisible() for button in d.footer()._actions)

    d.run(story)


# --- thinking --------------------------------------------------------------------------------------------------------


def test_thinking_is_open_until_the_answer_begins(desk: MakeDesk) -> None:
    thought, written = asyncio.Event(), asyncio.Event()
    d = desk([ReasoningDelta("Split by peak. "), thought, TextDelta("So: "), written])

    async def story() -> None:
        pane = d.page.thread_pane
        d.chat.send("How?")
        await until(lambda: d.chat.state.streaming_id and pane.fold(d.chat.state.streaming_id))
        fold = pane.fold(pane.last_answer())
        await until(lambda: fold.text() == "Split by peak. ")
        assert fold.opened
        assert fold.head.text().startswith("Thinking")
        thought.set()
        await until(lambda: not pane.fold(pane.last_answer()).opened)
        assert pane.fold(pane.last_answer()).head.text().startswith("Thought for 0.")
        written.set()
        await until(lambda: not d.chat.state.busy)
        await d.settled()
        assert not pane.fold(pane.last_answer()).opened

    d.run(story)


def test_a_fold_that_was_touched_stays_as_it_was_put(desk: MakeDesk) -> None:
    thought = asyncio.Event()
    d = desk([ReasoningDelta("First "), ReasoningDelta("second."), thought, TextDelta("Done.")])

    async def story() -> None:
        pane = d.page.thread_pane
        d.chat.send("How?")
        await until(lambda: d.chat.state.streaming_id and pane.fold(d.chat.state.streaming_id))
        fold = pane.fold(pane.last_answer())
        click(fold.head)
        click(fold.head)
        thought.set()
        await until(lambda: not d.chat.state.busy)
        await d.settled()
        assert pane.fold(pane.last_answer()).opened

    d.run(story)


def test_stored_thinking_is_folded_and_opens(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        fold = d.page.thread_pane.fold("m")
        assert fold.head.text() == "Thought for 0.24 s · 118 tokens"
        assert not fold.opened
        before = fold.height()
        click(fold.head)
        await d.rest()
        assert fold.height() > before
        assert fold._thoughts.text() == "Split by peak. Then the limiter."

    d.run(story)


# --- cards -----------------------------------------------------------------------------------------------------------


def test_a_broken_stream_keeps_its_text_and_offers_to_go_on(desk: MakeDesk) -> None:
    broken = Truncated("The connection broke off.", provider="groq", request_id="req_7")
    d = desk([TextDelta("Reserve a share per endpoint"), broken], [TextDelta("so that none starves.")])

    async def story() -> None:
        d.chat.send("How?")
        await until(lambda: d.fake.requests and not d.chat.state.busy)
        await d.settled()
        card = d.footer().trouble
        assert (card.sentence.text(), card.second.text()) == ("The connection broke off.", "All 5 words are saved.")
        assert card.button.text() == "Continue"
        assert [link.text() for link in d.footer().links] == ["Try again", "Use gpt-oss-20b", "Copy", "Details"]
        click(d.footer().links[-1])
        raw = d.footer().findChild(type(d.page.composer.text_area), "")
        assert "req_7" in raw.text()
        click(card.button)
        await until(lambda: len(d.fake.requests) == 2 and not d.chat.state.busy)
        await d.settled()
        assert d.page.thread_pane.view.turns()[-1].text == "so that none starves."

    d.run(story)


def test_a_refused_key_leads_to_the_setup_page(desk: MakeDesk) -> None:
    d = desk([InvalidKey("The key for Groq was refused.", provider="groq", status=401)])

    async def story() -> None:
        d.chat.send("Hello?")
        await until(lambda: d.fake.requests and not d.chat.state.busy)
        await d.settled()
        assert d.footer().trouble.button.text() == "Replace key"
        click(d.footer().trouble.button)
        assert d.window.pages.currentWidget() is d.window.setup_page
        assert d.window.setup_page.title.text() == "Replace the Groq key"
        await d.settled()

    d.run(story)


def test_a_retired_model_is_switched_and_asked_again(desk: MakeDesk) -> None:
    d = desk([TextDelta("From the successor.")])
    d.trouble(Trouble("not_found", "llama was retired.", "Choose a model", "openai/gpt-oss-20b"))

    async def story() -> None:
        assert d.footer().trouble.button.text() == "Switch to gpt-oss-20b"
        click(d.footer().trouble.button)
        await until(lambda: d.fake.requests and not d.chat.state.busy)
        await d.settled()
        assert d.fake.requests[0].model == "openai/gpt-oss-20b"
        assert d.settings_store.values["model"] == "openai/gpt-oss-20b"
        assert d.page.inspector.card.name_label.text() == "gpt-oss-20b"

    d.run(story)


def test_a_rate_limit_counts_down_and_sends_once_if_asked(desk: MakeDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    d = desk([TextDelta("Now it fits.")])
    d.trouble(Trouble("rate_limited", "Fits in 9 s.", "Try again", retry_at_ms=ms(NOW) + 8_200))

    async def story() -> None:
        footer = d.footer()
        assert footer.trouble.button.text() == "Try again in 9 s"
        click(footer.trouble.button)
        assert footer.trouble.button.text() == "Waiting, sends in 9 s"
        click(footer.trouble.button)
        assert footer.trouble.button.text() == "Try again in 9 s"
        click(footer.trouble.button)
        assert d.fake.requests == []
        footer._context = replace(footer._context, now_ms=lambda: ms(NOW) + 8_300)
        await until(lambda: d.fake.requests and not d.chat.state.busy)
        await d.settled()
        assert len(d.fake.requests) == 1
        assert d.page.thread_pane.view.turns()[-1].text == "Now it fits."

    d.run(story)


@pytest.mark.parametrize(
    ("trouble", "label"),
    [
        (Trouble("too_large", "Too large.", "Shorten"), "Shorten"),
        (Trouble("no_key", "No key.", "Add a key"), "Add a key"),
        (Trouble("quota", "Used up.", "Use another model"), "Use gpt-oss-20b"),
        (Trouble("not_found", "Unknown.", "Choose a model"), "Choose a model"),
        (Trouble("circuit_open", "Rests.", "Try now"), "Try now"),
        (Trouble("context_too_long", "Too long.", "Drop oldest turns", detail="x"), "Show details"),
        (Trouble("truncated", "Broke off.", "Continue"), "Try again"),
        (Trouble("rate_limited", "Wait.", "Try again"), "Try again"),
    ],
)
def test_each_trouble_has_one_button(desk: MakeDesk, trouble: Trouble, label: str) -> None:
    d = desk()
    d.trouble(trouble)

    async def story() -> None:
        card = d.footer().trouble
        assert card.button.text() == label
        assert label not in [link.text() for link in d.footer().links]
        assert card.accessibleName() == trouble.message
        if label == "Shorten":
            click(card.button)
            assert d.page.composer.text_area.text() == QUESTION
            assert QApplication.focusWidget() is d.page.composer.text_area
        if label == "Choose a model":
            click(card.button)
            assert d.page.picker.isVisible()
            d.page.picker.close()
        if label == "Show details":
            click(card.button)
            await d.rest()
            assert d.footer()._details.isVisible()
            click(card.button)
            assert not d.footer()._details.isVisible()

    d.run(story)


def test_an_answer_that_was_all_thinking_can_be_longer(desk: MakeDesk) -> None:
    d = desk([TextDelta("Now there is room.")])
    d.say("m", 1, "assistant", "", facts=replace(FACTS, finish_reason="length", completion_tokens=1024))

    async def story() -> None:
        assert d.footer().quiet_button.text() == "Allow 4,096"
        click(d.footer().quiet_button)
        await until(lambda: d.fake.requests and not d.chat.state.busy)
        await d.settled()
        assert d.fake.requests[0].parameters["max_completion_tokens"] == 4096

    d.run(story)


# --- figures ---------------------------------------------------------------------------------------------------------


def test_waterfall_opens_by_click_and_enter_and_adds_up(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        footer = d.footer()
        click(footer.metrics)
        await d.rest()
        assert footer.waterfall.isVisible()
        assert footer.waterfall.total.text() == "1,017 ms"
        assert footer.waterfall.bar.accessibleName() == (
            "Where the time went: Network 33 ms, Queue 124 ms, Prompt 22 ms, Network 33 ms, Completion 805 ms"
        )
        press(footer.metrics, Qt.Key.Key_Return)
        assert not footer.waterfall.isVisible()

    d.run(story)


def test_a_provider_without_server_times_says_so(desk: MakeDesk) -> None:
    d = desk()
    d.say("m", 1, "assistant", ANSWER, facts=replace(FACTS, queue_s=None, prompt_s=None, completion_s=None))

    async def story() -> None:
        d.page.toggle_last_waterfall()
        words = [label.text() for label in d.footer().waterfall.findChildren(type(d.footer().waterfall.total))]
        assert "This provider sends no server times." in words
        assert "First token 212 ms, Stream 805 ms" in d.footer().waterfall.bar.accessibleName()

    d.run(story)


# --- chats -----------------------------------------------------------------------------------------------------------


def test_each_chat_keeps_its_draft(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        text = d.page.composer.text_area
        assert text.text() == "Now open a circuit breaker"
        QTest.keyClicks(text, " soon")
        d.page.sidebar.view.opened.emit("b")
        await until(lambda: text.text() == "draft of b")
        d.page.new_chat()
        await until(lambda: d.chat.state.current is None)
        assert text.text() == ""
        QTest.keyClicks(text, "not sent yet")
        d.page.sidebar.view.opened.emit("a")
        await until(lambda: text.text() == "Now open a circuit breaker soon")
        d.page.new_chat()
        await until(lambda: text.text() == "not sent yet")
        await d.settled()
        assert d.store.rows["a"].draft == "Now open a circuit breaker soon"

    d.run(story)


def test_a_new_chat_offers_two_ways_to_begin(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        press(d.window, Qt.Key.Key_N, CTRL)
        await until(lambda: d.chat.state.current is None)
        pane = d.page.thread_pane
        assert pane.empty.isVisible()
        assert pane.empty.title.text() == "Ask gpt-oss-120b anything"
        assert QApplication.focusWidget() is d.page.composer.text_area
        click(pane.empty.buttons[1])
        await until(lambda: d.fake.requests and not d.chat.state.busy)
        await d.settled()
        assert d.page.title_bar.title.text() == "Write a rate limiter in Python"
        assert pane.view.isVisible()

    d.run(story)


def test_renaming_in_the_header_and_in_the_list(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        bar, view, model = d.page.title_bar, d.page.sidebar.view, d.page.sidebar.model
        click(bar.pencil)
        bar.editor.setText("Retry budget")
        press(bar.editor.edit, Qt.Key.Key_Return)
        await until(lambda: d.store.rows["a"].title == "Retry budget")
        await d.settled()
        assert bar.title.text() == "Retry budget"
        view.setFocus()
        view.setCurrentIndex(model.find("b"))
        press(view, Qt.Key.Key_F2)
        editor = QApplication.focusWidget()
        editor.setText("Weekly churn")
        press(editor, Qt.Key.Key_Return)
        await until(lambda: d.store.rows["b"].title == "Weekly churn")
        await d.settled()

    d.run(story)


def test_search_finds_or_says_that_it_found_nothing(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        sidebar = d.page.sidebar
        QTest.keyClicks(sidebar.search.edit, "churn")
        await until(lambda: sidebar.model.rowCount() == 2)
        QTest.keyClicks(sidebar.search.edit, "xyz")
        await until(lambda: sidebar.empty_text.isVisible())
        assert sidebar.empty_text.text() == 'Nothing found for "churnxyz".'
        click(sidebar.empty_button)
        await until(lambda: sidebar.model.rowCount() == 5)
        await d.settled()

    d.run(story)


def test_a_click_opens_and_pin_moves_to_the_top(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        view, model = d.page.sidebar.view, d.page.sidebar.model
        spot = view.visualRect(model.find("b")).center()
        QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(spot))
        await until(lambda: d.chat.state.current.id == "b")
        assert view.open_id == "b"
        view.pin_requested.emit("b", True)
        await until(lambda: d.store.rows["b"].pinned)
        await d.settled()
        titles = [model.index(n).data() for n in range(model.rowCount())]
        assert titles[:3] == ["Pinned", "SQL for weekly churn", "Refund policy, edge cases"]

    d.run(story)


def test_a_slow_chat_shows_its_outline(desk: MakeDesk) -> None:
    d = desk()
    gate = asyncio.Event()
    messages = d.store.messages

    async def slow(name: str) -> Any:
        if name == "b":
            await gate.wait()
        return await messages(name)

    async def story() -> None:
        d.store.messages = slow
        d.chat.open("b")
        await until(lambda: d.chat.state.loading)
        assert not d.page.thread_pane.loading.isVisible()
        await until(lambda: d.page.thread_pane.loading.isVisible())
        gate.set()
        await until(lambda: not d.page.thread_pane.loading.isVisible())
        await d.settled()

    d.run(story)


def test_scrolled_away_a_button_leads_back(desk: MakeDesk) -> None:
    d = desk()
    for number in range(2, 30):
        d.say(f"n{number}", number, "user" if number % 2 == 0 else "assistant", "words " * 60, facts=FACTS)

    async def story() -> None:
        pane = d.page.thread_pane
        assert not pane.newest.isVisible()
        pane.view.verticalScrollBar().setValue(0)
        await d.rest()
        assert pane.newest.isVisible()
        click(pane.newest)
        await d.rest()
        assert not pane.newest.isVisible()
        assert pane.view.at_end

    d.run(story)


def test_foreign_writes_appear(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        d.say("x", 2, "user", "Written by a command.")
        d.chat.refresh()
        await until(lambda: d.page.thread_pane.view.turns()[-1].text == "Written by a command.")
        await d.settled()

    d.run(story)


# --- model and parameters --------------------------------------------------------------------------------------------


def test_the_picker_is_searched_and_chosen_by_keys(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        await d.settled()
        press(d.window, Qt.Key.Key_L, CTRL)
        picker = d.page.picker
        assert picker.current_id().endswith("openai/gpt-oss-120b")
        sections = {item.section for item in picker.items()}
        assert sections == {"Groq", "Practice server"}  # no key of OpenAI is stored
        retired = [item for item in picker.items() if item.detail.startswith("Retired 16 Aug 2026")]
        assert retired
        assert not any(item.enabled for item in retired)
        QTest.keyClicks(picker.search.edit, "20b 1,000")
        press(picker.search.edit, Qt.Key.Key_Return)
        await d.settled()
        assert d.chat.state.choice.model == "openai/gpt-oss-20b"
        assert not picker.isVisible()

    d.run(story)


def test_parameters_come_from_the_model_and_go_into_the_request(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        form = d.page.inspector.form
        temperature = form.rows["temperature"]
        assert not temperature.label.dot.isVisible()
        temperature.slider.setFocus()
        press(temperature.slider, Qt.Key.Key_PageDown)
        await until(lambda: d.chat.state.values.get("temperature") == 0.9)
        assert temperature.field.text() == "0.90"
        assert temperature.label.dot.isVisible()
        assert temperature.label.dot.toolTip() == "Changed from 1.00. Click to reset."
        form.rows["reasoning_effort"].segments.buttons()[2].click()
        form.rows["stop"].chips.edit.setText("</answer>")
        press(form.rows["stop"].chips.edit, Qt.Key.Key_Return)
        assert form.rows["stop"].label.note.text() == "1 of 4"
        click(form.rows["seed"].dice)
        form.rows["max_completion_tokens"].field.edit.setText("4096")
        press(form.rows["max_completion_tokens"].field.edit, Qt.Key.Key_Return)
        d.chat.send("Go")
        await until(lambda: d.fake.requests and not d.chat.state.busy)
        sent = d.fake.requests[0].parameters
        assert sent["temperature"] == 0.9
        assert sent["reasoning_effort"] == "high"
        assert sent["stop"] == ("</answer>",)
        assert isinstance(sent["seed"], int)
        click(temperature.label.dot)
        assert "temperature" not in d.chat.state.values
        click(d.page.inspector.reset_button)
        assert d.chat.state.values == {}
        assert not form.rows["stop"].label.dot.isVisible()
        await d.settled()

    d.run(story)


def test_a_number_out_of_range_is_said_and_not_taken(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        field = d.page.inspector.form.rows["max_completion_tokens"].field
        field.edit.setFocus()
        field.edit.selectAll()
        QTest.keyClicks(field.edit, "131072")
        assert field.error == "At most 65,536."
        assert d.chat.state.values == {} or d.chat.state.values["max_completion_tokens"] <= 65_536
        click(field.fix_button)
        await until(lambda: d.chat.state.values.get("max_completion_tokens") == 65_536)
        await d.settled()

    d.run(story)


def test_a_schema_is_asked_for_checked_and_repaired(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        form = d.page.inspector.form
        row = form.rows["response_schema"]
        assert row.isHidden()
        form.rows["response_format"].segments.buttons()[2].click()
        assert not row.isHidden()
        assert row.problem_label.text() == "The schema is missing."
        d.chat.send("Go")
        assert d.page.composer.banner.sentence.text() == "The schema is missing."
        assert d.page.composer.banner.button.text() == "Begin with an example"
        click(d.page.composer.banner.button)
        assert '"answer"' in row.editor.text()
        assert row.problem_label.isHidden() or row._problem.isHidden()
        row.editor.edit.setPlainText("{ not json")
        row.editor._on_commit()
        assert row.problem_label.text().startswith("This is not valid JSON")
        assert d.chat.state.values["response_schema"]["type"] == "object"
        await d.settled()

    d.run(story)


def test_settings_that_do_not_apply_are_counted(desk: MakeDesk) -> None:
    d = desk()
    d.store.rows["a"] = replace(
        d.store.rows["a"], parameters={"frequency_penalty": 0.5, "presence_penalty": 0.5, "temperature": 0.3}
    )

    async def story() -> None:
        form = d.page.inspector.form
        assert form._dropped.text() == "2 settings do not apply to this model."
        assert form._dropped.isVisible()
        assert "frequency_penalty" not in form.rows

    d.run(story)


def test_instructions_are_stored_and_sent_first(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        inspector = d.page.inspector
        assert inspector.instructions.isHidden()
        click(inspector.fold.button)
        assert QApplication.focusWidget() is inspector.instructions.edit
        QTest.keyClicks(inspector.instructions.edit, "Be terse.")
        press(inspector.instructions.edit, Qt.Key.Key_Return)
        QTest.keyClicks(inspector.instructions.edit, "Numbers first.")
        await until(lambda: d.store.rows["a"].system == "Be terse.\nNumbers first.")
        d.chat.send("Go")
        await until(lambda: d.fake.requests and not d.chat.state.busy)
        assert d.fake.requests[0].messages[0].role == "system"
        assert d.fake.requests[0].messages[0].content == "Be terse.\nNumbers first."
        await d.settled()

    d.run(story)


def test_model_card_tells_what_is_known(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        await d.settled()
        card = d.page.inspector.card
        assert card.context.value.text() == "131K"
        assert card.speed.value.text() == "500"
        assert card.price.value.text() == "$0.15 / $0.60"
        assert card.used.text().endswith(" of 131K")
        assert not card.successor_button.isVisible()
        old = d.chat.offered("groq")[-1]
        assert old.state == "retired"
        d.chat.choose_model(type(d.chat.state.choice)("groq", old.id))
        await d.settled()
        assert card.successor_button.isVisible()
        click(card.successor_button)
        await d.settled()
        assert d.chat.state.choice.model != old.id

    d.run(story)


def test_composer_tells_tokens_and_the_most_it_may_cost(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        await d.settled()
        text = d.page.composer.estimate.text()
        assert text.startswith("≈ ")
        assert "tokens · up to $0.0" in text
        d.chat.choose_model(type(d.chat.state.choice)("groq", "allam-2-7b"))
        await d.settled()
        assert d.page.composer.estimate.text().endswith("up to –")

    d.run(story)


def test_a_finished_stream_of_many_small_pieces_is_whole(desk: MakeDesk) -> None:
    words = [f"word{number} " for number in range(400)]
    d = desk([*(TextDelta(word) for word in words), Finished("stop", "groq", "m", TokenUsage(5, 400))])

    async def story() -> None:
        d.chat.send("Many")
        await until(lambda: d.fake.requests and not d.chat.state.busy)
        await d.settled()
        assert d.page.thread_pane.view.turns()[-1].text == "".join(words)

    d.run(story)


def test_a_rate_limit_while_sending_shows_its_card(desk: MakeDesk) -> None:
    d = desk([RateLimited("Fits in 9 s.", provider="groq", retry_at_ms=ms(NOW) + 9_000)])

    async def story() -> None:
        d.chat.send("Now?")
        await until(lambda: d.fake.requests and not d.chat.state.busy)
        await d.settled()
        assert d.footer().trouble.button.text() == "Try again in 9 s"
        assert not d.footer().trouble.second.isVisible()

    d.run(story)


def test_days_of_the_list() -> None:
    from groqdesk.core.conversations import Conversation
    from groqdesk.core.messages import ModelChoice
    from groqdesk.ui.conversation_list import Head, Row, grouped

    now = dt.datetime(2026, 1, 2, 9, 0).astimezone()

    def chat(name: str, days: float, **more: Any) -> Conversation:
        when = ms((now - dt.timedelta(days=days)).replace(tzinfo=None))
        return Conversation(name, name, ModelChoice("groq", "openai/gpt-oss-20b"), when, when, **more)

    lines = grouped(
        [
            chat("pin", 3, pinned=True),
            chat("today", 0),
            chat("yesterday", 1, cost_nano_usd=5_000_000, cost_unknown=True),
            chat("week", 5),
            chat("month", 20, cost_unknown=True),
            chat("older", 60),
        ],
        now,
    )
    assert [line.text for line in lines if isinstance(line, Head)] == [
        "Pinned", "Today", "Yesterday", "Last 7 days", "December 2025", "November 2025",
    ]  # fmt: skip
    rows = {line.id: line for line in lines if isinstance(line, Row)}
    assert rows["today"].time == "09:00"
    assert rows["yesterday"].facts == "gpt-oss-20b · ≥ $0.0050"
    assert rows["month"].facts == "gpt-oss-20b · –"
    assert rows["older"].time == "Nov 2025"
