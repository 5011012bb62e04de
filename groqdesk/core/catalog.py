"""The catalogue of models: what each can do, what it costs, when it ends. Pure values, parsed from text that others read.

The shipped text is `resources/catalog.toml`; `Catalog.with_live` lays an account's own model list over it. Provider `demo`
is a mirror of Groq's models that bills nothing.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date
from decimal import Decimal
from typing import Any, Literal, cast, get_args

from groqdesk.core.ports import LiveModel
from groqdesk.core.usage import Capability, TokenPrice

State = Literal["production", "preview", "enterprise", "retired"]
SchemaSupport = Literal["none", "best_effort", "strict"]
ReasoningForm = Literal["none", "separate", "raw"]

MIRRORED = "groq"
MIRROR = "demo"
NO_COST = TokenPrice(0, 0, 0)
UNBILLED = frozenset({MIRROR, "offline"})
_CAPABILITIES: tuple[Capability, ...] = get_args(Capability)
_NANO = 1_000_000_000


@dataclass(frozen=True, slots=True)
class PlanLimits:
    """Limits of one plan: requests and tokens a minute and a day, seconds of audio an hour and a day. None: no limit known."""

    rpm: int | None = None
    rpd: int | None = None
    tpm: int | None = None
    tpd: int | None = None
    ash: int | None = None
    asd: int | None = None


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One model at one provider. None is unknown, never zero.

    `state` is the catalogue's; `is_retired(today)` also minds `ends_on`. `reasoning` says how thinking arrives: in a field of
    its own, raw inside the text unless asked otherwise, or not at all. `live` says whether the account's list holds the model,
    None while no list was read. `limits` are (plan, limits) pairs of the plans "free" and "developer".
    """

    id: str
    provider: str
    capability: Capability
    name: str
    aliases: tuple[str, ...] = ()
    state: State = "production"
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    price: TokenPrice | None = None
    nano_usd_per_hour: int | None = None
    nano_usd_per_m_characters: int | None = None
    minimum_billed_ms: int = 0
    speed_tok_s: int | None = None
    speed_x_realtime: int | None = None
    limits: tuple[tuple[str, PlanLimits], ...] = ()
    tools: bool = False
    parallel_tools: bool = False
    json_mode: bool = False
    json_schema: SchemaSupport = "none"
    reasoning_efforts: tuple[str, ...] = ()
    default_effort: str | None = None
    reasoning: ReasoningForm = "none"
    vision: bool = False
    translation: bool = False
    instructions: bool = False
    realtime_only: bool = False
    voices: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    input_formats: tuple[str, ...] = ()
    input_max_characters: int | None = None
    input_max_bytes: int | None = None
    retired_on: date | None = None
    ends_on: date | None = None
    replacement: str | None = None
    note: str = ""
    price_date: date | None = None
    price_source: str = ""
    live: bool | None = None

    def limit(self, plan: str) -> PlanLimits | None:
        """The limits of plan "free" or "developer", None if they are not known."""
        return dict(self.limits).get(plan)

    def is_retired(self, today: date | None = None) -> bool:
        """Whether the provider has ended the model, by its state or by `ends_on` once `today` has reached it."""
        return self.state == "retired" or bool(today and self.ends_on and today >= self.ends_on)

    @property
    def reasons(self) -> bool:
        """Whether the model thinks before it answers."""
        return self.reasoning != "none" or bool(self.reasoning_efforts)

    @property
    def selectable(self) -> bool:
        """Whether a picker offers it: retired and enterprise models only to an account whose list holds them."""
        if self.realtime_only:
            return False
        if self.state in ("retired", "enterprise"):
            return self.live is True
        return self.live is not False


def capability_words(model: ModelInfo) -> tuple[str, ...]:
    """The chips of a model: its provider, then Tools, Schema, Reasoning, Vision, Translation where they apply."""
    flags = (
        ("Tools", model.tools),
        ("Schema", model.json_schema != "none"),
        ("Reasoning", model.reasons),
        ("Vision", model.vision),
        ("Translation", model.translation),
    )
    return (_PROVIDER_WORDS.get(model.provider, model.provider), *(word for word, has in flags if has))


