"""The boards' JSON: current, valid, and asking only for what exists."""

from __future__ import annotations

import json
import re

import promql_parser
import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.source.__main__ import BOARDS, path_of, render
from tools.rules import pack
from tools.rules.labels import METRICS

EXEMPT = {
    "ALERTS": "says what fires, whatever it rests on",
    "forewarn_signal_available": "says whether the board sees its signals",
    "forewarn_sample_age_seconds": "says whether the board is fresh",
}
"""What the on-call board shows beyond leading signals, and why."""
PACK = pack.load()
QUERIES = [
    pytest.param(t["expr"], id=f"{board.uid} {panel['title']} {t['refId']}")
    for board in BOARDS
    for panel in json.loads(render(board))["panels"]
    for t in panel.get("targets", ())
]


def names(expr: str) -> set[str]:
    """Series that a query reads."""
    plain = re.sub(r"\$__range|\$__rate_interval", "1h", expr)
    promql_parser.parse(plain)
    return set(re.findall(r"\b((?:llm|forewarn)[a-z0-9_:]*|ALERTS)\{", plain))


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_json_equals_its_source_and_grafanas_types_take_it(board: object) -> None:
    """The file is what the source renders, and survives a round trip through the SDK's own types."""
    text = path_of(board).read_text(encoding="utf-8")
    assert text == render(board)
    again = json.dumps(Dashboard.from_json(json.loads(text)), cls=JSONEncoder, indent=2, sort_keys=True)
    assert again + "\n" == text


@pytest.mark.parametrize("expr", QUERIES)
def test_every_query_parses_and_names_what_is_exported_or_recorded(expr: str) -> None:
    """No panel asks for a series that nobody writes."""
    assert {n for n in names(expr) if n not in METRICS and n not in PACK.records and n != "ALERTS"} == set()


def test_on_call_shows_only_what_leads() -> None:
    """Every series is leading, recorded from a leading one, an objective, or exempt with a reason."""
    (on_call,) = (board for board in BOARDS if board.uid == "forewarn-on-call")
    panels = json.loads(render(on_call))["panels"]
    read = {name for panel in panels for target in panel["targets"] for name in names(target["expr"])}
    assert {name for name in read if not leads(name)} == set()


def leads(name: str) -> bool:
    """Whether a series may stand on the on-call board."""
    if name in EXEMPT or name.startswith(("llm_objective_", "llm:slo_budget:")):
        return True
    if name in METRICS:
        return METRICS[name].leading
    return any(leads(read) for read in PACK.records[name].reads if not read.startswith("llm_objective_"))
