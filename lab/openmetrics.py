"""A tape as OpenMetrics text, so that a run can be looked at in a real Prometheus, with the dashboards and the rules.

`promtool tsdb create-blocks-from openmetrics run.om data` makes blocks of it. They hold no staleness marks (the format
has none): a series that ended shows its last value for five minutes more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.tape import SCRAPE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.tape import Tape


def lines(tape: Tape, end: float) -> Iterator[str]:
    """The samples series by series, the last scrape at `end` (seconds since 1970), then the end mark."""
    for selector, values in tape.samples():
        for index, value in values:
            time = end - (tape.length - 1 - index) * SCRAPE_SECONDS
            yield f"{selector} {value!r} {time:.3f}\n"
    yield "# EOF\n"
