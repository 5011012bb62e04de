"""The model picker: every language model of the providers in use, to type at or to walk through by arrows."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from groqdesk.core.catalog import ModelInfo
from groqdesk.core.messages import ModelChoice
from groqdesk.ui.answer_facts import UNKNOWN, compact
from groqdesk.ui.controls import PopoverItem, PopoverMenu

SEPARATOR = "\x1f"


def price_text(model: ModelInfo) -> str:
    """ "$0.15 / $0.60" for a million tokens in and out; "free" for what is not billed, a dash if unknown."""
    if model.price is None:
        return UNKNOWN
    prompt, completion = model.price.prompt_nano_usd_per_m, model.price.completion_nano_usd_per_m
    if not prompt and not completion:
        return "free"
    return f"{_usd(prompt)} / {_usd(completion)}"


def _usd(nano_usd: int) -> str:
    whole, rest = divmod(nano_usd, 1_000_000_000)
    decimals = f"{rest:09d}".rstrip("0").ljust(2, "0")
    return f"${whole:,}.{decimals}"


def state_text(model: ModelInfo) -> str:
    """Preview, Retired with its day, Not served here; empty for a model like any other."""
    if model.state == "retired":
        return f"Retired {model.retired_on:%d %b %Y}" if model.retired_on else "Retired"
    if model.live is False:
        return "Not served to this account"
    if model.ends_on is not None:
        return f"Ends {model.ends_on:%d %b %Y}"
    return {"preview": "Preview", "enterprise": "Enterprise"}.get(model.state, "")


def item_for(model: ModelInfo, section: str) -> PopoverItem:
    """One row: name, context and speed, price."""
    facts = [state_text(model)] if state_text(model) else []
    if model.context_tokens:
        facts.append(f"{compact(model.context_tokens)} context")
    if model.speed_tok_s:
        facts.append(f"{model.speed_tok_s:,} tok/s")
    return PopoverItem(
        f"{model.provider}{SEPARATOR}{model.id}",
        model.name,
        " · ".join(facts),
        price_text(model),
        section=section,
        enabled=model.selectable,
        keywords=f"{model.id} {' '.join(model.aliases)}",
    )


class ModelPicker(PopoverMenu):
    """`picked(ModelChoice)` is emitted with the model that was chosen."""

    picked = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(
            name="Models", placeholder="Search models", width=380, empty_text="No model of that name", parent=parent
        )
        self.chosen.connect(self._on_chosen)

    def show_models(self, groups: Sequence[tuple[str, Sequence[ModelInfo]]], present: ModelChoice) -> None:
        """Models by provider name, in order, with the mark at the present one."""
        items = tuple(item_for(model, name) for name, models in groups for model in models)
        current = next(
            (
                f"{model.provider}{SEPARATOR}{model.id}"
                for _, models in groups
                for model in models
                if model.provider == present.provider and present.model in (model.id, *model.aliases)
            ),
            "",
        )
        self.set_items(items, current)

    def _on_chosen(self, item_id: str) -> None:
        provider, model = item_id.split(SEPARATOR, 1)
        self.picked.emit(ModelChoice(provider, model))
