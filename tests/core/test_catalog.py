"""The shipped catalogue says what the providers publish, and the merges keep it honest."""

from __future__ import annotations

from datetime import date

import pytest

from groqdesk.core.catalog import (
    NO_COST,
    Catalog,
    ModelInfo,
    PlanLimits,
    capability_words,
    speech_cost_nano_usd,
    transcription_cost_nano_usd,
)
from groqdesk.core.ports import LiveModel
from groqdesk.core.settings import resource
from groqdesk.core.usage import TokenPrice, TokenUsage, cost_nano_usd

CATALOG = Catalog.parse(resource("catalog.toml").read_text("utf-8"))


def model(provider: str, name: str) -> ModelInfo:
    found = CATALOG.find(provider, name)
    assert found is not None, name
    return found


# Prices a million tokens in millionths of a dollar: in, cached, out; context, output.
GROQ_LLM = [
    ("openai/gpt-oss-120b", 150_000, 75_000, 600_000, 131072, 65536, 500),
    ("openai/gpt-oss-20b", 75_000, 37_500, 300_000, 131072, 65536, 1000),
    ("qwen/qwen3.8-27b", 800_000, None, 4_000_000, 131072, 16384, 450),
    ("openai/gpt-oss-safeguard-20b", 75_000, 37_000, 300_000, 131072, 65536, 1000),
    ("meta-llama/llama-prompt-guard-2-22m", 30_000, None, 30_000, 512, 512, None),
    ("meta-llama/llama-prompt-guard-2-86m", 40_000, None, 40_000, 512, 512, None),
    ("llama-3.3-70b-versatile", 590_000, None, 790_000, 131072, 32768, 280),
    ("llama-3.1-8b-instant", 50_000, None, 80_000, 131072, 131072, 560),
]


@pytest.mark.parametrize(("name", "in_", "cached", "out", "context", "output", "speed"), GROQ_LLM)
def test_groq_language_models(
    name: str, in_: int, cached: int | None, out: int, context: int, output: int, speed: int | None
) -> None:
    found = model("groq", name)
    assert found.price == TokenPrice(in_ * 1000, out * 1000, None if cached is None else cached * 1000)
    assert (found.context_tokens, found.max_output_tokens, found.speed_tok_s) == (context, output, speed)
    assert found.price_date is not None
    assert found.price_source


@pytest.mark.parametrize("name", ["minimaxai/minimax-m2.7", "allam-2-7b"])
def test_unpublished_prices_are_unknown_not_zero(name: str) -> None:
    assert model("groq", name).price is None
    assert CATALOG.price("groq", name) is None
    assert cost_nano_usd(TokenUsage(1, 1), CATALOG.price("groq", name)) is None


OPENAI_LLM = [
    ("gpt-6-astra", 10_000, 1000, 50_000), ("gpt-6.1-sol", 2000, 100, 10_000), ("gpt-6-sol", 2000, 200, 10_000),
    ("gpt-6.1-terra", 1000, 50, 5000), ("gpt-6-luna", 100, 10, 500), ("gpt-5.6-sol", 4000, 400, 20_000),
    ("gpt-5.6-terra", 2000, 200, 12_000), ("gpt-5.6-luna", 200, 20, 1200), ("gpt-5.5", 5000, 500, 30_000),
    ("gpt-5.4", 2500, 250, 15_000), ("gpt-5.4-mini", 750, 75, 4500), ("gpt-5.2", 1750, 175, 14_000),
    ("gpt-5.1", 1250, 125, 10_000),
]  # fmt: skip


@pytest.mark.parametrize(("name", "in_", "cached", "out"), OPENAI_LLM)
def test_openai_language_models(name: str, in_: int, cached: int, out: int) -> None:
    million = 1_000_000
    assert model("openai", name).price == TokenPrice(in_ * million, out * million, cached * million)


