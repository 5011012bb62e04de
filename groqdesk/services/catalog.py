"""CatalogService: the shipped catalog, joined with what each account is served."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from groqdesk.core import tokens
from groqdesk.core.catalog import Catalog, ModelInfo
from groqdesk.core.messages import ModelChoice
from groqdesk.core.ports import LiveModel, ProviderSource
from groqdesk.core.usage import Capability, TokenPrice


class CatalogService:
    """The one catalog of this run. `refresh` asks a provider which models it serves; everything else is a look-up."""

    def __init__(
        self, catalog: Catalog, providers: ProviderSource, learned: Callable[[Catalog], None] = lambda _: None
    ) -> None:
        """`learned` hears of the catalog after each change."""
        self._shipped = self._catalog = catalog
        self._providers = providers
        self._learned = learned
        self._live: dict[str, tuple[LiveModel, ...]] = {}

    @property
    def catalog(self) -> Catalog:
        return self._catalog

    async def refresh(self, provider: str, base_url: str | None = None) -> int:
        """Learns the provider's models; says how many it serves. Raises `ProviderError`."""
        live = await self._providers.live_models(provider, base_url)
        self._live[provider] = live
        catalog = self._shipped
        for name, models in self._live.items():
            catalog = catalog.with_live(name, models)
        self._catalog = catalog
        self._learned(catalog)
        return len(live)

    def find(self, provider: str, model: str) -> ModelInfo | None:
        return self._catalog.find(provider, model)

    def models(self, provider: str | None = None, capability: Capability | None = None) -> tuple[ModelInfo, ...]:
        return self._catalog.models(provider, capability)

    def choosable(self, provider: str) -> tuple[ModelInfo, ...]:
        """Language models to show in a picker: those that can be chosen, then retired ones for their successor's sake."""
        models = self._catalog.models(provider, "llm")
        retired = [m for m in models if m.state == "retired" and not m.selectable and m.replacement]
        return (*(m for m in models if m.selectable), *retired)

    def price(self, provider: str, model: str) -> TokenPrice | None:
        return self._catalog.price(provider, model)

    def replacement(self, provider: str, model: str) -> str | None:
        return self._catalog.replacement(provider, model)

    def worst_cost_nano_usd(
        self, choice: ModelChoice, model: ModelInfo | None, prompt_tokens: int, values: Mapping[str, Any]
    ) -> int | None:
        """The most that a call can cost: the prompt plus every token it may write. None if the price is unknown."""
        price = self.price(choice.provider, choice.model)
        most = values.get("max_completion_tokens") or (model.max_output_tokens if model else None)
        if price is None or not isinstance(most, int):
            return None
        return tokens.worst_cost_nano_usd(prompt_tokens, most, price)
