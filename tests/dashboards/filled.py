"""A Prometheus filled with a run of the lab: what was scraped, and what the rules record of it.

promtool evaluates recording rules over the past, but no rule sees another of the same call. So the rules go round by
round: first those that read only what was scraped, then those that read the first, until all are there. Alerts are
recorded last, as `ALERTS`, from the moment their condition holds: `for` is not waited for.
"""

from __future__ import annotations

import re
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import requests
import yaml

from lab import openmetrics
from lab.fleet import EPOCH
from lab.tape import SCRAPE_SECONDS
from tests.dashboards import not_played
from tools.demo.processes import HOST, Children, answers, free_port
from tools.rules import pack

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from lab.tape import Tape
    from tools.rules.pack import Pack, Rule

NODES = {"0": "node-a", "1": "node-b", "2": "node-a"}
TIMEOUT = 120


def lines(tape: Tape, end: float) -> Iterator[str]:
    """A run as OpenMetrics, its last scrape at `end`, with what the lab does not play and on nodes."""
    yield from map(_on_a_node, not_played.lines(tape, end))
    since = end - tape.length * SCRAPE_SECONDS - EPOCH
    yield from (_on_a_node(_today(line, since)) for line in openmetrics.lines(tape, end))


def many(run: Iterable[str], count: int, since: float) -> Iterator[str]:
    """What one replica of a run showed since then, from so many."""
    for line in run:
        if 'instance="replica-0:9841"' in line and float(line.rpartition(" ")[2]) >= since:
            yield from (line.replace('"replica-0:', f'"replica-{number}:') for number in range(count))
    yield "# EOF\n"


def fill(folder: Path, run: Iterable[str], start: float, end: float) -> None:
    """Write blocks of a run, and of what is recorded of it from `start` to `end`, to `folder`/data."""
    page = folder / "run.om"
    with page.open("w", encoding="utf-8") as file:
        file.writelines(run)
    _promtool("create-blocks-from", "openmetrics", "--quiet", str(page), str(folder / "data"))
    page.unlink()
    span = ["--start", f"{start:.0f}", "--end", f"{end:.0f}", "--eval-interval", f"{SCRAPE_SECONDS}s"]
    for place, rules in enumerate(rounds(pack.load())):
        path = folder / f"round-{place}.yml"
        group = {"name": "round", "interval": f"{SCRAPE_SECONDS}s", "rules": [_record(rule) for rule in rules]}
        path.write_text(yaml.safe_dump({"groups": [group]}), encoding="utf-8")
        with serving(folder) as url:
            _promtool("create-blocks-from", "rules", *span, "--url", url, "--output-dir", f"{folder}/data", str(path))


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """A Prometheus over the blocks of `folder`; yields its address."""
    (folder / "prometheus.yml").write_text("{}", encoding="utf-8")
    address = f"{HOST}:{free_port(0)}"
    children = Children(folder, lambda _line: None)
    flags = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    try:
        keep = "--storage.tsdb.retention.time=10y"
        children.start("prometheus", ["prometheus", *flags, keep, f"--web.listen-address={address}"])
        children.wait_for("Prometheus", lambda: answers(f"http://{address}/-/ready"), 60)
        yield f"http://{address}"
    finally:
        children.stop()


def ask(url: str, expr: str, time: float) -> list[dict[str, Any]]:
    """Series of an instant query; an AssertionError with Prometheus' words when it refuses."""
    return _asked(url, "query", {"query": expr, "time": f"{time}"})


def ask_range(url: str, expr: str, start: float, end: float) -> list[dict[str, Any]]:
    """Series of a range query, a point a minute."""
    return _asked(url, "query_range", {"query": expr, "start": f"{start}", "end": f"{end}", "step": "60"})


def rounds(rules: Pack) -> list[list[Rule]]:
    """Recording rules in rounds that read only earlier ones, then the alerts. What reads itself sees no past."""
    left = dict(rules.records)
    found: list[list[Rule]] = []
    while left:
        ready = [rule for rule in left.values() if not rule.reads & left.keys() - {rule.name}]
        ready = ready or [min(left.values(), key=lambda rule: len(rule.reads & left.keys()))]
        found.append(ready)
        for rule in ready:
            del left[rule.name]
    return [*found, list(rules.alerts)]


def _record(rule: Rule) -> dict[str, object]:
    if not rule.is_alert:
        return {"record": rule.name, "expr": rule.body["expr"]}
    labels = {**rule.labels, "alertname": rule.name, "alertstate": "firing"}
    return {"record": "ALERTS", "expr": f"({rule.body['expr']}) * 0 + 1", "labels": labels}


def _today(line: str, since: float) -> str:
    """The line with a point in time of the lab's calendar moved to ours."""
    selector, value, time = line.rpartition("} ")[0], *line.split()[-2:]
    moment = re.match(r"\w+_(start_time|timestamp)_seconds\{", line)
    return f"{selector}}} {float(value) + since!r} {time}\n" if moment else line


def _on_a_node(line: str) -> str:
    """The line with the label of a node, as service discovery adds it."""
    before, mark, after = line.partition('instance="replica-')
    return f'{before}node="{NODES.get(after[0], "node-c")}",{mark}{after}' if mark else line


def _promtool(*arguments: str) -> None:
    command: Sequence[str] = ["promtool", "tsdb", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 0, done.stdout + done.stderr


def _asked(url: str, kind: str, form: dict[str, str]) -> list[dict[str, Any]]:
    answer = requests.post(f"{url}/api/v1/{kind}", data=form, timeout=TIMEOUT).json()
    assert answer["status"] == "success", f"{answer.get('error')}: {form['query']}"
    result: list[dict[str, Any]] = answer["data"]["result"]
    return result
