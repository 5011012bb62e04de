"""KeyringVault: API keys in the operating system's keyring, and nowhere else.

Only backends of a fixed list are used. The keyring package would take any class that a variable, a configuration file or
an installed plug-in names, also one that writes plain text; here such a wish is refused and keys stay in memory.
"""

from __future__ import annotations

import asyncio
import configparser
import contextlib
import importlib
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from groqdesk.core.errors import KeyringProblem
from groqdesk.core.ports import KeySource, StoredKey, VaultStatus
from groqdesk.core.secrets import Secret, clean_key
from groqdesk.core.settings import Timings
from groqdesk.storage.worker import Worker, WorkerClosed

T = TypeVar("T")
log = logging.getLogger(__name__)

SERVICE = "groqdesk"
# Windows keeps at most 2,560 bytes, and keeps them as UTF-16.
KEY_MAX = 1000

SECRET_SERVICE = "keyring.backends.SecretService.Keyring"
WINDOWS = "keyring.backends.Windows.WinVaultKeyring"
NONE = "keyring.backends.fail.Keyring"
CHAINER = "keyring.backends.chainer.ChainerBackend"
# Class of the keyring package -> name for people. The first that works here is used, dearest priority first.
ALLOWED = {
    SECRET_SERVICE: "Secret Service",
    "keyring.backends.kwallet.DBusKeyring": "KWallet",
    "keyring.backends.kwallet.DBusKeyringKWallet4": "KWallet",
    "keyring.backends.libsecret.Keyring": "Secret Service",
    "keyring.backends.macOS.Keyring": "macOS Keychain",
    WINDOWS: "Windows Credential Manager",
}
# First letters of the process that owns the bus name (Linux cuts a process name to 15 characters).
OWNERS = {
    "gnome-keyring": "GNOME Keyring",
    "kwalletd": "KWallet",
    "ksecretd": "KWallet",
    "keepassxc": "KeePassXC",
}

NO_KEYRING = "No system keyring was found. The key is kept until groqdesk closes."
REFUSED = "{name} is no keyring that groqdesk trusts. The key is kept until groqdesk closes."
LOCKED = "The keyring is locked, so no key can be read."
SILENT = "The keyring did not answer in {seconds:.0f} s."
CLOSED = "The keyring was closed with groqdesk."
NOT_KEPT = "The keyring did not keep the key."
FAILED = "The keyring could not be used ({what})."
TOO_LONG = "That is too long for a key: at most 1,000 characters."

# A key of the environment goes to its own service only.
ENVIRONMENT = {
    ("groq", "https://api.groq.com"): "GROQ_API_KEY",
    ("openai", "https://api.openai.com"): "OPENAI_API_KEY",
}


class Backend(Protocol):
    """The three calls of a keyring backend."""

    def get_password(self, service: str, username: str) -> str | None: ...

    def set_password(self, service: str, username: str, password: str) -> None: ...

    def delete_password(self, service: str, username: str) -> None: ...


@dataclass(frozen=True, slots=True)
class _Found:
    """The backend in use, or None with the reason."""

    backend: Backend | None
    name: str
    reason: str = ""


