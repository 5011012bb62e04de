"""Record any call, replay it without a network: same events, same timing, nothing secret in the file."""

from __future__ import annotations

import asyncio
import json
import logging
import math

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from groqdesk.core.errors import ConnectionFailed, LocalProblem, RateLimited, Truncated
from groqdesk.core.messages import CallContext, ChatRequest, Message, ReasoningDelta, TextDelta
from groqdesk.core.secrets import Secret
from groqdesk.core.settings import Timings
from groqdesk.providers import cassettes
from groqdesk.providers.cassettes import (
    Cassette,
    CassetteMiss,
    Interaction,
    Piece,
    Player,
    Recorder,
    canonical,
    redact_bytes,
)
from groqdesk.providers.groq import GroqClient, GroqLLMProvider
from groqdesk.providers.transport import HttpClient
from tests.providers.conftest import KEY, ManualClock, ask, collected, until_error
from tests.providers.fault_server import END, chunk

ORG = "org_01jabcdefghijkmnpqrstvwxyz"


def llm_with(url: str, wrap, fast: bool = True, timings: Timings | None = None) -> tuple[GroqLLMProvider, GroqClient]:
    timings = timings or Timings()

    async def key() -> Secret:
        return Secret(KEY)

    client = GroqClient(
        key, HttpClient(timings, fast=fast, wrap=wrap, proxies={}), timings, ManualClock(), base_url=url + "/openai/v1"
    )
    return GroqLLMProvider(client, timings), client


def text_of(events: list) -> str:
    return "".join(e.text for e in events if isinstance(e, (TextDelta, ReasoningDelta)))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tapes" / "one.json"


async def recorded(server, path, fast, *requests, stream=True) -> list:
    """What the live calls gave."""
    llm, client = llm_with(server.url, lambda inner: Recorder(inner, path), fast)
    results = []
    for request in requests:
        if stream:
            results.append(await collected(llm.generate_streaming_response(request)))
        else:
            results.append(await llm.generate_response(request))
    await client.aclose()
    return results


def replaying(path, speed: float = math.inf, timings: Timings | None = None) -> GroqLLMProvider:
    """A provider that plays; the address is one that nothing listens at."""
    player = Player(Cassette.load(path), speed=speed)
    return llm_with("http://127.0.0.1:1", lambda _: player, timings=timings)[0]


async def test_a_call_plays_as_it_was_recorded(server, path, fast):
    server.script(lambda x: x.stream(chunk(reasoning="Hm."), chunk("Grüße "), chunk("🚀"), END))
    (live,) = await recorded(server, path, fast, ask())
    played = await collected(replaying(path).generate_streaming_response(ask()))
    assert text_of(played) == text_of(live) == "Hm.Grüße 🚀"
    assert played[-1] == live[-1]
    assert len(server.seen) == 1


async def test_the_file_is_readable_and_holds_no_secret(server, path, fast):
    async def answer(x):
        await x.head(
            200,
            "transfer-encoding: chunked",
            "set-cookie: __cf_bm=cookie-secret",
            "x-request-id: req_7",
            f"openai-organization: {ORG}",
        )
        whole = chunk(f"your org is {ORG} and your key {KEY}")
        # The key lies across two chunks.
        cut = whole.index(KEY.encode()) + 6
        await x.piece(whole[:cut])
        await asyncio.sleep(0.02)
        await x.piece(whole[cut:])
        await x.piece(END)
        await x.end()

    server.script(answer)
    await recorded(server, path, fast, ask(f"my key is {KEY}"))
    text = path.read_text("utf-8")
    document = json.loads(text)
    joined = "".join(c["text"] for c in document["interactions"][0]["response"]["chunks"])
    for secret in (KEY, KEY[8:], "cookie-secret", ORG, ORG[6:], "Authorization", "authorization", "Bearer"):
        assert secret not in text
        assert secret not in joined
    request = document["interactions"][0]["request"]
    assert request["json"]["model"] == ask().model
    assert request["json"]["messages"][0]["content"].startswith("my key is gsk_x")
    assert request["headers"]["content-type"] == "application/json"
    assert "data: {" in document["interactions"][0]["response"]["chunks"][0]["text"]
    assert ["x-request-id", "req_7"] in document["interactions"][0]["response"]["headers"]
    # A redacted request still finds its recording.
    assert "your org is" in text_of(
        await collected(replaying(path).generate_streaming_response(ask(f"my key is {KEY}")))
    )


