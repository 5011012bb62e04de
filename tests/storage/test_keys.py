"""KeyringVault: which backends are used, what is refused, and the real Secret Service."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from groqdesk.core.errors import KeyringProblem
from groqdesk.core.secrets import Secret
from groqdesk.core.settings import Timings
from groqdesk.storage import keys
from groqdesk.storage.keys import NO_KEYRING, SECRET_SERVICE, KeyringVault, origin_of
from tests.conftest import needs

GROQ = "https://api.groq.com"
KEY = "gsk_canary_0123456789"
SESSION = Path(__file__).parent / "keyring_session.py"


class FakeBackend:
    """A keyring in memory; `trouble` is raised by every call."""

    priority = 5.0
    trouble: Exception | None = None
    keeps = True
    kept: dict[tuple[str, str], str] = {}  # noqa: RUF012 - shared on purpose, as a keyring is
    reads = 0
    gate: threading.Event | None = None

    def _check(self) -> None:
        if self.gate is not None:
            self.gate.wait(10)
        if self.trouble is not None:
            raise self.trouble

    def get_password(self, service: str, username: str) -> str | None:
        self._check()
        type(self).reads += 1
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._check()
        if self.keeps:
            self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._check()
        del self.kept[service, username]


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[FakeBackend]]:
    """The system keyring is a fake one; the other allowed backends do not work here."""

    class Fake(FakeBackend):
        kept: dict[tuple[str, str], str] = {}  # noqa: RUF012

    def load(name: str) -> Any:
        if name == SECRET_SERVICE:
            return Fake
        raise RuntimeError("not here")

    monkeypatch.setattr(keys, "_class", load)
    monkeypatch.setattr(keys, "_configured", lambda: None)
    monkeypatch.setattr(keys, "_owner", lambda: "Fake Keyring")
    yield Fake
    if Fake.gate is not None:
        Fake.gate.set()


async def test_a_key_is_kept_under_service_provider_and_origin(backend: type[FakeBackend]) -> None:
    vault = KeyringVault({})
    assert await vault.set("groq", GROQ + "/openai/v1/", Secret(KEY)) == "keyring"
    assert backend.kept == {("groqdesk", "groq https://api.groq.com"): KEY}
    status = await vault.status()
    assert (status.backend, status.persistent, status.reason) == ("Fake Keyring", True, "")


async def test_a_key_that_was_read_once_is_not_asked_for_again(backend: type[FakeBackend]) -> None:
    backend.kept["groqdesk", "groq https://api.groq.com"] = KEY
    vault = KeyringVault({})
    for _ in range(3):
        found = await vault.get("groq", GROQ)
        assert found is not None
        assert (found.source, found.secret.same_as(Secret(KEY))) == ("keyring", True)
    assert backend.reads == 1
    await vault.set("groq", GROQ, Secret("another-key-00000"))
    found = await vault.get("groq", GROQ)
    assert found is not None
    assert found.secret.same_as(Secret("another-key-00000"))
    assert await vault.delete("groq", GROQ)
    assert await vault.get("groq", GROQ) is None


async def test_keyring_before_memory_before_environment(backend: type[FakeBackend]) -> None:
    vault = KeyringVault({"GROQ_API_KEY": " 'gsk_from_environment' "})
    found = await vault.get("groq", GROQ)
    assert found is not None
    assert (found.source, found.secret.same_as(Secret("gsk_from_environment"))) == ("environment", True)
    await vault.set("groq", GROQ, Secret(KEY))
    found = await vault.get("groq", GROQ)
    assert found is not None
    assert found.source == "keyring"


@pytest.mark.parametrize(
    ("provider", "origin"),
    [
        ("groq", "https://api.groq.com.evil.invalid"),
        ("groq", "http://api.groq.com"),
        ("groq", "https://api.groq.com:8443"),
        ("groq", "http://127.0.0.1:9"),
        ("openai", GROQ),
        ("groq", "https://api.openai.com"),
        ("demo", GROQ),
    ],
)
async def test_a_key_of_the_environment_goes_to_its_own_service_only(
    backend: type[FakeBackend], provider: str, origin: str
) -> None:
    vault = KeyringVault({"GROQ_API_KEY": KEY, "OPENAI_API_KEY": KEY})
    assert await vault.get(provider, origin) is None


async def test_a_variable_without_a_usable_key_is_none(
    backend: type[FakeBackend], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        assert await KeyringVault({"GROQ_API_KEY": "two words"}).get("groq", GROQ) is None
        assert await KeyringVault({"GROQ_API_KEY": ""}).get("groq", GROQ) is None
    assert "GROQ_API_KEY holds no usable key" in caplog.text
    assert "two words" not in caplog.text


async def test_without_a_keyring_keys_live_as_long_as_the_run() -> None:
    vault = KeyringVault({"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring", "GROQ_API_KEY": "gsk_environment"})
    status = await vault.status()
    assert (status.persistent, status.reason) == (False, NO_KEYRING)
    assert await vault.set("groq", GROQ, Secret(KEY)) == "memory"
    found = await vault.get("groq", GROQ)
    assert found is not None
    assert (found.source, found.secret.same_as(Secret(KEY))) == ("memory", True)
    assert await vault.delete("groq", GROQ)
    found = await vault.get("groq", GROQ)
    assert found is not None
    assert found.source == "environment"
    assert not await vault.delete("groq", GROQ)
    vault.close()
    with pytest.raises(KeyringProblem, match="closed"):
        await vault.get("openai", "https://api.openai.com")


HOSTILE = [
    "keyring.backends.null.Keyring",
    "keyrings.alt.file.PlaintextKeyring",
    "keyrings.alt.file.EncryptedKeyring",
    "evil_module.Keyring",
    "os.system",
    "keyring.backends.SecretService.Keyring.__init__",
    "nonsense",
]


@pytest.mark.parametrize("wish", HOSTILE)
async def test_no_other_backend_is_used_or_even_imported(wish: str, tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "evil_module.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    vault = KeyringVault({"PYTHON_KEYRING_BACKEND": wish})
    status = await vault.status()
    assert not status.persistent
    assert wish in status.reason
    assert "evil_module" not in sys.modules
    assert await vault.set("groq", GROQ, Secret(KEY)) == "memory"


@pytest.mark.parametrize("wish", HOSTILE)
async def test_nor_from_a_configuration_file(wish: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = tmp_path / "python_keyring"
    folder.mkdir()
    (folder / "evil_module.py").write_text("raise SystemExit('imported')")
    (folder / "keyringrc.cfg").write_text(f"[backend]\ndefault-keyring={wish}\nkeyring-path={folder}\n")
    status = await KeyringVault({}).status()
    assert not status.persistent
    assert wish in status.reason
    assert str(folder) not in sys.path


@pytest.mark.parametrize("content", ["", "[backend]\n", "rubbish", "\0\xff", "[backend]\ndefault-keyring=\n"])
async def test_a_configuration_file_without_a_wish_changes_nothing(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = tmp_path / "python_keyring"
    folder.mkdir()
    (folder / "keyringrc.cfg").write_text(content, encoding="latin-1")
    assert keys._configured() is None


async def test_the_best_backend_that_works_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str) -> Any:
        priorities = {SECRET_SERVICE: 5.0, "keyring.backends.kwallet.DBusKeyring": 5.1}
        if name not in priorities:
            raise ImportError(name)
        return type("Backend", (FakeBackend,), {"priority": priorities[name]})

    monkeypatch.setattr(keys, "_class", load)
    monkeypatch.setattr(keys, "_configured", lambda: None)
    for environment in ({}, {"PYTHON_KEYRING_BACKEND": keys.CHAINER}):
        assert (await KeyringVault(environment).status()).backend == "KWallet"
    # A wish for one on the list is honoured, also where another fits better.
    monkeypatch.setattr(keys, "_owner", lambda: "Secret Service")
    assert (await KeyringVault({"PYTHON_KEYRING_BACKEND": SECRET_SERVICE}).status()).backend == "Secret Service"
    wish = {"PYTHON_KEYRING_BACKEND": "keyring.backends.macOS.Keyring"}
    assert (await KeyringVault(wish).status()).reason == NO_KEYRING


async def test_a_backend_that_keeps_nothing_is_noticed(backend: type[FakeBackend]) -> None:
    backend.keeps = False
    with pytest.raises(KeyringProblem, match="did not keep the key"):
        await KeyringVault({}).set("groq", GROQ, Secret(KEY))


async def test_a_key_that_is_too_long_is_refused(backend: type[FakeBackend]) -> None:
    vault = KeyringVault({})
    with pytest.raises(KeyringProblem, match="at most 1,000"):
        await vault.set("groq", GROQ, Secret("k" * 1001))
    assert await vault.set("groq", GROQ, Secret("k" * 1000)) == "keyring"


async def test_a_locked_keyring_says_so_and_offers_to_unlock(backend: type[FakeBackend]) -> None:
    from keyring.errors import InitError, KeyringLocked

    vault = KeyringVault({})
    for trouble in (KeyringLocked("x"), InitError("Prompt dismissed.."), type("LockedException", (Exception,), {})()):
        backend.trouble = trouble
        with pytest.raises(KeyringProblem) as caught:
            await vault.get("groq", GROQ)
        assert (caught.value.message, caught.value.action) == (keys.LOCKED, "Unlock")
    backend.trouble = None
    assert await vault.get("groq", GROQ) is None


async def test_no_error_carries_a_key(backend: type[FakeBackend], caplog: pytest.LogCaptureFixture) -> None:
    import traceback

    vault = KeyringVault({})
    backend.trouble = ValueError(f"cannot store {KEY}")
    with caplog.at_level(logging.DEBUG), pytest.raises(KeyringProblem) as caught:
        await vault.set("groq", GROQ, Secret(KEY))
    text = "".join(traceback.format_exception(caught.value)) + caplog.text + repr(vault.__dict__)
    assert KEY not in text
    assert caught.value.message == "The keyring could not be used (ValueError)."


async def test_a_keyring_that_waits_for_a_dialog_is_given_up_and_blocks_no_loop(backend: type[FakeBackend]) -> None:
    backend.gate = threading.Event()
    vault = KeyringVault({}, Timings(keyring_s=0.2))
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    counting = asyncio.ensure_future(count())
    with pytest.raises(KeyringProblem, match="did not answer"):
        await vault.get("groq", GROQ)
    with pytest.raises(KeyringProblem, match="did not answer"):
        await vault.get("groq", GROQ)
    counting.cancel()
    assert turns > 100
    backend.gate.set()
    assert await vault.get("groq", GROQ) is None
    # The second call was dropped while it waited: only the first and the last one reached the keyring.
    assert backend.reads == 2


def test_keyring_is_loaded_late() -> None:
    code = "import sys, groqdesk.storage.keys as k; k.KeyringVault({}); print('keyring' in sys.modules)"
    root = SESSION.parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout == "False\n"


def test_origins() -> None:
    for url in ("https://api.groq.com", "https://API.groq.com:443/openai/v1?x=1#y", " https://api.groq.com/ "):
        assert origin_of(url) == GROQ
    assert origin_of("http://localhost:11434/v1") == "http://localhost:11434"
    assert origin_of("http://[::1]:8080/v1") == "http://[::1]:8080"
    for url in ("", "api.groq.com", "file:///etc", "https://", "https://user@api.groq.com", "https://a:b@x.example"):
        with pytest.raises(ValueError, match="address"):
            origin_of(url)


# The real Secret Service


def in_session(tmp_path: Path, case: str, *, unlock: bool = True, bus: bool = True, **environment: str) -> None:
    """Runs one case of keyring_session.py as a user without any keyring yet."""
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHON_KEYRING_BACKEND", "DBUS_SESSION_BUS_ADDRESS")}
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        clean.pop(name, None)
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700, exist_ok=True)
    own = {**clean, "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(runtime), **environment}
    command = [sys.executable, "-W", "error", "-W", "ignore::ResourceWarning", str(SESSION), case]
    if bus:
        daemon = "printf ci | gnome-keyring-daemon --daemonize --unlock --components=secrets >/dev/null; "
        command = ["dbus-run-session", "--", "bash", "-c", (daemon if unlock else "") + 'exec "$@"', "-", *command]
    done = subprocess.run(command, env=own, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip().endswith("ok"), done.stdout + done.stderr
    left = [path for path in tmp_path.rglob("*") if path.is_file() and KEY[:10].encode() in path.read_bytes()]
    assert left == [], "a key is readable on disk"


real = [pytest.mark.system, needs("dbus-run-session", "gnome-keyring-daemon", "bash")]


class TestSecretService:
    pytestmark = real

    def test_unlocked_and_locked(self, tmp_path: Path) -> None:
        in_session(tmp_path, "unlocked")

    def test_deletes(self, tmp_path: Path) -> None:
        in_session(tmp_path, "deletes")

    def test_never_unlocked(self, tmp_path: Path) -> None:
        in_session(tmp_path, "never_unlocked", unlock=False)

    def test_no_bus(self, tmp_path: Path) -> None:
        in_session(tmp_path, "no_bus", bus=False)

    def test_null_backend_refused(self, tmp_path: Path) -> None:
        in_session(tmp_path, "refused", PYTHON_KEYRING_BACKEND="keyring.backends.null.Keyring")

    def test_null_backend_refused_from_a_file(self, tmp_path: Path) -> None:
        folder = tmp_path / ".config" / "python_keyring"
        folder.mkdir(parents=True)
        (folder / "keyringrc.cfg").write_text("[backend]\ndefault-keyring=keyring.backends.null.Keyring\n")
        in_session(tmp_path, "refused")
