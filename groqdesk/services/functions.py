"""Tools for a run. Here: functions whose answer is written down beforehand, so that an agent can be tried without side effects."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from groqdesk.core.messages import ToolCall, ToolResult, ToolSpec

RESULT_MAX_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class MockedTool:
    """A function with a fixed answer: `answer` is what the model gets, after `delay_s`; `failed` marks an error."""

    spec: ToolSpec
    answer: str
    failed: bool = False
    delay_s: float = 0.0

    @staticmethod
    def parse(text: str) -> MockedTool:
        """From `{"type":"function","function":{…},"result":…|"error":…,"delay_s":…}`. ValueError with a sentence."""
        try:
            data = json.loads(text)
        except ValueError as error:
            raise ValueError(f"The tool file is not JSON: {error}.") from error
        except RecursionError as error:
            raise ValueError("The tool file is nested too deeply.") from error
        if not isinstance(data, dict) or data.get("type") != "function" or not isinstance(data.get("function"), dict):
            raise ValueError('A tool file holds {"type": "function", "function": {…}, "result": …}.')
        function: dict[str, Any] = data["function"]
        name = function.get("name")
        if not isinstance(name, str) or not name.replace("_", "a").replace("-", "a").isalnum() or len(name) > 64:
            raise ValueError("A tool's name has 1 to 64 letters, digits, - or _.")
        schema = function.get("parameters", {"type": "object", "properties": {}})
        if not isinstance(schema, dict):
            raise ValueError(f"The parameters of {name} are not a JSON Schema object.")
        if ("result" in data) == ("error" in data):
            raise ValueError(f'The tool {name} needs either "result" or "error".')
        delay_s = data.get("delay_s", 0)
        if isinstance(delay_s, bool) or not isinstance(delay_s, int | float) or not 0 <= delay_s <= 60:
            raise ValueError(f"delay_s of {name} is a number of seconds from 0 to 60.")
        value = data["error"] if "error" in data else data["result"]
        answer = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        if len(answer.encode()) > RESULT_MAX_BYTES:
            raise ValueError(f"The result of {name} is larger than 64 kB.")
        spec = ToolSpec(name, str(function.get("description", "")), schema)
        return MockedTool(spec, answer, "error" in data, float(delay_s))


class FunctionRegistry:
    """The functions of one run, by name; a `ToolSource`."""

    def __init__(self, tools: Iterable[MockedTool] = ()) -> None:
        self._tools: Mapping[str, MockedTool] = {tool.spec.name: tool for tool in tools}

    def specs(self) -> Sequence[ToolSpec]:
        return [tool.spec for tool in self._tools.values()]

    async def run(self, call: ToolCall) -> ToolResult:
        """Answers a call. An unknown name and arguments that are no JSON object go back to the model as errors."""
        began_s = time.monotonic()
        tool = self._tools.get(call.name)
        text, failed = f"There is no function {call.name!r}.", True
        if tool is not None:
            try:
                valid = isinstance(json.loads(call.arguments or "{}"), dict)
            except (ValueError, RecursionError):
                valid = False
            if valid:
                await asyncio.sleep(tool.delay_s)
                text, failed = tool.answer, tool.failed
            else:
                text = "The arguments are not a JSON object."
        return ToolResult(call.id, text, failed, time.monotonic() - began_s)
