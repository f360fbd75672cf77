"""Faults of the page's content and of the engine behind it: HTTP is well, what it carries is not."""

from __future__ import annotations

import itertools
import re
import time
from typing import TYPE_CHECKING

from forewarn import signals as s
from forewarn.engines.vllm import MAX_RANKS
from forewarn.layout import MAX_LINES
from tests.faults.engine import written
from tests.faults.rows import LARGE_MIB, Fault, blind, down, fine
from tests.faults.wire import failing
from tests.tools.page_server import Fault as Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.rig import Rig
    from tests.vllm.exposition import Page

EVERYTHING = blind(*s.CORE, words="every core signal missing, its series absent")
MODEL = re.compile(r'model_name="[^"]*"')
HOSTILE = '</script><img src=x onerror=alert(1)>"\\\n{}, 模型 #'
LONG = "x" * 5_000
_OTHER = """\
# HELP go_goroutines Number of goroutines that currently exist.
# TYPE go_goroutines gauge
go_goroutines 9
# TYPE http_requests_total counter
http_requests_total{code="200"} 12
"""


def editing(edit: Callable[[str], str]) -> Callable[[Rig], None]:
    """Let the engine's pages go out changed."""

    def begin(rig: Rig) -> None:
        rig.engine.edit = edit

    return begin


def valued(name: str, value: str) -> Callable[[str], str]:
    """Every sample of that name with this value."""
    line = re.compile(rf"^({re.escape(name)}(?:\{{[^}}]*\}})?) .*$", re.MULTILINE)
    return lambda page: line.sub(rf"\g<1> {value}", page)


def without(part: str) -> Callable[[str], str]:
    """The page without the lines that contain `part`."""
    return lambda page: "".join(line for line in page.splitlines(keepends=True) if part not in line)


def more(lines: int, line: str) -> Callable[[str], str]:
    """The page with so many lines besides, {} in each being a number that no page had before."""
    numbers = itertools.count()
    return lambda page: page + "".join(line.format(next(numbers)) + "\n" for _ in range(lines))


