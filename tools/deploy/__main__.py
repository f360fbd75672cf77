"""`python -m tools.deploy [--check]`: write dashboards/kustomization.yaml, or say that it is not current."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "dashboards"
NAME = "kustomization.yaml"
_HEAD = """\
# Written by `make render`; do not edit. The boards as ConfigMaps for Grafana's sidecar, one each:
#
#   kubectl apply --server-side -n monitoring -k dashboards
"""


def text(boards: list[str]) -> str:
    """The kustomization of boards, given their file names."""
    tree = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        # No hash in the names: Grafana would show the old board beside the new one.
        "generatorOptions": {
            "disableNameSuffixHash": True,
            "labels": {"grafana_dashboard": "1"},
            "annotations": {"grafana_folder": "vLLM"},
        },
        "configMapGenerator": [
            {"name": f"forewarn-board-{Path(board).stem.replace('_', '-').lower()}", "files": [board]}
            for board in boards
        ],
    }
    return _HEAD + yaml.safe_dump(tree, sort_keys=False)


def run(folder: Path = FOLDER, *, check: bool) -> int:
    """Write the file if it is not current, or only say so; 1 when a check finds that. No boards, no file."""
    boards = sorted(path.name for path in folder.glob("*.json"))
    path = folder / NAME
    wanted = text(boards)
    if not boards or (path.exists() and path.read_text(encoding="utf-8") == wanted):
        return 0
    if check:
        sys.stderr.write(f"not current: {folder.name}/{NAME}; run make render\n")
        return 1
    path.write_text(wanted, encoding="utf-8")
    sys.stdout.write(f"wrote {folder.name}/{NAME}\n")
    return 0


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tools.deploy", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, say what is not current")
    return run(check=parser.parse_args().check)


if __name__ == "__main__":
    sys.exit(main())
