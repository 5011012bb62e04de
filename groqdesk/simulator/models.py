"""Which models the simulator serves, with what limits, speed and abilities.

Source: Groq's models, rate limits and deprecations pages as of November 2026. `GET /models` shows them in the shape of
August 2026 (with `name`, modalities and `supported_features`). Limits are those of the free plan. Times are seconds,
speeds tokens per second, sizes tokens.
"""

from dataclasses import dataclass
from typing import Any

from groqdesk.simulator.limits import ModelLimits

GPT_OSS_EFFORTS = ("low", "medium", "high")
QWEN_EFFORTS = ("none", "default", "low", "medium", "high")


@dataclass(frozen=True, slots=True)
class ServedModel:
    """One model of the list: identity, abilities, pace and the limits of the free plan."""

    id: str
    name: str
    owned_by: str
    created: int
    context_window: int
    max_completion_tokens: int
    limits: ModelLimits
    tokens_per_s: float = 500.0
    input_modalities: tuple[str, ...] = ("text",)
    output_modalities: tuple[str, ...] = ("text",)
    features: tuple[str, ...] = ()
    efforts: tuple[str, ...] = ()
    channel: bool = False
    """gpt-oss: reasoning is always a separate field, its deltas carry `"channel":"analysis"`, prompts are cached."""
    parallel_tools: bool = False
    classifier: bool = False

    @property
    def chats(self) -> bool:
        """Whether `/chat/completions` takes this model."""
        return self.output_modalities == ("text",)

    @property
    def tools(self) -> bool:
        """Whether the model calls functions."""
        return "tools" in self.features

    @property
    def structured(self) -> bool:
        """Whether `response_format` may be `json_schema`."""
        return "structured_outputs" in self.features

    def as_json(self) -> dict[str, Any]:
        """The entry of `GET /models`."""
        return {
            "id": self.id,
            "object": "model",
            "created": self.created,
            "owned_by": self.owned_by,
            "active": True,
            "context_window": self.context_window,
            "public_apps": None,
            "max_completion_tokens": self.max_completion_tokens,
            "name": self.name,
            "input_modalities": list(self.input_modalities),
            "output_modalities": list(self.output_modalities),
            "supported_features": list(self.features),
        }


_CHAT_LIMITS = ModelLimits(rpm=30, rpd=1000, tpm=8000, tpd=200_000)
_GUARD_LIMITS = ModelLimits(rpm=30, rpd=14_400, tpm=15_000, tpd=500_000)
_SPEECH_LIMITS = ModelLimits(rpm=10, rpd=100, tpm=1200, tpd=3600)
_WHISPER_LIMITS = ModelLimits(rpm=20, rpd=2000)
_REASONS = ("tools", "json_mode", "structured_outputs", "reasoning")


def _whisper(suffix: str, name: str, created: int) -> ServedModel:
    return ServedModel(
        f"whisper-{suffix}",
        name,
        "OpenAI",
        created,
        448,
        448,
        _WHISPER_LIMITS,
        input_modalities=("audio",),
        output_modalities=("transcription",),
    )


def _guard(size: str) -> ServedModel:
    return ServedModel(
        f"meta-llama/llama-prompt-guard-2-{size}",
        f"Llama Prompt Guard 2 {size.upper()}",
        "Meta",
        1748632101 if size == "22m" else 1748632165,
        512,
        512,
        _GUARD_LIMITS,
        tokens_per_s=1000.0,
        classifier=True,
    )


def _orpheus(suffix: str, name: str, created: int) -> ServedModel:
    return ServedModel(
        f"canopylabs/orpheus-{suffix}",
        name,
        "Canopy Labs",
        created,
        4000,
        50_000,
        _SPEECH_LIMITS,
        output_modalities=("speech",),
    )


SERVED: dict[str, ServedModel] = {
    model.id: model
    for model in (
        ServedModel(
            "openai/gpt-oss-120b",
            "GPT OSS 120B",
            "OpenAI",
            1754408224,
            131_072,
            65_536,
            _CHAT_LIMITS,
            tokens_per_s=500.0,
            features=_REASONS,
            efforts=GPT_OSS_EFFORTS,
            channel=True,
        ),
        ServedModel(
            "openai/gpt-oss-20b",
            "GPT OSS 20B",
            "OpenAI",
            1754407957,
            131_072,
            65_536,
            _CHAT_LIMITS,
            tokens_per_s=1000.0,
            features=_REASONS,
            efforts=GPT_OSS_EFFORTS,
            channel=True,
        ),
        ServedModel(
            "qwen/qwen3.8-27b",
            "Qwen 3.8 27B",
            "Alibaba Cloud",
            1786984846,
            131_072,
            16_384,
            _CHAT_LIMITS,
            tokens_per_s=450.0,
            input_modalities=("text", "image"),
            features=("tools", "json_mode", "reasoning"),
            efforts=QWEN_EFFORTS,
            parallel_tools=True,
        ),
        ServedModel(
            "openai/gpt-oss-safeguard-20b",
            "Safety GPT OSS 20B",
            "OpenAI",
            1761708789,
            131_072,
            65_536,
            _CHAT_LIMITS,
            tokens_per_s=1000.0,
            features=("tools", "json_mode", "reasoning"),
            efforts=GPT_OSS_EFFORTS,
            channel=True,
        ),
        _guard("22m"),
        _guard("86m"),
        ServedModel(
            "allam-2-7b",
            "Allam 2 7B",
            "SDAIA",
            1737672203,
            4096,
            4096,
            ModelLimits(rpm=30, rpd=7000, tpm=6000, tpd=500_000),
            features=("json_mode",),
        ),
        _whisper("large-v3", "Whisper Large V3", 1693721698),
        _whisper("large-v3-turbo", "Whisper Large V3 Turbo", 1728413088),
        _orpheus("v1-english", "Orpheus V1 English", 1766186316),
        _orpheus("arabic-saudi", "Orpheus Arabic Saudi", 1765926439),
    )
}
"""Every model that is served, in the order of the list."""

RETIRED: tuple[str, ...] = (
    "llama-3.1-8b-instant",
    "llama-3.3-70b-versatile",
    "llama3-8b-8192",
    "llama3-70b-8192",
    "distil-whisper-large-v3-en",
    "deepseek-r1-distill-llama-70b",
    "gemma2-9b-it",
    "playai-tts",
    "playai-tts-arabic",
    "meta-llama/llama-guard-4-12b",
    "meta-llama/llama-4-maverick-17b-128e-instruct",
    "meta-llama/llama-4-scout-17b-16e-instruct",
    "moonshotai/kimi-k2-instruct-0905",
    "qwen/qwen3-32b",
    "qwen/qwen3.6-27b",
    "groq/compound",
    "groq/compound-mini",
)
"""Models that Groq has shut down for ordinary keys: 404 `model_not_found`, or 400 `model_decommissioned` by script."""