@pytest.mark.parametrize(
    ("name", "ends"),
    [
        ("gpt-5", date(2026, 12, 11)), ("gpt-5-nano", date(2026, 12, 11)), ("o3", date(2026, 12, 11)),
        ("gpt-4o", date(2027, 1, 14)), ("gpt-4.1-mini", date(2027, 1, 14)), ("gpt-5.1", date(2027, 4, 1)),
        ("gpt-5.4-nano", date(2027, 4, 1)), ("whisper-1", date(2027, 2, 26)), ("tts-1", date(2027, 1, 6)),
        ("gpt-4o-mini-tts", date(2027, 1, 6)), ("gpt-4o-transcribe-diarize", date(2027, 2, 26)),
    ],
)  # fmt: skip
def test_openai_models_that_end(name: str, ends: date) -> None:
    found = model("openai", name)
    assert found.ends_on == ends
    assert not found.is_retired(ends.replace(day=ends.day - 1) if ends.day > 1 else date(2027, 3, 31))
    assert found.is_retired(ends)


@pytest.mark.parametrize("name", ["gpt-3.5-turbo", "gpt-4", "gpt-4-turbo", "gpt-4.1-nano", "o1", "o3-mini", "o4-mini"])
def test_openai_models_that_ended(name: str) -> None:
    assert model("openai", name).retired_on == date(2026, 10, 23)


@pytest.mark.parametrize(
    ("provider", "name", "nano_usd_per_hour"),
    [
        ("groq", "whisper-large-v3", 111_000_000), ("groq", "whisper-large-v3-turbo", 40_000_000),
        ("openai", "gpt-transcribe", 270_000_000), ("openai", "gpt-live-transcribe", 1_020_000_000),
        ("openai", "whisper-1", 360_000_000), ("openai", "gpt-4o-mini-transcribe", 180_000_000),
    ],
)  # fmt: skip
def test_prices_of_an_hour_of_audio(provider: str, name: str, nano_usd_per_hour: int) -> None:
    assert model(provider, name).nano_usd_per_hour == nano_usd_per_hour


@pytest.mark.parametrize(
    ("provider", "name", "usd"),
    [
        ("groq", "canopylabs/orpheus-v1-english", 22), ("groq", "canopylabs/orpheus-arabic-saudi", 40),
        ("openai", "tts-1", 15), ("openai", "tts-1-hd", 30),
    ],
)  # fmt: skip
def test_prices_of_speech(provider: str, name: str, usd: int) -> None:
    assert model(provider, name).nano_usd_per_m_characters == usd * 1_000_000_000


def test_groq_bills_ten_seconds_of_audio_at_least() -> None:
    turbo = model("groq", "whisper-large-v3-turbo")
    assert transcription_cost_nano_usd(turbo, 3_600_000) == 40_000_000
    assert transcription_cost_nano_usd(turbo, 1) == transcription_cost_nano_usd(turbo, 10_000) == 111_111
    assert transcription_cost_nano_usd(model("openai", "gpt-transcribe"), 1_000) == 75_000
    assert transcription_cost_nano_usd(model("groq", "gpt-oss-20b"), 1_000) is None


def test_speech_is_billed_by_characters() -> None:
    assert speech_cost_nano_usd(model("groq", "orpheus-v1-english"), 200) == 4_400_000
    assert speech_cost_nano_usd(model("groq", "playai-tts"), 200) is None


# The table of groq-api §1; None where it names no successor.
SUCCESSORS = [
    ("llama3-8b-8192", None, date(2025, 8, 30)), ("llama3-70b-8192", None, date(2025, 8, 30)),
    ("distil-whisper-large-v3-en", "whisper-large-v3-turbo", date(2025, 8, 23)),
    ("deepseek-r1-distill-llama-70b", None, date(2025, 10, 2)), ("gemma2-9b-it", None, date(2025, 10, 8)),
    ("playai-tts", "canopylabs/orpheus-v1-english", date(2025, 12, 31)),
    ("playai-tts-arabic", "canopylabs/orpheus-arabic-saudi", date(2025, 12, 31)),
    ("llama-guard-4-12b", "openai/gpt-oss-safeguard-20b", date(2026, 3, 5)),
    ("llama-4-maverick", "openai/gpt-oss-120b", date(2026, 3, 9)),
    ("kimi-k2-instruct-0905", "openai/gpt-oss-120b", date(2026, 4, 15)),
    ("qwen3-32b", "openai/gpt-oss-120b", date(2026, 7, 17)), ("llama-4-scout", "openai/gpt-oss-120b", date(2026, 7, 17)),
    ("llama-3.1-8b-instant", "openai/gpt-oss-20b", date(2026, 8, 16)),
    ("llama-3.3-70b", "openai/gpt-oss-120b", date(2026, 8, 16)),
    ("llama-3.3-70b-versatile", "openai/gpt-oss-120b", date(2026, 8, 16)),
    ("qwen3.6-27b", "qwen/qwen3.8-27b", date(2026, 9, 14)),
    ("groq/compound", None, date(2026, 9, 21)), ("groq/compound-mini", None, date(2026, 9, 21)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "successor", "retired_on"), SUCCESSORS)
