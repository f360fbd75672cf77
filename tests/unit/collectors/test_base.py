"""What a collector is given, and how its samples become families."""

from __future__ import annotations

import pytest

from forewarn import signals as s
from forewarn.catalogue import BY_NAME
from forewarn.collectors.base import Families
from forewarn.errors import FetchError
from tests.unit.collectors.harness import World
from tests.unit.collectors.worlds import working
from tests.unit.sampling.builders import of

HOSTILE = 'a"b}\n{c\\d\\n, e="1" 模型 #\t'
WHO = ("d", "v", "stable", "m", "0")


def test_none_is_absent() -> None:
    """No family and no sample for a value or a histogram that is not there."""
    families = Families()
    families.add("llm_requests_waiting", WHO, None)
    families.histogram("llm_queue_time_seconds", WHO, None)
    assert list(families) == []


def test_samples_of_one_name_are_one_family_with_the_catalogues_help() -> None:
    """A family is made once, however many samples it has."""
    families = Families()
    for rank in "01":
        families.add("llm_preemptions_total", (*WHO[:4], rank), 2.0)
        families.histogram("llm_queue_time_seconds", (*WHO[:4], rank), of(1, 2, 3))
    counter, histogram = families
    metric = BY_NAME["llm_preemptions_total"]
    assert (counter.documentation, counter.type) == (metric.help, metric.type)
    assert [sample.labels["engine"] for sample in counter.samples] == ["0", "1"]
    assert [sample.labels["le"] for sample in histogram.samples if sample.name.endswith("_bucket")] == [
        *("1.0", "2.0", "+Inf") * 2
    ]


def test_a_name_outside_the_catalogue_is_a_defect() -> None:
    """Nothing is exported that the catalogue does not list."""
    with pytest.raises(KeyError):
        Families().add("llm_made_up", WHO, 1.0)


def test_a_histogram_is_not_added_to_a_gauge_nor_a_value_to_a_histogram() -> None:
    """The catalogue's type decides what a family takes."""
    families = Families()
    families.add("llm_queue_time_seconds", WHO, 1.0)
    families.histogram("llm_requests_waiting", WHO, of(1, 2, 3))
    assert all(not family.samples for family in families)


def test_a_hostile_model_name_comes_back_as_it_was() -> None:
    """Quotes, braces, line breaks, backslashes and other scripts survive the text format."""
    world = World(deployment='x"y\\z')
    world.engine.model = HOSTILE
    world.step()
    assert world.value("llm_engine_up", model=HOSTILE, deployment='x"y\\z') == 1
    assert world.value("llm_requests_waiting_samples_bucket", model=HOSTILE, le="+Inf") == 1


def test_hostile_reasons_come_back_as_they_were() -> None:
    """An outcome nobody has seen is a label value like any other."""
    world = working()
    world.engine.rank.finished = {'odd\\"reason': 4.0}
    world.engine.edit = lambda text: text.replace('odd\\"reason', 'odd\\\\\\"reason')
    world.poller.poll_once()
    assert world.value("llm_requests_finished_total", reason='odd\\"reason') == 4


def test_a_view_shows_ranks_while_they_are_fresh_and_names_always() -> None:
    """Down or never seen, the identity of what should be there is still known."""
    world = World()
    assert world.values("llm_requests_waiting") == []
    world.step()
    assert world.value("llm_requests_waiting", model="m") == 0
    world.engine.error = FetchError("refused", "no")
    world.step()
    assert world.values("llm_requests_waiting") == []
    assert world.value("llm_engine_up", model="m") == 0
    assert s.WAITING in next(iter(world.monitor.ranks.values())).present
