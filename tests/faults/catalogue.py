"""All faults, and those that other tests hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.faults.host import HOST
from tests.faults.pages import PAGES
from tests.faults.wire import WIRE

if TYPE_CHECKING:
    from tests.faults.rows import Fault

GROUPS: dict[str, tuple[Fault, ...]] = {
    "The wire between them": WIRE,
    "The engine's page": PAGES,
    "Processes and the host": HOST,
}
# Those that share a sidecar come first: it lives through them all.
FAULTS: tuple[Fault, ...] = tuple(sorted((f for group in GROUPS.values() for f in group), key=lambda f: f.own))

ELSEWHERE: tuple[tuple[str, str, str], ...] = (
    (
        "a real vLLM whose EngineCore is killed, then started anew",
        "tests/vllm/test_vllm_faults.py",
        "test_a_crash_and_a_restart_are_told_apart",
    ),
    (
        "a real vLLM whose EngineCore is stopped behind a healthy `/health`",
        "tests/vllm/test_vllm_faults.py",
        "test_a_wedge_behind_a_healthy_endpoint_is_a_stall",
    ),
    (
        "the simulator's scheduler stands still",
        "tests/e2e/test_faults.py",
        "test_wedge_is_a_stall_while_health_answers",
    ),
    (
        "SIGTERM and SIGINT while a poll hangs",
        "tests/unit/test_cli.py",
        "test_run_serves_and_ends_at_once_while_the_engine_hangs",
    ),
    (
        "clients that send anything but HTTP, or leave in the middle",
        "tests/unit/test_server_clients.py",
        "test_what_is_not_http_harms_nothing",
    ),
)
"""What happens, the file and the test."""
