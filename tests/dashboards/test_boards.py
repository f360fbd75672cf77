"""The boards' JSON: current, valid, and asking only for what exists."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import promql_parser
import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.source.__main__ import BOARDS, FOLDER, path_of, render
from tests.dashboards.targets import ALL, Target, panels, targets
from tools.rules import pack
from tools.rules.labels import METRICS

if TYPE_CHECKING:
    from dashboards.source.board import Board
    from tools.rules.pack import Rule

EXEMPT = {
    "ALERTS": "says what fires, whatever it rests on",
    "forewarn_signal_available": "says whether the board sees its signals",
    "forewarn_sample_age_seconds": "says whether the board is fresh",
    "llm:requests_finished:count_10m": "what the share of empty answers is a share of",
    "llm:requests_failed:count_10m": "not leading: a failed request is felt by one user at once, and the alert on them "
    "opens this board, because a share above its baseline is felt by few before it is felt by all",
    "llm:requests_failed:baseline_ratio": "what failed requests are compared with",
}
"""What the on-call board shows beyond leading signals, and why."""
TEMPLATE = re.compile(r"{{ (?:with \$labels\.\w+|end) }}|(?<==){{ .*? }}")
"""What an alert's address holds of Go's templates: conditions, which are taken as true, and values."""
PACK = pack.load()
UIDS = {f"forewarn-{name}" for name in ("on-call", "replica", "fleet", "deploy", "quality", "cost", "capacity")}
WHOLE = {"forewarn-on-call | Anything unseen? | D": "whether any rule is evaluated at all"}
"""Queries that follow no variable, and why."""
COLUMN, ROUND_A_TITLE, LETTER = 51, 72, 6.9
"""Pixels at a width of 1,280: a column of the grid, what is not title in a panel's head, a letter on average."""
SCREEN = 22
"""Grid rows of 38 pixels that a laptop's screen shows below Grafana's own bars."""
each_board = pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
each_target = pytest.mark.parametrize("target", ALL, ids=lambda target: target.id)


def test_there_is_a_board_for_each_question() -> None:
    """All seven, each with a fixed uid; no file in the folder without a source."""
    assert {board.uid for board in BOARDS} == UIDS
    assert len(BOARDS) == len(UIDS)
    assert sorted(FOLDER.glob("*.json")) == sorted(path_of(board) for board in BOARDS)


@each_board
def test_json_equals_its_source_and_grafanas_types_take_it(board: Board) -> None:
    """The file is what the source renders, and survives a round trip through the SDK's own types."""
    text = path_of(board).read_text(encoding="utf-8")
    assert text == render(board)
    again = json.dumps(Dashboard.from_json(json.loads(text)), cls=JSONEncoder, indent=2, sort_keys=True)
    assert again + "\n" == text


@each_board
def test_a_board_can_be_imported_as_it_is(board: Board) -> None:
    """Nothing in it belongs to one installation; variables and links carry over; ids are unique."""
    found = json.loads(render(board))
    assert found.get("id") is None
    assert [v["name"] for v in found["templating"]["list"] if v["type"] != "constant"] == [
        "datasource", "deployment", "model", "version", "instance",
    ]  # fmt: skip
    (link,) = found["links"]
    assert (link["includeVars"], link["keepTime"], link["tags"]) == (True, True, ["forewarn"])
    assert found["tags"] == ["forewarn"]
    ids = [panel["id"] for panel in found["panels"]]
    assert len(ids) == len(set(ids))
    sources = [part["datasource"] for panel in panels(board.uid) for part in (panel, *panel["targets"])]
    assert {json.dumps(source) for source in sources} == {'{"type": "prometheus", "uid": "${datasource}"}'}


@each_board
def test_every_panel_says_what_is_bad_and_what_to_do(board: Board) -> None:
    """A title that is a question or a sentence, both halves of the description, a unit, a runbook that exists."""
    for panel in panels(board.uid):
        title = str(panel["title"])
        assert title[0].isupper() or title[0] == "λ", title
        assert LETTER * len(title) <= COLUMN * panel["gridPos"]["w"] - ROUND_A_TITLE, f"{title}: cut off"
        assert title.endswith("?") or len(title.split()) > 2, title
        assert re.fullmatch(r"\*\*Bad:\*\* .{20,}\n\n\*\*Do:\*\* .{15,}", str(panel["description"])), title
        assert panel["fieldConfig"]["defaults"]["unit"], title
        links = [link["url"] for link in panel["links"]]
        assert links, title
        for url in links:
            found = re.fullmatch(r"\$\{runbooks\}/(\w+)\.md", url)
            assert found, url
            assert (pack.RUNBOOKS / f"{found[1]}.md").is_file(), url


@each_board
def test_panels_stand_side_by_side(board: Board) -> None:
    """None lies on another, none reaches over the edge, and none is too narrow to read at 1,280 pixels."""
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(render(board))["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not taken & cells, panel["title"]
        assert place["x"] + place["w"] <= 24
        assert place["w"] >= 4, panel["title"]
        taken |= cells


@each_target
def test_every_query_parses_and_names_what_is_exported_or_recorded(target: Target) -> None:
    """No panel asks for a series that nobody writes."""
    promql_parser.parse(target.expr)
    assert {n for n in target.names if n not in METRICS and n not in PACK.records and n != "ALERTS"} == set()


@each_target
def test_every_query_follows_the_variables(target: Target) -> None:
    """Each selector names the deployment or the instance that is chosen; a constant line has none."""
    selectors = re.findall(r"\b(?:llm|forewarn|ALERTS)[\w:]*(\{[^{}]*\})?", target.raw)
    chosen = all("$deployment" in s or "$instance" in s for s in selectors)
    assert chosen != (target.id in WHOLE)


def test_on_call_shows_only_what_leads() -> None:
    """Every series is leading, recorded from a leading one, an objective, or exempt with a reason."""
    read = {name for target in targets("forewarn-on-call") for name in target.names}
    assert {name for name in read if not leads(name)} == set()
    assert {name for name in EXEMPT if name not in read} == set()


def test_on_call_is_one_screen() -> None:
    """At a glance, without scrolling."""
    assert max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in panels("forewarn-on-call")) <= SCREEN


@pytest.mark.parametrize("rule", PACK.alerts, ids=lambda rule: rule.id)
def test_every_alert_opens_a_panel_that_is_about_it(rule: Rule) -> None:
    """Its `dashboard_url` names a board, only variables of that board, and the board has a panel with its runbook."""
    url = urlsplit(TEMPLATE.sub("", rule.annotations["dashboard_url"]))
    uid = re.fullmatch(r"/d/([\w-]+)", url.path)
    assert uid, url
    (board,) = (json.loads(render(b)) for b in BOARDS if b.uid == uid[1])
    asked = parse_qs(url.query)
    variables = {f"var-{variable['name']}" for variable in board["templating"]["list"]}
    assert set(asked) - {"viewPanel"} <= variables
    about = {panel["id"] for panel in panels(uid[1]) if f"${{runbooks}}/{rule.name}.md" in _links(panel)}
    assert about
    assert {int(panel) for panel in asked.get("viewPanel", ())} <= about


def leads(name: str) -> bool:
    """Whether a series may stand on the on-call board."""
    if name in EXEMPT or name.startswith(("llm_objective_", "llm:slo_budget:")):
        return True
    if name in METRICS:
        return METRICS[name].leading
    return any(leads(read) for read in PACK.records[name].reads if not read.startswith("llm_objective_"))


def _links(panel: dict[str, Any]) -> set[str]:
    return {link["url"] for link in panel["links"]}