def test_retired_models_and_their_successors(name: str, successor: str | None, retired_on: date) -> None:
    found = model("groq", name)
    assert (found.state, found.retired_on) == ("retired", retired_on)
    assert CATALOG.replacement("groq", name) == successor
    assert CATALOG.replacement("demo", name) == successor
    assert not found.selectable
    if successor:
        assert model("groq", successor).capability == found.capability


def test_every_retired_model_of_groq_is_in_the_table() -> None:
    names = {model("groq", name).id for name, _, _ in SUCCESSORS}
    assert {m.id for m in CATALOG.models("groq") if m.state == "retired"} == names


def test_a_chain_of_successors_ends_at_a_model_that_lives() -> None:
    base = {"provider": "groq", "capability": "llm", "state": "retired"}
    chain = Catalog(
        (
            ModelInfo(id="a", name="a", replacement="b", **base),  # type: ignore[arg-type]
            ModelInfo(id="b", name="b", replacement="c", **base),  # type: ignore[arg-type]
            ModelInfo(id="c", name="c", provider="groq", capability="llm"),
            ModelInfo(id="x", name="x", replacement="y", **base),  # type: ignore[arg-type]
            ModelInfo(id="y", name="y", replacement="x", **base),  # type: ignore[arg-type]
        )
    )
    assert chain.replacement("groq", "a") == "c"
    assert chain.replacement("groq", "x") is None
    assert chain.replacement("groq", "c") is None
    assert chain.replacement("groq", "never heard of") is None


@pytest.mark.parametrize(
    "name",
    [
        "llama-3.1-8b-instant", "llama-3.3-70b-versatile", "gpt-oss-120b", "gpt-oss-20b",
        "whisper-large-v3", "whisper-large-v3-turbo", "playai-tts", "playai-tts-arabic",
    ],
)  # fmt: skip
@pytest.mark.parametrize("provider", ["groq", "demo"])
def test_the_first_eight_models_are_known(provider: str, name: str) -> None:
    assert model(provider, name).id in (name, f"openai/{name}")


@pytest.mark.parametrize("name", ["gpt-oss-120b", "openai/gpt-oss-120b", "GPT-OSS-120B", " OpenAI/gpt-oss-120b "])
def test_aliases_are_found_without_regard_to_case(name: str) -> None:
    assert model("groq", name).id == "openai/gpt-oss-120b"
    assert model("groq", name).name == "gpt-oss-120b"


def test_a_model_belongs_to_its_provider() -> None:
    assert CATALOG.find("openai", "gpt-oss-120b") is None
    assert CATALOG.find("groq", "gpt-5.5") is None
    assert CATALOG.find("groq", "") is None


FREE_LLM = PlanLimits(rpm=30, rpd=1000, tpm=8000, tpd=200_000)


