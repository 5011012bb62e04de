"""A simulator without pacing, one server for the folder, clean for every test."""

from collections.abc import Iterator

import httpx
import pytest

from groqdesk.simulator.server import Simulator

KEY = "gsk_practice"


@pytest.fixture(scope="session")
def _server() -> Iterator[Simulator]:
    with Simulator(speed=0) as running:
        yield running


@pytest.fixture(autouse=True)
def no_noise(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """The simulator never complains, whatever a client does."""
    yield
    assert [r.getMessage() for r in caplog.get_records("call") if r.name.startswith(("uvicorn", "groqdesk.sim"))] == []


@pytest.fixture
def sim(_server: Simulator) -> Simulator:
    _server.reset()
    return _server


@pytest.fixture
def http(sim: Simulator) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sim.base_url, headers={"authorization": f"Bearer {KEY}"}, trust_env=False) as client:
        yield client
