"""The models that the tests of the settings speak about."""

from __future__ import annotations

from groqdesk.core.catalog import Catalog, ModelInfo
from groqdesk.core.settings import resource

CATALOG = Catalog.parse(resource("catalog.toml").read_text("utf-8"))
LLMS = [*CATALOG.models(capability="llm"), *CATALOG.models("demo", "llm")]
GROQ = [m for m in LLMS if m.provider in ("groq", "demo")]


def model(name: str, provider: str = "groq") -> ModelInfo:
    found = CATALOG.find(provider, name)
    assert found is not None
    return found


OSS, QWEN, LLAMA = model("gpt-oss-120b"), model("qwen3.8-27b"), model("llama-3.3-70b-versatile")
GPT5, GPT4O = model("gpt-5.1", "openai"), model("gpt-4o", "openai")
SCHEMA: dict[str, object] = {
    "title": "Order status",
    "type": "object",
    "properties": {"id": {"type": "string"}, "late": {"type": "boolean"}},
    "required": ["id", "late"],
    "additionalProperties": False,
}
