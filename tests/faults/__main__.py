"""Writes the table of faults into docs/reliability.md, or with --check says that it is not current."""

from __future__ import annotations

import sys

from tests.faults import table
from tools.generated import only_check, update

if __name__ == "__main__":
    check = only_check("tests.faults", __doc__)
    sys.exit(update({table.PAGE: table.page()}, "test-faults", check=check))
