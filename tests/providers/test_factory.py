"""Which provider, which address, which key."""

from __future__ import annotations

import pytest

from groqdesk.core.catalog import Catalog
from groqdesk.core.errors import BadRequest, InvalidKey, KeyringProblem, ModelNotFound, NoKey, Permission
from groqdesk.core.messages import CallContext, ChatRequest, Message, ModelChoice
from groqdesk.core.ports import LLMProvider, ProviderSource, StoredKey
from groqdesk.core.secrets import Secret
from groqdesk.core.settings import resource
from groqdesk.providers import factory as factory_module
from groqdesk.providers.cassettes import Cassette, Player, Recorder
from groqdesk.providers.factory import KEY_ORIGINS, ProviderFactory
from tests.providers.conftest import KEY, Ledger, ManualClock, ask, collected, until_error
from tests.providers.fault_server import END, chunk

CATALOG = Catalog.parse(resource("catalog.toml").read_text("utf-8"))
MODELS = {
    "object": "list",
    "data": [
        {"id": "openai/gpt-oss-120b", "active": True, "context_window": 131072, "max_completion_tokens": 65536,
         "name": "GPT OSS 120B", "input_modalities": ["text"], "output_modalities": ["text"],
         "supported_features": ["tools", "json_mode", "structured_outputs", "reasoning"]},
        {"id": "canopylabs/orpheus-v1-english", "context_window": 4000, "output_modalities": ["speech"]},
        {"id": "whisper-large-v3-turbo", "context_window": 448, "output_modalities": ["transcription"]},
        {"id": "whisper-large-v3"},
        {"id": "meta-llama/llama-prompt-guard-2-22m"},
        {"id": "gpt-4o-mini-tts"},
        {"id": "old-one", "active": False},
        {"id": "plain"},
    ],
}  # fmt: skip


class FakeVault:
    def __init__(self, keys: dict | None = None, trouble: Exception | None = None) -> None:
        self.keys = keys or {}
        self.trouble = trouble
        self.asked: list = []

    async def get(self, provider, origin):
        self.asked.append((provider, origin))
        if self.trouble:
            raise self.trouble
        key = self.keys.get((provider, origin))
        return None if key is None else StoredKey(Secret(key), "keyring")


@pytest.fixture
async def made(fast, timings):
    built: list[ProviderFactory] = []

    def make(vault=None, environment=None, demo_url=None, **more) -> ProviderFactory:
        source = ProviderFactory(
            vault=vault or FakeVault(),
            catalog=CATALOG,
            timings=timings,
            clock=ManualClock(),
            fast_transport=fast,
            demo_url=demo_url,
            environment=environment or {},
            **more,
        )
        built.append(source)
        return source

    yield make
    for source in built:
        await source.aclose()


def at_home(monkeypatch, server) -> None:
    """Makes the fault server Groq's own address."""
    monkeypatch.setitem(factory_module.BASE_URLS, "groq", server.url + "/openai/v1")
    monkeypatch.setitem(factory_module.KEY_ORIGINS, "groq", server.url)


async def test_names_and_addresses(made):
    source: ProviderSource = made(demo_url="http://127.0.0.1:5/openai/v1/")
    assert source.names() == ("groq", "openai", "demo")
    assert source.base_url("groq") == "https://api.groq.com/openai/v1"
    assert source.base_url("openai") == "https://api.openai.com/v1"
    assert source.base_url("demo") == "http://127.0.0.1:5/openai/v1"
    assert dict(KEY_ORIGINS) == {"groq": "https://api.groq.com", "openai": "https://api.openai.com"}
    without = made()
    assert without.names() == ("groq", "openai")
    for wrong in ("demo", "nobody"):
        with pytest.raises(BadRequest) as caught:
            without.llm(ModelChoice(wrong, "m"), Ledger())
        assert caught.value.exit == 2


