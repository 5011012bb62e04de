"""Estimates are near what servers counted; upper bounds are never passed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groqdesk.core import tokens
from groqdesk.core.catalog import ModelInfo
from groqdesk.core.messages import CallContext, ChatRequest, Message, ToolCall, ToolSpec
from groqdesk.core.tokens import (
    Factor,
    completion_upper_bound,
    estimate,
    estimate_messages,
    prompt_upper_bound,
    upper_bound,
    worst_cost_nano_usd,
)
from groqdesk.core.usage import TokenPrice

OSS = ModelInfo(
    "openai/gpt-oss-120b", "groq", "llm", "gpt-oss-120b",
    context_tokens=131_072, max_output_tokens=65_536, reasoning="separate",
)  # fmt: skip
TOOL = ToolSpec("find_order", "Finds an order", {"type": "object", "properties": {"id": {"type": "string"}}})


def request(*texts: str, **parameters: object) -> ChatRequest:
    messages = tuple(Message("user", text) for text in texts)
    return ChatRequest("m", messages, CallContext("a"), parameters)


ENGLISH = (
    "Tokenizers split a text into pieces that a model reads one after the other. Common words are one piece, "
    "rare ones are several, and a number is cut into groups of three digits. "
)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        (ENGLISH, 30, 50),  # 42 words
        ("def f(x: int) -> int:\n    return [x**2 for x in range(10)]\n", 18, 36),
        ("Вчера вечером мы долго гуляли по набережной и говорили о работе.", 12, 30),
        ("昨天晚上我们在河边散步，谈了很久的工作。", 12, 26),
        ("어제 저녁에 우리는 강가를 산책하며 오래 이야기했다.", 12, 30),
        ("نمشي كل مساء على ضفة النهر ونتحدث عن العمل.", 10, 30),
        ("🙂🚀🎉", 3, 9),
        ("1234567890", 3, 6),
        ("x", 1, 1),
        (" ", 1, 1),
    ],
)
def test_estimates_are_plausible_for_each_script(text: str, low: int, high: int) -> None:
    assert low <= estimate(text) <= high


def test_no_text_is_no_tokens() -> None:
    assert estimate("") == 0
    assert estimate_messages(()) == 0


@given(st.text(max_size=400))
def test_an_estimate_is_positive_and_repeatable(text: str) -> None:
    assert estimate(text) == estimate(text)
    assert (estimate(text) > 0) == bool(text)
    assert estimate(text) <= 2 * len(text) + 1


@given(st.text(min_size=1, max_size=200))
def test_every_character_is_weighed(text: str) -> None:
    lone = sum(tokens._weight(character) for character in text)
    assert tokens._weight(text) == lone


def test_a_long_text_is_sampled_evenly() -> None:
    text = (ENGLISH + "漢字です。") * 12_000
    assert len(text) > 2_000_000
    assert len(tokens._sample(text)) == 32_768
    whole = sum(estimate(text[start : start + 30_000]) for start in range(0, len(text), 30_000))
    assert abs(estimate(text) - whole) < whole // 50


def test_a_text_whose_second_half_differs_is_not_judged_by_its_first() -> None:
    text = "a" * 100_000 + "漢" * 100_000
    assert abs(estimate(text) - (100_000 * 240 + 100_000 * 950) // 1000) < 6000


def test_the_sample_reaches_both_ends() -> None:
    text = "a" + "b" * 100_000 + "c"
    sample = tokens._sample(text)
    assert (sample[0], sample[-1]) == ("a", "c")


def test_messages_bring_their_template() -> None:
    hello = Message("user", "hello")
    one = estimate_messages((hello,))
    assert one > estimate("hello")
    assert estimate_messages((hello, hello)) > one
    assert estimate_messages((hello,), model=OSS) >= one + 60
    assert estimate_messages((hello,), (TOOL,)) > one + 20
    calling = Message("assistant", "", (ToolCall("1", "find_order", '{"id": "A-17"}'),))
    assert estimate_messages((hello, calling)) > one + 10


def test_gpt_oss_template_is_near_the_recorded_one() -> None:
    # Recorded: a question of 40 characters came to 84 prompt tokens.
    question = Message("user", "What is 2 + 2? Reply with just a number.")
    assert abs(estimate_messages((question,), model=OSS) - 84) <= 8


@given(st.lists(st.text(max_size=100), max_size=5), st.booleans())
def test_the_upper_bound_is_above_one_token_a_byte(texts: list[str], with_tool: bool) -> None:
    asked = request(*texts)
    if with_tool:
        asked = ChatRequest("m", asked.messages, asked.context, {}, (TOOL,))
    worst = prompt_upper_bound(asked, None)
    assert worst > sum(len(text.encode()) for text in texts)
    assert worst >= estimate_messages(asked.messages, asked.tools, OSS)


def test_the_upper_bound_ends_at_what_the_model_reads() -> None:
    assert prompt_upper_bound(request("x" * 1_000_000), OSS) == 131_072
    assert prompt_upper_bound(request("x" * 1_000_000), None) > 1_000_000


def test_a_schema_counts() -> None:
    assert prompt_upper_bound(request("a", response_schema={"type": "object"}), None) > prompt_upper_bound(
        request("a"), None
    )


@pytest.mark.parametrize(
    ("own", "model", "tokens_"),
    [
        (1024, OSS, 1024),
        (None, OSS, 65_536),
        (999_999, OSS, 65_536),
        (True, OSS, 65_536),
        (512, None, 512),
        (None, None, tokens.UNKNOWN_OUTPUT_TOKENS),
        (None, ModelInfo("m", "x", "llm", "m", context_tokens=4096), 4096),
    ],
)
def test_the_answer_is_bounded_by_the_request_or_the_model(own: object, model: ModelInfo | None, tokens_: int) -> None:
    asked = request("a", max_completion_tokens=own)
    assert completion_upper_bound(asked, model) == tokens_
    assert upper_bound(asked, model) == prompt_upper_bound(asked, model) + tokens_


def test_worst_cost() -> None:
    price = TokenPrice(150_000_000, 600_000_000, 75_000_000)
    assert worst_cost_nano_usd(1640, 4096, price) == 1640 * 150 + 4096 * 600
    assert worst_cost_nano_usd(1, 1, None) is None


def test_a_factor_learns_from_reports() -> None:
    factor = Factor()
    assert factor.applied(100) == 100
    factor = factor.updated(100, 120)
    assert factor.applied(100) == 120
    for _ in range(40):
        factor = factor.updated(1000, 800)
    assert factor.applied(1000) == pytest.approx(800, abs=5)


def test_a_factor_ignores_tiny_calls_and_tames_absurd_ones() -> None:
    assert Factor().updated(5, 84) == Factor()
    assert Factor().updated(100, 0) == Factor()
    assert Factor().updated(100, 10_000).value == 4.0


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), max_size=30))
def test_a_factor_stays_in_its_range(calls: list[tuple[int, int]]) -> None:
    factor = Factor()
    for estimated, reported in calls:
        factor = factor.updated(estimated, reported)
    assert 0.25 <= factor.value <= 4.0
