"""One real vLLM for all tests of this folder, with a KV cache small enough to be overloaded in seconds."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from tests.vllm.processes import Sidecar, sidecar, wait_until
from tests.vllm.vllm_page import is_idle, raw_page
from tools.vllm_cpu.load import Plan
from tools.vllm_cpu.serve import MODEL, Engine, Settings, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

VENV = Path(__file__).parents[2] / ".venv-vllm"
SMALL = ("--num-gpu-blocks-override", "48", "--max-num-seqs", "32")
"""47 usable blocks of 128 tokens: about 16 requests of 128 + 128 tokens fill them."""


class StartSidecar(Protocol):
    """Starts a sidecar beside the engine; keyword arguments are FOREWARN_* settings without the prefix."""

    def __call__(self, **settings: str) -> AbstractContextManager[Sidecar]:
        """Start it for the length of a with block."""


@pytest.fixture(scope="session")
def shared_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The engine of all tests. It fails, and so does every test, when vLLM is not installed."""
    # An ended test run must leave no engine behind: pytest's own clean-up runs on an interrupt, not on SIGTERM.
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    settings = Settings(VENV, tmp_path_factory.mktemp("vllm"), free_port(), SMALL)
    try:
        with Engine(settings) as engine:
            yield engine
    finally:
        signal.signal(signal.SIGTERM, previous)


@pytest.fixture
def engine(shared_engine: Engine) -> Engine:
    """The engine, up and idle."""
    if shared_engine.health() != 200:
        shared_engine.stop()
        shared_engine.start()
    wait_until("the engine is idle", lambda: is_idle(raw_page(shared_engine)), 60)
    return shared_engine


@pytest.fixture
def start_sidecar(engine: Engine, tmp_path: Path) -> StartSidecar:
    """A function that starts a sidecar beside the engine."""
    return lambda **settings: sidecar(engine.url, tmp_path, settings)


@pytest.fixture
def plan(engine: Engine) -> Callable[..., Plan]:
    """A function that makes a load plan for the engine."""
    return lambda **fields: Plan(url=engine.url, model=MODEL, **fields)