_PROVIDER_WORDS = {"groq": "Groq", "openai": "OpenAI", "demo": "Demo", "offline": "Offline"}


def transcription_cost_nano_usd(model: ModelInfo, duration_ms: int) -> int | None:
    """Cost of one transcription request: at least `minimum_billed_ms`, rounded half up. None if the price is unknown.

    Source: Groq's speech-to-text page (10 s minimum a request).
    """
    if model.nano_usd_per_hour is None:
        return None
    billed_ms = max(duration_ms, model.minimum_billed_ms)
    return (billed_ms * model.nano_usd_per_hour + 1_800_000) // 3_600_000


def speech_cost_nano_usd(model: ModelInfo, characters: int) -> int | None:
    """Cost of speaking that many characters, rounded half up. None if the model is not priced by characters."""
    if model.nano_usd_per_m_characters is None:
        return None
    return (characters * model.nano_usd_per_m_characters + 500_000) // 1_000_000


@dataclass(frozen=True)
class Catalog:
    """Models in display order, default choices, and the user's own prices. Immutable: every change is a new catalogue."""

    entries: tuple[ModelInfo, ...] = ()
    defaults: Mapping[tuple[str, Capability], str] = field(default_factory=dict)
    overrides: Mapping[tuple[str, str], TokenPrice] = field(default_factory=dict)
    _index: Mapping[tuple[str, str], ModelInfo] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_index", _indexed(self.entries))

    @staticmethod
    def parse(text: str) -> Catalog:
        """A catalogue from the text of a catalogue file. ValueError says in which line and model it is wrong."""
        return _parse(text)

    def models(self, provider: str | None = None, capability: Capability | None = None) -> tuple[ModelInfo, ...]:
        """Models in display order; without `provider` those of every real provider, without the mirror `demo`."""
        return tuple(
            model
            for model in self.entries
            if (model.provider == provider if provider is not None else model.provider != MIRROR)
            and (capability is None or model.capability == capability)
        )

    def find(self, provider: str, id_or_alias: str) -> ModelInfo | None:
        """The model with that id or alias, without regard to case."""
        return self._index.get((provider, id_or_alias.strip().casefold()))

    def replacement(self, provider: str, id_or_alias: str) -> str | None:
        """The id of the successor that is not retired itself. None if there is none or the model is unknown."""
        model, seen = self.find(provider, id_or_alias), set[str]()
        while model is not None and model.replacement and model.id not in seen:
            seen.add(model.id)
            model = self.find(provider, model.replacement)
            if model is not None and model.state != "retired":
                return model.id
        return None

    def price(self, provider: str, id_or_alias: str) -> TokenPrice | None:
        """The token price: the user's own, else the catalogue's. What runs on this machine costs nothing; None is unknown."""
        model = self.find(provider, id_or_alias)
        known = model.id if model else id_or_alias
        own = self.overrides.get((provider, known))
        if own is not None:
            return own
        if provider in UNBILLED:
            return NO_COST
        return model.price if model else None

    def default(self, provider: str, capability: Capability) -> ModelInfo | None:
        """The model to begin with: the catalogue's choice, else the first that can be selected."""
        chosen = self.find(provider, self.defaults.get((provider, capability), ""))
        if chosen is not None and chosen.selectable:
            return chosen
        return next((model for model in self.models(provider, capability) if model.selectable), None)

    def with_live(self, provider: str, live: Sequence[LiveModel]) -> Catalog:
        """This catalogue with an account's list laid over it.

        Listed models are `live` and take the server's context and output sizes; features that the server does not list are
        switched off. Unknown ones are appended with what the server says and without a price. The others are `live=False`.
        Listed embedding, image and moderation models are left out.
        """
        listed: dict[str, LiveModel] = {}
        fresh: dict[str, ModelInfo] = {}
        for item in live:
            known = self.find(provider, item.id)
            if known is not None:
                # An exact id says more than an alias of the same model.
                if known.id not in listed or item.id == known.id:
                    listed[known.id] = item
            elif (model := _from_live(provider, item)) is not None:
                fresh.setdefault(model.id.casefold(), model)
        entries = tuple(_laid_over(m, listed.get(m.id)) if m.provider == provider else m for m in self.entries)
        return replace(self, entries=entries + tuple(fresh.values()))

    def with_overrides(self, prices: Mapping[tuple[str, str], TokenPrice]) -> Catalog:
        """This catalogue with the user's own prices by (provider, model id or alias); also for models it does not know."""
        own = dict(self.overrides)
        for (provider, name), price in prices.items():
            model = self.find(provider, name)
            own[provider, model.id if model else name] = price
        entries = tuple(
            replace(m, price=own[m.provider, m.id], price_date=None, price_source="Your price")
            if (m.provider, m.id) in own
            else m
            for m in self.entries
        )
        return replace(self, entries=entries, overrides=own)


