"""The Playground: sending, stopping, regenerating, cards for trouble, drafts, the list, the model picker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
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
        assert not any(link.text().startswith("Use ") for link in d.footer().links)
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