@pytest.mark.parametrize(
    ("name", "free", "developer"),
    [
        ("gpt-oss-120b", FREE_LLM, PlanLimits(rpm=1000, tpm=250_000)),
        ("gpt-oss-20b", FREE_LLM, PlanLimits(rpm=1000, tpm=250_000)),
        ("qwen3.8-27b", FREE_LLM, PlanLimits(rpm=1000, tpm=250_000)),
        ("gpt-oss-safeguard-20b", FREE_LLM, PlanLimits(rpm=1000, tpm=150_000)),
        (
            "llama-prompt-guard-2-86m",
            PlanLimits(rpm=30, rpd=14_400, tpm=15_000, tpd=500_000),
            PlanLimits(rpm=100, tpm=30_000),
        ),
        (
            "whisper-large-v3",
            PlanLimits(rpm=20, rpd=2000, ash=7200, asd=28_800),
            PlanLimits(rpm=300, ash=200_000),
        ),
        (
            "whisper-large-v3-turbo",
            PlanLimits(rpm=20, rpd=2000, ash=7200, asd=28_800),
            PlanLimits(rpm=400, ash=400_000),
        ),
        (
            "orpheus-v1-english",
            PlanLimits(rpm=10, rpd=100, tpm=1200, tpd=3600),
            PlanLimits(rpm=250, tpm=50_000),
        ),
        ("llama-3.1-8b-instant", PlanLimits(rpm=30, rpd=14_400, tpm=6000, tpd=500_000), None),
        ("llama-3.3-70b", PlanLimits(rpm=30, rpd=1000, tpm=12_000, tpd=100_000), None),
    ],
)
def test_limits_of_the_plans(name: str, free: PlanLimits, developer: PlanLimits | None) -> None:
    assert model("groq", name).limit("free") == free
    assert model("groq", name).limit("developer") == developer


def test_what_speech_models_take() -> None:
    english = model("groq", "orpheus-v1-english")
    assert (english.input_max_characters, english.formats) == (200, ("wav",))
    assert english.voices == ("autumn", "diana", "hannah", "austin", "daniel", "troy")
    assert model("openai", "gpt-4o-mini-tts").input_max_characters == 4096
    assert not model("groq", "whisper-large-v3-turbo").translation
    assert model("groq", "whisper-large-v3").translation
    assert "opus" in model("groq", "whisper-large-v3").input_formats


@pytest.mark.parametrize(
    ("provider", "name", "words"),
    [
        ("groq", "gpt-oss-120b", ("Groq", "Tools", "Schema", "Reasoning")),
        ("demo", "gpt-oss-20b", ("Demo", "Tools", "Schema", "Reasoning")),
        ("groq", "qwen3.8-27b", ("Groq", "Tools", "Reasoning", "Vision")),
        ("groq", "whisper-large-v3", ("Groq", "Translation")),
        ("openai", "gpt-4o", ("OpenAI", "Tools", "Schema", "Vision")),
    ],
)
def test_capability_words(provider: str, name: str, words: tuple[str, ...]) -> None:
    assert capability_words(model(provider, name)) == words


def test_defaults_can_be_selected() -> None:
    for provider in ("groq", "openai", "demo"):
        for capability in ("llm", "stt", "tts"):
            chosen = CATALOG.default(provider, capability)  # type: ignore[arg-type]
            assert chosen is not None
            assert chosen.selectable
            assert chosen.capability == capability
    assert CATALOG.default("custom", "llm") is None


def test_a_default_that_is_not_served_gives_way() -> None:
    served = CATALOG.with_live("groq", (LiveModel("openai/gpt-oss-20b"),))
    chosen = served.default("groq", "llm")
    assert chosen is not None
    assert chosen.id == "openai/gpt-oss-20b"
    assert served.default("groq", "tts") is None


def test_the_mirror_has_groqs_models_and_bills_nothing() -> None:
    assert [m.id for m in CATALOG.models("demo")] == [m.id for m in CATALOG.models("groq")]
    assert CATALOG.price("demo", "gpt-oss-120b") == NO_COST
    assert CATALOG.price("demo", "anything") == CATALOG.price("offline", "echo") == NO_COST
    assert transcription_cost_nano_usd(model("demo", "whisper-large-v3"), 60_000) == 0
    assert not [m for m in CATALOG.models() if m.provider == "demo"]


def test_models_can_be_chosen_by_capability() -> None:
    assert {m.capability for m in CATALOG.models(capability="tts")} == {"tts"}
    assert {m.provider for m in CATALOG.models(capability="tts")} == {"groq", "openai"}
    assert len(CATALOG.models("groq", "stt")) == 3


