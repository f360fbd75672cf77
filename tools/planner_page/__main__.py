"""`python -m tools.planner_page [--check]`: write the page, or say that it is not current."""

from __future__ import annotations

import argparse
import sys

from tools.planner_page.build import TARGET, page


def main() -> int:
    """Write or check; returns 1 when the page is not current."""
    parser = argparse.ArgumentParser(prog="tools.planner_page", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    text = page()
    if TARGET.exists() and TARGET.read_text(encoding="utf-8") == text:
        return 0
    if check:
        sys.stderr.write(f"not current: {TARGET.name}; run make docs\n")
        return 1
    TARGET.write_text(text, encoding="utf-8")
    sys.stdout.write(f"wrote {TARGET.name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
