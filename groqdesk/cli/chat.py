"""`groqdesk chat`: one question, one answer, as text or as one JSON object a line."""

from __future__ import annotations

import argparse
import asyncio
import codecs
import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groqdesk.cli.output import (
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_PROVIDER,
    EXIT_STOPPED,
    error_json,
    event_json,
    print_human,
    refused,
    with_app,
)

if TYPE_CHECKING:
    from groqdesk.app import App
    from groqdesk.services.functions import MockedTool
    from groqdesk.services.llm import RunLedger


def chat(parsed: argparse.Namespace) -> int:
    try:
        prompt = _question(parsed.prompt)
    except ValueError as error:
        return refused("bad_request", str(error), "Check the question", parsed.json)
    try:
        tools = [_tool(file) for file in parsed.tool]
    except ValueError as error:
        return refused("bad_request", str(error), "", parsed.json)
    return with_app(parsed, lambda app: _ask(app, parsed, prompt, tools))


def _question(argument: str) -> str:
    """The argument, or what comes on stdin for `-`. ValueError with a sentence for what is no question."""
    from groqdesk.services.llm import MESSAGE_MAX_CHARACTERS

    text = _text(sys.stdin.buffer.read(4 * MESSAGE_MAX_CHARACTERS + 1)) if argument == "-" else argument
    if not text.strip():
        raise ValueError("The question is empty.")
    if len(text) > MESSAGE_MAX_CHARACTERS:
        raise ValueError(f"The question is longer than {MESSAGE_MAX_CHARACTERS:,} characters.")
    return text


def _text(data: bytes) -> str:
    """UTF-8, or the UTF-16 that PowerShell pipes."""
    utf_16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if utf_16 else "utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ValueError("What came on stdin is not text in UTF-8.")
    return text


def _tool(file: str) -> MockedTool:
    from groqdesk.services.functions import MockedTool

    if file.endswith(".py"):
        raise ValueError(f"{file}: tools from Python files are not supported yet; use a JSON file.")
    try:
        return MockedTool.parse(Path(file).read_text("utf-8-sig"))
    except OSError as error:
        raise ValueError(f"{file}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{file}: The tool file is not text in UTF-8.") from error
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error


async def _ask(app: App, parsed: argparse.Namespace, prompt: str, tools: list[MockedTool]) -> int:
    from groqdesk.core import parameters
    from groqdesk.core.conversations import Conversation
    from groqdesk.core.ids import new_id, now_ms
    from groqdesk.core.messages import CallContext, Message, ModelChoice
    from groqdesk.services.functions import FunctionRegistry
    from groqdesk.services.llm import Run, title_of

    provider = parsed.provider or app.choice.provider
    if provider not in app.providers.names():
        names = ", ".join(app.providers.names())
        return refused("bad_request", f"There is no provider {provider!r}; there are {names}.", "", parsed.json)
    default = app.catalog.catalog.default(provider, "llm")
    model_id = parsed.model or (app.choice.model if provider == app.choice.provider else default.id if default else "")
    model = app.catalog.find(provider, model_id)
    choice = ModelChoice(provider, model.id if model else model_id, parsed.base_url)
    values: dict[str, object] = {}
    for pair in parsed.param:
        name, equals, text = pair.partition("=")
        if not equals:
            return refused("bad_request", f"--param takes NAME=VALUE, not {pair!r}.", "", parsed.json)
        try:
            values[name] = parameters.parse_text(name, text)
        except ValueError as error:
            return refused("bad_request", str(error), "", parsed.json)
    if problems := parameters.validate(model, values):
        return refused("bad_request", problems[0].sentence, problems[0].fix_label, parsed.json)
    kept, dropped = parameters.split(model, values)
    if dropped:
        print(f"Not sent, this model does not take it: {', '.join(dropped)}.", file=sys.stderr)
    system, agent_id = parsed.system or "", None
    if parsed.agent:
        agent = await app.agents.get(parsed.agent)
        if agent is None:
            return refused("not_found", f"There is no agent {parsed.agent!r}.", "", parsed.json)
        system, agent_id = parsed.system or agent.instructions, agent.id
    registry, ledger = FunctionRegistry(tools) if tools else None, app.llm.ledger()
    if parsed.no_save:
        messages = (Message("system", system),) if system.strip() else ()
        run = Run(choice, (*messages, Message("user", prompt)), CallContext(new_id(), agent_id=agent_id), kept)
        return await _print_events(app.llm.run(run, registry, ledger), ledger, parsed.json)
    now = now_ms()
    conversation = Conversation(new_id(), title_of(prompt), choice, now, now, kept, system, agent_id)
    await app.conversations.create(conversation)
    return await _print_events(app.llm.converse(conversation, prompt, registry, ledger), ledger, parsed.json)


async def _print_events(source: Any, ledger: RunLedger, as_json: bool) -> int:
    from groqdesk.core.messages import Failed, Finished, Interrupted, TextDelta

    characters, last = 0, "\n"
    try:
        async with contextlib.aclosing(source) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    characters, last = characters + len(event.text), event.text
                if as_json:
                    print(json.dumps(event_json(event), ensure_ascii=False), flush=True)
                else:
                    print_human(event, last)
                match event:
                    case Finished():
                        return EXIT_OK
                    case Interrupted():
                        return EXIT_INTERRUPTED
                    case Failed():
                        return int(event.error.exit)
    except asyncio.CancelledError:
        if (total := ledger.summed()) is not None:
            print(json.dumps(event_json(total)), flush=True) if as_json else print_human(total, last)
        if as_json:
            end: dict[str, Any] = {"type": "interrupted", "cause": "cancelled", "kept_characters": characters}
            if not characters:
                from groqdesk.core.errors import Cancelled

                end = {"type": "error", **error_json(Cancelled("Stopped."))}
            print(json.dumps(end), flush=True)
        else:
            print("\nStopped.", file=sys.stderr)
        return EXIT_STOPPED
    return EXIT_PROVIDER
