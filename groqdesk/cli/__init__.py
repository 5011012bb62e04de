"""The command line. Human text is the result on stdout and progress on stderr; with --json stdout holds JSON only."""

from __future__ import annotations

import argparse
import asyncio
import errno
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from groqdesk import __version__
from groqdesk.cli.output import EXIT_LOCAL, EXIT_OK, local_problem, options_of, stopped, usage_error


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; the exit codes are those of the published contract."""
    _prepare_streams()
    parsed = _parser().parse_args(arguments)
    if (getattr(parsed, "json", False) or getattr(parsed, "csv", False)) and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # RFC 8259: JSON between programs is UTF-8, whatever the locale
    command = parsed.command or "window"
    as_json, chat = getattr(parsed, "json", False), command == "chat"
    try:
        code = int(_COMMANDS[command](parsed))
        sys.stdout.flush()
        return code
    except (KeyboardInterrupt, asyncio.CancelledError):
        return stopped(as_json, chat)
    except BrokenPipeError:
        _give_up_stdout()
        return EXIT_OK
    except OSError as error:
        if error.errno != errno.ENOSPC:  # a full data folder is a DiskFull by then
            return local_problem(error, as_json, chat, parsed.data_dir)
        _give_up_stdout()
        print("The output cannot be written: no space left.", file=sys.stderr)
        return EXIT_LOCAL
    except Exception as error:
        return local_problem(error, as_json, chat, parsed.data_dir)


def _give_up_stdout() -> None:
    """Nobody reads it any more, or it is full: the interpreter's last flush must not complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _prepare_streams() -> None:
    """A stream that was closed reads as empty or swallows what is written; a character that it cannot show becomes ?."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115, open as long as the process
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _common(data_dir: str | None, verbose: bool | str) -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--data-dir", default=data_dir, metavar="DIR", help="where data lives (GROQDESK_HOME)")
    common.add_argument("-v", "--verbose", action="store_true", default=verbose, help="a log on stderr")
    return common


def _parser() -> argparse.ArgumentParser:
    # Parents share their arguments with their children: with one set of defaults for both, a command would reset what
    # stands before it (groqdesk --data-dir DIR usage).
    parser = argparse.ArgumentParser(
        prog="groqdesk", description="Design, talk to, test and meter AI agents.", parents=[_common(None, False)]
    )
    common = _common(argparse.SUPPRESS, argparse.SUPPRESS)
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
    chat.add_argument("--agent", metavar="NAME", help="with the instructions of this agent")
    chat.add_argument("--provider", metavar="P")
    chat.add_argument("--model", metavar="M")
    chat.add_argument("--base-url", metavar="URL", help="another server for this call; its key from GROQDESK_API_KEY")
    chat.add_argument("--system", metavar="TEXT")
    chat.add_argument("--param", action="append", default=[], metavar="NAME=VALUE", help="temperature=0.2, seed=7, ...")
    chat.add_argument(
        "--tool", action="append", default=[], metavar="FILE", help="a function with a written answer (JSON)"
    )
    chat.add_argument("--trust-tool", action="store_true", help="for Python tools, which are not supported yet")
    chat.add_argument("--json", action="store_true", help="one JSON object a line")
    chat.add_argument("--no-save", action="store_true", help="do not keep the conversation")
    cassette = chat.add_mutually_exclusive_group()
    cassette.add_argument("--record", metavar="FILE", help="write the call to a file, without keys")
    cassette.add_argument("--replay", metavar="FILE", help="answer from such a file, without a network")
    chat.add_argument("--replay-speed", choices=["recorded", "full"], default="recorded", help="how fast a replay goes")
    chat.add_argument("--no-wait", action="store_true", help="do not wait for a rate limit; nothing waits yet")

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


def _window(parsed: argparse.Namespace) -> int:
    from groqdesk.app import open_window

    return open_window(options_of(parsed))


def _demo(parsed: argparse.Namespace) -> int:
    from groqdesk.app import open_demo

    return open_demo(options_of(parsed, demo=True), parsed.seconds, parsed.pictures)


def _simulator(parsed: argparse.Namespace) -> int:
    from groqdesk.simulator.server import run

    if not 0 < parsed.time_scale <= 1e6:
        return usage_error("--time-scale is a number above 0.")
    if not 0 <= parsed.port <= 65535:
        return usage_error("--port is a number from 0 to 65535.")
    try:
        run(parsed.port, parsed.script, parsed.time_scale)
    except OSError as error:
        return usage_error(f"The simulator cannot start: {error.strerror or error}.", EXIT_LOCAL)
    except ValueError as error:
        return usage_error(f"The script does not fit: {error}")
    return EXIT_OK


def _keys(parsed: argparse.Namespace) -> int:
    from groqdesk.cli.tables import keys

    return keys(parsed)


def _models(parsed: argparse.Namespace) -> int:
    from groqdesk.cli.tables import models

    return models(parsed)


def _chat(parsed: argparse.Namespace) -> int:
    from groqdesk.cli.chat import chat

    return chat(parsed)


def _usage(parsed: argparse.Namespace) -> int:
    from groqdesk.cli.tables import usage

    return usage(parsed)


def _doctor(parsed: argparse.Namespace) -> int:
    from groqdesk.cli.tables import doctor

    return doctor(parsed)


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
