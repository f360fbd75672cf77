"""The adapter never raises and never invents, whatever became of a page's lines."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forewarn.engines.vllm import VllmAdapter
from forewarn.layout import Layout, Page, PageParser, Series
from tests.tools.pages.manifest import written_pages

if TYPE_CHECKING:
    from forewarn.snapshot import RankSnapshot

STEMS = ("0.9.2-v1-api-servers.prom", "0.8.2-v0.prom", "0.13.0-v1-dp4.prom", "0.11.1-v1-ray.prom")
PARSED = [PageParser().parse(p.text.encode(), p.content_type) for p in written_pages() if p.file in STEMS]
fuzz = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
odd_values = st.sampled_from([math.nan, math.inf, -math.inf, -1.0, 0.0, 1e300, 5e-324])
odd_words = st.sampled_from(["", "0", "10", "le", "+Inf", "NaN", "-3", "模型", 'a"b', "engine", "model_name", "pid"])


@st.composite
def mangled_pages(draw: st.DrawFn) -> Page:
    """A page of a fixture with lines moved, dropped, repeated, renamed, relabelled, retyped and revalued."""
    page = draw(st.sampled_from(PARSED))
    rows = list(zip(page.layout.series, page.values, strict=True))
    start = draw(st.integers(0, len(rows)))
    rows = rows[start:] + rows[: draw(st.integers(0, start))]
    for _ in range(draw(st.integers(0, 12))):
        if rows:
            place = draw(st.integers(0, len(rows) - 1))
            rows[place : place + 1] = draw(mangled_rows(*rows[place]))
    return Page(Layout(tuple(series for series, _ in rows)), [value for _, value in rows])


@st.composite
def mangled_rows(draw: st.DrawFn, series: Series, value: float) -> list[tuple[Series, float]]:
    """What becomes of one line."""
    labels = dict(series.labels)
    labels[draw(st.sampled_from([*labels, "le", "engine", "pid"]))] = draw(odd_words)
    fewer = tuple(series.labels[1:])
    kinds = st.sampled_from(["gauge", "counter", "histogram", "summary", "unknown"])
    other = draw(st.sampled_from(draw(st.sampled_from(PARSED)).layout.series)).name
    return draw(
        st.sampled_from(
            [
                [],
                [(series, value)] * 2,
                [(series, draw(odd_values))],
                [(series._replace(labels=tuple(labels.items())), value)],
                [(series._replace(labels=fewer), value)],
                [(series._replace(type=draw(kinds)), value)],
                [(series._replace(name=other), value)],
            ]
        )
    )


def assert_sane(rank: RankSnapshot) -> None:
    """Every value is finite and not negative, every histogram cumulative under ascending edges up to +Inf."""
    scalars = [*rank.gauges.values(), *rank.counters.values()]
    scalars += [value for reasons in rank.split.values() for value in reasons.values()]
    for histogram in rank.histograms.values():
        scalars += [histogram.total, *histogram.counts]
        assert list(histogram.counts) == sorted(histogram.counts)
        assert sorted(set(histogram.bounds)) == list(histogram.bounds)
        assert histogram.bounds[-1] == math.inf
    assert all(math.isfinite(value) and value >= 0 for value in scalars)


@fuzz
@given(mangled_pages(), st.booleans())
def test_no_page_breaks_the_adapter_or_makes_it_tell_nonsense(page: Page, full: bool) -> None:  # noqa: FBT001  drawn
    """Binding and reading never raise, and whatever is read is finite, not negative and cumulative."""
    binding = VllmAdapter().bind(page.layout)
    for rank in binding.read(page, full=full).ranks.values():
        assert_sane(rank)
    assert all(source.series or source.reason for source in binding.sources.values())
    assert set(binding.fast_names) <= {series.name for series in page.layout.series}
    assert all(0 <= slot < len(page.values) for slot in binding.slots)


@fuzz
@given(st.sampled_from(PARSED), st.randoms(use_true_random=False))
def test_the_order_of_lines_does_not_matter(page: Page, random: object) -> None:
    """A page shuffled line by line gives the same snapshot and the same sources."""
    rows = list(zip(page.layout.series, page.values, strict=True))
    random.shuffle(rows)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    shuffled = Page(Layout(tuple(series for series, _ in rows)), [value for _, value in rows])
    straight, other = VllmAdapter().bind(page.layout), VllmAdapter().bind(shuffled.layout)
    assert other.read(shuffled, full=True) == straight.read(page, full=True)
    assert other.sources == straight.sources
