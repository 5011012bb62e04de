"""The command line. Human text is the result on stdout and progress on stderr; with --json stdout holds JSON only."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime as dt
import json
import os
import signal
import sys
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from groqdesk import __version__

if TYPE_CHECKING:
    from groqdesk.app import App, Options
    from groqdesk.core.errors import GroqdeskError, ProviderError
    from groqdesk.core.messages import ChatEvent
    from groqdesk.core.usage import TokenUsage
    from groqdesk.services.functions import MockedTool
    from groqdesk.services.llm import RunLedger

EXIT_OK, EXIT_USAGE, EXIT_PROVIDER, EXIT_INTERRUPTED, EXIT_LOCAL, EXIT_STOPPED = 0, 2, 3, 4, 5, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; the exit codes are those of the published contract."""
    parsed = _parser().parse_args(arguments)
    command = parsed.command or "window"
    try:
        return int(_COMMANDS[command](parsed))
    except KeyboardInterrupt:
        return EXIT_STOPPED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the reader left; the interpreter's last flush must not complain
        return EXIT_OK
    except Exception as error:
        return _local_problem(error, getattr(parsed, "json", False))


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--data-dir", default=argparse.SUPPRESS, metavar="DIR", help="where data lives (GROQDESK_HOME)")
    common.add_argument("-v", "--verbose", action="store_true", default=argparse.SUPPRESS, help="a log on stderr")
    parser = argparse.ArgumentParser(
        prog="groqdesk", description="Design, talk to, test and meter AI agents.", parents=[common]
    )
    parser.set_defaults(data_dir=None, verbose=False)
    parser.add_argument("--version", action="version", version=f"groqdesk {__version__}")
    parser.add_argument("--demo", action="store_true", help="practice server only: no key, no network, throw-away data")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=text, parents=[common])

    doctor = add("doctor", "what works on this machine")
    doctor.add_argument("--online", action="store_true", help="ask the providers too")
    doctor.add_argument("--json", action="store_true")

    keys = add("keys", "API keys in the system keyring").add_subparsers(dest="keys_command", required=True)
    for name, text in (("set", "keep a key, read from the terminal or stdin"), ("delete", "remove a key")):
        keys.add_parser(name, help=text, parents=[common]).add_argument("provider", metavar="PROVIDER")
    keys.add_parser("list", help="which keys are kept, and where", parents=[common])

    models = add("models", "models with their context, speed and price")
    models.add_argument("capability", choices=["llm", "stt", "tts"])
    models.add_argument("--provider", metavar="P")
    models.add_argument("--refresh", action="store_true", help="ask the provider which models it serves")
    models.add_argument("--json", action="store_true")

    chat = add("chat", "ask a model")
    chat.add_argument("prompt", metavar="PROMPT", help="the question, or - to read it from stdin")
    chat.add_argument("--agent", metavar="NAME")
    chat.add_argument("--provider", metavar="P")
    chat.add_argument("--model", metavar="M")
    chat.add_argument("--base-url", metavar="URL", help="another server for this call; its key from GROQDESK_API_KEY")
    chat.add_argument("--system", metavar="TEXT")
    chat.add_argument("--param", action="append", default=[], metavar="NAME=VALUE")
    chat.add_argument("--tool", action="append", default=[], metavar="FILE")
    chat.add_argument("--trust-tool", action="store_true", help="allow --tool with a Python file")
    chat.add_argument("--json", action="store_true")
    chat.add_argument("--no-save", action="store_true", help="do not keep the conversation")
    chat.add_argument("--no-wait", action="store_true", help="do not wait for a rate limit")

    usage = add("usage", "what was used and what it cost")
    usage.add_argument("--since", default="30d", metavar="30d|YYYY-MM-DD")
    usage.add_argument("--by", default="day", choices=["day", "hour", "model", "provider", "agent"])
    form = usage.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true")
    form.add_argument("--csv", action="store_true")

    simulator = add("simulator", "a Groq on loopback, for trying and testing")
    simulator.add_argument("--port", type=int, default=0, metavar="N")
    simulator.add_argument("--script", metavar="FILE")
    simulator.add_argument("--time-scale", type=float, default=1.0, metavar="K", help="limits refill K times faster")

    demo = add("demo", "the window, driven by itself")
    demo.add_argument("--seconds", type=float, default=0.0, metavar="N", help="leave the window open N seconds longer")
    demo.add_argument("--pictures", metavar="DIR", help="where its screenshots go")
    return parser


