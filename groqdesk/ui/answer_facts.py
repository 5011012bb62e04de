"""What the lines under an answer say: figures with their definition and source, and the parts of the waterfall.

Unknown is a dash, never zero. The rate is left out where it would say nothing: under 40 tokens or under 200 ms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from groqdesk.core.conversations import AnswerFacts, StoredMessage, Trouble
from groqdesk.core.usage import usd_text
from groqdesk.ui.controls import Part
from groqdesk.viewmodels.chat import LiveFacts

UNKNOWN = "–"
RATE_MIN_TOKENS = 40
RATE_MIN_S = 0.2


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of the line: words in tertiary before and after the value, and what a tooltip says about it."""

    value: str
    before: str = ""
    after: str = ""
    tip: str = ""

    @property
    def text(self) -> str:
        """The figure as one would read it out."""
        return " ".join(part for part in (self.before, self.value, self.after) if part)


def short_model(model: str) -> str:
    """The model's name without the vendor in front: "openai/gpt-oss-120b" is gpt-oss-120b."""
    return model.rsplit("/", 1)[-1]


def duration(value_s: float | None) -> str:
    """212 ms, from a second on 1.21 s."""
    if value_s is None:
        return UNKNOWN
    return f"{value_s * 1000:,.0f} ms" if value_s < 0.9995 else f"{value_s:,.2f} s"


def compact(count: int) -> str:
    """131K, 5.1K, 1M; below a thousand the number itself."""
    if count < 1000:
        return str(count)
    for size, letter in ((1_000_000, "M"), (1000, "K")):
        if count >= size:
            value = count / size
            return f"{value:.0f}{letter}" if value >= 99.95 else f"{value:.1f}".removesuffix(".0") + letter
    return str(count)


def words_in(text: str) -> int:
    """How many words are kept."""
    return len(text.split())


def rate_tok_s(facts: AnswerFacts) -> tuple[float, str] | None:
    """Tokens a second and where the time comes from; None where it is unknown or says nothing."""
    tokens = facts.completion_tokens
    if tokens is None or tokens < RATE_MIN_TOKENS:
        return None
    if facts.completion_s is not None:
        seconds, source = facts.completion_s, "the time the server wrote. From usage.completion_time."
    elif facts.total_s is not None and facts.ttft_s is not None:
        seconds, source = facts.total_s - facts.ttft_s, "the time from first to last token on this machine."
    else:
        return None
    return (tokens / seconds, source) if seconds >= RATE_MIN_S else None


def figures(facts: AnswerFacts) -> tuple[Figure, ...]:
    """The latency line of a finished answer, in the order of the design."""
    about = "≈ " if facts.estimated else ""
    source = "Estimated here; the server reported none." if facts.estimated else "From usage.{}."
    line = [
        Figure(short_model(facts.model) or UNKNOWN, tip=f"Model: {facts.model or 'unknown'}. The one that answered."),
        Figure(
            duration(facts.ttft_s),
            "TTFT",
            tip="Time to first token: from sending to the first piece of thinking or answer. Measured on this machine.",
        ),
    ]
    if (rate := rate_tok_s(facts)) is not None:
        line.append(
            Figure(f"{about}{rate[0]:,.0f}", after="tok/s", tip=f"Speed: completion tokens divided by {rate[1]}")
        )
    prompt = UNKNOWN if facts.prompt_tokens is None else f"{about}{facts.prompt_tokens:,}"
    cached = f", {facts.cached_tokens:,} of them from the cache" if facts.cached_tokens else ""
    line.append(Figure(prompt, after="in", tip=f"Tokens read{cached}. {source.format('prompt_tokens')}"))
    written = UNKNOWN if facts.completion_tokens is None else f"{about}{facts.completion_tokens:,}"
    thought = f", {facts.reasoning_tokens:,} of them thinking" if facts.reasoning_tokens else ""
    line.append(Figure(written, after="out", tip=f"Tokens written{thought}. {source.format('completion_tokens')}"))
    cost = "Cost: tokens times the price of the model."
    unknown = " The price of this model is not known." if facts.cost_nano_usd is None else ""
    line.append(Figure(usd_text(facts.cost_nano_usd), tip=f"{cost} Prices are those of the model list.{unknown}"))
    return tuple(line)


