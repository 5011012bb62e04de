"""Money and tokens: exact sums, one rounding, and the words people and programs read."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groqdesk.core.usage import TokenPrice, TokenUsage, cost_nano_usd, usd_exact, usd_text

GPT_OSS_20B = TokenPrice(75_000_000, 300_000_000, 37_500_000)
tokens = st.integers(0, 10_000_000)
prices = st.integers(0, 100_000_000_000)


def test_an_unknown_price_gives_an_unknown_cost() -> None:
    assert cost_nano_usd(TokenUsage(10, 10), None) is None


@pytest.mark.parametrize(
    ("usage", "nano_usd"),
    [
        (TokenUsage(1_000_000, 0), 75_000_000),
        (TokenUsage(0, 1_000_000), 300_000_000),
        (TokenUsage(1_000_000, 0, cached_tokens=1_000_000), 37_500_000),
        (TokenUsage(1, 0), 75),
        (TokenUsage(1, 0, cached_tokens=1), 38),  # 37.5, half up
        (TokenUsage(2, 0, cached_tokens=2), 75),  # rounded once, not per token
        (TokenUsage(84, 67), 84 * 75 + 67 * 300),
        (TokenUsage(100, 10, cached_tokens=40), 60 * 75 + 40 * 37 + 20 + 3000),
        (TokenUsage(10, 0, cached_tokens=999), 375),  # never more cached than sent
        (TokenUsage(10, 20, reasoning_tokens=15), 750 + 6000),  # thinking is billed inside the completion
        (TokenUsage(), 0),
    ],
)
def test_cost_of_a_call(usage: TokenUsage, nano_usd: int) -> None:
    assert cost_nano_usd(usage, GPT_OSS_20B) == nano_usd


def test_cached_tokens_cost_the_same_where_no_cached_price_is_known() -> None:
    price = TokenPrice(800_000_000, 4_000_000_000)
    assert cost_nano_usd(TokenUsage(500, 5, cached_tokens=400), price) == cost_nano_usd(TokenUsage(500, 5), price)


@given(tokens, tokens, tokens, prices, prices, st.none() | prices)
def test_cost_equals_decimal_arithmetic(
    prompt: int, cached: int, completion: int, in_: int, out: int, cached_price: int | None
) -> None:
    part = min(prompt, cached)
    exact = (Decimal(prompt - part) * in_ + Decimal(part) * (in_ if cached_price is None else cached_price)) + Decimal(
        completion
    ) * out
    expected = int((exact / 1_000_000).quantize(Decimal(1), ROUND_HALF_UP))
    usage = TokenUsage(prompt, completion, cached_tokens=cached)
    assert cost_nano_usd(usage, TokenPrice(in_, out, cached_price)) == expected


def test_sums_keep_estimates_and_unknown_times_apart() -> None:
    one = TokenUsage(10, 5, 2, 1, queue_s=0.5)
    two = TokenUsage(20, 7, 3, 4, estimated=True, queue_s=0.25, prompt_s=1.0)
    assert one.plus(two) == TokenUsage(30, 12, 5, 5, True, 0.75, 1.0, None)
    assert one.plus(two).total_tokens == 42


@pytest.mark.parametrize(
    ("nano_usd", "text"),
    [
        (250_000_000, "$0.25"),
        (2_100_000, "$0.0021"),
        (14_000_000, "$0.014"),
        (420_000, "$0.00042"),
        (3_000_000, "$0.0030"),
        (30_000_000, "$0.03"),
        (2_000_000_000, "$2.00"),
        (1_234_560_000_000, "$1,234.56"),
        (0, "$0.00"),
        (1, "$0.000000001"),
        (15, "$0.000000015"),
        (996_000, "$0.0010"),
        (9_996_000, "$0.01"),
        (99_600_000, "$0.10"),
        (999_999_999, "$1.00"),
        (-5_000_000, "-$0.0050"),
        (None, "–"),
    ],
)
def test_money_for_people(nano_usd: int | None, text: str) -> None:
    assert usd_text(nano_usd) == text


@given(st.integers(-(10**15), 10**15))
def test_money_for_people_is_close_and_short(nano_usd: int) -> None:
    text = usd_text(nano_usd).replace("$", "").replace(",", "")
    shown = Decimal(text) * 1_000_000_000
    value = abs(nano_usd)
    assert abs(abs(shown) - value) <= max(Decimal(value) / 20, Decimal(1)) or value >= 100_000_000
    assert abs(abs(shown) - value) <= 5_000_000
    assert len(text.lstrip("-").split(".")[1].lstrip("0")) <= 2
    assert text.startswith("-") == (nano_usd < 0)


@pytest.mark.parametrize(
    ("nano_usd", "text"),
    [
        (420_123, "0.000420123"),
        (1_500_000_000, "1.5"),
        (2_000_000_000, "2"),
        (0, "0"),
        (-1, "-0.000000001"),
        (None, None),
    ],
)
def test_money_for_programs(nano_usd: int | None, text: str | None) -> None:
    assert usd_exact(nano_usd) == text


@given(st.integers(-(10**18), 10**18))
def test_money_for_programs_is_exact(nano_usd: int) -> None:
    assert Decimal(str(usd_exact(nano_usd))) * 1_000_000_000 == nano_usd
