"""Writes `tests/golden/<stem>.txt`: what the sidecar exports for each fixture page.

`python -m tests.tools.goldens` rewrites them all. Read the difference before committing it.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from forewarn import check, config
from forewarn.clock import ManualClock
from forewarn.logs import Log

TESTS = Path(__file__).resolve().parents[1]
GOLDEN = TESTS / "golden"
PAGES = TESTS / "fixtures" / "pages"
CAPTURE = PAGES / "captures" / "vllm-0.32.0.prom"
"""The page of a real, recent engine."""
VOLATILE = ("forewarn_build_info", "forewarn_poll_duration_seconds", "forewarn_sample_age_seconds")
"""Families that differ between machines and runs."""


def fixture_pages() -> list[Path]:
    """Every page under tests/fixtures/pages, captured and written."""
    return sorted([*PAGES.glob("*/*.prom"), *PAGES.glob("*/*.om")], key=lambda path: path.name)


def golden_path(page: Path) -> Path:
    """Where the golden of a fixture page lies."""
    return GOLDEN / f"{page.stem}.txt"


def exported(page: Path) -> str:
    """What `forewarn check --page PAGE --format metrics` prints with default settings, without what is volatile."""
    out = io.StringIO()
    settings = config.load(None, {}, {})
    check.check(settings, Log(ManualClock(), "error", stream=io.StringIO()), "metrics", str(page), out)
    return steady(out.getvalue())


def steady(text: str) -> str:
    """An exposition without its volatile families."""
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if _family(line) not in VOLATILE)


def _family(line: str) -> str:
    if line.startswith("#"):
        return line.split(" ", 3)[2]
    return line.partition("{")[0].partition(" ")[0]


def main() -> int:
    """Rewrite every golden and remove those without a page."""
    GOLDEN.mkdir(exist_ok=True)
    texts = {golden_path(page): exported(page) for page in fixture_pages()}
    for path in set(GOLDEN.glob("*.txt")) - texts.keys():
        path.unlink()
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{len(texts)} goldens in {GOLDEN.relative_to(TESTS.parent)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
