"""The inspector: picking a model, parameters made from it, the schema, instructions, what a message may cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tests.ui.fakes_ui import Desk, click, press, until

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
MakeDesk = Callable[..., Desk]


def typed(d: Desk, text: str) -> None:
    d.page.composer.text_area.setPlainText(text)


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


def test_drag_and_steps_are_one_change_each(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        rows = d.page.inspector.form.rows
        changes: list[object] = []
        d.page.inspector.parameter_changed.connect(lambda name, value: changes.append(value))
        slider = rows["temperature"].slider
        QTest.mousePress(slider, Qt.MouseButton.LeftButton, pos=QPoint(20, 10))
        for x in range(20, 90, 10):
            QTest.mouseMove(slider, QPoint(x, 10))
            slider.setValue(x)
        assert changes == []
        QTest.mouseRelease(slider, Qt.MouseButton.LeftButton, pos=QPoint(80, 10))
        assert changes == [slider.number()]
        limit = rows["max_completion_tokens"].field
        limit.edit.setFocus()
        for _ in range(5):
            press(limit.edit, Qt.Key.Key_Up)
        assert len(changes) == 1
        await until(lambda: len(changes) == 2)  # at the pause
        press(limit.edit, Qt.Key.Key_Up)
        d.page.composer.setFocus()
        assert changes[2] == limit.value() == d.chat.state.values["max_completion_tokens"]

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
