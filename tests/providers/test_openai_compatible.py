from __future__ import annotations

from groqdesk.core.messages import Finished, Started, TextDelta
from tests.providers.conftest import KEY, ask, collected
from tests.providers.fault_server import END, chunk


async def test_a_streamed_answer(server, llm):
    server.script(lambda x: x.stream(chunk("Hel"), chunk("lo"), END))
    events = await collected(llm.generate_streaming_response(ask()))
    assert events[0] == Started("groq", "openai/gpt-oss-20b")
    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == "Hello"
    end = events[-1]
    assert isinstance(end, Finished)
    assert (end.finish_reason, end.request_id, end.usage.prompt_tokens) == ("stop", "req_1", 10)
    assert server.seen[0].headers["authorization"] == f"Bearer {KEY}"
    assert server.seen[0].path == "/openai/v1/chat/completions"