async def test_errors_and_whole_answers_play_too(server, path, fast):
    server.script(
        lambda x: x.json(429, {"error": {"message": "slow"}}, "retry-after: 7"),
        lambda x: x.json(200, {"choices": [{"message": {"content": "b"}, "finish_reason": "stop"}]}),
    )
    llm, client = llm_with(server.url, lambda inner: Recorder(inner, path), fast)
    with pytest.raises(RateLimited):
        await llm.generate_response(ask("a"))
    assert (await llm.generate_response(ask("b"))).text == "b"
    await client.aclose()
    player = replaying(path)
    with pytest.raises(RateLimited) as caught:
        await player.generate_response(ask("a"))
    assert caught.value.message == "Fits in 7 s."
    assert (await player.generate_response(ask("b"))).text == "b"


async def test_faults_play_as_faults(server, path, fast):
    async def breaks(x):
        await x.head(200, "transfer-encoding: chunked")
        await x.piece(chunk("kept"))
        x.reset()

    async def resets(x):
        x.reset()

    server.script(breaks, resets)
    llm, client = llm_with(server.url, lambda inner: Recorder(inner, path), fast)
    live, _ = await until_error(llm.generate_streaming_response(ask("a")), Truncated)
    await until_error(llm.generate_streaming_response(ask("b")), ConnectionFailed)
    await client.aclose()
    player = replaying(path)
    played, _ = await until_error(player.generate_streaming_response(ask("a")), Truncated)
    assert text_of(played) == text_of(live)
    await until_error(player.generate_streaming_response(ask("b")), ConnectionFailed)


async def test_a_stopped_call_plays_as_cut(server, path, fast):
    async def answer(x):
        await x.head(200, "transfer-encoding: chunked")
        await x.piece(chunk("kept"))
        await asyncio.sleep(60)

    server.script(answer)
    llm, client = llm_with(server.url, lambda inner: Recorder(inner, path), fast)
    stream = llm.generate_streaming_response(ask())
    async for event in stream:
        if isinstance(event, TextDelta):
            break
    await stream.aclose()
    await client.aclose()
    assert json.loads(path.read_text("utf-8"))["interactions"][0]["response"]["complete"] is False
    played, _ = await until_error(replaying(path).generate_streaming_response(ask()), Truncated)
    assert text_of(played) == "kept"


async def test_equal_requests_get_their_recordings_in_turn(server, path, fast):
    server.script(lambda x: x.stream(chunk("one"), END), lambda x: x.stream(chunk("two"), END))
    await recorded(server, path, fast, ask(), ask())
    player = replaying(path)
    said = [text_of(await collected(player.generate_streaming_response(ask()))) for _ in range(3)]
    assert said == ["one", "two", "two"]


async def test_a_recording_goes_on_in_the_same_file(server, path, fast):
    server.script(lambda x: x.stream(chunk("a"), END))
    await recorded(server, path, fast, ask("a"))
    await recorded(server, path, fast, ask("b"))
    assert len(Cassette.load(path).interactions) == 2


@pytest.mark.parametrize(("speed", "slept"), [(1.0, [0.1, 0.05, 0.25]), (10.0, [0.01, 0.005, 0.025]), (math.inf, [])])
async def test_speeds(monkeypatch, speed, slept):
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(round(seconds, 6))

    monkeypatch.setattr(cassettes.asyncio, "sleep", sleep)
    tape = Interaction(
        "GET", "http://h/x", status=200, head_after_ms=100, pieces=[Piece(50, b"a"), Piece(250, b"b")], complete=True
    )
    async with httpx.AsyncClient(transport=Player(Cassette([tape]), speed=speed)) as client:
        assert (await client.get("http://other/x")).content == b"ab"
    assert waits == slept


@pytest.mark.parametrize("speed", [0, -1, math.nan])
def test_speeds_that_are_none(speed):
    with pytest.raises(ValueError, match="greater than zero"):
        Player(Cassette(), speed=speed)