def test_a_live_list_marks_what_the_account_has() -> None:
    live = CATALOG.with_live(
        "groq",
        (
            LiveModel("openai/gpt-oss-120b", context_tokens=100_000),
            LiveModel("llama-3.3-70b-versatile", "llm"),
            LiveModel(
                "acme/rocket-9b", name="Rocket 9B", context_tokens=8192, features=("tools", "json_mode", "reasoning")
            ),
            LiveModel("acme/whisper-tiny"),
            LiveModel("acme/embed-small"),
            LiveModel("acme/rocket-9b"),
        ),
    )
    oss = live.find("groq", "gpt-oss-120b")
    assert oss is not None
    assert (oss.live, oss.context_tokens, oss.max_output_tokens) == (True, 100_000, 65536)
    assert oss.price == model("groq", "gpt-oss-120b").price
    llama = live.find("groq", "llama-3.3-70b-versatile")
    assert llama is not None
    assert (llama.state, llama.live, llama.selectable) == ("retired", True, True)
    absent = live.find("groq", "gpt-oss-20b")
    assert absent is not None
    assert (absent.live, absent.selectable) == (False, False)
    rocket = live.find("groq", "acme/rocket-9b")
    assert rocket is not None
    assert (rocket.name, rocket.price, rocket.live, rocket.tools, rocket.json_mode) == (
        "rocket-9b",
        None,
        True,
        True,
        True,
    )
    assert (rocket.reasoning, rocket.json_schema, rocket.context_tokens) == ("raw", "none", 8192)
    tiny = live.find("groq", "acme/whisper-tiny")
    assert tiny is not None
    assert tiny.capability == "stt"
    assert live.find("groq", "acme/embed-small") is None
    assert len(live.models("groq")) == len(CATALOG.models("groq")) + 2
    assert live.models("openai") == CATALOG.models("openai")
    assert live.models("demo") == CATALOG.models("demo")
    assert CATALOG.find("groq", "gpt-oss-120b") == model("groq", "gpt-oss-120b")


def test_a_live_list_that_names_an_alias_means_the_model() -> None:
    live = CATALOG.with_live("demo", (LiveModel("gpt-oss-20b"),))
    found = live.find("demo", "openai/gpt-oss-20b")
    assert found is not None
    assert found.live is True
    assert len(live.models("demo")) == len(CATALOG.models("demo"))


def test_features_the_server_does_not_list_are_off() -> None:
    live = CATALOG.with_live("groq", (LiveModel("qwen/qwen3.8-27b", features=("json_mode", "reasoning")),))
    found = live.find("groq", "qwen3.8-27b")
    assert found is not None
    assert (found.tools, found.parallel_tools, found.json_mode) == (False, False, True)


def test_unknown_reasoning_models_of_openai_are_told_by_their_id() -> None:
    live = CATALOG.with_live("openai", (LiveModel("gpt-7-nova"), LiveModel("gpt-4o-2024-11-20"), LiveModel("sora-3")))
    nova, dated = live.find("openai", "gpt-7-nova"), live.find("openai", "gpt-4o-2024-11-20")
    assert nova is not None
    assert dated is not None
    assert nova.reasons
    assert not dated.reasons
    assert live.find("openai", "sora-3") is None


def test_own_prices_come_first_and_reach_unknown_models() -> None:
    price = TokenPrice(1, 2, 3)
    own = CATALOG.with_overrides(
        {("groq", "gpt-oss-120b"): price, ("my-server", "llama"): price, ("demo", "gpt-oss-20b"): price}
    )
    assert own.price("groq", "openai/gpt-oss-120b") == price
    assert own.price("groq", "gpt-oss-120b") == price
    found = own.find("groq", "gpt-oss-120b")
    assert found is not None
    assert (found.price, found.price_source) == (price, "Your price")
    assert own.price("my-server", "llama") == price
    assert own.price("my-server", "other") is None
    assert own.price("demo", "gpt-oss-20b") == price
    later = own.with_live("groq", (LiveModel("openai/gpt-oss-120b"),))
    assert later.price("groq", "gpt-oss-120b") == price
    assert CATALOG.price("groq", "gpt-oss-120b") == TokenPrice(150_000_000, 600_000_000, 75_000_000)


