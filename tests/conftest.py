"""What every test gets: no network beyond loopback, no real keyring, no display needed, a practice server on request."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
for name in ("GROQ_API_KEY", "OPENAI_API_KEY", "GROQDESK_API_KEY", "GROQDESK_HOME", "GROQDESK_DATABASE_URL"):
    os.environ.pop(name, None)
for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
    os.environ.pop(name, None)


settings.register_profile("groqdesk", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.load_profile("groqdesk")

LOOPBACK = ("127.", "::1", "localhost")
UNEXPECTED: list[str] = []


def _only_loopback(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect":
        address = arguments[1]
        if isinstance(address, tuple) and not str(address[0]).startswith(LOOPBACK):
            UNEXPECTED.append(f"connect to {address[0]}")
            raise PermissionError(f"tests do not connect to {address[0]}")
    elif event == "socket.getaddrinfo":
        host = arguments[0]
        host = host.decode() if isinstance(host, bytes) else host
        if host and not str(host).startswith(LOOPBACK) and not str(host).endswith(".invalid"):
            UNEXPECTED.append(f"look-up of {host}")
            raise PermissionError(f"tests do not look up {host}")


sys.addaudithook(_only_loopback)


@pytest.fixture(autouse=True)
def no_unexpected_network() -> Iterator[None]:
    """Fails a test that tried to reach another machine, even where the code under test swallowed the refusal."""
    UNEXPECTED.clear()
    yield
    assert UNEXPECTED == []


@pytest.fixture
def allows_refused_network() -> Iterator[None]:
    """For tests of what happens without a network: the refusals are expected."""
    yield
    UNEXPECTED.clear()


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Data and log of every test in a folder of its own."""
    home = tmp_path / "home"
    monkeypatch.setenv("GROQDESK_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def simulator_process() -> Iterator[Any]:
    """One practice server in a thread of this process, for all tests."""
    from groqdesk.simulator.server import Simulator

    with Simulator() as server:
        yield server


@pytest.fixture
def simulator(simulator_process: Any) -> Any:
    """The practice server, as new."""
    simulator_process.reset()
    return simulator_process


def needs(*tools: str) -> pytest.MarkDecorator:
    """Skips by name where a tool of the system is missing; on CI the test runs and fails instead."""
    import shutil

    missing = [tool for tool in tools if shutil.which(tool) is None]
    reason = f"not installed here: {', '.join(missing)}"
    return pytest.mark.skipif(bool(missing) and os.environ.get("CI") != "true", reason=reason)