async def test_the_practice_server_starts_when_it_is_needed(made, server):
    server.script(lambda x: x.stream(chunk("a"), END))
    started = []

    def start() -> str:
        started.append(1)
        return server.url + "/openai/v1"

    ledger = Ledger()
    source = made(demo_url=start)
    assert source.names() == ("groq", "openai", "demo")
    assert started == []
    llm: LLMProvider = source.llm(ModelChoice("demo", "openai/gpt-oss-20b"), ledger)
    await collected(llm.generate_streaming_response(ask()))
    assert server.seen[0].headers["authorization"] == "Bearer demo"
    assert (ledger.records[0].provider, ledger.records[0].cost_nano_usd) == ("demo", 0)


async def test_without_a_key(made):
    llm = made().llm(ModelChoice("groq", "openai/gpt-oss-20b"), Ledger())
    events, error = await until_error(llm.generate_streaming_response(ask()), NoKey)
    assert events == []
    assert (error.message, error.action, error.provider) == ("No key for Groq is stored.", "Add a key", "groq")
    assert error.exit == 5
    openai = made().llm(ModelChoice("openai", "gpt-5"), Ledger())
    _, error = await until_error(openai.generate_streaming_response(ask()), NoKey)
    assert error.message == "No key for OpenAI is stored."


@pytest.mark.parametrize(
    ("vault", "environment", "expected"),
    [
        ("stored", {"GROQ_API_KEY": "gsk_environment"}, KEY),
        ("empty", {"GROQ_API_KEY": " gsk_environment\n"}, "gsk_environment"),
        ("locked", {"GROQ_API_KEY": "gsk_environment"}, "gsk_environment"),
    ],
)
async def test_the_keyring_comes_before_the_environment(made, server, monkeypatch, vault, environment, expected):
    at_home(monkeypatch, server)
    vaults = {
        "stored": FakeVault({("groq", server.url): KEY}),
        "empty": FakeVault(),
        "locked": FakeVault(trouble=KeyringProblem("The keyring is locked, so no key can be read.")),
    }
    server.script(lambda x: x.stream(chunk("a"), END))
    ledger = Ledger()
    llm = made(vaults[vault], environment).llm(ModelChoice("groq", "openai/gpt-oss-20b"), ledger)
    await collected(llm.generate_streaming_response(ask()))
    assert server.seen[0].headers["authorization"] == f"Bearer {expected}"
    assert vaults[vault].asked == [("groq", server.url)]
    assert ledger.records[0].cost_nano_usd > 0


async def test_a_locked_keyring_without_another_key_says_so(made, server, monkeypatch):
    at_home(monkeypatch, server)
    vault = FakeVault(trouble=KeyringProblem("The keyring is locked, so no key can be read."))
    llm = made(vault).llm(ModelChoice("groq", "openai/gpt-oss-20b"), Ledger())
    await until_error(llm.generate_streaming_response(ask()), KeyringProblem)


@pytest.mark.parametrize("provider", ["groq", "openai"])
@pytest.mark.parametrize(("environment", "expected"), [({}, "none"), ({"GROQDESK_API_KEY": "own-key"}, "own-key")])
async def test_a_stored_key_never_goes_to_another_host(made, server, provider, environment, expected):
    vault = FakeVault({("groq", "https://api.groq.com"): KEY, ("openai", "https://api.openai.com"): KEY})
    environment = {**environment, "GROQ_API_KEY": KEY, "OPENAI_API_KEY": KEY}
    server.script(lambda x: x.stream(chunk("a"), END))
    llm = made(vault, environment).llm(ModelChoice(provider, "m", server.url), Ledger())
    await collected(llm.generate_streaming_response(ask()))
    assert server.seen[0].headers["authorization"] == f"Bearer {expected}"
    assert vault.asked == []


async def test_pasted_addresses_are_put_right_or_refused(made, server):
    server.script(lambda x: x.stream(chunk("a"), END))
    source = made()
    for pasted in (server.url, server.url + "/v1/chat/completions/", server.url.removeprefix("http://") + "/v1"):
        await collected(source.llm(ModelChoice("openai", "m", pasted), Ledger()).generate_streaming_response(ask()))
    assert {seen.path for seen in server.seen} == {"/v1/chat/completions"}
    assert server.connections == 1
    with pytest.raises(BadRequest, match="no user name or password") as caught:
        source.llm(ModelChoice("openai", "m", "http://me:secret@host/v1"), Ledger())
    assert "secret" not in str(caught.value)


