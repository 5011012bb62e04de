"""Composition root: opens the house in visible order, chooses implementations, closes in reverse.

Window and command line start from `open_app()`. The only file that knows everything.
"""

from __future__ import annotations

import faulthandler
import logging
import logging.handlers
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from groqdesk.core.catalog import Catalog
from groqdesk.core.errors import DataInUse, GroqdeskError, LocalProblem
from groqdesk.core.messages import ModelChoice
from groqdesk.core.ports import (
    AgentStore,
    Clock,
    ConversationStore,
    Engine,
    KeyVault,
    ProviderSource,
    SettingsStore,
    UsageReader,
)
from groqdesk.core.redaction import redact
from groqdesk.core.settings import Folders, Settings, Timings, folders, resource
from groqdesk.services.catalog import CatalogService
from groqdesk.services.llm import LLMIntegrationService

log = logging.getLogger(__name__)
LOG_BYTES, LOG_FILES = 2_000_000, 5
CRASH_NOTES_BYTES = 100_000
NO_KEYS = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}  # what a demo sees of the environment
REPLAYED_URL = "http://127.0.0.1:9/openai/v1"  # never connected to: a replay finds its calls by path


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says about this run.

    `record` writes every call to a cassette, `replay` answers from one without a network; `replay_speed` 1 is as recorded,
    infinity without waiting.
    """

    data_dir: str | None = None
    demo: bool = False
    verbose: bool = False
    record: Path | None = None
    replay: Path | None = None
    replay_speed: float = 1.0


@dataclass(frozen=True, slots=True)
class App:
    """The open house: everything that a window or a command may use."""

    engine: Engine
    folders: Folders
    settings: Settings
    settings_store: SettingsStore
    conversations: ConversationStore
    agents: AgentStore
    usage_reader: UsageReader
    catalog: CatalogService
    llm: LLMIntegrationService
    providers: ProviderSource
    vault: KeyVault
    clock: Clock
    timings: Timings
    zone: str
    demo: bool
    choice: ModelChoice
    interrupted_answers: int
    changed_elsewhere: Callable[[], Awaitable[bool]]


class SystemClock:
    """The machine's clocks."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        return time.monotonic()


@asynccontextmanager
async def open_app(
    options: Options, engine: Engine | None = None, window: bool = False, timings: Timings | None = None
) -> AsyncIterator[App]:
    """Opens folders, log, database, vault, engine, providers and services, in this order; closes them in reverse.

    Without `engine` the work runs in the caller's loop. `window` takes the data folder for this window alone.
    Raises `LocalProblem` with a sentence when the data cannot be used; nothing was changed then.
    """
    from groqdesk.engine import InlineEngine
    from groqdesk.providers.factory import ProviderFactory
    from groqdesk.storage.agents import SqlAgentStore
    from groqdesk.storage.conversations import SqlConversationStore
    from groqdesk.storage.database import Database
    from groqdesk.storage.faults import translated
    from groqdesk.storage.instance import InstanceLock
    from groqdesk.storage.keys import KeyringVault
    from groqdesk.storage.settings import SqlSettingsStore
    from groqdesk.storage.usage import SqlUsageLog

    timings, clock = timings or Timings(), SystemClock()
    async with AsyncExitStack() as house:
        places = house.enter_context(_Places(options))
        house.enter_context(_Log(places, options.verbose))
        if window:
            with translated(places.data):
                lock = InstanceLock.acquire(places)
            if lock is None:
                raise DataInUse("groqdesk is open already with this data.")
            house.callback(lock.release)
            house.enter_context(_CrashNotes(places))

        try:
            database = await Database.open(places, timings)
        except GroqdeskError as problem:
            log.warning("the data cannot be opened: %s", problem.message)
            raise
        house.push_async_callback(database.close)
        usage = SqlUsageLog(database)
        conversations, agents = SqlConversationStore(database, usage), SqlAgentStore(database)
        settings_store = SqlSettingsStore(database)
        settings = Settings.from_rows(await settings_store.all())
        interrupted = await conversations.end_interrupted()
        if window:
            await conversations.purge()

        environment = NO_KEYS if options.demo else os.environ
        vault = KeyringVault(environment, timings)
        house.callback(vault.close)
        engine = engine or InlineEngine()
        catalog = Catalog.parse(resource("catalog.toml").read_text("utf-8"))
        practice = house.enter_context(_PracticeServer())
        providers = ProviderFactory(
            vault=vault,
            catalog=catalog,
            timings=timings,
            clock=clock,
            fast_transport=settings.fast_transport,
            demo_url=REPLAYED_URL if options.replay else practice.url,
            environment=environment,
            wrap=_cassette(options),
            keyless=options.replay is not None,
            practice_only=options.demo,
        )
        house.push_async_callback(engine.call, providers.aclose)
        llm = LLMIntegrationService(providers, conversations, usage, clock, timings)
        house.push_async_callback(_once_more, llm.keep_unsaved)
        catalog_service = CatalogService(catalog, providers, providers.learn)

        provider = "demo" if options.demo else settings.provider
        yield App(
            engine=engine,
            folders=places,
            settings=settings,
            settings_store=settings_store,
            conversations=conversations,
            agents=agents,
            usage_reader=usage,
            catalog=catalog_service,
            llm=llm,
            providers=providers,
            vault=vault,
            clock=clock,
            timings=timings,
            zone=local_zone(),
            demo=options.demo,
            choice=ModelChoice(provider, settings.model),
            interrupted_answers=interrupted,
            changed_elsewhere=database.changed_elsewhere,
        )


