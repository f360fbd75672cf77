"""Start a real vLLM on 127.0.0.1 with a tiny model without weights; SIGINT or SIGTERM ends all of it.

`python tools/vllm_cpu/serve.py --venv .venv-vllm --port 8000 [-- more vLLM arguments]`
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if not __package__:
    # Run as a file, only this folder is on the path.
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools import interrupts
from tools.vllm_cpu.engine import (
    HOST,
    MODEL,
    READY_TIMEOUT,
    Engine,
    EngineError,
    Settings,
    free_port,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["HOST", "MODEL", "Engine", "EngineError", "Settings", "free_port", "main"]


def parse(arguments: Sequence[str] | None = None) -> Settings:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Start a CPU vLLM with a tiny model on 127.0.0.1.")
    parser.add_argument("--venv", type=Path, default=Path(".venv-vllm"), help="vLLM's environment (%(default)s)")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--work", type=Path, help="folder for model and log (default: VENV/run/PORT)")
    parser.add_argument("--ready-timeout", type=float, default=READY_TIMEOUT, help="seconds (%(default)s)")
    parser.add_argument("arguments", nargs="*", help="after --: more arguments for vLLM")
    options = parser.parse_args(arguments)
    work = options.work or options.venv / "run" / str(options.port)
    more = tuple(options.arguments)
    return Settings(options.venv, work, options.port, more, ready_timeout=options.ready_timeout)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server until it ends or a SIGINT or SIGTERM comes. Returns 1 when it failed."""
    settings = parse(arguments)
    interrupts.raise_once()
    engine = Engine(settings, say=lambda text: _tell(sys.stdout, text))
    try:
        engine.start()
        _tell(sys.stdout, f"log: {settings.log}; processes: {engine.pids()}; EngineCore: {engine.core_pids()}")
        code = engine.wait()
        _tell(sys.stderr, f"vLLM ended by itself (exit code {code}): {engine.last_error()}")
    except EngineError as error:
        _tell(sys.stderr, str(error))
    except KeyboardInterrupt:
        _tell(sys.stdout, "stopping")
        return 0
    finally:
        interrupts.hold_off()
        engine.stop()
    return 1


def _tell(stream: TextIO, text: str) -> None:
    print(f"[vllm] {text}", file=stream, flush=True)


if __name__ == "__main__":
    sys.exit(main())
