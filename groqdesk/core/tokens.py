"""How many tokens a text is likely to have, and how many a request can have at most. No tokenizer: always show with "≈".

An estimate is characters by script times a weight, then times a `Factor` learned per model from what servers report.
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from groqdesk.core.catalog import ModelInfo
from groqdesk.core.messages import ChatRequest, Message, ToolSpec
from groqdesk.core.usage import TokenPrice, TokenUsage, cost_nano_usd

# Longer texts are judged by evenly spaced slices: a 2 MB paste costs the same as 32 KB.
SAMPLE_SLICES = 32
SLICE_CHARACTERS = 1024

# Thousandths of a token per character.
_LETTERS, _DIGITS, _SPACES, _SIGNS = 240, 430, 40, 800
_SCRIPTS: tuple[tuple[re.Pattern[str], int], ...] = (
    (re.compile("[\u00aa-\u024f\u1e00-\u1eff]+"), 450),  # Latin with marks
    (re.compile("[\u0370-\u052f\u1f00-\u1fff]+"), 400),  # Greek, Cyrillic
    (re.compile("[\u0530-\u08ff]+"), 500),  # Armenian, Hebrew, Arabic
    (re.compile("[\u0900-\u1dff]+"), 650),  # South and South-East Asia, Georgian, Ethiopic
    (re.compile("[\u2000-\u206f\u3000-\u303f\uff00-\uffef]+"), 700),  # Typographic and wide signs
    (re.compile("[\u3040-\u30ff]+"), 750),  # Kana
    (re.compile("[\uac00-\ud7af]+"), 800),  # Hangul
    (re.compile("[\u2e80-\u2fff\u3100-\u9fff\uf900-\ufaff]+"), 950),  # Han
)
_OTHER = 1800  # Emoji and rare scripts: several bytes, several tokens
_ASCII: tuple[tuple[bytes, int], ...] = (
    (string.ascii_letters.encode(), _LETTERS),
    (string.digits.encode(), _DIGITS),
    (string.whitespace.encode(), _SPACES),
)

# Template around messages [recorded: llama 18 tokens for a question of 8, gpt-oss 84 for one of 10].
_A_MESSAGE, _A_REQUEST, _HARMONY_REQUEST = 4, 6, 70

# What no answer exceeds where neither the request nor the catalogue says how long it may be.
UNKNOWN_OUTPUT_TOKENS = 131_072


def estimate(text: str) -> int:
    """Likely tokens of a text; 0 for none. Deterministic, and never reads more than 32,768 characters."""
    if not text:
        return 0
    sample = _sample(text)
    weight = _weight(sample)
    return max(1, (weight * len(text) + 500 * len(sample)) // (1000 * len(sample)))


def _sample(text: str) -> str:
    if len(text) <= SAMPLE_SLICES * SLICE_CHARACTERS:
        return text
    span = len(text) - SLICE_CHARACTERS
    starts = (span * number // (SAMPLE_SLICES - 1) for number in range(SAMPLE_SLICES))
    return "".join(text[start : start + SLICE_CHARACTERS] for start in starts)


def _weight(text: str) -> int:
    """Thousandths of tokens. Counting happens in C: bytes.translate for ASCII, runs of a script for the rest."""
    rest = text.encode("ascii", "ignore")
    left, weight = len(rest), 0
    for characters, per_character in _ASCII:
        without = len(rest) - len(rest.translate(None, characters))
        weight += without * per_character
        left -= without
    weight += left * _SIGNS
    others = len(text) - len(rest)
    if others:
        for pattern, per_character in _SCRIPTS:
            count = sum(map(len, pattern.findall(text)))
            weight += count * per_character
            others -= count
        weight += others * _OTHER
    return weight


def estimate_messages(
    messages: Iterable[Message], tools: Sequence[ToolSpec] = (), model: ModelInfo | None = None
) -> int:
    """Likely prompt tokens of messages with their template, tool calls and offered tools; 0 for no message."""
    total = 0
    for message in messages:
        total += _A_MESSAGE + estimate(message.content)
        total += sum(8 + estimate(call.name) + estimate(call.arguments) for call in message.tool_calls)
    if not total:
        return 0
    harmony = model is not None and model.reasoning == "separate"
    offered = sum(12 + estimate(_tool_text(tool)) for tool in tools)
    return total + offered + (_HARMONY_REQUEST if harmony else _A_REQUEST)


def _tool_text(tool: ToolSpec) -> str:
    return f"{tool.name} {tool.description} {json.dumps(tool.parameters, default=dict)}"


def prompt_upper_bound(request: ChatRequest, model: ModelInfo | None) -> int:
    """Prompt tokens that a request cannot exceed: no tokenizer makes more than one token of a byte; plus the template.

    Never more than the model can read, where the catalogue knows it: a server refuses the rest unbilled.
    """
    total = 256
    for message in request.messages:
        total += 16 + _bytes(message.content)
        total += sum(16 + _bytes(call.id) + _bytes(call.name) + _bytes(call.arguments) for call in message.tool_calls)
    if request.tools:
        # Tool preambles of up to 700 tokens are on record; escaping doubles a schema at worst.
        total += 1024 + sum(32 + 2 * _bytes(_tool_text(tool)) for tool in request.tools)
    schema = request.parameters.get("response_schema")
    if schema is not None:
        total += 2 * _bytes(json.dumps(schema, default=str))
    if model is not None and model.context_tokens:
        return min(total, model.context_tokens)
    return total


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def completion_upper_bound(request: ChatRequest, model: ModelInfo | None) -> int:
    """Completion tokens that an answer cannot exceed: the request's own limit, else the model's."""
    own = request.parameters.get("max_completion_tokens")
    most = (model.max_output_tokens or model.context_tokens) if model else None
    if isinstance(own, int) and not isinstance(own, bool) and own > 0:
        return min(own, most) if most else own
    return most or UNKNOWN_OUTPUT_TOKENS


def upper_bound(request: ChatRequest, model: ModelInfo | None) -> int:
    """Tokens, prompt and completion, that a hard limit reserves for a request."""
    return prompt_upper_bound(request, model) + completion_upper_bound(request, model)


def worst_cost_nano_usd(prompt_tokens: int, max_tokens: int, price: TokenPrice | None) -> int | None:
    """What a call costs at most: nothing cached, the answer as long as it may be. None if the price is unknown."""
    return cost_nano_usd(TokenUsage(prompt_tokens, max_tokens), price)


@dataclass(frozen=True, slots=True)
class Factor:
    """How a model's real token counts relate to our estimates. `value` 1.0 and `seen` 0 before anything is known."""

    value: float = 1.0
    seen: int = 0

    LOWEST: ClassVar[float] = 0.25
    HIGHEST: ClassVar[float] = 4.0

    def applied(self, estimated: int) -> int:
        """An estimate corrected by what was learned."""
        return round(estimated * self.value)

    def updated(self, estimated: int, reported: int) -> Factor:
        """The factor after one more call. Calls under 32 tokens say more about the template than about the text.

        The first calls count as a plain mean, later ones with a weight of 1/8.
        """
        if estimated < 32 or reported < 32:
            return self
        ratio = min(max(reported / estimated, self.LOWEST), self.HIGHEST)
        weight = 1 / min(self.seen + 1, 8)
        return Factor(self.value + (ratio - self.value) * weight, self.seen + 1)