HEAD = """version = 1
[sources.s]
date = 2026-01-01
text = "somewhere"
"""
GOOD = """[[model]]
id = "m"
provider = "groq"
capability = "llm"
name = "m"
state = "production"
"""


def test_a_small_catalogue_is_enough() -> None:
    small = Catalog.parse(HEAD + GOOD)
    assert [m.id for m in small.models()] == ["m"]
    assert Catalog.parse("version = 1").models() == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + GOOD + GOOD, r'line 11, "m": "m" is already taken by "m"'),
        (HEAD + GOOD + 'aliases = ["m"]', '"m" is already taken'),
        (HEAD + GOOD + 'aliases = ["a", "A"]', r'"A" is already taken by "m"|"m" stands|stands twice'),
        (HEAD + GOOD + 'colour = "red"', r'line 5, "m": unknown key "colour"'),
        (HEAD + GOOD + 'price = { prompt = "0.1" }\nsource = "s"', "completion is missing"),
        (HEAD + GOOD + 'price = { prompt = 0.1, completion = "1" }\nsource = "s"', "decimal text"),
        (HEAD + GOOD + 'price = { prompt = "-1", completion = "1" }\nsource = "s"', "decimal text"),
        (HEAD + GOOD + 'price = { prompt = "0.0000000001", completion = "1" }\nsource = "s"', "decimal text"),
        (HEAD + GOOD + 'price = { prompt = "1e3", completion = "1" }\nsource = "s"', "decimal text"),
        (HEAD + GOOD + 'price = { prompt = "1", completion = "1", extra = "1" }\nsource = "s"', 'unknown key "extra"'),
        (HEAD + GOOD + 'price = { prompt = "1", completion = "1" }', "a price has a source"),
        (HEAD + GOOD + 'source = "s"', "a price has a source"),
        (HEAD + GOOD + 'usd_per_hour = "1"\nsource = "t"', "source 't' is not one of s"),
        (HEAD + GOOD + "context_tokens = -1", "context_tokens must be a whole number"),
        (HEAD + GOOD + "context_tokens = true", "context_tokens must be a whole number"),
        (HEAD + GOOD + 'tools = "yes"', "tools must be true or false"),
        (HEAD + GOOD + 'voices = "a"', "voices must be a list"),
        (HEAD + GOOD + "ends_on = 2026-01-01T00:00:00", "ends_on must be a date"),
        (HEAD + GOOD + "retired_on = 2026-01-01", "retired models have a retired_on"),
        (HEAD + GOOD + 'replacement = "n"', '"n" is not in the catalogue'),
        (HEAD + GOOD + 'default_effort = "low"', "default_effort is not one of"),
        (HEAD + GOOD + "free = { rpm = 1, rps = 1 }", 'free: unknown key "rps"'),
        (HEAD + GOOD.replace("production", "beta"), "state must be one of production, preview, enterprise, retired"),
        (HEAD + GOOD.replace('name = "m"\n', ""), "name is missing"),
        (HEAD + '[defaults.groq]\nllm = "n"\n' + GOOD, '"n" is not a model for llm'),
        (HEAD + '[defaults.groq]\nvideo = "m"\n' + GOOD, 'unknown key "video"'),
        ("version = 2", "version must be 1"),
        ("version = 1\nmodel = 3", "model must be a list"),
        ("version = 1\nmodel = [3]", "must be a table"),
        ("version = 1\n[[mod", "catalogue: "),
        ("version = 1\nextra = 1", 'unknown key "extra"'),
    ],
)
def test_a_wrong_catalogue_says_where(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Catalog.parse(text)


@pytest.mark.parametrize("name", ["gpt-realtime-2.1-mini", "gpt-live-transcribe"])
def test_realtime_models_are_known_and_not_offered(name: str) -> None:
    found = model("openai", name)
    assert found.realtime_only
    assert not found.selectable


def test_two_entries_of_one_name_are_refused() -> None:
    twin = ModelInfo("a", "groq", "llm", "a")
    with pytest.raises(ValueError, match='"a" stands twice at groq'):
        Catalog((twin, twin))
