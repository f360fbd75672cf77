"""`python -m tools.docs [--check]`: write the generated pages, or say which are not current."""

from __future__ import annotations

import sys

from tools import generated
from tools.docs.pages import PAGES

DOCS = generated.ROOT / "docs"


def main() -> int:
    """Write or check; returns 1 when a page is not current."""
    check = generated.only_check("tools.docs", __doc__)
    return generated.update({DOCS / name: page() for name, page in PAGES.items()}, "docs", check=check)


if __name__ == "__main__":
    sys.exit(main())