def named(name: str) -> Callable[[str], str]:
    """The page of a model of that name."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return lambda page: MODEL.sub(lambda _: f'model_name="{escaped}"', page)


def _first_bucket_above(page: str) -> str:
    return re.sub(
        r"^(vllm:time_to_first_token_seconds_bucket\{.*\}) .*$", r"\1 1e12", page, count=1, flags=re.MULTILINE
    )


def _as_model(name: str) -> Callable[[Page], bool]:
    return lambda page: bool(page.find("llm_requests_running", model=name, deployment=name))


def _now_and_then_behind(rig: Rig) -> None:
    """Every second page shows the counts of a moment before, as one of several API servers may."""
    turns = itertools.cycle((0, 50))
    token = re.compile(r"^(vllm:(?:prompt|generation)_tokens_total\{[^}]*\}) (.*)$", re.MULTILINE)

    def edit(page: str) -> str:
        behind = next(turns)
        return token.sub(lambda found: f"{found[1]} {float(found[2]) - behind}", page)

    rig.engine.edit = edit


def _restart(rig: Rig) -> None:
    rig.engine.restart()


def _young(page: Page) -> bool:
    return any(time.time() - start < 60 for start in page.find("llm_engine_start_time_seconds").values())


def _crash_loop(rig: Rig) -> None:
    for _ in range(3):
        rig.engine.fail(Wire.REFUSE)
        rig.engine.restart()
        rig.engine.heal()
        rig.engine.wait_for("/metrics", rig.engine.requests["/metrics"] + 1)


def _other_release(rig: Rig) -> None:
    rig.engine.version = "0.8.5"
    rig.engine.edit = lambda _: written("0.8.5-v0")
    rig.engine.hang_up()


def _this_release(rig: Rig) -> None:
    rig.engine.version = "0.32.0"
    rig.engine.edit = str
    rig.engine.hang_up()


def _runs(version: str) -> Callable[[Page], bool]:
    return lambda page: bool(page.find("llm_engine_info", engine_version=version))


_INFLATED = f"{MAX_RANKS + 1:,}"

PAGES: tuple[Fault, ...] = (
    Fault(
        "restart between two polls",
        "the same port, counts from the beginning",
        fine("its new start is told, exported counters go on", _young),
        _restart,
    ),
    Fault(
        "crash loop",
        "three times gone and back with counts from the beginning, then gone",
        down("refused"),
        failing(Wire.REFUSE),
        before=_crash_loop,
    ),
    Fault("port reused by another program", "another exporter's page", EVERYTHING, editing(lambda _: _OTHER)),
    Fault("port reused by a web server", "an HTML page with status 200", down("not_text"), failing(Wire.HTML)),
    Fault(
        "port reused by another release",
        "vLLM 0.32 gives way to 0.8.5 with its V0 engine",
        fine("the version is the new one's", _runs("0.8.5")),
        _other_release,
        _this_release,
    ),
    Fault("empty page", "status 200 and no byte", EVERYTHING, editing(lambda _: "")),
    Fault("garbage line", "a line of the page is no sample", down("parse"), editing(lambda page: page + "vllm:x{ 1\n")),
    Fault("duplicate series", "every sample stands twice", EVERYTHING, failing(Wire.DUPLICATE)),
    Fault(
        "type change",
        "a gauge is declared a counter",
        blind(s.WAITING),
        editing(lambda page: page.replace("vllm:num_requests_waiting gauge", "vllm:num_requests_waiting counter")),
    ),
    Fault("every value NaN", "of every series on the page", EVERYTHING, failing(Wire.NAN)),
    Fault(
        "value +Inf",
        "the gauge of waiting requests",
        blind(s.WAITING),
        editing(valued("vllm:num_requests_waiting", "+Inf")),
    ),
    Fault(
        "value negative",
        "the gauge of the KV cache",
        blind(s.KV_USAGE),
        editing(valued("vllm:kv_cache_usage_perc", "-0.5")),
    ),
    Fault(
        "counters go back and forth",
        "every second page is 50 tokens behind",
        fine("no exported counter falls"),
        _now_and_then_behind,
    ),
    Fault(
        "buckets that are not cumulative",
        "the first bucket of TTFT is above all others",
        blind(s.TTFT),
        editing(_first_bucket_above),
    ),
    Fault(
        "metric renamed",
        "the gauge of the KV cache gets another name",
        blind(s.KV_USAGE),
        editing(lambda page: page.replace("vllm:kv_cache_usage_perc", "vllm:kv_cache_fill")),
    ),
    Fault(
        "series vanish",
        "no line of the queue time is left",
        blind(s.QUEUE_TIME),
        editing(without("request_queue_time_seconds")),
    ),
    Fault(
        "timestamps on every line",
        "as a federating proxy adds",
        fine(""),
        editing(lambda page: re.sub(r"^([^#\n].*)$", r"\1 1795660000000", page, flags=re.MULTILINE)),
    ),
    Fault(
        "CRLF line ends",
        "as of a page that went through another system",
        fine(""),
        editing(lambda page: page.replace("\n", "\r\n")),
    ),
    Fault(
        "hostile model name",
        "HTML, quotes, a newline and braces in the name",
        fine("the label is the name, escaped", _as_model(HOSTILE)),
        editing(named(HOSTILE)),
    ),
    Fault(
        "endless model name",
        "5,000 characters",
        fine("the label is its first 256 characters", _as_model(LONG[:256])),
        editing(named(LONG)),
        alone=True,
        mib=LARGE_MIB,
    ),
    Fault(
        "10,000 label values",
        "of a series that nobody reads, others at every poll",
        fine(""),
        editing(more(10_000, 'vllm:other{{path="{}"}} 1')),
        alone=True,
        mib=LARGE_MIB,
    ),
    Fault(
        "10,000 values of a label that is read",
        "reasons of finished requests, others at every poll",
        blind(s.FINISHED),
        editing(
            more(10_000, 'vllm:request_success_total{{engine="0",finished_reason="{}",model_name="org/tiny-8b"}} 1')
        ),
        alone=True,
        mib=LARGE_MIB,
    ),
    Fault(
        "10,000 models",
        "each with its gauge",
        down("too_large"),
        editing(more(10_000, 'vllm:num_requests_running{{engine="0",model_name="{}"}} 1')),
        alone=True,
        mib=LARGE_MIB,
    ),
    Fault(
        f"{MAX_LINES - 1000:,} lines",
        "nearly the largest page that is read",
        fine(""),
        editing(more(MAX_LINES - 1000, 'vllm:other{{path="{}"}} 1')),
        alone=True,
        mib=LARGE_MIB,
    ),
    Fault(
        f"{MAX_LINES + 1:,} lines",
        "one more than is read",
        down("too_large"),
        editing(more(MAX_LINES + 1, 'vllm:other{{path="{}"}} 1')),
        alone=True,
    ),
)
