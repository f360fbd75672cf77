"""`forewarn check`: one look at an engine, three forms, three exit statuses."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

from forewarn import check, config
from forewarn.clock import ManualClock
from forewarn.errors import ConfigError, FetchError
from forewarn.logs import Log
from forewarn.signals import CORE, SIGNALS
from tests.tools.goldens import CAPTURE, PAGES
from tests.tools.page_server import Fault, PageServer, Status

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OLD = PAGES / "written" / "0.2.7-v0.prom"
SILENT = PAGES / "written" / "0.32.0-v1-no-log-stats.prom"
FORMS = pytest.mark.parametrize("form", ["table", "json", "metrics"])


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two polls of an engine follow each other at once."""
    monkeypatch.setattr(check, "SECOND_POLL", 0.0)


@pytest.fixture
def engine() -> Iterator[PageServer]:
    """A stand-in for vLLM with a captured page."""
    with PageServer(CAPTURE.read_text(encoding="utf-8")) as server:
        yield server


def looked(form: str, *, page: Path | None = None, url: str = "http://127.0.0.1:1") -> tuple[int, str]:
    """Exit status and output of a check."""
    out, log = io.StringIO(), Log(ManualClock(), "error", stream=io.StringIO())
    settings = config.load(None, {}, {"engine.url": ("test", url), "poll.timeout": ("test", 5)})
    return check.check(settings, log, form, str(page) if page else None, out), out.getvalue()


@FORMS
@pytest.mark.parametrize(
    ("path", "status"), [(CAPTURE, 0), (OLD, 1), (SILENT, 1)], ids=lambda value: getattr(value, "stem", "")
)
def test_the_exit_status_of_a_page_tells_what_it_lacks(form: str, path: Path, status: int) -> None:
    """0 with every core signal, 1 without some, in whatever form."""
    assert looked(form, page=path)[0] == status


@FORMS
@pytest.mark.parametrize(("path", "status"), [(CAPTURE, 0), (OLD, 1)], ids=lambda value: getattr(value, "stem", ""))
def test_the_exit_status_of_an_engine_is_that_of_its_page(
    engine: PageServer, form: str, path: Path, status: int
) -> None:
    """Over HTTP the verdict is the same."""
    engine.page = path.read_text(encoding="utf-8")
    assert looked(form, url=engine.url)[0] == status


@FORMS
@pytest.mark.parametrize("mode", [Fault.REFUSE, Fault.HTML, Fault.CUT, Status(500)], ids=str)
def test_an_engine_without_a_page_is_status_2(engine: PageServer, form: str, mode: Fault | Status) -> None:
    """What cannot be read is unreachable, in whatever form, and the output is still whole."""
    engine.fail(mode)
    status, text = looked(form, url=engine.url)
    assert status == 2
    if form == "json":
        assert json.loads(text)["engine"]["up"] is False
    elif form == "table":
        assert len(text.splitlines()) == 1
    else:
        assert [s.value for f in parse(text) for s in f.samples if s.name == "llm_engine_up"] == [0.0]


def test_the_table_says_why_nothing_was_seen(engine: PageServer) -> None:
    """The one line names the engine's address, its state and the reason."""
    engine.fail(Fault.REFUSE)
    assert looked("table", url=engine.url)[1] == f"engine {engine.url}: unreachable: connection refused\n"
    engine.fail(Status(404))
    says = f"engine {engine.url}: bad_page: HTTP status 404 from /metrics, expected 200\n"
    assert looked("table", url=engine.url)[1] == says


