"""Examples of the gate: commands that forewarn takes, queries on series that exist, a step that ends as it should."""

from __future__ import annotations

import os
import re
import shlex
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import promql_parser
import pytest
import yaml

from forewarn.catalogue import BY_NAME
from forewarn.cli import _parser

if TYPE_CHECKING:
    from collections.abc import Iterator

GATE = Path(__file__).parents[2] / "deploy" / "kubernetes" / "gate"
STEP = GATE / "ci-step.sh"


def documents(name: str) -> list[Any]:
    """The YAML documents of an example."""
    return [each for each in yaml.safe_load_all((GATE / name).read_text(encoding="utf-8")) if each]


def metric_templates() -> Iterator[str]:
    """The queries of Flagger's templates, as for a deployment and an interval."""
    for each in documents("flagger-canary.yaml"):
        if each["kind"] == "MetricTemplate":
            yield each["spec"]["query"].replace("{{ target }}", "chat").replace("{{ interval }}", "30m")


def test_flaggers_queries_parse_and_read_series_that_exist() -> None:
    """Each is PromQL, on metrics of the catalogue."""
    queries = list(metric_templates())
    assert len(queries) == 2
    for query in queries:
        promql_parser.parse(query)
        for name in re.findall(r"llm_\w+", query):
            assert name in BY_NAME


def test_flaggers_canary_names_its_templates_and_a_real_command() -> None:
    """No template without a definition; the webhook's command is one that forewarn takes."""
    found = documents("flagger-canary.yaml")
    names = {each["metadata"]["name"] for each in found if each["kind"] == "MetricTemplate"}
    analysis = found[-1]["spec"]["analysis"]
    assert {metric["templateRef"]["name"] for metric in analysis["metrics"]} == names
    program, *arguments = shlex.split(analysis["webhooks"][0]["metadata"]["cmd"])
    assert program == "forewarn"
    assert _parser().parse_args(arguments).looks == len(analysis["stepWeights"])


def test_argos_job_runs_the_step_without_privileges() -> None:
    """Once, not as root, on a read-only file system, with the script that is beside it."""
    (template,) = documents("argo-analysistemplate.yaml")
    job = template["spec"]["metrics"][0]["provider"]["job"]["spec"]
    pod = job["template"]["spec"]
    assert job["backoffLimit"] == 0
    assert pod["restartPolicy"] == "Never"
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["containers"][0]["command"] == [STEP.name]
    assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True


@pytest.mark.parametrize(
    ("answers", "status", "asked"),
    [("0", 0, 1), ("1", 1, 1), ("2 0", 0, 2), ("2 2 1", 1, 3), ("2 2 2", 2, 3)],
)
def test_the_step_asks_until_there_is_a_verdict(tmp_path: Path, answers: str, status: int, asked: int) -> None:
    """Not enough data is asked again, as often as was planned, and the gate is told how often that is."""
    fake = tmp_path / "forewarn"
    fake.write_text(
        f'#!/bin/bash\necho "$@" >> {tmp_path}/asked\nset -- {answers}\n'
        f"exit $(echo {answers} | cut -d' ' -f$(wc -l < {tmp_path}/asked))\n",
        encoding="utf-8",
    )
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PROMETHEUS": "http://p",
        "DEPLOYMENT": "chat",
        "LOOKS": "3",
        "PAUSE_SECONDS": "0",
    }
    done = subprocess.run([STEP, "--window", "1h"], env=environment, check=False)
    lines = (tmp_path / "asked").read_text(encoding="utf-8").splitlines()
    assert (done.returncode, len(lines)) == (status, asked)
    assert lines[0] == "gate --prometheus http://p --deployment chat --looks 3 --window 1h"
    _parser().parse_args(shlex.split(lines[0]))


def test_the_step_says_what_it_needs() -> None:
    """One line, before anything is asked."""
    done = subprocess.run([STEP], env={"PATH": os.environ["PATH"]}, check=False, capture_output=True, text=True)
    assert done.returncode != 0
    assert "PROMETHEUS: expected the address of a Prometheus" in done.stderr