def _options(parsed: argparse.Namespace, demo: bool = False) -> Options:
    from groqdesk.app import Options

    return Options(data_dir=parsed.data_dir, demo=demo or parsed.demo, verbose=parsed.verbose)


def _window(parsed: argparse.Namespace) -> int:
    from groqdesk.app import open_window

    return open_window(_options(parsed))


def _demo(parsed: argparse.Namespace) -> int:
    from groqdesk.app import open_demo

    return open_demo(_options(parsed, demo=True), parsed.seconds, parsed.pictures)


def _simulator(parsed: argparse.Namespace) -> int:
    from groqdesk.simulator.server import run

    if not 0 < parsed.time_scale <= 1e6:
        return _usage_error("--time-scale is a number above 0.")
    try:
        run(parsed.port, parsed.script, parsed.time_scale)
    except OSError as error:
        return _usage_error(f"The simulator cannot start: {error.strerror or error}.", EXIT_LOCAL)
    except ValueError as error:
        return _usage_error(f"The script does not fit: {error}")
    return EXIT_OK


# --- keys ------------------------------------------------------------------------------------------------------------


def _keys(parsed: argparse.Namespace) -> int:
    from groqdesk.app import open_vault
    from groqdesk.core.secrets import clean_key

    vault, origins = open_vault()
    if parsed.keys_command == "list":
        return _run(_list_keys(vault, origins))
    if parsed.provider not in origins:
        return _usage_error(f"There is no provider {parsed.provider!r}; there are {', '.join(origins)}.")
    origin = origins[parsed.provider]
    if parsed.keys_command == "delete":
        removed = _run(vault.delete(parsed.provider, origin))
        print(f"The key for {parsed.provider} is removed." if removed else f"No key for {parsed.provider} was kept.")
        return EXIT_OK
    if sys.stdin.isatty():
        import getpass

        text = getpass.getpass(f"Key for {parsed.provider} (not shown): ")
    else:
        text = sys.stdin.readline()
    try:
        key = clean_key(text)
    except ValueError as error:
        return _usage_error(str(error))
    kept = _run(vault.set(parsed.provider, origin, key))
    if kept == "memory":
        status = _run(vault.status())
        print(f"The key was not kept: {status.reason}", file=sys.stderr)
        return EXIT_LOCAL
    status = _run(vault.status())
    print(f"The key for {parsed.provider} is kept in {status.backend}.")
    return EXIT_OK


async def _list_keys(vault: Any, origins: dict[str, str]) -> int:
    status = await vault.status()
    print(f"Keyring: {status.backend}" if status.persistent else f"Keyring: none. {status.reason}")
    for provider, origin in origins.items():
        key = await vault.get(provider, origin)
        where = "" if key is None else f"…{key.secret.tail}  ({key.source})"
        print(f"{provider:<10} {where or 'no key'}")
    return EXIT_OK


# --- models ----------------------------------------------------------------------------------------------------------


def _models(parsed: argparse.Namespace) -> int:
    return _with_app(parsed, lambda app: _show_models(app, parsed))


async def _show_models(app: App, parsed: argparse.Namespace) -> int:
    from groqdesk.core.errors import ProviderError

    if parsed.refresh:
        for provider in [parsed.provider] if parsed.provider else ["groq"]:
            try:
                await app.catalog.refresh(provider)
            except ProviderError as error:
                return _provider_error(error, parsed.json)
    found = app.catalog.models(parsed.provider, parsed.capability)
    if parsed.provider and not found and parsed.provider not in app.providers.names():
        return _usage_error(f"There is no provider {parsed.provider!r}.")
    if parsed.json:
        print(json.dumps({"models": [m.as_json() for m in found]}, ensure_ascii=False))
        return EXIT_OK
    for model in found:
        marks = "" if model.state == "production" else f"  {model.state}"
        if model.retired_on:
            marks += f" {model.retired_on}" + (f", use {model.replacement}" if model.replacement else "")
        speed = f"{model.speed_tok_s} tok/s" if model.speed_tok_s else ""
        context = f"{model.context_tokens:,}" if model.context_tokens else "–"
        print(f"{model.provider:<8} {model.id:<36} {context:>10}  {speed:>11}  {model.price_words():<22}{marks}")
    return EXIT_OK