async def _once_more(save: Callable[[], Awaitable[None]]) -> None:
    try:
        await save()
    except LocalProblem as problem:
        log.warning("an answer could not be stored: %s", problem.message)


def _cassette(options: Options) -> Any:
    """What goes around the transport of this run: a recorder, a player, or nothing."""
    from groqdesk.providers.cassettes import Cassette, Player, Recorder

    if options.replay is not None:
        player = Player(Cassette.load(options.replay), speed=options.replay_speed)
        return lambda _transport: player
    if options.record is not None:
        target = options.record
        return lambda transport: Recorder(transport, target)
    return None


def open_window(options: Options) -> int:
    """Opens the window and stays until it closes. Says what is missing where no window can open."""
    from groqdesk.ui.preflight import preflight

    if problem := preflight():
        print(problem, file=sys.stderr)  # noqa: T201, the window cannot say it
        return 5
    import groqdesk.ui.import_hook  # noqa: F401, for what it does
    from groqdesk.ui.main import run_window

    _forbid_core_dumps()
    return run_window(open_app, options)


def open_demo(options: Options, seconds: float, pictures: str | None) -> int:
    """Opens the window and drives it through the main job: question, answer, restart, history."""
    from groqdesk.ui.preflight import preflight

    if problem := preflight():
        print(problem, file=sys.stderr)  # noqa: T201, the window cannot say it
        return 5
    import groqdesk.ui.import_hook  # noqa: F401, for what it does
    from groqdesk.ui.demo import run_demo

    return run_demo(open_app, options.verbose, seconds, Path(pictures) if pictures else None)


def open_vault(environment: Mapping[str, str] = os.environ) -> tuple[KeyVault, dict[str, str]]:
    """The key vault alone, with the providers that keep a key and the origin that each key belongs to."""
    from groqdesk.providers.factory import KEY_ORIGINS
    from groqdesk.storage.keys import KeyringVault

    return KeyringVault(environment, Timings()), dict(KEY_ORIGINS)


class _Places:
    """The folders of this run, made with rights for their owner only; thrown away at the end in demo mode."""

    def __init__(self, options: Options) -> None:
        if options.demo and not options.data_dir:
            root = Path(tempfile.mkdtemp(prefix="groqdesk-demo-"))
            self._folders = Folders(root, root / "logs", temporary=True)
        else:
            self._folders = folders(options.data_dir)

    def __enter__(self) -> Folders:
        return self._folders

    def __exit__(self, *_: object) -> None:
        if self._folders.temporary:
            shutil.rmtree(self._folders.data, ignore_errors=True)


class _JsonLines(logging.Formatter):
    """One JSON object a line, redacted as a whole, traceback included."""

    def format(self, record: logging.LogRecord) -> str:
        import json

        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return redact(json.dumps(line, ensure_ascii=False))


