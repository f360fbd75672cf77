"""`python -m tools.docs [--check]`: write the generated pages, or say which are not current."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tools.docs.pages import PAGES

DOCS = Path(__file__).parents[2] / "docs"


def main() -> int:
    """Write or check; returns 1 when a page is not current."""
    parser = argparse.ArgumentParser(prog="tools.docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    stale = []
    for name, page in PAGES.items():
        path = DOCS / name
        text = page()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote docs/{name}\n")
    if check and stale:
        sys.stderr.write(f"not current: {', '.join(stale)}; run make docs\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