# --- chat ------------------------------------------------------------------------------------------------------------


def _chat(parsed: argparse.Namespace) -> int:
    prompt = sys.stdin.read() if parsed.prompt == "-" else parsed.prompt
    if not prompt.strip():
        return _refused("bad_request", "The question is empty.", "Write a question", parsed.json)
    try:
        tools = [_tool(file) for file in parsed.tool]
    except ValueError as error:
        return _refused("bad_request", str(error), "", parsed.json)
    return _with_app(parsed, lambda app: _ask(app, parsed, prompt, tools))


def _tool(file: str) -> MockedTool:
    from groqdesk.services.functions import MockedTool

    if file.endswith(".py"):
        raise ValueError(f"{file}: tools from Python files are not supported yet; use a JSON file.")
    try:
        return MockedTool.parse(Path(file).read_text("utf-8"))
    except OSError as error:
        raise ValueError(f"{file}: {error.strerror}.") from error
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
        return _refused("bad_request", f"There is no provider {provider!r}; there are {names}.", "", parsed.json)
    default = app.catalog.catalog.default(provider, "llm")
    model_id = parsed.model or (app.choice.model if provider == app.choice.provider else default.id if default else "")
    model = app.catalog.find(provider, model_id)
    choice = ModelChoice(provider, model.id if model else model_id, parsed.base_url)
    values: dict[str, object] = {}
    for pair in parsed.param:
        name, equals, text = pair.partition("=")
        if not equals:
            return _refused("bad_request", f"--param takes NAME=VALUE, not {pair!r}.", "", parsed.json)
        try:
            values[name] = parameters.parse_text(name, text)
        except ValueError as error:
            return _refused("bad_request", str(error), "", parsed.json)
    if problems := parameters.validate(model, values):
        return _refused("bad_request", problems[0].sentence, problems[0].fix_label, parsed.json)
    kept, dropped = parameters.split(model, values)
    if dropped:
        print(f"Not sent, this model does not take it: {', '.join(dropped)}.", file=sys.stderr)
    system, agent_id = parsed.system or "", None
    if parsed.agent:
        agent = await app.agents.get(parsed.agent)
        if agent is None:
            return _refused("not_found", f"There is no agent {parsed.agent!r}.", "", parsed.json)
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
                    print(json.dumps(_event_json(event), ensure_ascii=False), flush=True)
                else:
                    _print_human(event, last)
                match event:
                    case Finished():
                        return EXIT_OK
                    case Interrupted():
                        return EXIT_INTERRUPTED
                    case Failed():
                        return int(event.error.exit)
    except asyncio.CancelledError:
        if (total := ledger.summed()) is not None:
            print(json.dumps(_event_json(total)), flush=True) if as_json else _print_human(total, last)
        if as_json:
            end: dict[str, Any] = {"type": "interrupted", "cause": "cancelled", "kept_characters": characters}
            if not characters:
                from groqdesk.core.errors import Cancelled

                end = {"type": "error", **_error_json(Cancelled("Stopped."))}
            print(json.dumps(end), flush=True)
        else:
            print("\nStopped.", file=sys.stderr)
        return EXIT_STOPPED
    return EXIT_PROVIDER


def _event_json(event: ChatEvent) -> dict[str, Any]:
    from groqdesk.core import messages as m

    match event:
        case m.Started(provider, model, attempt):
            return {"type": "started", "provider": provider, "model": model, "attempt": attempt}
        case m.TextDelta(text):
            return {"type": "text", "text": text}
        case m.ReasoningDelta(text):
            return {"type": "reasoning", "text": text}
        case m.ToolCallRequested(call):
            try:
                return {"type": "tool_call", "id": call.id, "name": call.name, "arguments": _object(call.arguments)}
            except ValueError:
                return {
                    "type": "tool_call",
                    "id": call.id,
                    "name": call.name,
                    "arguments": call.arguments,
                    "valid": False,
                }
        case m.ToolAnswered(result):
            outcome = "error" if result.failed else "result"
            return {"type": "tool_result", "id": result.call_id, outcome: result.text, "seconds": result.seconds}
        case m.UsageReported():
            return {"type": "usage", **_usage_json(event.usage, event.cost_nano_usd, event.ttft_s, event.total_s)}
        case m.Finished():
            end = {"finish_reason": event.finish_reason, "provider": event.provider, "model": event.model}
            return {"type": "finished", **end}
        case m.Interrupted(error, kept):
            return {"type": "interrupted", "cause": error.kind, "kept_characters": kept}
        case m.Failed(error):
            return {"type": "error", **_error_json(error)}