class _LogFile(logging.handlers.RotatingFileHandler):
    """A file that cannot be written loses lines of the log; it does not print a traceback for each of them."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, its name in the standard library
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


class _Log:
    """logs/groqdesk.log, and stderr with -v. A folder that cannot be written costs the log, never the app."""

    def __init__(self, places: Folders, verbose: bool) -> None:
        self._handlers: list[logging.Handler] = []
        try:
            places.log.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = _LogFile(
                places.log / "groqdesk.log", maxBytes=LOG_BYTES, backupCount=LOG_FILES - 1, encoding="utf-8", delay=True
            )
            self._handlers.append(file)
        except OSError:
            self._handlers.append(logging.NullHandler())  # who asked is told in a sentence, not in log lines
        if verbose:
            self._handlers.append(logging.StreamHandler(sys.stderr))

    def __enter__(self) -> None:
        root = logging.getLogger()
        self._level = root.level
        root.setLevel(logging.INFO)
        for handler in self._handlers:
            handler.setFormatter(_JsonLines())
            root.addHandler(handler)
        for chatty in ("httpx", "httpcore", "aiohttp", "asyncio", "alembic", "uvicorn", "markdown_it"):
            logging.getLogger(chatty).setLevel(logging.WARNING)

    def __exit__(self, *_: object) -> None:
        root = logging.getLogger()
        root.setLevel(self._level)
        for handler in self._handlers:
            root.removeHandler(handler)
            handler.close()


class _CrashNotes:
    """logs/crash.txt: where the code was when the process died in native code (Qt, SQLite). Names of code, never values."""

    def __init__(self, places: Folders) -> None:
        self._path = places.log / "crash.txt"
        self._file: Any = None

    def __enter__(self) -> None:
        if faulthandler.is_enabled():  # PYTHONFAULTHANDLER: somebody is watching already
            return
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError:
            return
        self._file = os.fdopen(descriptor, "w")
        faulthandler.enable(self._file)

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            faulthandler.disable()
            size = os.fstat(self._file.fileno()).st_size
            self._file.close()
            if not size or size > CRASH_NOTES_BYTES:  # what an earlier crash left stays until there is too much of it
                self._path.unlink(missing_ok=True)


def _forbid_core_dumps() -> None:
    """A core file would hold keys and chats. systemd-coredump keeps to this limit too.

    PR_SET_DUMPABLE is left alone: it would also close /proc/self to the process itself, to debuggers and to desktop portals.
    """
    if sys.platform != "win32":
        import resource as limits

        limits.setrlimit(limits.RLIMIT_CORE, (0, 0))


def log_failure(error: Exception, data_dir: str | None = None) -> None:
    """Writes an error that nobody expected, with its traceback, to the log of these folders."""
    with _Log(folders(data_dir), verbose=False):
        log.error("a command failed", exc_info=error)


class _PracticeServer:
    """The simulator, started when the first call asks for its address."""

    def __init__(self) -> None:
        self._server: Any = None

    def __enter__(self) -> _PracticeServer:
        return self

    def url(self) -> str:
        if self._server is None:
            from groqdesk.simulator.server import Simulator

            self._server = Simulator()
            self._server.start()
        return str(self._server.base_url)

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.stop()


def local_zone() -> str:
    """The IANA name of this machine's time zone; UTC if it has none."""
    if name := os.environ.get("TZ", "").lstrip(":"):
        return name
    try:
        target = str(Path("/etc/localtime").resolve())
        if "zoneinfo/" in target:
            return target.split("zoneinfo/", 1)[1]
    except OSError:
        pass
    return "UTC"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor. `state` is ok, note (works without it) or problem."""

    name: str
    state: str
    text: str
    action: str = ""

    def as_json(self) -> dict[str, str]:
        return {"name": self.name, "state": self.state, "text": self.text, "action": self.action}


async def examine(options: Options, online: bool) -> list[Check]:
    """What works on this machine: Python, window, sound, keyring, database, providers. Changes nothing."""
    from groqdesk.audio.devices import sound_devices
    from groqdesk.core.errors import GroqdeskError, ProviderError
    from groqdesk.ui.preflight import preflight

    checks = [Check("python", "ok", sys.version.split()[0])]
    problem = preflight()
    first, _, rest = (problem or "").partition("\n")
    checks.append(Check("window", "note", first, rest) if problem else Check("window", "ok", "Qt can open a window."))
    sound = sound_devices()
    if sound.problem:
        checks.append(Check("sound", "note", sound.problem))
    else:
        words = f"{len(sound.inputs)} inputs, {len(sound.outputs)} outputs"
        checks.append(Check("sound", "ok" if sound.inputs and sound.outputs else "note", words))
    try:
        vault, origins = open_vault(NO_KEYS if options.demo else os.environ)
        status = await vault.status()
        state = "ok" if status.persistent else "note"
        checks.append(Check("keyring", state, status.backend if status.persistent else status.reason))
        for provider, origin in origins.items():
            key = await vault.get(provider, origin)
            text = "no key" if key is None else f"key …{key.secret.tail} from the {key.source}"
            checks.append(Check(provider, "note" if key is None else "ok", text))
    except GroqdeskError as error:
        checks.append(Check("keyring", "note", error.message, error.action))
    scratch = tempfile.TemporaryDirectory(prefix="groqdesk-doctor-")
    if not options.demo and not folders(options.data_dir).database.exists():
        checks.append(Check("database", "ok", f"Nothing stored yet in {_home(folders(options.data_dir).data)}"))
        options = replace(options, data_dir=scratch.name)
    try:
        async with open_app(options) as app:
            count = len(await app.conversations.recent())
            if options.data_dir != scratch.name and not options.demo:
                checks.append(Check("database", "ok", f"{count} conversations in {_home(app.folders.data)}"))
            for provider in app.providers.names() if online else ():
                began_s = time.monotonic()
                try:
                    models = await app.engine.call(app.providers.live_models, provider)
                    text = f"{len(models)} models, reply in {(time.monotonic() - began_s) * 1000:.0f} ms"
                    checks.append(Check(provider, "ok", text))
                except ProviderError as error:
                    checks.append(Check(provider, "note", error.message, error.action))
    except GroqdeskError as error:
        checks.append(Check("database", "problem", error.message, error.action))
    finally:
        scratch.cleanup()
    return checks


def _home(path: Path) -> str:
    """A path as people read it."""
    try:
        return "~/" + path.relative_to(Path.home()).as_posix()
    except ValueError:
        return str(path)