def _indexed(entries: Sequence[ModelInfo]) -> dict[tuple[str, str], ModelInfo]:
    index: dict[tuple[str, str], ModelInfo] = {}
    for model in entries:
        for name in (model.id, *model.aliases):
            key = (model.provider, name.casefold())
            if key in index:
                raise ValueError(f'"{name}" stands twice at {model.provider}')
            index[key] = model
    return index


# What an account's list says


def _laid_over(model: ModelInfo, item: LiveModel | None) -> ModelInfo:
    if item is None:
        return replace(model, live=False)
    model = replace(
        model,
        live=True,
        context_tokens=item.context_tokens or model.context_tokens,
        max_output_tokens=item.max_output_tokens or model.max_output_tokens,
    )
    if not item.features or model.capability != "llm":
        return model
    has = set(item.features)
    tools = model.tools and "tools" in has
    return replace(
        model,
        tools=tools,
        parallel_tools=model.parallel_tools and tools,
        json_mode=model.json_mode and "json_mode" in has,
    )


def _from_live(provider: str, item: LiveModel) -> ModelInfo | None:
    capability = item.capability or _guessed_capability(item.id)
    if capability is None or not item.id.strip():
        return None
    features = set(item.features or ())
    reasoning: ReasoningForm = "none"
    efforts: tuple[str, ...] = ()
    if provider == "openai" and _OPENAI_REASONING.match(item.id):
        efforts = ("low", "medium", "high")
    elif "reasoning" in features:
        reasoning = "separate" if "gpt-oss" in item.id else "raw"
    return ModelInfo(
        id=item.id,
        provider=provider,
        capability=capability,
        name=item.id.rsplit("/", 1)[-1] or item.id,
        context_tokens=item.context_tokens,
        max_output_tokens=item.max_output_tokens,
        tools=capability == "llm" and (item.features is None or "tools" in features),
        json_mode="json_mode" in features,
        json_schema="best_effort" if "structured_outputs" in features else "none",
        reasoning=reasoning,
        reasoning_efforts=efforts,
        vision="image" in (item.input_modalities or ()),
        input_max_characters=200 if provider in (MIRRORED, MIRROR) and "orpheus" in item.id else None,
        live=True,
    )


# Ids of models that this app has no use for, and of speech models, in lists that name no modality (groq-api §6).
_OTHER_KIND = re.compile(
    r"embed|moderation|dall-e|image|sora|realtime|rerank|davinci|babbage|search-api|live-transcribe", re.I
)
_STT = re.compile(r"whisper|transcribe", re.I)
_TTS = re.compile(r"orpheus|tts|playai", re.I)
_OPENAI_REASONING = re.compile(r"o\d|gpt-([5-9]|\d\d)", re.I)


def _guessed_capability(model_id: str) -> Capability | None:
    if _OTHER_KIND.search(model_id):
        return None
    if _STT.search(model_id):
        return "stt"
    return "tts" if _TTS.search(model_id) else "llm"


# The catalogue file