def live_figures(model: str, live: LiveFacts) -> tuple[Figure, ...]:
    """The same line while the answer streams; tokens are estimates until the server reports them."""
    line = [Figure(short_model(model) or UNKNOWN, tip=f"Model: {model}. It is answering.")]
    if live.ttft_s is None:
        line.append(Figure(f"{live.waited_s:.1f} s", "waiting", tip="Time since sending. Measured on this machine."))
        return tuple(line)
    line.append(Figure(duration(live.ttft_s), "TTFT", tip="Time to first token. Measured on this machine."))
    if live.tok_s is not None:
        line.append(Figure(f"≈ {live.tok_s:,.0f}", after="tok/s", tip="Speed so far, from estimated tokens."))
    line.append(Figure(f"≈ {live.tokens:,}", after="out", tip="Tokens so far, estimated from the text."))
    return tuple(line)


def waterfall(facts: AnswerFacts) -> tuple[Part, ...]:
    """Where the time went, in order. With the server's own times: network, queue, prompt, network, completion.

    What the server does not account for is network; half of it is drawn before and half after the server's work, as
    nobody measures the two ways apart. Without server times: to the first token, then the stream. Empty if unknown.
    """
    if facts.total_s is None:
        return ()
    total_ms = facts.total_s * 1000
    if facts.queue_s is not None and facts.prompt_s is not None and facts.completion_s is not None:
        queue, prompt, completion = facts.queue_s * 1000, facts.prompt_s * 1000, facts.completion_s * 1000
        network = max(0.0, total_ms - queue - prompt - completion)
        return (
            Part("Network", network / 2, "network"),
            Part("Queue", queue, "queue"),
            Part("Prompt", prompt, "prompt"),
            Part("Network", network / 2, "network"),
            Part("Completion", completion, "completion"),
        )
    if facts.ttft_s is None:
        return (Part("Whole request", total_ms, "network"),)
    first_ms = min(facts.ttft_s * 1000, total_ms)
    return (Part("First token", first_ms, "network"), Part("Stream", total_ms - first_ms, "completion"))


def has_server_times(facts: AnswerFacts) -> bool:
    """Whether the provider told where its time went."""
    return facts.queue_s is not None and facts.prompt_s is not None and facts.completion_s is not None


def thinking_line(reasoning_s: float | None, tokens: int | None, *, running: bool) -> str:
    """ "Thinking, 0.2 s" while it runs, then "Thought for 0.24 s · 118 tokens"."""
    if running:
        return "Thinking" if reasoning_s is None else f"Thinking, {reasoning_s:.1f} s"
    parts = ["Thought" if reasoning_s is None else f"Thought for {reasoning_s:.2f} s"]
    if tokens:
        parts.append(f"{tokens:,} tokens")
    return " · ".join(parts)


@dataclass(frozen=True, slots=True)
class Remedy:
    """What the button of a card does: a command of the page and its words."""

    command: str
    label: str


def remedy(trouble: Trouble, other: str) -> Remedy:
    """The button for a trouble. `other` names the model to offer instead, "" if there is none."""
    action = trouble.action
    if action in ("Replace key", "Add a key", "Unlock"):
        return Remedy("key", action)
    if trouble.replacement:
        return Remedy("switch", f"Switch to {short_model(trouble.replacement)}")
    if action == "Continue":
        return Remedy("continue", action)
    if action in ("Try again", "Try now") or action.startswith("Send in "):  # the button counts by itself
        return Remedy("regenerate", "Try again" if action.startswith("Send in ") else action)
    if action in ("Shorten", "Edit the message"):
        return Remedy("shorten", action)
    if action == "Choose a model":
        return Remedy("pick", action)
    if action in ("Use another model", "Use gpt-oss-20b") and other:
        return Remedy("other", f"Use {short_model(other)}")
    return Remedy("details", "Show details")


def stopped_by_user(message: StoredMessage) -> bool:
    """Whether the person ended the answer: a quiet state, not an error."""
    return message.trouble is not None and message.trouble.kind == "cancelled"


def limit_reached(message: StoredMessage) -> bool:
    """Whether the answer ended because it may not be longer."""
    return message.state == "done" and message.facts is not None and message.facts.finish_reason == "length"


def sentence_of(figures_of: Sequence[Figure]) -> str:
    """A line of figures for screen readers."""
    return ", ".join(figure.text for figure in figures_of)