def _object(text: str) -> dict[str, Any]:
    value = json.loads(text or "{}")
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def _usage_json(usage: TokenUsage, cost: int | None, ttft_s: float | None, total_s: float) -> dict[str, Any]:
    from groqdesk.core.usage import usd_exact

    return {
        "prompt_tokens": usage.prompt_tokens,
        "cached_tokens": usage.cached_tokens,
        "completion_tokens": usage.completion_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "total_tokens": usage.total_tokens,
        "cost_usd": usd_exact(cost),
        "estimated": usage.estimated,
        "queue_s": usage.queue_s,
        "prompt_s": usage.prompt_s,
        "completion_s": usage.completion_s,
        "ttft_s": ttft_s,
        "total_s": total_s,
    }


def _error_json(error: ProviderError) -> dict[str, Any]:
    retry = error.retry_at_ms
    return {
        "kind": error.kind,
        "message": error.message,
        "action": error.action,
        "replacement": error.replacement,
        "status": error.status,
        "code": error.code,
        "retry_at": None if retry is None else _iso(retry),
        "request_id": error.request_id,
    }


def _iso(ms: int) -> str:
    return dt.datetime.fromtimestamp(ms / 1000, dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _print_human(event: ChatEvent, last: str) -> None:
    from groqdesk.core import messages as m
    from groqdesk.core.usage import usd_text

    match event:
        case m.TextDelta(text):
            sys.stdout.write(text)
            sys.stdout.flush()
        case m.ToolCallRequested(call):
            print(f"calls {call.name}({call.arguments})", file=sys.stderr)
        case m.Finished() if not last.endswith("\n"):
            print(flush=True)
        case m.UsageReported():
            ttft = "–" if event.ttft_s is None else f"{event.ttft_s * 1000:.0f} ms"
            tokens = f"{event.usage.prompt_tokens:,} in {event.usage.completion_tokens:,} out"
            about = "≈ " if event.usage.estimated else ""
            if not last.endswith("\n"):
                print(flush=True)
            print(f"TTFT {ttft} · {about}{tokens} · {usd_text(event.cost_nano_usd)}", file=sys.stderr)
        case m.Interrupted(error, kept):
            print(f"{error.message} {kept:,} characters are kept. {error.action}".rstrip(), file=sys.stderr)
        case m.Failed(error):
            print(f"{error.message} {error.action}".rstrip(), file=sys.stderr)


# --- usage -----------------------------------------------------------------------------------------------------------


def _usage(parsed: argparse.Namespace) -> int:
    try:
        since_ms = _since(parsed.since)
    except ValueError as error:
        return _usage_error(str(error))
    return _with_app(parsed, lambda app: _show_usage(app, parsed, since_ms))


def _since(text: str) -> int:
    """`30d` (that many days back, from midnight) or a date; UTC milliseconds."""
    now = dt.datetime.now().astimezone()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if text.endswith("d") and text[:-1].isdigit() and len(text) <= 6:
        return int((midnight - dt.timedelta(days=int(text[:-1]))).timestamp() * 1000)
    try:
        day = dt.datetime.strptime(text, "%Y-%m-%d")
    except ValueError:
        raise ValueError(f"--since takes a number of days (30d) or a date (2026-11-01), not {text!r}.") from None
    return int(day.astimezone().timestamp() * 1000)


async def _show_usage(app: App, parsed: argparse.Namespace, since_ms: int) -> int:
    from groqdesk.core.usage import usd_exact, usd_text

    rows = await app.usage_reader.summed(since_ms, parsed.by, app.zone)
    names = ["requests", "failed", "prompt_tokens", "cached_tokens", "completion_tokens", "reasoning_tokens"]
    if parsed.json or parsed.csv:
        table = [
            {parsed.by: row.key, **{n: getattr(row, n) for n in names}}
            | {"cost_usd": usd_exact(row.cost_nano_usd), "unknown_cost": row.unknown_cost}
            for row in rows
        ]
        if parsed.json:
            print(json.dumps({"since": _iso(since_ms), "by": parsed.by, "rows": table}, ensure_ascii=False))
            return EXIT_OK
        import csv

        writer = csv.DictWriter(sys.stdout, [parsed.by, *names, "cost_usd", "unknown_cost"], lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: _cell(v) for k, v in row.items()} for row in table)
        return EXIT_OK
    if not rows:
        print("Nothing used since then.")
    for row in rows:
        unknown = f"  + {row.unknown_cost} without a price" if row.unknown_cost else ""
        tokens = f"{row.prompt_tokens:>10,} in {row.completion_tokens:>10,} out"
        print(f"{row.key:<28} {row.requests:>6,} requests {tokens}  {usd_text(row.cost_nano_usd):>9}{unknown}")
    return EXIT_OK