def _parse(text: str) -> Catalog:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"catalogue: {error}") from error
    _only(document, {"version", "sources", "defaults", "model"}, "catalogue")
    if document.get("version") != 1:
        raise ValueError("catalogue: version must be 1")
    sources = {name: _source(name, raw) for name, raw in _table(document, "sources", "catalogue").items()}
    lines = [number for number, line in enumerate(text.splitlines(), 1) if line.strip() == "[[model]]"]
    raws = document.get("model", [])
    if not isinstance(raws, list):
        raise ValueError("catalogue: model must be a list of tables")
    entries: list[ModelInfo] = []
    seen: dict[tuple[str, str], str] = {}
    for position, raw in enumerate(raws):
        where = f"catalogue line {lines[position]}" if position < len(lines) else f"catalogue model {position + 1}"
        if isinstance(raw, dict):
            where = f'{where}, "{raw.get("id", "?")}"'
        model = _model(raw, where, sources)
        for name in (model.id, *model.aliases):
            key = (model.provider, name.casefold())
            if key in seen:
                raise ValueError(f'{where}: "{name}" is already taken by "{seen[key]}"')
            seen[key] = model.id
        entries.append(model)
    for model in entries:
        if model.replacement is not None and (model.provider, model.replacement.casefold()) not in seen:
            raise ValueError(f'catalogue, "{model.id}": replacement "{model.replacement}" is not in the catalogue')
    defaults = _defaults(_table(document, "defaults", "catalogue"), entries)
    mirrored = tuple(_mirrored(model) for model in entries if model.provider == MIRRORED)
    defaults |= {(MIRROR, what): name for (provider, what), name in defaults.items() if provider == MIRRORED}
    return Catalog((*entries, *mirrored), defaults)


def _mirrored(model: ModelInfo) -> ModelInfo:
    return replace(
        model,
        provider=MIRROR,
        price=NO_COST if model.capability == "llm" else None,
        nano_usd_per_hour=0 if model.capability == "stt" else None,
        nano_usd_per_m_characters=0 if model.capability == "tts" else None,
        price_date=None,
        price_source="Runs on this machine",
    )


def _defaults(raw: Mapping[str, Any], entries: Sequence[ModelInfo]) -> dict[tuple[str, Capability], str]:
    known = {(m.provider, m.capability, m.id) for m in entries}
    defaults: dict[tuple[str, Capability], str] = {}
    for provider, choices in raw.items():
        where = f"catalogue, defaults.{provider}"
        if not isinstance(choices, dict):
            raise ValueError(f"{where} must be a table")
        _only(choices, set(_CAPABILITIES), where)
        for capability, name in choices.items():
            if (provider, capability, name) not in known:
                raise ValueError(f'{where}: "{name}" is not a model for {capability}')
            defaults[provider, cast("Capability", capability)] = name
    return defaults


def _source(name: str, raw: Any) -> tuple[date, str]:
    where = f"catalogue, sources.{name}"
    if not isinstance(raw, dict):
        raise ValueError(f"{where} must be a table")
    _only(raw, {"date", "text"}, where)
    return _date(raw.get("date"), f"{where}: date"), _text(raw.get("text"), f"{where}: text")


def _model(raw: Any, where: str, sources: Mapping[str, tuple[date, str]]) -> ModelInfo:
    _only(raw, set(_READ) | {"price", "usd_per_hour", "usd_per_m_characters", "free", "developer", "source"}, where)
    for key in ("id", "provider", "capability", "name", "state"):
        if key not in raw:
            raise ValueError(f"{where}: {key} is missing")
    values: dict[str, Any] = {key: read(raw[key], f"{where}: {key}") for key, read in _READ.items() if key in raw}
    if "price" in raw:
        values["price"] = _token_price(raw["price"], f"{where}: price")
    for key, name in (("usd_per_hour", "nano_usd_per_hour"), ("usd_per_m_characters", "nano_usd_per_m_characters")):
        if key in raw:
            values[name] = _nano_usd(raw[key], f"{where}: {key}")
    values["limits"] = tuple(
        (plan, _limits(raw[plan], f"{where}: {plan}")) for plan in ("free", "developer") if plan in raw
    )
    if "source" in raw:
        if raw["source"] not in sources:
            raise ValueError(f"{where}: source {raw['source']!r} is not one of {', '.join(sources)}")
        values["price_date"], values["price_source"] = sources[raw["source"]]
    priced = any(key in raw for key in ("price", "usd_per_hour", "usd_per_m_characters"))
    if priced != ("source" in raw):
        raise ValueError(f"{where}: a price has a source, and a source a price")
    model = ModelInfo(**values)
    if (model.state == "retired") != (model.retired_on is not None):
        raise ValueError(f"{where}: retired models have a retired_on, others have none")
    if model.default_effort is not None and model.default_effort not in model.reasoning_efforts:
        raise ValueError(f"{where}: default_effort is not one of reasoning_efforts")
    return model


