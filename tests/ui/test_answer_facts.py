"""The line under an answer: what is shown, what is left out, what the waterfall adds up to."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groqdesk.core.conversations import AnswerFacts
from groqdesk.ui.answer_facts import (
    compact,
    duration,
    figures,
    live_figures,
    rate_tok_s,
    short_model,
    thinking_line,
    waterfall,
)
from groqdesk.ui.model_picker import price_text, state_text
from groqdesk.viewmodels.chat import LiveFacts
from tests.fakes import shipped_catalog
from tests.ui.fakes_ui import FACTS


def line(facts: AnswerFacts) -> list[str]:
    return [figure.text for figure in figures(facts)]


def test_the_line_of_the_design() -> None:
    assert line(FACTS) == ["gpt-oss-120b", "TTFT 212 ms", "486 tok/s", "1,204 in", "391 out", "$0.00042"]


def test_each_figure_says_what_it_is_and_where_it_comes_from() -> None:
    for figure in figures(FACTS):
        assert figure.tip.endswith(".")
        assert len(figure.tip) > 20
    tips = " ".join(figure.tip for figure in figures(FACTS))
    for source in ("usage.completion_time", "usage.prompt_tokens", "usage.completion_tokens", "this machine"):
        assert source in tips
    assert "118 of them thinking" in tips


def test_unknown_is_a_dash_and_never_zero() -> None:
    assert line(AnswerFacts(model="m")) == ["m", "TTFT –", "– in", "– out", "–"]
    assert duration(None) == "–"


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"completion_tokens": 39}, False),
        ({"completion_tokens": 40}, True),
        ({"completion_s": 0.199}, False),
        ({"completion_s": 0.2}, True),
        ({"completion_s": None, "total_s": 0.412, "ttft_s": 0.2}, True),
        ({"completion_s": None, "total_s": 0.3, "ttft_s": 0.2}, False),
        ({"completion_s": None, "total_s": None}, False),
        ({"completion_s": None, "ttft_s": None}, False),
        ({"completion_s": 0.0}, False),
    ],
)
def test_a_rate_that_would_say_nothing_is_left_out(changes: dict[str, float], shown: bool) -> None:
    assert (rate_tok_s(replace(FACTS, **changes)) is not None) is shown
    assert any("tok/s" in text for text in line(replace(FACTS, **changes))) is shown


def test_estimates_are_marked() -> None:
    assert line(replace(FACTS, estimated=True))[2:5] == ["≈ 486 tok/s", "≈ 1,204 in", "≈ 391 out"]


def test_a_running_answer_waits_then_counts() -> None:
    assert [f.text for f in live_figures("openai/gpt-oss-20b", LiveFacts(1.26))] == ["gpt-oss-20b", "waiting 1.3 s"]
    running = LiveFacts(2.0, 0.2, None, 900, 491.4)
    assert [f.text for f in live_figures("m", running)] == ["m", "TTFT 200 ms", "≈ 491 tok/s", "≈ 900 out"]


seconds = st.floats(0, 1e6, allow_nan=False)


@given(total=seconds, queue=seconds, prompt=seconds, completion=seconds)
def test_waterfall_parts_are_never_negative_and_cover_the_total(
    total: float, queue: float, prompt: float, completion: float
) -> None:
    facts = replace(FACTS, total_s=total, queue_s=queue, prompt_s=prompt, completion_s=completion)
    parts = waterfall(facts)
    assert all(part.duration_ms >= 0 for part in parts)
    whole = sum(part.duration_ms for part in parts)
    assert whole >= total * 1000 or math.isclose(whole, total * 1000, rel_tol=1e-9)


@given(total=seconds, first=seconds)
def test_waterfall_without_server_times_covers_the_total(total: float, first: float) -> None:
    parts = waterfall(replace(FACTS, total_s=total, ttft_s=first, queue_s=None))
    assert math.isclose(sum(part.duration_ms for part in parts), total * 1000, rel_tol=1e-9, abs_tol=1e-6)


def test_waterfall_of_what_nobody_measured_is_empty() -> None:
    assert waterfall(AnswerFacts()) == ()


def test_words() -> None:
    assert short_model("openai/gpt-oss-120b") == "gpt-oss-120b"
    assert [compact(n) for n in (0, 202, 5_100, 131_072, 1_000_000)] == ["0", "202", "5.1K", "131K", "1M"]
    assert [duration(s) for s in (0.0004, 0.212, 0.9994, 1.21)] == ["0 ms", "212 ms", "999 ms", "1.21 s"]
    assert thinking_line(0.24, 118, running=False) == "Thought for 0.24 s · 118 tokens"
    assert thinking_line(0.24, None, running=True) == "Thinking, 0.2 s"
    assert thinking_line(None, None, running=True) == "Thinking"
    assert thinking_line(None, None, running=False) == "Thought"


def test_prices_and_states_of_the_shipped_models() -> None:
    catalog = shipped_catalog()
    assert price_text(catalog.find("groq", "gpt-oss-120b")) == "$0.15 / $0.60"
    assert price_text(catalog.find("groq", "gpt-oss-20b")) == "$0.075 / $0.30"
    assert price_text(catalog.find("demo", "gpt-oss-20b")) == "free"
    assert price_text(catalog.find("groq", "allam-2-7b")) == "–"
    assert state_text(catalog.find("groq", "llama-3.3-70b-versatile")) == "Retired 16 Aug 2026"
    assert state_text(catalog.find("groq", "qwen/qwen3.8-27b")) == "Preview"
    assert state_text(catalog.find("groq", "gpt-oss-120b")) == ""


def test_a_limit_that_waiting_cures_offers_to_ask_again() -> None:
    from groqdesk.core.conversations import Trouble
    from groqdesk.ui.answer_facts import remedy

    plan = remedy(
        Trouble("rate_limited", "Fits in 9 s. Needs 5.1K tokens, 3.9K are left.", "Send in 9 s", None, 9_000), ""
    )
    assert (plan.command, plan.label) == ("regenerate", "Try again")
    assert remedy(Trouble("too_large", "Too large for this plan.", "Shorten"), "").command == "shorten"
    assert remedy(Trouble("local", "Something.", "Whatever"), "").command == "details"