def _cell(value: Any) -> Any:
    """A name from outside must not become a formula when the file is opened in a spreadsheet."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" else value


# --- doctor ----------------------------------------------------------------------------------------------------------


def _doctor(parsed: argparse.Namespace) -> int:
    from groqdesk.app import examine

    checks = _run(examine(_options(parsed), parsed.online))
    if parsed.json:
        print(json.dumps({"version": __version__, "checks": [c.as_json() for c in checks]}, ensure_ascii=False))
    else:
        marks = {"ok": "ok  ", "note": "note", "problem": "FAIL"}
        for check in checks:
            print(f"{marks[check.state]}  {check.name:<10} {check.text}")
            if check.action:
                print(f"                 {check.action}")
    return EXIT_LOCAL if any(c.state == "problem" for c in checks) else EXIT_OK


# --- common ----------------------------------------------------------------------------------------------------------


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    """Runs a coroutine; SIGTERM ends it like Ctrl+C does."""

    async def outer() -> Any:
        task = asyncio.current_task()
        if sys.platform != "win32" and task is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work

    return asyncio.run(outer())


def _with_app(parsed: argparse.Namespace, work: Any) -> int:
    from groqdesk.app import open_app

    async def inside() -> int:
        async with open_app(_options(parsed)) as app:
            return int(await work(app))

    return int(_run(inside()))


def _usage_error(sentence: str, code: int = EXIT_USAGE) -> int:
    print(sentence, file=sys.stderr)
    return code


def _refused(kind: str, message: str, action: str, as_json: bool) -> int:
    """Refused before anything was sent."""
    if as_json:
        rest = dict.fromkeys(("replacement", "status", "code", "retry_at", "request_id"))
        print(json.dumps({"type": "error", "kind": kind, "message": message, "action": action, **rest}), flush=True)
    else:
        print(f"{message} {action}".rstrip(), file=sys.stderr)
    return EXIT_USAGE


def _provider_error(error: ProviderError, as_json: bool) -> int:
    if as_json:
        print(json.dumps({"error": _error_json(error)}, ensure_ascii=False))
    else:
        print(f"{error.message} {error.action}".rstrip(), file=sys.stderr)
    return error.exit


def _local_problem(error: Exception, as_json: bool) -> int:
    """Disk, keyring, database: a sentence. Anything else is ours: a neutral sentence, the traceback goes to the log."""
    from groqdesk.core.errors import GroqdeskError, ProviderError

    if isinstance(error, ProviderError):
        return _provider_error(error, as_json)
    known: GroqdeskError | None = error if isinstance(error, GroqdeskError) else None
    if known is None:
        import logging

        logging.getLogger(__name__).error("a command failed", exc_info=error)
    message = known.message if known else "Something went wrong in groqdesk. The log has the details."
    action = known.action if known else "Run it again with -v"
    if as_json:
        rest = dict.fromkeys(("replacement", "status", "code", "retry_at", "request_id"))
        print(json.dumps({"type": "error", "kind": "local", "message": message, "action": action, **rest}), flush=True)
    else:
        print(f"{message} {action}".rstrip(), file=sys.stderr)
    return EXIT_LOCAL


_COMMANDS = {
    "window": _window,
    "doctor": _doctor,
    "keys": _keys,
    "models": _models,
    "chat": _chat,
    "usage": _usage,
    "simulator": _simulator,
    "demo": _demo,
}


def _entry() -> NoReturn:
    raise SystemExit(main())