def tape(**body) -> Interaction:
    whole = {"model": "m", "messages": [{"role": "user", "content": "a"}], **body}
    return Interaction(
        "POST", "http://h/v1/chat/completions", body=json.dumps(whole).encode(), status=200, complete=True
    )


@pytest.mark.parametrize(
    ("asked", "differs"),
    [
        ({"model": "n"}, 'model ("m" recorded, "n" asked)'),
        ({"temperature": 0.5}, "parameter temperature (absent recorded, 0.5 asked)"),
        ({"messages": [{"role": "user", "content": "b"}]}, "message 1"),
        ({"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]},
         "number of messages (1 recorded, 2 asked)"),
        ({"model": "n", "seed": 1}, 'model ("m" recorded, "n" asked) and parameter seed (absent recorded, 1 asked)'),
        ({"tools": []}, "tools"),
    ],
)  # fmt: skip
async def test_a_miss_says_what_differs_from_the_nearest(asked, differs):
    player = Player(Cassette([tape(stream=True, seed=4, top_p=1), tape()]))
    body = {"model": "m", "messages": [{"role": "user", "content": "a"}], **asked}
    async with httpx.AsyncClient(transport=player) as client:
        with pytest.raises(CassetteMiss) as caught:
            await client.post("http://h/v1/chat/completions", json=body)
    assert caught.value.message == f"No recording fits this request. The nearest is number 2; it differs in {differs}."


async def test_a_miss_of_method_path_and_of_everything():
    async with httpx.AsyncClient(transport=Player(Cassette([tape()]))) as client:
        with pytest.raises(CassetteMiss, match=r"method .POST recorded, GET asked.*path"):
            await client.get("http://h/v1/models")
    async with httpx.AsyncClient(transport=Player(Cassette())) as client:
        with pytest.raises(CassetteMiss, match="The recording is empty"):
            await client.get("http://h/v1/models")


async def test_a_miss_reaches_the_user_as_a_sentence(server, path, fast):
    server.script(lambda x: x.stream(chunk("a"), END))
    await recorded(server, path, fast, ask("a"))
    with pytest.raises(CassetteMiss, match="message 1"):
        await collected(replaying(path).generate_streaming_response(ask("other")))
    request = ChatRequest("another", (Message("user", "a"),), CallContext("x"))
    with pytest.raises(CassetteMiss, match="model"):
        await collected(replaying(path).generate_streaming_response(request))


def test_bodies_are_compared_by_what_they_mean():
    assert canonical(b'{"a": 1, "b": [1, 2]}') == canonical(b'{"b":[1,2],"a":1}')
    assert canonical(b'{"a": 1}') != canonical(b'{"a": 2}')
    assert canonical(b"not json") == b"not json"


@given(st.lists(st.binary(max_size=30), max_size=8), st.booleans())
def test_bytes_survive_the_file(pieces, complete):
    tape = Interaction("GET", "http://h/", status=200, pieces=[Piece(1, p) for p in pieces], complete=complete)
    back = Interaction.from_json(json.loads(json.dumps(tape.as_json())))
    assert [p.data for p in back.pieces] == split_like(redact_bytes(b"".join(pieces)), pieces)
    assert back.complete == complete


def split_like(whole: bytes, pieces: list[bytes]) -> list[bytes]:
    found, at = [], 0
    for piece in pieces:
        found.append(whole[at : at + len(piece)])
        at += len(piece)
    return found


@given(st.binary(max_size=200))
def test_redaction_keeps_the_length(data):
    assert len(redact_bytes(data)) == len(data)


def test_bytes_that_are_no_text_stand_as_base64():
    value = Interaction("GET", "http://h/", status=200, pieces=[Piece(0, b"\xff\x00"), Piece(0, b"text")]).as_json()
    assert [set(c) - {"after_ms"} for c in value["response"]["chunks"]] == [{"base64"}, {"text"}]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"format":"groqdesk cassette","version":2,"interactions":[]}',
             '{"format":"groqdesk cassette","version":1,"interactions":[{"request":{}}]}',
             '{"format":"groqdesk cassette","version":1,"interactions":[7]}'])  # fmt: skip
