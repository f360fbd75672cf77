"""`python -m tools.planner_page [--check]`: write the page, or say that it is not current."""

from __future__ import annotations

import sys

from tools import generated
from tools.planner_page.build import TARGET, page


def main() -> int:
    """Write or check; returns 1 when the page is not current."""
    check = generated.only_check("tools.planner_page", __doc__)
    return generated.update({TARGET: page()}, "docs", check=check)


if __name__ == "__main__":
    sys.exit(main())