def test_the_table_lists_every_signal_and_ends_in_a_verdict(engine: PageServer) -> None:
    """Version and rank stand first, then a row for each signal with its source, then the verdict."""
    lines = looked("table", url=engine.url)[1].splitlines()
    assert lines[0] == f"engine {engine.url}: vLLM 0.32.0, tiny rank 0"
    rows = {line.split()[0]: line for line in lines if line and line.split()[0] in {s.name for s in SIGNALS}}
    assert list(rows) == [signal.name for signal in SIGNALS]
    assert rows["kv_cache_usage"].split()[:3] == ["kv_cache_usage", "found", "vllm:kv_cache_usage_perc"]
    assert rows["requests_arrived"].split()[1] == "estimated"
    assert rows["requests_swapped"].split()[1:4] == ["missing", "(not", "core)"]
    assert lines[-1] == "all core signals are there"


def test_the_table_of_an_old_engine_counts_and_explains_what_is_missing() -> None:
    """Each missing signal says what was looked for and what nobody sees without it."""
    text = looked("table", page=OLD)[1]
    (row,) = [line for line in text.splitlines() if line.startswith("preemptions")]
    assert row.split()[1] == "missing"
    assert "no num_preemptions_total on the page" in row
    assert "requests evicted and run again" in row
    assert text.splitlines()[-1] == "8 core signal(s) missing"


def test_a_page_without_series_gets_a_hint() -> None:
    """An engine that exports nothing is up, and the likely flag is named."""
    text = looked("table", page=SILENT)[1]
    assert "no rank shown" in text
    assert "note: page has no series of the engine (is it run with --disable-log-stats?)" in text
    assert text.splitlines()[-1] == f"{len(CORE)} core signal(s) missing"


def test_the_json_report_has_its_shape(engine: PageServer) -> None:
    """Engine and signals are there for scripts, with the state of each in one word."""
    report = json.loads(looked("json", url=engine.url)[1])
    assert report["engine"] == {
        "url": engine.url, "up": True, "state": "ok", "detail": "", "version": "0.32.0",
        "ranks": [{"model": "tiny", "engine": "0"}],
    }  # fmt: skip
    assert [row["signal"] for row in report["signals"]] == [signal.name for signal in SIGNALS]
    assert {row["state"] for row in report["signals"]} == {"found", "estimated", "missing"}
    fields = {"signal", "state", "source", "blind", "reason", "core", "optional"}
    assert all(row.keys() == fields for row in report["signals"])


def test_an_engine_that_dies_between_the_polls_is_status_2(engine: PageServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last word counts."""
    monkeypatch.setattr(check, "_wait", lambda _clock: engine.fail(Fault.REFUSE))
    assert looked("table", url=engine.url) == (2, f"engine {engine.url}: unreachable: connection refused\n")


@pytest.mark.parametrize(("name", "reason"), [("none.prom", "No such file or directory"), (".", "Is a directory")])
def test_a_page_that_is_no_file_is_one_line(tmp_path: Path, name: str, reason: str) -> None:
    """The flag, the path and the reason stand in the error."""
    path = tmp_path / name
    with pytest.raises(ConfigError) as caught:
        looked("table", page=path)
    assert str(caught.value) == f"--page: expected a readable file, got {path}: {reason}"


@pytest.mark.parametrize("body", [b"\xff\xfe", b"a{ 1\n", b"<html></html>", b'{"detail":"x"}'])
def test_a_page_that_is_no_page_is_status_2_in_one_line(tmp_path: Path, body: bytes) -> None:
    """Garbage in a file is told like garbage from an engine."""
    path = tmp_path / "page.prom"
    path.write_bytes(body)
    status, text = looked("table", page=path)
    assert status == 2
    assert text.startswith(f"engine {path}: bad_page: ")
    assert len(text.splitlines()) == 1


def test_a_saved_page_has_no_other_paths() -> None:
    """A file stands in for /metrics alone, and is taken as OpenMetrics when it ends as such."""
    page = check.FilePage(str(CAPTURE))
    with pytest.raises(FetchError, match="HTTP status 404"):
        page.get("/version")
    assert page.get("/metrics").content_type == "text/plain"
    rust = check.FilePage(str(PAGES / "written" / "0.33.0-v1-rust.om"))
    assert rust.get("/metrics").content_type == "application/openmetrics-text"
    page.close()