async def test_dialects(made, server, monkeypatch):
    """max_tokens for servers that know nothing else; usage asked for where it does not come by itself; aliases resolved."""
    at_home(monkeypatch, server)
    server.script(lambda x: x.stream(chunk("a"), END))
    source = made(environment={"GROQ_API_KEY": KEY})
    request = ChatRequest("gpt-oss-120b", (Message("user", "a"),), CallContext("x"), {"max_completion_tokens": 50})
    for choice in (
        ModelChoice("groq", "gpt-oss-120b"),
        ModelChoice("groq", "gpt-oss-120b", server.url + "/other/v1"),
        ModelChoice("openai", "local", server.url + "/v1"),
    ):
        await collected(source.llm(choice, Ledger()).generate_streaming_response(request))
    own, custom, compatible = (seen.json for seen in server.seen)
    assert own["model"] == "openai/gpt-oss-120b"
    assert own["max_completion_tokens"] == 50
    assert "stream_options" not in own
    assert custom["stream_options"] == {"include_usage": True}
    assert compatible["max_tokens"] == 50
    assert "max_completion_tokens" not in compatible


async def test_a_setting_that_cannot_be_sent(made, server, monkeypatch):
    at_home(monkeypatch, server)
    source = made(environment={"GROQ_API_KEY": KEY})
    ledger = Ledger()
    llm = source.llm(ModelChoice("groq", "openai/gpt-oss-120b"), ledger)
    request = ChatRequest("openai/gpt-oss-120b", (Message("user", "a"),), CallContext("x"), {"temperature": 7})
    events, error = await until_error(llm.generate_streaming_response(request), BadRequest)
    assert events == ledger.records == server.seen == []
    assert error.exit == 2


async def test_an_answer_by_schema_is_not_streamed_by_groq(made, server, monkeypatch):
    at_home(monkeypatch, server)
    server.script(lambda x: x.json(200, {"choices": [{"message": {"content": "{}"}, "finish_reason": "stop"}]}))
    llm = made(environment={"GROQ_API_KEY": KEY}).llm(ModelChoice("groq", "openai/gpt-oss-120b"), Ledger())
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    request = ChatRequest(
        "openai/gpt-oss-120b",
        (Message("user", "json"),),
        CallContext("x"),
        {"response_format": "json_schema", "response_schema": schema},
    )
    events = await collected(llm.generate_streaming_response(request))
    assert "stream" not in server.seen[0].json
    assert events[1].text == "{}"
    assert events[-1].finish_reason == "stop"


async def test_a_retired_model_is_replaced_by_the_catalogue(made, server, monkeypatch):
    at_home(monkeypatch, server)
    server.script(lambda x: x.json(404, {"error": {"message": "The model does not exist", "code": "model_not_found"}}))
    model = "llama-3.3-70b-versatile"
    llm = made(environment={"GROQ_API_KEY": KEY}).llm(ModelChoice("groq", model), Ledger())
    _, error = await until_error(llm.generate_streaming_response(ask(model=model)), ModelNotFound)
    assert error.message == "llama-3.3-70b-versatile was retired on 16 Aug 2026."
    assert error.replacement == CATALOG.replacement("groq", model)
    assert error.action.startswith("Switch to ")


async def test_live_models(made, server):
    server.script(lambda x: x.json(200, MODELS))
    models = await made().live_models("groq", server.url + "/openai/v1")
    assert server.seen[0].path == "/openai/v1/models"
    assert [(m.id, m.capability) for m in models] == [
        ("openai/gpt-oss-120b", "llm"),
        ("canopylabs/orpheus-v1-english", "tts"),
        ("whisper-large-v3-turbo", "stt"),
        ("whisper-large-v3", "stt"),
        ("meta-llama/llama-prompt-guard-2-22m", None),
        ("gpt-4o-mini-tts", "tts"),
        ("plain", "llm"),
    ]
    first = models[0]
    assert (first.name, first.context_tokens, first.max_output_tokens) == ("GPT OSS 120B", 131072, 65536)
    assert first.features == ("tools", "json_mode", "structured_outputs", "reasoning")
    assert models[-1].features is None


