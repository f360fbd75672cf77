"""`python -m tests.bench_rules [--write]`: see the package."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median

import requests
import yaml

from forewarn import rulepack
from tests.bench_rules.replicas import Replicas
from tools.demo.processes import HOST, Children, answers, free_port

SIZES = (100, 300, 1000)
SCRAPE_SECONDS = 15
EVALUATE_SECONDS = 30
DOC = Path(__file__).parents[2] / "docs" / "performance.md"
BEGIN, END = "<!-- rules table: make bench-rules -->", "<!-- end of rules table -->"


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def measure(size: int, seconds: float) -> dict[str, float]:
    """Median evaluation time in seconds of each group with `size` replicas, after `seconds` of scrapes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        replicas = Replicas()
        children = Children(folder, say)
        try:
            base = _prometheus(children, folder, replicas.address, size)
            say(f"{size} replicas, {size * replicas.series} series: filling for {seconds:.0f} s")
            times: dict[str, list[float]] = {}
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                children.check()
                time.sleep(EVALUATE_SECONDS / 2)
                late = deadline - time.monotonic() < seconds / 3
                for group in requests.get(f"{base}/api/v1/rules", timeout=30).json()["data"]["groups"]:
                    if late and float(group["evaluationTime"]) > 0:
                        times.setdefault(group["name"], []).append(float(group["evaluationTime"]))
            shown = requests.get(f"{base}/api/v1/query", params={"query": "count(llm_engine_up)"}, timeout=30).json()
            found = int(shown["data"]["result"][0]["value"][1])
            if found != size:
                raise SystemExit(f"bench: Prometheus shows {found} of {size} replicas, so the times mean nothing")
            return {name: median(values) for name, values in times.items()}
        finally:
            children.stop()
            replicas.close()


def table(results: dict[int, dict[str, float]]) -> str:
    """Markdown: each group's share of its interval by size, and how the time grows from the first size to the last."""
    sizes = list(results)
    head = ["group", *(f"{size} replicas" for size in sizes), f"time ×, for {sizes[-1] / sizes[0]:g} × replicas"]
    rows = []
    for group in results[sizes[-1]]:
        shares = [results[size].get(group, 0.0) / EVALUATE_SECONDS for size in sizes]
        growth = f"{shares[-1] / shares[0]:.1f}" if shares[0] else "–"
        rows.append([f"`{group}`", *(f"{share:.2%}" for share in shares), growth])
    total = [sum(results[size].values()) / EVALUATE_SECONDS for size in sizes]
    rows.append(["**whole pack**", *(f"**{share:.2%}**" for share in total), f"{total[-1] / total[0]:.1f}"])
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _prometheus(children: Children, folder: Path, address: str, size: int) -> str:
    for name, text in rulepack.sources().items():
        (folder / name).write_text(text, encoding="utf-8")
    targets = [
        {"targets": [address], "labels": {"__metrics_path__": f"/{n}", "instance": f"10.0.{n // 250}.{n % 250}:9841"}}
        for n in range(size)
    ]
    config = {
        "global": {"scrape_interval": f"{SCRAPE_SECONDS}s", "evaluation_interval": f"{EVALUATE_SECONDS}s"},
        "rule_files": [str(folder / name) for name in rulepack.sources()],
        "scrape_configs": [{"job_name": "forewarn", "static_configs": targets}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    port = free_port(0)
    flags = [f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"]
    children.start("prometheus", ["prometheus", *flags, f"--web.listen-address={HOST}:{port}"])
    base = f"http://{HOST}:{port}"
    children.wait_for("Prometheus", partial(answers, f"{base}/-/ready"), 60)
    return base


def main() -> int:
    """Measure every size and print the table; with --write put it into docs/performance.md."""
    parser = argparse.ArgumentParser(prog="tests.bench_rules", description=__doc__)
    parser.add_argument("--seconds", type=float, default=420, help="how long each size is filled (default 420)")
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    arguments = parser.parse_args()
    text = table({size: measure(size, arguments.seconds) for size in SIZES})
    say("\n" + text)
    if arguments.write:
        page = DOC.read_text(encoding="utf-8")
        before, _, rest = page.partition(BEGIN)
        _, _, after = rest.partition(END)
        DOC.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