def test_files_that_are_no_recording(path, text):
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(LocalProblem, match="is not a recording"):
        Cassette.load(path)


def test_a_file_that_is_not_there(path):
    with pytest.raises(LocalProblem, match="cannot be read"):
        Cassette.load(path)


async def test_a_crash_while_recording_leaves_a_whole_file(server, path, monkeypatch):
    """The file is replaced in one step; a write that fails leaves the old one and nothing beside it."""
    server.script(lambda x: x.stream(chunk("a"), END))
    await recorded(server, path, True, ask("a"))
    before = path.read_bytes()
    cassette = Cassette.load(path)
    cassette.interactions.append(tape())

    def crash(*_args, **_kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(cassettes.os, "fsync", crash)
    with pytest.raises(OSError, match="disk full"):
        cassette.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["one.json"]


async def test_a_long_stream_is_on_disk_while_it_runs(path):
    now = 0.0

    async def slow():
        nonlocal now
        for number in range(4):
            now += 0.6
            yield b"%d" % number

    class Inner(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            return httpx.Response(200, stream=Stream())

    class Stream(httpx.AsyncByteStream):
        def __aiter__(self):
            return slow()

    recorder = Recorder(Inner(), path, clock=lambda: now)
    seen = []
    async with httpx.AsyncClient(transport=recorder) as client, client.stream("GET", "http://h/") as response:
        async for _ in response.aiter_raw():
            seen.append(len(Cassette.load(path).interactions[0].pieces))
    assert seen == [1, 1, 3, 3]
    whole = Cassette.load(path).interactions[0]
    assert (len(whole.pieces), whole.complete) == (4, True)


async def test_a_recording_that_cannot_be_written_is_told_before_anything_is_sent(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(LocalProblem, match="The recording cannot be written"):
        Recorder(httpx.MockTransport(lambda request: httpx.Response(200)), blocked / "call.json")


def test_what_only_some_addresses_are_asked_does_not_make_a_miss():
    asked = canonical(b'{"model": "m", "stream_options": {"include_usage": true}}')
    assert asked == canonical(b'{"model":"m"}')


def test_a_miss_does_not_name_what_only_some_addresses_are_asked():
    asked = tape(stream_options={"include_usage": True}, seed=1)
    player = Player(Cassette([tape()]))
    with pytest.raises(CassetteMiss, match=r"differs in parameter seed \(absent recorded, 1 asked\)\.$"):
        player._find(asked.method, asked.path, asked.body)


@pytest.mark.parametrize("trouble", [OSError(28, "No space left on device"), "a character that no file takes"])
async def test_a_save_that_fails_later_ends_no_stream(server, path, fast, monkeypatch, caplog, trouble):
    server.script(lambda x: x.stream(chunk("Deep "), chunk("sea."), END))
    llm, client = llm_with(server.url, lambda inner: Recorder(inner, path), fast)
    await collected(llm.generate_streaming_response(ask("a")))
    before = path.read_bytes()

    def fails(*_args, **_kwargs):
        if isinstance(trouble, str):
            "\ud800".encode()
        raise trouble

    monkeypatch.setattr(cassettes.json, "dump", fails)
    with caplog.at_level(logging.WARNING, cassettes.__name__):
        for text in ("b", "c"):
            assert text_of(await collected(llm.generate_streaming_response(ask(text)))) == "Deep sea."
    await client.aclose()
    assert [record.message[:32] for record in caplog.records] == ["a recording could not be saved: "]
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["one.json"]


@pytest.mark.parametrize(
    "text",
    [
        "bearer tokens",
        "Bearer authentication",
        "org-mode",
        "org_chart",
        "sk-learn",
        "SK-Learn",
        "pk_name",
        "rk-3 of rk-4",
    ],
)
def test_plain_words_are_no_secrets(text):
    assert redact_bytes(text.encode()) == text.encode()


@pytest.mark.parametrize("prefix", ["gsk_", "sk-", "sk-proj-", "org-", "org_", "Bearer ", "bearer "])
def test_the_shortest_secret_is_taken_out(prefix):
    assert b"0123456789abcdef" not in redact_bytes(f"say {prefix}0123456789abcdef!".encode())