@pytest.mark.parametrize("body", [b"<html></html>", b"{}", b'{"data": 1}', b"[]"])
async def test_lists_that_are_none(made, server, body):
    server.script(lambda x: x.whole(200, body, kind="application/json"))
    with pytest.raises(factory_module.BadRequest.__mro__[1]):
        await made().live_models("openai", server.url)


async def test_a_key_is_checked_without_storing_it(made, server, monkeypatch):
    at_home(monkeypatch, server)
    vault = FakeVault()
    source = made(vault)
    server.script(
        lambda x: x.json(200, MODELS, "x-ratelimit-limit-requests: 14400"),
        lambda x: x.json(401, {"error": {"message": "Invalid API Key", "code": "invalid_api_key"}}),
        lambda x: x.whole(403, b"<html>Sorry, you have been blocked</html>"),
    )
    found = await source.check_key("groq", Secret(KEY))
    assert (found.models, found.requests_a_day) == (7, 14400)
    assert found.reply_s > 0
    assert server.seen[0].headers["authorization"] == f"Bearer {KEY}"
    with pytest.raises(InvalidKey):
        await source.check_key("groq", Secret("gsk_wrong"))
    with pytest.raises(Permission):
        await source.check_key("groq", Secret(KEY))
    assert vault.asked == []


@pytest.mark.parametrize("text", ["gsk_ab cdefgh", "gsk_ab\ncdefgh", "gsk_ключ0123456"])
async def test_a_key_from_the_environment_that_cannot_be_one_is_sent_nowhere(made, server, text):
    llm = made(environment={"GROQ_API_KEY": text}).llm(ModelChoice("groq", "openai/gpt-oss-120b"), Ledger())
    _, error = await until_error(llm.generate_streaming_response(ask()), InvalidKey)
    assert not error.sent
    assert "GROQ_API_KEY" in error.message
    with pytest.raises(InvalidKey, match="GROQDESK_API_KEY"):
        made(environment={"GROQDESK_API_KEY": text}).llm(ModelChoice("groq", "m", server.url), Ledger())
    assert server.seen == []


async def test_a_bad_key_for_other_hosts_does_not_stand_in_the_way_at_home(made, server, monkeypatch):
    """Another path of the provider's own origin gets the provider's own key."""
    at_home(monkeypatch, server)
    server.script(lambda x: x.stream(chunk("a"), END))
    environment = {"GROQ_API_KEY": KEY, "GROQDESK_API_KEY": "two\nlines"}
    llm = made(environment=environment).llm(ModelChoice("groq", "m", server.url + "/other/v1"), Ledger())
    await collected(llm.generate_streaming_response(ask()))
    assert server.seen[0].headers["authorization"] == f"Bearer {KEY}"


async def test_a_replay_costs_nothing_and_needs_no_key(made, server, monkeypatch, tmp_path):
    """Recorded at another address, which is asked for the usage as well; replayed without it."""
    at_home(monkeypatch, server)
    path = tmp_path / "one.json"
    server.script(lambda x: x.stream(chunk("Deep."), END))
    model = "openai/gpt-oss-20b"
    live, played = Ledger(), Ledger()
    recording = made(environment={"GROQDESK_API_KEY": "own"}, wrap=lambda inner: Recorder(inner, path))
    elsewhere = ModelChoice("groq", model, server.url.replace("127.0.0.1", "localhost") + "/openai/v1")
    await collected(recording.llm(elsewhere, live).generate_streaming_response(ask()))
    assert live.records[0].cost_nano_usd > 0

    player = Player(Cassette.load(path))
    unusable = {"GROQ_API_KEY": "two\nlines", "GROQDESK_API_KEY": "two\nlines"}
    replay = made(environment=unusable, wrap=lambda _: player, keyless=True)
    for choice in (ModelChoice("groq", model), elsewhere):
        await collected(replay.llm(choice, played).generate_streaming_response(ask()))
    assert [record.usage.total_tokens for record in played.records] == [live.records[0].usage.total_tokens] * 2
    assert [record.cost_nano_usd for record in played.records] == [0, 0]
    assert len(server.seen) == 1