def _only(raw: Any, known: set[str], where: str) -> None:
    if not isinstance(raw, dict):
        raise ValueError(f"{where} must be a table")
    unknown = sorted(set(raw) - known)
    if unknown:
        raise ValueError(f'{where}: unknown key "{unknown[0]}"')


def _table(raw: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
    value = raw.get(key, {})
    if not isinstance(value, dict):
        raise ValueError(f"{where}: {key} must be a table")
    return value


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{where} must be text")
    return value


def _texts(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{where} must be a list of text")
    return tuple(_text(item, where) for item in value)


def _count(value: Any, where: str) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{where} must be a whole number")
    return value


def _flag(value: Any, where: str) -> bool:
    if type(value) is not bool:
        raise ValueError(f"{where} must be true or false")
    return value


def _date(value: Any, where: str) -> date:
    if type(value) is not date:
        raise ValueError(f"{where} must be a date")
    return value


def _one_of(allowed: tuple[str, ...]) -> Callable[[Any, str], str]:
    def read(value: Any, where: str) -> str:
        if value not in allowed:
            raise ValueError(f"{where} must be one of {', '.join(allowed)}")
        return str(value)

    return read


_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,8})(\.[0-9]{1,9})?")


def _nano_usd(value: Any, where: str) -> int:
    """Exact nano-dollars of decimal dollars; text, because a binary fraction is not exact."""
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
        raise ValueError(f'{where} must be dollars as decimal text, such as "0.0375"')
    return int(Decimal(value) * _NANO)


def _token_price(value: Any, where: str) -> TokenPrice:
    _only(value, {"prompt", "cached", "completion"}, where)
    for key in ("prompt", "completion"):
        if key not in value:
            raise ValueError(f"{where}: {key} is missing")
    cached = _nano_usd(value["cached"], f"{where}.cached") if "cached" in value else None
    return TokenPrice(
        _nano_usd(value["prompt"], f"{where}.prompt"), _nano_usd(value["completion"], f"{where}.completion"), cached
    )


def _limits(value: Any, where: str) -> PlanLimits:
    _only(value, {f.name for f in fields(PlanLimits)}, where)
    return PlanLimits(**{key: _count(number, f"{where}.{key}") for key, number in value.items()})


_READ: dict[str, Callable[[Any, str], Any]] = {
    "id": _text,
    "provider": _text,
    "capability": _one_of(_CAPABILITIES),
    "name": _text,
    "aliases": _texts,
    "state": _one_of(get_args(State)),
    "context_tokens": _count,
    "max_output_tokens": _count,
    "minimum_billed_ms": _count,
    "speed_tok_s": _count,
    "speed_x_realtime": _count,
    "tools": _flag,
    "parallel_tools": _flag,
    "json_mode": _flag,
    "json_schema": _one_of(get_args(SchemaSupport)),
    "reasoning_efforts": _texts,
    "default_effort": _text,
    "reasoning": _one_of(get_args(ReasoningForm)),
    "vision": _flag,
    "translation": _flag,
    "instructions": _flag,
    "realtime_only": _flag,
    "voices": _texts,
    "formats": _texts,
    "input_formats": _texts,
    "input_max_characters": _count,
    "input_max_bytes": _count,
    "retired_on": _date,
    "ends_on": _date,
    "replacement": _text,
    "note": _text,
}