class KeyringVault:
    """A `KeyVault` (core.ports).

    Every call to the keyring runs on one daemon thread and is given up after `Timings.keyring_s` seconds: a locked
    keyring blocks until somebody answers its dialog. A key that was read once is kept in memory for this run, so that
    the dialog comes once.
    """

    def __init__(self, environment: Mapping[str, str], timings: Timings | None = None) -> None:
        self._environment = environment
        self._limit_s = (timings or Timings()).keyring_s
        self._worker: Worker | None = None
        self._found: _Found | None = None
        self._lock = threading.Lock()
        self._read: dict[tuple[str, str], Secret] = {}
        self._memory: dict[tuple[str, str], Secret] = {}

    async def status(self) -> VaultStatus:
        """Which backend keeps keys. Opens no dialog."""
        found = await self._on_thread(self._backend)
        return VaultStatus(found.name, found.backend is not None, found.reason)

    async def get(self, provider: str, origin: str) -> StoredKey | None:
        """The key for this provider at this origin: from the keyring, else of this run, else from the environment.

        `origin` may be a base URL; only its scheme, host and port count. Raises `KeyringProblem` if the keyring cannot
        be read and neither memory nor environment has a key.
        """
        place = (provider, origin_of(origin))
        with self._lock:
            known = self._read.get(place)
        if known is not None:
            return StoredKey(known, "keyring")
        try:
            stored = await self._on_thread(lambda: self._from_keyring(place))
        except KeyringProblem:
            elsewhere = self._from_memory_or_environment(place)
            if elsewhere is None:
                raise
            return elsewhere
        return stored or self._from_memory_or_environment(place)

    async def set(self, provider: str, origin: str, key: Secret) -> KeySource:
        """Stores a key and says where. Raises `KeyringProblem` if the keyring refuses or does not keep it."""
        place = (provider, origin_of(origin))
        if len(key.reveal()) > KEY_MAX:
            raise KeyringProblem(TOO_LONG, action="Replace key")
        self._drop(place)
        return await self._on_thread(lambda: self._store(place, key))

    async def delete(self, provider: str, origin: str) -> bool:
        """Deletes the key from keyring and memory; False if there was none. The environment is never changed."""
        place = (provider, origin_of(origin))
        had = self._drop(place)
        return await self._on_thread(lambda: self._remove(place)) or had

    def forget(self, provider: str, origin: str) -> None:
        """Drops the copy in memory of a key that the keyring holds, so that the next `get` reads it anew."""
        with self._lock:
            self._read.pop((provider, origin_of(origin)), None)

    def close(self) -> None:
        """Forgets every key and ends the thread, which may be waiting for a dialog."""
        with self._lock:
            self._read.clear()
            self._memory.clear()
        if self._worker is not None:
            self._worker.stop()

    def _drop(self, place: tuple[str, str]) -> bool:
        """Forgets what is in memory; says whether a key of this run was there."""
        with self._lock:
            self._read.pop(place, None)
            return self._memory.pop(place, None) is not None

    def _from_memory_or_environment(self, place: tuple[str, str]) -> StoredKey | None:
        with self._lock:
            kept = self._memory.get(place)
        if kept is not None:
            return StoredKey(kept, "memory")
        name = ENVIRONMENT.get(place)
        if name is None or not self._environment.get(name):
            return None
        try:
            return StoredKey(clean_key(self._environment[name]), "environment")
        except ValueError:
            log.warning("%s holds no usable key", name)
            return None

    async def _on_thread(self, work: Callable[[], T]) -> T:
        with self._lock:
            if self._worker is None:
                self._worker = Worker("keyring")
        try:
            async with asyncio.timeout(self._limit_s):
                return await self._worker.call(lambda: _guarded(work), droppable=True)
        except WorkerClosed:
            raise KeyringProblem(CLOSED, action="Show details") from None
        except TimeoutError:
            raise KeyringProblem(SILENT.format(seconds=self._limit_s)) from None

    # The rest runs on the keyring's thread.

    def _backend(self) -> _Found:
        if self._found is None:
            self._found = _find_backend(self._environment)
            log.info("keys are kept in %s", self._found.name)
        return self._found

    def _from_keyring(self, place: tuple[str, str]) -> StoredKey | None:
        backend = self._backend().backend
        if backend is None:
            return None
        value = backend.get_password(SERVICE, _username(place))
        if not value:
            return None
        secret = Secret(value)
        with self._lock:
            self._read[place] = secret
        return StoredKey(secret, "keyring")

    def _store(self, place: tuple[str, str], key: Secret) -> KeySource:
        backend = self._backend().backend
        if backend is None:
            with self._lock:
                self._memory[place] = key
            return "memory"
        backend.set_password(SERVICE, _username(place), key.reveal())
        # Some backends take a key and keep nothing.
        if not Secret(backend.get_password(SERVICE, _username(place)) or "").same_as(key):
            raise KeyringProblem(NOT_KEPT, action="Show details")
        self._drop(place)  # a `get` that was under way may have noted the key before
        return "keyring"

    def _remove(self, place: tuple[str, str]) -> bool:
        backend = self._backend().backend
        if backend is None or backend.get_password(SERVICE, _username(place)) is None:
            return False
        backend.delete_password(SERVICE, _username(place))
        self._drop(place)
        return True


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL: "https://api.groq.com". ValueError if it has none, or carries a user name."""
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise ValueError("A key belongs to an address that begins with https:// or http:// and a host.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    usual = {"http": 80, "https": 443}[parts.scheme]
    port = "" if parts.port in (None, usual) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def _username(place: tuple[str, str]) -> str:
    return f"{place[0]} {place[1]}"


def _guarded(work: Callable[[], T]) -> T:
    """Runs a call to the keyring. Its errors never carry the text of the backend, which may quote anything."""
    from keyring.errors import InitError, KeyringLocked

    try:
        return work()
    except KeyringProblem:
        raise
    except (KeyringLocked, InitError):
        # InitError: a keyring that was never unlocked cannot even be created without a dialog.
        raise KeyringProblem(LOCKED) from None
    except Exception as error:
        if "locked" in type(error).__name__.lower():
            raise KeyringProblem(LOCKED) from None
        raise KeyringProblem(FAILED.format(what=type(error).__name__), action="Show details") from None


def _find_backend(environment: Mapping[str, str]) -> _Found:
    wish = environment.get("PYTHON_KEYRING_BACKEND") or _configured()
    if wish and wish != CHAINER:
        if wish == NONE:
            return _Found(None, "Memory", NO_KEYRING)
        if wish not in ALLOWED:
            return _Found(None, "Memory", REFUSED.format(name=_short(wish)))
        names = [wish]
    else:
        # A chainer would try every backend it finds; the best one of the list is taken instead, alone.
        names = list(ALLOWED)
    working = [(priority, name) for name in names if (priority := _priority(name)) is not None]
    if not working:
        return _Found(None, "Memory", NO_KEYRING)
    name = max(working, key=lambda one: one[0])[1]
    backend = _class(name)()
    if name == WINDOWS:
        backend.persist = "local machine"  # the default lets the key roam to other machines of a domain
    return _Found(backend, _owner() if ALLOWED[name] == ALLOWED[SECRET_SERVICE] else ALLOWED[name])


def _configured() -> str | None:
    """The backend that the user's keyringrc.cfg asks for. Read only: its `keyring-path` is never imported from."""
    from keyring.util import platform_

    parser = configparser.RawConfigParser()
    with contextlib.suppress(configparser.Error, OSError, UnicodeDecodeError):
        parser.read(Path(platform_.config_root()) / "keyringrc.cfg", encoding="utf-8")
    return parser.get("backend", "default-keyring", fallback="").strip() or None


def _short(name: str) -> str:
    return "".join(c for c in name if c.isascii() and c.isprintable())[:80]


def _class(name: str) -> Any:
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def _priority(name: str) -> float | None:
    """How well a backend fits this machine, None if it does not work here."""
    try:
        return float(_class(name).priority)
    except Exception as error:  # backends signal "not here" by whatever their libraries raise
        log.debug("keyring backend %s is not available: %s", name, type(error).__name__)
        return None


def _owner() -> str:
    """Who answers for the Secret Service on this bus, by the name of its process."""
    try:
        import secretstorage

        bus_words = importlib.import_module("jeepney.bus_messages").message_bus
        with contextlib.closing(secretstorage.dbus_init()) as bus:
            reply = bus.send_and_get_reply(bus_words.GetConnectionUnixProcessID("org.freedesktop.secrets"))
        process = Path(f"/proc/{int(reply.body[0])}/comm").read_text(encoding="utf-8").strip()
    except Exception as error:
        log.debug("the owner of the Secret Service is not known: %s", type(error).__name__)
        return "Secret Service"
    return next((name for start, name in OWNERS.items() if process.startswith(start)), "Secret Service")
