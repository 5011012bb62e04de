"""What a call took and what it cost. Money is integer nano-dollars, times are seconds as floats, clocks UTC milliseconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Capability = Literal["llm", "stt", "tts"]
Outcome = Literal["ok", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens of one call and the server's own times, as the wire reported them.

    Cached tokens are part of `prompt_tokens`, reasoning tokens are part of `completion_tokens`. `estimated` says that the
    server reported nothing and the figures are ours. The server's times are None where it sends none.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False
    queue_s: float | None = None
    prompt_s: float | None = None
    completion_s: float | None = None

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def plus(self, other: TokenUsage) -> TokenUsage:
        """The sum of two calls; an estimate in either makes the sum an estimate."""
        return TokenUsage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            self.estimated or other.estimated,
            _add(self.queue_s, other.queue_s),
            _add(self.prompt_s, other.prompt_s),
            _add(self.completion_s, other.completion_s),
        )


def _add(a: float | None, b: float | None) -> float | None:
    if a is None:
        return b
    return a if b is None else a + b


@dataclass(frozen=True, slots=True)
class TokenPrice:
    """Price of a language model in nano-dollars per million tokens: $0.0375 per million is 37_500_000, exactly.

    `cached_nano_usd_per_m` is None where a cached token costs the same as any other prompt token.
    """

    prompt_nano_usd_per_m: int
    completion_nano_usd_per_m: int
    cached_nano_usd_per_m: int | None = None


def cost_nano_usd(usage: TokenUsage, price: TokenPrice | None) -> int | None:
    """Cost of a call: (prompt - cached) * in + cached * cached price + completion * out. None if the price is unknown.

    Summed exactly in nano-dollars per million tokens and rounded once, half up.
    Source: Groq's prompt caching and pricing pages; reasoning tokens are billed inside completion tokens.
    """
    if price is None:
        return None
    cached = min(usage.cached_tokens, usage.prompt_tokens)
    cached_price = price.prompt_nano_usd_per_m if price.cached_nano_usd_per_m is None else price.cached_nano_usd_per_m
    total = (
        (usage.prompt_tokens - cached) * price.prompt_nano_usd_per_m
        + cached * cached_price
        + usage.completion_tokens * price.completion_nano_usd_per_m
    )
    return (total + 500_000) // 1_000_000


@dataclass(frozen=True, slots=True)
class ProviderUsage:
    """One HTTP attempt of any capability: the row of the usage ledger."""

    id: str
    started_ms: int
    provider: str
    model: str
    capability: Capability
    action_id: str
    outcome: Outcome
    usage: TokenUsage
    cost_nano_usd: int | None
    ttft_s: float | None
    total_s: float
    attempt: int = 1
    message_id: str | None = None
    conversation_id: str | None = None
    agent_id: str | None = None
    request_id: str | None = None
    error_kind: str | None = None
    status: int | None = None


def usd_text(nano_usd: int | None) -> str:
    """Money for people: "$0.25", "$0.014", "$0.0021": cents, below ten cents two significant digits; "–" if unknown."""
    if nano_usd is None:
        return "–"
    sign = "-" if nano_usd < 0 else ""
    value = abs(nano_usd)
    small = 0 < value < 100_000_000
    unit = 10 ** max(0, len(str(value)) - 2) if small else 10_000_000
    value = (value + unit // 2) // unit * unit
    whole_cents = value % 10_000_000 == 0
    decimals = 2 if whole_cents else min(9, 11 - len(str(value)))
    whole, rest = divmod(value, 1_000_000_000)
    return f"{sign}${whole:,}.{f'{rest:09d}'[:decimals]}"


def usd_exact(nano_usd: int | None) -> str | None:
    """Money for programs: the exact decimal, "0.000420123"; None if unknown."""
    if nano_usd is None:
        return None
    sign = "-" if nano_usd < 0 else ""
    whole, rest = divmod(abs(nano_usd), 1_000_000_000)
    return f"{sign}{whole}.{rest:09d}".rstrip("0").rstrip(".") if rest else f"{sign}{whole}"
